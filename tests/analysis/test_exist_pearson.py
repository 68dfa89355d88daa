from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from diurnal.analysis import Days, exist_pearson
from diurnal.analysis._pairs import t_test


@pytest.mark.parametrize(
    ("r", "n", "p"),
    # The pair that Exist's documentation prints with an intact sample.
    [(0.389185953425964, 282, 1.2396329763201e-11)],
)
def test_the_published_p_is_reproduced(r: float, n: int, p: float) -> None:
    assert t_test(np.array(r), np.array(float(n))) == pytest.approx(p, rel=1e-6)


def test_rows_are_scipys_pearson_over_shared_days(invented_year: Days) -> None:
    values = invented_year.values.copy()
    values[np.random.default_rng(1).random(values.shape) < 0.2] = np.nan
    days = Days(invented_year.first_day, invented_year.measures, values)
    rows = exist_pearson.run(days)
    assert {row.offset for row in rows} == {0, -1}
    for row in rows:
        if "weekend" in (row.attribute, row.attribute2):
            continue
        a, b = values[:, days.column(row.attribute)], values[:, days.column(row.attribute2)]
        a, b = (a, b) if row.offset == 0 else (a[:-1], b[1:])
        both = np.isfinite(a) & np.isfinite(b)
        judge = stats.pearsonr(a[both], b[both])
        assert row.value == pytest.approx(judge.statistic)
        assert row.p == pytest.approx(judge.pvalue)
        assert row.period == both.sum()


@pytest.mark.parametrize(
    ("p", "n", "words"),
    [
        (0.007, 5, "Certain to be related"),
        (0.029, 4, "Almost certainly related"),
        (0.09, 3, "Probably related"),
        (0.2, 2, "Might be related"),
        (0.5, 1, "Unlikely to be related"),
    ],
)
def test_stars(p: float, n: int, words: str) -> None:
    assert exist_pearson.stars(p) == (n, words)


@pytest.mark.parametrize(
    ("r", "words"),
    [
        (-0.125, "Rarely go together"),
        (0.389, "Quite often go together"),
        (0.558, "Quite often go together"),
        (-0.675, "Nearly always go together"),
        (0.706, "Nearly always go together"),
    ],
)
def test_strength(r: float, words: str) -> None:
    assert exist_pearson.strength(r) == words


def test_the_earlier_one_comes_first_and_is_the_condition(invented_year: Days) -> None:
    [row] = [
        row
        for row in exist_pearson.run(invented_year)
        if (row.attribute, row.attribute2, row.offset) == ("alcohol", "resting_hr", -1)
    ]
    assert row.told.connector == "on days after"
    assert "alcohol" in row.told.condition
    assert row.percentage == pytest.approx(100 * row.value)
