"""Shares: by link or to another account; what others share; opening a link."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.dialects.native.tokens import (
    PermissionIn,
    PermissionOut,
    read_permissions,
    write_permissions,
)
from diurnal.model.events import seconds
from diurnal.services import accesses, sharing
from diurnal.services.sharing import Given, Received

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=accesses.NAME_MAX)]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
Permissions = Annotated[
    list[PermissionIn], msgspec.Meta(min_length=1, max_length=accesses.PERMISSIONS_MAX)
]


class ShareNew(wire.Input):
    """A share to be made.

    Attributes:
        to: user name of an account on this server; a link for whoever has it when left out.
        expires: when it ends; in 30 days when left out, never when null.
        password: asked of whoever opens the link.
    """

    name: Name
    permissions: Permissions
    to: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] | None = None
    expires: wire.Moment | msgspec.UnsetType | None = msgspec.UNSET
    password: Password | None = None


class SharePatch(wire.Input):
    """Members to change; `password` null takes it away."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    permissions: Permissions | msgspec.UnsetType = msgspec.UNSET
    expires: wire.Moment | msgspec.UnsetType | None = msgspec.UNSET
    password: Password | msgspec.UnsetType | None = msgspec.UNSET


class ShareOut(wire.Output):
    """A share; times in Unix seconds.

    Attributes:
        state: `open` for a link; `offered`, `accepted` or `declined` for an account.
        url: of the link.
        token: id of the token behind it.
        words: what it opens, in sentences.
        opens: how often guests opened the link, last at `opened`.
        calls: how often anything was asked through it.
    """

    id: str
    name: str
    state: str
    token: str
    permissions: list[PermissionOut]
    words: list[str]
    created: float
    opens: int
    calls: int
    to: str | None = None
    url: str | None = None
    password: bool = False
    expires: float | None = None
    opened: float | None = None


class SharesOut(wire.Output):
    """The account's shares that stand, oldest first."""

    shares: list[ShareOut]


class ShareEnded(wire.Output):
    """The id of a share that opens nothing any more."""

    ended: str


class ReceivedOut(wire.Output):
    """What another account shares with this one.

    Attributes:
        owner: user name of who shares.
        state: `offered`, `accepted` or `declined`.
    """

    id: str
    owner: str
    name: str
    state: str
    words: list[str]
    created: float
    expires: float | None = None


class ReceivedMany(wire.Output):
    """What is offered, and what was accepted."""

    received: list[ReceivedOut]


class Answer(wire.Input):
    """Whether to take what is offered; what was accepted may be declined later."""

    accept: bool


class Opened(ReceivedOut, kw_only=True):
    """An accepted share with the token that opens it: read and write through it as its owner's."""

    token: str


class LinkIn(wire.Input):
    """A link's last part, and the password where it asks for one."""

    link: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    password: Annotated[str, msgspec.Meta(max_length=1_000)] = ""


class LinkOut(wire.Output):
    """The token that a link opens."""

    token: str
    owner: str
    name: str
    expires: float | None = None


def _url(call: Call, link: str) -> str:
    return f"{http.base_url(call.request, call.ctx.settings.public_url)}/share/{link}"


def _out(call: Call, given: Given) -> ShareOut:
    share, access = given.share, given.stored.access
    pending = call.ctx.uses.get((access.account_id, access.id), 0)
    return ShareOut(
        id=share.id,
        name=access.name,
        state=share.state,
        token=access.id,
        permissions=write_permissions(access.permissions),
        words=given.words,
        created=seconds(share.created),
        opens=share.opens,
        calls=given.stored.calls + pending,
        to=share.recipient,
        url=None if given.link is None else _url(call, given.link),
        password=share.password_hash is not None,
        expires=None if access.expires is None else seconds(access.expires),
        opened=None if share.opened is None else seconds(share.opened),
    )


def _members(received: Received) -> dict[str, object]:
    share, access = received.share, received.access
    return {
        "id": share.id,
        "owner": access.username,
        "name": access.name,
        "state": share.state,
        "words": received.words,
        "created": seconds(share.created),
        "expires": None if access.expires is None else seconds(access.expires),
    }


async def get_many(call: Call) -> Response:
    """Answer the shares."""
    found = await http.read(call.ctx, lambda tx: sharing.listed(tx, call.ctx, call.caller))
    return endpoint.answer(SharesOut(shares=[_out(call, g) for g in found]))


async def get_one(call: Call) -> Response:
    """Answer one share."""
    id_ = call.path["id"]
    found = await http.read(call.ctx, lambda tx: sharing.get(tx, call.ctx, call.caller, id_))
    return endpoint.answer(_out(call, found))


async def create(call: Call) -> Response:
    """Make a share."""
    new: ShareNew = call.body
    permissions = read_permissions(new.permissions)
    if isinstance(new.expires, msgspec.UnsetType):
        expires: int | None = call.ctx.now() + sharing.LASTS_US
    else:
        expires = wire.optional_instant(new.expires, "expires")
    recipient = None if new.to is None else sharing.check_recipient(new.to)
    hashed = await _hashed(new.password if recipient is None else None)
    made = await http.write(
        call.ctx,
        lambda tx: sharing.create(
            tx,
            call.ctx,
            call.caller,
            name=new.name,
            permissions=permissions,
            expires=expires,
            recipient=recipient,
            password_hash=hashed,
        ),
    )
    if made.share.recipient_id is not None:
        giver = call.caller.username
        await call.ctx.store.submit(
            lambda tx: sharing.told(tx, call.ctx, made.share, giver, new.name)
        )
    return endpoint.answer(_out(call, made), 201)


async def _hashed(password: str | None) -> str | None:
    if password is None:
        return None
    return await http.blocking(lambda: sharing.hashed(password))


async def update(call: Call) -> Response:
    """Change a share."""
    fields = dict(wire.given(call.body))
    password = "password" in fields
    hashed = await _hashed(fields.pop("password", None))
    if "permissions" in fields:
        fields["permissions"] = tuple(read_permissions(fields["permissions"]))
    if fields.get("expires") is not None:
        fields["expires"] = wire.instant(fields["expires"], "expires")
    id_ = call.path["id"]
    changed = await http.write(
        call.ctx,
        lambda tx: sharing.update(
            tx, call.ctx, call.caller, id_, fields, password=password, password_hash=hashed
        ),
    )
    return endpoint.answer(_out(call, changed))


async def end(call: Call) -> Response:
    """End a share."""
    id_ = call.path["id"]
    await http.write(call.ctx, lambda tx: sharing.end(tx, call.ctx, call.caller, id_))
    return endpoint.answer(ShareEnded(ended=id_))


async def picture(call: Call) -> Response:
    """Answer a link as a QR code."""
    id_ = call.path["id"]
    found = await http.read(call.ctx, lambda tx: sharing.get(tx, call.ctx, call.caller, id_))
    svg = sharing.picture(found, lambda link: _url(call, link))
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'"}
    return Response(svg, headers=headers, media_type="image/svg+xml")


async def open_link(call: Call) -> Response:
    """Answer the token that a link opens."""
    asked: LinkIn = call.body
    where = http.address(call.request)
    access, token = await http.blocking(
        lambda: sharing.open_link(call.ctx, asked.link, asked.password, where)
    )
    return endpoint.answer(
        LinkOut(
            token=token,
            owner=access.username,
            name=access.name,
            expires=None if access.expires is None else seconds(access.expires),
        )
    )


async def get_received(call: Call) -> Response:
    """Answer what others share."""
    found = await http.read(call.ctx, lambda tx: sharing.received(tx, call.ctx, call.caller))
    shown = [ReceivedOut(**_members(r)) for r in found]  # type: ignore[arg-type]
    return endpoint.answer(ReceivedMany(received=shown))


async def answer_received(call: Call) -> Response:
    """Accept or decline a share."""
    id_, accept = call.path["id"], call.body.accept
    where = http.address(call.request)
    found = await http.blocking(
        lambda: sharing.answer(call.ctx, call.caller, id_, accept=accept, address=where)
    )
    return endpoint.answer(ReceivedOut(**_members(found)))  # type: ignore[arg-type]


async def open_received(call: Call) -> Response:
    """Answer the token of an accepted share."""
    id_ = call.path["id"]
    found, token = await http.read(
        call.ctx, lambda tx: sharing.token_of(tx, call.ctx, call.caller, id_)
    )
    return endpoint.answer(Opened(**_members(found), token=token))  # type: ignore[arg-type]


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/shares",
        name="shares.list",
        summary="Read the shares and their use",
        who=Who.OWNER,
        answer=(SharesOut,),
        handler=get_many,
    ),
    Endpoint(
        method="POST",
        path="/shares",
        name="shares.create",
        summary="Share part of the account",
        description="By a link, or with another account on this server, which accepts or declines."
        " A name that nobody has is taken like any other.",
        who=Who.OWNER,
        body=(ShareNew,),
        answer=(ShareOut,),
        status=201,
        handler=create,
    ),
    Endpoint(
        method="POST",
        path="/shares/open",
        name="shares.open",
        summary="Open a link",
        description="Answers the token that it stands for; the password is asked here alone.",
        who=Who.ANYBODY,
        body=(LinkIn,),
        answer=(LinkOut,),
        handler=open_link,
    ),
    Endpoint(
        method="GET",
        path="/shares/received",
        name="received.list",
        summary="Read what others share with this account",
        who=Who.OWNER,
        answer=(ReceivedMany,),
        handler=get_received,
    ),
    Endpoint(
        method="PUT",
        path="/shares/received/{id}",
        name="received.answer",
        summary="Accept or decline what another shares",
        who=Who.OWNER,
        body=(Answer,),
        answer=(ReceivedOut,),
        handler=answer_received,
    ),
    Endpoint(
        method="POST",
        path="/shares/received/{id}/token",
        name="received.open",
        summary="Open an accepted share",
        description="Its token reads, and where allowed writes, in the other account.",
        who=Who.OWNER,
        answer=(Opened,),
        handler=open_received,
    ),
    Endpoint(
        method="GET",
        path="/shares/{id}",
        name="shares.get",
        summary="Read one share",
        who=Who.OWNER,
        answer=(ShareOut,),
        handler=get_one,
    ),
    Endpoint(
        method="PATCH",
        path="/shares/{id}",
        name="shares.update",
        summary="Change a share",
        description="The link stays.",
        who=Who.OWNER,
        body=(SharePatch,),
        answer=(ShareOut,),
        handler=update,
    ),
    Endpoint(
        method="DELETE",
        path="/shares/{id}",
        name="shares.end",
        summary="End a share",
        who=Who.OWNER,
        answer=(ShareEnded,),
        handler=end,
    ),
    Endpoint(
        method="GET",
        path="/shares/{id}/picture",
        name="shares.picture",
        summary="Read a link as a QR code",
        who=Who.OWNER,
        answer_media="image/svg+xml",
        handler=picture,
    ),
)
