"""Our statistics beside SciPy's and statsmodels' on the same input."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from diurnal.analysis import (
    Days,
    MeasureInfo,
    _effects,
    _evidence,
    _pairs,
    _scores,
    experiments,
    trends,
)
from diurnal.analysis._calendar import design, residuals


def holed(seed: int, days: int = 200, measures: int = 8, share: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(days, measures)).cumsum(axis=0) * 0.2 + rng.normal(size=(days, measures))
    x[rng.random(x.shape) < share] = np.nan
    return x


@given(st.integers(0, 10_000), st.floats(0, 0.6), st.sampled_from([1.0, 1e6, 1e-6]))
@settings(max_examples=15, deadline=None)
def test_pearson_is_exactly_pairwise_complete(seed: int, share: float, offset: float) -> None:
    x = holed(seed, days=60, measures=4, share=share) + offset
    r, n = _pairs.pearson(x, x)
    p = _pairs.t_test(r, n)
    for i in range(4):
        for j in range(i):
            both = np.isfinite(x[:, i]) & np.isfinite(x[:, j])
            assert n[i, j] == both.sum()
            if both.sum() > 2:
                judge = stats.pearsonr(x[both, i], x[both, j])
                assert r[i, j] == pytest.approx(judge.statistic, abs=1e-9)
                assert p[i, j] == pytest.approx(judge.pvalue, rel=1e-6, abs=1e-300)


def test_a_constant_or_empty_pair_has_no_correlation() -> None:
    x = np.full((40, 3), np.nan)
    x[:, 0], x[:20, 1] = 5.0, np.arange(20)
    r, n = _pairs.pearson(x, x)
    assert np.isnan(r[0, 1])
    assert np.isnan(r[1, 2])
    assert n[1, 2] == 0


def test_normal_scores_are_bloms() -> None:
    x = holed(1, measures=1).round(1)
    known = np.isfinite(x[:, 0])
    ranks = stats.rankdata(x[known, 0])
    judge = stats.norm.ppf((ranks - 0.375) / (known.sum() + 0.25))
    made = _scores.normal_scores(x)
    assert made[known, 0] == pytest.approx(stats.zscore(judge))
    assert np.isnan(made[~known, 0]).all()


def test_residuals_are_least_squares_over_the_days_there_are() -> None:
    import statsmodels.api as sm

    x = holed(2, days=400)
    days = Days(19_000, tuple(MeasureInfo(key=f"m{j}", label="M") for j in range(8)), x)
    regressors = design(days)
    made = residuals(x, regressors)
    for j in range(8):
        known = np.isfinite(x[:, j])
        judge = sm.OLS(x[known, j], regressors[known]).fit().resid
        assert made[known, j] == pytest.approx(judge, abs=1e-4)


def test_autocorrelation_is_statsmodels() -> None:
    from statsmodels.tsa.stattools import acf

    x = holed(3, share=0)
    made = _pairs.autocorrelation(x, 11)
    n = len(x)
    # Theirs divides each sum by n, ours by the pairs there are.
    bias = n / (n - np.arange(11))
    for j in range(x.shape[1]):
        assert made[j] == pytest.approx(np.clip(acf(x[:, j], nlags=10) * bias, -1, 1), abs=1e-9)


def test_a_link_through_the_outcomes_memory_is_a_regression_on_freed_values() -> None:
    """The products of matrices give what filtering one pair by hand gives."""
    x = holed(4, days=300, measures=3)
    x -= np.nanmean(x, axis=0)
    mem = _pairs.memory(x, 0)
    out = _pairs.outcomes(x, mem)
    for lag in (0, 1, 2):
        found = _pairs.links(x, mem, out, lag, 0)
        for i, j in ((0, 1), (2, 0)):
            cause, effect, phi = x[:, i], x[:, j], mem.phi[j]
            u, v = [], []
            for t in range(lag, len(x)):
                s = t - lag
                if not (np.isfinite(effect[t]) and np.isfinite(cause[s])):
                    continue
                if t > 0 and np.isfinite(effect[t - 1]):
                    before = cause[s - 1] if s > 0 and np.isfinite(cause[s - 1]) else 0.0
                    u.append(cause[s] - phi * before)
                    v.append(effect[t] - phi * effect[t - 1])
                else:
                    start = np.sqrt(1 - phi**2)
                    u.append(cause[s] * start)
                    v.append(effect[t] * start)
            assert found.n[i, j] == len(u)
            assert found.r[i, j] == pytest.approx(stats.pearsonr(u, v).statistic, abs=1e-9)


def test_theil_sen_is_scipys() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=120), rng.normal(size=120)
    y += 0.5 * x
    judge = stats.theilslopes(y, x, alpha=0.95)
    middle, low, high = _effects.slope(x, y)
    assert middle == pytest.approx(judge.slope)
    assert low == pytest.approx(judge.low_slope, abs=0.01)
    assert high == pytest.approx(judge.high_slope, abs=0.01)


def test_a_slope_over_many_days_keeps_its_interval() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=1_400)
    y = 2 * x + rng.normal(size=1_400)
    middle, low, high = _effects.slope(x, y)
    judge = stats.theilslopes(y, x)
    assert middle == pytest.approx(judge.slope, abs=0.02)
    assert high - low == pytest.approx(judge.high_slope - judge.low_slope, rel=0.15)


def test_the_shift_between_groups_is_hodges_and_lehmanns() -> None:
    rng = np.random.default_rng(7)
    a, b = rng.normal(1, 1, 40), rng.normal(0, 1, 60)
    middle, low, high = _effects.shift(a, b)
    assert middle == pytest.approx(np.median(np.subtract.outer(a, b)))
    # The interval holds just the shifts that the rank sum does not refuse.
    for edge in (low, high):
        p = stats.mannwhitneyu(a - edge, b, method="asymptotic", use_continuity=False).pvalue
        assert p == pytest.approx(0.05, abs=0.006)


def test_mann_kendall_is_kendalls_tau_with_time() -> None:
    rng = np.random.default_rng(8)
    t = np.arange(80.0)
    y = np.round(rng.normal(size=80) + 0.01 * t, 1)
    judge = stats.kendalltau(t, y, method="asymptotic").pvalue
    assert trends.kendall(t, y, 1.0) == pytest.approx(judge, rel=1e-6)


def test_the_cauchy_combination_is_scipys_law_of_the_average() -> None:
    p = np.array([0.01, 0.2, 0.6])[:, None, None]
    weights = np.array([0.5, 0.3, 0.2])
    one = np.ones_like(p)
    out = _pairs.outcomes(np.zeros((5, 1)), _pairs.memory(np.zeros((5, 1)), 0))
    made = _evidence.chance(
        _evidence.evidence(_evidence.Tests(one, one, one, one, p, out, weights))
    )
    score = float((weights * stats.cauchy.isf(p[:, 0, 0])).sum())
    assert made[0, 0] == pytest.approx(stats.cauchy.sf(score))


def test_looking_twice_at_the_same_thing_costs_nothing() -> None:
    p = np.full((2, 1, 1), 1e-5)
    one = np.ones_like(p)
    out = _pairs.outcomes(np.zeros((5, 1)), _pairs.memory(np.zeros((5, 1)), 0))
    made = _evidence.chance(
        _evidence.evidence(_evidence.Tests(one, one, one, one, p, out, np.array([0.5, 0.5])))
    )
    assert made[0, 0] == pytest.approx(1e-5, rel=1e-3)


def test_local_chance_is_high_where_only_noise_is() -> None:
    rng = np.random.default_rng(9)
    p = np.concatenate([rng.random(1_000), rng.random(40) * 1e-6])
    chance = _evidence.local(p)
    assert chance[1_000:].max() < 0.05
    assert np.median(chance[:1_000]) > 0.8


def test_rare_tags_that_meet_twice_are_no_wonder() -> None:
    """Two tags of eight days in a year meet twice by chance once in a hundred years of tags."""
    n, k = 365, 8
    x = np.zeros((n, 2))
    x[:k, 0], x[k - 2 : 2 * k - 2, 1] = 1, 1
    r, days = _pairs.pearson(x, x)
    one = np.ones((2, 2))
    plain = _pairs.t_test(r, days)
    found = _pairs.Links(r, days, one, one, days, plain)
    skew = stats.skew(x)
    careful = _pairs.skewed(found, skew, skew)[0, 1]
    exact = stats.fisher_exact([[2, 6], [6, n - 14]])[1]
    assert plain[0, 1] < 1e-4
    assert exact / 3 < careful < exact * 3


def test_the_draw_of_a_trial_is_the_sign_flip_test() -> None:
    gaps = np.array([1.0, 2.0, -0.5, 3.0, 1.5, 0.2, 2.2])
    judge = stats.permutation_test((gaps,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert experiments.draw_p(gaps) == pytest.approx(judge.pvalue)
    many = np.random.default_rng(10).normal(0.3, 1, 30)
    assert experiments.draw_p(many) == pytest.approx(stats.ttest_1samp(many, 0).pvalue)


def test_nothing_warns_on_an_empty_or_single_day() -> None:
    from diurnal import plugins
    from diurnal.analysis import Analysis

    infos = tuple(MeasureInfo(key=f"m{j}", label="M", is_tag=j == 2) for j in range(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rows in (0, 1, 5, 40):
            for fill in (np.nan, 1.0):
                days = Days(19_000, infos, np.full((rows, 3), fill))
                for analysis in plugins.load("diurnal.analysis", "ANALYSIS", Analysis).values():
                    analysis.run(days)
