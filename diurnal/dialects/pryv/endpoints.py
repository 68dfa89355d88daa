"""Pryv over HTTP: paths, credentials and the envelope; what is done stands in `methods`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from diurnal import http
from diurnal.dialects.pryv import attachments, checks, words
from diurnal.dialects.pryv.checks import Params
from diurnal.dialects.pryv.methods import BATCH, METHODS, Call, call_batch, calling
from diurnal.dialects.pryv.methods.calling import run
from diurnal.errors import AppError, NotFound, Unauthenticated
from diurnal.http import Handler, Json
from diurnal.model.events import seconds
from diurnal.services import accounts
from diurnal.services.context import Context

API = "pryv"
API_VERSION = "1.9.3"
SERIAL = "2026112101"
"""Of the service information: clients that keep it look again when it changes."""
JSON_BYTES_MAX = 10 << 20
EVENT_TYPES = "https://pryv.github.io/event-types/flat.json"
REFERENCE = "https://api.pryv.com/reference/"
CORS_AGE_S = 31_536_000
_ACCESS = "diurnal.pryv.access"
"""Where a request's scope holds the id of the access that called."""


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
    "/{username}/account": {"GET": "account.get", "PUT": "account.update"},
    "/{username}/account/change-password": {"POST": "account.changePassword"},
}
"""What each method of HTTP does at a path, in the words of Pryv's own methods."""
_OPEN = ("/", "/reg/service/info", "/{username}", "/{username}/service/info")
ROUTES = (
    *(f"GET {path}" for path in _OPEN),
    "POST /{username}",
    *(f"{verb} {path}" for path, ids in BY_PATH.items() for verb in ids),
)


def app(ctx: Context) -> ASGIApp:
    """Return the application that is mounted at `/pryv`."""

    def guarded(handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            return Response() if request.method == "OPTIONS" else await handler(request)

        def render(error: AppError, status: int, id_: str) -> Response:
            return answer(ctx, {"error": words.describe(error, id_)}, status)

        watch = http.Watch(ctx, API, "unknown")
        return http.guarded(handle, words.STATUSES, render, watch=watch)

    async def missing(_request: Request) -> Response:
        raise NotFound("Unknown resource.")

    paths = {
        "/": _greeting(ctx),
        "/reg/service/info": _service_info(ctx),
        "/{username}": _home(ctx),
        "/{username}/service/info": _service_info(ctx),
        **{path: _methods(ctx, ids) for path, ids in BY_PATH.items()},
    }
    router = http.router({p: guarded(h) for p, h in paths.items()}, guarded(missing))
    return _Headers(router, ctx)


def _greeting(ctx: Context) -> Handler:
    async def greet(request: Request) -> Response:
        _verb(request, "GET")
        await _account(ctx, request)
        return answer(ctx, {"cheersFrom": "Pryv API", "learnMoreAt": REFERENCE})

    return greet


def _service_info(ctx: Context) -> Handler:
    async def tell(request: Request) -> Response:
        _verb(request, "GET")
        await _account(ctx, request)
        origin = http.base_url(request, None)
        base = base_of(request)
        info = {
            "register": f"{base}/reg/",
            "access": f"{base}/reg/access/",
            "api": f"{base}/{{username}}/",
            "name": "Diurnal",
            "home": f"{origin}/",
            "support": f"{origin}/",
            "terms": f"{origin}/",
            "eventTypes": EVENT_TYPES,
            "serial": SERIAL,
            "version": API_VERSION,
            "features": {"noHF": True},
        }
        return answer(ctx, info)

    return tell


def _methods(ctx: Context, ids: Mapping[str, str]) -> Handler:
    """Return the handler of a path; `ids` has the method of the API for each of HTTP."""

    async def handle(request: Request) -> Response:
        id_ = ids[_verb(request, *ids)]
        http.doing.name(id_)
        if id_ == "events.getAttachment":
            return await _file(ctx, request)
        call = await _caller(ctx, request)
        if id_ == "events.addAttachment":
            return answer(ctx, await attachments.add(ctx, call, request))
        if id_ == "events.create" and attachments.is_multipart(request):
            return answer(ctx, await attachments.create(ctx, call, request), 201)
        method = METHODS[id_]
        given = await _params(request)
        asked = method.take(given, ctx.now())
        return answer(ctx, await run(ctx, method, call, asked), method.status)

    return handle


async def _file(ctx: Context, request: Request) -> Response:
    """Send a file to whoever has a token in the header, or a read token of that file."""
    read_token = request.query_params.get("readToken")
    if read_token is None or request.headers.get("authorization"):
        call = await _caller(ctx, request, header_only=True)
    else:
        account_id = await _account(ctx, request)
        file_id = request.path_params["fileId"]
        call = await attachments.by_read_token(ctx, account_id or 0, read_token, file_id)
        await http.doing.resolved(call.access)
    return await attachments.get(ctx, call, request)


async def _params(request: Request) -> Params:
    """Return what a call is given, in URL and body, as a socket would have it."""
    path = {k: v for k, v in request.path_params.items() if k in ("id", "fileId")}
    if request.method in ("POST", "PUT"):
        given = checks.params_of(checks.parse(await _body(request)))
        if request.method == "PUT":
            return {**path, "update": given}
        return given
    return checks.from_url(request.query_params.multi_items()) | path


def _home(ctx: Context) -> Handler:
    """Return what answers at an account's own address: the greeting, and batches."""
    greet = _greeting(ctx)

    async def handle(request: Request) -> Response:
        if _verb(request, "GET", "POST") == "GET":
            return await greet(request)
        http.doing.name(BATCH)
        call = await _caller(ctx, request)
        calls = calling.read_batch(checks.parse(await _body(request)))
        return answer(ctx, {"results": await call_batch(ctx, call, calls)})

    return handle


def _verb(request: Request, *known: str) -> str:
    """Return the HTTP method, HEAD as GET.

    Raises:
        NotFound: the path does not have it.
    """
    verb = "GET" if request.method == "HEAD" else request.method
    if verb not in known:
        raise NotFound("Unknown resource.")
    return verb


async def _body(request: Request) -> bytes:
    """Return a JSON body; old clients send it without naming its type.

    Raises:
        BadContentType: it is said to be something else.
    """
    type_ = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if type_ not in ("", "application/json", "text/plain"):
        raise checks.BadContentType(f'Bodies of type "{type_}" are not served.')
    return await http.body(request, JSON_BYTES_MAX)


async def _account(ctx: Context, request: Request) -> int | None:
    """Return the account that the path names, None where it names none.

    Raises:
        NotFound: nobody has this name.
    """
    username = request.path_params.get("username")
    if username is None:
        return None
    unknown = NotFound(f'Unknown user "{username}"')
    if not accounts.USERNAME.fullmatch(username):
        raise unknown
    try:
        account = await http.read(ctx, lambda tx: accounts.find(tx, username), quick=True)
    except NotFound:
        raise unknown from None
    return account.account_id


async def _caller(ctx: Context, request: Request, *, header_only: bool = False) -> Call:
    """Return who calls, by a token of any of our APIs.

    Raises:
        NotFound: nobody has the name in the path.
        Unauthenticated: no token (Pryv's 401), or one that opens nothing (its 403).
        AccessExpired: the access is past its time.
    """
    account_id = await _account(ctx, request)
    token, in_url = _token(request)
    if token is None or (in_url and header_only):
        raise Unauthenticated("The access token is missing.", missing=True)
    unknown = words.UnknownToken("Cannot find access from token.")
    try:
        access = await http.resolve(ctx, token, account_id=account_id)
    except Unauthenticated as error:
        if error.expired:
            raise words.AccessExpired("Access has expired.") from None
        raise unknown from None
    # A token in a URL ends up in logs and histories: only Pryv's own are taken from there.
    if in_url and access.api != API:
        raise unknown
    request.scope[_ACCESS] = access.id
    return Call(access, token, base_of(request), http.address(request))


def base_of(request: Request) -> str:
    """Return the address of the API as the client reached it, no slash at the end."""
    return f"{http.base_url(request, None)}{request.scope.get('root_path', '')}"


def _token(request: Request) -> tuple[str | None, bool]:
    """Return the token and whether it stood in the URL; a header wins.

    The header is `T`, `T callerId`, `Bearer T`, or Basic with the token as the user's name.
    """
    given = request.headers.get("authorization", "").strip()
    scheme, _, rest = given.partition(" ")
    if scheme.lower() == "bearer" and rest:
        return rest.split()[0], False
    if scheme.lower() == "basic" and rest:
        return _of_basic(rest), False
    if given:
        return scheme, False
    return request.query_params.get("auth") or None, True


def _of_basic(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def answer(ctx: Context, result: Mapping[str, Any], status: int = 200) -> Response:
    """Return a result with `meta` beside it."""
    meta = {"apiVersion": API_VERSION, "serverTime": seconds(ctx.now()), "serial": SERIAL}
    return Json(msgspec.json.encode({**result, "meta": meta}), status)


class _Headers:
    """Adds the headers that every answer of Pryv's API carries."""

    def __init__(self, router: ASGIApp, ctx: Context) -> None:
        self._router = router
        self._ctx = ctx

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with headers added."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._of(scope)]
            await send(message)

        await self._router(scope, receive, sending if scope["type"] == "http" else send)

    def _of(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        asked = dict(scope["headers"])
        added = [
            (b"api-version", API_VERSION.encode()),
            # 2.0 sends it no more; older clients set their clocks by it.
            (b"server-time", str(seconds(self._ctx.now())).encode()),
            # No cookie opens anything here, so any page may call.
            (b"access-control-allow-origin", asked.get(b"origin", b"*")),
            (
                b"access-control-allow-methods",
                asked.get(b"access-control-request-method", b"POST, GET, PUT, DELETE, OPTIONS"),
            ),
            (
                b"access-control-allow-headers",
                asked.get(b"access-control-request-headers", b"Authorization, Content-Type"),
            ),
            (b"access-control-expose-headers", b"API-Version"),
            (b"access-control-max-age", str(CORS_AGE_S).encode()),
            (b"access-control-allow-credentials", b"true"),
            (b"vary", b"Origin"),
        ]
        access = scope.get(_ACCESS)
        return added if access is None else [*added, (b"pryv-access-id", access.encode())]
