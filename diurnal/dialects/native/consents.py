"""Receipts of consent: list, read, export."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.model.events import seconds
from diurnal.services import receipts
from diurnal.services.context import Context
from diurnal.store.consents import Consent


class ConsentOut(wire.Output):
    """A receipt of what was granted; times in Unix seconds.

    Attributes:
        token: id of the token that came of it, which deleting withdraws.
        consent: what was granted, in the words of ISO/IEC TS 27560.
        receipt, withdrawal: the same signed; `/oauth2/keys` has the key.
        ended: when it was withdrawn.
    """

    id: str
    name: str
    given: float
    consent: dict[str, Any]
    receipt: str
    client_id: str | None = None
    token: str | None = None
    withdrawal: str | None = None
    ended: float | None = None


class ConsentsOut(wire.Output):
    """The receipts of the account, newest first."""

    consents: list[ConsentOut]


def _out(ctx: Context, known: Consent) -> ConsentOut:
    return ConsentOut(
        id=known.id,
        name=known.name,
        given=seconds(known.given),
        consent=receipts.told(ctx, known),
        receipt=known.receipt,
        client_id=known.client_id,
        token=known.access_id,
        withdrawal=known.withdrawal,
        ended=None if known.ended is None else seconds(known.ended),
    )


async def get_many(call: Call) -> Response:
    """Answer the receipts."""
    found = await http.read(call.ctx, lambda tx: receipts.listed(tx, call.caller))
    return endpoint.answer(ConsentsOut(consents=[_out(call.ctx, c) for c in found]))


async def get_one(call: Call) -> Response:
    """Answer one receipt."""
    found = await http.read(call.ctx, lambda tx: receipts.find(tx, call.caller, call.path["id"]))
    return endpoint.answer(_out(call.ctx, found))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/consents",
        name="consents.list",
        summary="Read the receipts of what was granted",
        who=Who.OWNER,
        answer=(ConsentsOut,),
        handler=get_many,
    ),
    Endpoint(
        method="GET",
        path="/consents/{id}",
        name="consents.get",
        summary="Read one receipt",
        who=Who.OWNER,
        answer=(ConsentOut,),
        handler=get_one,
    ),
)
