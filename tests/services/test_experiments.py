"""Experiments with one person, from the plan to the verdict."""

from __future__ import annotations

import msgspec
import pytest

from diurnal.analysis import experiments as drawing
from diurnal.errors import Forbidden, InvalidInput, NotFound, UnknownReference
from diurnal.model.access import Access, Level, Permission
from diurnal.services import accesses, changelog, days, experiments
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from diurnal.worker import handlers, step
from tests import cases
from tests.clock import DAY, HOUR, Clock

TODAY = 20513
PLAN = {
    "name": "Coffee",
    "arm_a": "with coffee",
    "arm_b": "without",
    "measures": ["sleep", "mood"],
    "first_day": TODAY + 1,
    "pairs": 4,
    "block_days": 3,
    "washout_days": 1,
    "seed": 7,
}


def planned(ctx: Context, who: Access, **more: object) -> experiments.Stored:
    return cases.write(ctx, experiments.create, who, **{**PLAN, **more})  # type: ignore[no-any-return]


def work(ctx: Context) -> int:
    done = 0
    while step(ctx, handlers(), owner="test"):
        done += 1
    return done


def got(ctx: Context, who: Access, id_: str) -> experiments.Stored:
    return ctx.store.read(lambda tx: experiments.get(tx, who, id_))


def test_a_trial_is_drawn_followed_day_by_day_and_judged(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    one = planned(ctx, alice)
    assert experiments.state_of(one, TODAY) == "drawing"
    assert work(ctx) == 1
    one = got(ctx, alice, one.id)
    assert one.blocks is not None
    drawn = drawing.plan(seed=7, first_day=TODAY + 1, pairs=4, block_days=3, washout_days=1)
    assert one.blocks == [msgspec.to_builtins(block) for block in drawn.blocks]
    assert experiments.state_of(one, TODAY) == "planned"
    turns = []
    for day in range(TODAY + 1, TODAY + 26):
        clock.tick(DAY)
        turn = experiments.turn_on(one, day)
        assert (turn is None) == (day > TODAY + 24)
        if turn is not None:
            if turn.begins:
                turns.append(day)
            slept = 420 - (40 if turn.arm == "A" else 0) + day % 3
            cases.write(ctx, days.write_rows, alice, [NewDay("sleep", day, slept, "ring")])
        assert work(ctx) == 1
    assert turns == drawn.turns()
    told = ctx.store.read(lambda tx: changelog.since(tx, alice, 0, 1000))
    reminded = [c for c in told if (c.kind, c.op) == ("experiment", "remind")]
    assert len(reminded) == len(turns)
    one = got(ctx, alice, one.id)
    assert experiments.state_of(one, TODAY + 25) == "done"
    assert one.verdicts is not None
    sleep, mood = one.verdicts
    assert (sleep["measure"], sleep["word"], sleep["pairs"]) == ("sleep", "lower", 4)
    assert sleep["low"] < sleep["difference"] < sleep["high"] < 0
    assert (mood["word"], mood["days_a"]) == ("early", 0)
    # Sources tell late: it is looked at for a week, and no longer.
    clock.tick(20 * DAY)
    assert work(ctx) <= experiments.AFTER
    clock.tick(20 * DAY)
    assert work(ctx) == 0


def test_a_trial_that_was_cancelled_asks_nothing_more(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    one = planned(ctx, alice)
    work(ctx)
    clock.tick(3 * DAY)
    work(ctx)
    ended = cases.write(ctx, experiments.cancel, alice, one.id)
    assert ended == cases.write(ctx, experiments.cancel, alice, one.id)
    assert experiments.turn_on(ended, TODAY + 3) is None
    assert experiments.state_of(ended, TODAY + 3) == "cancelled"
    clock.tick(DAY + HOUR)
    work(ctx)
    clock.tick(DAY)
    assert work(ctx) == 0
    cases.write(ctx, experiments.drop, alice, one.id)
    with pytest.raises(NotFound):
        got(ctx, alice, one.id)


def test_what_cannot_be_tried_is_refused(ctx: Context, alice: Access, charlie: Access) -> None:
    for field, more in {
        "name": {"name": " "},
        "a": {"arm_a": "x" * 101},
        "b": {"arm_b": "With Coffee"},
        "pairs": {"pairs": 2},
        "blockDays": {"block_days": 91},
        "washoutDays": {"washout_days": 3},
        "from": {"first_day": TODAY - 1},
        "measures": {"measures": []},
    }.items():
        with pytest.raises(InvalidInput) as refused:
            planned(ctx, alice, **more)
        assert refused.value.field == field
    with pytest.raises(UnknownReference):
        planned(ctx, alice, measures=["nothing_known"])
    one = planned(ctx, alice)
    with pytest.raises(NotFound):
        got(ctx, charlie, one.id)
    app, _ = ctx.store.write(
        lambda tx: accesses.create(
            tx, ctx, alice, name="App", permissions=[Permission(Level.MANAGE)]
        )
    ).result()
    for use in (experiments.cancel, experiments.drop, experiments.look):
        with pytest.raises(Forbidden):
            cases.write(ctx, use, app.access, one.id)


def test_the_service_promises_no_more_than_the_drawing_can_do() -> None:
    assert experiments.PAIRS_MIN == drawing.PAIRS_MIN
    assert experiments.PAIRS_MAX <= drawing.PAIRS_MAX
    assert experiments.BLOCK_DAYS_MAX <= drawing.BLOCK_DAYS_MAX
