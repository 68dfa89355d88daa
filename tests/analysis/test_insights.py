from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from diurnal.analysis import Days, MeasureInfo, anomalies, changepoints, insights, trends
from diurnal.analysis._insight import Insight
from diurnal.model.measures import Daily


def day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


FRIDAY, SUNDAY = day("2015-05-08"), day("2015-05-10")
SLEEP = MeasureInfo(key="sleep", label="Time asleep", unit="min", kind=Daily.DURATION, name="sleep")
STEPS = MeasureInfo(key="steps", label="Steps")
BED = MeasureInfo(
    key="sleep_end", label="Wake time", unit="min:midnight", kind=Daily.SLEEP_END, name="sleep_end"
)
TAG = MeasureInfo(key="wine", label="wine <3", kind=Daily.ANY, is_tag=True, name="wine")


def named(measure: MeasureInfo, values: list[float] | np.ndarray, last: int, **more: object
          ) -> dict[str, Insight]:  # fmt: skip
    column = np.asarray(values, dtype=float)[:, None]
    days = Days(last - len(column) + 1, (measure,), column)
    return {one.name: one for one in insights.run(days, **more)}  # type: ignore[arg-type]


def test_the_shortest_sleep_for_days() -> None:
    found = named(SLEEP, [300, 480, 450, 440, 303], FRIDAY)["sleep_worst_since_x"]
    assert found.text.startswith("Friday: Shortest sleep for 4 days\r\n")
    assert found.html.startswith('<div class="secondary">Friday: Shortest sleep for 4 days</div>')
    assert (found.value, found.value2) == ("303", "4 days")
    assert (found.period, found.priority, found.target_day) == (1, 2, FRIDAY)
    assert found.surprise == pytest.approx(math.log10(4))


def test_two_days_are_no_news_even_for_exist() -> None:
    assert "sleep_worst_since_x" not in named(SLEEP, [300, 480, 450, 303], FRIDAY)


def test_a_record_after_long_enough() -> None:
    rng = np.random.default_rng(1)
    found = named(STEPS, [*rng.uniform(1_000, 9_000, 100), 20_000], FRIDAY)
    assert found["steps_record"].text.startswith("Friday: Most steps ever")
    assert found["steps_best_since_x"].value == "20000"


def test_goal_streaks_as_exist_tells_them() -> None:
    found = named(STEPS, [1, 9, 9, 1, 9, 9, 9], FRIDAY, own_goals={"steps": 5.0})
    best = found["steps_goal_best_streak"]
    assert best.html.startswith('<div class="secondary">Friday marks a new steps streak!</div>')
    assert "Beat your goal every day for 3 days\r\n" in best.text
    assert (best.value, best.value2) == ("3 days", "3")
    lost = named(STEPS, [9, 9, 9, 1], FRIDAY, own_goals={"steps": 5.0})
    assert lost["steps_goal_lost"].value == "3 days"
    again = named(STEPS, [9, 9, 9, 9, 1, 9, 9, 9], FRIDAY, own_goals={"steps": 5.0})
    assert "steps_goal_streak" in again


def test_the_week_is_told_on_sunday() -> None:
    values = [578.0 + k for k in (-3, -2, -1, 0, 1, 2, 3)]
    found = named(BED, values, SUNDAY)
    week = found["sleep_end_average_week"]
    assert week.html.startswith('<div class="number">09:38</div>')
    assert week.text.startswith("09:38 average wake time")
    assert (week.period, week.priority, week.target_day) == (7, 3, None)
    assert "sleep_end_total_week" not in found
    assert named(STEPS, [1_000] * 7, SUNDAY)["steps_total_week"].value == "7000"
    assert "steps_total_week" not in named(STEPS, [1_000] * 7, FRIDAY)


def test_the_month_is_told_on_its_last_day() -> None:
    found = named(STEPS, [1_000.0] * 28, day("2015-02-28"))
    assert found["steps_total_month"].value == "28000"
    assert (found["steps_average_month"].period, found["steps_average_month"].priority) == (30, 4)


def test_a_weekdays_habit() -> None:
    rng = np.random.default_rng(2)
    column = rng.normal(450, 10, 70)
    last = day("2015-05-11")
    column[np.arange(70) % 7 == 69 % 7] -= 90
    found = named(SLEEP, column, last)["dow_sleep"]
    assert found.text.startswith("Monday is usually your shortest sleep of the week")
    assert found.priority == 1


def test_tags_in_a_row_and_long_gone() -> None:
    found = named(TAG, [0] * 30 + [1, 1, 1], FRIDAY)
    assert found["tag_streak"].text.startswith("'wine <3' 3 days in a row")
    assert "wine &lt;3" in found["tag_streak"].html
    gone = named(TAG, [1, 1] + [0] * 20, FRIDAY)
    assert gone["tag_absent_x"].value == "20 days"
    unknown = named(TAG, [1, 1] + [np.nan] * 20, FRIDAY)
    assert not unknown


def test_the_first_since_long() -> None:
    weight = MeasureInfo(key="weight", label="Weight", unit="kg", kind=Daily.LAST)
    values = np.full(120, 80.0) + np.arange(120) / 100
    values[80:119] = np.nan
    assert named(weight, values, FRIDAY)["weight_first_since_x"].value2 == "40 days"


def test_mood_a_year_ago() -> None:
    mood = MeasureInfo(key="mood", label="Mood", unit="scale:1-9", kind=Daily.LAST)
    found = named(mood, [7.0] + [5.0] * 365, FRIDAY)["mood_year_ago"]
    assert found.value == "7"


def test_what_other_analyses_found_is_told(invented_year: Days) -> None:
    until = invented_year.window(invented_year.first_day, day("2026-01-18"))
    told = insights.run(until, anomalies=tuple(anomalies.run(until)))
    [ill] = [one for one in told if one.name == "resting_hr_anomaly"]
    assert "unlike the rest for 5 days" in ill.text
    until = invented_year.window(invented_year.first_day, day("2026-03-20"))
    told = insights.run(
        until,
        changes=tuple(changepoints.run(until)),
        trends=tuple(trends.run(until)),
    )
    names = {one.name for one in told}
    assert "weight_kg_trend_down" in names
    assert "weight_kg_change_point" in names


def test_our_pages_show_little_and_exist_gets_all() -> None:
    """Sixty measures of noise: dozens of findings a day for Exist, about one for our pages."""
    rng = np.random.default_rng(3)
    infos = tuple(MeasureInfo(key=f"m{j}", label=f"M{j}") for j in range(60))
    values = rng.normal(size=(400, 60))
    listed, shown = [], []
    for last in range(370, 400):
        told = insights.run(Days(19_000, infos, values[:last]))
        listed.append(len([one for one in told if "since" in one.name]))
        shown.append(len(insights.surprising(told)))
    assert np.mean(listed) > 20
    assert max(shown) <= 3
    assert np.mean(shown) < 2.5


def test_the_seasons_are_no_news() -> None:
    told = [
        Insight(
            name=f"{measure}_{kind}",
            measure=measure,
            period=1,
            priority=2,
            target_day=None,
            day=1,
            value="1",
            value2=None,
            comment=None,
            html="",
            text="",
            surprise=6.0,
        )
        for measure in ("sunrise", "steps")
        for kind in ("goal_best_streak", "trend_up")
    ]
    [shown] = insights.surprising(told, outside={"sunrise"})
    assert shown.measure == "steps"
    assert len(insights.surprising(told)) == 2


def test_all_fields_are_filled(invented_year: Days) -> None:
    for one in insights.run(invented_year):
        assert one.html.startswith("<div")
        assert one.text.endswith("\r\n")
        assert one.value
        assert one.period in (1, 7, 30)
        assert one.priority in (1, 2, 3, 4)
        assert (one.target_day is None) == (one.period != 1)
