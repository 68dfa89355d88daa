"""Signing in and out, and the first account."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.dialects.native.passkeys import PasskeyOptions, where
from diurnal.dialects.native.tokens import PermissionOut, Revoked, write_permissions
from diurnal.model.access import Access
from diurnal.model.events import seconds
from diurnal.services import accesses, first_run, passkeys, sessions
from diurnal.services.sign_in import Pending, finish
from diurnal.store.accesses import Stored

Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class SignIn(wire.Input):
    """Who signs in: user name or e-mail, and password."""

    name: Name
    password: Secret


class Second(wire.Input):
    """The ticket that signing in gave, and the code of the second factor or a recovery code."""

    ticket: Secret
    code: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class SecondOut(wire.Output):
    """The password is right, and a code is needed: `POST /session/second` within ten minutes."""

    ticket: str
    username: str
    needs: str = "code"


class PasskeyShown(wire.Input):
    """What the browser's passkey answered."""

    credential: dict[str, Any]


class Setup(wire.Input):
    """The first account.

    Attributes:
        code: the one-time code that the server printed; not needed from the machine itself.
    """

    username: Name
    password: Secret
    timezone: str | None = None
    code: str | None = None


class SessionOut(wire.Output):
    """Who calls, by which token."""

    username: str
    id: str
    name: str
    kind: str
    api: str
    permissions: list[PermissionOut]
    expires: float | None = None


def _write(access: Access) -> SessionOut:
    return SessionOut(
        username=access.username,
        id=access.id,
        name=access.name,
        kind=access.kind.value,
        api=access.api,
        permissions=write_permissions(access.permissions),
        expires=None if access.expires is None else seconds(access.expires),
    )


async def get(call: Call) -> Response:
    """Answer who calls."""
    return endpoint.answer(_write(call.caller))


async def sign_in(call: Call) -> Response:
    """Sign in: the session is a cookie that no script reads."""
    return await _signed_in(call, call.body.name, call.body.password, 200)


async def _signed_in(call: Call, name: str, password: str, status: int) -> Response:
    found = await http.blocking(
        lambda: sessions.sign_in(
            call.ctx,
            name=name,
            password=password,
            address=http.address(call.request),
            device=call.request.headers.get("user-agent", ""),
        )
    )
    if isinstance(found, Pending):
        return endpoint.answer(SecondOut(ticket=found.ticket, username=found.username), 202)
    return begun(call, *found, status)


def begun(call: Call, stored: Stored, token: str, status: int = 200) -> Response:
    """Answer a new session: a cookie that no script reads."""
    http.doing.done_by(stored.access)
    response = endpoint.answer(_write(stored.access), status)
    http.keep_session(call.request, response, token)
    return response


async def second(call: Call) -> Response:
    """Give the code of the second factor."""
    asked: Second = call.body
    stored, token = await http.blocking(
        lambda: sessions.begin(
            call.ctx,
            finish(
                call.ctx,
                ticket=asked.ticket,
                code=asked.code,
                address=http.address(call.request),
            ),
            address=http.address(call.request),
            device=call.request.headers.get("user-agent", ""),
        )
    )
    return begun(call, stored, token)


async def ask_passkey(call: Call) -> Response:
    """Ask for a passkey."""
    return endpoint.answer(PasskeyOptions(options=passkeys.ask(call.ctx, where(call))))


async def show_passkey(call: Call) -> Response:
    """Sign in with a passkey."""
    address = http.address(call.request)
    stored, token = await http.blocking(
        lambda: sessions.begin(
            call.ctx,
            passkeys.show(call.ctx, where(call), credential=call.body.credential, address=address),
            address=address,
            device=call.request.headers.get("user-agent", ""),
        )
    )
    return begun(call, stored, token)


async def sign_out(call: Call) -> Response:
    """Sign out: the session or token that calls is revoked."""
    id_ = call.caller.id
    await http.write(call.ctx, lambda tx: accesses.revoke(tx, call.ctx, call.caller, id_))
    response = endpoint.answer(Revoked(revoked=id_))
    http.drop_session(call.request, response)
    return response


async def set_up(call: Call) -> Response:
    """Make the first account and sign in to it."""
    new: Setup = call.body
    await http.blocking(
        lambda: first_run.create(
            call.ctx,
            username=new.username,
            password=new.password,
            timezone=new.timezone,
            code=new.code,
            local=http.from_here(call.ctx, call.request),
            address=http.address(call.request),
        )
    )
    return await _signed_in(call, new.username, new.password, 201)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/session",
        name="session.get",
        summary="Read who calls",
        answer=(SessionOut,),
        handler=get,
    ),
    Endpoint(
        method="POST",
        path="/session",
        name="session.create",
        summary="Sign in",
        description="Sets a cookie for 30 days. Programs use a token instead (POST /tokens). "
        "202 where the account has a second factor: the answer has a ticket for it.",
        who=Who.ANYBODY,
        body=(SignIn,),
        answer=(SessionOut, SecondOut),
        also=(202,),
        handler=sign_in,
    ),
    Endpoint(
        method="POST",
        path="/session/second",
        name="session.second",
        summary="Give the code of the second factor",
        who=Who.ANYBODY,
        body=(Second,),
        answer=(SessionOut,),
        handler=second,
    ),
    Endpoint(
        method="POST",
        path="/session/passkey/options",
        name="session.ask_passkey",
        summary="Ask for a passkey",
        description="Give `options` to navigator.credentials.get, and what comes of it to"
        " POST /session/passkey.",
        who=Who.ANYBODY,
        answer=(PasskeyOptions,),
        handler=ask_passkey,
    ),
    Endpoint(
        method="POST",
        path="/session/passkey",
        name="session.passkey",
        summary="Sign in with a passkey",
        who=Who.ANYBODY,
        body=(PasskeyShown,),
        answer=(SessionOut,),
        handler=show_passkey,
    ),
    Endpoint(
        method="DELETE",
        path="/session",
        name="session.delete",
        summary="Sign out",
        answer=(Revoked,),
        handler=sign_out,
    ),
    Endpoint(
        method="POST",
        path="/setup",
        name="setup.create",
        summary="Make the first account",
        who=Who.ANYBODY,
        body=(Setup,),
        answer=(SessionOut,),
        status=201,
        handler=set_up,
    ),
)
