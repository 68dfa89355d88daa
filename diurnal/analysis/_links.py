"""A link, and what others make of it: one by way of a third measure, several that say the same."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from diurnal.analysis import Bools, Days, Ints
from diurnal.analysis._effects import Effect
from diurnal.analysis._evidence import Tests

SPEAKS_N = 0.9
"""Share of the days that a measure must have to speak for others that say the same."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """Two measures that go together; not: one that causes the other.

    Attributes:
        a, b: keys; `b` follows `a`.
        lag: days by which it does; at 0 the order means nothing.
        sign: 1 together, -1 against each other, 0 for a bend.
        shape: "line", or "valley" and "hill": `b` is lowest or highest where `a` is in its middle.
        r: correlation of what calendar, trend and memory leave.
        n: days that have both.
        effective: what these are worth as independent days.
        p, q: chance of such a link where there is none; q counts all pairs that were asked.
        effect: how much of `b` goes with how much more of `a`, in their units; None for a bend.
        older, newer: r of either half.
        course: "steady", "faded" (used to be true), "new", or "unsteady".
        lag_sure: whether the lag stands out from the others.
        through: the key of a measure that explains the link, where one does.
        folded: pairs that say the same (steps for distance), as keys.
        first_day, last_day: of the table.
    """

    a: str
    b: str
    lag: int
    sign: int
    shape: str = "line"
    r: float
    n: int
    effective: float
    p: float
    q: float
    effect: Effect | None = None
    older: float
    newer: float
    course: str
    lag_sure: bool = True
    through: str | None = None
    folded: tuple[tuple[str, str], ...] = ()
    first_day: int
    last_day: int


def direct_enough(found: list[Link], q_max: float) -> list[Link]:
    """Keep the rate of false links among the direct ones, too.

    A link by way of a third measure counts as found and makes room for false ones: with as many
    of them as direct links, 4 % of all would be 8 % of what is news.
    """
    direct = sum(link.through is None for link in found)
    return [link for link in found if link.q * len(found) <= q_max * direct]


def through(days: Days, plain: Tests, found: Sequence[Link]) -> list[Link]:
    """Name the third measure that leaves nothing of a link, where the lags allow it."""
    column = {measure.key: at for at, measure in enumerate(days.measures)}
    near: dict[int, set[int]] = {}
    for link in found:
        i, j = column[link.a], column[link.b]
        near.setdefault(i, set()).add(j)
        near.setdefault(j, set()).add(i)

    def r(a: int, b: int, lag: int) -> float:
        if abs(lag) >= len(plain.r):
            return 0.0
        return float(plain.r[lag, a, b] if lag >= 0 else plain.r[-lag, b, a])

    made = []
    for link in found:
        i, j = column[link.a], column[link.b]
        direct = r(i, j, link.lag)
        error = 1 / np.sqrt(link.effective)
        best: tuple[float, int] | None = None
        for c in sorted(near[i] & near[j]):
            for lag in range(1 - len(plain.r), len(plain.r)):
                first, second = r(i, c, lag), r(c, j, link.lag - lag)
                if min(abs(first), abs(second)) <= abs(direct):
                    continue
                left = (direct - first * second) / np.sqrt((1 - first**2) * (1 - second**2))
                explained = abs(direct) - abs(left)
                if abs(left) < 2 * error and (best is None or explained > best[0]):
                    best = explained, c
        if best is not None:
            link = msgspec.structs.replace(link, through=days.measures[best[1]].key)
        made.append(link)
    return made


def fold(days: Days, same: Bools, found: Sequence[Link]) -> list[Link]:
    """Keep one link where several say the same of one thing measured twice."""
    kind = _clusters(same)
    column = {measure.key: at for at, measure in enumerate(days.measures)}
    groups: dict[tuple[int, ...], list[Link]] = {}
    for link in found:
        ends = sorted((int(kind[column[link.a]]), int(kind[column[link.b]])))
        groups.setdefault((*ends, link.shape == "line"), []).append(link)
    made = []
    for links in groups.values():
        # The measure that its service counts, not what was computed of it, speaks for both; of
        # several always the same one, the first of the table, unless it lacks days.
        most = max(link.n for link in links)
        links.sort(
            key=lambda x: (
                sum(days.measures[column[k]].derived_from is not None for k in (x.a, x.b)),
                x.n < SPEAKS_N * most,
                sum(column[k] for k in (x.a, x.b)),
                x.p,
            )
        )
        rest = tuple((link.a, link.b) for link in links[1:])
        made.append(msgspec.structs.replace(links[0], folded=rest) if rest else links[0])
    return made


def _clusters(same: Bools) -> Ints:
    """Return for each measure the first one that is the same thing, by way of others too."""
    kind = np.arange(len(same))
    for i, j in zip(*np.nonzero(np.triu(same)), strict=True):
        low, high = sorted((kind[i], kind[j]))
        kind[kind == high] = low
    return kind
