from __future__ import annotations

import msgspec
import numpy as np
import pytest

from diurnal.analysis import Days, MeasureInfo, correlations, exist_pearson
from diurnal.analysis._links import Link
from diurnal.analysis.correlations import find
from diurnal.model.measures import Daily
from tests.analysis.lives import STRUCTURES, Life, live

PLANTED = [
    ("coffee", "sleep_min", 0, -1),
    ("late_screen_min", "sleep_min", 0, -1),
    ("alcohol", "hrv_ms", 1, -1),
    ("alcohol", "resting_hr", 1, 1),
    ("sleep_min", "mood", 0, 1),
    ("steps", "mood", 0, 1),
    ("rain_mm", "steps", 0, -1),
    ("productive_min", "tracks", 0, 1),
]
UNRELATED = [
    ("tweets", "sleep_min"),
    ("tweets", "steps"),
    ("tweets", "mood"),
    ("tweets", "weight_kg"),
    ("coffee", "weight_kg"),
]


class Score:
    """Hits, misses and false alarms of several lives, counted together."""

    def __init__(self) -> None:
        self.planted = self.hits = self.false = 0
        self.signs: list[bool] = []
        self.lags: list[bool] = []

    def add(self, life: Life, links: tuple[Link, ...]) -> None:
        planted = {tuple(sorted((p.a, p.b))): p for p in life.planted}
        self.planted += len(planted)
        for link in links:
            a, b = life.days.column(link.a), life.days.column(link.b)
            pair = (min(a, b), max(a, b))
            self.false += pair in life.nulls
            if pair not in planted or link.sign == 0:
                continue
            plant = planted[pair]
            self.hits += 1
            self.lags.append(link.lag == plant.lag and (plant.lag == 0 or a == plant.a))
            if plant.alone:
                self.signs.append(link.sign == plant.sign)

    @property
    def precision(self) -> float:
        return self.hits / max(self.hits + self.false, 1)

    @property
    def recall(self) -> float:
        return self.hits / self.planted

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def scored(seeds: range, days: int) -> dict[str, Score]:
    scores = {structure: Score() for structure in STRUCTURES}
    for structure, score in scores.items():
        for seed in seeds:
            life = live(seed, days=days, structure=structure)
            score.add(life, find(life.days).links)
    return scores


def check(scores: dict[str, Score], *, precision: float, recall: float, f1: float) -> None:
    mean = {
        name: float(np.mean([getattr(score, name) for score in scores.values()]))
        for name in ("precision", "recall", "f1")
    }
    print(mean)
    assert mean["precision"] >= precision
    assert mean["recall"] >= recall
    assert mean["f1"] >= f1
    assert np.mean([s for score in scores.values() for s in score.signs]) >= 0.99
    assert np.mean([s for score in scores.values() for s in score.lags]) >= 0.90


def lives_with_a_false_link(seeds: range, days: int) -> float:
    wrong = [
        bool(find(live(seed, days=days, links=0, structure=structure).days).links)
        for structure in STRUCTURES
        for seed in seeds
    ]
    return float(np.mean(wrong))


def test_lives_without_links_have_none_found() -> None:
    """With nothing to find, the false-discovery rate is the share of lives with any finding."""
    assert lives_with_a_false_link(range(1_000, 1_014), 365) <= 0.05


def test_planted_links_are_found_with_sign_and_lag_in_a_year() -> None:
    check(scored(range(1_000, 1_003), 365), precision=0.92, recall=0.38, f1=0.5)


def test_planted_links_are_found_with_sign_and_lag_in_four_years() -> None:
    check(scored(range(1_000, 1_002), 1_461), precision=0.95, recall=0.76, f1=0.87)


@pytest.mark.slow
def test_many_lives_without_links_have_none_found() -> None:
    assert lives_with_a_false_link(range(2_000, 2_060), 365) <= 0.05
    assert lives_with_a_false_link(range(2_000, 2_020), 1_461) <= 0.05


@pytest.mark.slow
def test_planted_links_are_found_over_many_seeds() -> None:
    check(scored(range(2_000, 2_020), 365), precision=0.92, recall=0.38, f1=0.5)
    check(scored(range(2_000, 2_020), 1_461), precision=0.95, recall=0.76, f1=0.87)


def test_the_invented_years_links_are_found(invented_year: Days) -> None:
    links = find(invented_year).links
    found = {(link.a, link.b): link for link in links}
    for a, b, lag, sign in PLANTED:
        link = found.get((a, b)) or (found.get((b, a)) if lag == 0 else None)
        assert link is not None, (a, b)
        assert (link.lag, link.sign) == (lag, sign), (a, b)
    for a, b in UNRELATED:
        assert (a, b) not in found
        assert (b, a) not in found


def test_an_effect_is_in_the_owners_units(invented_year: Days) -> None:
    [drinks] = [x for x in find(invented_year).links if (x.a, x.b) == ("alcohol", "resting_hr")]
    assert drinks.effect is not None
    assert drinks.effect.per == 1
    assert drinks.effect.low < 0.9 < drinks.effect.high
    assert drinks.effect.high - drinks.effect.low < 0.6


def table(columns: dict[str, np.ndarray], **extra: dict[str, object]) -> Days:
    infos = tuple(
        msgspec.structs.replace(MeasureInfo(key=key, label=key.title()), **extra.get(key, {}))
        for key in columns
    )
    return Days(19_000, infos, np.stack(list(columns.values()), axis=1))


def test_a_u_shape_is_found_where_no_line_is() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=500)
    days = table({"warmth": x, "steps": -(x**2) + rng.normal(size=500), "other": rng.random(500)})
    [link] = find(days).links
    assert (link.a, link.b, link.shape, link.sign, link.lag) == ("warmth", "steps", "hill", 0, 0)


def test_the_same_thing_measured_twice_is_folded() -> None:
    rng = np.random.default_rng(2)
    steps = rng.gamma(5, 2_000, 400)
    distance = steps * 0.0007 * rng.normal(1, 0.02, 400)
    mood = 0.5 * steps / steps.std() + rng.normal(size=400)
    move = {"group": "activity"}
    days = table(
        {"distance": distance, "steps": steps, "mood": mood},
        steps=move,
        distance=move | {"derived_from": "steps"},
    )
    found = find(days)
    assert found.trivial == (("distance", "steps"),)
    [link] = found.links
    assert {link.a, link.b} == {"steps", "mood"}
    assert [set(pair) for pair in link.folded] == [{"distance", "mood"}]


def test_a_tag_tells_by_the_difference_of_medians_and_null_is_not_zero() -> None:
    rng = np.random.default_rng(3)
    tag = (rng.random(400) < 0.3).astype(float)
    sleep = 450 - 25 * tag + rng.normal(0, 30, 400)
    # On days when the app was not opened nothing is known, and sleep was short.
    unopened = rng.random(400) < 0.3
    sleep[unopened] -= 200
    tag[unopened] = np.nan
    days = table({"sleep": sleep, "late": tag}, late={"is_tag": True, "kind": Daily.ANY})
    [link] = find(days).links
    assert (link.a, link.b, link.sign) == ("late", "sleep", -1)
    assert link.n == 400 - unopened.sum()
    assert link.effect is not None
    assert link.effect.low < -25 < link.effect.high
    as_zero = table({"sleep": sleep, "late": np.nan_to_num(tag)}, late={"is_tag": True})
    assert all(x.effect is None or x.effect.change > -5 for x in find(as_zero).links)


def test_a_tag_of_seven_days_is_not_asked() -> None:
    rng = np.random.default_rng(4)
    tag = np.zeros(300)
    tag[::45] = 1
    days = table(
        {"sleep": 400 - 200 * tag + rng.normal(size=300), "ill": tag}, ill={"is_tag": True}
    )
    assert tag.sum() == 7
    assert find(days).asked == 0


def test_the_way_in_time_is_told() -> None:
    rng = np.random.default_rng(5)
    cause = rng.normal(size=400)
    later = np.concatenate([np.zeros(2), cause[:-2]]) + rng.normal(size=400)
    [link] = find(table({"later": later, "cause": cause})).links
    assert (link.a, link.b, link.lag, link.lag_sure) == ("cause", "later", 2, True)


def test_a_week_of_lags_is_looked_at_on_request() -> None:
    rng = np.random.default_rng(6)
    load = rng.normal(size=600)
    hrv = -0.6 * np.concatenate([np.zeros(6), load[:-6]]) + rng.normal(size=600)
    days = table({"load": load, "hrv": hrv})
    assert not find(days).links
    [link] = find(days, lag_max=7).links
    assert (link.a, link.lag, link.sign) == ("load", 6, -1)
    with pytest.raises(ValueError, match="lag_max"):
        find(days, lag_max=8)


def test_a_link_that_ended_is_told_as_faded() -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=600)
    y = np.where(np.arange(600) < 300, x, 0) + rng.normal(size=600)
    [link] = find(table({"x": x, "y": y})).links
    assert link.course == "faded"


def test_a_link_by_way_of_another_names_it() -> None:
    rng = np.random.default_rng(8)
    work = rng.normal(size=800)
    coffee = 0.8 * work + 0.5 * rng.normal(size=800)
    sleep = -0.8 * coffee + 0.5 * rng.normal(size=800)
    found = {
        frozenset((x.a, x.b)): x
        for x in find(table({"work": work, "coffee": coffee, "sleep": sleep})).links
    }
    assert found[frozenset(("work", "sleep"))].through == "coffee"
    assert found[frozenset(("coffee", "sleep"))].through is None


def test_shared_weekdays_seasons_and_trends_are_no_link() -> None:
    rng = np.random.default_rng(9)
    t = np.arange(1_000)
    common = (t % 7 >= 5) * 3.0 + 2 * np.sin(2 * np.pi * t / 365.25) + t / 200
    days = table({k: common + rng.normal(size=1_000) for k in "abcd"})
    assert find(days).links == ()
    naive = exist_pearson.run(days)
    assert sum(row.stars == 5 for row in naive) >= 6


def test_a_typo_does_not_hide_a_link_and_an_illness_is_kept(invented_year: Days) -> None:
    values = invented_year.values.copy()
    weight = invented_year.column("weight_kg")
    values[100, weight] *= 10
    from diurnal.analysis._outliers import suspects

    out = suspects(Days(invented_year.first_day, invented_year.measures, values))
    assert out.out[100, weight]
    assert out.instead[100, weight] == pytest.approx(invented_year.values[100, weight])
    assert out.out.sum() == 1


def test_days_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="columns"):
        Days(0, (), np.zeros((3, 1)))


def test_run_gives_what_may_be_shown(invented_year: Days) -> None:
    assert [x.p for x in correlations.run(invented_year)] == sorted(
        x.p for x in find(invented_year).links
    )
