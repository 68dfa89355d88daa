"""Pryv over HTTP: paths, credentials and the envelope; what is done stands in `methods`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from diurnal import http
from diurnal.dialects.pryv import (
    attachments,
    checks,
    door,
    registration,
    requests,
    service,
    shapes,
    wire,
    words,
)
from diurnal.dialects.pryv.checks import Params
from diurnal.dialects.pryv.methods import BATCH, METHODS, call_batch, calling
from diurnal.dialects.pryv.methods.calling import run
from diurnal.dialects.pryv.service import API_VERSION as API_VERSION
from diurnal.dialects.pryv.service import SERIAL as SERIAL
from diurnal.errors import AppError, NotFound
from diurnal.http import Handler
from diurnal.http import files as file_bodies
from diurnal.model.events import seconds
from diurnal.services import events
from diurnal.services.context import Context

REFERENCE = "https://api.pryv.com/reference/"
CORS_AGE_S = 31_536_000

BY_PATH: Mapping[str, Mapping[str, str]] = {
    "/{username}/access-info": {"GET": "getAccessInfo"},
    "/{username}/events": {"GET": "events.get", "POST": "events.create"},
    "/{username}/events/start": {"POST": "events.start"},
    "/{username}/events/stop": {"POST": "events.stop"},
    "/{username}/events/{id}": {
        "GET": "events.getOne",
        "PUT": "events.update",
        "DELETE": "events.delete",
        "POST": "events.addAttachment",
    },
    "/{username}/events/{id}/{fileId}": {
        "GET": "events.getAttachment",
        "DELETE": "events.deleteAttachment",
    },
    "/{username}/events/{id}/{fileId}/{fileName:path}": {"GET": "events.getAttachment"},
    "/{username}/streams": {"GET": "streams.get", "POST": "streams.create"},
    "/{username}/streams/{id}": {"PUT": "streams.update", "DELETE": "streams.delete"},
    "/{username}/accesses": {"GET": "accesses.get", "POST": "accesses.create"},
    "/{username}/accesses/check-app": {"POST": "accesses.checkApp"},
    "/{username}/accesses/{id}": {
        "GET": "accesses.getOne",
        "PUT": "accesses.update",
        "DELETE": "accesses.delete",
    },
    "/{username}/followed-slices": {"GET": "followedSlices.get", "POST": "followedSlices.create"},
    "/{username}/followed-slices/{id}": {
        "PUT": "followedSlices.update",
        "DELETE": "followedSlices.delete",
    },
    "/{username}/profile/public": {"GET": "profile.getPublic", "PUT": "profile.updatePublic"},
    "/{username}/profile/private": {"GET": "profile.getPrivate", "PUT": "profile.updatePrivate"},
    "/{username}/profile/app": {"GET": "profile.getApp", "PUT": "profile.updateApp"},
    "/{username}/webhooks": {"GET": "webhooks.get", "POST": "webhooks.create"},
    "/{username}/webhooks/{id}": {
        "GET": "webhooks.getOne",
        "PUT": "webhooks.update",
        "DELETE": "webhooks.delete",
    },
    "/{username}/webhooks/{id}/test": {"POST": "webhooks.test"},
    "/{username}/audit/logs": {"GET": "auditLogs.get"},
    "/{username}/account": {"GET": "account.get", "PUT": "account.update"},
    "/{username}/account/change-password": {"POST": "account.changePassword"},
}
"""What each method of HTTP does at a path, in the words of Pryv's own methods."""
OFTEN = ("/{username}/events", "/{username}/streams")
Step = Callable[[Context, Request], Awaitable[Response]]


async def _greet(ctx: Context, request: Request) -> Response:
    await wire.account_of(ctx, request)
    return wire.answer(ctx, {"cheersFrom": "Pryv API", "learnMoreAt": REFERENCE})


async def _tell_service(ctx: Context, request: Request) -> Response:
    await wire.account_of(ctx, request)
    return wire.answer(ctx, service.info(wire.base_of(request), http.base_url(request, None)))


async def _batch(ctx: Context, request: Request) -> Response:
    http.doing.name(BATCH)
    call = await wire.caller(ctx, request)
    await door.prolong(ctx, call.access)
    calls = calling.read_batch(checks.parse(await wire.body(request)))
    return wire.answer(ctx, {"results": await call_batch(ctx, call, calls)})


async def _asset(ctx: Context, request: Request, name: str) -> Response:
    return service.asset(name, wire.base_of(request))


async def _types(_ctx: Context, request: Request) -> Response:
    return await service.types(request)


# Loads numpy: not before somebody has series.
async def _series(ctx: Context, request: Request) -> Response:
    from diurnal.dialects.pryv import hf

    return await (hf.write if request.method == "POST" else hf.read)(ctx, request)


async def _series_batch(ctx: Context, request: Request) -> Response:
    from diurnal.dialects.pryv import hf

    return await hf.write_batch(ctx, request)


DOORS: Mapping[str, Mapping[str, tuple[str, Step]]] = {
    "/": {"GET": ("greet", _greet)},
    "/service/info": {"GET": ("service.info", _tell_service)},
    "/reg/service/info": {"GET": ("service.info", _tell_service)},
    "/reg/service/infos": {"GET": ("service.info", _tell_service)},
    "/event-types/flat.json": {"GET": ("service.eventTypes", _types)},
    **{
        f"/assets/{name}": {"GET": ("service.asset", partial(_asset, name=name))}
        for name in service.ASSETS
    },
    "/auth": {"GET": ("auth.page", requests.page)},
    "/auth/done": {"GET": ("auth.done", requests.done)},
    "/users": {"POST": ("auth.register", registration.register)},
    "/users/{username}": {"DELETE": ("auth.delete", registration.delete_user)},
    "/reg/users": {"POST": ("auth.register", registration.register)},
    "/reg/user": {"POST": ("auth.register", registration.register_old)},
    "/reg/hostings": {"GET": ("reg.hostings", registration.hostings)},
    "/reg/cores": {"GET": ("reg.cores", registration.cores)},
    "/reg/apps": {"GET": ("reg.apps", registration.apps)},
    "/reg/apps/{name}": {"GET": ("reg.app", registration.app)},
    "/reg/access": {"POST": ("reg.access", requests.start)},
    "/reg/access/invitationtoken/check": {
        "POST": ("reg.invitation", registration.check_invitation)
    },
    "/reg/access/{key}": {
        "GET": ("reg.poll", requests.poll),
        "POST": ("reg.answer", requests.answer),
    },
    "/reg/{name}/check_username": {"GET": ("reg.checkUsername", registration.check_username)},
    "/reg/{name}/check_email": {"GET": ("reg.checkEmail", registration.check_email)},
    "/reg/{name}/server": {
        "GET": ("reg.server", registration.server),
        "POST": ("reg.server", registration.server),
    },
    "/reg/{name}/uid": {"GET": ("reg.uid", registration.by_email)},
    "/reg/{name}/username": {"GET": ("reg.username", registration.by_email)},
    "/{username}": {"GET": ("greet", _greet), "POST": (BATCH, _batch)},
    "/{username}/events/{id}/series": {
        "GET": ("series.get", _series),
        "POST": ("series.add", _series),
    },
    "/{username}/series/batch": {"POST": ("series.batch", _series_batch)},
    "/{username}/service/info": {"GET": ("service.info", _tell_service)},
    "/{username}/auth/login": {"POST": ("auth.login", door.login)},
    "/{username}/auth/logout": {"POST": ("auth.logout", door.logout)},
    "/{username}/auth/who-am-i": {"GET": ("auth.whoAmI", door.who_am_i)},
    "/{username}/account/request-password-reset": {
        "POST": ("account.requestPasswordReset", door.request_reset)
    },
    "/{username}/account/reset-password": {"POST": ("account.resetPassword", door.reset)},
    "/{username}/mfa/activate": {"POST": ("mfa.activate", door.activate)},
    "/{username}/mfa/confirm": {"POST": ("mfa.confirm", door.confirm)},
    "/{username}/mfa/challenge": {"POST": ("mfa.challenge", door.challenge)},
    "/{username}/mfa/verify": {"POST": ("mfa.verify", door.verify)},
    "/{username}/mfa/deactivate": {"POST": ("mfa.deactivate", door.deactivate)},
    "/{username}/mfa/recover": {"POST": ("mfa.recover", door.recover)},
}
"""What is no method of the table: HTTP alone has it. Path -> method of HTTP -> (action, step)."""
ROUTES = (
    *(f"{verb} {path}" for path, steps in DOORS.items() for verb in steps),
    *(f"{verb} {path}" for path, ids in BY_PATH.items() for verb in ids),
)


def app(ctx: Context) -> ASGIApp:
    """Return the application that is mounted at `/pryv`."""

    def guarded(handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            method = request.scope["method"]
            if method == "OPTIONS":
                return Response()
            if method == "POST" and wire.is_form(request):
                request = await wire.unfolded(request)
            return await handler(request)

        def render(error: AppError, status: int, id_: str) -> Response:
            return wire.answer(ctx, words.whole(error, id_), status)

        watch = http.Watch(ctx, wire.API, "unknown")
        return http.guarded(handle, words.STATUSES, render, watch=watch)

    async def missing(_request: Request) -> Response:
        raise NotFound("Unknown resource.")

    paths = {
        # What is called most is looked for first.
        **{path: _methods(ctx, BY_PATH[path]) for path in OFTEN},
        **{path: _door(ctx, steps) for path, steps in DOORS.items()},
        **{path: _methods(ctx, ids) for path, ids in BY_PATH.items()},
    }
    router = http.router({p: guarded(h) for p, h in paths.items()}, guarded(missing))
    return _Headers(router, ctx)


def _door(ctx: Context, steps: Mapping[str, tuple[str, Step]]) -> Handler:
    async def handle(request: Request) -> Response:
        action, step = steps[_verb(request, *steps)]
        http.doing.name(action)
        return await step(ctx, request)

    return handle


def _methods(ctx: Context, ids: Mapping[str, str]) -> Handler:
    """Return the handler of a path; `ids` has the method of the API for each of HTTP."""

    async def handle(request: Request) -> Response:
        id_ = ids[_verb(request, *ids)]
        http.doing.name(id_)
        if id_ == "events.getAttachment":
            return await _file(ctx, request)
        call = await wire.caller(ctx, request)
        await door.prolong(ctx, call.access)
        if id_ == "events.addAttachment":
            return wire.answer(ctx, await attachments.add(ctx, call, request))
        if id_ == "events.create" and file_bodies.is_multipart(request):
            return wire.answer(ctx, await attachments.create(ctx, call, request), 201)
        method = METHODS[id_]
        given = await _params(request)
        asked = method.take(given, ctx.now())
        if id_ == "events.create" and asked.new.id is None:
            # Fifty small writes of one access cost little more than one of fifty.
            access = call.access
            made = await http.join(
                ctx,
                (wire.API, id(access)),  # while it waits, no other has its identity
                lambda tx, given: events.create_each(tx, ctx, access, given),
                asked.new,
            )
            return wire.answer(ctx, {"event": shapes.raw_found(made)}, 201)
        return wire.answer(ctx, await run(ctx, method, call, asked), method.status)

    return handle


async def _file(ctx: Context, request: Request) -> Response:
    """Send a file to whoever has a token in the header, or a read token of that file."""
    read_token = request.query_params.get("readToken")
    if read_token is None or request.headers.get("authorization"):
        call = await wire.caller(ctx, request, header_only=True)
    else:
        account_id = await wire.account_of(ctx, request)
        file_id = request.path_params["fileId"]
        call = await attachments.by_read_token(ctx, account_id or 0, read_token, file_id)
        waits = http.doing.resolved(call.access)
        if waits is not None:
            await waits
    return await attachments.get(ctx, call, request)


async def _params(request: Request) -> Params:
    """Return what a call is given, in URL and body, as a socket would have it."""
    path = {k: v for k, v in request.path_params.items() if k in ("id", "fileId")}
    method = request.scope["method"]
    if method in ("POST", "PUT"):
        raw = await wire.body(request)
        given = checks.params_of(checks.parse(raw)) if raw or not path else {}
        if method == "PUT":
            return {**path, "update": given}
        return {**given, **path}
    return checks.from_url(request.query_params.multi_items()) | path


def _verb(request: Request, *known: str) -> str:
    """Return the HTTP method, HEAD as GET.

    Raises:
        NotFound: the path does not have it.
    """
    method = request.scope["method"]
    verb = "GET" if method == "HEAD" else method
    if verb not in known:
        raise NotFound("Unknown resource.")
    return verb


_VERSION = (b"api-version", API_VERSION.encode())
_ALWAYS = (
    (b"access-control-expose-headers", b"API-Version"),
    (b"access-control-max-age", str(CORS_AGE_S).encode()),
    (b"access-control-allow-credentials", b"true"),
    (b"vary", b"Origin"),
)


def _asked(scope: Scope, name: bytes, otherwise: bytes) -> bytes:
    value = http.header(scope, name)
    return otherwise if value is None else value.encode("latin-1")


class _Headers:
    """Adds the headers that every answer of Pryv's API carries."""

    def __init__(self, router: ASGIApp, ctx: Context) -> None:
        self._router = router
        self._ctx = ctx

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with headers added."""
        if scope["type"] == "http":
            send = http.adding(send, lambda: self._of(scope))
        await self._router(scope, receive, send)

    def _of(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        added = [
            _VERSION,
            # 2.0 sends it no more; older clients set their clocks by it.
            (b"server-time", str(seconds(self._ctx.now())).encode()),
            # No cookie opens anything here, so any page may call.
            (b"access-control-allow-origin", _asked(scope, b"origin", b"*")),
            (
                b"access-control-allow-methods",
                _asked(scope, b"access-control-request-method", b"POST, GET, PUT, DELETE, OPTIONS"),
            ),
            (
                b"access-control-allow-headers",
                _asked(scope, b"access-control-request-headers", b"Authorization, Content-Type"),
            ),
            *_ALWAYS,
        ]
        access = scope.get(wire.ACCESS)
        return added if access is None else [*added, (b"pryv-access-id", access.encode())]
