"""What every pair of measures says at every lag, and what that weighs together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression

from diurnal.analysis import Bools, Floats, _pairs

DAYS_MIN = 30
CANDIDATE_P = 0.05
CANDIDATES = 40
"""Of large tables only so many are tried twice that chance alone brings; more would not be found
unless hundreds of links are."""
SOME = 0.5
"""Share of the evidence spent on lag 0, and on each of the two ways to look at memory."""


class Tests(NamedTuple):
    """Every cause against every outcome; arrays are [lags, causes, outcomes]."""

    r: Floats
    n: Floats
    slack: Floats
    uneven: Floats
    p: Floats
    out: _pairs.Outcomes
    weights: Floats

    @property
    def charged(self) -> Floats:
        """P as the price of having looked at this lag among others, to choose between lags."""
        return self.p / self.weights[:, None, None]


def weights(lag_max: int) -> Floats:
    """Return the share of the evidence for each lag from 0 on, in one of both directions.

    Half is for the same day, where most links are; the rest goes by 1 / lag².
    """
    if lag_max == 0:
        return np.array([0.5])
    far = 1 / np.arange(1, lag_max + 1) ** 2
    return np.concatenate([[SOME], (1 - SOME) * far / far.sum()]) / 2


def ask(
    causes: Floats,
    effects: Floats,
    mem: _pairs.Memory,
    of_causes: _pairs.Memory,
    ask: Bools,
    weights: Floats,
    spent: int,
) -> Tests:
    """Test every ordered pair at every lag."""
    out = _pairs.outcomes(effects, mem)
    found = [_pairs.links(causes, of_causes, out, lag, spent) for lag in range(len(weights))]
    p = np.stack(
        [
            np.where(ask & (f.n >= DAYS_MIN), _pairs.skewed(f, of_causes.skew, mem.skew), 1.0)
            for f in found
        ]
    )
    tests = Tests(
        np.stack([f.r for f in found]),
        np.stack([f.n for f in found]),
        np.stack([f.slack for f in found]),
        np.stack([f.uneven for f in found]),
        p,
        out,
        weights,
    )
    # What looks like a link is asked again against moved copies of itself.
    likely = min(CANDIDATE_P, CANDIDATES / max(int(ask.sum()), 1))
    i, j = np.nonzero(p.min(axis=0) < likely)
    if len(i):
        wide = _pairs.shifted(causes, out, (i, j))
        at = np.s_[:, i, j]
        worth = _pairs.effective(
            tests.n[at],
            np.maximum(tests.slack[at], wide),
            tests.uneven[at],
            spent / len(causes),
        )
        p[at] = np.maximum(p[at], _pairs.t_test(tests.r[at], worth))
        tests.slack[at] = np.maximum(tests.slack[at], wide)
    return tests


def strongest(tests: Tests) -> Floats:
    """Return for every pair the r of the lag and direction with most evidence."""
    charged = tests.charged
    r = np.take_along_axis(tests.r, charged.argmin(axis=0)[None], axis=0)[0]
    p = charged.min(axis=0)
    chosen: Floats = np.where(p <= p.T, r, r.T)
    return chosen


def evidence(tests: Tests) -> Floats:
    """Return what all lags of each ordered pair say together, as a weighted Cauchy statistic.

    Taking the best of several looks would charge for all of them, though most see the same thing.
    Cauchy's law has the tail of its average, whatever the looks have in common.

    Source:
        Liu & Xie 2020, J. Am. Stat. Assoc. 115, 393.
    """
    p = np.clip(tests.p, 1e-300, 0.95)
    steep = np.where(p < 1e-8, 1 / (np.pi * p), np.tan((0.5 - p) * np.pi))
    total: Floats = (tests.weights[:, None, None] * steep).sum(axis=0)
    return total


def chance(evidence: Floats) -> Floats:
    """Return the p of a Cauchy statistic."""
    far = np.maximum(evidence, 1e6)
    return np.where(evidence > 1e6, 1 / (np.pi * far), 0.5 - np.arctan(evidence) / np.pi)


def local(p: Floats) -> Floats:
    """Return the chance of each single pair to be nothing, from how thick p lies around its own.

    Source:
        Efron 2010, Large-Scale Inference, ch. 5, with the decreasing density of Grenander 1956.
    """
    order = np.argsort(p)
    gaps = np.maximum(np.diff(np.concatenate([[0.0], p[order]])), 1e-300)
    thick = isotonic_regression(1 / len(p) / gaps, weights=gaps, increasing=False).x
    chance = np.empty_like(p)
    chance[order] = np.minimum(1 / np.maximum(thick, 1e-300), 1.0)
    return chance
