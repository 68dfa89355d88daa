"""Values that cannot be meant: typing errors and sensor glitches, judged against their season."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from diurnal.analysis import Bools, Days, Floats
from diurnal.analysis._calendar import fitted, plain

GLITCH = 12.0
"""Robust standard deviations; nothing that lives goes there."""
TYPO = 6.0
"""Enough where one slip of the keyboard explains it and its correction is ordinary."""
USUAL = 2.5
FITS = 3
SLIPS = (10.0, 0.1, 100.0, 0.01, 1000.0, 0.001)
"""What a lost or doubled digit, or a comma out of place, multiplies a value by."""
MODE_SHARE_MAX = 0.3
DAYS_MIN = 30


class Suspects(NamedTuple):
    """Where values cannot be meant.

    Attributes:
        out: bool[days, measures].
        z: float64[days, measures], robust standard deviations from what the calendar expects;
            NaN where missing or where the column is not judged.
        instead: float64[days, measures], what was probably meant; NaN where nobody can say.
    """

    out: Bools
    z: Floats
    instead: Floats


def suspects(days: Days) -> Suspects:
    """Find the values that a slip or a glitch explains, and nothing else does."""
    values = days.values
    z = np.full(values.shape, np.nan)
    instead = np.full(values.shape, np.nan)
    judged = np.array([_judged(m.is_tag, v) for m, v in zip(days.measures, values.T, strict=True)])
    if not judged.any():
        return Suspects(np.zeros(values.shape, dtype=np.bool_), z, instead)
    columns = values[:, judged]
    # On the scale where a column is more even on both sides, an ordinary high day is ordinary.
    amounts = np.where(np.nanmin(columns, axis=0) >= 0, columns, np.nan)
    ratio = _lopsided(np.log1p(amounts)) < _lopsided(columns)

    def scale(x: Floats) -> Floats:
        return np.where(ratio, np.log1p(np.where(ratio, x, 0.0)), x)

    scaled = scale(columns)
    regressors = plain(days)
    # The first fit is bent by what it is to find; each next one does without that.
    fit = fitted(scaled, regressors)
    for _ in range(FITS):
        fit = fitted(np.where(np.abs(_robust(scaled - fit)) > USUAL, np.nan, scaled), regressors)
    off = scaled - fit
    found = _robust(off)
    spread = _spread(off)
    # A day of few steps is a day in bed, or a watch in a drawer; only too much is a slip.
    total = np.array([m.is_total for m, j in zip(days.measures, judged, strict=True) if j])
    beyond = np.where(total, found, np.abs(found))
    z[:, judged] = found
    meant = np.full(columns.shape, np.nan)
    for slip in SLIPS:
        back = scale(columns / slip)
        plausible = (beyond > TYPO) & (np.abs((back - fit) / spread) < USUAL) & np.isnan(meant)
        meant = np.where(plausible, columns / slip, meant)
    instead[:, judged] = meant
    out = np.zeros(values.shape, dtype=np.bool_)
    out[:, judged] = np.isfinite(meant) | (beyond > GLITCH)
    # A glitch stands alone: neighbours of the same sort are an illness, a journey, a new life.
    beside = np.zeros_like(out)
    high = np.nan_to_num(np.abs(z)) > USUAL
    beside[1:] |= high[:-1]
    beside[:-1] |= high[1:]
    return Suspects(out & ~beside, z, instead)


def without(days: Days) -> Floats:
    """Return the values with the suspects missing."""
    return np.where(suspects(days).out, np.nan, days.values)


def _judged(is_tag: bool, column: Floats) -> bool:
    known = column[np.isfinite(column)]
    if is_tag or len(known) < DAYS_MIN:
        return False
    _, counts = np.unique(known, return_counts=True)
    return len(counts) > 8 and float(counts.max()) <= MODE_SHARE_MAX * len(known)


def _lopsided(x: Floats) -> Floats:
    """Return how much further the upper tenth reaches than the lower; inf where unknown."""
    empty = np.isnan(x).all(axis=0)
    low, middle, high = np.nanpercentile(np.where(empty, 0.0, x), [10, 50, 90], axis=0)
    reach = high - low
    made: Floats = np.abs(high + low - 2 * middle) / np.where(reach > 0, reach, 1.0)
    return np.where(empty, np.inf, made)


def _robust(off: Floats) -> Floats:
    centre = np.nanmedian(off, axis=0)
    made: Floats = (off - centre) / _spread(off)
    return made


def _spread(off: Floats) -> Floats:
    centre = np.nanmedian(off, axis=0)
    mad: Floats = 1.4826 * np.nanmedian(np.abs(off - centre), axis=0)
    return np.where(mad > 0, mad, np.inf)
