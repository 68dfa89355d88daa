"""When a measure's level or course changed for good, as far as shuffled blocks cannot do it too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.stats import false_discovery_control

from diurnal.analysis import Analysis, Days, Floats
from diurnal.analysis._outliers import without
from diurnal.analysis._pairs import autocorrelation
from diurnal.analysis.trends import of_weekdays_freed

SHUFFLES = 399
AT_ONCE = 50
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


class _Turns(NamedTuple):
    """One kind of change at every spot where it may be, as columns of the known days.

    A step is 1 from its spot on, a turn of the course grows from there; each is taken without the
    straight line that fits it best. They are never written out: sums over the tail of a row of
    days are differences of its running sums.

    Attributes:
        spots: days from which on.
        first: int[spots], how many known days come before.
        day: float64[m], the known days, as parts of the whole.
        begin: float64[spots], likewise; None for steps.
        lines: float64[m, 2], the straight lines, orthonormal.
        shares: float64[spots, 2], how much of each line is in each column.
        length: float64[spots], of what is left of each column.
    """

    spots: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    day: Floats
    begin: Floats | None
    lines: Floats
    shares: Floats
    length: Floats

    def score(self, rows: Floats) -> Floats:
        """Return the products of float64[k, m] with every column, as float64[k, spots]."""
        made = _tails(rows, self.first)
        if self.begin is not None:
            made = _tails(rows * self.day, self.first) - self.begin * made
        made -= (rows @ self.lines) @ self.shares.T
        made /= self.length
        return made

    def column(self, at: int) -> Floats:
        """Return one column, float64[m]."""
        made = (np.arange(len(self.day)) >= self.first[at]).astype(np.float64)
        if self.begin is not None:
            made *= self.day - self.begin[at]
        made -= self.lines @ self.shares[at]
        found: Floats = made / self.length[at]
        return found


def _turns(kind: str, n: int, known: npt.NDArray[np.int64], spots: npt.NDArray[np.int64]) -> _Turns:
    first = np.searchsorted(known, spots)
    day = known / n
    lines, _ = np.linalg.qr(np.stack([np.ones(len(known)), day - day.mean()], axis=1))
    ones = np.ones((1, len(known)))
    shares = _tails(lines.T, first).T
    power = _tails(ones, first)[0]
    begin = None
    if kind == "course":
        begin = spots / n
        power = _tails(day**2 * ones, first)[0] - begin * (
            2 * _tails(day * ones, first)[0] - begin * power
        )
        shares = _tails(lines.T * day, first).T - begin[:, None] * shares
    power = power - (shares**2).sum(axis=1)
    good = power > 1e-9 * n
    return _Turns(
        spots[good],
        first[good],
        day,
        None if begin is None else begin[good],
        lines,
        shares[good],
        np.sqrt(power[good]),
    )


def _tails(rows: Floats, first: npt.NDArray[np.int64]) -> Floats:
    """Return the sums of each row from `first` on, as float64[k, len(first)]."""
    sums = np.zeros((len(rows), rows.shape[1] + 1))
    np.cumsum(rows, axis=1, out=sums[:, 1:])
    found: Floats = sums[:, -1:] - sums[:, first]
    return found


def _clearest(column: Floats, rng: np.random.Generator) -> _Split | None:
    n = len(column)
    known = np.flatnonzero(np.isfinite(column))
    spots = np.arange(SIDE_DAYS_MIN, n - SIDE_DAYS_MIN, max(1, n // 365))
    if len(spots) == 0:
        return None
    best: _Split | None = None
    # Both are held against a straight line: on a slope, a step is always better than nothing.
    for kind in ("level", "course"):
        turns = _turns(kind, n, known, spots)
        if not len(turns.spots):
            continue
        rest = column[known]
        rest = rest - turns.lines @ (rest @ turns.lines)
        score = turns.score(rest[None])[0]
        top = int((score**2).argmax())
        # Shuffle what the best split leaves: with the change left in, its own pieces would be
        # the noise that it is held against.
        left = np.full(n, np.nan)
        left[known] = rest - score[top] * turns.column(top)
        parts = [(turns.score(rows) ** 2).max(axis=1) for rows in _shuffled(left, rng)]
        chance = np.concatenate(parts)
        p = _tail(float(score[top] ** 2), chance)
        if best is None or p < best.p:
            best = _Split(int(turns.spots[top]), kind, p)
    # Two shapes were tried.
    return None if best is None else best._replace(p=min(2 * best.p, 1.0))


def _shuffled(left: Floats, rng: np.random.Generator) -> Iterator[Floats]:
    """Yield shuffles of the known days, float64[some, m]; a block is longer than memory."""
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
    there *= np.sqrt(wider * m / max(m - 4, 1))
    pieces = -(-m // block)
    starts = rng.integers(0, m, (SHUFFLES, pieces))
    signs = rng.choice([-1.0, 1.0], (SHUFFLES, pieces))
    blocks = np.lib.stride_tricks.sliding_window_view(np.resize(there, m + block - 1), block)
    # A few at a time: what is made of them stays in the cache.
    for some in range(0, SHUFFLES, AT_ONCE):
        made = blocks[starts[some : some + AT_ONCE]]
        made *= signs[some : some + AT_ONCE, :, None]
        yield made.reshape(len(made), -1)[:, :m]


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
