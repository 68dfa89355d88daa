"""Samples: what each source says of a day, and the best source that speaks for it."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from diurnal.model.candidates import (
    ROWS_MAX,
    DayEntry,
    DayValue,
    Floats,
    Inputs,
    Intervals,
    Ints,
    Part,
    Reason,
    Rejected,
    SourceOrder,
    TextItem,
)
from diurnal.model.time import HOUR
from diurnal.model.timeline import Pieces, columns, cut, within

_SAMPLE = HOUR
"""An instant sample stands for at most this long, centred: a gap is no measurement."""


class Said(NamedTuple):
    """What one source says of one day."""

    value: float | str
    n: int
    rows: tuple[str, ...]


Says = Mapping[str, Mapping[int, Said]]
"""Source -> day -> what it says."""


def means(
    data: Sequence[Intervals],
    totals: Sequence[DayEntry],
    bounds: Ints,
    first_day: int,
    order: SourceOrder,
    *,
    low: float | None = None,
    high: float | None = None,
) -> list[DayValue]:
    """Return the time-weighted mean of each day's best source.

    An interval weighs as long as it is, an instant as long as it is the nearest one, at most an
    hour; samples at regular times weigh the same.
    """

    def mean(p: Pieces, days: int) -> Floats:
        weight = _weights(p)
        total = np.bincount(p.day, weights=weight, minlength=days)
        flat = total[p.day] <= 0
        weight = np.where(flat, 1.0, weight)
        total = np.bincount(p.day, weights=weight, minlength=days)
        # Around the smallest value, so that equal samples give exactly that value.
        origin = p.whole.min() if len(p.whole) else 0.0
        summed = np.bincount(p.day, weights=weight * (p.whole - origin), minlength=days)
        return np.asarray(origin + summed / np.where(total > 0, total, 1.0), np.float64)

    said = _statistic(data, bounds, first_day, mean, low, high)
    return _best(said, totals, first_day, len(bounds) - 1, order)


def maxes(
    data: Sequence[Intervals],
    totals: Sequence[DayEntry],
    bounds: Ints,
    first_day: int,
    order: SourceOrder,
    *,
    low: float | None = None,
    high: float | None = None,
) -> list[DayValue]:
    """Return the greatest value of each day's best source."""
    said = _statistic(data, bounds, first_day, _greatest, low, high)
    return _best(said, totals, first_day, len(bounds) - 1, order)


def mins(
    data: Sequence[Intervals],
    totals: Sequence[DayEntry],
    bounds: Ints,
    first_day: int,
    order: SourceOrder,
    *,
    low: float | None = None,
    high: float | None = None,
) -> list[DayValue]:
    """Return the smallest value of each day's best source."""

    def smallest(p: Pieces, days: int) -> Floats:
        found = np.full(days, np.inf)
        np.minimum.at(found, p.day, p.whole)
        return found

    said = _statistic(data, bounds, first_day, smallest, low, high)
    return _best(said, totals, first_day, len(bounds) - 1, order)


def lasts(
    data: Sequence[Intervals],
    texts: Sequence[TextItem],
    totals: Sequence[DayEntry],
    bounds: Ints,
    first_day: int,
    order: SourceOrder,
    *,
    low: float | None = None,
    high: float | None = None,
) -> list[DayValue]:
    """Return the latest value or text of each day's best source."""
    said: dict[str, dict[int, Said]] = {}
    for source, column in columns(data).items():
        good = within(column, low, high, nan=False)
        p = cut(column, bounds)
        p = p.where(good[p.datum] & p.first)
        n = np.bincount(p.day, minlength=len(bounds) - 1)
        latest = np.flatnonzero(np.concatenate((p.day[1:] != p.day[:-1], [True][: len(p.day)])))
        for i in latest.tolist():
            row = column.row[p.datum[i]] if column.row else ""
            day = int(p.day[i])
            said.setdefault(source, {})[first_day + day] = Said(
                float(p.whole[i]), int(n[day]), (row,) if row else ()
            )
    for (source, day), items in texts_by_day(texts, bounds, first_day).items():
        newest = items[-1]
        said.setdefault(source, {})[day] = Said(newest.text, len(items), (newest.id,))
    return _best(said, totals, first_day, len(bounds) - 1, order)


def anys(
    inputs: Inputs, totals: Sequence[DayEntry], bounds: Ints, first_day: int, order: SourceOrder
) -> list[DayValue]:
    """Return 1.0 where any datum of the day is true, 0.0 where all are false.

    A datum without a number (NaN), a text and a session are true by being there.
    """
    said: dict[str, dict[int, Said]] = {}
    present = np.array([1.0])
    data = [
        *inputs.intervals,
        *(
            Intervals(t.source, t.kind, np.array([t.time]), np.array([t.time]), present, [t.id])
            for t in inputs.texts
        ),
        *(
            Intervals(s.source, s.kind, np.array([s.start]), np.array([s.end]), present, [s.id])
            for s in inputs.sessions
        ),
    ]
    truths = [
        msgspec.structs.replace(
            d, value=np.where(np.isnan(d.value), 1.0, d.value != 0).astype(np.float64)
        )
        for d in data
    ]
    for source, days in _statistic(truths, bounds, first_day, _greatest, None, None).items():
        said[source] = dict(days)
    for e in totals:
        if isinstance(e.value, (int, float)):
            known = said.setdefault(e.source, {}).get(e.day)
            truth = Said(float(e.value != 0), 1, (e.row,))
            if known is None or (truth.value, truth.rows) > (known.value, known.rows):
                said[e.source][e.day] = truth
    found = []
    for day in range(first_day, first_day + len(bounds) - 1):
        here = {s: said[s][day] for s in order.arranged(said) if day in said[s]}
        if not here:
            found.append(DayValue(day))
            continue
        winner = max(here, key=lambda s: here[s].value)
        found.append(won(day, winner, here[winner], lost(here, winner, order)))
    return found


def _greatest(p: Pieces, days: int) -> Floats:
    found = np.full(days, -np.inf)
    np.maximum.at(found, p.day, p.whole)
    return found


def _weights(p: Pieces) -> Floats:
    """Microseconds that each sample stands for."""
    weight = (p.end - p.start).astype(np.float64)
    at = np.flatnonzero(p.end == p.start)
    if len(at):
        day, time = p.day[at], p.start[at]
        step = np.minimum(np.diff(time), _SAMPLE).astype(np.float64)
        step = np.where(day[1:] == day[:-1], step, np.nan)
        before, after = np.concatenate(([np.nan], step)), np.concatenate((step, [np.nan]))
        # The first and last sample reach as far outwards as inwards.
        left = np.where(np.isnan(before), after, before)
        right = np.where(np.isnan(after), before, after)
        weight[at] = np.where(np.isnan(left), float(_SAMPLE), (left + right) / 2)
    return weight


def _statistic(
    data: Sequence[Intervals],
    bounds: Ints,
    first_day: int,
    statistic: Callable[[Pieces, int], Floats],
    low: float | None,
    high: float | None,
) -> Says:
    """Return what each source says of each day it has data on."""
    days = len(bounds) - 1
    said: dict[str, dict[int, Said]] = {}
    for source, column in columns(data).items():
        p = cut(column, bounds)
        p = p.where(within(column, low, high, nan=False)[p.datum])
        n = np.bincount(p.day, minlength=days)
        values = statistic(p, days)
        rows: dict[int, list[str]] = {}
        if column.row:
            for day, datum in zip(p.day.tolist(), p.datum.tolist(), strict=True):
                if column.row[datum]:
                    rows.setdefault(day, []).append(column.row[datum])
        said[source] = {
            first_day + i: Said(float(values[i]), int(n[i]), tuple(rows.get(i, ())[:ROWS_MAX]))
            for i in np.flatnonzero(n).tolist()
        }
    return said


def _best(
    said: Says, totals: Sequence[DayEntry], first_day: int, days: int, order: SourceOrder
) -> list[DayValue]:
    """Let the best source of each day speak; its day row where it has no finer data."""
    all_said = {source: dict(by_day) for source, by_day in said.items()}
    rowed: dict[str, set[int]] = {}
    for e in sorted(totals, key=lambda e: e.row, reverse=True):
        if e.day not in all_said.setdefault(e.source, {}):
            all_said[e.source][e.day] = Said(e.value, 1, (e.row,))
            rowed.setdefault(e.source, set()).add(e.day)
    arranged = order.arranged(all_said)
    found = []
    for day in range(first_day, first_day + days):
        here = {s: all_said[s][day] for s in arranged if day in all_said[s]}
        if not here:
            found.append(DayValue(day))
            continue
        winner = next(iter(here))
        by: Literal["total", "data"] = "total" if day in rowed.get(winner, ()) else "data"
        found.append(won(day, winner, here[winner], lost(here, winner, order), by))
    return found


def won(
    day: int,
    source: str,
    said: Said,
    rejected: tuple[Rejected, ...],
    by: Literal["total", "data"] = "data",
) -> DayValue:
    """Return the day value of the one source that won."""
    part = Part(source, said.value, said.n)
    return DayValue(day, said.value, source, by, (part,), rejected, said.rows, said.n)


def lost(here: Mapping[str, Said], winner: str, order: SourceOrder) -> tuple[Rejected, ...]:
    """Return what the other sources said, and why it does not count."""
    rank = order.rank_of(winner)
    return tuple(
        Rejected(s, said.value, Reason.EQUAL if order.rank_of(s) == rank else Reason.BETTER, said.n)
        for s, said in here.items()
        if s != winner
    )


def texts_by_day(
    texts: Sequence[TextItem], bounds: Ints, first_day: int
) -> dict[tuple[str, int], list[TextItem]]:
    """Return the texts of each source and day, in time order."""
    grouped: dict[tuple[str, int], list[TextItem]] = {}
    starts = bounds.tolist()
    for t in sorted(texts, key=lambda t: (t.time, t.id)):
        i = bisect.bisect_right(starts, t.time) - 1
        if 0 <= i < len(starts) - 1:
            grouped.setdefault((t.source, first_day + i), []).append(t)
    return grouped


def arranged_entries(entries: Iterable[DayEntry], order: SourceOrder) -> list[DayEntry]:
    """Sort day rows, best source first, of one source the newest."""
    newest = sorted(entries, key=lambda e: e.row, reverse=True)
    return sorted(newest, key=lambda e: order.place(e.source))
