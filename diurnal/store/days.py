"""Day rows, cached day values, and the marks of what must be computed again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import (
    BigInteger,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.model.time import DAY
from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, edges, in_list, ordered
from diurnal.store.tables import (
    chunk,
    day_dirty,
    day_row,
    day_value,
)

_MARK = ordered(
    ("account_id", "measure", "day", "rev"),
    upsert(day_dirty).on_conflict_do_update(
        index_elements=["account_id", "measure", "day"],
        set_={"rev": literal_column("excluded.rev")},
    ),
)

LONGEST = 33 * DAY
"""A point that begins in a span ends before this."""
_WINDOW = 180 * DAY
_MEASURES = Sql(
    select(chunk.c.measure)
    .where(chunk.c.account_id == bindparam("account"))
    .distinct()
    .order_by(chunk.c.measure)
)
_NEXT_SPAN = Sql(
    select(func.min(chunk.c.span_start_us)).where(
        chunk.c.account_id == bindparam("account"),
        chunk.c.measure == bindparam("of_measure"),
        chunk.c.span_start_us >= bindparam("floor"),
    )
)
_SPANS = Sql(
    select(chunk.c.first_us, chunk.c.last_us).where(
        chunk.c.account_id == bindparam("account"),
        chunk.c.measure == bindparam("of_measure"),
        chunk.c.span_start_us >= bindparam("floor"),
        chunk.c.span_start_us < bindparam("end"),
    )
)


def mark(tx: WriteTx, account_id: int, cells: Iterable[tuple[str, int]], rev: int) -> None:
    """Mark (measure, day) cells dirty as of change `rev`: the next read computes them."""
    tx.many(_MARK, [(account_id, measure, day, rev) for measure, day in sorted(cells)])


def series_measures(tx: Tx, account_id: int) -> list[str]:
    """Return the measures that have series."""
    return [row[0] for row in tx.execute(_MEASURES, {"account": account_id})]


def series_cells(
    tx: Tx, account_id: int, measure: str, at: int, end: int
) -> tuple[set[tuple[str, int]], int | None]:
    """Return the (measure, UTC day and its neighbours) that half a year of chunks touches.

    Args:
        at, end: the stretch in which spans begin.

    Returns:
        The cells, and where to go on, None after the last.
    """
    values = {"account": account_id, "of_measure": measure, "floor": at}
    found = tx.one(_NEXT_SPAN, values)
    if found is None or found[0] is None or found[0] >= end:
        return set(), None
    until = min(found[0] + _WINDOW, end)
    rows = tx.execute(_SPANS, values | {"floor": found[0], "end": until})
    cells = {(measure, d) for first, last in rows for d in range(first // DAY - 1, last // DAY + 2)}
    return cells, until if until < end else None


class DayRow(msgspec.Struct, frozen=True, gc=False):
    """A value for a whole local day, as somebody gave it.

    Attributes:
        written_by: "person", "service" or "source".
        words: the value of a text measure.
        raw: as received.
    """

    measure: str
    day: int
    source: str
    batch: int
    written_by: str
    value: float | None
    words: str | None
    raw: str | None
    access_id: str
    created: int
    modified: int
    rev: int


_ROW_COLUMNS = tuple(c.name for c in day_row.columns)
_ROW_FIELDS = tuple(c for c in day_row.columns if c.name != "account_id")
_PUT_ROW = ordered(
    _ROW_COLUMNS,
    upsert(day_row).on_conflict_do_update(
        index_elements=["account_id", "measure", "day", "source", "batch_id"],
        set_={
            c: literal_column(f"excluded.{c}")
            for c in ("written_by", "value", "words", "raw", "access_id", "modified_us", "rev")
        },
    ),
)
_ROWS = Sql(
    select(*_ROW_FIELDS)
    .where(
        day_row.c.account_id == bindparam("account"),
        day_row.c.measure == bindparam("measure"),
        day_row.c.day >= bindparam("first"),
        day_row.c.day <= bindparam("last"),
    )
    .order_by(day_row.c.day, day_row.c.rev)
)
_ROWS_OF = Sql(
    select(*_ROW_FIELDS)
    .where(
        day_row.c.account_id == bindparam("account"),
        in_list(day_row.c.measure, "measures"),
        day_row.c.day >= bindparam("first"),
        day_row.c.day <= bindparam("last"),
    )
    .order_by(day_row.c.measure, day_row.c.day, day_row.c.rev)
)
_DROP_ROW = ordered(
    ("account", "of_measure", "on_day", "of_source", "of_batch"),
    delete(day_row).where(
        day_row.c.account_id == bindparam("account"),
        day_row.c.measure == bindparam("of_measure"),
        day_row.c.day == bindparam("on_day"),
        day_row.c.source == bindparam("of_source"),
        day_row.c.batch_id == bindparam("of_batch"),
    ),
)
_ROWS_OF_BATCH = Sql(
    select(*_ROW_FIELDS)
    .where(day_row.c.account_id == bindparam("account"), day_row.c.batch_id == bindparam("batch"))
    .order_by(day_row.c.measure, day_row.c.day, day_row.c.source)
    .limit(bindparam("most"))
)
_CACHED = Sql(
    select(
        day_value.c.measure,
        day_value.c.day,
        day_value.c.value,
        day_value.c.words,
        day_value.c.source,
        day_value.c.lineage,
    ).where(
        day_value.c.account_id == bindparam("account"),
        in_list(day_value.c.measure, "measures"),
        day_value.c.day >= bindparam("first"),
        day_value.c.day <= bindparam("last"),
    )
)
_CACHED_SHORT = Sql(
    select(
        day_value.c.measure,
        day_value.c.day,
        day_value.c.value,
        day_value.c.words,
        day_value.c.source,
    ).where(
        day_value.c.account_id == bindparam("account"),
        in_list(day_value.c.measure, "measures"),
        day_value.c.day >= bindparam("first"),
        day_value.c.day <= bindparam("last"),
    )
)
_REVS = Sql(
    select(day_value.c.measure, day_value.c.day, day_value.c.rev).where(
        day_value.c.account_id == bindparam("account"),
        in_list(day_value.c.measure, "measures"),
        day_value.c.day >= bindparam("first"),
        day_value.c.day <= bindparam("last"),
    )
)
_AFTER = tuple(
    Sql(
        select(cell.c.measure, cell.c.day).where(
            cell.c.account_id == bindparam("account"),
            in_list(cell.c.measure, "measures"),
            cell.c.rev > bindparam("rev"),
        )
    )
    for cell in (day_value, day_dirty)
)
_DIRTY = Sql(
    select(day_dirty.c.measure, day_dirty.c.day, day_dirty.c.rev)
    .where(
        day_dirty.c.account_id == bindparam("account"),
        in_list(day_dirty.c.measure, "measures"),
        day_dirty.c.day >= bindparam("first"),
        day_dirty.c.day <= bindparam("last"),
    )
    .order_by(day_dirty.c.measure, day_dirty.c.day)
)
_DIRTY_EXTENT = edges(day_dirty, day_dirty.c.day)
_CACHED_EXTENT = edges(day_value, day_value.c.day)
_CLEAN = ordered(
    ("account", "of_measure", "on_day", "seen"),
    delete(day_dirty).where(
        day_dirty.c.account_id == bindparam("account"),
        day_dirty.c.measure == bindparam("of_measure"),
        day_dirty.c.day == bindparam("on_day"),
        day_dirty.c.rev == bindparam("seen"),
    ),
)
# Locked: of two that keep what they computed on different snapshots, the later one must find what
# the first one did.
_MARKED = Sql(
    select(day_dirty.c.day, day_dirty.c.rev)
    .where(
        day_dirty.c.account_id == bindparam("account"),
        day_dirty.c.measure == bindparam("measure"),
        in_list(day_dirty.c.day, "days"),
    )
    .order_by(day_dirty.c.day)
    .with_for_update()
)
_MARK_CACHED = Sql(
    upsert(day_dirty)
    .from_select(
        ["account_id", "measure", "day", "rev"],
        select(
            day_value.c.account_id,
            day_value.c.measure,
            day_value.c.day,
            type_coerce(bindparam("mark"), BigInteger),
        ).where(
            day_value.c.account_id == bindparam("account"),
            day_value.c.measure == bindparam("of_measure"),
        ),
    )
    .on_conflict_do_nothing()
)
_MARK_AGAIN = Sql(
    update(day_dirty)
    .where(
        day_dirty.c.account_id == bindparam("account"),
        day_dirty.c.measure == bindparam("of_measure"),
    )
    .values(rev=bindparam("mark"))
)
_FORGET = ordered(
    ("account", "of_measure", "on_day"),
    delete(day_value).where(
        day_value.c.account_id == bindparam("account"),
        day_value.c.measure == bindparam("of_measure"),
        day_value.c.day == bindparam("on_day"),
    ),
)
_KEEP = ordered(
    ("account_id", "measure", "day", "value", "words", "source", "lineage", "rev"),
    upsert(day_value).on_conflict_do_update(
        index_elements=["account_id", "measure", "day"],
        set_={
            c: literal_column(f"excluded.{c}")
            for c in ("value", "words", "source", "lineage", "rev")
        },
    ),
)


def put_rows(tx: WriteTx, account_id: int, rows: Iterable[DayRow]) -> None:
    """Store day rows, in place of those of the same source, day and batch."""
    tx.many(_PUT_ROW, [(account_id, *msgspec.structs.astuple(r)) for r in rows])


def rows(tx: Tx, account_id: int, measure: str, first: int, last: int) -> list[DayRow]:
    """Return the day rows of a measure from `first` to `last`, the newest of each day last."""
    values = {"account": account_id, "measure": measure, "first": first, "last": last}
    return [DayRow(*row) for row in tx.execute(_ROWS, values)]


def rows_of(
    tx: Tx, account_id: int, measures: Sequence[str], first: int, last: int
) -> list[DayRow]:
    """Return the day rows of measures from `first` to `last`."""
    values = {"account": account_id, "measures": measures, "first": first, "last": last}
    return [DayRow(*row) for row in tx.execute(_ROWS_OF, values)]


def rows_of_batch(tx: Tx, account_id: int, batch: int, most: int) -> list[DayRow]:
    """Return day rows that a batch wrote."""
    values = {"account": account_id, "batch": batch, "most": most}
    return [DayRow(*row) for row in tx.execute(_ROWS_OF_BATCH, values)]


def drop_rows(tx: WriteTx, account_id: int, gone: Iterable[DayRow]) -> None:
    """Delete day rows."""
    tx.many(_DROP_ROW, [(account_id, r.measure, r.day, r.source, r.batch) for r in gone])


def cached(
    tx: Tx, account_id: int, measures: Sequence[str], first: int, last: int, *, lineage: bool
) -> list[Row]:
    """Return (measure, day, value, words, source[, lineage]) of computed day values."""
    values = {"account": account_id, "measures": measures, "first": first, "last": last}
    return tx.execute(_CACHED if lineage else _CACHED_SHORT, values)


def dirty(tx: Tx, account_id: int, measures: Sequence[str], first: int, last: int) -> list[Row]:
    """Return (measure, day, rev) of cells that must be computed, in order."""
    values = {"account": account_id, "measures": measures, "first": first, "last": last}
    return tx.execute(_DIRTY, values)


def revs(
    tx: Tx, account_id: int, measures: Sequence[str], first: int, last: int
) -> dict[tuple[str, int], int]:
    """Return the number of the last change that each (measure, day) value was marked for."""
    values = {"account": account_id, "measures": measures, "first": first, "last": last}
    found = {(measure, day): rev for measure, day, rev in tx.execute(_REVS, values)}
    for measure, day, rev in tx.execute(_DIRTY, values):
        found[measure, day] = max(rev, found.get((measure, day), 0))
    return found


def cells_after(
    tx: Tx, account_id: int, measures: Sequence[str], rev: int
) -> list[tuple[str, int]]:
    """Return the (measure, day) values marked for changes after number `rev`, in order."""
    values = {"account": account_id, "measures": measures, "rev": rev}
    cells = {(row[0], row[1]) for sql in _AFTER for row in tx.execute(sql, values)}
    return sorted(cells)


def extents(tx: Tx, account_id: int) -> dict[str, tuple[int, int]]:
    """Return the first and last day of each measure that has, or may have, day values."""
    found: dict[str, tuple[int, int]] = {}
    for sql in (_CACHED_EXTENT, _DIRTY_EXTENT):
        for measure, first, last in tx.execute(sql, {"account": account_id}):
            known = found.get(measure, (first, last))
            found[measure] = (min(known[0], first), max(known[1], last))
    return found


def dirty_extents(tx: Tx, account_id: int) -> dict[str, tuple[int, int]]:
    """Return the first and last day of each measure with cells to compute."""
    return {row[0]: (row[1], row[2]) for row in tx.execute(_DIRTY_EXTENT, {"account": account_id})}


def keep(
    tx: WriteTx,
    account_id: int,
    measure: str,
    marks: Mapping[int, int],
    computed: Mapping[int, Row],
) -> None:
    """Store computed day values whose marks still stand, and take the marks away.

    Args:
        marks: day -> change number of the mark that was seen when it was computed.
        computed: day -> (value, words, source, lineage); days left out have no value.
    """
    values = {"account": account_id, "measure": measure, "days": list(marks)}
    standing = {day: rev for day, rev in tx.execute(_MARKED, values) if marks[day] == rev}
    tx.many(
        _KEEP,
        [
            (account_id, measure, day, *computed[day], rev)
            for day, rev in standing.items()
            if day in computed
        ],
    )
    tx.many(_FORGET, [(account_id, measure, day) for day in standing if day not in computed])
    tx.many(_CLEAN, [(account_id, measure, day, rev) for day, rev in standing.items()])


def mark_all(tx: WriteTx, account_id: int, measure: str, rev: int) -> None:
    """Mark every day value of a measure dirty as of change `rev`, those already marked again."""
    values = {"account": account_id, "of_measure": measure, "mark": rev}
    tx.execute(_MARK_AGAIN, values)
    tx.execute(_MARK_CACHED, values)
