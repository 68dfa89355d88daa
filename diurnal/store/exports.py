"""Everything of one account in pages, in the order of time, for its export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import bindparam, select, tuple_

from diurnal.model.events import Event
from diurnal.store import event_versions
from diurnal.store.database import Tx
from diurnal.store.days import DayRow
from diurnal.store.event_versions import Version
from diurnal.store.events import _WHOLE, _events
from diurnal.store.sql import Sql
from diurnal.store.tables import chunk, day_row, event, event_version

EVENTS = 1_000
CHUNKS = 50
DAYS = 2_000
_FIRST_TIME = -(2**62)


def _after(statement: Any, table: Any, *names: str) -> Any:
    """Continue a statement behind the row whose key was seen, in the order of that key."""
    columns = [table.c[n] for n in names]
    seen = [bindparam(f"after_{n}", type_=table.c[n].type) for n in names]
    return (
        statement.where(
            table.c.account_id == bindparam("account"), tuple_(*columns) > tuple_(*seen)
        )
        .order_by(*columns)
        .limit(bindparam("most"))
    )


_EVENTS = Sql(_after(select(*_WHOLE), event, "time_us", "id"))
_VERSIONS = Sql(_after(select(*event_versions.COLUMNS), event_version, "event_id", "rev"))
_CHUNK_KEY = ("measure", "source", "span_start_us", "batch_id")
_CHUNKS = Sql(
    _after(
        select(*(chunk.c[n] for n in _CHUNK_KEY), chunk.c.data).select_from(chunk),
        chunk,
        *_CHUNK_KEY,
    )
)
_DAY_KEY = ("measure", "day", "source", "batch_id")
_DAYS = Sql(
    _after(select(*(c for c in day_row.columns if c.name != "account_id")), day_row, *_DAY_KEY)
)


def events(tx: Tx, account_id: int) -> Iterator[list[Event]]:
    """Yield all events, those in the trash too, oldest first."""
    values = {"account": account_id, "most": EVENTS, "after_time_us": _FIRST_TIME, "after_id": ""}
    while rows := tx.execute(_EVENTS, values):
        found = _events(tx, account_id, rows)
        yield found
        values |= {"after_time_us": found[-1].time, "after_id": found[-1].id}


def versions(tx: Tx, account_id: int) -> Iterator[list[Version]]:
    """Yield what events were before they were changed, by event, the oldest first."""
    values = {"account": account_id, "most": EVENTS, "after_event_id": "", "after_rev": -1}
    while rows := tx.execute(_VERSIONS, values):
        yield [event_versions.version(row) for row in rows]
        values |= {"after_event_id": rows[-1][0], "after_rev": rows[-1][1]}


def chunks(tx: Tx, account_id: int) -> Iterator[tuple[str, str, list[bytes]]]:
    """Yield (measure, source, chunks of one span), oldest first in each series."""
    values: dict[str, Any] = {"account": account_id, "most": CHUNKS}
    values |= {f"after_{n}": v for n, v in zip(_CHUNK_KEY, ("", "", -(2**62), -1), strict=True)}
    key: tuple[str, str, int] | None = None
    waiting: list[bytes] = []
    while rows := tx.execute(_CHUNKS, values):
        for measure, name, start, _, data in rows:
            if key is not None and key != (measure, name, start):
                yield key[0], key[1], waiting
                waiting = []
            key = (measure, name, start)
            waiting.append(bytes(data))
        values |= {f"after_{n}": v for n, v in zip(_CHUNK_KEY, rows[-1][:4], strict=True)}
    if key is not None:
        yield key[0], key[1], waiting


def day_rows(tx: Tx, account_id: int) -> Iterator[list[DayRow]]:
    """Yield all day rows, by measure and day."""
    values: dict[str, Any] = {"account": account_id, "most": DAYS}
    values |= {f"after_{n}": v for n, v in zip(_DAY_KEY, ("", -(2**31), "", -1), strict=True)}
    while rows := tx.execute(_DAYS, values):
        yield [DayRow(*row) for row in rows]
        values |= {f"after_{n}": v for n, v in zip(_DAY_KEY, rows[-1][:4], strict=True)}
