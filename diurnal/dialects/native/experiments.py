"""Experiments that the owner makes with themselves: plan, follow, look, end."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.model.events import seconds
from diurnal.model.time import day_from_text, day_text
from diurnal.services import experiments
from diurnal.store.database import Tx, WriteTx
from diurnal.store.experiments import Stored

HOUR_US = 3_600_000_000
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=experiments.TEXT_MAX)]


class ExperimentIn(wire.Input):
    """A trial of A against B: pairs of blocks, in an order that is drawn.

    Attributes:
        a, b: what one does in each.
        measures: what is looked at.
        washout_days: at the beginning of a block that do not count, where the arm changes.
    """

    name: Text
    a: Text
    b: Text
    measures: Annotated[
        list[wire.Key], msgspec.Meta(min_length=1, max_length=experiments.MEASURES_MAX)
    ]
    start: wire.DateText = msgspec.field(name="from")
    pairs: Annotated[int, msgspec.Meta(ge=experiments.PAIRS_MIN, le=experiments.PAIRS_MAX)] = 4
    block_days: Annotated[int, msgspec.Meta(ge=1, le=experiments.BLOCK_DAYS_MAX)] = 7
    washout_days: Annotated[int, msgspec.Meta(ge=0, le=experiments.BLOCK_DAYS_MAX)] = 1


class BlockOut(wire.Output):
    """A stretch of one arm, `a` or `b`; its days count from `countedFrom` on."""

    arm: str
    start: str = msgspec.field(name="from")
    to: str
    counted_from: str


class TurnOut(wire.Output):
    """What today asks.

    Attributes:
        begins: the arm is another than yesterday.
        washout: today does not count yet.
        until: the last day of this arm.
    """

    arm: str
    begins: bool
    washout: bool
    until: str


class VerdictOut(wire.Output, kw_only=True):
    """What the days show of one measure.

    Attributes:
        word: `early`, `higher` or `lower` (under A than under B), or `alike`: no difference
            larger than the interval.
        difference: of A over B, with its 95 % interval.
        pairs: with data in both blocks.
        p: of the draw: the share of schedules that would have done as well.
        days_a, days_b: that counted; `meanA` and `meanB` their means.
        to: the last day looked at; `final` whether the trial was over.
    """

    measure: str
    word: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    pairs: int
    p: float | None = None
    days_a: int
    days_b: int
    mean_a: float | None = None
    mean_b: float | None = None
    to: str
    final: bool


class ExperimentOut(wire.Output, kw_only=True):
    """A trial.

    Attributes:
        state: drawing, planned, running, done or cancelled.
        seed: what the schedule is drawn from.
        looked: when the verdicts were made.
    """

    id: str
    name: str
    a: str
    b: str
    measures: list[str]
    start: str = msgspec.field(name="from")
    to: str
    pairs: int
    block_days: int
    washout_days: int
    seed: int
    state: str
    blocks: list[BlockOut]
    today: TurnOut | None = None
    verdicts: list[VerdictOut]
    looked: float | None = None
    cancelled: float | None = None
    created: float


class ExperimentsOut(wire.Output):
    """The account's trials, the latest first."""

    experiments: list[ExperimentOut]


class ExperimentDropped(wire.Output):
    """The id of a trial that is gone."""

    dropped: str


def _today(call: Call, tx: Tx) -> int:
    return call.ctx.state(tx, call.caller.account_id).zones.day_at(call.ctx.now())


def _write(one: Stored, today: int) -> ExperimentOut:
    turn = experiments.turn_on(one, today)
    last = experiments.last_day(one)
    return ExperimentOut(
        id=one.id,
        name=one.name,
        a=one.arm_a,
        b=one.arm_b,
        measures=one.measures,
        start=day_text(one.first_day),
        to=day_text(last),
        pairs=one.pairs,
        block_days=one.block_days,
        washout_days=one.washout_days,
        seed=one.seed,
        state=experiments.state_of(one, today),
        blocks=[
            BlockOut(
                arm=block["arm"].lower(),
                start=day_text(block["first_day"]),
                to=day_text(block["last_day"]),
                counted_from=day_text(block["first_day"] + block["washout_days"]),
            )
            for block in one.blocks or ()
        ],
        today=None
        if turn is None
        else TurnOut(
            arm=turn.arm.lower(),
            begins=turn.begins,
            washout=turn.washout,
            until=day_text(turn.until),
        ),
        verdicts=[
            VerdictOut(
                measure=said["measure"],
                word=said["word"],
                difference=said["difference"],
                low=said["low"],
                high=said["high"],
                pairs=said["pairs"],
                p=said["p"],
                days_a=said["days_a"],
                days_b=said["days_b"],
                mean_a=said["mean_a"],
                mean_b=said["mean_b"],
                to=day_text(said["last_day"]),
                final=said["last_day"] >= last,
            )
            for said in one.verdicts or ()
        ],
        looked=None if one.looked is None else seconds(one.looked),
        cancelled=None if one.cancelled is None else seconds(one.cancelled),
        created=seconds(one.created),
    )


async def get_many(call: Call) -> Response:
    """Answer the trials."""

    def read(tx: Tx) -> bytes:
        today = _today(call, tx)
        found = experiments.listed(tx, call.caller)
        return wire.encode(ExperimentsOut(experiments=[_write(one, today) for one in found]))

    # Midnight, and what today asks, comes without a change.
    return await endpoint.cached(call, read, moment=call.ctx.now() // HOUR_US)


async def get_one(call: Call) -> Response:
    """Answer one trial."""

    def read(tx: Tx) -> bytes:
        one = experiments.get(tx, call.caller, call.path["id"])
        return wire.encode(_write(one, _today(call, tx)))

    return await endpoint.cached(call, read, moment=call.ctx.now() // HOUR_US)


async def create(call: Call) -> Response:
    """Plan a trial."""
    new: ExperimentIn = call.body
    first_day = day_from_text(new.start, field="from")
    seed = experiments.new_seed()

    def do(tx: WriteTx) -> ExperimentOut:
        made = experiments.create(
            tx,
            call.ctx,
            call.caller,
            name=new.name,
            arm_a=new.a,
            arm_b=new.b,
            measures=new.measures,
            first_day=first_day,
            pairs=new.pairs,
            block_days=new.block_days,
            washout_days=new.washout_days,
            seed=seed,
        )
        return _write(made, _today(call, tx))

    return endpoint.answer(await http.write(call.ctx, do), 201)


async def cancel(call: Call) -> Response:
    """End a trial before its time."""

    def do(tx: WriteTx) -> ExperimentOut:
        one = experiments.cancel(tx, call.ctx, call.caller, call.path["id"])
        return _write(one, _today(call, tx))

    return endpoint.answer(await http.write(call.ctx, do))


async def look(call: Call) -> Response:
    """Have the verdicts made anew; the worker does it."""

    def do(tx: WriteTx) -> ExperimentOut:
        one = experiments.look(tx, call.ctx, call.caller, call.path["id"])
        return _write(one, _today(call, tx))

    return endpoint.answer(await http.write(call.ctx, do), 202)


async def drop(call: Call) -> Response:
    """Delete a trial."""
    id_ = call.path["id"]
    await http.write(call.ctx, lambda tx: experiments.drop(tx, call.ctx, call.caller, id_))
    return endpoint.answer(ExperimentDropped(dropped=id_))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/experiments",
        name="experiments.list",
        summary="Read the experiments",
        who=Who.OWNER,
        answer=(ExperimentsOut,),
        handler=get_many,
    ),
    Endpoint(
        method="POST",
        path="/experiments",
        name="experiments.create",
        summary="Plan an experiment",
        description=(
            "Pairs of one block of A and one of B, in random order within the pair. The schedule "
            "is drawn within a second; a change of kind `experiment` tells of it, and of each day "
            "on which the arm changes."
        ),
        who=Who.OWNER,
        body=(ExperimentIn,),
        answer=(ExperimentOut,),
        status=201,
        handler=create,
    ),
    Endpoint(
        method="GET",
        path="/experiments/{id}",
        name="experiments.get",
        summary="Read an experiment",
        who=Who.OWNER,
        answer=(ExperimentOut,),
        handler=get_one,
    ),
    Endpoint(
        method="POST",
        path="/experiments/{id}/cancel",
        name="experiments.cancel",
        summary="End an experiment before its time",
        who=Who.OWNER,
        answer=(ExperimentOut,),
        handler=cancel,
    ),
    Endpoint(
        method="POST",
        path="/experiments/{id}/verdict",
        name="experiments.look",
        summary="Have the verdict made anew",
        description="It is made every morning anyway.",
        who=Who.OWNER,
        answer=(ExperimentOut,),
        status=202,
        handler=look,
    ),
    Endpoint(
        method="DELETE",
        path="/experiments/{id}",
        name="experiments.delete",
        summary="Delete an experiment",
        who=Who.OWNER,
        answer=(ExperimentDropped,),
        handler=drop,
    ),
)
