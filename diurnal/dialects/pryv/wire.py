"""What every call over HTTP has: account, caller, body, the envelope with `meta`."""

from __future__ import annotations

import base64
import binascii
import html
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Message

from diurnal import http
from diurnal.dialects.pryv import checks, words
from diurnal.dialects.pryv.methods import Call
from diurnal.dialects.pryv.service import API_VERSION, SERIAL
from diurnal.errors import NotFound, Unauthenticated
from diurnal.http import Json
from diurnal.model.access import Access
from diurnal.model.events import seconds
from diurnal.services import authentication
from diurnal.services.context import Context

API = "pryv"
URL_WAY = "pryv.token_in_url"
FORM = "application/x-www-form-urlencoded"
_LENGTH = b"content-length"
JSON_BYTES_MAX = 10 << 20
ACCESS = "diurnal.pryv.access"
"""Where a request's scope holds the id of the access that called."""


async def body(request: Request, limit: int = JSON_BYTES_MAX) -> bytes:
    """Return a JSON body; old clients send it without naming its type.

    Raises:
        BadContentType: it is said to be something else.
    """
    given = http.header(request.scope, b"content-type") or ""
    type_ = given.partition(";")[0].strip().lower()
    if type_ not in ("", "application/json", "text/plain"):
        raise checks.BadContentType(f'Bodies of type "{type_}" are not served.')
    return await http.body(request, limit)


def is_form(request: Request) -> bool:
    """Return whether a body is a form's."""
    return (http.header(request.scope, b"content-type") or "").startswith(FORM)


async def unfolded(request: Request) -> Request:
    """Return the request that a form stands for: `_method`, `_auth`, `_json`.

    So browsers ask without asking first whether they may.

    Raises:
        BadStructure: the form cannot be read.
    """
    raw = await http.body(request, JSON_BYTES_MAX)
    try:
        form = dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=100))
    except (UnicodeDecodeError, ValueError):
        raise checks.BadStructure("The form cannot be read.") from None
    if form.keys().isdisjoint(("_method", "_auth", "_json")):
        raise checks.BadContentType(f'Bodies of type "{FORM}" are not served.')
    told = form.get("_json", "").encode()
    kept = [(k, v) for k, v in request.scope["headers"] if k not in (b"content-type", _LENGTH)]
    if form.get("_auth"):
        kept = [(k, v) for k, v in kept if k != b"authorization"]
        kept.append((b"authorization", form["_auth"].encode("latin-1", "replace")))
    kept.append((_LENGTH, str(len(told)).encode()))
    # In place: what is added to the answer looks at the same scope.
    request.scope["method"] = form.get("_method", "POST").upper()
    http.put_headers(request.scope, kept)

    async def receive() -> Message:
        return {"type": "http.request", "body": told, "more_body": False}

    return Request(request.scope, receive)


async def account_of(ctx: Context, request: Request) -> int | None:
    """Return the account that the path names, None where it names none.

    Raises:
        NotFound: nobody has this name.
    """
    username = request.path_params.get("username")
    if username is None:
        return None
    return await look_up(ctx, username)


async def caller(ctx: Context, request: Request, *, header_only: bool = False) -> Call:
    """Return who calls, by a token of any of our APIs.

    Raises:
        NotFound: nobody has the name in the path.
        Unauthenticated: no token (Pryv's 401), or one that opens nothing (its 403).
        AccessExpired: the access is past its time.
    """
    token, in_url = _token(request)
    name = request.path_params["username"]
    account_id = None if token is None else authentication.seen_as(ctx, token, name)
    if account_id is None:
        account_id = await account_of(ctx, request)
    if token is None or (in_url and header_only):
        raise Unauthenticated("The access token is missing.", missing=True)
    try:
        access = await http.resolve(ctx, token, account_id=account_id)
    except Unauthenticated as error:
        if error.expired:
            if error.access is not None:
                request.scope[ACCESS] = error.access.id
            raise words.AccessExpired("Access has expired.") from None
        raise words.UnknownToken("Cannot find access from token.") from None
    if in_url:
        await check_url_way(ctx, access)
    request.scope[ACCESS] = access.id
    return Call(access, token, base_of(request), http.address(request))


async def check_url_way(ctx: Context, access: Access) -> None:
    """Refuse a token that stood in an address, where it ends up in logs and histories.

    Raises:
        UnknownToken: it is another API's; only Pryv's own are taken from there.
        WordedForbidden: the account takes none from there.
    """
    if access.api != API:
        raise words.UnknownToken("Cannot find access from token.")
    if not await http.came_by(ctx, access.account_id, URL_WAY):
        raise checks.WordedForbidden(
            "The owner of this account does not take tokens from addresses."
        )


def base_of(request: Request) -> str:
    """Return the address of the API as the client reached it, no slash at the end."""
    return f"{http.base_url(request, None)}{request.scope.get('root_path', '')}"


def _token(request: Request) -> tuple[str | None, bool]:
    """Return the token and whether it stood in the URL; a header wins.

    The header is `T`, `T callerId`, `Bearer T`, or Basic with the token as the user's name.
    """
    given = (http.header(request.scope, b"authorization") or "").strip()
    scheme, _, rest = given.partition(" ")
    if scheme.lower() == "bearer" and rest:
        return rest.split()[0], False
    if scheme.lower() == "basic" and rest:
        return _of_basic(rest), False
    if given:
        return scheme, False
    return request.query_params.get("auth") or None, True


def _of_basic(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def answer(ctx: Context, result: Mapping[str, Any], status: int = 200) -> Response:
    """Return a result with `meta` beside it."""
    meta = {"apiVersion": API_VERSION, "serverTime": seconds(ctx.now()), "serial": SERIAL}
    return Json(msgspec.json.encode({**result, "meta": meta}), status)


async def look_up(ctx: Context, username: str) -> int:
    """Return the account with this name.

    Raises:
        NotFound: nobody has it.
    """
    account_id = await http.account_named(ctx, username)
    if account_id is None:
        raise NotFound(f'Unknown user "{username}"')
    return account_id


async def account_name(ctx: Context, request: Request) -> str:
    """Return the name in the path, once it is found to be an account's.

    Raises:
        NotFound: nobody has this name.
    """
    await account_of(ctx, request)
    return str(request.path_params["username"])


def page(title: str, text: str, status: int = 200) -> Response:
    """Return a page that leads nowhere further."""
    told = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<title>{html.escape(title)} · Diurnal</title><link rel="stylesheet" '
        'href="/static/tokens.css"><link rel="stylesheet" href="/static/pages.css"></head><body>'
        '<header class="top"><a class="brand" href="/"><i aria-hidden="true"></i>Diurnal</a>'
        "</header>"
        f'<main><div class="card narrow"><h1>{html.escape(title)}</h1>'
        f'<p class="muted">{html.escape(text)}</p></div></main></body></html>'
    )
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'none'",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(told, status, headers)
