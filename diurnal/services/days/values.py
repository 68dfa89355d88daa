"""Day values as they follow from everything.

Values are computed when they are read: a write marks the cells it may change, a read computes
the marked ones on its own snapshot and leaves the result behind for the next. So a read always
sees the last write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from diurnal import catalog
from diurnal.errors import InvalidInput, UnknownReference
from diurnal.model import places
from diurnal.model.access import Access, Permission, Place
from diurnal.model.measures import Measure, ValueKind
from diurnal.services import audit, day_inputs, marks
from diurnal.services.context import AccountState, Context
from diurnal.store import changes
from diurnal.store import days as store
from diurnal.store.database import Tx

if TYPE_CHECKING:
    from diurnal.model.days import DayValue, Inputs, SourceOrder

WINDOW_MAX = 20_000
"""Days of one read."""
RUN_GAP = 14
"""Marked days at most this far apart are computed together."""


class Day(NamedTuple):
    """The value of one local day; None where nothing is known."""

    day: int
    value: float | str | None
    source: str | None
    lineage: dict[str, Any] | None = None


# Reading


def extent(tx: Tx, ctx: Context, caller: Access) -> dict[str, tuple[int, int]]:
    """Return (first day, last day) of each readable measure that has or may have day values."""
    state = ctx.state(tx, caller.account_id)
    today = state.zones.day_at(ctx.now())
    found: dict[str, tuple[int, int]] = {}
    for key, (first, last) in store.extents(tx, caller.account_id).items():
        measure = state.measure(key)
        if measure is None:
            continue
        if not caller.owner:
            open_ = _open(state, caller, measure)
            starts, ends = [p.start for p in open_], [p.end for p in open_]
            if open_ and None not in starts:
                first = max(first, state.zones.day_at(min(s for s in starts if s is not None)))
            if open_ and None not in ends:
                last = min(last, state.zones.day_at(max(e for e in ends if e is not None) - 1))
            if open_:
                last = min(last, today - min(p.delay for p in open_) if _late(open_) else last)
            if not open_ or first > last:
                continue
        found[key] = (first, last)
    return found


def may_read(state: AccountState, caller: Access, measure: Measure) -> bool:
    """Return whether the caller may read day values of a measure on some day.

    A right on the data that a derived measure comes from opens it too; tag-limited rights open
    no day values, which are made of all events of their day.
    """
    return caller.owner or bool(_open(state, caller, measure))


def _open(state: AccountState, caller: Access, measure: Measure) -> list[Permission]:
    return [
        p
        for key, stream in _ways(state, measure)
        for p in caller.nearest(state.tree, stream)
        if p.allows.reads and p.tags is None and (p.measures is None or key in p.measures)
    ]


def _late(permissions: Sequence[Permission]) -> bool:
    return all(p.delay for p in permissions)


def reads_all(
    tx: Tx,
    ctx: Context,
    state: AccountState,
    caller: Access,
    measure: Measure,
    first: int,
    last: int,
) -> bool:
    """Return whether the caller sees each day from `first` to `last` as its owner does."""
    if caller.owner:
        return True
    whole = [p for p in _open(state, caller, measure) if p.start is None and p.end is None]
    if not any(p.delay == 0 and (p.place is Place.EXACT or not _placed(measure)) for p in whole):
        return False
    keep = _keeper(ctx, state, caller, measure)
    return day_inputs.keeps_all(tx, state, _base(state, measure), first, last, keep)


def _ways(state: AccountState, measure: Measure) -> list[tuple[str, str]]:
    base = state.measure(measure.derived.measure) if measure.derived else None
    ways = [(measure.key, state.home(measure))]
    if base is None:
        return ways
    return [*ways, (base.key, state.home(base)), (measure.key, state.home(base))]


def values(
    tx: Tx,
    ctx: Context,
    caller: Access,
    measures: Sequence[str],
    first: int,
    last: int,
    *,
    lineage: bool = False,
) -> dict[str, list[Day]]:
    """Return one entry for every calendar day from `first` to `last`, by measure.

    Args:
        lineage: also which source won, what was rejected and why, and the rows behind it.

    Raises:
        UnknownReference: a measure is not there, or not the caller's to read.
        InvalidInput: a window that is empty or too long.
    """
    if not 0 <= last - first < WINDOW_MAX:
        raise InvalidInput(f"a window has 1 to {WINDOW_MAX} days", field="to")
    state = ctx.state(tx, caller.account_id)
    known: dict[str, Measure] = {}
    audit.tell(tx, len(measures) * (last - first + 1), *measures)
    for key in measures:
        measure = state.measure(key)
        if measure is None or not may_read(state, caller, measure):
            raise UnknownReference(f"unknown measure {key!r}", field="measures")
        known[key] = measure
    # The marks first: a transaction that writes sees each of its statements' own moment on
    # PostgreSQL, and what is kept between the two takes its mark away.
    marked: dict[str, dict[int, int]] = {}
    for key, day, rev in store.dirty(tx, caller.account_id, list(known), first, last):
        marked.setdefault(key, {})[day] = rev
    found: dict[str, dict[int, Day]] = {key: {} for key in known}
    rows = store.cached(tx, caller.account_id, list(known), first, last, lineage=lineage)
    for row in rows:
        found[row[0]][row[1]] = Day(
            row[1],
            row[2] if row[3] is None else row[3],
            row[4],
            msgspec.json.decode(row[5]) if lineage else None,
        )
    for key, cells in marked.items():
        fresh = _compute(tx, ctx, state, known[key], cells)
        for day in cells:
            found[key].pop(day, None)
        found[key].update(
            fresh if lineage else {d: v._replace(lineage=None) for d, v in fresh.items()}
        )
    if not caller.owner:
        found = {
            key: _reduced(tx, ctx, state, caller, known[key], by_day, first, last)
            for key, by_day in found.items()
        }
    return {
        key: [by_day.get(day) or Day(day, None, None) for day in range(first, last + 1)]
        for key, by_day in found.items()
    }


def changed(
    tx: Tx, caller: Access, measures: Sequence[str], first: int, last: int
) -> dict[tuple[str, int], int]:
    """Return when the value of each (measure, day) may last have changed, microseconds.

    Args:
        measures: those that `values` was asked for; who may not read them was refused there.
    """
    revs = store.revs(tx, caller.account_id, measures, first, last)
    times = changes.times(tx, caller.account_id, set(revs.values()))
    return {cell: times[rev] for cell, rev in revs.items() if rev in times}


def changed_since(
    tx: Tx, caller: Access, measures: Sequence[str], since: int
) -> dict[str, list[int]]:
    """Return the days of each measure whose values may have changed after an instant, in order."""
    rev = changes.rev_at(tx, caller.account_id, since)
    found: dict[str, list[int]] = {}
    for measure, day in store.cells_after(tx, caller.account_id, measures, rev):
        found.setdefault(measure, []).append(day)
    return found


def refresh(tx: Tx, ctx: Context, account_id: int) -> int:
    """Compute every marked cell of an account; return how many there were."""
    state = ctx.state(tx, account_id)
    n = 0
    for key, (first, last) in store.dirty_extents(tx, account_id).items():
        measure = state.measure(key)
        cells = {d: rev for _, d, rev in store.dirty(tx, account_id, [key], first, last)}
        n += len(cells)
        if measure is not None:
            _compute(tx, ctx, state, measure, cells)
    return n


def _compute(
    tx: Tx, ctx: Context, state: AccountState, measure: Measure, cells: Mapping[int, int]
) -> dict[int, Day]:
    """Compute marked days on this snapshot and hand them to the store for the next reader."""
    base = _base(state, measure)
    order = marks.order(tx, state, base)
    fresh: dict[int, Day] = {}
    for run in runs(cells):
        for first, last in day_inputs.stretches(tx, state, base, *run):
            inputs = day_inputs.gather(tx, state, measure, base, first, last)
            for value in _evaluate(state, measure, inputs, first, last, order):
                if value.day in cells and (value.value is not None or value.rejected):
                    fresh[value.day] = _day(value)
    _leave(ctx, state.account_id, measure, dict(cells), fresh)
    return fresh


def _leave(
    ctx: Context, account_id: int, measure: Measure, cells: dict[int, int], fresh: dict[int, Day]
) -> None:
    computed = {
        day: (
            None if isinstance(d.value, str) else d.value,
            d.value if isinstance(d.value, str) else None,
            d.source,
            msgspec.json.encode(d.lineage or {}).decode(),
        )
        for day, d in fresh.items()
    }
    ctx.store.write(lambda tx: store.keep(tx, account_id, measure.key, cells, computed), bulk=True)


def runs(days: Iterable[int]) -> list[tuple[int, int]]:
    """Return stretches [first, last] that hold all `days`, near ones together."""
    found: list[tuple[int, int]] = []
    for day in sorted(days):
        if found and day - found[-1][1] <= RUN_GAP:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def _base(state: AccountState, measure: Measure) -> Measure:
    base = state.measure(measure.derived.measure) if measure.derived else None
    return base or measure


def _evaluate(
    state: AccountState,
    measure: Measure,
    inputs: Inputs,
    first: int,
    last: int,
    order: SourceOrder,
) -> list[DayValue]:
    from diurnal.model.days import bounds_of, day_values

    bounds = bounds_of(state.zones, first, last - first + 1)
    return day_values(measure, inputs, bounds, first, state.zones, order)


def _day(value: DayValue) -> Day:
    lineage = {
        "by": value.by,
        "n": value.n,
        "parts": [[p.source, p.value, p.n] for p in value.parts],
        "rejected": [[r.source, r.value, r.reason.value, r.n] for r in value.rejected],
        "rows": list(value.rows),
    }
    return Day(value.day, value.value, value.source, lineage)


# What a limited caller may see of it


def _reduced(
    tx: Tx,
    ctx: Context,
    state: AccountState,
    caller: Access,
    measure: Measure,
    by_day: dict[int, Day],
    first: int,
    last: int,
) -> dict[int, Day]:
    """Leave out days that the caller may not see; recompute where events are hidden.

    A day value is made of all that its owner has. Where part of that lies in streams that this
    caller may not read, the value is made anew of what it may.
    """
    today = state.zones.day_at(ctx.now())
    places_ = {d: _day_open(state, caller, measure, d, today) for d in by_day}
    shown = {d: v for d, v in by_day.items() if places_[d] is not None}
    base = _base(state, measure)
    keep = _keeper(ctx, state, caller, measure)
    if shown and not day_inputs.keeps_all(tx, state, base, first, last, keep):
        order = marks.order(tx, state, base)
        made: dict[int, Day] = {}
        for part in day_inputs.stretches(tx, state, base, first, last):
            inputs = day_inputs.gather(tx, state, measure, base, *part, keep=keep)
            made.update((v.day, _day(v)) for v in _evaluate(state, measure, inputs, *part, order))
        shown = {d: made[d] for d in shown if made[d].value is not None}
    if not _placed(measure):
        return shown
    return {d: _blurred(v, places_[d] or Place.NONE) for d, v in shown.items()}


def _placed(measure: Measure) -> bool:
    """Return whether the days of a measure say where somebody was."""
    return measure.group == "location" and catalog.day_kind(measure) is ValueKind.TEXT


def _blurred(day: Day, place: Place) -> Day:
    if place is Place.EXACT:
        return day
    value = places.coarse_text(day.value, place) if isinstance(day.value, str) else day.value
    lineage = None
    if day.lineage is not None:
        # What others said of the day, and in which rows, may be more exact than its value.
        lineage = {**day.lineage, "parts": [], "rejected": [], "rows": []}
    return day._replace(value=value, lineage=lineage)


def _keeper(ctx: Context, state: AccountState, caller: Access, measure: Measure) -> day_inputs.Keep:
    """Return what tells whether the caller may know of an event that counts for a measure."""
    keys = (_base(state, measure).key, measure.key)
    until = state.until(ctx.now())

    def keep(streams: Sequence[str], tags: Sequence[str], at: int) -> bool:
        return any(
            p.allows.reads and p.fits(key, tags, at) and (not p.delay or at < until(p.delay))
            for s in streams
            for p in caller.nearest(state.tree, s)
            for key in keys
        )

    return keep


def _day_open(
    state: AccountState, caller: Access, measure: Measure, day: int, today: int
) -> Place | None:
    """Return how exactly the day may be seen, None for not at all."""
    start, end = state.zones.day_bounds(day)
    near = [
        (key, p)
        for key, stream in _ways(state, measure)
        for p in caller.nearest(state.tree, stream)
        if p.allows.reads and (not p.delay or day <= today - p.delay)
    ]
    first = [p.place for key, p in near if p.fits(key, (), start)]
    last = [p.place for key, p in near if p.fits(key, (), end - 1)]
    if not first or not last:
        return None
    # As exact as it may be seen from its first moment to its last.
    order = list(Place).index
    return max(min(first, key=order), min(last, key=order), key=order)
