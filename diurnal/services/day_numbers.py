"""Numbers of day values, for APIs in which everything has one; given when first listed."""

from __future__ import annotations

from collections.abc import Mapping

from diurnal.model.access import Access
from diurnal.services import days
from diurnal.services.context import Context
from diurnal.services.days import Day
from diurnal.store import changes
from diurnal.store import day_numbers as store
from diurnal.store.database import Tx, WriteTx


def known(tx: Tx, caller: Access, measure: str) -> dict[int, int]:
    """Return day -> number of the numbered days of a measure."""
    return store.of(tx, caller.account_id, measure)


def day_of(tx: Tx, caller: Access, number: int) -> tuple[str, int] | None:
    """Return (measure, day) of a number, None where no day has it."""
    return store.day_of(tx, caller.account_id, number)


def valued(tx: Tx, ctx: Context, caller: Access, measure: str) -> Mapping[int, Day]:
    """Return every day on which a measure has a value that the caller may read."""
    span = days.extent(tx, ctx, caller).get(measure)
    if span is None:
        return {}
    found: dict[int, Day] = {}
    first, last = span
    while first <= last:
        end = min(last, first + days.WINDOW_MAX - 1)
        [listed] = days.values(tx, ctx, caller, [measure], first, end).values()
        found |= {d.day: d for d in listed if d.value is not None}
        first = end + 1
    return found


def give(tx: WriteTx, ctx: Context, caller: Access, measure: str, wanted: list[int]) -> None:
    """Give a number to the days of `wanted` that have none yet, the earliest first.

    A number is a change number that nothing else has: the log tells of it as of a new row.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    have = store.of(tx, caller.account_id, measure)
    fresh = sorted(day for day in set(wanted) if day not in have)
    if not fresh:
        return
    stamp = changes.reserve(tx, caller.account_id, len(fresh), ctx.now())
    store.add(tx, caller.account_id, measure, fresh, stamp.rev)
    log = [("day", "number", f"{measure}:{day}") for day in fresh]
    changes.append(tx, caller.account_id, stamp, caller.id, log)
