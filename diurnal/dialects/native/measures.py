"""Measures: the catalog's and the account's own."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from diurnal import catalog, http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.errors import Conflict, NotFound
from diurnal.model.measures import Measure
from diurnal.model.records import OwnMeasure
from diurnal.services import measures
from diurnal.store.database import Tx, WriteTx


class MeasureNew(wire.Input):
    """An own measure: what is counted that the catalog has no word for.

    Attributes:
        value: `boolean` for a tag, which is there on a day or not.
    """

    key: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*$(?!\n)", max_length=80)]
    label: Annotated[str, msgspec.Meta(min_length=1, max_length=measures.LABEL_MAX)]
    value: Literal["integer", "number", "text", "boolean"] = "number"


class MeasureOut(wire.Output):
    """What a value means.

    Attributes:
        unit: UCUM code.
        shape: how imports keep it; `daily` how a day value is made of a day's data.
        stream: where its data lie.
        type: of an event that holds a value in this unit.
        names: in other APIs.
    """

    key: str
    label: str
    group: str
    unit: str
    shape: str
    daily: str
    value: str
    stream: str
    type: str
    own: bool = False
    low: float | None = None
    high: float | None = None
    names: dict[str, list[str]] | None = None


class MeasuresOut(wire.Output):
    """Measures by key."""

    measures: list[MeasureOut]


def write(m: Measure, *, own: bool) -> MeasureOut:
    """Return a measure in our shape."""
    return MeasureOut(
        key=m.key,
        label=m.label,
        group=m.group,
        unit=m.unit,
        shape=m.shape.value,
        daily=m.daily.value,
        value=m.value.value,
        stream=m.stream,
        type=catalog.own_type(m),
        own=own,
        low=m.low,
        high=m.high,
        names={api: [n.name for n in names] for api, names in m.names.items()} or None,
    )


async def get_many(call: Call) -> Response:
    """Answer the catalog, and own measures that the caller may know of."""

    def listed(tx: Tx) -> bytes:
        own = measures.visible(tx, call.ctx, call.caller)
        shown = [write(m, own=False) for m in catalog.MEASURES.values()]
        shown += [write(m, own=True) for m in own]
        return wire.encode(MeasuresOut(measures=sorted(shown, key=lambda m: m.key)))

    return await endpoint.cached(call, listed)


async def create(call: Call) -> Response:
    """Make an own measure and its stream."""
    new: MeasureNew = call.body
    if catalog.find(new.key) is not None:
        raise Conflict(f"the catalog has a measure {new.key!r}", data={"key": new.key})

    def do(tx: WriteTx) -> MeasureOut:
        if new.key in {m.key for m in measures.visible(tx, call.ctx, call.caller)}:
            raise Conflict(f"there is a measure {new.key!r}", data={"key": new.key})
        wanted = OwnMeasure(key=new.key, label=new.label, value=new.value)
        measures.ensure_own(tx, call.ctx, call.caller, wanted)
        made = call.ctx.state(tx, call.caller.account_id).measure(new.key)
        if made is None:
            raise NotFound(f"no measure {new.key!r}")
        return write(made, own=True)

    return endpoint.answer(await http.write(call.ctx, do), 201)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/measures",
        name="measures.list",
        summary="Read what values may mean",
        answer=(MeasuresOut,),
        handler=get_many,
    ),
    Endpoint(
        method="POST",
        path="/measures",
        name="measures.create",
        summary="Make an own measure",
        who=Who.OWNER,
        body=(MeasureNew,),
        answer=(MeasureOut,),
        status=201,
        handler=create,
    ),
)
