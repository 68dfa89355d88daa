"""OAuth at the edge: the endpoints of a door, made from its `Face`.

A dialect mounts its door in a few lines; paths are those of the face:

    from diurnal.auth.oauth2.face import Face
    from diurnal.http import oauth

    FACE = Face(name="exist", api="exist", clients=("exist",), prefix="/oauth2",
                token="/access_token", token_s=31_535_999, refresh_s=None, hex_tokens=True,
                tolerant=True, iss=False, revoke=None, introspect=None, userinfo=None, keys=None,
                default_scopes=("read",))
    paths = oauth.endpoints(ctx, FACE)

`paths` (here `/oauth2/authorize`, `/oauth2/access_token`) go into the dialect's own `http.router`,
with and without a last slash, below the prefix it is mounted at; `routes(FACE)` into
`Dialect.routes`. The face is named like the dialect, for the audit and the limits. The browser is
led to our own sign-in and consent pages and comes back to the application from there. Tokens are
accesses: `access.client_id`, `access.scopes` (the dialect's names) and `access.permissions`; the
dialect checks as for every other access. `metadata` and `protected_resource` are what belongs
under `/.well-known/`; see `Dialect.well_known`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.auth.oauth2.face import Face
from diurnal.errors import (
    AppError,
    Forbidden,
    InvalidInput,
    NotFound,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from diurnal.http.issuers import ANYWHERE, NO_STORE, json_of
from diurnal.http.issuers import issuer as issuer
from diurnal.http.issuers import metadata as metadata
from diurnal.http.issuers import protected_resource as protected_resource
from diurnal.services.context import Context

STATUSES: Mapping[type[AppError], tuple[int, str]] = {
    InvalidInput: (400, "invalid_request"),
    Unauthenticated: (401, "invalid_token"),
    Forbidden: (403, "insufficient_scope"),
    NotFound: (404, "not_found"),
    TooLarge: (413, "invalid_request"),
    TooMany: (429, "slow_down"),
    Unavailable: (503, "temporarily_unavailable"),
    AppError: (500, "server_error"),
}
Endpoint = Callable[[Request], Awaitable[Response]]


def endpoints(ctx: Context, face: Face) -> dict[str, http.Handler]:
    """Return the endpoints of a door by path below the dialect's mount."""
    return {
        face.prefix + path: http.guarded(
            _endpoint(ctx, face, name),
            STATUSES,
            render,
            watch=http.Watch(ctx, face.name, f"oauth.{name}"),
        )
        for name, path, _ in _offered(face)
    }


def routes(face: Face) -> tuple[str, ...]:
    """Return every "METHOD /path" of a door, for `Dialect.routes`."""
    return tuple(
        f"{method} {face.prefix}{path}" for _, path, methods in _offered(face) for method in methods
    )


def _offered(face: Face) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return (name, path, methods) of the endpoints that a door has."""
    both, post = ("GET", "POST"), ("POST",)
    known = (
        ("authorize", face.authorize, both),
        ("token", face.token, post),
        ("revoke", face.revoke, post),
        ("introspect", face.introspect, post),
        ("userinfo", face.userinfo, both),
        ("keys", face.keys, ("GET",)),
        ("device", face.device, post),
        ("register", face.register, post),
        ("logout", face.logout, both),
    )
    return [(name, path, methods) for name, path, methods in known if path is not None]


def render(error: AppError, status: int, id_: str) -> Response:
    """Render an error as OAuth has it."""
    headers = {**NO_STORE, **ANYWHERE}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="diurnal"' + (
            "" if error.missing else ', error="invalid_token"'
        )
    return json_of({"error": id_, "error_description": error.message}, status, headers)


def _endpoint(ctx: Context, face: Face, name: str) -> Endpoint:
    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            headers = {
                **ANYWHERE,
                "Access-Control-Allow-Methods": "GET, POST",
                "Access-Control-Allow-Headers": "Authorization, Content-Type",
                "Access-Control-Max-Age": "3600",
            }
            return Response(status_code=204, headers=headers)
        # The rules of OAuth take 12 MB with what they need: for those who have applications.
        from diurnal.http.door import Door, WrongMethod

        try:
            return await getattr(Door(ctx, face), name)(request)  # type: ignore[no-any-return]
        except WrongMethod as wrong:
            told = {"error": "invalid_request", "error_description": f"use {wrong.allow}"}
            return json_of(told, 405, {"Allow": wrong.allow, **NO_STORE})

    return answer
