"""Exist: one value per attribute and day, versions 1 and 2 of its API, and its OAuth."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects import App, Dialect
from diurnal.dialects.exist import endpoints, shapes
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
from diurnal.http import Json, oauth
from diurnal.services.context import Context

# Exist's Python library knows 400, 401, 403, 404, 429, 500 and 502 and dies at any other number:
# what is too large or clashes is a bad request, and "not now" is a 502.
STATUSES: dict[type[AppError], tuple[int, str]] = {
    InvalidInput: (400, "validation"),
    Conflict: (400, "exists"),
    TooLarge: (400, "validation"),
    Unauthenticated: (401, "unauthorised"),
    Forbidden: (403, "not_allowed"),
    NotFound: (404, "not_found"),
    TooMany: (429, "rate_limited"),
    Upstream: (502, "upstream"),
    Unavailable: (502, "unavailable"),
    AppError: (500, "error"),
}


def render(error: AppError, status: int, _id: str) -> Response:
    """Return an error as `{"detail": …}`; the ids are those of items in lists of writes."""
    detail = error.message
    headers = {}
    if isinstance(error, Unauthenticated):
        detail = "Invalid token"
        headers["WWW-Authenticate"] = 'Bearer realm="exist", Token realm="exist"'
    elif isinstance(error, NotFound) and not isinstance(error, shapes.InvalidPage):
        detail = "Not found."
    return Json(msgspec.json.encode({"detail": detail}), status, headers)


def app(ctx: Context) -> App:
    """Return the application that is mounted at `/exist`."""

    async def missing(_request: Request) -> Response:
        raise NotFound

    paths = {
        path: http.guarded(
            handler, STATUSES, render, watch=http.Watch(ctx, "exist", endpoints.ACTIONS[path])
        )
        for path, handler in endpoints.handlers(ctx).items()
    }
    paths |= endpoints.oauth_handlers(ctx)
    return http.router(paths, http.guarded(missing, STATUSES, render))


DIALECT = Dialect(
    name="exist",
    title="Exist",
    prefix="/exist",
    statuses=STATUSES,
    app=app,
    routes=(*endpoints.ROUTES, *oauth.routes(endpoints.FACE)),
)
