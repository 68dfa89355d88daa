"""Day values as events: what counts for a day, whichever API or device it came by.

A client of Pryv sees the events and series that there are; a value that was given for a whole day
(Exist, the Personal API, a person's own entry), or is computed from others, is in no stream. Such
values are shown below `:_days:`, one event for each day, where that stream is asked for by name.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from diurnal import catalog
from diurnal.dialects.pryv import checks, queries
from diurnal.dialects.pryv.queries import Asked
from diurnal.errors import NotFound, UnknownReference
from diurnal.model.access import Access
from diurnal.model.events import seconds
from diurnal.model.measures import Measure
from diurnal.model.time import day_from_text, day_text
from diurnal.services import days
from diurnal.services.context import AccountState, Context
from diurnal.services.days import Day
from diurnal.store.database import Tx

DAYS = ":_days:"
CELLS_MAX = 200_000
"""Days of measures that one call looks at."""
_TURN = 3_000
"""Days of measures that are looked at between two looks at whether that is enough."""


def find(
    tx: Tx, ctx: Context, caller: Access, asked: Asked, ids: Iterable[str]
) -> list[dict[str, Any]]:
    """Return the day values that streams below `:_days:` hold, as events.

    Raises:
        UnknownReference: a stream is of no measure, or of one that the caller may not read.
        TooManyResults: more days than one call looks at.
    """
    query = asked.query
    state = ctx.state(tx, caller.account_id)
    spans = _asked_of(tx, ctx, state, caller, ids)
    spans = {k: span for k, span in spans.items() if _is_of_type(state, k, query.types)}
    fresh = None
    if query.modified_since is not None and caller.delayed:
        # What comes into sight later was not changed then: who sees it so is told of all.
        query = msgspec.structs.replace(query, modified_since=None)
        asked = asked._replace(query=query)
    elif query.modified_since is not None:
        fresh = days.changed_since(tx, caller, list(spans), query.modified_since)
        spans = {k: span for k, span in spans.items() if fresh.get(k)}
    if not spans:
        return []
    first, last = min(s[0] for s in spans.values()), max(s[1] for s in spans.values())
    if query.start is not None:
        first = max(first, state.zones.day_at(query.start))
    if query.end is not None:
        last = min(last, state.zones.day_at(query.end))
    until = None if query.limit is None else query.skip + query.limit
    found: list[dict[str, Any]] = []
    cells = 0
    for low, high in _windows(first, last, _TURN // len(spans), ascending=query.ascending):
        keys = [
            k
            for k, span in spans.items()
            if span[0] <= high and span[1] >= low
            if fresh is None or _any_between(fresh[k], low, high)
        ]
        cells += len(keys) * (high - low + 1)
        if cells > CELLS_MAX:
            raise checks.TooManyResults(
                f"More than {CELLS_MAX} days of measures. Narrow the times or the streams.",
                limit=CELLS_MAX,
            )
        if not keys:
            continue
        page = _between(tx, ctx, state, caller, keys, low, high)
        page.sort(key=lambda e: (e["time"], e["id"]), reverse=not query.ascending)
        found += [e for e in page if queries.holds(asked, e, frozenset({DAYS, e["streamId"]}))]
        if until is not None and len(found) >= until:
            break
    return found[:until]


def _any_between(sorted_days: Sequence[int], low: int, high: int) -> bool:
    at = bisect_left(sorted_days, low)
    return at < len(sorted_days) and sorted_days[at] <= high


def _between(
    tx: Tx,
    ctx: Context,
    state: AccountState,
    caller: Access,
    keys: Sequence[str],
    low: int,
    high: int,
) -> list[dict[str, Any]]:
    listed = days.values(tx, ctx, caller, keys, low, high)
    changed = days.changed(tx, caller, keys, low, high) if not caller.delayed else {}
    return [
        written(state, key, day, changed.get((key, day.day)))
        for key, of_measure in listed.items()
        for day in of_measure
        if day.value is not None
    ]


def _asked_of(
    tx: Tx, ctx: Context, state: AccountState, caller: Access, ids: Iterable[str]
) -> dict[str, tuple[int, int]]:
    """Return the measures that streams mean, each with its first and last day."""
    extents = days.extent(tx, ctx, caller)
    found: dict[str, tuple[int, int]] = {}
    for id_ in ids:
        if id_ == DAYS:
            return extents
        key = id_.removeprefix(DAYS)
        _readable(state, caller, key, id_)
        if key in extents:
            found[key] = extents[key]
    return found


def _readable(state: AccountState, caller: Access, key: str, id_: str) -> Measure:
    measure = state.measure(key)
    if measure is None or not days.may_read(state, caller, measure):
        raise UnknownReference(f'Unknown referenced streams: "{id_}"', data={"streams": [id_]})
    return measure


def _type(state: AccountState, key: str) -> str:
    measure = state.measure(key)
    return "" if measure is None else catalog.own_type(measure)


def _is_of_type(state: AccountState, key: str, types: tuple[str, ...]) -> bool:
    return not types or any(t in (_type(state, key), f"{catalog.OWN_CLASS}/*") for t in types)


def _windows(first: int, last: int, width: int, *, ascending: bool) -> Iterator[tuple[int, int]]:
    width = max(1, min(width, days.WINDOW_MAX))
    starts = range(first, last + 1, width)
    for low in starts if ascending else reversed(starts):
        yield low, min(low + width - 1, last)


def written(state: AccountState, key: str, day: Day, changed: int | None) -> dict[str, Any]:
    """Return a day value as an event that lasts for the day; in the measure's own unit.

    Args:
        changed: when it last changed, microseconds; None where the caller may not know.
    """
    start, end = state.zones.day_bounds(day.day)
    stream = f"{DAYS}{key}"
    event: dict[str, Any] = {
        "id": f"{stream}:{day_text(day.day)}",
        "streamIds": [stream],
        "streamId": stream,
        "time": seconds(start),
        "duration": seconds(end - start),
        "type": _type(state, key),
        "content": day.value,
        "tags": [],
        "created": seconds(start),
        "createdBy": "system",
        "modified": seconds(end if changed is None else changed),
        "modifiedBy": "system",
    }
    return event if day.source is None else {**event, "description": day.source}


def get(tx: Tx, ctx: Context, caller: Access, id_: str) -> dict[str, Any]:
    """Return one day value by its event's id, `:_days:MEASURE:YYYY-MM-DD`.

    Raises:
        NotFound: there is none, or it is not the caller's to read.
    """
    key, _, date = id_.removeprefix(DAYS).rpartition(":")
    state = ctx.state(tx, caller.account_id)
    try:
        _readable(state, caller, key, id_)
        day = day_from_text(date)
        listed = _between(tx, ctx, state, caller, [key], day, day)
    except (UnknownReference, ValueError):
        raise NotFound(f"no event {id_!r}") from None
    if not listed:
        raise NotFound(f"no event {id_!r}")
    return listed[0]
