"""Findings of a whole account, from imported data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diurnal import worker
from diurnal.errors import Forbidden, InvalidInput, NotFound, UnknownReference
from diurnal.model.access import Access, Level, Permission
from diurnal.model.time import HOUR, day_from_text
from diurnal.services import accounts, analyse, day_tables, days, findings, imports, jobs
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from diurnal.store import findings as store
from tests import cases
from tests.clock import DAY, START, Clock

DATA = Path(__file__).parent.parent / "data"
CSV = DATA / "csv" / "daily.csv"
APPLE = DATA / "apple_health" / "synthetic_export.zip"
YEAR_LATER = 300 * DAY
"""The invented year ends after the clock of the tests begins."""

# What was planted into the invented year: cause, effect, days between, sign.
PLANTED = {
    ("coffee", "sleep_min", 0, -1),
    ("late_screen_min", "sleep_min", 0, -1),
    ("alcohol", "hrv_ms", 1, -1),
    ("alcohol", "resting_hr", 1, 1),
    ("sleep_min", "mood", 0, 1),
    ("steps", "mood", 0, 1),
    ("rain_mm", "steps", 0, -1),
    ("productive_min", "tracks", 0, 1),
}
NO_RELATION = {
    frozenset({"tweets", "sleep_min"}),
    frozenset({"tweets", "steps"}),
    frozenset({"tweets", "mood"}),
    frozenset({"tweets", "weight_kg"}),
    frozenset({"coffee", "weight_kg"}),
}
TODAY = 20513


def load(ctx: Context, who: Access, *paths: Path) -> None:
    batch = ctx.store.write(
        lambda tx: imports.start(tx, ctx, who, paths=[str(p) for p in paths], name="a")
    ).result()
    imports.run(ctx, who.account_id, batch)


def rows(ctx: Context, who: Access, kind: str, **more: Any) -> list[findings.Found]:
    found: list[findings.Found] = cases.read(ctx, findings.of_kind, who, kind, **more)
    return found


def links(ctx: Context, who: Access) -> set[tuple[str, str, int, int]]:
    """What is shown, by the names that people know; at lag 0 either way round."""
    state = ctx.store.read(lambda tx: ctx.state(tx, who.account_id))

    def name(key: str) -> str:
        measure = state.measure(key)
        assert measure is not None
        return findings.wire_name(measure, own=key in state.measures)

    made = set()
    for row in rows(ctx, who, findings.LINK):
        a, b = name(row.body["a"]), name(row.body["b"])
        made.add((a, b, row.body["lag"], row.body["sign"]))
        if row.body["lag"] == 0:
            made.add((b, a, 0, row.body["sign"]))
    return made


def invent(ctx: Context, who: Access, n: int = 60, first: int = TODAY - 60) -> None:
    """Days on which two measures go together."""
    rng = np.random.default_rng(1)
    steps = rng.normal(8000, 2000, n).round()
    mood = np.clip((5 + (steps - 8000) / 1500 + rng.normal(0, 0.3, n)).round(), 1, 9)
    given = []
    for i in range(n):
        given.append(NewDay("steps", first + i, float(steps[i]), "watch"))
        given.append(NewDay("mood", first + i, float(mood[i]), "watch"))
    cases.write(ctx, days.write_rows, who, given)


def test_the_planted_links_are_found_and_none_that_is_not_there(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    clock.tick(YEAR_LATER)
    load(ctx, alice, CSV)
    done = analyse.run(ctx, alice.account_id)
    assert done.day == day_from_text("2026-09-30")
    found = links(ctx, alice)
    assert found >= PLANTED
    assert not {frozenset(link[:2]) for link in found} & NO_RELATION
    changed = {
        row.body["day"] for row in rows(ctx, alice, findings.CHANGE) if row.measure == "weight_kg"
    }
    assert min(abs(day - day_from_text("2026-02-01")) for day in changed) <= 7
    odd = [
        (row.body["first_day"], row.body["last_day"])
        for row in rows(ctx, alice, findings.ANOMALY)
        if row.measure == "resting_hr"
    ]
    assert any(
        first <= day_from_text("2026-01-15") and last >= day_from_text("2026-01-17")
        for first, last in odd
    )
    sentence = next(
        row.body["sentence"]
        for row in rows(ctx, alice, findings.LINK)
        if row.body["a"] == "rain_mm"
    )
    assert sentence.startswith("With rain_mm 2 higher, you have ")
    assert "fewer steps" in sentence


@pytest.mark.parametrize(
    "engine",
    ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow])],
    indirect=True,
)
def test_two_sources_of_one_year_leave_the_planted_links(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    clock.tick(YEAR_LATER)
    load(ctx, alice, APPLE, CSV)
    analyse.run(ctx, alice.account_id)
    found = links(ctx, alice)
    either = {"sleep_min": {"sleep_min", "sleep"}}
    missing = [
        (a, b, lag, sign)
        for a, b, lag, sign in PLANTED
        if not {(x, y, lag, sign) for x in either.get(a, {a}) for y in either.get(b, {b})} & found
    ]
    assert len(missing) <= 1, missing
    assert not {frozenset(link[:2]) for link in found} & NO_RELATION


def test_the_table_has_every_numeric_measure_and_no_day_that_is_not_over(
    ctx: Context, alice: Access
) -> None:
    invent(ctx, alice, n=61)
    cases.write(
        ctx,
        days.write_rows,
        alice,
        [NewDay("weight", TODAY - i, 70 + i, "scale") for i in (0, 1, 3, 5)],
    )
    table = ctx.store.read(lambda tx: day_tables.matrix(tx, ctx, alice.account_id))
    assert [m.key for m in table.measures] == ["steps", "weight", "mood"]
    assert (table.first_day, table.last_day) == (TODAY - 60, TODAY - 1)
    weights = table.values[-6:, table.column("weight")]
    np.testing.assert_array_equal(weights, [np.nan, 75, np.nan, 73, np.nan, 71])
    part = ctx.store.read(lambda tx: day_tables.matrix(tx, ctx, alice.account_id, TODAY - 9, TODAY))
    assert (part.first_day, part.last_day) == (TODAY - 9, TODAY)
    assert part.measures[0].name == "steps"


def test_nothing_is_computed_twice_and_every_change_is_seen(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    assert analyse.run(ctx, alice.account_id).day is None
    invent(ctx, alice)
    first = analyse.run(ctx, alice.account_id)
    assert (first.day, first.skipped, first.counts["link"]) == (TODAY - 1, False, 1)
    assert analyse.run(ctx, alice.account_id).skipped
    assert analyse.run(ctx, alice.account_id).skipped
    cases.share(ctx, alice, Permission(Level.READ))
    assert analyse.run(ctx, alice.account_id).skipped
    cases.write(ctx, days.write_rows, alice, [NewDay("steps", TODAY - 1, 9.0, "watch")])
    assert not analyse.run(ctx, alice.account_id).skipped
    assert analyse.run(ctx, alice.account_id).skipped
    assert not analyse.run(ctx, alice.account_id, force=True).skipped
    # Of one day only the last run is kept.
    assert len(ctx.store.read(lambda tx: findings.batches(tx, alice.account_id))) == 1
    assert len(rows(ctx, alice, findings.LINK)) == 1


def test_past_runs_are_kept_and_old_ones_go(
    ctx: Context, alice: Access, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analyse, "KEPT", 3)
    monkeypatch.setattr(analyse, "KEPT_LARGE", {findings.PEARSON: 2})
    invent(ctx, alice)
    for i in range(5):
        cases.write(ctx, days.write_rows, alice, [NewDay("steps", TODAY + i, 8e3, "watch")])
        clock.tick(DAY)
        assert analyse.run(ctx, alice.account_id).day == TODAY + i
    kept = ctx.store.read(lambda tx: findings.batches(tx, alice.account_id))
    assert [batch.day for batch in kept] == [TODAY + 4, TODAY + 3, TODAY + 2]
    for kind, n in ((findings.LINK, 3), (findings.PEARSON, 2), (findings.AVERAGE, 3)):
        there = ctx.store.read(lambda tx, k=kind: store.of_kind(tx, alice.account_id, k))
        assert len({row.created for row in there}) == n
    old = rows(ctx, alice, findings.LINK, batch=kept[2])
    assert [row.day for row in old] == [TODAY + 2]


def test_of_two_runs_at_once_the_later_one_stands(ctx: Context, alice: Access) -> None:
    invent(ctx, alice)
    asked: list[int] = []

    def overtaken() -> bool:
        if not asked:
            asked.append(1)
            ctx.store.write(lambda tx: None).result()
            ctx_later = Context(
                store=ctx.store,
                settings=ctx.settings,
                keys=ctx.keys,
                blobs=ctx.blobs,
                now=lambda: ctx.now() + HOUR,
                new_id=ctx.new_id,
            )
            analyse.run(ctx_later, alice.account_id)
        return False

    analyse.run(ctx, alice.account_id, stopping=overtaken)
    assert len(ctx.store.read(lambda tx: findings.batches(tx, alice.account_id))) == 1
    kept = ctx.store.read(lambda tx: store.of_kind(tx, alice.account_id, findings.LINK))
    assert [row.created for row in kept] == [START + HOUR]


def test_a_run_that_is_stopped_leaves_nothing_to_be_seen(ctx: Context, alice: Access) -> None:
    invent(ctx, alice)
    with pytest.raises(jobs.Stopped):
        analyse.run(ctx, alice.account_id, stopping=lambda: True)
    assert rows(ctx, alice, findings.LINK) == []
    assert analyse.run(ctx, alice.account_id).counts["link"] == 1


def test_who_may_not_read_a_measure_whole_sees_no_finding_on_it(
    ctx: Context, alice: Access
) -> None:
    invent(ctx, alice)
    analyse.run(ctx, alice.account_id)
    both = cases.share(
        ctx,
        alice,
        Permission(Level.READ, "diurnal-steps"),
        Permission(Level.READ, "diurnal-mood"),
    )
    one = cases.share(ctx, alice, Permission(Level.READ, "diurnal-steps"))
    framed = cases.share(ctx, alice, Permission(Level.READ, start=START - 5 * DAY))
    assert len(rows(ctx, both, findings.LINK)) == 1
    assert rows(ctx, one, findings.LINK) == []
    assert {row.measure for row in rows(ctx, one, findings.AVERAGE)} == {"steps"}
    assert {row.measure for row in rows(ctx, both, findings.AVERAGE)} == {"steps", "mood"}
    for kind in analyse.KINDS[1:]:
        assert rows(ctx, framed, kind) == []
    with pytest.raises(UnknownReference):
        rows(ctx, one, findings.AVERAGE, measures=["mood"])


def test_hidden_data_of_a_measure_hide_its_findings(ctx: Context, alice: Access) -> None:
    cases.plant(ctx, alice, "diary")
    for i in range(40):
        cases.add(
            ctx,
            alice,
            cases.weigh(70 + i % 3, START - (i + 1) * DAY, stream_ids=("diurnal-weight",)),
        )
    analyse.run(ctx, alice.account_id)
    app = cases.share(ctx, alice, Permission(Level.READ, "diurnal-weight"))
    assert [row.measure for row in rows(ctx, app, findings.AVERAGE)] == ["weight"]
    cases.plant(ctx, alice, "hidden", parent="diurnal-weight", measure="weight")
    cases.add(ctx, alice, cases.weigh(99, START - 2 * DAY, stream_ids=("hidden",)))
    analyse.run(ctx, alice.account_id)
    app = cases.share(
        ctx,
        alice,
        Permission(Level.READ, "diurnal-weight"),
        Permission(Level.NONE, "hidden"),
    )
    assert rows(ctx, app, findings.AVERAGE) == []


def test_an_opinion_of_a_link_survives_the_next_run(ctx: Context, alice: Access) -> None:
    invent(ctx, alice)
    analyse.run(ctx, alice.account_id)
    [link] = rows(ctx, alice, findings.LINK)
    cases.write(ctx, findings.say, alice, link.body["id"], "useful")
    cases.write(ctx, findings.say, alice, link.body["id"], "obvious")
    analyse.run(ctx, alice.account_id, force=True)
    [again] = rows(ctx, alice, findings.LINK)
    said = ctx.store.read(lambda tx: findings.opinions(tx, alice.account_id))
    assert said == {again.body["id"]: "obvious"}
    cases.write(ctx, findings.say, alice, link.body["id"], None)
    assert ctx.store.read(lambda tx: findings.opinions(tx, alice.account_id)) == {}
    with pytest.raises(NotFound):
        cases.write(ctx, findings.say, alice, "nowhere", "useful")
    with pytest.raises(InvalidInput):
        cases.write(ctx, findings.say, alice, link.body["id"], "great")
    app = cases.share(ctx, alice, Permission(Level.MANAGE))
    with pytest.raises(Forbidden):
        cases.write(ctx, findings.say, app, link.body["id"], "useful")


def test_a_goal_is_ones_own_or_the_usual_value_of_the_weekday(ctx: Context, alice: Access) -> None:
    assert cases.read(ctx, findings.goals, alice) == []
    invent(ctx, alice)
    cases.write(ctx, days.write_rows, alice, [NewDay("steps", TODAY, 5000.0, "watch")])
    analyse.run(ctx, alice.account_id)
    usual = {goal.measure: goal for goal in cases.read(ctx, findings.goals, alice)}
    table = ctx.store.read(lambda tx: day_tables.matrix(tx, ctx, alice.account_id))
    same = table.values[-56::7, table.column("steps")]
    assert usual["steps"].end == np.median(same)
    assert (usual["steps"].goal, usual["steps"].value) == (None, 5000)
    assert usual["mood"].value is None
    cases.write(ctx, findings.set_goal, alice, "steps", 4000.0)
    cases.write(ctx, findings.set_goal, alice, "heart_rate_resting", 60.0)
    own = {goal.measure: goal for goal in cases.read(ctx, findings.goals, alice)}
    assert (own["steps"].goal, own["steps"].share, own["steps"].reached) == (4000, 1.25, True)
    assert own["heart_rate_resting"].end == 60
    assert not analyse.run(ctx, alice.account_id).skipped
    cases.write(ctx, findings.set_goal, alice, "steps", None)
    [steps] = cases.read(ctx, findings.goals, alice, ["steps"])
    assert (steps.goal, steps.end) == (None, usual["steps"].end)
    with pytest.raises(NotFound):
        cases.write(ctx, findings.set_goal, alice, "nothing_known", 1.0)
    with pytest.raises(InvalidInput):
        cases.write(ctx, findings.set_goal, alice, "note", 1.0)


# Jobs


def test_every_account_has_its_weekly_run(
    ctx: Context, alice: Access, charlie: Access, clock: Clock
) -> None:
    assert analyse.plan(ctx) == 2
    assert analyse.plan(ctx) == 0
    invent(ctx, alice)
    [job] = ctx.store.read(lambda tx: jobs.open_jobs(tx, alice.account_id, ["analyse"]))
    zones = ctx.store.read(lambda tx: ctx.state(tx, alice.account_id)).zones
    sunday = zones.day_at(job.run_at)
    assert (sunday + 3) % 7 == analyse.SUNDAY
    assert 0 < sunday - TODAY <= 7
    kinds = {"analyse": worker.handlers()["analyse"]}
    assert not worker.step(ctx, kinds, owner="w")
    clock.tick(7 * DAY)
    while worker.step(ctx, kinds, owner="w"):
        pass
    assert rows(ctx, alice, findings.LINK)
    [after] = ctx.store.read(lambda tx: jobs.open_jobs(tx, alice.account_id, ["analyse"]))
    assert zones.day_at(after.run_at) == sunday + 7
    assert analyse.plan(ctx) == 0


def test_an_analysis_asked_for_is_done_once(ctx: Context, alice: Access) -> None:
    invent(ctx, alice)
    first = cases.write(ctx, analyse.ask, alice)
    assert cases.write(ctx, analyse.ask, alice) == first
    assert worker.step(ctx, {"analyse": worker.handlers()["analyse"]}, owner="w")
    assert ctx.store.read(lambda tx: jobs.get(tx, alice.account_id, first)).state == "done"
    assert rows(ctx, alice, findings.LINK)
    assert cases.write(ctx, analyse.ask, alice) != first
    app = cases.share(ctx, alice, Permission(Level.MANAGE))
    with pytest.raises(Forbidden):
        cases.write(ctx, analyse.ask, app)


def test_a_deleted_account_takes_its_findings_with_it(ctx: Context, alice: Access) -> None:
    invent(ctx, alice)
    analyse.run(ctx, alice.account_id)
    accounts.delete(ctx, alice.account_id)
    for kind in analyse.KINDS:
        assert ctx.store.read(lambda tx, k=kind: store.of_kind(tx, alice.account_id, k)) == []


def test_an_import_is_followed_by_one_analysis(ctx: Context, alice: Access, clock: Clock) -> None:
    def run(start: int) -> None:
        lines = "".join(f"2026-01-{start + i:02d},{5 + i % 3}\n" for i in range(9))
        file = ctx.settings.data_dir / f"{start}.csv"
        file.write_text(f"date,mood\n{lines}")
        paths = [str(file)]
        cases.write(ctx, imports.start, alice, paths=paths, name=file.name)
        assert worker.step(ctx, worker.handlers(), owner="test")

    run(1)
    run(11)
    waiting = ctx.store.read(lambda tx: jobs.open_jobs(tx, alice.account_id, [analyse.KIND]))
    assert len(waiting) == 1
    assert not worker.step(ctx, worker.handlers(), owner="test")
    clock.tick(analyse.SOON)
    assert worker.step(ctx, worker.handlers(), owner="test")
    assert ctx.store.read(lambda tx: findings.latest(tx, alice.account_id)) is not None
