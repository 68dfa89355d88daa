"""Rows of `upstream`: a source as this whole server meets it."""

from __future__ import annotations

import msgspec
from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.store.database import Tx, WriteTx
from diurnal.store.sql import Sql
from diurnal.store.tables import upstream


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One source.

    Attributes:
        failures: requests in a row that came to nothing.
        open_until: not asked before, microseconds.
        used: quota -> (window, requests in it, requests in the one before).
        app: sealed JSON of the household's application.
    """

    name: str
    failures: int = 0
    open_until: int = 0
    used: dict[str, tuple[int, int, int]] = {}
    app: bytes | None = None


_this = upstream.c.name == bindparam("source")
_FIELDS = (
    upstream.c.name,
    upstream.c.failures,
    upstream.c.open_until_us,
    upstream.c.used,
    upstream.c.app,
)
_GET = Sql(select(*_FIELDS).where(_this))
_LOCK = Sql(select(*_FIELDS).where(_this).with_for_update())
_ALL = Sql(select(*_FIELDS).order_by(upstream.c.name))
_MAKE = Sql(
    upsert(upstream)
    .values(name=bindparam("source"), failures=0, open_until_us=0, used="{}")
    .on_conflict_do_nothing()
)
_SAVE = Sql(
    update(upstream)
    .where(_this)
    .values(
        failures=bindparam("failures"),
        open_until_us=bindparam("open_until"),
        used=bindparam("used"),
        app=bindparam("app"),
    )
)


def get(tx: Tx, name: str) -> Stored:
    """Return a source, blank where nothing is known of it."""
    row = tx.one(_GET, {"source": name})
    return _stored(row) if row else Stored(name=name)


def all_of(tx: Tx) -> list[Stored]:
    """Return every source that something is known of."""
    return [_stored(row) for row in tx.execute(_ALL, {})]


def lock(tx: WriteTx, name: str) -> Stored:
    """Return a source for changing; others wait."""
    tx.execute(_MAKE, {"source": name})
    row = tx.one(_LOCK, {"source": name})
    return _stored(row) if row else Stored(name=name)


def save(tx: WriteTx, s: Stored) -> None:
    """Store a source that was locked."""
    tx.execute(
        _SAVE,
        {
            "source": s.name,
            "failures": s.failures,
            "open_until": s.open_until,
            "used": msgspec.json.encode(s.used).decode(),
            "app": s.app,
        },
    )


def _stored(row: tuple[object, ...]) -> Stored:
    name, failures, open_until, used, app = row
    return Stored(
        name=str(name),
        failures=int(str(failures)),
        open_until=int(str(open_until)),
        used=msgspec.json.decode(str(used), type=dict[str, tuple[int, int, int]]),
        app=None if app is None else bytes(app),  # type: ignore[call-overload]
    )
