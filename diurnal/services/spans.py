"""Spans: between which days a measure has values that this caller may read."""

from __future__ import annotations

from collections.abc import Sequence

from diurnal.model.access import Access
from diurnal.services import days
from diurnal.services.context import Context
from diurnal.store.database import Tx

STEP = 64
"""Days of the first look; each further look is twice as long."""


def first_day(
    tx: Tx, ctx: Context, caller: Access, measures: Sequence[str], first: int, last: int
) -> int | None:
    """Return the first day from `first` to `last` with a value of any of `measures`.

    An extent (`days.extent`) also counts days that are yet to be computed and days that this
    caller may not see; what is told to a caller must not.
    """
    step, start = STEP, first
    while start <= last:
        end = min(start + step - 1, last)
        found = days.values(tx, ctx, caller, measures, start, end)
        known = [d.day for listed in found.values() for d in listed if d.value is not None]
        if known:
            return min(known)
        start, step = end + 1, min(step * 2, days.WINDOW_MAX)
    return None
