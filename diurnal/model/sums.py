"""Sums and durations: prioritised sources along the time line of each day.

Each moment takes the value of the best source that covers it; worse ones fill only gaps of more
than 15 minutes; of sources of equal rank one counts each day. Source: spec measures §5.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from diurnal.model.candidates import (
    ROWS_MAX,
    DayEntry,
    DayValue,
    Flags,
    Floats,
    Intervals,
    Ints,
    Part,
    Reason,
    Rejected,
    SourceOrder,
)
from diurnal.model.time import HOUR, MINUTE
from diurnal.model.timeline import (
    GAP,
    NOTHING,
    Column,
    Cover,
    Pieces,
    coinciding,
    columns,
    cover,
    cut,
    one_at_a_time,
    within,
)

NOT_WORN = HOUR
"""A device that says nothing for longer than this is taken as not worn."""
_WAKING = (8 / 24, 22 / 24)
"""The waking day, as shares of the local day: 08:00 to 22:00 where it has 24 hours."""
_WAKING_SHARE = 0.5


class _Source(msgspec.Struct, eq=False):
    """What one source says, and how much of it counts."""

    name: str
    column: Column
    pieces: Pieces
    begun: Ints
    """Data that begin in each day."""
    n: Ints
    total: Floats
    part: Floats
    counted: Ints
    active: Flags
    same: Flags
    outside: Ints
    rows: dict[int, list[str]]


def sums(
    data: Sequence[Intervals],
    entries: Sequence[DayEntry],
    bounds: Ints,
    first_day: int,
    order: SourceOrder,
    *,
    durations: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> list[DayValue]:
    """Return the sum of each day; None where no source has data, 0.0 where one says so.

    An interval across midnight is split by time. Within one source events add up, save in
    durations; of overlapping points of a series the finer one has the moment, and series come
    before events, intervals before instants.

    Args:
        entries: daily totals of sources. One counts where no finer source covers half of the
            waking day (silence of up to an hour is still worn), and only if it is larger.
        bounds: int64[days + 1], starts of the days and the end of the last.
        durations: minutes of the union; a value of NaN stands for the interval's length.
    """
    days = len(bounds) - 1
    sources = _read(data, bounds, order, durations=durations, low=low, high=high)
    _activate(sources, order, days)
    _walk(sources, bounds, durations=durations)
    totals: dict[int, list[DayEntry]] = {}
    for e in entries:
        if 0 <= e.day - first_day < days and isinstance(e.value, (int, float)):
            totals.setdefault(e.day - first_day, []).append(e)
    covered = _covered(sources, bounds) if totals else np.zeros(days, np.bool_)
    found = [_value(sources, i, first_day + i) for i in range(days)]
    for i, candidates in totals.items():
        found[i] = _with_total(found[i], candidates, order, covered=bool(covered[i]))
    return found


def _read(
    data: Sequence[Intervals],
    bounds: Ints,
    order: SourceOrder,
    *,
    durations: bool,
    low: float | None,
    high: float | None,
) -> list[_Source]:
    days = len(bounds) - 1
    by_source = columns(data)
    sources = []
    for name in order.arranged(by_source):
        column = by_source[name]
        pieces = cut(column, bounds)
        good = within(column, low, high, nan=durations)
        outside = np.bincount(pieces.day[~good[pieces.datum] & pieces.first], minlength=days)
        pieces = pieces.where(good[pieces.datum])
        if durations:
            pieces = _stated_or_length(pieces)
        sources.append(
            _Source(
                name,
                column,
                pieces,
                begun=np.bincount(pieces.day[pieces.first], minlength=days),
                n=np.bincount(pieces.day, minlength=days),
                total=np.zeros(days)
                + np.bincount(pieces.day, weights=pieces.value, minlength=days),
                part=np.zeros(days),
                counted=np.zeros(days, np.int64),
                active=np.zeros(days, np.bool_),
                same=np.zeros(days, np.bool_),
                outside=outside,
                rows={},
            )
        )
    return sources


def _stated_or_length(pieces: Pieces) -> Pieces:
    only_length = np.isnan(pieces.whole)
    return Pieces(
        pieces.day,
        pieces.start,
        pieces.end,
        np.where(only_length, (pieces.end - pieces.start) / MINUTE, pieces.value),
        np.where(only_length, pieces.length / MINUTE, pieces.whole),
        pieces.length,
        pieces.datum,
        pieces.first,
    )


def _activate(sources: list[_Source], order: SourceOrder, days: int) -> None:
    """Of each rank let one source count each day; one that repeats a better one never does."""
    for i, worse in enumerate(sources):
        rank = order.rank_of(worse.name)
        for better in (s for s in sources[:i] if order.rank_of(s.name) != rank):
            worse.same |= coinciding(better.pieces, worse.pieces, days)
    ranks: dict[int, list[_Source]] = {}
    for s in sources:
        ranks.setdefault(order.rank_of(s.name), []).append(s)
    for equals in ranks.values():
        taken = np.zeros(days, np.bool_)
        # One whose last interval merely runs over midnight must not displace another's day.
        for seen in ([s.begun for s in equals], [s.n for s in equals]):
            for s, n in zip(equals, seen, strict=True):
                chosen = (n > 0) & ~taken & ~s.same
                s.active |= chosen
                taken |= chosen


def _walk(sources: list[_Source], bounds: Ints, *, durations: bool) -> None:
    days = len(bounds) - 1
    covered = NOTHING
    for s in sources:
        p = s.pieces
        event = s.column.event[p.datum] & (not durations)
        instant = p.end == p.start
        for layer in (~event & ~instant, ~event & instant, event):
            chosen = np.flatnonzero(layer & s.active[p.day])
            if not len(chosen):
                continue
            mine = p.where(chosen)
            share = _uncovered(mine, covered, added=bool(event[chosen[0]]))
            s.part += np.bincount(mine.day, weights=mine.value * share, minlength=days)
            counts = share > 0
            s.counted += np.bincount(mine.day[counts], minlength=days)
            if s.column.row:
                _name_rows(s, mine, counts)
            covered = cover(mine, bounds, GAP, covered)


def _uncovered(pieces: Pieces, covered: Cover, *, added: bool) -> Floats:
    """Return which share of each piece counts: the moments that are its own and not covered."""
    if added:
        start, end = pieces.start, pieces.end
        owner = np.arange(len(start))
    else:
        start, end, owner = one_at_a_time(pieces)
    free = (end - start) - (covered.upto(end) - covered.upto(start))
    used = np.bincount(owner, weights=free, minlength=len(pieces.start))
    length = pieces.end - pieces.start
    return np.where(
        length > 0, used / np.maximum(length, 1), (~covered.holds(pieces.start)).astype(np.float64)
    )


def _name_rows(s: _Source, pieces: Pieces, counts: Flags) -> None:
    for day, datum in zip(pieces.day[counts].tolist(), pieces.datum[counts].tolist(), strict=True):
        rows = s.rows.setdefault(day, [])
        if s.column.row[datum] and len(rows) < ROWS_MAX:
            rows.append(s.column.row[datum])


def _covered(sources: list[_Source], bounds: Ints) -> Flags:
    """Return the days of which some finer source covers half of the waking part."""
    length = bounds[1:] - bounds[:-1]
    wake = bounds[:-1] + (length * _WAKING[0]).astype(np.int64)
    sleep = bounds[:-1] + (length * _WAKING[1]).astype(np.int64)
    covered = np.zeros(len(length), np.bool_)
    for s in sources:
        worn = cover(s.pieces, bounds, NOT_WORN)
        covered |= (worn.upto(sleep) - worn.upto(wake)) >= _WAKING_SHARE * (sleep - wake)
    return covered & (length > 0)


def _value(sources: list[_Source], i: int, day: int) -> DayValue:
    parts: list[Part] = []
    rejected: list[Rejected] = []
    rows: list[str] = []
    n = 0
    for s in sources:
        if s.active[i]:
            if s.counted[i]:
                parts.append(Part(s.name, float(s.part[i]), int(s.counted[i])))
                rows += s.rows.get(i, ())
                n += int(s.counted[i])
            left = float(s.total[i] - s.part[i])
            if abs(left) > 1e-9 * max(1.0, abs(float(s.total[i]))):
                rejected.append(Rejected(s.name, left, Reason.COVERED, int(s.n[i])))
        elif s.n[i]:
            reason = Reason.SAME if s.same[i] else Reason.EQUAL
            rejected.append(Rejected(s.name, float(s.total[i]), reason, int(s.n[i])))
        if s.outside[i]:
            rejected.append(Rejected(s.name, None, Reason.RANGE, int(s.outside[i])))
    if not parts:
        return DayValue(day, rejected=tuple(rejected))
    most = max(parts, key=lambda p: float(p.value))
    return DayValue(
        day,
        value=sum(float(p.value) for p in parts),
        source=most.source,
        by="data",
        parts=tuple(parts),
        rejected=tuple(rejected),
        rows=tuple(rows[:ROWS_MAX]),
        n=n,
    )


def _with_total(
    found: DayValue, candidates: list[DayEntry], order: SourceOrder, *, covered: bool
) -> DayValue:
    """Let the best daily total replace what the finer data sum up to, where it may."""
    best, *others = sorted(
        sorted(candidates, key=lambda e: e.row, reverse=True), key=lambda e: order.place(e.source)
    )
    rank = order.rank_of(best.source)
    rejected = [
        Rejected(
            e.source,
            e.value,
            Reason.EQUAL if order.rank_of(e.source) == rank else Reason.BETTER,
        )
        for e in others
    ]
    total = float(best.value)
    summed = found.value
    if isinstance(summed, float) and (covered or total <= summed):
        reason = Reason.FINER if covered else Reason.SMALLER
        rejected.insert(0, Rejected(best.source, total, reason))
        return msgspec.structs.replace(found, rejected=(*found.rejected, *rejected))
    smaller = [Rejected(p.source, p.value, Reason.SMALLER, p.n) for p in found.parts]
    return DayValue(
        found.day,
        value=total,
        source=best.source,
        by="total",
        parts=(Part(best.source, total),),
        rejected=(*smaller, *found.rejected, *rejected),
        rows=(best.row,),
        n=1,
    )
