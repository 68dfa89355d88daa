"""The second factor of signing in, and its recovery codes."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.credentials import Secret
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.dialects.native.passkeys import PasswordShown
from diurnal.model.events import seconds
from diurnal.services import second_factor

Code = Annotated[str, msgspec.Meta(max_length=100)]


class SecondFactorOut(wire.Output):
    """Whether a code is asked for, since when, and how many recovery codes are left."""

    on: bool
    since: float | None = None
    recovery_codes: int = 0


class SecondFactorSetup(wire.Output):
    """What an authenticator app needs; `picture` is a QR code as SVG."""

    secret: str
    uri: str
    picture: str


class CodeIn(wire.Input):
    """The code that the app shows."""

    code: Code


class PasswordAndCode(wire.Input):
    """The password, and a code of the second factor where there is one."""

    password: Secret
    code: Code = ""


class RecoveryCodes(wire.Output):
    """Each opens the account once in place of a code; they are not shown again."""

    recovery_codes: list[str]


async def get_factor(call: Call) -> Response:
    """Answer how the second factor stands."""
    found = await http.read(call.ctx, lambda tx: second_factor.state(tx, call.caller))
    since = None if found.since is None else seconds(found.since)
    return endpoint.answer(
        SecondFactorOut(
            on=found.since is not None, since=since, recovery_codes=found.recovery_codes
        )
    )


async def begin_factor(call: Call) -> Response:
    """Begin to set up a second factor."""
    made = await http.blocking(
        lambda: second_factor.begin(
            call.ctx,
            call.caller,
            password=call.body.password,
            address=http.address(call.request),
        )
    )
    return endpoint.answer(
        SecondFactorSetup(secret=made.secret, uri=made.uri, picture=made.picture.decode())
    )


async def confirm_factor(call: Call) -> Response:
    """Ask for codes from now on."""
    code = call.body.code
    codes = await http.write(
        call.ctx, lambda tx: second_factor.confirm(tx, call.ctx, call.caller, code)
    )
    return endpoint.answer(RecoveryCodes(recovery_codes=codes))


async def renew_codes(call: Call) -> Response:
    """Make new recovery codes."""
    asked: PasswordAndCode = call.body
    codes = await http.blocking(
        lambda: second_factor.renew_codes(
            call.ctx,
            call.caller,
            password=asked.password,
            code=asked.code,
            address=http.address(call.request),
        )
    )
    return endpoint.answer(RecoveryCodes(recovery_codes=codes))


async def remove_factor(call: Call) -> Response:
    """Take the second factor away."""
    asked: PasswordAndCode = call.body
    await http.blocking(
        lambda: second_factor.remove(
            call.ctx,
            call.caller,
            password=asked.password,
            code=asked.code,
            address=http.address(call.request),
        )
    )
    return endpoint.answer(SecondFactorOut(on=False))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/second-factor",
        name="second_factor.get",
        summary="Read how the second factor stands",
        who=Who.OWNER,
        answer=(SecondFactorOut,),
        handler=get_factor,
    ),
    Endpoint(
        method="POST",
        path="/second-factor",
        name="second_factor.begin",
        summary="Begin to set up a second factor",
        description="Codes of an authenticator app (TOTP). Nothing is asked for until it is"
        " confirmed with one.",
        who=Who.OWNER,
        body=(PasswordShown,),
        answer=(SecondFactorSetup,),
        handler=begin_factor,
    ),
    Endpoint(
        method="POST",
        path="/second-factor/confirm",
        name="second_factor.confirm",
        summary="Ask for codes from now on",
        who=Who.OWNER,
        body=(CodeIn,),
        answer=(RecoveryCodes,),
        handler=confirm_factor,
    ),
    Endpoint(
        method="POST",
        path="/second-factor/recovery-codes",
        name="second_factor.renew_codes",
        summary="Make new recovery codes",
        who=Who.OWNER,
        body=(PasswordAndCode,),
        answer=(RecoveryCodes,),
        handler=renew_codes,
    ),
    Endpoint(
        method="DELETE",
        path="/second-factor",
        name="second_factor.remove",
        summary="Take the second factor away",
        who=Who.OWNER,
        body=(PasswordAndCode,),
        answer=(SecondFactorOut,),
        handler=remove_factor,
    ),
)
