"""The API over HTTP: paths, methods, headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from diurnal import http
from diurnal.dialects.pryv0 import admin, checks, files, registration, wire, words
from diurnal.dialects.pryv0.calling import METHODS, run
from diurnal.dialects.pryv0.table import API
from diurnal.errors import AppError, NotFound
from diurnal.http import Handler
from diurnal.http import files as file_bodies
from diurnal.model.events import seconds
from diurnal.services.context import Context

Asked = Callable[[Context, Request], Awaitable[Response]]

CORS_AGE_S = 31_536_000
_CHANNELS = {"GET": "channels.get", "POST": "channels.create"}
_CHANNEL = {"PUT": "channels.update", "DELETE": "channels.delete"}
_TOKENS = {"GET": "tokens.get", "POST": "tokens.create"}
_TOKEN = {"PUT": "tokens.update", "DELETE": "tokens.delete"}
_USER = "/{username}"

BY_PATH: Mapping[str, Mapping[str, str]] = {
    f"{_USER}/admin/logout": {"POST": "admin.logout"},
    f"{_USER}/admin/who-am-i": {"GET": "admin.whoAmI"},
    f"{_USER}/admin/get-my-token": {"POST": "admin.getMyToken"},
    f"{_USER}/admin/get-app-token": {"POST": "admin.getMyToken"},
    f"{_USER}/admin/user-info": {"GET": "admin.getUserInfo", "PUT": "admin.updateUserInfo"},
    f"{_USER}/admin/change-password": {"POST": "admin.changePassword"},
    f"{_USER}/admin/channels": _CHANNELS,
    f"{_USER}/admin/channels/{{id}}": _CHANNEL,
    f"{_USER}/admin/tokens": _TOKENS,
    f"{_USER}/admin/tokens/{{id}}": _TOKEN,
    f"{_USER}/admin/accesses/check-app": {"POST": "tokens.checkApp"},
    f"{_USER}/admin/accesses": _TOKENS,
    f"{_USER}/admin/accesses/{{id}}": _TOKEN,
    f"{_USER}/admin/bookmarks": {"GET": "bookmarks.get", "POST": "bookmarks.create"},
    f"{_USER}/admin/bookmarks/{{id}}": {"PUT": "bookmarks.update", "DELETE": "bookmarks.delete"},
    f"{_USER}/profile/public": {"GET": "profile.getPublic", "PUT": "profile.updatePublic"},
    f"{_USER}/profile/private": {"GET": "profile.getPrivate", "PUT": "profile.updatePrivate"},
    f"{_USER}/profile/app": {"GET": "profile.getApp", "PUT": "profile.updateApp"},
    f"{_USER}/access-info": {"GET": "tokens.info"},
    f"{_USER}/accesses": _TOKENS,
    f"{_USER}/accesses/{{id}}": _TOKEN,
    f"{_USER}/channels": _CHANNELS,
    f"{_USER}/channels/{{id}}": _CHANNEL,
    f"{_USER}/{{channelId}}/folders": {"GET": "folders.get", "POST": "folders.create"},
    f"{_USER}/{{channelId}}/folders/{{id}}": {"PUT": "folders.update", "DELETE": "folders.delete"},
    f"{_USER}/{{channelId}}/events": {"GET": "events.get", "POST": "events.create"},
    f"{_USER}/{{channelId}}/events/start": {"POST": "events.start"},
    f"{_USER}/{{channelId}}/events/stop": {"POST": "events.stop"},
    f"{_USER}/{{channelId}}/events/batch": {"POST": "events.createBatch"},
    f"{_USER}/{{channelId}}/events/running": {"GET": "events.getRunning"},
    f"{_USER}/{{channelId}}/events/{{id}}": {
        "PUT": "events.update",
        "DELETE": "events.delete",
        "POST": "events.addFiles",
    },
    f"{_USER}/{{channelId}}/events/{{id}}/{{fileName:path}}": {
        "GET": "events.getFile",
        "DELETE": "events.deleteAttachedFile",
    },
}
"""What each method of HTTP does at a path, in the words that sockets call it by."""
OPEN = {
    "/reg/init": ("POST", registration.init),
    "/reg/access": ("POST", registration.ask),
    "/reg/access/{key}": ("GET", registration.poll),
    "/reg/{name}/check": ("GET", registration.check),
}
BOTH = {"/reg/{name}/server": registration.server, "/reg/{name}/confirm": registration.confirm}
ROUTES = (
    f"GET {_USER}",
    f"POST {_USER}/admin/login",
    *(f"{verb} {path}" for path, (verb, _) in OPEN.items()),
    *(f"{verb} {path}" for path in BOTH for verb in ("GET", "POST")),
    *(f"{verb} {path}" for path, ids in BY_PATH.items() for verb in ids),
)


def app(ctx: Context) -> ASGIApp:
    """Return the application that is mounted at `/pryv0` and `/pryv04`."""

    def guarded(handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            if request.method == "OPTIONS":
                return Response()
            try:
                return await handler(request)
            except AppError as error:
                # The renderer knows no request, and the version is in its path.
                if not hasattr(error, "later"):
                    error.later = wire.version_of(request.scope).later  # type: ignore[attr-defined]
                raise

        def render(error: AppError, status: int, id_: str) -> Response:
            slugs = bool(getattr(error, "later", False))
            return wire.json_answer(words.describe(error, id_, slugs=slugs), status)

        return http.guarded(handle, words.STATUSES, render, watch=http.Watch(ctx, API, "unknown"))

    async def missing(_request: Request) -> Response:
        raise NotFound("There is nothing here.")

    opened = {**OPEN, **{p: (None, h) for p, h in BOTH.items()}}
    paths: dict[str, Handler] = {
        **{path: _open(ctx, path, verb, handler) for path, (verb, handler) in opened.items()},
        _USER: _greet(ctx),
        f"{_USER}/admin/login": _login(ctx),
        **{path: _methods(ctx, ids) for path, ids in BY_PATH.items()},
    }
    router = http.router({p: guarded(h) for p, h in paths.items()}, guarded(missing))
    return _Headers(router, ctx)


def _open(ctx: Context, path: str, verb: str | None, handler: Asked) -> Handler:
    async def handle(request: Request) -> Response:
        http.doing.name(f"reg.{path.rpartition('/')[2].strip('{}')}")
        given = await wire.verb_of(request)
        if given not in ((verb,) if verb else ("GET", "POST")):
            raise NotFound("There is nothing here.")
        return await handler(ctx, request)

    return handle


def _greet(ctx: Context) -> Handler:
    async def handle(request: Request) -> Response:
        http.doing.name("greet")
        if await wire.verb_of(request) != "GET":
            raise NotFound("There is nothing here.")
        await wire.caller(ctx, request)
        return wire.json_answer({})

    return handle


def _login(ctx: Context) -> Handler:
    async def handle(request: Request) -> Response:
        http.doing.name("admin.login")
        if await wire.verb_of(request) != "POST":
            raise NotFound("There is nothing here.")
        username = request.path_params["username"]
        await wire.look_up(ctx, username)
        given = checks.params_of(await wire.body_of(request))
        address, device = http.address(request), request.headers.get("user-agent", "")
        access, told = await http.blocking(
            lambda: admin.login(ctx, username, given, address, device)
        )
        http.doing.done_by(access)
        return wire.json_answer(told)

    return handle


def _methods(ctx: Context, ids: Mapping[str, str]) -> Handler:
    async def handle(request: Request) -> Response:
        verb = await wire.verb_of(request)
        if verb not in ids:
            raise NotFound("There is nothing here.")
        id_ = ids[verb]
        http.doing.name(id_)
        call = await wire.caller(ctx, request)
        if id_ == "events.getFile":
            return await files.send(ctx, call, request)
        if id_ == "events.addFiles":
            return wire.json_answer(await files.add(ctx, call, request))
        if id_ == "events.create" and file_bodies.is_multipart(request):
            return wire.json_answer(await files.create(ctx, call, request), 201)
        method = METHODS[id_]
        params = await wire.params_of(request, verb, listed=id_ == "events.createBatch")
        return wire.json_answer(await run(ctx, method, call, params), method.status)

    return handle


class _Headers:
    """Adds the headers that every answer of the API carries."""

    def __init__(self, router: ASGIApp, ctx: Context) -> None:
        self._router = router
        self._ctx = ctx

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with headers added."""
        if scope["type"] == "http":
            send = http.adding(send, lambda: self._of(scope))
        await self._router(scope, receive, send)

    def _of(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        asked = dict(scope["headers"])
        version = wire.version_of(scope)
        return [
            (b"api-version", version.number.encode()),
            (b"server-time", str(seconds(self._ctx.now())).encode()),
            # No cookie opens anything here, so any page may call.
            (b"access-control-allow-origin", asked.get(b"origin", b"*")),
            (b"access-control-allow-methods", b"POST, GET, PUT, DELETE, OPTIONS"),
            (b"access-control-allow-headers", b"Authorization, Content-Type"),
            (b"access-control-expose-headers", b"API-Version, Server-Time"),
            (b"access-control-max-age", str(CORS_AGE_S).encode()),
            (b"access-control-allow-credentials", b"true"),
            (b"vary", b"Origin"),
        ]
