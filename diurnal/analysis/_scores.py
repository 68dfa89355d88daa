"""Ranks as normal scores: one outlier moves nothing, and every scale looks alike."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from diurnal.analysis import Floats


def normal_scores(values: Floats) -> Floats:
    """Return each column's values as normal quantiles of their ranks.

    Args:
        values: float64[days, measures], NaN where missing.

    Returns:
        float64[days, measures] with mean 0 and variance 1 over the known days, all 0 in a
        constant column, NaN where missing.

    Source:
        Blom 1958: (rank - 3/8) / (n + 1/4); ties share their mean rank.
    """
    scores = np.full(values.shape, np.nan)
    for j, column in enumerate(values.T):
        known = np.isfinite(column)
        n = int(known.sum())
        if n == 0:
            continue
        _, place, counts = np.unique(column[known], return_inverse=True, return_counts=True)
        ranks = np.cumsum(counts) - (counts - 1) / 2
        levels = ndtri((ranks - 0.375) / (n + 0.25))
        levels = levels - (levels @ counts) / n
        spread = np.sqrt((levels**2 @ counts) / n)
        scores[known, j] = (levels / spread if spread > 0 else levels * 0.0)[place]
    return scores
