"""Placeholders: where a site that uses Personyze's API shows a value of the account."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.errors import NotFound
from diurnal.services import accesses, records
from diurnal.services.records import Record
from diurnal.store.database import Tx, WriteTx

COLLECTION = "placeholders"
PLACEHOLDERS_MAX = 1_000

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
HtmlId = Annotated[str, msgspec.Meta(max_length=200)]
Units = Annotated[int, msgspec.Meta(ge=1, le=1_000)]


class PlaceholderNew(wire.Input):
    """A placeholder to be made.

    Attributes:
        name: the name of a measure shows its newest value.
        html_id: of the element that it stands for.
        units_count_max: how many things it shows at most.
    """

    name: Name
    html_id: HtmlId | None = None
    units_count_max: Units = 1


class PlaceholderPatch(wire.Input):
    """Members to change."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    html_id: HtmlId | msgspec.UnsetType | None = msgspec.UNSET
    units_count_max: Units | msgspec.UnsetType = msgspec.UNSET


class PlaceholderOut(wire.Output):
    """A placeholder; `number` is its id in Personyze's API."""

    id: str
    number: int
    name: str
    units_count_max: int
    html_id: str | None = None


class PlaceholdersOut(wire.Output):
    """The placeholders, oldest first."""

    placeholders: list[PlaceholderOut]


class PlaceholderDeleted(wire.Output):
    """The id of a placeholder that is gone."""

    deleted: str


def _out(record: Record) -> PlaceholderOut:
    values = record.values
    units, html_id = str(values.get("units_count_max")), values.get("html_id")
    return PlaceholderOut(
        id=record.id,
        number=record.seq,
        name=str(values.get("name") or ""),
        # What Personyze's own clients wrote may be text.
        units_count_max=int(units) if units.isdecimal() else 1,
        html_id=None if html_id is None else str(html_id),
    )


def _find(tx: Tx, call: Call) -> Record:
    accesses.must_own(call.caller)
    id_ = call.path["id"]
    for record in records.page(tx, call.caller, COLLECTION, PLACEHOLDERS_MAX):
        if record.id == id_:
            return record
    raise NotFound(f"no placeholder {id_!r}")


async def get_many(call: Call) -> Response:
    """Answer the placeholders."""
    found = await http.read(
        call.ctx, lambda tx: records.page(tx, call.caller, COLLECTION, PLACEHOLDERS_MAX)
    )
    return endpoint.answer(PlaceholdersOut(placeholders=[_out(r) for r in found]))


async def create(call: Call) -> Response:
    """Make a placeholder."""
    new: PlaceholderNew = call.body
    values = {
        "name": new.name,
        "html_id": new.html_id,
        "units_count_max": new.units_count_max,
    }
    [made] = await http.write(
        call.ctx, lambda tx: records.create(tx, call.ctx, call.caller, COLLECTION, [values])
    )
    return endpoint.answer(_out(made), 201)


async def update(call: Call) -> Response:
    """Change a placeholder."""
    changes = dict(wire.given(call.body))

    def do(tx: WriteTx) -> Record:
        records.hold(tx, call.ctx, call.caller)
        old = _find(tx, call)
        return records.update(tx, call.ctx, call.caller, COLLECTION, [(old, changes)])[0]

    return endpoint.answer(_out(await http.write(call.ctx, do)))


async def delete(call: Call) -> Response:
    """Delete a placeholder."""

    def do(tx: WriteTx) -> str:
        records.hold(tx, call.ctx, call.caller)
        old = _find(tx, call)
        records.delete(tx, call.ctx, call.caller, COLLECTION, [old.id])
        return old.id

    return endpoint.answer(PlaceholderDeleted(deleted=await http.write(call.ctx, do)))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/placeholders",
        name="placeholders.list",
        summary="Read the placeholders of Personyze's API",
        who=Who.OWNER,
        answer=(PlaceholdersOut,),
        handler=get_many,
    ),
    Endpoint(
        method="POST",
        path="/placeholders",
        name="placeholders.create",
        summary="Make a placeholder",
        who=Who.OWNER,
        body=(PlaceholderNew,),
        answer=(PlaceholderOut,),
        status=201,
        handler=create,
    ),
    Endpoint(
        method="PATCH",
        path="/placeholders/{id}",
        name="placeholders.update",
        summary="Change a placeholder",
        who=Who.OWNER,
        body=(PlaceholderPatch,),
        answer=(PlaceholderOut,),
        handler=update,
    ),
    Endpoint(
        method="DELETE",
        path="/placeholders/{id}",
        name="placeholders.delete",
        summary="Delete a placeholder",
        who=Who.OWNER,
        answer=(PlaceholderDeleted,),
        handler=delete,
    ),
)
