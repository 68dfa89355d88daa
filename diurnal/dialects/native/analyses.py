"""Runs of the analyses: asked for, watched, kept."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.model.events import seconds
from diurnal.model.time import day_text
from diurnal.services import analyse, findings, jobs
from diurnal.store.database import Tx, WriteTx
from diurnal.store.jobs import Job


class AnalysisQuery(wire.Input):
    """How many days either way links are looked for, beside the usual ones."""

    lags: Annotated[int, msgspec.Meta(ge=analyse.LAGS, le=analyse.LAGS_MAX)] = analyse.LAGS


class AnalysisOut(wire.Output):
    """Work on an analysis: `waiting`, `running`, `done` or `failed`."""

    id: str
    state: Literal["waiting", "running", "done", "failed"]
    error: str | None = None


class RunOut(wire.Output):
    """A run whose findings are kept: the days it looked at, and what it found by kind."""

    created: float
    start: str = msgspec.field(name="from")
    to: str
    measures: int
    found: dict[str, int]


class AnalysesOut(wire.Output):
    """Runs, newest first; the first one's findings are answered."""

    analyses: list[RunOut]


def _work(job: Job, now: int) -> AnalysisOut:
    leased = job.lease_until is not None and job.lease_until > now
    states: dict[str, Literal["done", "failed"]] = {"done": "done", "dead": "failed"}
    return AnalysisOut(
        id=job.id,
        state=states.get(job.state, "running" if leased else "waiting"),
        error=job.last_error if job.state == "dead" else None,
    )


async def ask(call: Call) -> Response:
    """Have everything analysed now."""
    lags = call.query.lags

    def do(tx: WriteTx) -> AnalysisOut:
        id_ = analyse.ask(tx, call.ctx, call.caller, lags=lags)
        return _work(jobs.get(tx, call.caller.account_id, id_), call.ctx.now())

    return endpoint.answer(await http.write(call.ctx, do), 202)


async def state(call: Call) -> Response:
    """Answer how far the work on an analysis is."""
    found = await http.read(
        call.ctx,
        lambda tx: analyse.work(tx, call.caller, call.path["id"]),
        quick=True,
    )
    return endpoint.answer(_work(found, call.ctx.now()))


async def runs(call: Call) -> Response:
    """Answer the runs whose findings are kept."""

    def read(tx: Tx) -> bytes:
        kept = findings.batches(tx, call.caller.account_id)
        return wire.encode(
            AnalysesOut(
                analyses=[
                    RunOut(
                        created=seconds(batch.created),
                        start=day_text(batch.first),
                        to=day_text(batch.day),
                        measures=batch.measures,
                        found=batch.counts,
                    )
                    for batch in kept
                ]
            )
        )

    return await endpoint.cached(call, read)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/analyses",
        name="analyses.list",
        summary="List the runs whose findings are kept",
        who=Who.OWNER,
        answer=(AnalysesOut,),
        handler=runs,
    ),
    Endpoint(
        method="POST",
        path="/analyses",
        name="analyses.create",
        summary="Have everything analysed now",
        description="With `lags`, links further apart are found, too: `GET /links?lags=7`.",
        who=Who.OWNER,
        query=AnalysisQuery,
        answer=(AnalysisOut,),
        status=202,
        handler=ask,
    ),
    Endpoint(
        method="GET",
        path="/analyses/{id}",
        name="analyses.get",
        summary="Read how far an analysis is",
        who=Who.OWNER,
        answer=(AnalysisOut,),
        handler=state,
    ),
)
