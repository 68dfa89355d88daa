"""Who calls, and from where: tokens, sessions, addresses."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Awaitable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from diurnal.errors import Forbidden, NotFound, Unauthenticated
from diurnal.http import doing
from diurnal.http.messages import header
from diurnal.http.places import HOSTED, base_url
from diurnal.http.running import read
from diurnal.model.access import Access
from diurnal.services import accounts, authentication, legacy, sessions
from diurnal.services.context import Context

COOKIE = "diurnal_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


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
    asked = {base + path, base + scope.get(HOSTED, "") + path}
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
