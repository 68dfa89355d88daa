from __future__ import annotations

import numpy as np
import pytest

from diurnal.analysis import Days, MeasureInfo, averages, goals
from diurnal.model.measures import Daily

MONDAY = 19_002  # 2022-01-10


def one(values: np.ndarray, first: int = MONDAY, **about: object) -> Days:
    info = MeasureInfo(key="steps", label="Steps", **about)  # type: ignore[arg-type]
    return Days(first, (info,), np.asarray(values, dtype=float)[:, None])


def test_weekdays_are_the_calendars() -> None:
    assert one(np.zeros(8)).weekdays().tolist() == [0, 1, 2, 3, 4, 5, 6, 0]


def test_averages_are_medians_of_exactly_sixty_days() -> None:
    rng = np.random.default_rng(1)
    values = rng.gamma(5, 1_000, 200)
    values[rng.random(200) < 0.2] = np.nan
    days = one(values)
    [average] = averages.run(days)
    window, weekday = values[-60:], days.weekdays()[-60:]
    assert average.overall == np.nanmedian(window)
    for k in range(7):
        assert average.weekdays[k] == np.nanmedian(window[weekday == k])
    assert average.n == np.isfinite(window).sum()


def test_a_weekday_without_values_is_none_and_filled_for_clients() -> None:
    values = np.arange(60.0)
    values[one(values).weekdays() == 2] = np.nan
    [average] = averages.run(one(values))
    assert average.weekdays[2] is None
    assert average.filled()[2] == average.overall


def test_weekly_averages_are_of_sundays_newest_first() -> None:
    days = one(np.arange(100.0))
    made = averages.weekly(days, 5, days.last_day)
    assert [(a.day + 3) % 7 for a in made] == [6] * 5
    assert [a.day for a in made] == sorted((a.day for a in made), reverse=True)


def test_steadied_weekdays_are_nearer_to_the_truth_than_medians() -> None:
    """Over many lives; where weekdays are alike they shrink, where they differ they stay."""
    rng = np.random.default_rng(2)
    exact, steady, covered = [], [], []
    for spread in (0.0, 0.5, 3.0):
        for _ in range(60):
            truth = 10 + spread * rng.normal(size=7)
            days = one(np.zeros(60))
            [average] = averages.run(one(truth[days.weekdays()] + rng.normal(size=60)))
            for k in range(7):
                median, usual = average.weekdays[k], average.steady[k]
                assert median is not None
                exact.append((median - truth[k]) ** 2)
                steady.append((usual.value - truth[k]) ** 2)
                covered.append(usual.low <= truth[k] <= usual.high)
    assert np.mean(steady) < 0.8 * np.mean(exact)
    assert 0.9 < np.mean(covered) < 0.99


def test_the_end_value_is_the_median_of_the_same_weekday() -> None:
    rng = np.random.default_rng(3)
    days = one(rng.gamma(5, 1_000, 90))
    end = goals.ends(days)
    same = days.values[89 - 56 : 89 : 7, 0]
    assert end[89, 0] == np.median(same)
    assert np.isnan(end[0, 0])
    assert np.isfinite(end[5, 0])


def test_an_own_goal_is_the_end_value_where_there_is_one() -> None:
    days = one(np.arange(30.0))
    own = np.full(30, np.nan)
    own[20:] = 5
    end = goals.ends(days, {"steps": own})
    assert (end[20:, 0] == 5).all()
    assert end[19, 0] != 5


def test_an_unfinished_day_does_not_end_a_streak_and_a_missed_one_does() -> None:
    days = one(np.array([9.0, 9, 9, 1, 9, 9, 9, 9, 2]))
    [today] = goals.run(days, goals={"steps": 5.0})
    assert (today.value, today.end, today.reached, today.share) == (2, 5, False, 0.4)
    assert (today.streak, today.best, today.best_day) == (4, 4, days.last_day - 1)
    [missed] = goals.run(one(np.array([9.0, 9, 1, np.nan])), goals={"steps": 5.0})
    assert (missed.value, missed.reached, missed.streak) == (None, None, 0)


def test_less_can_be_better() -> None:
    days = one(np.array([3.0, 8.0]), more_is_better=False, kind=Daily.DURATION)
    assert goals.reached(days, goals.ends(days, {"steps": 5.0}))[:, 0].tolist() == [1.0, 0.0]


def test_times_of_day_are_told_from_totals() -> None:
    bed = MeasureInfo(key="bed", label="Bedtime", unit="min:midday", kind=Daily.SLEEP_START)
    assert bed.is_clock
    assert not bed.is_total
    assert bed.wire_name == "bed"


def test_a_share_needs_an_end() -> None:
    [progress] = goals.run(one(np.array([5.0])))
    assert progress.end is None
    assert progress.share is None
    assert progress.best == pytest.approx(0)
