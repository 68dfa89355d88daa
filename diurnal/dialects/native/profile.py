"""The profile and its picture."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.errors import InvalidInput
from diurnal.services import profile
from diurnal.services.profile import Avatar, Profile

_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_Short = Annotated[str, msgspec.Meta(max_length=2_000)] | msgspec.UnsetType | None


class ProfileOut(wire.Output):
    """What the owner has told; others see nothing of a private profile."""

    first_name: str = ""
    last_name: str = ""
    bio: str = ""
    url: str = ""
    private: bool = False
    avatar: str | None = None


class ProfilePatch(wire.Input):
    """Members to change; null empties one."""

    first_name: _Short = msgspec.UNSET
    last_name: _Short = msgspec.UNSET
    bio: _Short = msgspec.UNSET
    url: _Short = msgspec.UNSET
    private: bool | msgspec.UnsetType = msgspec.UNSET


def _write(found: Profile) -> ProfileOut:
    # The hash makes another picture another address.
    shown = f"/api/v1/profile/avatar?v={found.avatar.hash[:12]}" if found.avatar else None
    return ProfileOut(
        first_name=found.first_name,
        last_name=found.last_name,
        bio=found.bio,
        url=found.url,
        private=found.private,
        avatar=shown,
    )


async def get(call: Call) -> Response:
    """Answer the profile."""
    found = await http.read(call.ctx, lambda tx: profile.get(tx, call.caller), quick=True)
    return endpoint.answer(_write(found))


async def update(call: Call) -> Response:
    """Change the profile."""
    fields = wire.given(call.body)
    try:
        changed = await http.write(
            call.ctx, lambda tx: profile.update(tx, call.ctx, call.caller, fields)
        )
    except InvalidInput as error:
        names = dict(
            zip(ProfilePatch.__struct_fields__, ProfilePatch.__struct_encode_fields__, strict=True)
        )
        raise InvalidInput(error.message, field=names.get(error.field or "")) from None
    return endpoint.answer(_write(changed))


async def put_avatar(call: Call) -> Response:
    """Show a picture."""
    raw = await http.body(call.request, profile.AVATAR_BYTES_MAX)
    await http.blocking(lambda: profile.put_avatar(call.ctx, call.caller, raw))
    return await get(call)


async def drop_avatar(call: Call) -> Response:
    """Show no picture."""
    changed = await http.write(call.ctx, lambda tx: profile.drop_avatar(tx, call.ctx, call.caller))
    return endpoint.answer(_write(changed))


class AvatarQuery(wire.Input):
    """Which picture was meant; the present one is sent whatever it says."""

    v: str | None = None


async def get_avatar(call: Call) -> Response:
    """Send the picture."""
    shown = await http.read(call.ctx, lambda tx: profile.avatar(tx, call.caller), quick=True)
    return Response(await http.blocking(lambda: _bytes(call, shown)), headers=_headers(shown))


def _bytes(call: Call, shown: Avatar) -> bytes:
    with profile.open_avatar(call.ctx, call.caller.account_id, shown) as file:
        return file.read()


def _headers(shown: Avatar) -> dict[str, str]:
    return {
        "Content-Type": shown.type,
        "Cache-Control": "private, max-age=86400",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/profile",
        name="profile.get",
        summary="Read the profile",
        answer=(ProfileOut,),
        handler=get,
    ),
    Endpoint(
        method="PATCH",
        path="/profile",
        name="profile.update",
        summary="Change the profile",
        who=Who.OWNER,
        body=(ProfilePatch,),
        answer=(ProfileOut,),
        handler=update,
    ),
    Endpoint(
        method="GET",
        path="/profile/avatar",
        name="profile.avatar",
        summary="Read the picture",
        query=AvatarQuery,
        answer_media="image/*",
        handler=get_avatar,
    ),
    Endpoint(
        method="PUT",
        path="/profile/avatar",
        name="profile.set_avatar",
        summary="Show a picture",
        description="PNG, JPEG, GIF or WebP of up to 2 MiB.",
        who=Who.OWNER,
        media=_TYPES,
        answer=(ProfileOut,),
        handler=put_avatar,
    ),
    Endpoint(
        method="DELETE",
        path="/profile/avatar",
        name="profile.drop_avatar",
        summary="Show no picture",
        who=Who.OWNER,
        answer=(ProfileOut,),
        handler=drop_avatar,
    ),
)
