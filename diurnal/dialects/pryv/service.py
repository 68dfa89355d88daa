"""What the service says of itself: addresses, assets, event types."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from diurnal.dialects.pryv import event_types
from diurnal.http import Json
from diurnal.services import webhook_messages

API_VERSION, SERIAL = webhook_messages.PRYV_VERSION, webhook_messages.PRYV_SERIAL
"""`SERIAL` is that of the service information: clients that keep it look again when it changes."""
LANGUAGE = "en"
_CSS = """.pryv-button{font:inherit;padding:.5em 1em;border:1px solid;border-radius:.4em;
cursor:pointer;background:none}
"""
_BUTTON = '<div class="pryv-button" role="button" tabindex="0"><span id="pryv-access-btn-text">'
_BUTTON += "</span></div>\n"
_ICON = (
    b"\0\0\1\0\1\0\1\1\0\0\1\0\x20\0\x30\0\0\0\x16\0\0\0"
    b"\x28\0\0\0\1\0\0\0\2\0\0\0\1\0\x20\0\0\0\0\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    b"\x8b\x5c\x2a\xff\0\0\0\0"
)
"""One dot."""
_MESSAGES = {
    "en": {
        "LOADING": "...",
        "ERROR": "Error",
        "LOGIN": "Sign in",
        "SIGNOUT_CONFIRM": "Sign out?",
    }
}


def info(base: str, origin: str) -> dict[str, Any]:
    """Return the service information; https://api.pryv.com/reference/#service-info.

    Args:
        base: address of the API, no slash at the end.
        origin: scheme and host of the whole server.
    """
    return {
        "register": f"{base}/reg/",
        "access": f"{base}/reg/access/",
        "api": f"{base}/{{username}}/",
        "name": "Diurnal",
        "home": f"{origin}/",
        "support": f"{origin}/",
        "terms": f"{origin}/",
        "eventTypes": f"{base}/event-types/flat.json",
        "serial": SERIAL,
        "version": API_VERSION,
        "assets": {"definitions": f"{base}/assets/index.json"},
        "features": {"noHF": False, "contentQueries": True},
    }


def hostings(base: str) -> dict[str, Any]:
    """Return where accounts may live: here."""
    here = {
        "name": "This server",
        "description": "",
        "available": True,
        "availableCore": f"{base}/",
    }
    zone = {"name": "Here", "hostings": {"here": here}}
    return {"regions": {"here": {"name": "Here", "zones": {"here": zone}}}}


@cache
def _assets() -> Mapping[str, tuple[str, bytes]]:
    index = {
        "favicon": {"default": {"url": "favicon.ico"}},
        "css": {"default": {"url": "style.css"}},
        "lib-js": {
            "buttonSignIn": {
                "css": "button.css",
                "html": "button.html",
                "messages": "messages.json",
            }
        },
    }
    encode = msgspec.json.encode
    return {
        "index.json": ("application/json", encode(index)),
        "favicon.ico": ("image/x-icon", _ICON),
        "style.css": ("text/css; charset=utf-8", _CSS.encode()),
        "button.css": ("text/css; charset=utf-8", _CSS.encode()),
        "button.html": ("text/html; charset=utf-8", _BUTTON.encode()),
        "messages.json": ("application/json", encode(_MESSAGES)),
    }


ASSETS = tuple(_assets())


def asset(name: str, base: str) -> Response:
    """Return a file that clients show; the first names the others, relative to itself."""
    type_, body = _assets()[name]
    headers = {
        "Cache-Control": "public, max-age=3600",
        "Content-Security-Policy": "default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    if name == "index.json":
        told = {"baseUrl": f"{base}/assets/"} | msgspec.json.decode(body)
        return Json(msgspec.json.encode(told), headers=headers)
    return Response(body, headers={"Content-Type": type_, **headers})


async def types(_request: Request) -> Response:
    """Return the event types."""
    return Json(event_types.document(), headers={"Cache-Control": "public, max-age=3600"})
