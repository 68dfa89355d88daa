"""Rows of `chunk`: the points of one (measure, source, batch) in one span."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import and_, bindparam, delete, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, edges, in_list, ordered
from diurnal.store.tables import chunk


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """One row; `first` is the start of its first point, `last` the latest end."""

    measure: str
    source: str
    span_start: int
    batch: int
    n: int
    first: int
    last: int
    access_id: str
    rev: int
    agg: bytes
    data: bytes


_COLUMNS = tuple(c.name for c in chunk.columns)
_FIELDS = tuple(c for c in chunk.columns if c.name != "account_id")
_PUT = ordered(
    _COLUMNS,
    upsert(chunk).on_conflict_do_update(
        index_elements=["account_id", "measure", "source", "span_start_us", "batch_id"],
        set_={
            c: literal_column(f"excluded.{c}")
            for c in ("n", "first_us", "last_us", "access_id", "rev", "agg", "data")
        },
    ),
)
_DROP = ordered(
    ("account", "of_measure", "of_source", "span", "of_batch"),
    delete(chunk).where(
        chunk.c.account_id == bindparam("account"),
        chunk.c.measure == bindparam("of_measure"),
        chunk.c.source == bindparam("of_source"),
        chunk.c.span_start_us == bindparam("span"),
        chunk.c.batch_id == bindparam("of_batch"),
    ),
)
_IN_SPANS = Sql(
    select(*_FIELDS)
    .where(
        chunk.c.account_id == bindparam("account"),
        chunk.c.measure == bindparam("measure"),
        chunk.c.source == bindparam("source"),
        in_list(chunk.c.span_start_us, "spans"),
    )
    .order_by(chunk.c.span_start_us, chunk.c.rev)
)
_window = and_(
    chunk.c.account_id == bindparam("account"),
    chunk.c.measure == bindparam("measure"),
    chunk.c.span_start_us >= bindparam("floor"),
    chunk.c.span_start_us < bindparam("end"),
    chunk.c.last_us >= bindparam("start"),
)
_BETWEEN = Sql(
    select(chunk.c.source, chunk.c.data).where(_window).order_by(chunk.c.span_start_us, chunk.c.rev)
)
_EDGES = edges(chunk, chunk.c.span_start_us)
_AGGREGATES = Sql(
    select(chunk.c.source, chunk.c.span_start_us, chunk.c.batch_id, chunk.c.n, chunk.c.agg)
    .where(_window)
    .order_by(chunk.c.span_start_us, chunk.c.rev)
)
_HOW_MANY = Sql(
    select(chunk.c.span_start_us, func.sum(chunk.c.n))
    .where(
        chunk.c.account_id == bindparam("account"),
        chunk.c.measure == bindparam("measure"),
        chunk.c.span_start_us >= bindparam("start"),
        chunk.c.span_start_us < bindparam("end"),
    )
    .group_by(chunk.c.span_start_us)
)
_DATA = Sql(
    select(chunk.c.data)
    .where(
        chunk.c.account_id == bindparam("account"),
        chunk.c.measure == bindparam("measure"),
        chunk.c.source == bindparam("source"),
        chunk.c.span_start_us == bindparam("span"),
    )
    .order_by(chunk.c.rev)
)
_LISTED = Sql(
    select(
        chunk.c.measure,
        chunk.c.source,
        func.sum(chunk.c.n),
        func.min(chunk.c.first_us),
        func.max(chunk.c.last_us),
    )
    .where(chunk.c.account_id == bindparam("account"))
    .group_by(chunk.c.measure, chunk.c.source)
    .order_by(chunk.c.measure, chunk.c.source)
)
_OF_BATCH = Sql(
    select(
        chunk.c.measure, chunk.c.source, chunk.c.span_start_us, chunk.c.first_us, chunk.c.last_us
    )
    .where(chunk.c.account_id == bindparam("account"), chunk.c.batch_id == bindparam("batch"))
    .order_by(chunk.c.measure, chunk.c.source, chunk.c.span_start_us)
    .limit(bindparam("most"))
)


def _row(account_id: int, c: Chunk) -> Row:
    return (
        account_id,
        c.measure,
        c.source,
        c.span_start,
        c.batch,
        c.n,
        c.first,
        c.last,
        c.access_id,
        c.rev,
        c.agg,
        c.data,
    )


def put(tx: WriteTx, account_id: int, chunks: Iterable[Chunk]) -> None:
    """Store chunks, in place of those of the same span and batch."""
    tx.many(_PUT, [_row(account_id, c) for c in chunks])


def drop(tx: WriteTx, account_id: int, keys: Iterable[tuple[str, str, int, int]]) -> None:
    """Delete chunks by (measure, source, span start, batch)."""
    tx.many(_DROP, [(account_id, *key) for key in keys])


def in_spans(
    tx: Tx, account_id: int, measure: str, source: str, spans: Sequence[int]
) -> list[Chunk]:
    """Return the chunks of these spans, those of every batch, oldest change first."""
    rows = tx.execute(
        _IN_SPANS, {"account": account_id, "measure": measure, "source": source, "spans": spans}
    )
    return [Chunk(*row) for row in rows]


def measures(tx: Tx, account_id: int) -> frozenset[str]:
    """Return the measures that have series."""
    return frozenset(row[0] for row in tx.execute(_EDGES, {"account": account_id}))


def between(
    tx: Tx, account_id: int, measure: str, start: int, end: int, longest: int
) -> list[tuple[str, bytes]]:
    """Return (source, chunk) of chunks with points that touch [start, end).

    Args:
        longest: microseconds that a point may last beyond its span.
    """
    values = {
        "account": account_id,
        "measure": measure,
        "start": start,
        "end": end,
        "floor": start - longest,
    }
    return [(row[0], row[1]) for row in tx.execute(_BETWEEN, values)]


def aggregates(
    tx: Tx, account_id: int, measure: str, start: int, end: int, longest: int
) -> list[Row]:
    """Return (source, span start, batch, n, aggregates) of chunks that touch [start, end)."""
    values = {
        "account": account_id,
        "measure": measure,
        "start": start,
        "end": end,
        "floor": start - longest,
    }
    return tx.execute(_AGGREGATES, values)


def how_many(tx: Tx, account_id: int, measure: str, start: int, end: int) -> dict[int, int]:
    """Return the points of a measure by span start, for spans that begin in [start, end)."""
    values = {"account": account_id, "measure": measure, "start": start, "end": end}
    return {row[0]: int(row[1]) for row in tx.execute(_HOW_MANY, values)}


def of_span(tx: Tx, account_id: int, measure: str, source: str, span: int) -> list[bytes]:
    """Return the chunks of one source and span, one a batch, oldest change first."""
    values = {"account": account_id, "measure": measure, "source": source, "span": span}
    return [row[0] for row in tx.execute(_DATA, values)]


def listed(tx: Tx, account_id: int) -> list[Row]:
    """Return (measure, source, points, first instant, last instant) of every series."""
    return tx.execute(_LISTED, {"account": account_id})


def of_batch(tx: Tx, account_id: int, batch: int, most: int) -> list[Row]:
    """Return (measure, source, span start, first, last) of chunks that a batch wrote."""
    return tx.execute(_OF_BATCH, {"account": account_id, "batch": batch, "most": most})
