"""What an endpoint is: one declaration from which it is routed, documented and tested."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar

import msgspec
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from diurnal import __version__, http
from diurnal.dialects.native import wire
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
    UnknownReference,
    Upstream,
)
from diurnal.model.access import Access
from diurnal.services import accesses, changelog
from diurnal.services.context import Context
from diurnal.store.database import Tx

BODY_MAX = 1 << 20
"""Bytes of a body where an endpoint does not say otherwise."""

STATUSES: Mapping[type[AppError], tuple[int, str]] = {
    InvalidInput: (400, InvalidInput.code),
    UnknownReference: (400, UnknownReference.code),
    Unauthenticated: (401, Unauthenticated.code),
    Forbidden: (403, Forbidden.code),
    NotFound: (404, NotFound.code),
    Conflict: (409, Conflict.code),
    TooLarge: (413, TooLarge.code),
    TooMany: (429, TooMany.code),
    Upstream: (502, Upstream.code),
    Unavailable: (503, Unavailable.code),
    AppError: (500, AppError.code),
}
TITLES = {
    400: "The request cannot be right",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "No such method",
    409: "Conflict",
    413: "Too large",
    429: "Too many",
    500: "Our fault",
    502: "Another service failed",
    503: "Not now",
}


class Problem(msgspec.Struct, omit_defaults=True):
    """An error, as RFC 9457 has it.

    Attributes:
        type: `urn:diurnal:error:` and the error's code.
        field: the member of the request that is to blame.
    """

    type: str
    title: str
    status: int
    detail: str = ""
    field: str | None = None
    data: dict[str, Any] | None = None


class Who(StrEnum):
    """Whom an endpoint lets in; what they may see or do is the use case's to say."""

    ANYBODY = "anybody"
    CALLER = "caller"
    OWNER = "owner"


# Each look at a member of an enumeration by its name takes as long as a call.
_ANYBODY, _OWNER = Who.ANYBODY, Who.OWNER


class Call(msgspec.Struct, eq=False):
    """One request, read.

    Attributes:
        path: the parts of the path that vary, by name.
    """

    ctx: Context
    request: Request
    path: dict[str, str]
    _caller: Access | None = None
    query: Any = None
    body: Any = None
    raw: bytes = b""

    @property
    def caller(self) -> Access:
        """Who calls."""
        if self._caller is None:
            raise Unauthenticated("a token or a session is needed", missing=True)
        return self._caller

    @caller.setter
    def caller(self, access: Access) -> None:
        self._caller = access


Handler = Callable[[Call], Awaitable[Response]]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path.

    Attributes:
        name: the operation's id, "events.create".
        who: whom it lets in.
        query, body, answer: shapes; several bodies are alternatives, which the handler tells apart.
        media: what the body is when it is not JSON.
        answer_media: what the answer is when it is not JSON.
        status: of the usual answer; `also`: other good ones.
        reads_body: False where the handler turns `raw` into something else than `body`.
        headers: request headers that it reads: name -> meaning.
        any_query: whether the address may have members of the sender's own.
        body_bytes_max: function of the context, for limits that are settings.
    """

    method: str
    path: str
    name: str
    summary: str
    handler: Handler
    who: Who = Who.CALLER
    query: type[Any] | None = None
    body: tuple[type[Any], ...] = ()
    answer: tuple[type[Any], ...] = ()
    media: tuple[str, ...] = ()
    answer_media: str = "application/json"
    status: int = 200
    also: tuple[int, ...] = ()
    reads_body: bool = True
    headers: Mapping[str, str] = {}
    any_query: bool = False
    description: str = ""
    body_bytes_max: Callable[[Context], int] = lambda _ctx: BODY_MAX

    @property
    def tag(self) -> str:
        """The noun."""
        return self.name.partition(".")[0]


class _Nothing(wire.Input):
    """The query of an endpoint that has none."""


async def run(endpoint: Endpoint, ctx: Context, request: Request) -> Response:
    """Answer one request: who calls, what is asked, then the handler."""
    call = Call(ctx, request, request.path_params)
    if endpoint.who is not _ANYBODY:
        caller = http.caller(ctx, request)
        call.caller = caller if isinstance(caller, Access) else await caller
        if endpoint.who is _OWNER:
            accesses.must_own(call.caller)
    else:
        http.refuse_foreign(request)
    for text in call.path.values():
        if "\0" in text:
            raise NotFound("there is nothing here")
    asked = request.scope["query_string"]
    if (asked and not endpoint.any_query) or endpoint.query is not None:
        call.query = wire.read_query(endpoint.query or _Nothing, asked)
    if endpoint.body:
        call.raw = await http.body(request, endpoint.body_bytes_max(ctx))
        if endpoint.reads_body and len(endpoint.body) == 1:
            call.body = wire.read_body(endpoint.body[0], call.raw)
    return await endpoint.handler(call)


def problem(error: AppError, status: int, id_: str) -> Response:
    """Render an error as RFC 9457 has it."""
    field = error.field if isinstance(error, InvalidInput) else None
    body = Problem(
        f"urn:diurnal:error:{id_}",
        TITLES[status],
        status,
        error.message,
        field,
        dict(error.data) if error.data else None,
    )
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, Unauthenticated):
        more = "" if error.missing else ', error="invalid_token"'
        headers["WWW-Authenticate"] = f'Bearer realm="diurnal"{more}'
    return Response(wire.encode(body), status, headers, media_type="application/problem+json")


def answer(shape: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a struct as JSON that nobody is to keep."""
    return ready(wire.encode(shape), status, headers)


def ready(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return JSON bytes that nobody is to keep."""
    return http.Json(body, status, headers, also=(http.NOT_STORED,))


class Page(msgspec.Struct):
    """JSON bytes, and the cursor of the next page."""

    body: bytes
    next: str | None = None


async def cached(
    call: Call, fn: Callable[[Tx], bytes | Page], *, quick: bool = False, moment: int = 0
) -> Response:
    """Answer a read with a weak ETag: the account's change number and who asks.

    Nothing is read when the caller has it already.

    Args:
        quick: a look-up by key, short enough for the event loop.
        moment: what of the time the answer depends on, as where a window ends now.
    """
    caller = call.caller
    if caller.delayed:  # a change number would tell of what it is to see later
        whole = await http.read(call.ctx, fn, quick=quick)
        return _page(call, whole, {"Cache-Control": "no-store"})
    known = call.request.headers.get("if-none-match")

    later = f"-{moment}" if moment else ""

    def turn(tx: Tx) -> tuple[str, bytes | Page | None]:
        tag = f'W/"{__version__}-{changelog.rev(tx, caller)}-{caller.id[-12:]}{later}"'
        if known is not None and _matches(known, tag):
            return tag, None
        return tag, fn(tx)

    tag, found = await http.read(call.ctx, turn, quick=quick)
    headers = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, Cookie",
    }
    if found is None:
        return Response(status_code=304, headers=headers)
    return _page(call, found, headers)


def _page(call: Call, found: bytes | Page, headers: dict[str, str]) -> Response:
    if isinstance(found, Page):
        if found.next is not None:
            url = call.request.url.include_query_params(cursor=found.next)
            headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        found = found.body
    return http.Json(found, headers=headers)


def _matches(known: str, tag: str) -> bool:
    opaque = tag.removeprefix("W/")
    return any(t.strip().removeprefix("W/") in (opaque, "*") for t in known.split(","))


class _Resource:
    """All methods of one path."""

    def __init__(self, ctx: Context, path: str, endpoints: Sequence[Endpoint]) -> None:
        self.ctx = ctx
        self.path = path
        self._by_method = {
            e.method: http.guarded(
                partial(run, e, ctx), STATUSES, problem, watch=http.Watch(ctx, "native", e.name)
            )
            for e in endpoints
        }
        if "GET" in self._by_method:
            self._by_method.setdefault("HEAD", self._by_method["GET"])
        self._allow = ", ".join(sorted({*self._by_method, "OPTIONS"}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._by_method.get(scope["method"])
        if handler is not None:
            response = await handler(Request(scope, receive, send))
        elif scope["method"] == "OPTIONS":
            response = Response(status_code=204, headers={"Allow": self._allow})
        else:
            body = Problem("urn:diurnal:error:no-method", TITLES[405], 405, f"use {self._allow}")
            response = Response(
                wire.encode(body), 405, {"Allow": self._allow}, "application/problem+json"
            )
        await response(scope, receive, send)


class _Nowhere:
    """Answers paths that are not there."""

    found: ClassVar[Response] = problem(NotFound("there is nothing here"), 404, NotFound.code)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.found(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})


def application(ctx: Context, endpoints: Sequence[Endpoint]) -> ASGIApp:
    """Make the application that serves `endpoints`."""
    by_path: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, []).append(endpoint)
    resources = {path: _Resource(ctx, path, some) for path, some in by_path.items()}
    return _Application(resources)


class _Application:
    """Finds the resource: most paths have no parts that vary, and a look-up finds them."""

    def __init__(self, resources: Mapping[str, _Resource]) -> None:
        self._fixed = {path: r for path, r in resources.items() if "{" not in path}
        routes = [Route(path, resource) for path, resource in resources.items()]
        self._router = Router(routes, redirect_slashes=False, default=_Nowhere())
        self._cors = _cors(self._routed)

    # Neither is a coroutine of its own: every request comes by here.
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and http.header(scope, b"origin") is None:
            return self._find(scope)(scope, receive, send)
        return self._cors(scope, receive, send)

    def _routed(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        app = self._find(scope) if scope["type"] == "http" else self._router
        return app(scope, receive, send)

    def _find(self, scope: Scope) -> ASGIApp:
        known = self._fixed.get(scope["path"].removeprefix(scope["root_path"]))
        return known or self._router


def _cors(app: ASGIApp) -> ASGIApp:
    # Pages elsewhere may call with a token of their own; cookies they cannot send.
    return CORSMiddleware(
        app,
        allow_origins=["*"],
        allow_methods=["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "If-None-Match",
            "If-Range",
            "Range",
            "Upload-Offset",
        ],
        expose_headers=[
            "ETag",
            "Idempotent-Replayed",
            "Link",
            "RateLimit",
            "RateLimit-Policy",
            "Retry-After",
            "Upload-Offset",
        ],
        max_age=3600,
    )
