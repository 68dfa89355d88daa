"""What the account signs in with: password and e-mail address."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.account import AccountOut, write_account
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.services import accounts, passwords

Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]


class PasswordIn(wire.Input):
    """A new password, and the one until now.

    Attributes:
        revoke_apps: end all other tokens too, not only the other sessions.
    """

    current: Secret
    new: Secret
    revoke_apps: bool = False


class PasswordOut(wire.Output):
    """How many other sessions and tokens the change ended."""

    ended: int


class EmailIn(wire.Input):
    """Another e-mail address, null for none, and the account's password."""

    email: Annotated[str, msgspec.Meta(max_length=accounts.EMAIL_MAX)] | None
    password: Secret


async def put_password(call: Call) -> Response:
    """Change the password."""
    asked: PasswordIn = call.body
    ended = await http.blocking(
        lambda: passwords.change(
            call.ctx,
            call.caller,
            current=asked.current,
            new=asked.new,
            revoke_apps=asked.revoke_apps,
            address=http.address(call.request),
        )
    )
    return endpoint.answer(PasswordOut(ended=ended))


async def put_email(call: Call) -> Response:
    """Change the e-mail address."""
    asked: EmailIn = call.body
    account = await http.blocking(
        lambda: passwords.change_email(
            call.ctx,
            call.caller,
            email=asked.email or None,
            password=asked.password,
            address=http.address(call.request),
        )
    )
    return endpoint.answer(write_account(account))


class Deletion(wire.Input):
    """The password, and a code of the second factor where there is one."""

    password: Secret
    code: Annotated[str, msgspec.Meta(max_length=100)] = ""


class DeletedAccount(wire.Output):
    """The name of the account that is gone."""

    deleted: str


async def delete(call: Call) -> Response:
    """Delete the account and all that is its."""
    asked: Deletion = call.body
    username = call.caller.username
    await http.blocking(
        lambda: passwords.delete_account(
            call.ctx,
            call.caller,
            password=asked.password,
            code=asked.code,
            address=http.address(call.request),
        )
    )
    response = endpoint.answer(DeletedAccount(deleted=username))
    http.drop_session(call.request, response)
    return response


ENDPOINTS = (
    Endpoint(
        method="PUT",
        path="/account/password",
        name="account.set_password",
        summary="Change the password",
        description="Needs the one until now, and ends the account's other sessions.",
        who=Who.OWNER,
        body=(PasswordIn,),
        answer=(PasswordOut,),
        handler=put_password,
    ),
    Endpoint(
        method="PUT",
        path="/account/email",
        name="account.set_email",
        summary="Change the e-mail address",
        who=Who.OWNER,
        body=(EmailIn,),
        answer=(AccountOut,),
        handler=put_email,
    ),
    Endpoint(
        method="DELETE",
        path="/account",
        name="account.delete",
        summary="Delete the account and all that is its",
        description="For good, with every file; only its own backups remain.",
        who=Who.OWNER,
        body=(Deletion,),
        answer=(DeletedAccount,),
        handler=delete,
    ),
)
