"""How much, in the owner's units, with an interval."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from diurnal.analysis import Floats

Z95 = float(ndtri(0.975))
POINTS_MAX = 500
"""Slopes of all pairs are squares of this many; more days are dealt into hands of it."""


class Effect(NamedTuple):
    """What goes with how much more of the other.

    Attributes:
        change: of the outcome.
        low, high: 95 % interval.
        per: that much more of the cause; 1 for a tag.
    """

    change: float
    low: float
    high: float
    per: float


def shift(with_it: Floats, without: Floats, inflation: float = 1.0) -> tuple[float, float, float]:
    """Return by how much one group lies above the other, and the 95 % interval.

    Args:
        with_it: float64[n], no NaN.
        without: float64[m], no NaN.
        inflation: variance of chance as a multiple of independent days'.

    Source:
        Hodges & Lehmann 1963; Moses' interval from the rank sum's normal law.
    """
    gaps = np.subtract.outer(with_it, without).ravel()
    n, m = len(with_it), len(without)
    wide = Z95 * math.sqrt(n * m * (n + m + 1) / 12 * inflation)
    return _middle(gaps, wide)


def slope(x: Floats, y: Floats, inflation: float = 1.0) -> tuple[float, float, float]:
    """Return the change of y for one more of x, and the 95 % interval.

    Args:
        x: float64[n], no NaN.
        y: float64[n], no NaN.
        inflation: as in `shift`.

    Source:
        Theil 1950, Sen 1968; past 500 days the mean over interleaved hands of days.
    """
    hands = -(-len(x) // POINTS_MAX)
    parts = np.array([_slope(x[h::hands], y[h::hands], inflation) for h in range(hands)])
    middle = float(parts[:, 0].mean())
    below, above = parts[:, 0] - parts[:, 1], parts[:, 2] - parts[:, 0]
    return (
        middle,
        middle - float(np.sqrt((below**2).sum())) / hands,
        middle + float(np.sqrt((above**2).sum())) / hands,
    )


def _slope(x: Floats, y: Floats, inflation: float) -> tuple[float, float, float]:
    i, j = np.triu_indices(len(x), 1)
    run = x[j] - x[i]
    moved = run != 0
    slopes = (y[j] - y[i])[moved] / run[moved]
    n = len(x)
    wide = Z95 * math.sqrt(n * (n - 1) * (2 * n + 5) / 18 * inflation)
    # The concordance statistic counts both directions of a pair, the slopes one.
    return _middle(slopes, wide / 2)


def _middle(sample: Floats, wide: float) -> tuple[float, float, float]:
    """Return the median and the order statistics `wide` places below and above it."""
    n = len(sample)
    if n == 0:
        return (0.0, 0.0, 0.0)
    low = min(max(round(n / 2 - wide), 0), n - 1)
    high = min(max(round(n / 2 + wide) - 1, 0), n - 1)
    left, right = (n - 1) // 2, n // 2
    ordered = np.partition(sample, sorted({low, high, left, right}))
    middle = float(ordered[left] + ordered[right]) / 2
    return (middle, min(float(ordered[low]), middle), max(float(ordered[high]), middle))


def round_amount(spread: float) -> float:
    """Return 1, 2 or 5 times a power of ten, near `spread`: an amount that people say."""
    if not spread > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(spread))
    lead = spread / power
    nice = 1 if lead < 1.5 else 2 if lead < 3.5 else 5 if lead < 7.5 else 10
    return float(nice * power)
