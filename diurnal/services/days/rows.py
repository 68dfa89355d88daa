"""Day rows as they are given: written, replaced, removed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from diurnal import catalog
from diurnal.errors import AppError, Forbidden, InvalidInput, UnknownReference
from diurnal.model import time
from diurnal.model.access import Access, Rights
from diurnal.model.measures import Measure, ValueKind
from diurnal.model.sources import kind_of
from diurnal.services import audit, events, marks, sight
from diurnal.services.context import AccountState, Context
from diurnal.services.day_inputs import SOURCE
from diurnal.services.days.values import may_read
from diurnal.services.series import Counts
from diurnal.store import changes
from diurnal.store import days as store
from diurnal.store.database import Tx, WriteTx
from diurnal.store.days import DayRow

ROWS_MAX = 10_000
"""Day rows of one call."""
WORDS_MAX = 10_000
FLOAT_MAX = sys.float_info.max
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
