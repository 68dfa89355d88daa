from __future__ import annotations

import re

import pytest

from diurnal import catalog
from diurnal.analysis import MeasureInfo, exist_pearson
from diurnal.analysis._effects import Effect
from diurnal.analysis._links import Link
from diurnal.analysis._phrases import is_condition, phrase
from diurnal.analysis.sentences import figures, sentence, tell
from diurnal.model.measures import Daily, Measure


def info(measure: Measure) -> MeasureInfo:
    return MeasureInfo(
        key=measure.key,
        label=measure.label,
        unit=measure.unit,
        kind=measure.daily,
        group=measure.group,
    )


INFOS = {key: info(measure) for key, measure in catalog.MEASURES.items()}
TAG = MeasureInfo(key="red_wine", label="red wine", kind=Daily.ANY, is_tag=True, group="custom")
EVERY = [*INFOS.values(), TAG, exist_pearson.WEEKEND]


@pytest.mark.parametrize("measure", EVERY, ids=lambda m: m.key)
def test_every_measure_has_a_phrase_for_more_and_for_less(measure: MeasureInfo) -> None:
    said = phrase(measure)
    assert said.more != said.less
    for clause in (said.more, said.less):
        assert re.match(r"(you|your|it|it's|the) \S", clause), clause
        assert not clause.endswith(".")


@pytest.mark.parametrize("measure", EVERY, ids=lambda m: m.key)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("lag", [0, 1, 3])
def test_every_measure_can_be_either_side_of_a_sentence(
    measure: MeasureInfo, sign: int, lag: int
) -> None:
    other = INFOS["mood"] if measure.key != "mood" else INFOS["steps"]
    for a, b in ((measure, other), (other, measure)):
        said = sentence(
            linked(a, b, lag, Effect(0.4 * sign, 0.2 * sign, 0.6 * sign, 1.0)),
            {m.key: m for m in (a, b)},
        )
        assert re.fullmatch(r"[A-Z0-9].*\.", said), said
        words = ("more", "higher", "later") if sign > 0 else ("less", "fewer", "lower", "earlier")
        assert any(word in said.partition(", ")[2] for word in words), said


def linked(a: MeasureInfo, b: MeasureInfo, lag: int, effect: Effect) -> Link:
    return Link(
        a=a.key,
        b=b.key,
        lag=lag,
        sign=1 if effect.change > 0 else -1,
        r=0.3,
        n=300,
        effective=250.0,
        p=1e-5,
        q=1e-3,
        effect=effect,
        older=0.3,
        newer=0.3,
        course="steady",
        first_day=0,
        last_day=300,
    )


@pytest.mark.parametrize(
    ("outcome", "condition", "along", "after", "said"),
    [
        ("steps", "active_time", True, False,
         "you get more steps when you spend more time active."),
        ("steps", "floors", True, False, "you get more steps when you climb more floors."),
        ("active_time", "weather_temp_max", False, False,
         "you are less active when it's a warmer day."),
        ("sleep", "sleep_start", False, False,
         "you spend more time asleep when you go to bed earlier."),
        ("productive_time", "track_played", True, False,
         "you are more productive when you listen to music more."),
    ],
)  # fmt: skip
def test_sentences_as_exist_publishes_them(
    outcome: str, condition: str, along: bool, after: bool, said: str
) -> None:
    assert tell(INFOS[outcome], INFOS[condition], along=along, after=after).text == said
    assert is_condition(INFOS[condition], INFOS[outcome])
    assert not is_condition(INFOS[outcome], INFOS[condition])


def test_a_day_later_is_told_as_days_after() -> None:
    told = tell(INFOS["mood"], TAG, along=False, after=True)
    assert told.elements == ["you have a worse day", "on days after", "you tag 'red wine' more"]
    assert told.capital.startswith("You ")


def test_nobody_steers_the_weather() -> None:
    for measure in INFOS.values():
        if measure.group not in ("weather", "exposome", "location", "events"):
            assert is_condition(INFOS["weather_temp_max"], measure)


@pytest.mark.parametrize(
    ("a", "b", "lag", "effect", "said"),
    [
        ("coffees", "sleep", 1, Effect(-18.2, -27, -10, 1),
         "With 1 more coffees the day before, you sleep 18 min less (10 to 27)."),
        ("steps", "mood", 0, Effect(0.16, 0.1, 0.22, 1000),
         "With 1,000 more steps, your mood is 0.16 higher (0.1 to 0.22)."),
        ("red_wine", "heart_rate_resting", 1, Effect(0.9, 0.7, 1.1, 1),
         "The day after 'red wine', your resting heart rate is 0.9 a minute higher (0.7 to 1.1)."),
        ("red_wine", "sleep_start", 0, Effect(30, 20, 40, 1),
         "On days with 'red wine', your bedtime is 30 min later (20 to 40)."),
        ("sleep_start", "mood", 0, Effect(-0.5, -0.8, 0.1, 30),
         "With bedtime 30 min later, your mood is 0.5 lower (up to 0.8)."),
        ("weather_temp_max", "distance_walk_run", 0, Effect(1200, 900, 1500, 5),
         "With highest temperature 5 °C higher, you have 1.2 km more distance on foot"
         " (900 to 1.5)."),
    ],
)  # fmt: skip
def test_our_sentences_have_amounts(a: str, b: str, lag: int, effect: Effect, said: str) -> None:
    infos = INFOS | {"red_wine": TAG}
    assert sentence(linked(infos[a], infos[b], lag, effect), infos) == said


@pytest.mark.parametrize(
    ("value", "text"),
    [(18.2, "18"), (0.161, "0.16"), (1234.0, "1,200"), (0, "0"), (99.7, "100"), (-2.55, "-2.5")],
)
def test_figures_are_the_two_that_count(value: float, text: str) -> None:
    assert figures(value) == text
