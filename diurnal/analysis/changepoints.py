"""When a measure's level or course changed for good, as far as shuffled blocks cannot do it too."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
from scipy.stats import false_discovery_control

from diurnal.analysis import Analysis, Days, Floats
from diurnal.analysis._calendar import fitted
from diurnal.analysis._outliers import without
from diurnal.analysis._pairs import autocorrelation
from diurnal.analysis.trends import of_weekdays_freed

SHUFFLES = 399
SEED = 20
SIDE_DAYS_MIN = 28
DAYS_MIN = 90
KNOWN_MIN = 60
CHANGES_MAX = 4
Q_MAX = 0.02
BLOCK_MIN = 14
OUTSIDE = ("weather", "exposome")
"""What the seasons do to these is no change in anybody's life."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A day from which on things were different.

    Attributes:
        measure: key.
        day: the first one of the new time.
        kind: "level" (a step) or "course" (up became down, or steeper).
        before, after: levels for a step, changes a day for a course.
        p, q: by block permutation; q over all measures.
    """

    measure: str
    day: int
    kind: str
    before: float
    after: float
    p: float
    q: float


class _Split(NamedTuple):
    at: int
    kind: str
    p: float


def run(days: Days, *, seed: int = SEED) -> list[Change]:
    """Return the changes, newest last."""
    if len(days.values) < DAYS_MIN:
        return []
    values = without(days)
    found: list[Change] = []
    firsts: list[float] = []
    for j, measure in enumerate(days.measures):
        if (
            measure.is_tag
            or measure.group in OUTSIDE
            or int(np.isfinite(values[:, j]).sum()) < KNOWN_MIN
        ):
            continue
        column = of_weekdays_freed(values[:, j], days)
        if np.nanstd(column) == 0:
            continue
        rng = np.random.default_rng([seed, j])
        splits = _splits(column, rng)
        # One p a measure enters the false-discovery rate; later splits had to pass it too.
        firsts.append(splits[0].p if splits else 1.0)
        found += [_change(measure.key, days, column, s, splits, len(firsts) - 1) for s in splits]
    if not found:
        return []
    q = false_discovery_control(firsts)
    made = [msgspec.structs.replace(c, q=float(q[int(c.q)])) for c in found]
    kept = [c for c in made if c.q <= Q_MAX and c.p <= Q_MAX]
    return sorted(kept, key=lambda change: (change.day, change.measure))


def _change(
    key: str, days: Days, column: Floats, split: _Split, splits: list[_Split], asked: int
) -> Change:
    bounds = sorted({0, len(column), *(s.at for s in splits)})
    where = bounds.index(split.at)
    sides = column[bounds[where - 1] : split.at], column[split.at : bounds[where + 1]]
    if split.kind == "level":
        before, after = (float(np.nanmedian(side)) for side in sides)
    else:
        before, after = (_course(side) for side in sides)
    return Change(
        measure=key,
        day=days.first_day + split.at,
        kind=split.kind,
        before=before,
        after=after,
        p=split.p,
        q=float(asked),
    )


def _course(side: Floats) -> float:
    at = np.flatnonzero(np.isfinite(side))
    return float(np.polyfit(at, side[at], 1)[0]) if len(at) > 2 else 0.0


def _splits(column: Floats, rng: np.random.Generator) -> list[_Split]:
    """Split at the clearest change, then either side again, as long as shuffling cannot."""
    made: list[_Split] = []
    waiting = [(0, len(column))]
    while waiting and len(made) < CHANGES_MAX:
        start, end = waiting.pop(0)
        part = column[start:end]
        if end - start < DAYS_MIN or int(np.isfinite(part).sum()) < KNOWN_MIN:
            continue
        split = _clearest(part, rng)
        if split is None:
            continue
        if not made or split.p <= 0.01:
            made.append(_Split(start + split.at, split.kind, split.p))
        if split.p <= 0.01:
            waiting += [(start, start + split.at), (start + split.at, end)]
    return made


def _clearest(column: Floats, rng: np.random.Generator) -> _Split | None:
    n = len(column)
    known = np.isfinite(column)
    line = np.stack([np.ones(n), np.linspace(-1, 1, n)], axis=1)
    spots = np.arange(SIDE_DAYS_MIN, n - SIDE_DAYS_MIN, max(1, n // 365))
    if len(spots) == 0:
        return None
    day = np.arange(n, dtype=np.float64)[:, None]
    best: _Split | None = None
    # Both are held against a straight line: on a slope, a step is always better than nothing.
    for kind in ("level", "course"):
        shape = (day >= spots).astype(np.float64)
        if kind == "course":
            shape = shape * (day - spots) / n
        shape = np.where(known[:, None], shape, np.nan)
        shape = np.where(known[:, None], shape - fitted(shape, line), 0.0)
        power = (shape**2).sum(axis=0)
        usable = power > 1e-9 * n
        shape = shape[:, usable] / np.sqrt(power[usable])
        rest = np.where(known, column - fitted(column[:, None], line)[:, 0], 0.0)
        score = (shape.T @ rest) ** 2
        if len(score) == 0:
            continue
        top = int(score.argmax())
        # Shuffle what the best split leaves: with the change left in, its own pieces would be
        # the noise that it is held against.
        left = rest - shape[:, top] * (shape[:, top] @ rest)
        chance = _shuffled(np.where(known, left, np.nan), shape, line, rng)
        p = _tail(float(score[top]), chance)
        if best is None or p < best.p:
            best = _Split(int(spots[usable][top]), kind, p)
    # Two shapes were tried.
    return None if best is None else best._replace(p=min(2 * best.p, 1.0))


def _shuffled(left: Floats, shape: Floats, null: Floats, rng: np.random.Generator) -> Floats:
    """Return the best score of every shuffle of blocks; a block is longer than memory."""
    n = len(left)
    known = np.isfinite(left)
    phi = float(autocorrelation(left[:, None], 2)[0, 1])
    phi = min(max(phi + (2 + 4 * phi) / max(int(known.sum()), 1), 0.0), 0.97)
    block = int(min(max(BLOCK_MIN, round(6 / (1 - phi))), n // 5))
    # Where blocks meet memory is lost; a longer series wanders further than they do.
    h = np.arange(1, block)
    kept = 1 + 2 * float(((1 - h / block) * phi**h).sum())
    wider = (1 + phi) / (1 - phi) / kept
    # Blocks are drawn from the known days in their order, so that gaps stay where they are.
    there = left[known]
    m = len(there)
    pieces = -(-m // block)
    starts = rng.integers(0, m, (SHUFFLES, pieces))
    at = (starts[:, :, None] + np.arange(block)).reshape(SHUFFLES, -1)[:, :m] % m
    signs = rng.choice([-1.0, 1.0], (SHUFFLES, pieces)).repeat(block, axis=1)[:, :m]
    made = np.zeros((n, SHUFFLES))
    made[known] = (there[at] * signs).T * np.sqrt(wider * m / max(m - 4, 1))
    made = np.where(known[:, None], made - _fit_known(made, known, null), 0.0)
    return np.asarray(((shape.T @ made) ** 2).max(axis=0), dtype=np.float64)


def _fit_known(made: Floats, known: Floats, null: Floats) -> Floats:
    coefficients, *_ = np.linalg.lstsq(null[known], made[known], rcond=None)
    fit: Floats = null @ coefficients
    return fit


def _tail(score: float, chance: Floats) -> float:
    """Return the chance of `score`; past the shuffles by Gumbel's law of the largest of many."""
    above = int((chance >= score).sum())
    if above > 10:
        return (above + 1) / (len(chance) + 1)
    roots = np.sqrt(chance)
    scale = max(float(roots.std()) * np.sqrt(6) / np.pi, 1e-12)
    place = float(roots.mean()) - np.euler_gamma * scale
    return float(max(-np.expm1(-np.exp(-(np.sqrt(score) - place) / scale)), 1e-12))


ANALYSIS = Analysis(name="changepoints", version=1, run=run, options={"seed": "of the shuffles"})
