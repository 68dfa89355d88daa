"""What is worth telling."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint
from diurnal.dialects.native.findings import LIMIT_MAX
from diurnal.model.time import day_text
from diurnal.services import findings
from diurnal.store.database import Tx


class InsightsQuery(wire.Input):
    """Which insights.

    Attributes:
        every: also those that chance brings often, which no page shows.
    """

    measures: list[wire.Key] = msgspec.field(default_factory=list)
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)] = 1_000
    every: bool = False


class InsightOut(wire.Output, kw_only=True):
    """Something worth telling.

    Attributes:
        name: measure and kind, as `steps_best_since_x`.
        period: 1, 7 or 30 days.
        priority: 1 now, 2 day, 3 week, 4 month.
        date: the last day that it rests on; `target_date` the day it is about.
        surprise: log10 of how many such days it takes until chance brings one.
        shown: whether it is among the few that pages show.
    """

    name: str
    measure: str
    period: int
    priority: int
    date: str
    target_date: str | None = None
    text: str
    value: str
    value2: str | None = None
    comment: str | None = None
    surprise: float
    shown: bool


class InsightsOut(wire.Output):
    """Insights, most surprising first."""

    insights: list[InsightOut]


def _insight(body: dict[str, Any]) -> InsightOut:
    target = body["target_day"]
    return InsightOut(
        name=body["name"],
        measure=body["measure"],
        period=body["period"],
        priority=body["priority"],
        date=day_text(body["day"]),
        target_date=None if target is None else day_text(target),
        text=body["text"],
        value=body["value"],
        value2=body["value2"],
        comment=body["comment"],
        surprise=body["surprise"],
        shown=body["shown"],
    )


async def insights(call: Call) -> Response:
    """Answer what is worth telling, or all that could be told."""
    asked: InsightsQuery = call.query
    measures = wire.split(asked.measures)

    def read(tx: Tx) -> bytes:
        found = findings.of_kind(tx, call.ctx, call.caller, findings.INSIGHT, measures=measures)
        told = [_insight(one.body) for one in found if asked.every or one.body["shown"]]
        return wire.encode(InsightsOut(insights=told[: asked.limit]))

    return await endpoint.cached(call, read)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/insights",
        name="insights.list",
        summary="Read what is worth telling",
        query=InsightsQuery,
        answer=(InsightsOut,),
        handler=insights,
    ),
)
