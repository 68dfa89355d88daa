"""The Personal API: resources, one token in the address, JSON or XML."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects import App, Dialect
from diurnal.dialects.personal import endpoints, pages, wire
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
from diurnal.services.context import Context

STATUSES: dict[type[AppError], tuple[int, str]] = {
    InvalidInput: (400, "Bad Request"),
    Conflict: (400, "Bad Request"),
    TooLarge: (400, "Bad Request"),
    Unauthenticated: (401, "Unauthorized"),
    Forbidden: (401, "Unauthorized"),
    NotFound: (404, "Not Found"),
    TooMany: (429, "Too Many Requests"),
    Upstream: (502, "Bad Gateway"),
    Unavailable: (503, "Service Unavailable"),
    AppError: (500, "Internal Server Error"),
}


def app(ctx: Context) -> App:
    """Return the application that is mounted at `/personal`."""

    def guarded(handler: http.Handler, action: str) -> http.Handler:
        watch = http.Watch(ctx, "personal", action)

        async def answer(request: Request) -> Response:
            def render(error: AppError, status: int, _id: str) -> Response:
                return wire.status(status, endpoints.words(error), endpoints.form(request))

            return await http.guarded(handler, STATUSES, render, watch=watch)(request)

        return answer

    async def missing(_request: Request) -> Response:
        raise NotFound

    found = {
        path: guarded(handler, endpoints.ACTIONS[path])
        for path, handler in endpoints.handlers(ctx).items()
    }
    found |= pages.handlers(ctx)
    return http.router(found, guarded(missing, "unknown"))


DIALECT = Dialect(
    name="personal",
    title="Personal API",
    prefix="/personal",
    statuses=STATUSES,
    app=app,
    routes=(*endpoints.ROUTES, *pages.ROUTES),
)
