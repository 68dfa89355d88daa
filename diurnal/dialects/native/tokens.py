"""Tokens: make, list with their use, revoke."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.model.access import EVERY, Kind, Level, Permission
from diurnal.model.events import TEXT_MAX, seconds
from diurnal.services import accesses
from diurnal.services.context import Context
from diurnal.store.accesses import Stored

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_MAX)]


class PermissionIn(wire.Input):
    """A level on part of the account; a datum must fit every member that is given.

    Attributes:
        stream: a stream and all below it, or `*`.
        measures: only data of these.
        tags: only events with one of these.
        start, to: only data in [from, to).
    """

    level: Literal["none", "create-only", "read", "contribute", "manage"]
    stream: Text = EVERY
    measures: list[Text] | None = None
    tags: list[Text] | None = None
    start: wire.Moment | None = msgspec.field(name="from", default=None)
    to: wire.Moment | None = None


class TokenNew(wire.Input):
    """A token to be made.

    Attributes:
        kind: `app` and `shared` reach what their permissions say; `personal` is the owner's own
            and reaches everything.
        expires: when it ends; never when left out.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=accesses.NAME_MAX)]
    kind: Literal["app", "shared", "personal"] = "app"
    permissions: Annotated[
        list[PermissionIn], msgspec.Meta(max_length=accesses.PERMISSIONS_MAX)
    ] = msgspec.field(default_factory=list)
    expires: wire.Moment | None = None


class PermissionOut(wire.Output):
    """A level on part of the account."""

    level: str
    stream: str
    measures: list[str] | None = None
    tags: list[str] | None = None
    start: float | None = msgspec.field(name="from", default=None)
    to: float | None = None


class TokenOut(wire.Output):
    """A token without its secret; times in Unix seconds.

    Attributes:
        api: the door it was made for; `session` for a browser that is signed in.
        used: when it was last used; `calls` how often.
    """

    id: str
    name: str
    kind: str
    api: str
    permissions: list[PermissionOut]
    created: float
    calls: int
    device: str | None = None
    client_id: str | None = None
    expires: float | None = None
    used: float | None = None


class TokenMade(TokenOut, kw_only=True):
    """A new token: the only time that its secret is shown."""

    token: str


class TokensOut(wire.Output):
    """The live tokens of the account: all to the owner, to others their own."""

    tokens: list[TokenOut]


class Revoked(wire.Output):
    """The id of a token that opens nothing any more."""

    revoked: str


def write_permissions(permissions: tuple[Permission, ...]) -> list[PermissionOut]:
    """Return permissions in our shape."""
    return [
        PermissionOut(
            level=p.level.value,
            stream=p.stream,
            measures=None if p.measures is None else list(p.measures),
            tags=None if p.tags is None else list(p.tags),
            start=None if p.start is None else seconds(p.start),
            to=None if p.end is None else seconds(p.end),
        )
        for p in permissions
    ]


def _members(ctx: Context, stored: Stored) -> dict[str, object]:
    access = stored.access
    # What was counted since the last flush is not in the row yet.
    pending = ctx.uses.get((access.account_id, access.id), 0)
    return {
        "id": access.id,
        "name": access.name,
        "kind": access.kind.value,
        "api": access.api,
        "permissions": write_permissions(access.permissions),
        "created": seconds(stored.created),
        "calls": stored.calls + pending,
        "device": stored.device,
        "client_id": access.client_id,
        "expires": None if access.expires is None else seconds(access.expires),
        "used": None if stored.used is None else seconds(stored.used),
    }


def _permission(given: PermissionIn, at: str) -> Permission:
    return Permission(
        level=Level(given.level),
        stream=given.stream,
        measures=None if given.measures is None else tuple(given.measures),
        tags=None if given.tags is None else tuple(given.tags),
        start=wire.optional_instant(given.start, f"{at}.from"),
        end=wire.optional_instant(given.to, f"{at}.to"),
    )


async def get_many(call: Call) -> Response:
    """Answer the tokens."""
    found = await http.read(call.ctx, lambda tx: accesses.listed(tx, call.caller))
    shown = [TokenOut(**_members(call.ctx, s)) for s in found]  # type: ignore[arg-type]
    return endpoint.answer(TokensOut(tokens=shown))


async def create(call: Call) -> Response:
    """Make a token and show it once."""
    new: TokenNew = call.body
    permissions = [_permission(p, f"permissions[{i}]") for i, p in enumerate(new.permissions)]
    expires = wire.optional_instant(new.expires, "expires")
    stored, secret = await http.write(
        call.ctx,
        lambda tx: accesses.create(
            tx,
            call.ctx,
            call.caller,
            name=new.name,
            permissions=permissions,
            kind=Kind(new.kind),
            expires=expires,
        ),
    )
    made = TokenMade(**_members(call.ctx, stored), token=secret)  # type: ignore[arg-type]
    return endpoint.answer(made, 201)


async def revoke(call: Call) -> Response:
    """Revoke a token."""
    id_ = call.path["id"]
    await http.write(call.ctx, lambda tx: accesses.revoke(tx, call.ctx, call.caller, id_))
    return endpoint.answer(Revoked(revoked=id_))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/tokens",
        name="tokens.list",
        summary="Read tokens and their use",
        answer=(TokensOut,),
        handler=get_many,
    ),
    Endpoint(
        method="POST",
        path="/tokens",
        name="tokens.create",
        summary="Make a token",
        who=Who.OWNER,
        body=(TokenNew,),
        answer=(TokenMade,),
        status=201,
        handler=create,
    ),
    Endpoint(
        method="DELETE",
        path="/tokens/{id}",
        name="tokens.revoke",
        summary="Revoke a token",
        answer=(Revoked,),
        handler=revoke,
    ),
)
