"""How far today is: a goal of one's own, or the median of the same weekday as the end value."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from diurnal.analysis import Analysis, Days, Floats
from diurnal.analysis.averages import WINDOW_DAYS

WEEKS = WINDOW_DAYS // 7
WEEKS_MIN = 3
"""With fewer of the same weekday the median of all days speaks for it."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """One measure on one day against its end value.

    Attributes:
        measure: key.
        day: the day.
        value: so far; None without data.
        end: what a full bar means; None where nothing is known yet.
        own: whether `end` is a goal that somebody set.
        share: value / end, None where either is missing or the end is not above 0.
        reached: value at least (or, where less is better, at most) the end; None without data.
        streak: days in a row up to this one that reached it; an unfinished day breaks nothing.
        best: longest row of days ever.
        best_day: last day of that row; None without one.
    """

    measure: str
    day: int
    value: float | None
    end: float | None
    own: bool
    share: float | None
    reached: bool | None
    streak: int
    best: int
    best_day: int | None


def ends(days: Days, goals: Mapping[str, float | Floats] | None = None) -> Floats:
    """Return the end value of every day, from the days before it alone.

    Args:
        days: the table.
        goals: key -> a goal, or one per day (NaN where none was set).

    Returns:
        float64[days, measures]; NaN where nothing is known yet.
    """
    n, m = days.values.shape
    same = np.full((WEEKS, n, m), np.nan)
    for week in range(1, WEEKS + 1):
        back = 7 * week
        if back < n:
            same[week - 1, back:] = days.values[:-back]
    known = np.isfinite(same).sum(axis=0)
    made = np.where(known >= WEEKS_MIN, _median(same), np.nan)
    for t, j in zip(*np.nonzero(~np.isfinite(made)), strict=True):
        before = days.values[max(0, t - WINDOW_DAYS) : t, j]
        before = before[np.isfinite(before)]
        if len(before) >= WEEKS_MIN:
            made[t, j] = np.median(before)
    for j, measure in enumerate(days.measures):
        own = (goals or {}).get(measure.key)
        if own is not None:
            made[:, j] = np.where(np.isfinite(own), own, made[:, j])
    return made


def _median(stack: Floats) -> Floats:
    """Return the median over the first axis, NaN where nothing is known; no warnings."""
    ordered = np.sort(stack, axis=0)
    n = np.isfinite(stack).sum(axis=0)
    low = np.take_along_axis(ordered, np.maximum((n - 1) // 2, 0)[None], axis=0)[0]
    high = np.take_along_axis(ordered, (n // 2).clip(0, len(stack) - 1)[None], axis=0)[0]
    return np.where(n > 0, (low + high) / 2, np.nan)


def reached(days: Days, end: Floats) -> Floats:
    """Return 1 where the end value was reached, 0 where not, NaN without data."""
    less = np.array([measure.more_is_better is False for measure in days.measures])
    met = np.where(less, days.values <= end, days.values >= end)
    return np.where(np.isfinite(days.values) & np.isfinite(end), met.astype(np.float64), np.nan)


def streaks(met: Floats) -> list[int]:
    """Return for each day how many in a row, up to it, were 1; a missing day ends the row."""
    made, row = [], 0
    for one in met:
        row = row + 1 if one == 1 else 0
        made.append(row)
    return made


def run(days: Days, *, goals: Mapping[str, float | Floats] | None = None) -> list[Progress]:
    """Return the progress of the last day of the table, for numbers; tags have no end value."""
    if not len(days.values):
        return []
    end = ends(days, goals)
    met = reached(days, end)
    made = []
    for j, measure in enumerate(days.measures):
        if measure.is_tag:
            continue
        rows = streaks(met[:, j])
        value = float(days.values[-1, j])
        goal = float(end[-1, j])
        here, there = np.isfinite(value), np.isfinite(goal)
        # Today is not over: a bar not yet full does not end the row of the days before.
        today = rows[-1] or (rows[-2] if len(rows) > 1 else 0)
        best = max(rows)
        made.append(
            Progress(
                measure=measure.key,
                day=days.last_day,
                value=value if here else None,
                end=goal if there else None,
                own=measure.key in (goals or {}),
                share=value / goal if here and there and goal > 0 else None,
                reached=bool(met[-1, j]) if here and there else None,
                streak=today,
                best=best,
                best_day=days.first_day + len(rows) - 1 - rows[::-1].index(best) if best else None,
            )
        )
    return made


ANALYSIS = Analysis(
    name="goals", version=1, run=run, options={"goals": "own goals by key, one or one per day"}
)
