"""OAuth 2.0 and OpenID Connect for applications of our own API and for assistants."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.auth.oauth2.face import CODE, DEVICE, REFRESH, Face
from diurnal.dialects import App, Dialect
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
from diurnal.http import oauth
from diurnal.services.context import Context

PREFIX = "/oauth2"
FACE = Face(
    name="oauth2",
    api="native",
    clients=("native", "mcp"),
    device="/device_authorization",
    register="/register",
    logout="/logout",
    grants=(CODE, REFRESH, DEVICE),
)
STATUSES: Mapping[type[AppError], tuple[int, str]] = {
    **oauth.STATUSES,
    InvalidInput: (400, "invalid_request"),
    Conflict: (409, "invalid_request"),
    Unauthenticated: (401, "invalid_token"),
    Forbidden: (403, "insufficient_scope"),
    NotFound: (404, "not_found"),
    TooLarge: (413, "invalid_request"),
    TooMany: (429, "slow_down"),
    Upstream: (502, "temporarily_unavailable"),
    Unavailable: (503, "temporarily_unavailable"),
}


def app(ctx: Context) -> App:
    """Return the application that is mounted at `/oauth2`."""

    async def missing(_request: Request) -> Response:
        raise NotFound("there is nothing here")

    return http.router(oauth.endpoints(ctx, FACE), http.guarded(missing, STATUSES, oauth.render))


def well_known(ctx: Context) -> Mapping[str, http.Handler]:
    """Return what tells where the endpoints are."""

    async def tell(request: Request) -> Response:
        return oauth.metadata(ctx, FACE, request, PREFIX)

    handler = http.guarded(tell, STATUSES, oauth.render)
    return {"/oauth-authorization-server": handler, "/openid-configuration": handler}


DIALECT = Dialect(
    name="oauth2",
    title="OAuth 2.0 and OpenID Connect",
    prefix=PREFIX,
    statuses=STATUSES,
    app=app,
    routes=oauth.routes(FACE),
    well_known=well_known,
)
