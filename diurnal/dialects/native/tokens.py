"""Tokens: make, list with their use, revoke."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint
from diurnal.model import time
from diurnal.model.access import EVERY, Kind, Level, Permission, Place
from diurnal.model.events import TEXT_MAX, seconds
from diurnal.services import access_use, accesses, grants, personal
from diurnal.services.context import Context
from diurnal.store.accesses import Stored
from diurnal.store.database import Tx

USAGE_DAYS = 30

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_MAX)]


class PermissionIn(wire.Input):
    """A level on part of the account; a datum must fit every member that is given.

    Attributes:
        stream: a stream and all below it, or `*`.
        measures: only data of these.
        tags: only events with one of these.
        start, to: only data in [from, to).
        rights: which of the level's are given; all when left out.
        days_only: day values, but not the events and series they are made of.
        place: how exactly places are shown: to about 1 km (near), 10 km (area), or not at all;
            other than `exact` shows no files and no addresses.
        delay: data are shown once they lie this many local days back; 1 hides today's.
    """

    level: Literal["none", "create-only", "read", "contribute", "manage"]
    stream: Text = EVERY
    measures: list[Text] | None = None
    tags: list[Text] | None = None
    start: wire.Moment | None = msgspec.field(name="from", default=None)
    to: wire.Moment | None = None
    rights: list[Literal["create", "read", "update", "delete"]] | None = None
    days_only: bool = False
    place: Literal["exact", "near", "area", "none"] = "exact"
    delay: Annotated[int, msgspec.Meta(ge=0, le=grants.DELAY_MAX)] = 0


class TokenNew(wire.Input):
    """A token to be made.

    Attributes:
        kind: `app` and `shared` reach what their permissions say; `personal` is the owner's own
            and reaches everything.
        expires: when it ends; never when left out.
        device: what it is for.
        client_data: what the client keeps with it.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=accesses.NAME_MAX)]
    kind: Literal["app", "shared", "personal"] = "app"
    permissions: Annotated[
        list[PermissionIn], msgspec.Meta(max_length=accesses.PERMISSIONS_MAX)
    ] = msgspec.field(default_factory=list)
    expires: wire.Moment | None = None
    device: Annotated[str, msgspec.Meta(max_length=grants.DEVICE_MAX)] | None = None
    client_data: dict[str, Any] | None = None


class TokenPatch(wire.Input):
    """Members to change; `clientData` merges by key, null deletes a key.

    Attributes:
        serial: the version that was seen; another one is a conflict.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=accesses.NAME_MAX)] | (
        msgspec.UnsetType
    ) = msgspec.UNSET
    permissions: (
        Annotated[list[PermissionIn], msgspec.Meta(max_length=accesses.PERMISSIONS_MAX)]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    expires: wire.Moment | msgspec.UnsetType | None = msgspec.UNSET
    device: (
        Annotated[str, msgspec.Meta(max_length=grants.DEVICE_MAX)] | msgspec.UnsetType | None
    ) = msgspec.UNSET
    client_data: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    serial: int | None = None


class PermissionOut(wire.Output):
    """A level on part of the account."""

    level: str
    stream: str
    measures: list[str] | None = None
    tags: list[str] | None = None
    start: float | None = msgspec.field(name="from", default=None)
    to: float | None = None
    rights: list[str] | None = None
    days_only: bool = False
    place: str = "exact"
    delay: int = 0


class TokenOut(wire.Output):
    """A token without its secret; times in Unix seconds.

    Attributes:
        api: the door it was made for; `session` for a browser that is signed in.
        used: when it was last used; `calls` how often.
        serial: how often it was changed.
        created_by: id of the token that made it, `system` for the machine itself.
        scopes: what an application was granted, in its API's words; `permissions` is what counts.
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
    serial: int = 0
    created_by: str | None = None
    client_data: dict[str, Any] | None = None
    scopes: list[str] = msgspec.field(default_factory=list)


class TokenMade(TokenOut, kw_only=True):
    """A new token: the only time that its secret is shown."""

    token: str


class TokensOut(wire.Output):
    """The live tokens of the account: all to the owner, to others their own."""

    tokens: list[TokenOut]


class Revoked(wire.Output):
    """The id of a token that opens nothing any more, and of those that it made."""

    revoked: str
    related: list[str] = msgspec.field(default_factory=list)


class UsageQuery(wire.Input):
    """Which days; the last 30 when left out."""

    start: wire.DateText | None = msgspec.field(name="from", default=None)
    to: wire.DateText | None = None


class UseOut(wire.Output):
    """Calls of one local day; `refused` of them were."""

    date: str
    calls: int
    refused: int = 0


class UsageOut(wire.Output):
    """The use of a token by day, days without a call left out."""

    usage: list[UseOut]


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
            rights=None if p.rights is None else list(p.rights),
            days_only=p.days_only,
            place=p.place.value,
            delay=p.delay,
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
        "serial": stored.serial,
        "created_by": stored.created_by,
        "client_data": stored.client_data,
        "scopes": list(access.scopes),
    }


def _permission(given: PermissionIn, at: str) -> Permission:
    return Permission(
        level=Level(given.level),
        stream=given.stream,
        measures=None if given.measures is None else tuple(given.measures),
        tags=None if given.tags is None else tuple(given.tags),
        start=wire.optional_instant(given.start, f"{at}.from"),
        end=wire.optional_instant(given.to, f"{at}.to"),
        rights=None if given.rights is None else tuple(given.rights),
        days_only=given.days_only,
        place=Place(given.place),
        delay=given.delay,
    )


def read_permissions(given: list[PermissionIn]) -> list[Permission]:
    """Return permissions that a caller wrote in our shape.

    Raises:
        InvalidInput: a time cannot be right.
    """
    return [_permission(p, f"permissions[{i}]") for i, p in enumerate(given)]


async def get_many(call: Call) -> Response:
    """Answer the tokens; the owner finds those that the Personal API gives each account."""
    ctx, caller = call.ctx, call.caller
    if caller.owner and await http.read(ctx, lambda tx: personal.lacks_first(tx, caller)):
        await http.write(ctx, lambda tx: personal.master_and_public(tx, ctx, caller))
    found = await http.read(call.ctx, lambda tx: accesses.listed(tx, call.caller))
    shown = [TokenOut(**_members(call.ctx, s)) for s in found]  # type: ignore[arg-type]
    return endpoint.answer(TokensOut(tokens=shown))


async def create(call: Call) -> Response:
    """Make a token and show it once."""
    new: TokenNew = call.body
    permissions = read_permissions(new.permissions)
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
            device=new.device,
            client_data=new.client_data,
        ),
    )
    made = TokenMade(**_members(call.ctx, stored), token=secret)  # type: ignore[arg-type]
    return endpoint.answer(made, 201)


async def get_one(call: Call) -> Response:
    """Answer one token."""
    id_ = call.path["id"]
    found = await http.read(call.ctx, lambda tx: accesses.get(tx, call.caller, id_), quick=True)
    return endpoint.answer(TokenOut(**_members(call.ctx, found)))  # type: ignore[arg-type]


async def update(call: Call) -> Response:
    """Change a token."""
    fields = dict(wire.given(call.body))
    serial = fields.pop("serial", None)
    if "permissions" in fields:
        fields["permissions"] = tuple(read_permissions(fields["permissions"]))
    if fields.get("expires") is not None:
        fields["expires"] = wire.instant(fields["expires"], "expires")
    id_ = call.path["id"]
    changed = await http.write(
        call.ctx,
        lambda tx: accesses.update(tx, call.ctx, call.caller, id_, fields, serial=serial),
    )
    return endpoint.answer(TokenOut(**_members(call.ctx, changed)))  # type: ignore[arg-type]


async def revoke(call: Call) -> Response:
    """Revoke a token."""
    id_ = call.path["id"]
    related = await http.write(call.ctx, lambda tx: accesses.revoke(tx, call.ctx, call.caller, id_))
    return endpoint.answer(Revoked(revoked=id_, related=related))


async def usage(call: Call) -> Response:
    """Answer how often a token was used, by day."""
    asked: UsageQuery = call.query
    id_ = call.path["id"]
    first = None if asked.start is None else time.day_from_text(asked.start, field="from")
    last = None if asked.to is None else time.day_from_text(asked.to, field="to")

    def read(tx: Tx) -> list[access_use.Use]:
        state = call.ctx.state(tx, call.caller.account_id)
        end = state.zones.day_at(call.ctx.now()) if last is None else last
        start = end - USAGE_DAYS + 1 if first is None else first
        return access_use.usage(tx, call.ctx, call.caller, id_, start, end)

    found = await http.read(call.ctx, read)
    shown = [UseOut(date=time.day_text(u.day), calls=u.calls, refused=u.refused) for u in found]
    return endpoint.answer(UsageOut(usage=shown))


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
        description="The owner makes any; an app shared ones that reach no further than itself.",
        body=(TokenNew,),
        answer=(TokenMade,),
        status=201,
        handler=create,
    ),
    Endpoint(
        method="GET",
        path="/tokens/{id}",
        name="tokens.get",
        summary="Read one token and its use",
        answer=(TokenOut,),
        handler=get_one,
    ),
    Endpoint(
        method="PATCH",
        path="/tokens/{id}",
        name="tokens.update",
        summary="Change a token's name, permissions or end",
        description="The secret stays. What it made shrinks with it.",
        body=(TokenPatch,),
        answer=(TokenOut,),
        handler=update,
    ),
    Endpoint(
        method="GET",
        path="/tokens/{id}/usage",
        name="tokens.usage",
        summary="Read how often a token was used, by day",
        query=UsageQuery,
        answer=(UsageOut,),
        handler=usage,
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
