"""Which application fills a measure, where several could."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.errors import NotFound
from diurnal.services import accesses, ownership
from diurnal.store.database import Tx, WriteTx


class OfferOut(wire.Output):
    """An application that can fill a measure."""

    client_id: str
    name: str


class OwnedOut(wire.Output):
    """A measure that applications fill.

    Attributes:
        client_id: the one whose values count; none when left out.
        offers: those that can, the longest waiting first.
    """

    measure: str
    offers: list[OfferOut]
    client_id: str | None = None
    active: bool = True


class OwnedMany(wire.Output):
    """The measures that applications fill or could, by measure."""

    measures: list[OwnedOut]


class OwnerIn(wire.Input):
    """The application whose values are to count; null for none."""

    client_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None


def _all(tx: Tx, call: Call) -> OwnedMany:
    accesses.must_own(call.caller)
    known = ownership.all_of(tx, call.caller)
    offers = ownership.offers(tx, call.caller)
    ids = {id_ for some in offers.values() for id_ in some}
    ids |= {a.client_id for a in known.values() if a.client_id is not None}
    names = ownership.services(tx, call.ctx, ids)
    owned = {key for key, a in known.items() if a.client_id in names}
    return OwnedMany(
        measures=[
            OwnedOut(
                measure=key,
                offers=[
                    OfferOut(client_id=id_, name=names[id_])
                    for id_ in offers.get(key, [])
                    if id_ in names
                ],
                client_id=known[key].client_id if key in owned else None,
                active=known[key].active if key in known else True,
            )
            for key in sorted(owned | offers.keys())
        ]
    )


async def get_many(call: Call) -> Response:
    """Answer which application fills which measure."""
    return endpoint.answer(await http.read(call.ctx, lambda tx: _all(tx, call)))


async def put(call: Call) -> Response:
    """Choose the application that fills a measure."""
    key, client_id = call.path["measure"], call.body.client_id

    def do(tx: WriteTx) -> OwnedOut:
        if call.ctx.state(tx, call.caller.account_id).measure(key) is None:
            raise NotFound(f"no measure {key!r}")
        ownership.choose(tx, call.ctx, call.caller, key, client_id)
        found = [one for one in _all(tx, call).measures if one.measure == key]
        return found[0] if found else OwnedOut(measure=key, offers=[])

    return endpoint.answer(await http.write(call.ctx, do))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/ownership",
        name="ownership.list",
        summary="Read which application fills which measure",
        who=Who.OWNER,
        answer=(OwnedMany,),
        handler=get_many,
    ),
    Endpoint(
        method="PUT",
        path="/ownership/{measure}",
        name="ownership.choose",
        summary="Choose the application that fills a measure",
        description="Among those that offered to, through Exist's API; null for none.",
        who=Who.OWNER,
        body=(OwnerIn,),
        answer=(OwnedOut,),
        handler=put,
    ),
)
