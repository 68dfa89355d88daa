"""Rows of `fetched`, `pull_state` and `pulled`: what has been brought in from where."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.model.ledger import Stretch
from diurnal.store.database import Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import fetched, pull_state, pulled

_pull = (
    fetched.c.account_id == bindparam("account"),
    fetched.c.connection_id == bindparam("connection"),
    fetched.c.pull == bindparam("of_pull"),
)
_FIELDS = (
    fetched.c.start_us,
    fetched.c.end_us,
    fetched.c.state,
    fetched.c.reason,
    fetched.c.tries,
    fetched.c.at_us,
)
_OF = Sql(select(*_FIELDS).where(*_pull).order_by(fetched.c.start_us))
_ALL = Sql(
    select(fetched.c.pull, *_FIELDS).where(*_pull[:2]).order_by(fetched.c.pull, fetched.c.start_us)
)
_CLEAR = Sql(delete(fetched).where(*_pull))
_PUT = ordered(
    (
        "account_id",
        "connection_id",
        "pull",
        "start_us",
        "end_us",
        "state",
        "reason",
        "tries",
        "at_us",
    ),
    upsert(fetched),
)
_CURSOR = Sql(
    select(pull_state.c.cursor, pull_state.c.at_us).where(
        pull_state.c.account_id == bindparam("account"),
        pull_state.c.connection_id == bindparam("connection"),
        pull_state.c.pull == bindparam("of_pull"),
    )
)
_CURSORS = Sql(
    select(pull_state.c.pull, pull_state.c.at_us).where(
        pull_state.c.account_id == bindparam("account"),
        pull_state.c.connection_id == bindparam("connection"),
    )
)
_set_cursor = upsert(pull_state)
_SET_CURSOR = ordered(
    ("account_id", "connection_id", "pull", "cursor", "at_us"),
    _set_cursor.on_conflict_do_update(
        index_elements=["account_id", "connection_id", "pull"],
        set_={"cursor": _set_cursor.excluded.cursor, "at_us": _set_cursor.excluded.at_us},
    ),
)
_KNOWN = Sql(
    select(pulled.c.start_us, pulled.c.source, pulled.c.source_id).where(
        pulled.c.account_id == bindparam("account"),
        pulled.c.connection_id == bindparam("connection"),
        pulled.c.pull == bindparam("of_pull"),
        pulled.c.start_us >= bindparam("first"),
        pulled.c.start_us < bindparam("last"),
    )
)
_KEEP = ordered(
    ("account_id", "connection_id", "pull", "start_us", "source", "source_id"),
    upsert(pulled).on_conflict_do_nothing(),
)
_FORGET = ordered(
    ("account_id", "connection_id", "pull", "start_us", "source", "source_id"),
    delete(pulled).where(
        *(
            c == bindparam(c.name)
            for c in (
                pulled.c.account_id,
                pulled.c.connection_id,
                pulled.c.pull,
                pulled.c.start_us,
                pulled.c.source,
                pulled.c.source_id,
            )
        )
    ),
)

Key = tuple[int, str, str]
"""Start, source and source's id of a datum."""


def of(tx: Tx, account_id: int, connection_id: str, pull: str) -> list[Stretch]:
    """Return the stretches of one pull, in order; they do not overlap."""
    values = {"account": account_id, "connection": connection_id, "of_pull": pull}
    return [_stretch(row) for row in tx.execute(_OF, values)]


def all_of(tx: Tx, account_id: int, connection_id: str) -> dict[str, list[Stretch]]:
    """Return the stretches of every pull of a connection."""
    found: dict[str, list[Stretch]] = {}
    for pull, *row in tx.execute(_ALL, {"account": account_id, "connection": connection_id}):
        found.setdefault(pull, []).append(_stretch(row))
    return found


def _stretch(row: Iterable[object]) -> Stretch:
    start, end, state, reason, tries, at = row
    return msgspec.convert(
        {"start": start, "end": end, "state": state, "reason": reason, "tries": tries, "at": at},
        Stretch,
    )


def replace(
    tx: WriteTx, account_id: int, connection_id: str, pull: str, stretches: Iterable[Stretch]
) -> None:
    """Store the stretches of one pull in place of what was there."""
    tx.execute(_CLEAR, {"account": account_id, "connection": connection_id, "of_pull": pull})
    tx.many(
        _PUT,
        [
            (account_id, connection_id, pull, s.start, s.end, s.state, s.reason, s.tries, s.at)
            for s in stretches
        ],
    )


def cursor(tx: Tx, account_id: int, connection_id: str, pull: str) -> tuple[str | None, int] | None:
    """Return where a pull goes on, and when it was last asked; None before the first time."""
    values = {"account": account_id, "connection": connection_id, "of_pull": pull}
    row = tx.one(_CURSOR, values)
    return (row[0], row[1]) if row else None


def asked(tx: Tx, account_id: int, connection_id: str) -> dict[str, int]:
    """Return when each pull was last asked."""
    return {
        row[0]: row[1]
        for row in tx.execute(_CURSORS, {"account": account_id, "connection": connection_id})
    }


def set_cursor(
    tx: WriteTx, account_id: int, connection_id: str, pull: str, value: str | None, now: int
) -> None:
    """Store where a pull goes on, and that it was asked."""
    tx.many(_SET_CURSOR, [(account_id, connection_id, pull, value, now)])


def held(tx: Tx, account_id: int, connection_id: str, pull: str, first: int, last: int) -> set[Key]:
    """Return what a pull brought that begins in [first, last)."""
    values = {
        "account": account_id,
        "connection": connection_id,
        "of_pull": pull,
        "first": first,
        "last": last,
    }
    return {(row[0], row[1], row[2]) for row in tx.execute(_KNOWN, values)}


def hold(tx: WriteTx, account_id: int, connection_id: str, pull: str, keys: Iterable[Key]) -> None:
    """Note what a pull brought."""
    tx.many(_KEEP, [(account_id, connection_id, pull, *key) for key in keys])


def forget(
    tx: WriteTx, account_id: int, connection_id: str, pull: str, keys: Iterable[Key]
) -> None:
    """Note that the source does not have these any more."""
    tx.many(_FORGET, [(account_id, connection_id, pull, *key) for key in keys])
