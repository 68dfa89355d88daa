"""Correlations as Exist publishes them, for its API: plain Pearson, its p, words and sentences.

Kept apart from `correlations` on purpose: nothing here corrects for the calendar, for memory or
for the thousands of pairs asked, because the numbers on that wire do not.
"""

from __future__ import annotations

import msgspec
import numpy as np

from diurnal.analysis import Analysis, Bools, Days, Floats, MeasureInfo
from diurnal.analysis._pairs import pearson, t_test
from diurnal.analysis._phrases import is_condition
from diurnal.analysis.sentences import Told, tell
from diurnal.model.measures import Daily

WINDOW_DAYS = 365
DAYS_MIN = 30
TAG_DAYS_MIN = 8
P_MAX = 0.25
"""Two stars; the rest would be thousands of rows that say "unlikely"."""
STARS = (
    (0.01, 5, "Certain to be related"),
    (0.05, 4, "Almost certainly related"),
    (0.10, 3, "Probably related"),
    (0.25, 2, "Might be related"),
)
NO_STARS = (1, "Unlikely to be related")
STRENGTHS = (
    (0.20, "Rarely go together"),
    (0.35, "Sometimes go together"),
    (0.60, "Quite often go together"),
)
STRONGEST = "Nearly always go together"
WEEKEND = MeasureInfo(
    key="weekend", label="Weekend", kind=Daily.ANY, group="calendar", is_tag=False
)


class Pearson(msgspec.Struct, frozen=True, kw_only=True):
    """One row of Exist's correlations.

    Attributes:
        attribute, attribute2: keys; the outcome and the condition on the same day, or with
            offset -1 the earlier and the later.
        offset: 0 or -1.
        value: r.
        period: paired days.
        told: the sentence.
    """

    attribute: str
    attribute2: str
    offset: int
    value: float
    p: float
    period: int
    told: Told

    @property
    def percentage(self) -> float:
        """100 times |r|."""
        return 100 * abs(self.value)

    @property
    def stars(self) -> int:
        """1 to 5, of p."""
        return stars(self.p)[0]

    @property
    def stars_description(self) -> str:
        """Exist's words for the stars."""
        return stars(self.p)[1]

    @property
    def strength_description(self) -> str:
        """Exist's words for the size of r."""
        return strength(self.value)


def stars(p: float) -> tuple[int, str]:
    """Return how many stars a p has, and what they say."""
    return next(((n, words) for below, n, words in STARS if p < below), NO_STARS)


def strength(r: float) -> str:
    """Return what a size of r is called."""
    return next((words for below, words in STRENGTHS if abs(r) < below), STRONGEST)


def run(days: Days, *, p_max: float = P_MAX) -> list[Pearson]:
    """Correlate every pair of the last year on the same day and a day apart, lowest p first."""
    window = days.window(days.last_day - WINDOW_DAYS + 1, days.last_day)
    weekend = (window.weekdays() >= 5).astype(np.float64)[:, None]
    measures = (*window.measures, WEEKEND)
    values = np.concatenate([window.values, weekend], axis=1)
    varied = _varied(measures, values)
    made = _same_day(measures, values, varied, p_max) + _day_after(measures, values, varied, p_max)
    return sorted(made, key=lambda row: (row.p, -abs(row.value), row.attribute, row.attribute2))


def _same_day(
    measures: tuple[MeasureInfo, ...], values: Floats, varied: Bools, p_max: float
) -> list[Pearson]:
    r, n = pearson(values, values)
    p = t_test(r, n)
    upper = np.triu(np.ones(r.shape, dtype=np.bool_), 1)
    rows, columns = np.nonzero(upper & _worth(p, n, varied, p_max))
    made = []
    for i, j in zip(rows.tolist(), columns.tolist(), strict=True):
        if is_condition(measures[i], measures[j]):
            i, j = j, i
        told = tell(measures[i], measures[j], along=bool(r[i, j] > 0), after=False)
        made.append(_row(measures[i], measures[j], 0, r[i, j], p[i, j], n[i, j], told))
    return made


def _day_after(
    measures: tuple[MeasureInfo, ...], values: Floats, varied: Bools, p_max: float
) -> list[Pearson]:
    r, n = pearson(values[:-1], values[1:])
    p = t_test(r, n)
    may = _worth(p, n, varied, p_max)
    np.fill_diagonal(may, val=False)
    # The weekend follows nothing.
    may[:, -1] = False
    made = []
    for i, j in zip(*(at.tolist() for at in np.nonzero(may)), strict=True):
        told = tell(measures[j], measures[i], along=bool(r[i, j] > 0), after=True)
        made.append(_row(measures[i], measures[j], -1, r[i, j], p[i, j], n[i, j], told))
    return made


def _row(
    first: MeasureInfo,
    second: MeasureInfo,
    offset: int,
    r: float,
    p: float,
    n: float,
    told: Told,
) -> Pearson:
    return Pearson(
        attribute=first.key,
        attribute2=second.key,
        offset=offset,
        value=float(r),
        p=float(p),
        period=int(n),
        told=told,
    )


def _worth(p: Floats, n: Floats, varied: Bools, p_max: float) -> Bools:
    likely = np.isfinite(p) & (p < p_max) & (n >= DAYS_MIN)
    both: Bools = likely & varied[:, None] & varied
    return both


def _varied(measures: tuple[MeasureInfo, ...], values: Floats) -> Bools:
    """Return which columns may be asked: a tag needs eight days with it and eight without."""
    with_it, without_it = (values > 0).sum(axis=0), (values == 0).sum(axis=0)
    tags = np.array([measure.is_tag for measure in measures])
    varied: Bools = ~tags | ((with_it >= TAG_DAYS_MIN) & (without_it >= TAG_DAYS_MIN))
    return varied


ANALYSIS = Analysis(
    name="exist_pearson",
    version=1,
    run=run,
    options={"p_max": "rows with a higher p are left out"},
)
