"""What Personicle's endpoints share: who calls, with which scopes, and how errors are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from diurnal import http
from diurnal.catalog.scopes.personicle import covers
from diurnal.errors import AppError, Forbidden, InvalidInput, NotFound, Unauthenticated
from diurnal.http import Json
from diurnal.model.access import Access
from diurnal.services import legacy, physicians, subjects
from diurnal.services.context import Context

BODY_BYTES_MAX = 20 << 20
IN_URL = "personicle.token_in_url"
NO_EVENTS = "You do not have access to read events"
NO_SCOPE = "You do not have access to requested scopes"


class NoSuch(InvalidInput):
    """Nothing matched what was to be deleted."""


class Unreadable(InvalidInput):
    """A body that is not what it should be."""


class WrongType(InvalidInput):
    """A body of another type than JSON."""


class Missing(InvalidInput):
    """Parameters of the query that are needed and not there."""

    def __init__(self, *names: str) -> None:
        super().__init__("missing query parameter")
        self.names = names


async def caller(ctx: Context, request: Request) -> Access:
    """Return who calls; the scheme may be left out of the header.

    Raises:
        Unauthenticated: no token, or one that opens nothing.
    """
    given = request.headers.get("authorization", "").strip()
    scheme, _, rest = given.partition(" ")
    token = rest.strip() if scheme.lower() == "bearer" else given
    in_url = not token
    if in_url:
        token = request.query_params.get("access_token", "")
    if not token or scheme.lower() == "basic":
        raise Unauthenticated("Bearer token not present in request", missing=True)
    try:
        found = await http.resolve(ctx, token)
    except Unauthenticated:
        raise Unauthenticated("Invalid Bearer token") from None
    if in_url:
        allowed = await http.read(
            ctx, lambda tx: legacy.allowed(tx, ctx, found.account_id, IN_URL), quick=True
        )
        if found.api != "personicle" or not allowed:
            raise Unauthenticated("Invalid Bearer token")
        legacy.used(ctx, found.account_id, IN_URL)
    return found


def granted(found: Access, scope: str, refusal: str = NO_SCOPE) -> None:
    """Refuse an application that was not granted a scope.

    Other tokens of the account go by their permissions alone.

    Raises:
        Forbidden: it was not.
    """
    if found.client_id is None or not found.scopes:
        return
    if scope not in found.scopes and not any(covers(s, scope) for s in found.scopes):
        raise Forbidden(refusal)


async def user_of(ctx: Context, found: Access) -> str:
    """Return the caller's id to applications."""
    return await http.read(ctx, lambda tx: subjects.of(tx, found.account_id), quick=True)


async def reading(ctx: Context, request: Request, found: Access) -> tuple[Access, str]:
    """Return whose data are read, and their id: a physician may name a patient.

    From everybody else `user_id` is left alone, as clients send their own.
    """
    mine, asked = await user_of(ctx, found), request.query_params.get("user_id")
    if asked in (None, "", mine):
        return found, mine
    try:
        acting = await http.read(ctx, lambda tx: physicians.acting(tx, found, str(asked)))
    except Forbidden:
        return found, mine
    return acting, str(asked)


async def body(request: Request) -> Any:
    """Read a JSON body.

    Raises:
        WrongType: it is said to be something else.
        Unreadable: it is none.
    """
    type_ = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if type_ != "application/json":
        raise WrongType("Content-Type must be application/json")
    raw = await http.body(request, BODY_BYTES_MAX)
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        raise Unreadable("Incorrectly formatted data packet") from None


def query(request: Request, *needed: str) -> Mapping[str, str]:
    """Return the query, whose parameters `needed` are there.

    Raises:
        Missing: they are not.
    """
    missing = [name for name in needed if not request.query_params.get(name)]
    if missing:
        raise Missing(*missing)
    return request.query_params


def answer(said: Any, status: int = 200) -> Response:
    """Return a JSON answer."""
    return Json(msgspec.json.encode(said), status)


def text(said: str, status: int = 200) -> Response:
    """Return a plain text."""
    return PlainTextResponse(said, status)


def render(error: AppError, status: int, _id: str) -> Response:
    """Return an error of the read service: a bare JSON text, or FastAPI's `detail`."""
    if isinstance(error, Missing):
        detail = [
            {"loc": ["query", name], "msg": "field required", "type": "value_error.missing"}
            for name in error.names
        ]
        return answer({"detail": detail}, 422)
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthenticated) else None
    if isinstance(error, NotFound):
        return answer({"detail": "Not Found"}, 404)
    return Json(msgspec.json.encode(error.message), status, headers)


def render_upload(error: AppError, status: int, _id: str) -> Response:
    """Return an error of the write service, which says them as text."""
    if isinstance(error, Unauthenticated):
        return _unauthorised("Unauthorised access token")
    return text(error.message, status)


def render_delete(error: AppError, status: int, _id: str) -> Response:
    """Return an error of what deletes: text too, but for what is not there."""
    if isinstance(error, Unauthenticated):
        return _unauthorised("Unauthorized")
    if isinstance(error, NoSuch):
        return answer({"message": error.message}, status)
    return text(error.message, 400 if isinstance(error, InvalidInput) else status)


def render_end(error: AppError, status: int, _id: str) -> Response:
    """Return an error of what deletes an account."""
    told = "Unauthorized" if isinstance(error, Unauthenticated) else error.message
    return answer({"error": told}, status)


def _unauthorised(said: str) -> Response:
    return PlainTextResponse(said, 401, {"WWW-Authenticate": "Bearer"})
