"""Passkeys of the account."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.auth.passkeys import Origin, origin
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.credentials import Secret
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.dialects.native.tokens import Revoked
from diurnal.model.events import seconds
from diurnal.services import passkeys
from diurnal.store.passkeys import Passkey

PasskeyName = Annotated[str, msgspec.Meta(min_length=1, max_length=passkeys.NAME_MAX)]


class PasskeyOut(wire.Output):
    """A passkey; `synced` ones travel between the owner's devices."""

    id: str
    name: str
    created: float
    used: float | None = None
    synced: bool = False


class PasskeysOut(wire.Output):
    """The account's passkeys."""

    passkeys: list[PasskeyOut]


class PasswordShown(wire.Input):
    """The password, shown once more."""

    password: Secret


class PasskeyOptions(wire.Output):
    """What `navigator.credentials` takes, in the JSON that WebAuthn level 3 describes."""

    options: dict[str, Any]


class PasskeyIn(wire.Input):
    """What the browser has made, and what the owner calls it."""

    name: PasskeyName
    credential: dict[str, Any]


class PasskeyPatch(wire.Input):
    """Another name."""

    name: PasskeyName


def where(call: Call) -> Origin:
    """Return the origin that a browser calls from."""
    return origin(http.base_url(call.request, call.ctx.settings.public_url))


def _passkey(p: Passkey) -> PasskeyOut:
    used = None if p.used is None else seconds(p.used)
    return PasskeyOut(
        id=p.id, name=p.name, created=seconds(p.created), used=used, synced=p.backed_up
    )


async def get_passkeys(call: Call) -> Response:
    """List the passkeys."""
    found = await http.read(call.ctx, lambda tx: passkeys.listed(tx, call.caller))
    return endpoint.answer(PasskeysOut(passkeys=[_passkey(p) for p in found]))


async def begin_passkey(call: Call) -> Response:
    """Begin to make a passkey."""
    options = await http.blocking(
        lambda: passkeys.begin(
            call.ctx,
            call.caller,
            where(call),
            password=call.body.password,
            address=http.address(call.request),
        )
    )
    return endpoint.answer(PasskeyOptions(options=options))


async def add_passkey(call: Call) -> Response:
    """Keep the passkey that the browser has made."""
    asked: PasskeyIn = call.body
    made = await http.blocking(
        lambda: passkeys.finish(
            call.ctx, call.caller, where(call), credential=asked.credential, name=asked.name
        )
    )
    return endpoint.answer(_passkey(made), 201)


async def rename_passkey(call: Call) -> Response:
    """Give a passkey another name."""
    id_, name = call.path["id"], call.body.name
    changed = await http.write(
        call.ctx, lambda tx: passkeys.rename(tx, call.ctx, call.caller, id_, name)
    )
    return endpoint.answer(_passkey(changed))


async def remove_passkey(call: Call) -> Response:
    """Remove a passkey."""
    id_ = call.path["id"]
    await http.write(call.ctx, lambda tx: passkeys.remove(tx, call.ctx, call.caller, id_))
    return endpoint.answer(Revoked(revoked=id_))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/passkeys",
        name="passkeys.list",
        summary="List the passkeys",
        who=Who.OWNER,
        answer=(PasskeysOut,),
        handler=get_passkeys,
    ),
    Endpoint(
        method="POST",
        path="/passkeys/options",
        name="passkeys.begin",
        summary="Begin to make a passkey",
        description="Give `options` to navigator.credentials.create within ten minutes, and what"
        " comes of it to POST /passkeys.",
        who=Who.OWNER,
        body=(PasswordShown,),
        answer=(PasskeyOptions,),
        handler=begin_passkey,
    ),
    Endpoint(
        method="POST",
        path="/passkeys",
        name="passkeys.add",
        summary="Keep the passkey that the browser has made",
        who=Who.OWNER,
        body=(PasskeyIn,),
        answer=(PasskeyOut,),
        status=201,
        handler=add_passkey,
    ),
    Endpoint(
        method="PATCH",
        path="/passkeys/{id}",
        name="passkeys.rename",
        summary="Give a passkey another name",
        who=Who.OWNER,
        body=(PasskeyPatch,),
        answer=(PasskeyOut,),
        handler=rename_passkey,
    ),
    Endpoint(
        method="DELETE",
        path="/passkeys/{id}",
        name="passkeys.remove",
        summary="Remove a passkey",
        who=Who.OWNER,
        answer=(Revoked,),
        handler=remove_passkey,
    ),
)
