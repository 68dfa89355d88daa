"""What is usual: medians overall and by weekday, exact for Exist and steadied for ourselves."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from scipy.special import ndtri

from diurnal.analysis import Analysis, Days, Floats, Ints

WINDOW_DAYS = 60
"""Exist's window; eight or nine values a weekday."""
MEDIAN_ERROR = math.sqrt(math.pi / 2)
"""A median wanders that much more than a mean."""
Z95 = float(ndtri(0.975))
DAYS_MIN = 1


class Usual(msgspec.Struct, frozen=True):
    """A steadied value and where it lies with 95 % probability."""

    value: float
    low: float
    high: float


class Average(msgspec.Struct, frozen=True, kw_only=True):
    """What is usual for one measure, at one day.

    Attributes:
        measure: key.
        day: last day of the window.
        n: days with a value in it.
        overall: median of all.
        weekdays: Monday to Sunday, exact medians; None for a weekday without a value.
        steady: Monday to Sunday, drawn towards the overall median as far as eight values are no
            evidence against it.
        around: the overall median with its interval.
    """

    measure: str
    day: int
    n: int
    overall: float
    weekdays: tuple[float | None, ...]
    steady: tuple[Usual, ...]
    around: Usual

    def filled(self) -> tuple[float, ...]:
        """Return the weekdays for clients that take no null: the overall median fills in."""
        return tuple(self.overall if value is None else value for value in self.weekdays)


def at(days: Days, last_day: int) -> list[Average]:
    """Return the averages of the 60 days that end with `last_day`, for measures that have any."""
    window = days.window(last_day - WINDOW_DAYS + 1, last_day)
    weekday = window.weekdays()
    made = []
    for measure, column in zip(days.measures, window.values.T, strict=True):
        known = np.isfinite(column)
        if int(known.sum()) >= DAYS_MIN:
            made.append(_average(measure.key, last_day, column[known], weekday[known]))
    return made


def weekly(days: Days, weeks: int, last_day: int) -> list[Average]:
    """Return the averages of the last Sundays up to `last_day`, newest first."""
    sunday = last_day - (last_day + 4) % 7
    made = []
    for back in range(weeks):
        day = sunday - 7 * back
        if day < days.first_day:
            break
        made += at(days, day)
    return made


def run(days: Days) -> list[Average]:
    """Return the averages at the last day of the table."""
    return at(days, days.last_day) if len(days.values) else []


def _average(key: str, day: int, values: Floats, weekday: Ints) -> Average:
    overall = float(np.median(values))
    parts = [values[weekday == k] for k in range(7)]
    medians = [float(np.median(part)) if len(part) else None for part in parts]
    error = MEDIAN_ERROR * _spread(values) / math.sqrt(len(values))
    return Average(
        measure=key,
        day=day,
        n=len(values),
        overall=overall,
        weekdays=tuple(medians),
        steady=_steady(overall, parts, medians),
        around=Usual(overall, overall - Z95 * error, overall + Z95 * error),
    )


def _steady(overall: float, parts: list[Floats], medians: list[float | None]) -> tuple[Usual, ...]:
    """Shrink each weekday's median to the overall one, by how much weekdays truly differ.

    Source:
        Empirical Bayes with normal errors (Efron & Morris 1975): the variance between weekdays is
        what is left of the medians' variance after that of chance.
    """
    there = [(part, m) for part, m in zip(parts, medians, strict=True) if m is not None]
    off = np.concatenate([part - m for part, m in there])
    lost = len(there)
    scale = math.sqrt(len(off) / (len(off) - lost)) if len(off) > lost else 1.0
    within = (_spread_about(off) * scale * MEDIAN_ERROR) ** 2
    gaps = np.array([m - overall for _, m in there])
    chance = np.array([within / len(part) for part, _ in there])
    between = max(0.0, float((gaps**2 - chance).sum()) / max(len(there) - 1, 1))
    made = []
    for part, median in zip(parts, medians, strict=True):
        if median is None or len(part) == 0:
            wide = Z95 * math.sqrt(between)
            made.append(Usual(overall, overall - wide, overall + wide))
            continue
        own = within / len(part)
        weight = between / (between + own) if between + own > 0 else 1.0
        value = overall + weight * (median - overall)
        # How far to pull is itself known from seven weekdays only (Morris 1983).
        pull = 2 / max(len(there) - 3, 1) * ((1 - weight) * (median - overall)) ** 2
        everybody = within / sum(len(p) for p in parts)
        left = weight * own + (1 - weight) * everybody + pull
        wide = Z95 * math.sqrt(left)
        made.append(Usual(value, value - wide, value + wide))
    return tuple(made)


def _spread(values: Floats) -> float:
    return _spread_about(values - np.median(values))


def _spread_about(off: Floats) -> float:
    """Return a standard deviation that one odd day does not move."""
    mad = 1.4826 * float(np.median(np.abs(off)))
    return mad if mad > 0 else float(np.sqrt(np.mean(off**2)))


ANALYSIS = Analysis(name="averages", version=1, run=run)
