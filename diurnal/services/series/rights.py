"""Who may see and add the points of a measure: who may read and write its home stream."""

from __future__ import annotations

from typing import Literal

from diurnal.errors import InvalidInput, UnknownReference
from diurnal.model.access import Access
from diurnal.model.measures import Measure, ValueKind
from diurnal.services.context import AccountState, Context


def numeric(state: AccountState, caller: Access, measure: str) -> Measure:
    """Return the measure of numbers of that name.

    Raises:
        UnknownReference: there is none that the caller may know of.
        InvalidInput: it is no measure of numbers.
    """
    known = state.measure(measure)
    if known is None:
        raise UnknownReference(f"unknown measure {measure!r}", field="measure")
    if not is_numeric(known):
        if not knows(state, caller, known):  # what kind it is tells that it is there
            raise UnknownReference(f"unknown measure {measure!r}", field="measure")
        raise InvalidInput(f"{measure} is no measure of numbers", field="measure")
    return known


def knows(state: AccountState, caller: Access, measure: Measure) -> bool:
    """Return whether a permission of the caller is about a measure, whatever it may do with it."""
    return caller.owner or any(
        p.allows.knows and (p.measures is None or measure.key in p.measures)
        for p in caller.nearest(state.tree, state.home(measure))
    )


def is_numeric(measure: Measure) -> bool:
    """Return whether points of a measure are kept."""
    numeric = measure.value in (ValueKind.NUMBER, ValueKind.INTEGER)
    return numeric and measure.derived is None


def windows(
    ctx: Context,
    state: AccountState,
    caller: Access,
    measure: Measure,
    start: int,
    end: int,
    *,
    to: Literal["reads", "creates", "changes"] = "reads",
) -> list[tuple[int, int]]:
    """Return the parts of [start, end) whose points of a measure the caller may read, in order.

    Args:
        to: the parts that it may add to, or change, instead.
    """
    if caller.owner:
        return [(start, end)]
    until = state.until(ctx.now())
    open_: list[tuple[int, int]] = []
    for p in caller.nearest(state.tree, state.home(measure)):
        if not getattr(p.allows, to) or p.tags is not None:
            continue
        if (to == "reads" and p.days_only) or not (p.measures is None or measure.key in p.measures):
            continue
        low = start if p.start is None else max(start, p.start)
        high = end if p.end is None else min(end, p.end)
        if p.delay and to == "reads":
            high = min(high, until(p.delay))
        if low < high:
            open_.append((low, high))
    found: list[tuple[int, int]] = []
    for low, high in sorted(open_):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found
