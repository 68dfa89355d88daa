"""Rows of `track`: points on events, in chunks of one span each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.store.database import Tx, WriteTx
from diurnal.store.sql import Sql, in_list, ordered
from diurnal.store.tables import track

_this = (track.c.account_id == bindparam("account"), track.c.event_id == bindparam("event"))
_GET = Sql(select(track.c.span_ns, track.c.data).where(*_this, in_list(track.c.span_ns, "spans")))
_BETWEEN = Sql(
    select(track.c.data)
    .where(*_this, track.c.span_ns >= bindparam("start"), track.c.span_ns < bindparam("end"))
    .order_by(track.c.span_ns)
)
_insert = upsert(track)
_PUT = ordered(
    ("account_id", "event_id", "span_ns", "n", "data"),
    _insert.on_conflict_do_update(
        index_elements=["account_id", "event_id", "span_ns"],
        set_={"n": _insert.excluded.n, "data": _insert.excluded.data},
    ),
)
_DROP = Sql(delete(track).where(*_this))


def get(tx: Tx, account_id: int, event: str, spans: Iterable[int]) -> dict[int, bytes]:
    """Return the chunks of some spans, by their start."""
    values = {"account": account_id, "event": event, "spans": list(spans)}
    return {row[0]: bytes(row[1]) for row in tx.execute(_GET, values)}


def between(tx: Tx, account_id: int, event: str, start: int, end: int) -> list[bytes]:
    """Return the chunks whose span begins in [start, end), in order."""
    values = {"account": account_id, "event": event, "start": start, "end": end}
    return [bytes(row[0]) for row in tx.execute(_BETWEEN, values)]


def put(tx: WriteTx, account_id: int, event: str, chunks: Mapping[int, tuple[int, bytes]]) -> None:
    """Store chunks: start of the span -> (points, data)."""
    tx.many(_PUT, [(account_id, event, span, n, data) for span, (n, data) in chunks.items()])


def drop(tx: WriteTx, account_id: int, event: str) -> None:
    """Delete the points of an event."""
    tx.execute(_DROP, {"account": account_id, "event": event})
