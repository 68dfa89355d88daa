"""What goes with what: links between days that survive calendar, memory, multiplicity and lags.

Every step is explained in plain words in `docs/analysis.md`.
"""

from __future__ import annotations

import msgspec
import numpy as np
from scipy.stats import false_discovery_control

from diurnal.analysis import Analysis, Bools, Days, Floats, MeasureInfo, _evidence, _pairs
from diurnal.analysis._calendar import design, residuals
from diurnal.analysis._effects import Effect, round_amount, shift, slope
from diurnal.analysis._evidence import DAYS_MIN, SOME, Tests
from diurnal.analysis._links import Link, direct_enough, fold, through
from diurnal.analysis._outliers import without
from diurnal.analysis._phrases import is_condition
from diurnal.analysis._scores import normal_scores

Q_MAX = 0.04
"""With the bends' 1 % that makes the 5 % of false links that we promise at most."""
ALONE_MAX = 0.2
"""The rate holds for all links together; this is for the weakest of them (Efron 2010)."""
BEND_Q_MAX = 0.01
OTHER_MIN = 8
"""A tag needs that many days of each kind, a number that many away from its usual value."""
LAG_MAX = 7
SAME_GROUP_R = 0.9
SAME_SOURCE_R = 0.7
SAME_R = 0.97


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """All that the question brought up.

    Attributes:
        links: strongest evidence first.
        trivial: pairs that are one thing measured twice; never asked.
        asked: how many pairs were.
        r, q: float64[measures, measures], for the matrix; NaN where not asked.
    """

    links: tuple[Link, ...]
    trivial: tuple[tuple[str, str], ...]
    asked: int
    r: Floats
    q: Floats


def find(days: Days, *, lag_max: int = 2, q_max: float = Q_MAX) -> Found:
    """Find the links among all pairs of measures, at lags up to `lag_max` days either way."""
    if not 0 <= lag_max <= LAG_MAX:
        raise ValueError(f"lag_max is 0 to {LAG_MAX}")
    m = len(days.measures)
    nothing = np.full((m, m), np.nan)
    if len(days.values) < DAYS_MIN or m < 2:
        return Found(links=(), trivial=(), asked=0, r=nothing, q=nothing)
    values = without(days)
    scores = normal_scores(values)
    regressors = design(days)
    spent = regressors.shape[1]
    rest = _evened(days, residuals(scores, regressors), regressors)
    mem = _pairs.memory(rest, spent)
    same = _same(days, scores)
    ask = _enough(days, values) & ~same
    # Two ways to look at memory: an effect on the day itself is clearest once the outcome is
    # freed of its own yesterday; one that lingers is clearest as it stands. Each has half the
    # evidence to spend, so that nobody has to know which it is.
    weights = _evidence.weights(lag_max) * SOME
    freed = _evidence.ask(rest, rest, mem, mem, ask, weights, spent)
    plain = _evidence.ask(rest, rest, mem._replace(phi=np.zeros(m)), mem, ask, weights, spent)
    upper = np.triu_indices(m, 1)
    asked = ask[upper]
    weight = _evidence.evidence(freed) + _evidence.evidence(plain)
    p = _evidence.chance((weight + weight.T)[upper][asked])
    q, alone = np.full((m, m), np.nan), np.ones((m, m))
    pairs = upper[0][asked], upper[1][asked]
    if len(p):
        q[pairs] = q[pairs[::-1]] = false_discovery_control(p)
        alone[pairs] = _evidence.local(p)
    r = _evidence.strongest(freed)
    r = np.where(ask, r, np.nan)
    found = [
        _link(days, rest, freed, plain, int(i), int(j), float(q[i, j]), float(chance))
        for i, j, chance in zip(*pairs, p, strict=True)
        if q[i, j] <= q_max and alone[i, j] <= ALONE_MAX
    ]
    found = direct_enough(through(days, plain, found), q_max)
    raw = residuals(values, regressors) if found else values
    found = [_with_effect(days, values, raw, link) for link in found]
    found += _bends(days, scores, rest, regressors, mem, ask, {(x.a, x.b) for x in found})
    keys = [measure.key for measure in days.measures]
    twice = tuple((keys[i], keys[j]) for i, j in zip(*upper, strict=True) if same[i, j])
    return Found(
        links=tuple(sorted(fold(days, same, found), key=lambda link: (link.p, -abs(link.r)))),
        trivial=twice,
        asked=int(asked.sum()),
        r=r,
        q=q,
    )


def run(days: Days, *, lag_max: int = 2) -> list[Link]:
    """Return the links that may be shown, strongest evidence first."""
    return list(find(days, lag_max=lag_max).links)


def _evened(days: Days, rest: Floats, regressors: Floats) -> Floats:
    """Give working days and weekends the same spread, and scores of their own.

    Who does not work on Saturdays is told nothing by them; left as they are, they only dilute.
    """
    weekend = days.weekdays() >= 5
    made = rest.copy()
    for part in (weekend, ~weekend):
        known = np.isfinite(rest[part])
        n = known.sum(axis=0)
        spread = np.sqrt((np.where(known, rest[part], 0.0) ** 2).sum(axis=0) / np.maximum(n, 1))
        made[part] = rest[part] / np.where((spread > 0) & (n >= DAYS_MIN), spread, 1.0)
    return residuals(normal_scores(made), regressors)


def _enough(days: Days, values: Floats) -> Bools:
    """Return which pairs have the days: 30 of both, and variety on either side of them."""
    known = np.isfinite(values)
    usual = np.zeros(values.shape, dtype=np.bool_)
    for j, column in enumerate(values.T):
        there = column[known[:, j]]
        if len(there):
            levels, counts = np.unique(there, return_counts=True)
            usual[:, j] = column == levels[counts.argmax()]
    seen = known.astype(np.float64)
    n = seen.T @ seen
    odd = (known & ~usual).astype(np.float64).T @ seen
    tags = np.array([measure.is_tag for measure in days.measures])
    even = np.where(tags[:, None], usual.astype(np.float64).T @ seen, OTHER_MIN)
    varied = (odd >= OTHER_MIN) & (even >= OTHER_MIN)
    ask: Bools = (n >= DAYS_MIN) & varied & varied.T
    np.fill_diagonal(ask, val=False)
    return ask


def _same(days: Days, scores: Floats) -> Bools:
    """Return which pairs are one thing measured twice."""
    r, n = _pairs.pearson(scores, scores)
    size = np.abs(np.nan_to_num(r))
    measures = days.measures
    group = np.array([measure.group for measure in measures])
    root = np.array([measure.derived_from or measure.key for measure in measures])
    kin = (group[:, None] == group) & (group != "")
    one_source = root[:, None] == root
    same: Bools = (n >= DAYS_MIN) & (
        (size > SAME_R) | (kin & (size > SAME_GROUP_R)) | (one_source & (size > SAME_SOURCE_R))
    )
    np.fill_diagonal(same, val=False)
    return same


def _link(
    days: Days, rest: Floats, freed: Tests, plain: Tests, i: int, j: int, q: float, p: float
) -> Link:
    # Memory smears a link over lags and dulls its sign, so both come from the look without it.
    forth, back = freed.p[:, i, j] / freed.weights, freed.p[:, j, i] / freed.weights
    if forth.min() > back.min():
        i, j, forth = j, i, back
    lag = int(forth.argmin())
    r = float(freed.r[lag, i, j])
    n = float(freed.n[lag, i, j])
    worth = float(
        _pairs.effective(
            freed.n[lag, i, j],
            freed.slack[lag, i, j],
            freed.uneven[lag, i, j],
            0.0,
        )
    )
    others = np.concatenate([np.delete(freed.r[:, i, j], lag), freed.r[1:, j, i]])
    rival = float(np.abs(others).max()) if len(others) else 0.0
    older, newer = _halves(rest, freed.out, i, j, lag)
    keys = days.measures[i].key, days.measures[j].key
    return Link(
        a=keys[0],
        b=keys[1],
        lag=lag,
        sign=1 if r > 0 else -1,
        r=r,
        n=int(n),
        effective=worth,
        p=p,
        q=q,
        older=older,
        newer=newer,
        course=_course(r, older, newer, worth),
        lag_sure=abs(r) - rival > 1 / np.sqrt(worth),
        first_day=days.first_day,
        last_day=days.last_day,
    )


def _halves(rest: Floats, out: _pairs.Outcomes, i: int, j: int, lag: int) -> tuple[float, float]:
    x = rest[:, i].copy()
    x[1:] -= out.phi[j] * np.nan_to_num(rest[:-1, i])
    y = np.where(out.known[:, j] > 0, out.white[:, j], np.nan)
    x, y = x[: len(x) - lag], y[lag:]
    both = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    halves = both[: len(both) // 2], both[len(both) // 2 :]
    r = [float(_pairs.pearson(x[h, None], y[h, None]).r[0, 0]) for h in halves]
    older, newer = np.nan_to_num(r)
    return float(older), float(newer)


def _course(r: float, older: float, newer: float, worth: float) -> str:
    error = 1 / np.sqrt(max(worth / 2, 1.0))
    older, newer = older * np.sign(r), newer * np.sign(r)
    # The error of a difference is sqrt 2 times that of either half.
    if abs(older - newer) > 2 * np.sqrt(2) * error:
        if newer < 2 * error < older:
            return "faded"
        if older < 2 * error < newer:
            return "new"
    return "steady" if min(older, newer) > error else "unsteady"


def _with_effect(days: Days, values: Floats, raw: Floats, link: Link) -> Link:
    i, j = days.column(link.a), days.column(link.b)
    if link.lag == 0 and _turned(days.measures[i], days.measures[j]):
        i, j = j, i
        link = msgspec.structs.replace(link, a=link.b, b=link.a)
    y = raw[link.lag :, j]
    x_rest = raw[: len(raw) - link.lag, i]
    x = values[: len(raw) - link.lag, i]
    both = np.isfinite(y) & np.isfinite(x)
    wide = max(link.n / link.effective, 1.0)
    if days.measures[i].is_tag:
        if days.measures[j].is_tag:
            y = values[link.lag :, j]
        change, low, high = _between(y[both & (x > 0)], y[both & (x == 0)], wide)
        per = 1.0
    else:
        quarters = np.percentile(x[both], [10, 25, 75, 90])
        spread = quarters[2] - quarters[1] or (quarters[3] - quarters[0]) / 2
        per = round_amount(float(spread if spread > 0 else np.std(x[both])))
        change, low, high = slope(x_rest[both], y[both], wide)
        if change * link.sign <= 0:
            change, low, high = _least_squares(x_rest[both], y[both], wide)
    return msgspec.structs.replace(
        link, effect=Effect(change * per, low * per, high * per, per if per else 1.0)
    )


def _turned(a: MeasureInfo, b: MeasureInfo) -> bool:
    """Return whether `b` is the condition; a tag is one, because it is done or not."""
    return b.is_tag if a.is_tag != b.is_tag else is_condition(b, a)


def _between(with_it: Floats, without_it: Floats, wide: float) -> tuple[float, float, float]:
    change, low, high = shift(with_it, without_it, wide)
    if change != 0:
        return change, low, high
    # Most days of a tag or a rare count are 0, and so are most differences: compare shares.
    change = float(with_it.mean() - without_it.mean())
    error = np.sqrt(
        wide * (with_it.var() / max(len(with_it), 1) + without_it.var() / max(len(without_it), 1))
    )
    return change, float(change - 1.96 * error), float(change + 1.96 * error)


def _least_squares(x: Floats, y: Floats, wide: float) -> tuple[float, float, float]:
    u, v = x - x.mean(), y - y.mean()
    power = float(u @ u) or 1.0
    change = float(u @ v) / power
    left = v - change * u
    error = np.sqrt(wide * float((u**2 * left**2).sum())) / power
    return change, float(change - 1.96 * error), float(change + 1.96 * error)


def _bends(
    days: Days,
    scores: Floats,
    rest: Floats,
    regressors: Floats,
    mem: _pairs.Memory,
    ask: Bools,
    lines: set[tuple[str, str]],
) -> list[Link]:
    """Find valleys and hills: pairs where the square of one goes with the other, and no line does.

    A family of its own with its own, stricter, false-discovery rate.
    """
    varied = np.array([len(np.unique(c[np.isfinite(c)])) >= 5 for c in scores.T])
    at = np.flatnonzero(varied)
    if len(at) == 0:
        return []
    # Of what the calendar leaves: the square of a season has a season that no residual is free of.
    bent = residuals(rest[:, at] ** 2, regressors)
    straight = np.where(np.isfinite(bent), rest[:, at], 0.0)
    power = (straight**2).sum(axis=0)
    bent = bent - straight * (np.nansum(bent * straight, axis=0) / np.where(power > 0, power, 1.0))
    bent = bent / np.where(power > 0, np.sqrt(np.nanmean(bent**2, axis=0)), 1.0)
    spent = regressors.shape[1] + 1
    may = ask[at]
    tests = _evidence.ask(bent, rest, mem, _pairs.memory(bent, spent), may, np.ones(1), spent)
    p = _evidence.chance(_evidence.evidence(tests))
    if not may.any():
        return []
    q = np.ones(p.shape)
    q[may] = false_discovery_control(p[may])
    made = []
    for row, j in zip(*np.nonzero(q <= BEND_Q_MAX), strict=True):
        i = int(at[row])
        keys = days.measures[i].key, days.measures[int(j)].key
        lag = int((tests.p[:, row, j] / tests.weights).argmin())
        if keys in lines or keys[::-1] in lines or not _turns(rest, i, int(j), lag):
            continue
        r = float(tests.r[lag, row, j])
        older, newer = _halves_of(bent[:, row], tests.out, int(j), lag)
        worth = float(
            _pairs.effective(
                tests.n[lag, row, j], tests.slack[lag, row, j], tests.uneven[lag, row, j], 0.0
            )
        )
        made.append(
            Link(
                a=keys[0],
                b=keys[1],
                lag=lag,
                sign=0,
                shape="valley" if r > 0 else "hill",
                r=r,
                n=int(tests.n[lag, row, j]),
                effective=worth,
                p=float(p[row, j]),
                q=float(q[row, j]),
                older=older,
                newer=newer,
                course=_course(r, older, newer, worth),
                first_day=days.first_day,
                last_day=days.last_day,
            )
        )
    return made


def _halves_of(x: Floats, out: _pairs.Outcomes, j: int, lag: int) -> tuple[float, float]:
    return _halves(
        x[:, None],
        out._replace(phi=out.phi[[j]], white=out.white[:, [j]], known=out.known[:, [j]]),
        0,
        0,
        lag,
    )


def _turns(rest: Floats, i: int, j: int, lag: int) -> bool:
    """Return whether the parabola turns inside the days that there are, not at their edge."""
    x, y = rest[: len(rest) - lag, i], rest[lag:, j]
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]
    square, line, _ = np.polyfit(x, y, 2)
    if square == 0:
        return False
    low, high = np.percentile(x, [15, 85])
    return bool(low < -line / (2 * square) < high)


ANALYSIS = Analysis(
    name="correlations",
    version=1,
    run=run,
    options={"lag_max": "days to look back and ahead, 0 to 7"},
)
