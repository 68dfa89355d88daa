"""The door for assistants, `/mcp`: streamable HTTP, stateless, with the tokens of any application.

What speaks the protocol is imported on the first request that has a good token: it weighs more
than the rest of the server.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from diurnal import http
from diurnal.auth.oauth2.face import Face
from diurnal.errors import (
    AppError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    Upstream,
)
from diurnal.http import issuers
from diurnal.model.access import Access
from diurnal.services.context import Context

PREFIX = "/mcp"
NAME = "mcp"
BODY_MAX = 1 << 20
"""Bytes of one message."""
RESOURCE = "/oauth-protected-resource"
FACE = Face(name="oauth2", api="native", clients=("native", "mcp"))
"""The door that gives the tokens, as far as its metadata are told here."""
STATUSES: Mapping[type[AppError], tuple[int, str]] = {
    InvalidInput: (400, InvalidInput.code),
    Unauthenticated: (401, "invalid_token"),
    Forbidden: (403, "insufficient_scope"),
    NotFound: (404, NotFound.code),
    Conflict: (409, Conflict.code),
    TooLarge: (413, TooLarge.code),
    TooMany: (429, TooMany.code),
    Upstream: (502, Upstream.code),
    Unavailable: (503, Unavailable.code),
    AppError: (500, AppError.code),
}
_CODES = {400: -32600, 401: -32001, 403: -32003, 404: -32601, 413: -32600, 429: -32005}
"""JSON-RPC's codes, for clients that look at nothing else."""


class _Message(msgspec.Struct):
    """As much of a message as says what is wanted."""

    method: str = ""


def app(ctx: Context) -> ASGIApp:
    """Return the application that is mounted at `/mcp`."""
    return CORSMiddleware(
        _Door(ctx),
        # Pages elsewhere may call with a token of their own; cookies are not looked at.
        allow_origins=["*"],
        allow_methods=["POST", "OPTIONS"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Mcp-Protocol-Version",
            "Mcp-Method",
            "Mcp-Name",
            "Mcp-Session-Id",
            "Last-Event-ID",
        ],
        expose_headers=["WWW-Authenticate", "Retry-After"],
        max_age=3600,
    )


def well_known(ctx: Context) -> Mapping[str, http.Handler]:
    """Return what tells clients where to get a token (RFC 9728)."""

    async def tell(request: Request) -> Response:
        return issuers.protected_resource(ctx, request, path=PREFIX, face=FACE, name="Diurnal")

    handler = http.guarded(tell, STATUSES, _render)
    return {RESOURCE: handler, f"{RESOURCE}{PREFIX}": handler}


class _Door:
    """Lets in who has a token, and passes the message on to what speaks the protocol."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        watch = http.Watch(ctx, NAME, "call")
        self._answer = http.guarded(self._handle, STATUSES, _render, watch=watch)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        if scope["path"].removeprefix(scope["root_path"]) not in ("", "/"):
            response = _render(NotFound("there is nothing here"), *STATUSES[NotFound])
        elif request.method != "POST":
            # No session, so nothing to listen to, and nothing to end.
            response = Response(status_code=405, headers={"Allow": "POST, OPTIONS"})
        else:
            response = await self._answer(request)
            if response.status_code in (401, 403):
                response.headers["WWW-Authenticate"] = self._challenge(request, response)
        await response(scope, receive, send)

    async def _handle(self, request: Request) -> Response:
        caller = await self._caller(request)
        raw = await http.body(request, BODY_MAX)
        try:
            method = msgspec.json.decode(raw, type=_Message).method
        except msgspec.DecodeError:
            method = ""
        if method.replace("/", "").replace("_", "").isalnum():
            http.doing.name(method.replace("/", ".")[:60])
        from diurnal.mcp import server

        return await server.answer(self._ctx, caller, request, raw)

    async def _caller(self, request: Request) -> Access:
        """Return whose token it is.

        Raises:
            Unauthenticated: there is none, or it opens nothing here.
        """
        token = http.bearer(request)
        if token is None:
            raise Unauthenticated("a token is needed", missing=True)
        return await http.resolve(self._ctx, token)

    def _challenge(self, request: Request, response: Response) -> str:
        base = http.base_url(request, self._ctx.settings.public_url)
        told = f'Bearer resource_metadata="{base}/.well-known{RESOURCE}{PREFIX}"'
        if response.status_code == 403:
            return f'{told}, error="insufficient_scope"'
        return told if http.bearer(request) is None else f'{told}, error="invalid_token"'


def _render(error: AppError, status: int, id_: str) -> Response:
    told = {
        "jsonrpc": "2.0",
        "id": None,
        "error": {
            "code": _CODES.get(status, -32603),
            "message": error.message,
            "data": {"error": id_},
        },
    }
    return http.Json(msgspec.json.encode(told), status, {"Cache-Control": "no-store"})
