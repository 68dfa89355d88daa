"""Trials with one person: blocks of A and B in random order, and what may be concluded."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from scipy.special import stdtrit

from diurnal.analysis import Days, Floats
from diurnal.analysis._pairs import t_test

PAIRS_MAX = 60
BLOCK_DAYS_MAX = 90
PAIRS_MIN = 3
"""Two pairs can come out the same way by chance every other time."""
EXACT_PAIRS_MAX = 14
"""2^14 ways to have drawn the schedule are counted one by one; beyond, t is the same."""
BLOCK_SHARE_MIN = 0.5


class Block(msgspec.Struct, frozen=True):
    """A stretch of one arm; both days included, the washout first."""

    arm: str
    first_day: int
    last_day: int
    washout_days: int

    @property
    def counted_from(self) -> int:
        """The first day that counts."""
        return self.first_day + self.washout_days


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule: pairs of one block of A and one of B, in random order within the pair."""

    seed: int
    block_days: int
    washout_days: int
    blocks: tuple[Block, ...]

    @property
    def first_day(self) -> int:
        """The first day."""
        return self.blocks[0].first_day

    @property
    def last_day(self) -> int:
        """The last day."""
        return self.blocks[-1].last_day

    def on(self, day: int) -> Block | None:
        """Return the block of a day; None before and after."""
        at = (day - self.first_day) // self.block_days
        return self.blocks[at] if 0 <= at < len(self.blocks) else None

    def turns(self) -> list[int]:
        """Return the days on which the arm changes, the first one too: when to remind."""
        days, last = [], ""
        for block in self.blocks:
            if block.arm != last:
                days.append(block.first_day)
            last = block.arm
        return days


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a trial says, up to now.

    Attributes:
        word: "early" (too few pairs), "higher" or "lower" (A than B), "alike" (no difference
            larger than the interval).
        difference: of A over B, mean over pairs; low and high its 95 % interval.
        pairs: with data in both blocks.
        p: of the draw itself: the share of schedules that would have done as well.
        days_a, days_b: that counted.
    """

    word: str
    difference: float | None
    low: float | None
    high: float | None
    pairs: int
    p: float | None
    days_a: int
    days_b: int
    mean_a: float | None
    mean_b: float | None


def plan(*, seed: int, first_day: int, pairs: int, block_days: int, washout_days: int = 0) -> Plan:
    """Draw a schedule; the same seed draws the same one.

    Raises:
        ValueError: it is too long, or its washout leaves nothing to count.
    """
    if not 1 <= pairs <= PAIRS_MAX:
        raise ValueError(f"pairs is 1 to {PAIRS_MAX}")
    if not 1 <= block_days <= BLOCK_DAYS_MAX:
        raise ValueError(f"block_days is 1 to {BLOCK_DAYS_MAX}")
    if not 0 <= washout_days < block_days:
        raise ValueError("washout_days is 0 or more, and less than block_days")
    rng = np.random.default_rng(seed)
    # Half the pairs begin with A: a lucky draw of all AB would mix the arm with the order.
    heads = np.arange(pairs) % 2 == rng.integers(2)
    rng.shuffle(heads)
    blocks, day, last = [], first_day, ""
    for head in heads:
        for arm in "AB" if head else "BA":
            washout = washout_days if arm != last else 0
            blocks.append(Block(arm, day, day + block_days - 1, washout))
            day, last = day + block_days, arm
    return Plan(seed=seed, block_days=block_days, washout_days=washout_days, blocks=tuple(blocks))


def verdict(plan: Plan, days: Days, measure: str, *, last_day: int | None = None) -> Verdict:
    """Say what the trial shows of one measure, from the pairs that are complete by `last_day`."""
    until = days.last_day if last_day is None else last_day
    column = days.values[:, days.column(measure)]
    gaps, counted = [], {"A": [np.empty(0)], "B": [np.empty(0)]}
    for first, second in zip(plan.blocks[::2], plan.blocks[1::2], strict=True):
        sides = {block.arm: _counted(block, days, column, until) for block in (first, second)}
        for arm, side in sides.items():
            counted[arm].append(side)
        enough = all(
            len(sides[b.arm]) >= BLOCK_SHARE_MIN * (b.last_day - b.counted_from + 1)
            for b in (first, second)
        )
        if enough and second.last_day <= until:
            gaps.append(float(sides["A"].mean() - sides["B"].mean()))
    a, b = np.concatenate(counted["A"]), np.concatenate(counted["B"])
    word, difference, low, high, p = _conclude(np.array(gaps))
    return Verdict(
        word=word,
        difference=difference,
        low=low,
        high=high,
        pairs=len(gaps),
        p=p,
        days_a=len(a),
        days_b=len(b),
        mean_a=float(a.mean()) if len(a) else None,
        mean_b=float(b.mean()) if len(b) else None,
    )


def _counted(block: Block, days: Days, column: Floats, until: int) -> Floats:
    first = max(block.counted_from - days.first_day, 0)
    last = min(block.last_day, until) - days.first_day
    part = column[first : max(last + 1, first)]
    return part[np.isfinite(part)]


def _conclude(
    gaps: Floats,
) -> tuple[str, float | None, float | None, float | None, float | None]:
    n = len(gaps)
    if n == 0:
        return "early", None, None, None, None
    difference = float(gaps.mean())
    if n < PAIRS_MIN:
        return "early", difference, None, None, None
    error = float(gaps.std(ddof=1)) / math.sqrt(n)
    wide = float(stdtrit(n - 1, 0.975)) * error
    p = draw_p(gaps)
    low, high = difference - wide, difference + wide
    # Few pairs cannot reach 5 % by the draw alone (2 of 2^5 is 6 %); the interval decides then,
    # as it does for many pairs.
    if low > 0:
        return "higher", difference, low, high, p
    if high < 0:
        return "lower", difference, low, high, p
    return "alike", difference, low, high, p


def draw_p(gaps: Floats) -> float:
    """Return the two-sided p of the draw: which share of all orders gives as large a mean.

    Args:
        gaps: float64[pairs], A minus B.
    """
    n = len(gaps)
    if n > EXACT_PAIRS_MAX:
        spread = float(gaps.std(ddof=1))
        if spread == 0:
            return 2.0 ** (1 - n) if gaps.any() else 1.0
        t = float(gaps.mean()) / spread * math.sqrt(n)
        # The p of t with n - 1 degrees is that of the r that has this t.
        r = t / math.sqrt(t * t + n - 1)
        return float(t_test(np.array(r), np.array(n + 1.0)))
    signs = 1 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    means = np.abs(signs @ gaps)
    return float((means >= abs(gaps.sum()) * (1 - 1e-12)).mean())
