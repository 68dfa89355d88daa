"""Where a measure is heading: the slope of the last months, with an interval that knows memory."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from scipy.special import ndtr
from scipy.stats import false_discovery_control

from diurnal.analysis import Analysis, Days, Floats
from diurnal.analysis._calendar import fitted
from diurnal.analysis._effects import slope
from diurnal.analysis._outliers import without
from diurnal.analysis._pairs import MEMORY_MAX, autocorrelation

WINDOW_DAYS = 90
DAYS_MIN = 30
Q_MAX = 0.05


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """One measure's way up or down.

    Attributes:
        measure: key.
        per_day: change a day; low and high its 95 % interval.
        change: over the window.
        p, q: Mann and Kendall's test on effective days; q over all measures asked.
        first_day, last_day: the window.
    """

    measure: str
    per_day: float
    low: float
    high: float
    change: float
    n: int
    p: float
    q: float
    first_day: int
    last_day: int


def run(days: Days, *, window_days: int = WINDOW_DAYS) -> list[Trend]:
    """Return the trends of the last `window_days` that chance and memory do not explain."""
    window = days.window(days.last_day - window_days + 1, days.last_day)
    if len(window.values) < DAYS_MIN:
        return []
    values = without(window)
    found = []
    for j, measure in enumerate(days.measures):
        if measure.is_tag or int(np.isfinite(values[:, j]).sum()) < DAYS_MIN:
            continue
        column = of_weekdays_freed(values[:, j], window)
        at = np.flatnonzero(np.isfinite(column))
        y, t = column[at], at.astype(np.float64)
        if np.ptp(y) == 0:
            continue
        wide = inflation(column)
        per_day, low, high = slope(t, y, wide)
        found.append(
            Trend(
                measure=measure.key,
                per_day=per_day,
                low=low,
                high=high,
                change=per_day * (len(column) - 1),
                n=len(y),
                p=kendall(t, y, wide),
                q=1.0,
                first_day=window.first_day,
                last_day=window.last_day,
            )
        )
    if not found:
        return []
    q = false_discovery_control([trend.p for trend in found])
    made = [msgspec.structs.replace(t, q=float(v)) for t, v in zip(found, q, strict=True)]
    return sorted((t for t in made if t.q <= Q_MAX), key=lambda trend: trend.p)


def of_weekdays_freed(column: Floats, days: Days) -> Floats:
    """Return a column without what its weekdays explain beside a straight line."""
    n = len(column)
    week = (days.weekdays()[:, None] == np.arange(6)).astype(np.float64)
    week -= week.mean(axis=0)
    line = np.stack([np.ones(n), np.linspace(-1, 1, n)], axis=1)
    both = fitted(column[:, None], np.concatenate([week, line], axis=1))
    alone = fitted((column - both[:, 0])[:, None] * 0 + both, line)
    made: Floats = column - (both - alone)[:, 0]
    return made


def inflation(column: Floats) -> float:
    """Return how much memory widens chance in a sum over days: (1 + phi) / (1 - phi).

    Measured about the straight line, and corrected for the bias of short series.
    """
    n = len(column)
    line = np.stack([np.ones(n), np.linspace(-1, 1, n)], axis=1)
    rest = column[:, None] - fitted(column[:, None], line)
    known = int(np.isfinite(column).sum())
    phi = float(autocorrelation(rest, 2)[0, 1])
    phi = min(max(phi + (2 + 4 * phi) / max(known, 1), 0.0), MEMORY_MAX)
    return (1 + phi) / (1 - phi)


def kendall(t: Floats, y: Floats, wide: float) -> float:
    """Return Mann and Kendall's two-sided p, its variance widened by `wide`.

    Source:
        Mann 1945, Kendall 1975 with ties; Hamed & Rao 1998 on memory.
    """
    n = len(y)
    i, j = np.triu_indices(n, 1)
    score = float(np.sign(t[j] - t[i]) @ np.sign(y[j] - y[i]))
    _, ties = np.unique(y, return_counts=True)
    tied = float((ties * (ties - 1) * (2 * ties + 5)).sum())
    variance = (n * (n - 1) * (2 * n + 5) - tied) / 18 * wide
    return float(2 * ndtr(-abs(score) / math.sqrt(variance))) if variance > 0 else 1.0


ANALYSIS = Analysis(
    name="trends", version=1, run=run, options={"window_days": "how far back to look"}
)
