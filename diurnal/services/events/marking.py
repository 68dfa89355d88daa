"""Marking the days that events count for."""

from __future__ import annotations

from collections.abc import Iterable

from diurnal.model import time
from diurnal.model.events import Event
from diurnal.services.context import AccountState
from diurnal.services.events.fields import DURATION_MAX
from diurnal.services.marks import mark, see
from diurnal.store.database import WriteTx

SPAN_DAYS_MAX = 400
"""Days that one event marks; longer ones count on their first and last days' stretch."""


def touch(
    tx: WriteTx,
    state: AccountState,
    touched: Iterable[Event],
    rev: int,
    before: Iterable[Event] = (),
) -> None:
    """Mark the days that events count for, and keep up their sources.

    Args:
        touched: as they are now; those in the trash count nowhere.
        before: what they were.
    """
    cells: set[tuple[str, int]] = set()
    there: set[tuple[str, str, int]] = set()
    was: set[tuple[str, str, int]] = set()
    for now, listed in ((True, touched), (False, before)):
        for e in listed:
            if e.measure is None:
                continue
            if e.duration or e.zone or state.zones.starts:
                cells.update((e.measure, day) for day in _days(state, e))
            else:
                cells.add((e.measure, e.day))
            hidden = e.trashed or state.trashed_streams.issuperset(e.stream_ids)
            (there if now and not hidden else was).add((e.measure, e.source, e.day))
    mark(tx, state.account_id, cells, rev)
    see(tx, state, there, {(key, day) for key, _, day in was - there}, rev)


def _days(state: AccountState, e: Event) -> Iterable[int]:
    """Return the local days that an event may count for."""
    first = last = e.day
    # Where the datum's own clock is not that of the zone history, it counts by its own.
    shift = (e.offset - state.zones.offset_at(e.time)) * time.MINUTE if e.zone else 0
    for at in (e.time, e.time + min(e.duration or 0, DURATION_MAX)):
        day = counted = state.zones.day_at(at + shift)
        if state.zones.starts:
            # By the clock on the wall, and by the bounds of days: a journey may tell them apart.
            counted = state.zones.counted_day(at + shift)
        first, last = min(first, day, counted), max(last, day, counted)
    return range(first, min(last, first + SPAN_DAYS_MAX) + 1)
