from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from diurnal.analysis import Days, MeasureInfo, anomalies, changepoints, experiments, trends
from diurnal.model.measures import Daily
from tests.analysis.lives import live


def day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def one(values: np.ndarray, **about: object) -> Days:
    about = {"key": "weight", "label": "Weight", "kind": Daily.LAST} | about
    info = MeasureInfo(**about)  # type: ignore[arg-type]
    return Days(19_000, (info,), np.asarray(values, dtype=float)[:, None])


def remember(rng: np.random.Generator, n: int, phi: float) -> np.ndarray:
    x = np.zeros(n)
    for t in range(1, n):
        x[t] = phi * x[t - 1] + rng.normal()
    return x


def test_the_invented_years_change_is_found(invented_year: Days) -> None:
    weight = [c for c in changepoints.run(invented_year) if c.measure == "weight_kg"]
    [turn] = [c for c in weight if abs(c.day - day("2026-02-01")) <= 10]
    assert turn.kind == "course"
    assert turn.before == pytest.approx(0.004, abs=0.01)
    assert turn.after == pytest.approx(-0.055, abs=0.005)


def test_a_step_is_found_near_its_day() -> None:
    rng = np.random.default_rng(1)
    x = remember(rng, 400, 0.5)
    x[250:] += 4
    [change] = changepoints.run(one(x))
    assert change.kind == "level"
    assert abs(change.day - 19_250) <= 5
    assert change.after - change.before == pytest.approx(4, abs=1)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8])
def test_wandering_is_no_change(phi: float) -> None:
    """Plain penalties cut wandering data up; shuffled blocks wander as well."""
    rng = np.random.default_rng(2)
    wrong = [bool(changepoints.run(one(remember(rng, 365, phi), key=f"m{i}"))) for i in range(20)]
    assert np.mean(wrong) <= 0.1


def test_changes_are_the_same_each_time(invented_year: Days) -> None:
    window = invented_year.window(invented_year.first_day, invented_year.first_day + 200)
    assert changepoints.run(window) == changepoints.run(window)


def test_the_invented_years_illness_is_found(invented_year: Days) -> None:
    found = anomalies.run(invented_year)
    [ill] = [a for a in found if a.measure == "resting_hr"]
    assert (ill.first_day, ill.last_day) == (day("2026-01-14"), day("2026-01-18"))
    assert (ill.kind, ill.excluded) == ("stretch", False)
    assert ill.value - ill.usual == pytest.approx(9, abs=3)


def test_a_typo_is_asked_back() -> None:
    rng = np.random.default_rng(3)
    weight = 74 + remember(rng, 300, 0.9) * 0.2
    weight[200] = 7.4
    [anomaly] = [a for a in anomalies.run(one(weight)) if a.kind == "typo"]
    assert (anomaly.first_day, anomaly.value, anomaly.excluded) == (19_200, 7.4, True)
    assert anomaly.instead == pytest.approx(74)


def test_ordinary_years_have_few_anomalies() -> None:
    life = live(5, days=365, structure="level")
    found = anomalies.run(life.days)
    assert len(found) <= 0.25 * len(life.days.measures)
    assert not [a for a in found if a.excluded]


def test_a_trend_is_told_with_its_interval_and_noise_is_not() -> None:
    rng = np.random.default_rng(4)
    values = np.stack(
        [70 - 0.05 * np.arange(200) + rng.normal(0, 0.3, 200), rng.normal(size=200)], axis=1
    )
    infos = tuple(MeasureInfo(key=k, label=k, kind=Daily.LAST) for k in ("weight", "noise"))
    [trend] = trends.run(Days(19_000, infos, values))
    assert trend.measure == "weight"
    assert trend.low < -0.05 < trend.high < 0
    assert trend.last_day - trend.first_day == 89


def test_wandering_is_seldom_a_trend() -> None:
    rng = np.random.default_rng(5)
    wrong = [bool(trends.run(one(remember(rng, 90, 0.7)))) for _ in range(100)]
    assert np.mean(wrong) <= 0.1


def drawn(**about: int) -> experiments.Plan:
    return experiments.plan(
        **({"seed": 1, "first_day": 19_000, "pairs": 6, "block_days": 7, "washout_days": 2} | about)
    )


def test_a_schedule_is_balanced_and_the_same_for_a_seed() -> None:
    plan = drawn()
    assert plan == drawn()
    assert {drawn(seed=s).blocks for s in range(10)} != {plan.blocks}
    arms = [block.arm for block in plan.blocks]
    assert all({a, b} == {"A", "B"} for a, b in zip(arms[::2], arms[1::2], strict=True))
    assert arms[::2].count("A") == 3
    for before, block in zip(plan.blocks, plan.blocks[1:], strict=False):
        assert block.first_day == before.last_day + 1
        assert block.washout_days == (0 if block.arm == before.arm else 2)
    assert plan.on(plan.first_day - 1) is None
    assert plan.on(plan.last_day) == plan.blocks[-1]
    assert plan.on(plan.last_day + 1) is None
    assert plan.first_day in plan.turns()


@pytest.mark.parametrize("about", [{"pairs": 0}, {"block_days": 0}, {"washout_days": 7}])
def test_a_schedule_that_cannot_be_is_refused(about: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(about))):
        drawn(**about)


def lived(plan: experiments.Plan, effect: float, rng: np.random.Generator) -> Days:
    values = rng.normal(50, 1, plan.last_day - plan.first_day + 1)
    for block in plan.blocks:
        part = slice(block.first_day - plan.first_day, block.last_day - plan.first_day + 1)
        values[part] += effect * (block.arm == "A")
    return one(values)


def test_a_trial_finds_its_effect_and_its_interval_holds_it() -> None:
    rng = np.random.default_rng(6)
    plan = drawn()
    covered, words = [], []
    for _ in range(60):
        verdict = experiments.verdict(plan, lived(plan, 2.0, rng), "weight")
        assert verdict.low is not None
        assert verdict.high is not None
        covered.append(verdict.low <= 2 <= verdict.high)
        words.append(verdict.word)
    assert 0.85 < np.mean(covered) <= 1
    assert words.count("higher") > 50


def test_a_trial_of_nothing_says_alike() -> None:
    rng = np.random.default_rng(7)
    words = [experiments.verdict(p := drawn(seed=s), lived(p, 0.0, rng), "weight").word
             for s in range(60)]  # fmt: skip
    assert words.count("alike") >= 53


def test_washout_does_not_count_and_a_running_trial_is_early() -> None:
    plan = drawn()
    days = lived(plan, 0.0, np.random.default_rng(8))
    spoiled = days.values.copy()
    for block in plan.blocks:
        start = block.first_day - plan.first_day
        spoiled[start : start + block.washout_days] = 1e9
    spoilt = Days(days.first_day, days.measures, spoiled)
    assert experiments.verdict(plan, spoilt, "weight") == experiments.verdict(plan, days, "weight")
    early = experiments.verdict(plan, days, "weight", last_day=plan.first_day + 30)
    assert (early.word, early.pairs, early.low) == ("early", 2, None)
    none = experiments.verdict(plan, days, "weight", last_day=plan.first_day + 3)
    assert (none.word, none.difference) == ("early", None)
