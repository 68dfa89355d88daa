"""Which sources have data of which measures on which days, and how much."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import groupby
from operator import itemgetter

from sqlalchemy import (
    and_,
    bindparam,
    case,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.model.time import DAY
from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.days import LONGEST
from diurnal.store.sql import Sql, in_list, ordered
from diurnal.store.tables import (
    chunk,
    day_row,
    event,
    event_stream,
    source_day,
    source_measure,
)

_SEEN = ordered(
    ("account_id", "measure", "source", "day"), upsert(source_day).on_conflict_do_nothing()
)
_SEEN_CELL = Sql(
    select(source_day.c.day).where(
        source_day.c.account_id == bindparam("account"),
        source_day.c.measure == bindparam("measure"),
        source_day.c.source == bindparam("name"),
        source_day.c.day == bindparam("day"),
    )
)


def saw(tx: WriteTx, account_id: int, come: Iterable[tuple[str, str, int]]) -> None:
    """Remember (measure, source, day) that had no data until now; ranks equal kinds."""
    cells = sorted(come)
    tx.many(_SEEN, [(account_id, *cell) for cell in cells])
    counted = []
    for (measure, source), listed in groupby(cells, itemgetter(0, 1)):
        days = [day for _, _, day in listed]
        counted.append((account_id, measure, source, len(days), days[0]))
    tx.many(_COUNT, counted)


_FACTS = Sql(
    select(source_measure.c.source, source_measure.c.days, source_measure.c.first_day).where(
        source_measure.c.account_id == bindparam("account"),
        source_measure.c.measure == bindparam("measure"),
    )
)
_FACTS_OF = Sql(
    select(
        source_measure.c.measure,
        source_measure.c.source,
        source_measure.c.days,
        source_measure.c.first_day,
    ).where(
        source_measure.c.account_id == bindparam("account"),
        in_list(source_measure.c.measure, "measures"),
    )
)
_MEASURES_OF = Sql(
    select(source_measure.c.measure).where(
        source_measure.c.account_id == bindparam("account"),
        source_measure.c.source == bindparam("name"),
    )
)
_MEASURES_SEEN = Sql(
    select(source_measure.c.measure)
    .where(source_measure.c.account_id == bindparam("account"))
    .distinct()
)
_fresh = upsert(source_measure)
_COUNT = ordered(
    ("account_id", "measure", "source", "days", "first_day"),
    _fresh.on_conflict_do_update(
        index_elements=["account_id", "measure", "source"],
        set_={
            "days": source_measure.c.days + _fresh.excluded.days,
            "first_day": case(
                (
                    _fresh.excluded.first_day < source_measure.c.first_day,
                    _fresh.excluded.first_day,
                ),
                else_=source_measure.c.first_day,
            ),
        },
    ),
)
_FIRST = Sql(
    select(func.min(source_day.c.day)).where(
        source_day.c.account_id == bindparam("account"),
        source_day.c.measure == bindparam("measure"),
        source_day.c.source == bindparam("name"),
    )
)
_COUNT_LESS = Sql(
    update(source_measure)
    .where(
        source_measure.c.account_id == bindparam("account"),
        source_measure.c.measure == bindparam("of_measure"),
        source_measure.c.source == bindparam("name"),
    )
    .values(days=source_measure.c.days - bindparam("n"), first_day=bindparam("first"))
)
_COUNT_NONE = Sql(
    delete(source_measure).where(
        source_measure.c.account_id == bindparam("account"),
        source_measure.c.measure == bindparam("of_measure"),
        source_measure.c.source == bindparam("name"),
    )
)
_DAYS_SEEN = Sql(
    select(source_day.c.day)
    .where(
        source_day.c.account_id == bindparam("account"),
        source_day.c.measure == bindparam("measure"),
    )
    .distinct()
)
_EVENTS_ON = Sql(
    select(event.c.source, event.c.day, event.c.stream_id, event.c.more_streams, event.c.id)
    .where(
        event.c.account_id == bindparam("account"),
        event.c.measure == bindparam("measure"),
        in_list(event.c.day, "days"),
        event.c.trashed == 0,
    )
    .distinct()
)
_EVENT_SOURCES_ON = Sql(
    select(event.c.source, event.c.day)
    .where(
        event.c.account_id == bindparam("account"),
        event.c.measure == bindparam("measure"),
        in_list(event.c.day, "days"),
        event.c.trashed == 0,
    )
    .distinct()
)
_ALSO_IN = Sql(
    select(event_stream.c.event_id, event_stream.c.stream_id).where(
        event_stream.c.account_id == bindparam("account"),
        in_list(event_stream.c.event_id, "ids"),
    )
)
_ROWS_ON = Sql(
    select(day_row.c.source, day_row.c.day).where(
        day_row.c.account_id == bindparam("account"),
        day_row.c.measure == bindparam("measure"),
        in_list(day_row.c.day, "days"),
    )
)
_CHUNKS_ON = Sql(
    select(chunk.c.source, chunk.c.first_us, chunk.c.last_us).where(
        chunk.c.account_id == bindparam("account"),
        chunk.c.measure == bindparam("measure"),
        chunk.c.span_start_us >= bindparam("floor"),
        chunk.c.span_start_us < bindparam("end"),
        chunk.c.last_us >= bindparam("start"),
    )
)
_UNSEE = ordered(
    ("account", "of_measure", "of_source", "on_day"),
    delete(source_day).where(
        source_day.c.account_id == bindparam("account"),
        source_day.c.measure == bindparam("of_measure"),
        source_day.c.source == bindparam("of_source"),
        source_day.c.day == bindparam("on_day"),
    ),
)
_SEEN_ON = Sql(
    # By source: without its name the day is no part of the key that can be looked up.
    select(source_day.c.measure, source_day.c.source, source_day.c.day)
    .select_from(source_measure)
    .join(
        source_day,
        and_(
            source_day.c.account_id == source_measure.c.account_id,
            source_day.c.measure == source_measure.c.measure,
            source_day.c.source == source_measure.c.source,
        ),
    )
    .where(
        source_measure.c.account_id == bindparam("account"),
        in_list(source_measure.c.measure, "measures"),
        in_list(source_day.c.day, "days"),
    )
)


def facts(tx: Tx, account_id: int, measure: str) -> list[Row]:
    """Return (source, days with data, first day) of the sources of a measure."""
    return tx.execute(_FACTS, {"account": account_id, "measure": measure})


def facts_of(tx: Tx, account_id: int, measures: Sequence[str]) -> dict[str, list[Row]]:
    """Return (source, days with data, first day) of the sources of each measure."""
    found: dict[str, list[Row]] = {measure: [] for measure in measures}
    for row in tx.execute(_FACTS_OF, {"account": account_id, "measures": measures}):
        found[row[0]].append(row[1:])
    return found


def measures_of(tx: Tx, account_id: int, source: str) -> list[str]:
    """Return the measures of which a source has data."""
    return [row[0] for row in tx.execute(_MEASURES_OF, {"account": account_id, "name": source})]


def measures_seen(tx: Tx, account_id: int) -> list[str]:
    """Return the measures of which there are data."""
    return [row[0] for row in tx.execute(_MEASURES_SEEN, {"account": account_id})]


def days_seen(tx: Tx, account_id: int, measure: str) -> list[int]:
    """Return the days on which any source has data of a measure."""
    values = {"account": account_id, "measure": measure}
    return [row[0] for row in tx.execute(_DAYS_SEEN, values)]


def seen_on(
    tx: Tx, account_id: int, measures: Sequence[str], days: Iterable[int]
) -> set[tuple[str, str, int]]:
    """Return the (measure, source, day) that are known to have data."""
    values = {"account": account_id, "measures": measures, "days": sorted(days)}
    return {(row[0], row[1], row[2]) for row in tx.execute(_SEEN_ON, values)}


def seen_cells(
    tx: Tx, account_id: int, cells: Iterable[tuple[str, str, int]]
) -> set[tuple[str, str, int]]:
    """Return which of some (measure, source, day) are known to have data, each looked up by key."""
    return {
        (measure, source, day)
        for measure, source, day in cells
        if tx.one(
            _SEEN_CELL, {"account": account_id, "measure": measure, "name": source, "day": day}
        )
        is not None
    }


def unsee(tx: WriteTx, account_id: int, measure: str, gone: Iterable[tuple[str, int]]) -> None:
    """Forget that sources had data on days."""
    cells = sorted(gone)
    tx.many(_UNSEE, [(account_id, measure, *cell) for cell in cells])
    for source, listed in groupby(cells, itemgetter(0)):
        which = {"account": account_id, "of_measure": measure, "name": source}
        first = tx.one(_FIRST, {"account": account_id, "measure": measure, "name": source})
        if first is None or first[0] is None:
            tx.execute(_COUNT_NONE, which)
        else:
            tx.execute(_COUNT_LESS, which | {"n": len(list(listed)), "first": first[0]})


def covered(first: int, last: int, day_at: Callable[[int], int]) -> range:
    """Return the local days that a chunk with points from `first` to `last` is taken to cover."""
    return range(day_at(first), day_at(max(first, last - 1)) + 1)


def sources_on(
    tx: Tx,
    account_id: int,
    measure: str,
    days: Collection[int],
    day_at: Callable[[int], int],
    dead: frozenset[str],
) -> set[tuple[str, int]]:
    """Return the (source, day) that have live data of a measure: events, day rows, series.

    Args:
        day_at: tells the local day of an instant.
        dead: streams in the trash; what is in no other is not live.
    """
    values = {"account": account_id, "measure": measure, "days": sorted(days)}
    found = {(row[0], row[1]) for row in tx.execute(_ROWS_ON, values)}
    if dead:
        rows = tx.execute(_EVENTS_ON, values)
        also: dict[str, set[str]] = {}
        ids = [row[4] for row in rows if row[3] and row[2] in dead]
        for id_, stream in tx.execute(_ALSO_IN, {"account": account_id, "ids": ids}):
            also.setdefault(id_, set()).add(stream)
        found |= {
            (row[0], row[1]) for row in rows if row[2] not in dead or also.get(row[4], set()) - dead
        }
    else:
        found |= {(row[0], row[1]) for row in tx.execute(_EVENT_SOURCES_ON, values)}
    start, end = (min(days) - 1) * DAY, (max(days) + 2) * DAY
    spans = {"account": account_id, "measure": measure, "start": start, "end": end}
    for source, first, last in tx.execute(_CHUNKS_ON, {**spans, "floor": start - LONGEST}):
        found |= {(source, day) for day in covered(first, last, day_at) if day in days}
    return found
