"""Days: day rows as they are given, and day values as they follow from everything.

Values are computed when they are read: a write marks the cells it may change, a read computes
the marked ones on its own snapshot and leaves the result behind for the next. So a read always
sees the last write.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from diurnal import catalog
from diurnal.errors import AppError, Forbidden, InvalidInput, UnknownReference
from diurnal.model import places, time
from diurnal.model.access import Access, Permission, Place, Rights
from diurnal.model.measures import Measure, ValueKind
from diurnal.model.sources import kind_of
from diurnal.services import audit, day_inputs, events, marks, sight
from diurnal.services.context import AccountState, Context
from diurnal.services.day_inputs import SOURCE
from diurnal.services.series import Counts
from diurnal.store import changes
from diurnal.store import days as store
from diurnal.store.database import Tx, WriteTx
from diurnal.store.days import DayRow

if TYPE_CHECKING:
    from diurnal.model.days import DayValue, Inputs, SourceOrder

WINDOW_MAX = 20_000
"""Days of one read."""
ROWS_MAX = 10_000
"""Day rows of one call."""
WORDS_MAX = 10_000
FLOAT_MAX = sys.float_info.max
RUN_GAP = 14
"""Marked days at most this far apart are computed together."""
MANUAL = "manual"
"""The source of what the person typed."""


class NewDay(NamedTuple):
    """A value for a whole local day.

    Attributes:
        value: canonical unit, or the text of a text measure.
        kind: of the source (`model.sources.Kind`).
        written_by: PERSON (typed by the owner), SERVICE (owns the measure) or SOURCE.
    """

    measure: str
    day: int
    value: float | str
    source: str
    kind: str | None = None
    written_by: str = SOURCE
    raw: str | None = None


class Day(NamedTuple):
    """The value of one local day; None where nothing is known."""

    day: int
    value: float | str | None
    source: str | None
    lineage: dict[str, Any] | None = None


def write_rows(
    tx: WriteTx, ctx: Context, caller: Access, given: Sequence[NewDay], *, batch_id: int = 0
) -> Counts:
    """Store day rows, all or none; the same row again is the same.

    Raises:
        UnknownReference: no such measure.
        InvalidInput: a value of the wrong kind, or a day out of range.
        Forbidden: the caller may not add data of a measure.
    """
    _few(len(given))
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    state = ctx.state(tx, caller.account_id)
    audit.tell(tx, len(given), *sorted({new.measure for new in given}))
    for i, new in enumerate(given):
        _check(state, caller, new, f"days[{i}]." if len(given) > 1 else "")
    known = _known(tx, caller, given)
    for stands in known.values():
        _may_replace(state, caller, stands)
    return _put(tx, ctx, caller, given, known, batch_id)


def write_each(
    tx: WriteTx, ctx: Context, caller: Access, given: Sequence[Sequence[NewDay]]
) -> dict[int, AppError]:
    """Store groups of day rows, each group for itself and all or none of it.

    Returns:
        Why not, by the places of the groups that were refused.

    Raises:
        InvalidInput: too many rows.
    """
    rows = [new for group in given for new in group]
    _few(len(rows))
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    state = ctx.state(tx, caller.account_id)
    audit.tell(tx, len(rows), *dict.fromkeys(new.measure for new in rows))
    refused: dict[int, AppError] = {}

    def each(check: Callable[[NewDay], None]) -> list[NewDay]:
        for at, group in enumerate(given):
            try:
                for new in group if at not in refused else ():
                    check(new)
            except AppError as why:
                refused[at] = why
        return [new for at, group in enumerate(given) if at not in refused for new in group]

    known = _known(tx, caller, each(lambda new: _check(state, caller, new, "")))

    def replaces(new: NewDay) -> None:
        stands = known.get(_key(new))
        if stands is not None:
            _may_replace(state, caller, stands)

    _put(tx, ctx, caller, each(replaces), known, 0)
    return refused


def _few(n: int) -> None:
    if n > ROWS_MAX:
        raise InvalidInput(f"at most {ROWS_MAX} days a call", field="days")


def _put(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    given: Sequence[NewDay],
    known: Mapping[tuple[str, int, str], DayRow],
    batch_id: int,
) -> Counts:
    """Store checked rows, the last word on each day; leave those that stand as they are."""
    last_of = {_key(n): n for n in given}
    counts, fresh = [len(given) - len(last_of), 0, 0], []
    for key, new in last_of.items():
        stands = known.get(key)
        if stands is not None and _same(stands, new):
            counts[0] += 1
        else:
            counts[1 if stands is None else 2] += 1
            fresh.append(new)
    if fresh:
        _store(tx, ctx, caller, fresh, batch_id)
    return Counts(new=counts[1], same=counts[0], changed=counts[2])


def _may_replace(state: AccountState, caller: Access, stands: DayRow) -> None:
    """Refuse to write over what another said, or to tell whether it is the same."""
    if caller.owner or stands.access_id == caller.id:
        return
    measure = state.measure(stands.measure)
    if measure is None or not _rights(state, caller, measure, stands.day).changes:
        raise Forbidden(f"no right to change {stands.measure}")


def _store(
    tx: WriteTx, ctx: Context, caller: Access, fresh: Sequence[NewDay], batch_id: int
) -> None:
    stamp = changes.reserve(tx, caller.account_id, len(fresh), ctx.now())
    made = [
        DayRow(
            new.measure,
            new.day,
            new.source,
            batch_id,
            new.written_by,
            None if isinstance(new.value, str) else float(new.value),
            new.value if isinstance(new.value, str) else None,
            new.raw,
            caller.id,
            stamp.at + i,
            stamp.at + i,
            stamp.rev + i,
        )
        for i, new in enumerate(fresh)
    ]
    store.put_rows(tx, caller.account_id, made)
    kinds = {n.source: n.kind for n in fresh}
    named = {source: kind or kind_of(source) for source, kind in kinds.items()}
    marks.add_sources(tx, caller.account_id, named, stamp.at)
    changes.append(
        tx,
        caller.account_id,
        stamp,
        caller.id,
        [("day", "write", f"{n.measure}|{time.day_text(n.day)}|{n.source}") for n in fresh],
    )
    marks.mark(tx, caller.account_id, {(r.measure, r.day) for r in made}, stamp.rev)
    there = {(r.measure, r.source, r.day) for r in made}
    marks.see(tx, ctx.state(tx, caller.account_id), there, (), stamp.rev)


def remove_row(
    tx: WriteTx, ctx: Context, caller: Access, measure: str, day: int, source: str
) -> bool:
    """Take back a day row of one source, every import's; return whether there was one.

    Raises:
        Forbidden: the caller may not change data of this measure.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    state = ctx.state(tx, caller.account_id)
    audit.tell(tx, 1, measure)
    known = _measure(state, measure, "measure")
    sight.refuse_hidden(state, caller, known, "measure")
    if not caller.owner and not _rights(state, caller, known, day).deletes:
        raise Forbidden(f"no right to change {measure}")
    gone = [r for r in store.rows(tx, caller.account_id, measure, day, day) if r.source == source]
    if not gone:
        return False
    _drop(tx, ctx, caller, gone)
    return True


def sources_of_rows(tx: Tx, ctx: Context, caller: Access, measure: str, day: int) -> list[str]:
    """Return the sources that have a day row of a measure and day, where the caller may read it."""
    state = ctx.state(tx, caller.account_id)
    known = state.measure(measure)
    if known is None or not may_read(state, caller, known):
        return []
    rows = store.rows(tx, caller.account_id, measure, day, day)
    return list(dict.fromkeys(row.source for row in rows))


def drop_batch(tx: WriteTx, ctx: Context, caller: Access, batch_id: int, most: int) -> int:
    """Delete up to `most` day rows that a batch wrote; return how many, 0 when none is left."""
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    gone = store.rows_of_batch(tx, caller.account_id, batch_id, most)
    if gone:
        _drop(tx, ctx, caller, gone)
    return len(gone)


def _drop(tx: WriteTx, ctx: Context, caller: Access, gone: Sequence[DayRow]) -> None:
    stamp = changes.reserve(tx, caller.account_id, len(gone), ctx.now())
    store.drop_rows(tx, caller.account_id, gone)
    changes.append(
        tx,
        caller.account_id,
        stamp,
        caller.id,
        [("day", "delete", f"{r.measure}|{time.day_text(r.day)}|{r.source}") for r in gone],
    )
    cells = {(r.measure, r.day) for r in gone}
    marks.mark(tx, caller.account_id, cells, stamp.rev)
    marks.see(tx, ctx.state(tx, caller.account_id), (), cells, stamp.rev)


def _measure(state: AccountState, key: str, field: str) -> Measure:
    known = state.measure(key)
    if known is None:
        raise UnknownReference(f"unknown measure {key!r}", field=field)
    return known


def _check(state: AccountState, caller: Access, new: NewDay, at: str) -> None:
    measure = _measure(state, new.measure, f"{at}measure")
    sight.refuse_hidden(state, caller, measure, f"{at}measure")
    textual = catalog.day_kind(measure) in (ValueKind.TEXT, ValueKind.OBJECT)
    if isinstance(new.value, str):
        if not textual:
            raise InvalidInput(f"{new.measure} is a number", field=f"{at}value")
        if len(new.value) > WORDS_MAX:
            raise InvalidInput(f"at most {WORDS_MAX} characters", field=f"{at}value")
        events.check_json(new.value, f"{at}value")
    elif textual:
        raise InvalidInput(f"{new.measure} is a text", field=f"{at}value")
    elif not -FLOAT_MAX <= new.value <= FLOAT_MAX:
        raise InvalidInput("not a finite number", field=f"{at}value")
    if not new.source or len(new.source) > events.SOURCE_MAX:
        raise InvalidInput(f"a source has 1 to {events.SOURCE_MAX} characters", field=f"{at}source")
    events.check_json([new.source, new.raw], f"{at}source")
    if not time.TIME_MIN // time.DAY <= new.day <= time.TIME_MAX // time.DAY:
        raise InvalidInput("the day is out of range", field=f"{at}date")
    if not caller.owner and not _rights(state, caller, measure, new.day).creates:
        raise Forbidden(f"no right to add {new.measure}")


def _rights(state: AccountState, caller: Access, measure: Measure, day: int) -> Rights:
    start, _ = state.zones.day_bounds(day)
    return caller.rights_on(state.tree, state.home(measure), measure=measure.key, at=start)


def _key(row: NewDay | DayRow) -> tuple[str, int, str]:
    return row.measure, row.day, row.source


def _known(tx: Tx, caller: Access, given: Sequence[NewDay]) -> dict[tuple[str, int, str], DayRow]:
    """Return the rows that stand where new ones are given."""
    spans: dict[str, tuple[int, int]] = {}
    for new in given:
        low, high = spans.get(new.measure, (new.day, new.day))
        spans[new.measure] = (min(low, new.day), max(high, new.day))
    alike: dict[tuple[int, int], list[str]] = {}
    for measure, span in spans.items():
        alike.setdefault(span, []).append(measure)
    asked = {_key(new) for new in given}
    return {
        key: row
        for (first, last), measures in alike.items()
        for row in store.rows_of(tx, caller.account_id, measures, first, last)
        if (key := _key(row)) in asked
    }


def _same(row: DayRow, new: NewDay) -> bool:
    value = row.words if isinstance(new.value, str) else row.value
    return value == new.value and row.written_by == new.written_by


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
    found: dict[str, dict[int, Day]] = {key: {} for key in known}
    rows = store.cached(tx, caller.account_id, list(known), first, last, lineage=lineage)
    for row in rows:
        found[row[0]][row[1]] = Day(
            row[1],
            row[2] if row[3] is None else row[3],
            row[4],
            msgspec.json.decode(row[5]) if lineage else None,
        )
    marked: dict[str, dict[int, int]] = {}
    for key, day, rev in store.dirty(tx, caller.account_id, list(known), first, last):
        marked.setdefault(key, {})[day] = rev
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
