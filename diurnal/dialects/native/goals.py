"""Goals, and how far today is."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.model.time import MINUTE, day_text
from diurnal.services import findings
from diurnal.store.database import Tx, WriteTx

QUARTER = 15 * MINUTE
"""A day begins on one."""


class GoalsQuery(wire.Input):
    """Goals of which measures; commas separate, too."""

    measures: list[wire.Key] = msgspec.field(default_factory=list)


class GoalIn(wire.Input):
    """A goal in the measure's unit; null takes it back."""

    value: float | None


class GoalOut(wire.Output, kw_only=True):
    """How far today is.

    Attributes:
        goal: the owner's own.
        end: that, or what is usual on this weekday.
        value: so far; `share` of `end`.
        streak, best: days in a row that reached it, as of the last analysis.
    """

    measure: str
    date: str
    goal: float | None = None
    end: float | None = None
    value: float | None = None
    share: float | None = None
    reached: bool | None = None
    streak: int
    best: int
    best_date: str | None = None


class GoalsOut(wire.Output):
    """Goals by measure."""

    goals: list[GoalOut]


def _goal(goal: findings.Goal) -> GoalOut:
    return GoalOut(
        measure=goal.measure,
        date=day_text(goal.day),
        goal=goal.goal,
        end=goal.end,
        value=goal.value,
        share=goal.share,
        reached=goal.reached,
        streak=goal.streak,
        best=goal.best,
        best_date=None if goal.best_day is None else day_text(goal.best_day),
    )


async def goals(call: Call) -> Response:
    """Answer how far today is."""
    measures = wire.split(call.query.measures)

    def read(tx: Tx) -> bytes:
        found = findings.goals(tx, call.ctx, call.caller, measures)
        return wire.encode(GoalsOut(goals=[_goal(goal) for goal in found]))

    return await endpoint.cached(call, read, moment=call.ctx.now() // QUARTER)


async def set_goal(call: Call) -> Response:
    """Set or take back a goal."""
    measure, value = call.path["measure"], call.body.value

    def do(tx: WriteTx) -> GoalOut:
        findings.set_goal(tx, call.ctx, call.caller, measure, value)
        state = call.ctx.state(tx, call.caller.account_id)
        today = state.zones.day_at(call.ctx.now())
        found = findings.goals(tx, call.ctx, call.caller, [measure])
        nothing = GoalOut(measure=measure, date=day_text(today), streak=0, best=0)
        return _goal(found[0]) if found else nothing

    return endpoint.answer(await http.write(call.ctx, do))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/goals",
        name="goals.list",
        summary="Read how far today is",
        query=GoalsQuery,
        answer=(GoalsOut,),
        handler=goals,
    ),
    Endpoint(
        method="PUT",
        path="/goals/{measure}",
        name="goals.put",
        summary="Set a goal",
        who=Who.OWNER,
        body=(GoalIn,),
        answer=(GoalOut,),
        handler=set_goal,
    ),
)
