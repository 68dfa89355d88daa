"""What HTTP edges share: bounded bodies, credentials, errors in the dialect's words, reads."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import time
from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Hashable,
    Iterable,
    Mapping,
    MutableMapping,
)
from functools import lru_cache, partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from diurnal.errors import (
    AppError,
    Forbidden,
    NotFound,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from diurnal.http import doing as doing
from diurnal.http import metrics
from diurnal.http.doing import Watch as Watch
from diurnal.model.access import Access
from diurnal.services import accounts, authentication, legacy, sessions
from diurnal.services.context import Context
from diurnal.store.database import Joined, Tx, WriteTx

log = structlog.get_logger(__name__)

A = TypeVar("A")
T = TypeVar("T")
Statuses = Mapping[type[AppError], tuple[int, str]]
Render = Callable[[AppError, int, str], Response]
Handler = Callable[[Request], Awaitable[Response]]

COOKIE = "diurnal_session"
_HEADERS = "diurnal.headers"
"""Where a request's scope holds its headers by name, once somebody asked for one."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


_NO_SNIFF = (b"x-content-type-options", b"nosniff")
_COMMON = [_NO_SNIFF, (b"referrer-policy", b"no-referrer")]
"""What every answer carries, where it does not say otherwise; JSON leads nowhere, so the first."""
_COMMON_NAMES = frozenset(name for name, _ in _COMMON)
NOT_STORED = (b"cache-control", b"no-store")


class Json(Response):
    """A JSON answer whose bytes are ready."""

    media_type = "application/json"

    def __init__(
        self,
        content: bytes = b"",
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        also: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        """Set all at once, without a look at what else an answer may be.

        Args:
            also: headers as they go over the wire.
        """
        self.status_code = status_code
        self.background = None
        self.body = content
        self.raw_headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(content)),
            _NO_SNIFF,
            *also,
        ]
        if headers:
            for name, value in headers.items():
                self.raw_headers.append((_wire_name(name), value.encode("latin-1")))


@lru_cache(maxsize=256)
def _wire_name(name: str) -> bytes:
    return name.lower().encode("latin-1")


def header(scope: Scope, name: bytes) -> str | None:
    """Return a request header, the first of that name; `name` in lower case."""
    known = scope.get(_HEADERS)
    if known is None:
        known = scope[_HEADERS] = dict(scope["headers"][::-1])
    value: bytes | None = known.get(name)
    return None if value is None else value.decode("latin-1")


def put_headers(scope: Scope, headers: list[tuple[bytes, bytes]]) -> None:
    """Give a request other headers."""
    scope["headers"] = headers
    scope.pop(_HEADERS, None)


async def body(request: Request, limit: int) -> bytes:
    """Return the whole body.

    Raises:
        TooLarge: past `limit` bytes; the rest is not read.
    """
    told = header(request.scope, b"content-length")
    if told is not None and told.isdigit() and int(told) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
    return b"".join(parts)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"a body has at most {limit} bytes", limit=limit)


async def read(ctx: Context, fn: Callable[[Tx], T], *, quick: bool = False) -> T:
    """Run a read use case: quick indexed ones on the loop where the engine allows it."""
    fn = doing.telling(fn)
    if quick and ctx.store.inline_reads:
        return ctx.store.read(fn)
    return await ctx.store.reads(fn)


async def write(ctx: Context, fn: Callable[[WriteTx], T]) -> T:
    """Run a write use case; ends when it is durable."""
    turn, one = doing.noting(ctx, fn)
    result = await ctx.store.submit(turn)
    if one is not None:
        one.recorded = True
    return result


_TURNS = anyio.CapacityLimiter(4)


def join(ctx: Context, key: tuple[Hashable, ...], fn: Joined[A, T], item: A) -> Awaitable[T]:
    """Run a small write together with others of its kind that wait; ends when it is durable."""
    one = doing.current()
    if one is None or one.account_id is None:
        return ctx.store.join(key, fn, item)
    noting = partial(doing.note_each, ctx, fn, one.account_id)
    return ctx.store.join((*key, "noted"), noting, (item, one))


async def blocking(fn: Callable[[], T]) -> T:
    """Run what computes or waits long (a password hash, a large body) off the loop.

    Few at a time: each password hash takes 64 MB, and so a flood of guesses passes the count of
    failures by no more than this.
    """
    return await anyio.to_thread.run_sync(fn, limiter=_TURNS)


def bearer(request: Request) -> str | None:
    """Return the token of an `Authorization: Bearer` header."""
    scheme, _, token = (header(request.scope, b"authorization") or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def basic(request: Request) -> tuple[str, str] | None:
    """Return (user, password) of an `Authorization: Basic` header."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    return basic_of(scheme, rest)


def basic_of(scheme: str, rest: str) -> tuple[str, str] | None:
    """Return (user, password) of the two parts of an `Authorization: Basic` header."""
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user, password


async def came_by(ctx: Context, account_id: int, way: str) -> bool:
    """Return whether an account lets a legacy way in, and count its use if so."""
    let_in = await read(ctx, lambda tx: legacy.allowed(tx, ctx, account_id, way), quick=True)
    if let_in:
        legacy.used(ctx, account_id, way)
    return let_in


async def resolve(
    ctx: Context, token: str, *, account_id: int | None = None, anywhere: bool = False
) -> Access:
    """Return the access that a token opens.

    Args:
        account_id: whose it must be, for tokens that do not carry their account.
        anywhere: take a token that was made for another address of this server, too.

    Raises:
        Unauthenticated: it opens nothing, or nothing here.
    """
    try:
        known = authentication.remembered(ctx, token)
        if known is None or account_id not in (None, known.account_id):
            seen = ctx.store.meta_commits
            known = await read(
                ctx,
                lambda tx: authentication.resolve(tx, ctx, token, account_id=account_id, seen=seen),
                quick=True,
            )
    except Unauthenticated as error:
        if error.access is not None:
            doing.done_by(error.access)
        raise
    let_in = _let_in(ctx, known, anywhere=anywhere)
    return let_in if isinstance(let_in, Access) else await let_in


def _let_in(ctx: Context, known: Access, *, anywhere: bool) -> Access | Awaitable[Access]:
    """Return whose token it is, once its call is counted; at once where nothing waits.

    Raises:
        Unauthenticated: it is for another address.
    """
    if known.resource is not None and not anywhere and not _is_at(ctx, known.resource):
        doing.done_by(known)
        raise Unauthenticated("this token is for another address", access=known)
    waits = doing.resolved(known)
    return known if waits is None else _after(waits, known)


async def _after(waits: Awaitable[None], known: Access) -> Access:
    await waits
    return known


def _is_at(ctx: Context, resource: str) -> bool:
    """Return whether the running request goes to a resource (RFC 8707), or below it."""
    scope = doing.request_scope()
    if scope is None:
        return False
    base = base_url(Request(scope), ctx.settings.public_url)
    path: str = scope["path"]
    # At a host name of its own an API is also what it is at the server's.
    asked = {base + path, base + scope.get(_HOSTED, "") + path}
    whole = resource.rstrip("/")
    return any(url == whole or url.startswith(f"{whole}/") for url in asked)


def caller(ctx: Context, request: Request) -> Access | Awaitable[Access]:
    """Return who calls: by bearer token, else by the session cookie of our own pages.

    At once where the token was checked a moment ago; most requests are of these.

    Raises:
        Unauthenticated: neither, or it opens nothing.
        Forbidden: a cookie on a writing request that another site made.
    """
    token = bearer(request)
    if token is None:
        token = request.cookies.get(COOKIE)
        if token is None:
            raise Unauthenticated("a token or a session is needed", missing=True)
        refuse_foreign(request)
    try:
        known = authentication.remembered(ctx, token)
    except Unauthenticated:
        known = None  # `resolve` says so again, and whose it is
    return resolve(ctx, token) if known is None else _let_in(ctx, known, anywhere=False)


async def account_named(ctx: Context, username: str) -> int | None:
    """Return the account with this name, None where nobody has it."""
    if not accounts.USERNAME.fullmatch(username):
        return None
    try:
        return (await read(ctx, lambda tx: accounts.find(tx, username), quick=True)).account_id
    except NotFound:
        return None


async def signed_in(ctx: Context, request: Request) -> Access | None:
    """Return the owner whose session a browser shows, None for nobody's."""
    token = request.cookies.get(COOKIE)
    if token is None:
        return None
    try:
        caller = await resolve(ctx, token)
    except Unauthenticated:
        return None
    return caller if caller.owner else None


def refuse_foreign(request: Request) -> None:
    """Refuse a writing request with a cookie that does not come from our own pages.

    `Sec-Fetch-Site` where the browser sends it, else `Origin`; a client that sends neither
    cannot have been lured by a page.

    Raises:
        Forbidden: it comes from elsewhere.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign:
        raise Forbidden("this request comes from another site")


def keep_session(request: Request, response: Response, token: str) -> None:
    """Set the session cookie; over plain HTTP it cannot be marked Secure."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=sessions.LASTS_US // 1_000_000,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def drop_session(request: Request, response: Response) -> None:
    """Take the session cookie back."""
    response.delete_cookie(
        COOKIE, httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )


def address(request: Request) -> str:
    """Return the client's address, as trusted proxies tell it."""
    client = request.scope.get("client")
    return client[0] if client else ""


def from_here(ctx: Context, request: Request) -> bool:
    """Return whether a request surely comes from this machine.

    A proxy on this machine that does not say for whom it asks looks like a client here; so
    nothing may hint at other machines: not what we listen on, nor the name asked for.
    """
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname
    hints = {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"}
    return (
        ctx.settings.public_url is None
        and not hints & set(request.headers)
        and all(_loopback(name) for name in (address(request), ctx.settings.host, host or ""))
    )


def _loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def status_of(error: AppError, statuses: Statuses) -> tuple[int, str]:
    """Return the row of the nearest class that has one."""
    for kind in type(error).__mro__:
        if kind in statuses:
            return statuses[kind]
    return statuses[AppError]


def retry_headers(error: AppError | None) -> dict[str, str]:
    """Return `Retry-After` where the error says when."""
    if isinstance(error, TooMany | Unavailable):
        return {"Retry-After": str(error.retry_after_s)}
    return {}


def guarded(
    handler: Handler, statuses: Statuses, render: Render, *, watch: Watch | None = None
) -> Handler:
    """Answer the errors of `handler` in the dialect's words; a bug without details.

    Args:
        watch: which door and what is done there: it is then audited and limited in its rate.
    """

    def refused(error: AppError) -> Response:
        status, id_ = status_of(error, statuses)
        response = render(error, status, id_)
        response.headers.update(retry_headers(error))
        return response

    def failed() -> tuple[AppError, Response]:
        bug = AppError("something went wrong on our side")
        return bug, render(bug, *statuses[AppError])

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except AppError as error:
            return refused(error)
        except ClientDisconnect:
            raise
        except Exception:
            log.exception("request failed", path=request.url.path, method=request.method)
            return failed()[1]

    if watch is None:
        return answer

    async def watched(request: Request) -> Response:
        where = address(request)
        begun = doing.begin(watch, where, request.scope)
        started = time.perf_counter()
        error: AppError | None = None
        try:
            try:
                waits = watch.limits.by_address(where)
                if waits is not None:
                    await waits
                response = await handler(request)
            except AppError as raised:
                error, response = raised, refused(raised)
            except ClientDisconnect:
                raise
            except Exception:
                log.exception("request failed", path=request.url.path, method=request.method)
                error, response = failed()
        except BaseException:
            await doing.finish(watch.ctx, doing.end(begun), AppError("cut off"))
            raise
        metrics.count(watch.door, response.status_code, time.perf_counter() - started)
        done = doing.end(begun)
        if error is not None or not done.recorded:
            await doing.finish(watch.ctx, done, error)
        if done.limited:
            response.raw_headers.extend(done.limited)
        return response

    return watched


def router(paths: Mapping[str, Handler], otherwise: Handler) -> Router:
    """Return a router that takes each path with and without a last slash, by any method.

    Args:
        otherwise: answers what no path matches, so that a dialect's 404 is in its own words.
    """
    # No methods named: Starlette's own answer to another method would be plain text.
    routes = [
        Route(spelling, _Answering(handler), methods=[])
        for path, handler in paths.items()
        for spelling in dict.fromkeys((path, path.rstrip("/") + "/"))
    ]
    return _Router(routes, otherwise)


class _Answering:
    """A handler as an application, without what Starlette wraps around a function's."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._handler(Request(scope, receive, send))
        await response(scope, receive, send)


class _Router(Router):
    def __init__(self, routes: list[Route], otherwise: Handler) -> None:
        super().__init__(routes, redirect_slashes=False)
        self._otherwise = _Answering(otherwise)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        # As servers do with what is no UTF-8: PostgreSQL takes no NUL, not even to look for it.
        if "\0" in scope["path"]:
            scope["path"] = scope["path"].replace("\0", "\ufffd")
        return super().__call__(scope, receive, send)

    async def not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `Router.not_found`."""
        if scope["type"] != "http":
            await super().not_found(scope, receive, send)
            return
        await self._otherwise(scope, receive, send)


def base_url(request: Request, settings_url: str | None) -> str:
    """Return scheme and host under which the client reached us, no slash at the end.

    Of an account's own host name the one above it.
    """
    scope = request.scope
    # Not of `request.url`: every call of some dialects asks, and making a URL costs a tenth of it.
    host = header(scope, b"host")
    if host is None:
        host = "localhost"
    user = scope.get(_USER_HOST)
    if user is not None:
        host = host[len(user) + 1 :]
    return settings_url or f"{scope.get('scheme', 'http')}://{host}"


def mounted(scope: Scope, prefix: str) -> Scope:
    """Make the scope what an application mounted at `prefix` sees, and return it.

    ASGI keeps `path` whole; `root_path` says what of it is the mount.
    """
    scope["root_path"] = scope.get("root_path", "") + prefix
    return scope


def hosted(scope: Scope, prefix: str) -> Scope:
    """Return the scope of a request to the host name of what is mounted at `prefix`, too."""
    child: MutableMapping[str, Any] = dict(scope)
    child[_HOSTED] = prefix
    return child


def prefix_of(scope: Scope) -> str:
    """Return where what answers is mounted, also when it was called by its host name."""
    return str(scope.get(_HOSTED) or scope.get("root_path", ""))


_HOSTED = "diurnal.hosted"
_USER_HOST = "diurnal.user_host"


def of_user(scope: Scope, user: str) -> Scope:
    """Return the scope of a request to an account's own host name as that of the one above."""
    child: MutableMapping[str, Any] = dict(scope)
    path: str = scope["path"]
    if path != f"/{user}" and not path.startswith(f"/{user}/"):
        child["path"] = f"/{user}{path}"
        child["raw_path"] = child["path"].encode()
    child[_USER_HOST] = user
    return child


def adding(send: Send, headers: Callable[[], Iterable[tuple[bytes, bytes]]]) -> Send:
    """Return what sends an answer with more headers; they are asked for when it begins."""

    # Runs twice a request: no coroutine of its own.
    def sending(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *headers()]
        return send(message)

    return sending


def with_common(send: Send) -> Send:
    """Return what sends an answer with the headers that every answer carries."""

    # As above; and no set where none of these is named.
    def sending(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            if len(headers) < 3 or headers[2] is not _NO_SNIFF:  # as `Json` has it
                # ASGI has names in lower case.
                named = _COMMON_NAMES.intersection([name for name, _ in headers])
                more = [h for h in _COMMON if h[0] not in named] if named else _COMMON
                message["headers"] = [*headers, *more]
        return send(message)

    return sending
