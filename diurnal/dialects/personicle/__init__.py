"""Personicle: events and datastreams, with scopes that are the datastreams' names."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from diurnal import http
from diurnal.auth.oauth2.face import CODE, REFRESH, Face
from diurnal.dialects import App, Dialect
from diurnal.dialects.personicle import (
    connections,
    door,
    endpoints,
    healthkit,
    images,
    people,
    registration,
)
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
from diurnal.http import issuers, oauth
from diurnal.services.context import Context

STATUSES: dict[type[AppError], tuple[int, str]] = {
    InvalidInput: (422, "invalid"),
    door.NoSuch: (400, "missing"),
    door.WrongType: (415, "type"),
    Unauthenticated: (401, "unauthorized"),
    Forbidden: (403, "forbidden"),
    NotFound: (404, "missing"),
    Conflict: (400, "conflict"),
    TooLarge: (413, "large"),
    TooMany: (429, "slow"),
    Upstream: (502, "upstream"),
    Unavailable: (503, "unavailable"),
    AppError: (500, "error"),
}
_RENDERS: dict[str, http.Render] = {
    "event/upload": door.render_upload,
    "datastream/upload": door.render_upload,
    "event/delete": door.render_delete,
    "datastream/delete": door.render_delete,
    "account/delete": door.render_end,
    healthkit.PATH: healthkit.render,
}
"""Who words errors in a way of its own: the write service, by the end of the path, and others."""
FACE = Face(
    name="personicle",
    api="personicle",
    clients=("personicle",),
    issuer="/oauth2/{id}",
    prefix="/oauth2/{id}/v1",
    logout="/logout",
    response_types=("code", "token", "id_token", "id_token token"),
    grants=(CODE, REFRESH),
    token_s=3_600,
    refresh_s=None,
    idle_s=7 * 86_400,
    offline_only=True,
    iss=False,
    implicit_way="personicle.implicit",
    beyond="access_denied",
)
DISCOVERY = (
    "/oauth2/{id}/.well-known/openid-configuration",
    "/oauth2/{id}/.well-known/oauth-authorization-server",
)
ROUTES = (*endpoints.ROUTES, *people.ROUTES, *images.ROUTES, *connections.ROUTES, *healthkit.ROUTES)


def app(ctx: Context) -> App:
    """Return the application that is mounted at `/personicle`."""
    peoples = people.handlers(ctx)

    def guarded(handler: http.Handler, path: str) -> http.Handler:
        watch = http.Watch(ctx, "personicle", path.strip("/").replace("/", ".") or "greeting")
        render = people.render if path in peoples else _RENDERS.get(_end(path), door.render)
        return http.guarded(handler, STATUSES, render, watch=watch)

    async def missing(_request: Request) -> Response:
        raise NotFound

    own = {
        **endpoints.handlers(ctx),
        **peoples,
        **images.handlers(ctx),
        **connections.handlers(ctx),
        **healthkit.handlers(ctx),
    }
    found = {path: guarded(handler, path) for path, handler in own.items()}
    found |= registration.handlers(ctx)
    found |= oauth.endpoints(ctx, FACE)
    for path in DISCOVERY:
        found[path] = _discovery(ctx)
    return _AnyOrigin(http.router(found, guarded(missing, "unknown")))


def _end(path: str) -> str:
    return path.partition("/write/")[2] or path


def _discovery(ctx: Context) -> http.Handler:
    async def tell(request: Request) -> Response:
        return issuers.metadata(ctx, FACE, request)

    return tell


class _AnyOrigin:
    """Lets pages of every origin call: no cookie opens anything of the API here."""

    def __init__(self, router: ASGIApp) -> None:
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with headers added; answer preflights."""
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        asked = dict(scope["headers"])
        added = [
            (b"access-control-allow-origin", asked.get(b"origin", b"*")),
            (b"access-control-allow-methods", b"GET, POST, DELETE, OPTIONS"),
            (
                b"access-control-allow-headers",
                asked.get(b"access-control-request-headers", b"Authorization, Content-Type"),
            ),
            (b"vary", b"Origin"),
        ]
        if scope["method"] == "OPTIONS":
            await Response(headers={k.decode(): v.decode() for k, v in added})(scope, receive, send)
            return
        await self._router(scope, receive, http.adding(send, lambda: added))


DIALECT = Dialect(
    name="personicle",
    title="Personicle",
    prefix="/personicle",
    statuses=STATUSES,
    app=app,
    routes=(*ROUTES, *registration.ROUTES, *oauth.routes(FACE), *(f"GET {p}" for p in DISCOVERY)),
)
