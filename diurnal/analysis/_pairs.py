"""All pairs at once: sums over the days that both have, made by products of matrices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import gammaincc, stdtr

from diurnal.analysis import Floats, Places

MEMORY_DAYS = 20
"""How far back autocorrelation is summed (Pyper & Peterman 1998 use about this)."""
DAYS_EFFECTIVE_MIN = 8.0
MEMORY_MAX = 0.98
ALLOWED = 0.5
"""Standard errors that a measured widening of chance may have by chance itself."""
SHIFT_MIN = 14
"""Circular shifts smaller than this may still hold the link that they are to break."""


class Plain(NamedTuple):
    """Pearson's r of every pair, and the number of days that both have."""

    r: Floats
    n: Floats


def pearson(x: Floats, y: Floats) -> Plain:
    """Return Pearson's r between the columns of `x` and `y` over pairwise-complete days.

    Args:
        x: float64[days, p], NaN where missing.
        y: float64[days, q], NaN where missing.

    Returns:
        float64[p, q] each; r is NaN where fewer than two days are shared or one side is constant
        on them.
    """
    in_x, in_y = np.isfinite(x), np.isfinite(y)
    # Centred and scaled first: sums of squares of 100,000 ± 1 would cancel to noise.
    a = np.where(in_x, (x - _mean(x)) / _spread(x), 0.0)
    b = np.where(in_y, (y - _mean(y)) / _spread(y), 0.0)
    u, v = in_x.astype(np.float64), in_y.astype(np.float64)
    n = u.T @ v
    with np.errstate(invalid="ignore", divide="ignore"):
        sa, sb = a.T @ v, u.T @ b
        cross = a.T @ b - sa * sb / n
        va = (a * a).T @ v - sa * sa / n
        vb = u.T @ (b * b) - sb * sb / n
        flat = (va <= 1e-12 * n) | (vb <= 1e-12 * n) | (n < 2)
        r = np.where(flat, np.nan, cross / np.sqrt(va * vb))
    return Plain(np.clip(r, -1.0, 1.0), n)


def _mean(x: Floats) -> Floats:
    known = np.isfinite(x)
    total: Floats = np.where(known, x, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return total


def _spread(x: Floats) -> Floats:
    known = np.isfinite(x)
    off = np.where(known, x - _mean(x), 0.0)
    spread: Floats = np.sqrt((off**2).sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    return np.where(spread > 0, spread, 1.0)


def t_test(r: Floats, n: Floats) -> Floats:
    """Return the two-sided p of r by Student's t with n - 2 degrees of freedom."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(r) * np.sqrt((n - 2) / ((1 - r) * (1 + r)))
    p: Floats = 2 * stdtr(n - 2, -t)
    return np.where(np.abs(r) == 1, np.where(n > 2, 0.0, np.nan), p)


class Memory(NamedTuple):
    """What each column remembers of its own yesterday.

    Attributes:
        phi: float64[measures], first-order autoregression, corrected for the bias of short series.
        acf: float64[measures, MEMORY_DAYS + 2], autocorrelation from lag 0 on.
        skew: float64[measures], third standardised moment.
    """

    phi: Floats
    acf: Floats
    skew: Floats


def memory(series: Floats, spent: int) -> Memory:
    """Measure the memory of residuals; `spent` is how many regressors they were freed of."""
    known = np.isfinite(series)
    x = np.where(known, series, 0.0)
    n = np.maximum(known.sum(axis=0), 1)
    acf = autocorrelation(series, MEMORY_DAYS + 2)
    # Taking out a trend takes out slow memory too: about (1 + 3 phi + spent / 2) / n of phi
    # (Marriott & Pope 1954 for the first part; the second is seen in simulated series).
    phi = acf[:, 1] + (1 + 3 * acf[:, 1] + spent / 2 * np.maximum(acf[:, 1], 0)) / n
    phi = np.where(np.abs(phi) < 2 / np.sqrt(n), acf[:, 1], phi)
    second = (x**2).sum(axis=0) / n
    third = (x**3).sum(axis=0) / n
    skew = third / np.where(second > 0, second, 1.0) ** 1.5
    return Memory(np.clip(phi, -0.5, MEMORY_MAX), acf, skew)


def autocorrelation(series: Floats, lags: int) -> Floats:
    """Return float64[measures, lags]: 1 at lag 0, over the days that have both."""
    known = np.isfinite(series).astype(np.float64)
    x = np.where(known > 0, series - _mean(series), 0.0)
    days = len(x)
    size = next_fast_len(days + lags, real=True)
    power = np.abs(rfft(x, size, axis=0)) ** 2
    pairs = np.abs(rfft(known, size, axis=0)) ** 2
    sums = irfft(power, size, axis=0)[:lags]
    counts = np.maximum(irfft(pairs, size, axis=0)[:lags], 1.0)
    mean = sums / counts
    made: Floats = (mean / np.where(mean[0] > 0, mean[0], 1.0)).T
    made[:, 0] = 1.0
    return np.clip(np.ascontiguousarray(made), -1.0, 1.0)


class Outcomes(NamedTuple):
    """Columns freed of their own memory, ready to be asked what drives them.

    Where the day before is known its part is taken out; where not, the value is scaled to the
    same variance (Prais & Winsten 1954).

    Attributes:
        phi: float64[q].
        white: float64[days, q], 0 where missing.
        known: float64[days, q], 1 where known.
        whole: 1 where the day before is known too.
        start: sqrt(1 - phi²) where the day before is missing, else 0.
        acf: float64[q, MEMORY_DAYS] of `white`, from lag 1 on.
    """

    phi: Floats
    white: Floats
    known: Floats
    whole: Floats
    start: Floats
    acf: Floats


def outcomes(series: Floats, mem: Memory) -> Outcomes:
    """Free columns of their own memory."""
    known = np.isfinite(series)
    y = np.where(known, series, 0.0)
    before, had = np.zeros_like(y), np.zeros_like(known)
    before[1:], had[1:] = y[:-1], known[:-1]
    whole = (known & had).astype(np.float64)
    start = np.where(known & ~had, np.sqrt(1 - mem.phi**2), 0.0)
    white = whole * (y - mem.phi * before) + start * y
    acf = autocorrelation(np.where(known, white, np.nan), MEMORY_DAYS + 1)[:, 1:]
    return Outcomes(mem.phi, white, known.astype(np.float64), whole, start, acf)


class Links(NamedTuple):
    """Every cause against every outcome, float64[p, q] each.

    Attributes:
        r: correlation after both are freed of the outcome's memory.
        n: days used.
        slack: how much wider chance is than 1 / n because of the memory that is left.
        uneven: the same because both are noisy on the same days.
        effective: the days that these are worth: n / slack / uneven, less what was fitted.
        p: two-sided.
    """

    r: Floats
    n: Floats
    slack: Floats
    uneven: Floats
    effective: Floats
    p: Floats


def links(causes: Floats, mem: Memory, out: Outcomes, lag: int, spent: int) -> Links:
    """Ask of every pair whether the outcome follows the cause by `lag` days.

    The outcome is white by itself, so whatever the cause's own memory, chance alone gives r the
    variance 1 / n; what memory is left, and noise that both have on the same days, is paid for in
    effective days.

    Args:
        causes: float64[days, p] residuals, NaN where missing.
        mem: of the causes.
        out: from `outcomes`, of the same days.
        lag: 0 or more; the cause comes first.
        spent: regressors taken out.
    """
    days = len(causes) - lag
    known = np.isfinite(causes)
    x_all = np.where(known, causes, 0.0)
    before = np.zeros_like(x_all)
    before[1:] = np.where(known[1:], x_all[:-1], 0.0)
    x, x1, has = x_all[:days], before[:days], known[:days].astype(np.float64)
    y, seen = out.white[lag:], out.known[lag:]
    whole, start = out.whole[lag:], out.start[lag:]
    phi = out.phi
    # The cause passes the outcome's own filter, which is another one for every outcome. It is
    # linear, so products with the cause and with its yesterday serve all of them.
    weight = whole + start
    y2 = y * y
    square = (x * x).T
    n = has.T @ seen
    sum_y = has.T @ y
    sum_yy = has.T @ y2
    if not phi.any():
        sum_x, sum_xy, sum_xx, both = x.T @ seen, x.T @ y, square @ seen, square @ y2
    else:
        cross, square1 = (x * x1).T, (x1 * x1).T
        sum_x = x.T @ weight - phi * (x1.T @ whole)
        sum_xy = x.T @ (weight * y) - phi * (x1.T @ (whole * y))
        sum_xx = square @ weight**2 - 2 * phi * (cross @ whole) + phi**2 * (square1 @ whole)
        both = (
            square @ (weight**2 * y2)
            - 2 * phi * (cross @ (whole * y2))
            + phi**2 * (square1 @ (whole * y2))
        )
    count = np.maximum(n, 1.0)
    var_x = sum_xx - sum_x**2 / count
    var_y = sum_yy - sum_y**2 / count
    good = (var_x > 1e-9 * count) & (var_y > 1e-9 * count)
    scale = np.where(good, np.sqrt(np.where(good, var_x * var_y, 1.0)), 1.0)
    r = np.clip(np.where(good, (sum_xy - sum_x * sum_y / count) / scale, 0.0), -0.9999, 0.9999)
    uneven = np.where(good, count * both / scale**2, 1.0) - 2 * r**2
    # Chance alone moves it by sqrt(8 / n); only what is beyond that is paid for.
    uneven = np.maximum(uneven - np.sqrt(8 / count) * ALLOWED, 1.0)
    slack = _inflation(mem.acf, out, len(causes))
    worth = effective(count, slack, uneven, spent / len(causes))
    p = np.where(good, t_test(r, worth), 1.0)
    return Links(r, n, slack, uneven, worth, p)


def effective(n: Floats, slack: Floats, uneven: Floats, spent: float) -> Floats:
    """Return what `n` days are worth; `spent` is the share of them that was fitted away."""
    worth: Floats = np.maximum(n * (1 - spent) / (slack * uneven), DAYS_EFFECTIVE_MIN)
    return worth


def _inflation(acf: Floats, out: Outcomes, days: int) -> Floats:
    """Return how much what memory is left widens chance: 1 + 2 sum (1 - h/n) rho_x rho_y."""
    lags = np.arange(1, MEMORY_DAYS + 1)
    weighted = (out.acf * np.maximum(1 - lags / days, 0)).T
    phi = out.phi
    # The cause's autocorrelation after the outcome's filter, from the one before it.
    same = acf[:, 1 : MEMORY_DAYS + 1] @ weighted
    beside = (acf[:, :MEMORY_DAYS] + acf[:, 2 : MEMORY_DAYS + 2]) @ weighted
    own = 1 + phi**2 - 2 * phi * acf[:, 1:2]
    total = ((1 + phi**2) * same - phi * beside) / np.maximum(own, 0.02)
    return np.maximum(1 + 2 * total, 1.0)


def skewed(found: Links, skew_x: Floats, skew_y: Floats) -> Floats:
    """Return p that also holds for lopsided columns such as rare tags.

    Two rare tags that meet by chance give a large r more often than t says. The third moment of
    r is known (the product of both skews by sqrt n); a gamma law that has it gives the tail.

    Source:
        Mielke & Berry 2007, Permutation Methods, on Pearson type III.
    """
    third = np.multiply.outer(skew_x, skew_y) / np.sqrt(found.effective)
    z = found.r * np.sqrt(found.effective)
    at_stake = (found.p < 0.05) & (third * z > 0) & (np.abs(third) > 0.02)
    p = found.p.copy()
    shape = 4 / third[at_stake] ** 2
    tail = gammaincc(shape, shape + np.abs(z[at_stake]) * np.sqrt(shape))
    p[at_stake] = np.maximum(p[at_stake], np.minimum(2 * tail, 1.0))
    return p


def shifted(causes: Floats, out: Outcomes, pairs: tuple[Places, Places]) -> Floats:
    """Return the variance of r by chance for chosen pairs, as a multiple of 1 / n.

    One side is moved against the other by 14 days and more: that breaks a link and keeps
    everything else, whatever the model of memory missed.

    Args:
        causes: float64[days, p], NaN where missing.
        out: of the outcomes.
        pairs: columns of the causes, columns of the outcomes.

    Returns:
        float64[pairs], at least 1.
    """
    left, right = pairs
    days = len(causes)
    size = next_fast_len(2 * days, real=True)
    known = np.ascontiguousarray(np.isfinite(causes).T)
    x = np.where(known, causes.T, 0.0)
    white, there = np.ascontiguousarray(out.white.T), np.ascontiguousarray(out.known.T)
    reach = days // 2
    lags = np.concatenate([np.arange(SHIFT_MIN, reach), size - np.arange(SHIFT_MIN, reach)])
    spread = np.ones(len(left))
    if reach <= SHIFT_MIN + 20:
        return spread
    step = max(1, 2_000_000 // size)
    for at in range(0, len(left), step):
        i, j = left[at : at + step], right[at : at + step]
        cause = x[i]
        cause[:, 1:] -= out.phi[j][:, None] * x[i, :-1]
        has = known[i].astype(np.float64)
        days_x = np.maximum(has.sum(axis=1), 1)
        mean = (cause * has).sum(axis=1) / days_x
        cause = (cause - mean[:, None]) * has
        y, seen = white[j], there[j]
        sums = irfft(np.conj(rfft(cause, size)) * rfft(y, size), size)[:, lags]
        counts = irfft(np.conj(rfft(has, size)) * rfft(seen, size), size)[:, lags]
        power = (cause**2).sum(axis=1) / days_x
        power *= (y**2).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
        squares = sums**2 / (np.maximum(counts, 1.0) * np.maximum(power, 1e-12)[:, None])
        spread[at : at + step] = squares.mean(axis=1) - ALLOWED * np.sqrt(2 / len(lags))
    return np.maximum(spread, 1.0)
