"""What weekday, season and slow trend explain, and what remains."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import BSpline

from diurnal.analysis import Days, Floats

KNOT_DAYS = 90
"""Slower than this is trend; a link between two trends is no news."""
YEAR = 365.25
SEASON_DAYS_MIN = 730
"""In less than two years a season and a trend are the same thing, and the spline has both."""


def design(days: Days) -> Floats:
    """Return the calendar as regressors.

    Returns:
        float64[days, k]: `plain`; with two years also two yearly waves, and weekends that change.
    """
    n = len(days.values)
    if n < SEASON_DAYS_MIN:
        return plain(days)
    turn = 2 * np.pi * (days.first_day + np.arange(n))[:, None] / YEAR * np.array([1.0, 2.0])
    # Weekends are not the same in summer and in winter, nor before and after a new job.
    weekend = (days.weekdays() >= 5).astype(np.float64)[:, None]
    slow = _spline(n, 2 * KNOT_DAYS)
    changing = (weekend - weekend.mean()) * (slow - slow.mean(axis=0))
    return np.concatenate([plain(days), np.sin(turn), np.cos(turn), changing], axis=1)


def plain(days: Days) -> Floats:
    """Return the weekdays and the slow trend alone.

    Returns:
        float64[days, k]: six weekdays against Sunday, and a cubic spline with a knot per 90 days,
        which includes the constant.
    """
    week = (days.weekdays()[:, None] == np.arange(6)).astype(np.float64)
    return np.concatenate([week, _spline(len(days.values), KNOT_DAYS)], axis=1)


def _spline(n: int, knot_days: int) -> Floats:
    pieces = max(1, round(n / knot_days))
    inner = np.linspace(0, n - 1 if n > 1 else 1, pieces + 1)
    knots = np.concatenate([[inner[0]] * 3, inner, [inner[-1]] * 3])
    made: Floats = BSpline.design_matrix(np.arange(n, dtype=np.float64), knots, 3).toarray()
    return made


def residuals(values: Floats, regressors: Floats) -> Floats:
    """Return what least squares leaves of each column, on the days that the column has.

    Args:
        values: float64[days, measures], NaN where missing.
        regressors: float64[days, k], complete.

    Returns:
        float64[days, measures], NaN where missing.
    """
    return values - fitted(values, regressors)


def fitted(values: Floats, regressors: Floats) -> Floats:
    """Return the least-squares fit of each column, for every day."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    k = regressors.shape[1]
    # The normal equations of all days less those of a column's missing ones, or those of its
    # known ones where they are fewer.
    whole = regressors.T @ regressors
    gram = np.empty((values.shape[1], k, k))
    for j, here in enumerate(np.ascontiguousarray(known.T)):
        few = 2 * np.count_nonzero(here) < len(here)
        rows = regressors[here if few else ~here]
        gram[j] = rows.T @ rows if few else whole - rows.T @ rows
    # A spline piece inside a gap has no data; the ridge leaves it at nothing.
    gram[:, np.arange(k), np.arange(k)] += 1e-7 * len(values)
    right = filled.T @ regressors
    coefficients = np.linalg.solve(gram, right[:, :, None])[:, :, 0]
    fit: Floats = regressors @ coefficients.T
    return fit
