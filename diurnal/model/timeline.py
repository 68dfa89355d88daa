"""The time line: data cut at the starts of days, and what each moment is covered by."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from diurnal.model.candidates import Flags, Floats, Intervals, Ints
from diurnal.model.time import MINUTE, SECOND

GAP = 15 * MINUTE
"""Gaps up to this long are not filled by other sources; an instant covers this, centred."""
_COINCIDE = 60 * SECOND
_COINCIDE_VALUE = 0.05
_COINCIDE_SHARE = 0.9


class Column(msgspec.Struct, frozen=True, eq=False):
    """All numbers of one source, sorted by start.

    Attributes:
        event: which of them are events; the others are points of a series.
        row: id of each, "" for points of a series.
    """

    start: Ints
    end: Ints
    value: Floats
    event: Flags
    row: Sequence[str]


class Pieces(msgspec.Struct, frozen=True, eq=False):
    """Data cut at the starts of days, sorted by start.

    Attributes:
        day: index of the day.
        value: the piece's share of the datum by time.
        whole: the datum's undivided value.
        length: of the undivided datum, microseconds.
        datum: index of the datum in its column.
        first: whether the datum begins in this day.
    """

    day: Ints
    start: Ints
    end: Ints
    value: Floats
    whole: Floats
    length: Ints
    datum: Ints
    first: Flags

    def where(self, mask: Flags | Ints) -> Pieces:
        """Return the pieces that `mask` selects, or in the order of its indices."""
        if mask.dtype == np.bool_ and mask.all():
            return self
        return Pieces(*(getattr(self, name)[mask] for name in self.__struct_fields__))


class Cover(msgspec.Struct, frozen=True, eq=False):
    """Disjoint stretches of time, ascending; gaps up to a limit are closed within each day."""

    start: Ints
    end: Ints

    def upto(self, at: Ints) -> Ints:
        """Return how much of the time before each instant is covered, microseconds."""
        if not len(self.start):
            return np.zeros(len(at), np.int64)
        before = np.concatenate(([0], np.cumsum(self.end - self.start)))
        i = np.searchsorted(self.start, at, "right") - 1
        within = np.minimum(at, self.end[i]) - self.start[i]
        return np.where(i >= 0, before[np.maximum(i, 0)] + within, 0).astype(np.int64)

    def holds(self, at: Ints) -> Flags:
        """Return which instants are covered."""
        if not len(self.start):
            return np.zeros(len(at), np.bool_)
        i = np.searchsorted(self.start, at, "right") - 1
        return (i >= 0) & (at < self.end[i])


NOTHING = Cover(np.zeros(0, np.int64), np.zeros(0, np.int64))


def columns(data: Sequence[Intervals]) -> dict[str, Column]:
    """Return the numbers of each source; points of a series that came twice count once."""
    grouped: dict[str, list[Intervals]] = {}
    for d in data:
        if len(d.start):
            grouped.setdefault(d.source, []).append(d)
    return {source: _column(parts) for source, parts in grouped.items()}


def _column(parts: list[Intervals]) -> Column:
    start = np.concatenate([p.start for p in parts]).astype(np.int64)
    end = np.maximum(np.concatenate([p.end for p in parts]).astype(np.int64), start)
    value = np.concatenate([p.value for p in parts]).astype(np.float64)
    event = np.concatenate([np.full(len(p.start), p.row is not None) for p in parts])
    row: Sequence[str] = ()
    keys = [value, event, end, start]
    if event.any():
        row = [r for p in parts for r in (p.row if p.row is not None else [""] * len(p.start))]
        keys.insert(0, np.array(row))
    # Chunks of a series come in order as a rule; sorting them again would cost most of the time.
    in_order = not row and bool((start[1:] > start[:-1]).all())
    order = np.arange(len(start)) if in_order else np.lexsort(keys)
    s, e, ev = start[order], end[order], event[order]
    # Of several values for one stretch the greatest stays: a counter that was read again later.
    again = (s[1:] == s[:-1]) & (e[1:] == e[:-1]) & ~ev[1:] & ~ev[:-1]
    kept = order[np.concatenate((~again, [True]))]
    return Column(
        start[kept], end[kept], value[kept], event[kept], [row[i] for i in kept] if row else ()
    )


def within(column: Column, low: float | None, high: float | None, *, nan: bool) -> Flags:
    """Return which data count: finite (or NaN, where a duration is enough) and in range."""
    good = np.isfinite(column.value) | (np.isnan(column.value) & nan)
    if low is not None:
        good &= ~(column.value < low)
    if high is not None:
        good &= ~(column.value > high)
    return good


def cut(column: Column, bounds: Ints) -> Pieces:
    """Cut data at the starts of days; each piece takes its share of the value by time.

    Args:
        bounds: int64[days + 1], the starts of days and the end of the last; never decreasing.
    """
    days = len(bounds) - 1
    instant = column.end == column.start
    begin = np.searchsorted(bounds, column.start, "right") - 1
    last = np.where(instant, begin, np.searchsorted(bounds, column.end, "left") - 1)
    from_day, to_day = np.maximum(begin, 0), np.minimum(last, days - 1)
    count = np.maximum(to_day - from_day + 1, 0)
    datum = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(datum)) - np.repeat(np.cumsum(count) - count, count)
    day = from_day[datum] + nth
    start = np.maximum(column.start[datum], bounds[day])
    end = np.minimum(column.end[datum], bounds[day + 1])
    length = (column.end - column.start)[datum]
    whole = column.value[datum]
    share = np.where(length > 0, (end - start) / np.maximum(length, 1), 1.0)
    pieces = Pieces(
        day, start, end, whole * share, whole, length, datum, day == begin[datum]
    ).where((end > start) | instant[datum])
    if (pieces.start[1:] >= pieces.start[:-1]).all():
        return pieces
    return pieces.where(np.argsort(pieces.start, kind="stable"))


def cover(pieces: Pieces, bounds: Ints, gap: int, also: Cover = NOTHING) -> Cover:
    """Return what the pieces and `also` cover, gaps up to `gap` closed.

    Gaps are closed within a day and towards its ends, not across: a day value depends on the
    data of its own day only.
    """
    day_start, day_end = bounds[pieces.day], bounds[pieces.day + 1]
    wide = np.where(pieces.end == pieces.start, gap // 2, 0)
    start = np.concatenate((np.maximum(pieces.start - wide, day_start), also.start))
    end = np.concatenate((np.minimum(pieces.end + wide, day_end), also.end))
    if not len(start):
        return NOTHING
    order = np.argsort(start, kind="stable")
    start, end = start[order], end[order]
    day = np.searchsorted(bounds, start, "right") - 1
    reach = np.maximum.accumulate(end)
    new = np.concatenate(([True], (start[1:] > reach[:-1] + gap) | (day[1:] != day[:-1])))
    first = np.flatnonzero(new)
    last = np.concatenate((first[1:] - 1, [len(start) - 1]))
    begins, ends = start[first], reach[last]
    opens, closes = bounds[day[first]], bounds[day[first] + 1]
    return Cover(
        np.where(begins - opens <= gap, opens, begins), np.where(closes - ends <= gap, closes, ends)
    )


def one_at_a_time(pieces: Pieces) -> tuple[Ints, Ints, Ints]:
    """Return (start, end, index of the piece) so that each moment belongs to one piece.

    Where pieces overlap the one cut from the shorter datum has the moment: finer data tell
    better where in a day a value lies. Instants are left out.
    """
    at = np.flatnonzero(pieces.end > pieces.start)
    start, end = pieces.start[at], pieces.end[at]
    if not len(at) or (start[1:] >= np.maximum.accumulate(end)[:-1]).all():
        return start, end, at
    edges = np.unique(np.concatenate((start, end)))
    owner = np.full(len(edges) - 1, -1, np.int64)
    low, high = np.searchsorted(edges, start), np.searchsorted(edges, end)
    # Data of one length come in the order of their column: the last to begin has the moment.
    order = np.lexsort((pieces.datum[at], -pieces.length[at]))
    for i, a, b in zip(at[order].tolist(), low[order].tolist(), high[order].tolist(), strict=True):
        owner[a:b] = i
    held = owner >= 0
    return edges[:-1][held], edges[1:][held], owner[held]


def coinciding(a: Pieces, b: Pieces, days: int) -> Flags:
    """Return the days on which nearly all of `b` repeats `a`: one measurement by two roads.

    Source: spec measures §5.5: 90 % of intervals within 60 s and 5 %.
    """
    found = np.zeros(len(b.start), np.bool_)
    if len(a.start):
        near = np.searchsorted(a.start, b.start)
        for step in (-2, -1, 0, 1):
            i = np.clip(near + step, 0, len(a.start) - 1)
            most = np.maximum(np.abs(a.whole[i]), np.abs(b.whole))
            found |= (
                (np.abs(a.start[i] - b.start) <= _COINCIDE)
                & (np.abs(a.end[i] - b.end) <= _COINCIDE)
                & (np.abs(a.whole[i] - b.whole) <= _COINCIDE_VALUE * most)
            )
    all_of = np.bincount(b.day, minlength=days)
    same = np.bincount(b.day, weights=found, minlength=days)
    return (all_of > 0) & (same >= _COINCIDE_SHARE * all_of)
