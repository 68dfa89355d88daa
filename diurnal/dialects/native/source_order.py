"""Which source counts first for a measure, and the order that the owner wants."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.model import time
from diurnal.services import source_order
from diurnal.services.source_order import Ranked
from diurnal.store.database import WriteTx

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=source_order.NAME_MAX)]


class RankedOut(wire.Output):
    """A source of a measure.

    Attributes:
        kind: manual, dedicated, wrist, phone or derived.
        days: on how many days it has this measure, since `first`.
        wished: whether the owner put it where it is.
    """

    name: str
    kind: str
    days: int
    first: str
    wished: bool


class SourcesOut(wire.Output):
    """The sources of a measure; each moment of a day counts by the first that covers it."""

    sources: list[RankedOut]


class SourcesIn(wire.Input):
    """The order wanted; sources not named come after, by their kind. None takes it back."""

    sources: Annotated[list[Name], msgspec.Meta(max_length=source_order.SOURCES_MAX)]


def _shape(found: list[Ranked]) -> SourcesOut:
    return SourcesOut(
        sources=[
            RankedOut(
                name=r.name,
                kind=r.kind,
                days=r.days,
                first=time.day_text(r.first),
                wished=r.wished,
            )
            for r in found
        ]
    )


async def get(call: Call) -> Response:
    """Answer the sources of a measure in their order."""
    key = call.path["measure"]
    found = await http.read(call.ctx, lambda tx: source_order.get(tx, call.ctx, call.caller, key))
    return endpoint.answer(_shape(found))


async def put(call: Call) -> Response:
    """Order the sources of a measure."""
    key, wanted = call.path["measure"], call.body.sources

    def do(tx: WriteTx) -> list[Ranked]:
        source_order.put(tx, call.ctx, call.caller, key, wanted)
        return source_order.get(tx, call.ctx, call.caller, key)

    return endpoint.answer(_shape(await http.write(call.ctx, do)))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/measures/{measure}/sources",
        name="measures.sources",
        summary="Read which source counts first for a measure",
        who=Who.OWNER,
        answer=(SourcesOut,),
        handler=get,
    ),
    Endpoint(
        method="PUT",
        path="/measures/{measure}/sources",
        name="measures.order_sources",
        summary="Order the sources of a measure",
        description="Day values follow at once.",
        who=Who.OWNER,
        body=(SourcesIn,),
        answer=(SourcesOut,),
        handler=put,
    ),
)
