"""What every call over HTTP has: account, caller, body, headers."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from diurnal import http
from diurnal.dialects.pryv0 import admin, checks
from diurnal.dialects.pryv0.table import API, LATER, OLD, Call, Params, Version
from diurnal.dialects.pryv0.words import BadStructure
from diurnal.errors import Forbidden, NotFound, Unauthenticated
from diurnal.http import Json
from diurnal.model.access import Access
from diurnal.services import legacy
from diurnal.services.context import Context

BODY_MAX = 10 << 20
FORM = "application/x-www-form-urlencoded"
URL_WAY = "pryv0.token_in_url"
LATER_ROOT = "/pryv04"
_FORM = "diurnal.pryv0.form"


def json_answer(value: Any, status: int = 200) -> Response:
    """Return an answer: the value itself, in no wrapper."""
    return Json(msgspec.json.encode(value), status)


def version_of(scope: Scope) -> Version:
    """Return the version that is spoken where a request came in, by path or by host name."""
    return LATER if http.prefix_of(scope).endswith(LATER_ROOT) else OLD


def base_of(request: Request) -> str:
    """Return the address of the API as the client reached it, no slash at the end."""
    return f"{http.base_url(request, None)}{request.scope.get('root_path', '')}"


async def look_up(ctx: Context, username: str) -> int:
    """Return the account with this name.

    Raises:
        NotFound: nobody has it.
    """
    account_id = await http.account_named(ctx, username)
    if account_id is None:
        raise NotFound(f"Unknown user '{username}'.")
    return account_id


async def resolve(ctx: Context, account_id: int, token: str, *, in_url: bool) -> Access:
    """Return the access of a token.

    Raises:
        Unauthenticated: it opens nothing.
        Forbidden: the account takes none from addresses.
    """
    unknown = Unauthenticated(f"Cannot find token '{token[:3]}…'.")
    try:
        access = await http.resolve(ctx, token, account_id=account_id)
    except Unauthenticated:
        raise unknown from None
    if in_url:
        if access.api != API:
            raise unknown
        allowed = await http.read(
            ctx, lambda tx: legacy.allowed(tx, ctx, account_id, URL_WAY), quick=True
        )
        if not allowed:
            raise Forbidden("The owner of this account takes no tokens from addresses.")
        legacy.used(ctx, account_id, URL_WAY)
    return access


async def caller(ctx: Context, request: Request) -> Call:
    """Return who calls: the header holds the bare token.

    Raises:
        NotFound: nobody has the name in the path.
        Unauthenticated: no token, or one that opens nothing.
    """
    account_id = await look_up(ctx, request.path_params["username"])
    form = await form_of(request)
    given = (form or {}).get("_auth") or request.headers.get("authorization", "").strip()
    in_url = not given
    token = given.removeprefix("Bearer ") or request.query_params.get("auth", "")
    if not token:
        raise Unauthenticated("The token is missing.", missing=True)
    access = await resolve(ctx, account_id, token, in_url=in_url)
    if admin.is_stale(ctx, access):
        await ctx.store.submit(lambda tx: admin.prolong(tx, ctx, access))
    version = version_of(request.scope)
    return Call(access, token, version, base_of(request), http.address(request))


async def form_of(request: Request) -> dict[str, str] | None:
    """Return the fields of a form in which a browser of that time sent method and body."""
    if _FORM in request.scope:
        kept: dict[str, str] | None = request.scope[_FORM]
        return kept
    found = None
    type_ = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and type_ == FORM:
        body = await http.body(request, BODY_MAX)
        try:
            found = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))
        except (UnicodeDecodeError, ValueError):
            raise BadStructure("The form cannot be read.") from None
    request.scope[_FORM] = found
    return found


async def verb_of(request: Request) -> str:
    """Return the HTTP method that is meant."""
    if request.method == "HEAD":
        return "GET"
    form = await form_of(request)
    return request.method if form is None else form.get("_method", "POST").upper()


async def body_of(request: Request) -> Any:
    """Return what the body says."""
    form = await form_of(request)
    if form is not None:
        return checks.parse(form.get("_json", "").encode())
    return checks.parse(await http.body(request, BODY_MAX))


async def params_of(request: Request, verb: str, *, listed: bool) -> Params:
    """Return what a call is given in path, address and body."""
    path: Params = {k: v for k, v in request.path_params.items() if k != "username"}
    if verb == "PUT":
        return {**path, "update": checks.params_of(await body_of(request))}
    if verb == "POST":
        body = await body_of(request)
        if listed and isinstance(body, list):
            return {**path, "events": body}
        # A body names no channel but that of its path.
        return {**checks.params_of(body), **path}
    return {**checks.from_url(request.query_params.multi_items()), **path}
