"""Entries: a value of a measure said now, and the newest value that is known of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from diurnal import catalog
from diurnal.errors import InvalidInput, UnknownReference
from diurnal.model import time
from diurnal.model.access import Access
from diurnal.model.events import EventQuery, Json, NewEvent
from diurnal.model.measures import Daily, Measure, Shape, ValueKind
from diurnal.model.units import is_finite
from diurnal.services import days, events, series
from diurnal.services.context import AccountState, Context
from diurnal.services.days import Day, NewDay
from diurnal.store import events as event_store
from diurnal.store import series as series_store
from diurnal.store.database import Tx, WriteTx

SOON_DAYS, RECENT_DAYS = 3, 60
"""Days that are looked through for all measures at once; further back one by one."""
READ_NOW = frozenset({Daily.MEAN, Daily.LAST})
"""Daily rules of which the newest reading says more than the day's value."""
EARLIER_DAYS = 2
"""A reading counts from a day before the last day on, and the clock it was made by may differ."""
SAID_OF_MOMENTS = frozenset({Daily.SUM, Daily.MEAN, Daily.LAST, Daily.MAX, Daily.MIN, Daily.JOIN})
"""Daily rules that make a day of values; the others count or time what happened."""


def enter(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    key: str,
    value: float | str,
    *,
    at: int | None = None,
) -> None:
    """Store a value of a measure, as of now or `at`: an event, or a day row where days are kept.

    Args:
        value: in the canonical unit, or the text of a text measure.

    Raises:
        UnknownReference: no such measure.
        InvalidInput: it cannot have this value.
        Forbidden: the caller may not add to it.
    """
    state = ctx.state(tx, caller.account_id)
    measure = state.measure(key)
    if measure is None or measure.derived is not None:
        raise UnknownReference(f"no measure {key!r} takes values", field=key)
    moment = ctx.now() if at is None else at
    whole_day = measure.shape is Shape.DAY or measure.daily not in SAID_OF_MOMENTS
    if whole_day or measure.value is ValueKind.OBJECT:
        row = NewDay(key, state.zones.day_at(moment), value, caller.name)
        days.write_rows(tx, ctx, caller, [row])
        return
    type_, content = _told(state, measure, value)
    new = NewEvent(stream_ids=(state.home(measure),), type=type_, time=moment, content=content)
    events.create(tx, ctx, caller, [new])


def _told(state: AccountState, measure: Measure, value: float | str) -> tuple[str, Json]:
    """Return the type and content of an event that says a canonical value.

    Raises:
        InvalidInput: the measure cannot have it.
    """
    if measure.value is ValueKind.TEXT:
        if not isinstance(value, str):
            raise InvalidInput(f"{measure.key} is a text", field=measure.key)
        return catalog.event_type(measure), value
    if isinstance(value, str) or not is_finite(value):
        raise InvalidInput(f"{measure.key} is a number", field=measure.key)
    for type_ in (catalog.event_type(measure), catalog.own_type(measure)):
        meaning = state.meaning(state.home(measure), type_)
        if meaning is not None and meaning[0].key == measure.key:
            content = catalog.content(measure, value, meaning[1])
            if catalog.number(measure, content, meaning[1]) is not None:
                return type_, content
    return catalog.own_type(measure), value


def newest(
    tx: Tx, ctx: Context, caller: Access, keys: Iterable[str] | None = None
) -> dict[str, float | str]:
    """Return the newest known value of each measure that the caller may read and that has one.

    The newest reading of what is measured at moments; the newest day's total of what adds up.
    """
    state = ctx.state(tx, caller.account_id)
    wanted = None if keys is None else set(keys)
    extent = {
        key: span
        for key, span in days.extent(tx, ctx, caller).items()
        if wanted is None or key in wanted
    }
    found = _newest_days(tx, ctx, caller, state, extent)
    # Few measures have both, and most have neither near their last day: those are not asked.
    told, dense = (
        event_store.newest_days(tx, caller.account_id),
        series_store.measures(tx, caller.account_id),
    )
    for key in found:
        measure, last = state.measure(key), extent[key][1]
        if measure is not None and measure.derived is None and measure.daily in READ_NOW:
            known = _Known(
                told.get(key, last - EARLIER_DAYS - 1) >= last - EARLIER_DAYS, key in dense
            )
            reading = _reading(tx, ctx, caller, state, measure, last, known) if any(known) else None
            if reading is not None:
                found[key] = reading
    return found


def _newest_days(
    tx: Tx,
    ctx: Context,
    caller: Access,
    state: AccountState,
    extent: dict[str, tuple[int, int]],
) -> dict[str, float | str]:
    today = state.zones.day_at(ctx.now())
    found: dict[str, float | str] = {}
    left = dict(extent)
    # Most have a value of these days; a long window for all of them would be read for nothing.
    for width in (SOON_DAYS, RECENT_DAYS):
        start = today - width + 1
        asked = [key for key, (_, last) in left.items() if last >= start]
        if asked:
            _take(found, days.values(tx, ctx, caller, asked, start, today))
            left = {key: span for key, span in left.items() if key not in found}
    for key, (first, last) in left.items():
        begin = max(first, last - RECENT_DAYS + 1)
        _take(found, days.values(tx, ctx, caller, [key], begin, max(last, begin)))
    return found


def _take(found: dict[str, float | str], listed: dict[str, list[Day]]) -> None:
    for key, values in listed.items():
        value = next((d.value for d in reversed(values) if d.value is not None), None)
        if value is not None:
            found[key] = value


class _Known(NamedTuple):
    """Where a measure may have a reading near its last day."""

    events: bool
    series: bool


def _reading(
    tx: Tx,
    ctx: Context,
    caller: Access,
    state: AccountState,
    measure: Measure,
    last: int,
    known: _Known,
) -> float | None:
    """Return the newest reading of a measure, None where only days are known."""
    if measure.value not in (ValueKind.INTEGER, ValueKind.NUMBER):
        return None
    best: tuple[int, float] | None = None
    query = EventQuery(measures=(measure.key,), limit=1)
    for row in events.find(tx, ctx, caller, query) if known.events else ():
        value = msgspec.json.decode(f"{{{row.tail}").get("value")
        if value is not None:
            best = (row.time, float(value))
    start, end = state.zones.day_bounds(last)
    try:
        parts: list[tuple[str, Any]] = (
            series.read(tx, ctx, caller, measure.key, start, end) if known.series else []
        )
    except UnknownReference:
        parts = []
    for _, cols in parts:
        at = int(cols.start[-1])
        if best is None or at > best[0]:
            best = (at, float(cols.value[-1]))
    return best[1] if best is not None and best[0] >= start - time.DAY else None
