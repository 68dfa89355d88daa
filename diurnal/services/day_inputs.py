"""What a day is made of: all live data of a measure that touch it, as the rules take them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from diurnal.model import time
from diurnal.model.measures import Daily, Measure, Shape, ValueKind
from diurnal.model.sources import kind_of
from diurnal.services.context import AccountState
from diurnal.services.events import SPAN_DAYS_MAX
from diurnal.services.series import LONGEST
from diurnal.store import accounts
from diurnal.store import days as day_store
from diurnal.store import events as event_store
from diurnal.store import series as series_store
from diurnal.store.database import Row, Tx
from diurnal.store.days import DayRow
from diurnal.store.tables import RUNNING

if TYPE_CHECKING:
    from diurnal.model.days import DayEntry, Inputs, Intervals, Session, TextItem
    from diurnal.model.series import Columns

PERSON = "person"
SERVICE = "service"
SOURCE = "source"
REACH_DAYS = 34
"""Events of up to 32 days that begin before this do not reach into a window, wherever they were."""
STAGE_MAX_S = 32 * 86_400
"""Seconds from the start of a session to a stage, and of a stage; what says more is no stage."""
SLEEP = "sleep"
REPEATS_MAX = 10_000
"""One event that tells of several (`count/generic`) counts as at most this many."""
_SUM_LIKE = (Daily.SUM, Daily.MEAN, Daily.LAST, Daily.MAX, Daily.MIN, Daily.ANY, Daily.DURATION)

POINTS_AT_ONCE = 2_000_000
"""Points that are unpacked together: a year of one a second is read in stretches."""

Keep = Callable[[Sequence[str], Sequence[str], int], bool]
"""A test on (stream ids, tags, time) of an event."""


def stretches(
    tx: Tx, state: AccountState, base: Measure, first: int, last: int
) -> Iterator[tuple[int, int]]:
    """Yield [first, last] in parts whose points fit into memory; a day value needs its day only."""
    start, end = state.zones.day_bounds(first)[0], state.zones.day_bounds(last)[1]
    points = _points_by_day(tx, state, base, start, end)
    begun, held = first, 0
    for day in range(first, last + 1):
        here = points.get(day * time.DAY, 0)
        if held and held + here > POINTS_AT_ONCE:
            yield begun, day - 1
            begun, held = day, 0
        held += here
    yield begun, last


def _points_by_day(
    tx: Tx, state: AccountState, base: Measure, start: int, end: int
) -> dict[int, int]:
    """Return the points of a measure by UTC day."""
    if base.shape is not Shape.SERIES:
        return {}
    return series_store.how_many(tx, state.account_id, base.key, start - time.DAY, end + time.DAY)


def gather(
    tx: Tx,
    state: AccountState,
    measure: Measure,
    base: Measure,
    first: int,
    last: int,
    *,
    keep: Keep | None = None,
) -> Inputs:
    """Return all live data that may count for days `first` to `last`.

    Args:
        keep: a test on (stream ids, tags, time) of an event; None keeps all.
    """
    from diurnal.model.days import Inputs

    kinds = accounts.sources(tx, state.account_id)
    dead = state.trashed_streams
    entries = (
        [] if state.home(measure) in dead else _entries(tx, state, measure, kinds, first, last)
    )
    intervals = [] if state.home(base) in dead else _points(tx, state, base, kinds, first, last)
    more, sessions, texts = _told(tx, state, measure, base, kinds, first, last, keep)
    return Inputs(intervals=[*intervals, *more], entries=entries, sessions=sessions, texts=texts)


def _entries(
    tx: Tx, state: AccountState, measure: Measure, kinds: Mapping[str, str], first: int, last: int
) -> list[DayEntry]:
    from diurnal.model.days import DayEntry

    newest: dict[tuple[int, str], DayRow] = {}
    for row in day_store.rows(tx, state.account_id, measure.key, first, last):
        newest[(row.day, row.source)] = row
    words: dict[str, Any] = {PERSON: "person", SERVICE: "owner"}
    return [
        DayEntry(
            r.source,
            kinds.get(r.source) or kind_of(r.source),
            r.day,
            r.words if r.words is not None else (r.value or 0.0),
            words.get(r.written_by, "source"),
            f"{r.rev:020d}",
        )
        for r in newest.values()
    ]


def _points(
    tx: Tx, state: AccountState, base: Measure, kinds: Mapping[str, str], first: int, last: int
) -> list[Intervals]:
    if base.value not in (ValueKind.NUMBER, ValueKind.INTEGER):
        return []
    from diurnal.model import series
    from diurnal.model.days import Intervals

    start, end = state.zones.day_bounds(first)[0], state.zones.day_bounds(last)[1]
    by_source: dict[str, list[Columns]] = {}
    for source, data in series_store.between(
        tx, state.account_id, base.key, start - time.DAY, end + time.DAY, LONGEST
    ):
        by_source.setdefault(source, []).append(series.decode(data))
    found = []
    for source, parts in by_source.items():
        cols = series.union(parts)
        starts, ends = _as_if_there(state, cols)
        kind = kinds.get(source) or kind_of(source)
        found.append(Intervals(source, kind, starts, ends, cols.value))
    return found


def _as_if_there(state: AccountState, cols: Columns) -> tuple[Any, Any]:
    """Shift points that carry an offset of their own to where the history's clock shows theirs.

    Day bounds come from the zone history; data with an own offset keep their own day.
    """
    if cols.offset is None:
        return cols.start, cols.end
    import numpy as np

    from diurnal.model.series import NO_OFFSET

    there = np.array([state.zones.offset_at(at) for at in cols.start.tolist()], np.int64)
    own = cols.offset.astype(np.int64)
    shift = np.where(own == NO_OFFSET, 0, own - there) * time.MINUTE
    return cols.start + shift, cols.end + shift


class _Content(msgspec.Struct, rename="camel"):
    stream_ids: tuple[str, ...]
    tags: tuple[str, ...] = ()
    content: Any = None


_decode = msgspec.json.Decoder(_Content).decode


def keeps_all(
    tx: Tx, state: AccountState, base: Measure, first: int, last: int, keep: Keep
) -> bool:
    """Return whether `keep` keeps every event that may count for days `first` to `last`."""
    return all(
        keep(told.stream_ids, told.tags, row[2])
        for row, told in _live(tx, state, base, first, last)
    )


def _live(
    tx: Tx, state: AccountState, base: Measure, first: int, last: int
) -> Iterator[tuple[Row, _Content]]:
    rows = event_store.of_days(
        tx,
        state.account_id,
        base.key,
        first - REACH_DAYS,
        last + 2,
        floor=first - SPAN_DAYS_MAX - 2,
        start=state.zones.day_bounds(first)[0] - time.DAY,
    )
    dead = state.trashed_streams
    for row in rows:
        told = _decode(row[6])
        if row[3] != RUNNING and not (dead and dead.issuperset(told.stream_ids)):
            yield row, told


def _told(
    tx: Tx,
    state: AccountState,
    measure: Measure,
    base: Measure,
    kinds: Mapping[str, str],
    first: int,
    last: int,
    keep: Keep | None,
) -> tuple[list[Intervals], list[Session], list[TextItem]]:
    """Return what the events of a measure say, by the rule of the day."""
    import numpy as np

    from diurnal.model.days import Intervals, TextItem

    rule = measure.derived.daily if measure.derived else measure.daily
    part = measure.derived.stage if measure.derived else None
    numbers: dict[str, list[tuple[int, int, float, str]]] = {}
    sessions: list[Session] = []
    texts: list[TextItem] = []
    for row, told in _live(tx, state, base, first, last):
        id_, _, at, end, value, source, _, offset = row
        if end - at > SPAN_DAYS_MAX * time.DAY:
            if value is not None and rule is Daily.SUM:
                value *= SPAN_DAYS_MAX * time.DAY / (end - at)
            end = at + SPAN_DAYS_MAX * time.DAY
        if keep is not None and not keep(told.stream_ids, told.tags, at):
            continue
        kind = kinds.get(source) or kind_of(source)
        shift = (offset - state.zones.offset_at(at)) * time.MINUTE
        if base.shape is Shape.SESSION and rule is not Daily.SUM:
            # Nights are dated by their own clock, other sessions like all else.
            sessions.append(
                _session(source, kind, row, told.content, 0 if base.key == SLEEP else shift)
            )
        elif rule is Daily.JOIN or (rule is Daily.LAST and value is None):
            text = _text(told.content)
            if text is not None:
                texts.append(TextItem(source, kind, at + shift, text, id_))
        elif rule is Daily.COUNT:
            times = int(value) if value is not None and 0 <= value <= REPEATS_MAX else 1
            texts += [TextItem(source, kind, at + shift, "", id_)] * times
        elif rule in _SUM_LIKE:
            number = value if part is None else _part(told.content, part)
            if number is None and rule not in (Daily.DURATION, Daily.ANY):
                continue
            counted = float("nan") if number is None else number
            if rule is Daily.LAST:
                at = end = (at + end) // 2
            numbers.setdefault(source, []).append((at + shift, end + shift, counted, id_))
    intervals = [
        Intervals(
            source,
            kinds.get(source) or kind_of(source),
            np.array([n[0] for n in found], np.int64),
            np.array([n[1] for n in found], np.int64),
            np.array([n[2] for n in found], np.float64),
            [n[3] for n in found],
        )
        for source, found in numbers.items()
    ]
    return intervals, sessions, texts


_STAGES = {"inBed": "in_bed", "in-bed": "in_bed"}


def _session(source: str, kind: str, row: Row, content: Any, shift: int) -> Session:
    from diurnal.model.days import Session

    id_, offset = row[0], row[7]
    at, end = row[2] + shift, row[3] + shift
    asleep: float | None = None
    stages: list[tuple[str, int, int]] = []
    if isinstance(content, dict):
        stated = content.get("asleep")
        if isinstance(stated, (int, float)) and not isinstance(stated, bool):
            asleep = float(stated)
        told = content.get("stages")
        for s in told if isinstance(told, list) else ():
            stage = _stage(s, at)
            if stage is not None:
                stages.append(stage)
        kind_done = content.get("activity")
        if isinstance(kind_done, str):
            stages.append((kind_done, at, end))
    elif content == "inBed":
        stages.append(("in_bed", at, end))
    return Session(source, kind, id_, at, end, asleep, tuple(stages), offset=offset)


def _stage(told: Any, at: int) -> tuple[str, int, int] | None:
    if not isinstance(told, dict) or not isinstance(told.get("stage"), str):
        return None
    start, duration = told.get("start"), told.get("duration")
    if not isinstance(start, (int, float)) or not isinstance(duration, (int, float)):
        return None
    if not (-STAGE_MAX_S <= start <= STAGE_MAX_S and 0 <= duration <= STAGE_MAX_S):
        return None
    begin = at + round(start * time.SECOND)
    name: str = told["stage"]
    return _STAGES.get(name, name), begin, begin + round(duration * time.SECOND)


def _text(content: Any) -> str | None:
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        place = content.get("latitude"), content.get("longitude")
        if all(isinstance(p, (int, float)) for p in place):
            return f"{place[0]},{place[1]}"
        words = content.get("content") or content.get("text") or content.get("title")
        return words if isinstance(words, str) else None
    return None


def _part(content: Any, name: str) -> float | None:
    found = content.get(name) if isinstance(content, dict) else None
    whole = isinstance(found, (int, float)) and not isinstance(found, bool)
    return float(found) if whole and found is not None else None
