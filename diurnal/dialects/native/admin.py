"""Accounts of the server, for its admins."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.credentials import Secret
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.dialects.native.sessions import Name
from diurnal.model.events import seconds
from diurnal.services import admin
from diurnal.store.accounts import Account

Quota = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class AccountRow(wire.Output):
    """An account as admins see it: its name and size, nothing of its data.

    Attributes:
        attachment_quota: bytes that its attachments may take.
        quota_own: whether that was set for this account; else it is the server's for everybody.
    """

    username: str
    created: float
    attachment_quota: int
    quota_own: bool = False
    email: str | None = None
    admin: bool = False
    disabled: float | None = None
    changes: int | None = None
    attachment_bytes: int | None = None


class AccountsOut(wire.Output):
    """Every account of the server."""

    accounts: list[AccountRow]


class AccountIn(wire.Input):
    """An account for somebody else."""

    username: Name
    password: Secret
    email: str | None = None
    timezone: str | None = None


class AccountFlags(wire.Input):
    """What to change; a disabled account keeps its data, and nobody comes in.

    Attributes:
        attachment_quota: bytes; null for what the server gives everybody.
    """

    admin: bool | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET
    attachment_quota: Quota | msgspec.UnsetType | None = msgspec.UNSET


class DeletedOut(wire.Output):
    """The name of the account that is gone."""

    deleted: str


def _row(call: Call, account: Account, **figures: int) -> AccountRow:
    return AccountRow(
        username=account.username,
        email=account.email,
        created=seconds(account.created),
        admin=account.admin,
        disabled=None if account.disabled is None else seconds(account.disabled),
        attachment_quota=call.ctx.settings.attachment_quota_bytes
        if account.attachment_quota is None
        else account.attachment_quota,
        quota_own=account.attachment_quota is not None,
        **figures,
    )


async def listed(call: Call) -> Response:
    """List the accounts."""
    found = await http.read(call.ctx, lambda tx: admin.listed(tx, call.caller))
    rows = [
        _row(call, f.account, changes=f.changes, attachment_bytes=f.attachment_bytes) for f in found
    ]
    return endpoint.answer(AccountsOut(accounts=rows))


async def create(call: Call) -> Response:
    """Make an account for somebody else."""
    asked: AccountIn = call.body
    made = await http.blocking(
        lambda: admin.create(
            call.ctx,
            call.caller,
            username=asked.username,
            password=asked.password,
            email=asked.email,
            timezone=asked.timezone,
        )
    )
    return endpoint.answer(_row(call, made), 201)


async def change(call: Call) -> Response:
    """Grant or take the right to administer; close an account or open it; set its quota."""
    name, flags = call.path["username"], dict(wire.given(call.body))
    changed = await http.blocking(lambda: admin.change(call.ctx, call.caller, name, **flags))
    return endpoint.answer(_row(call, changed))


async def delete(call: Call) -> Response:
    """Delete an account."""
    name = call.path["username"]
    await http.blocking(lambda: admin.delete(call.ctx, call.caller, name))
    return endpoint.answer(DeletedOut(deleted=name))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/admin/accounts",
        name="admin.list",
        summary="List the accounts of the server",
        who=Who.OWNER,
        answer=(AccountsOut,),
        handler=listed,
    ),
    Endpoint(
        method="POST",
        path="/admin/accounts",
        name="admin.create",
        summary="Make an account for somebody else",
        who=Who.OWNER,
        body=(AccountIn,),
        answer=(AccountRow,),
        status=201,
        handler=create,
    ),
    Endpoint(
        method="PATCH",
        path="/admin/accounts/{username}",
        name="admin.update",
        summary="Close an account, open it, make it an admin's, or set its quota",
        who=Who.OWNER,
        body=(AccountFlags,),
        answer=(AccountRow,),
        handler=change,
    ),
    Endpoint(
        method="DELETE",
        path="/admin/accounts/{username}",
        name="admin.delete",
        summary="Delete an account with all its data",
        who=Who.OWNER,
        answer=(DeletedOut,),
        handler=delete,
    ),
)
