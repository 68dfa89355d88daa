"""Server-rendered pages that need no JavaScript: first run, sign-in, a plain overview."""

from __future__ import annotations

import zoneinfo
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from diurnal import http
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
)
from diurnal.model.access import Access
from diurnal.model.time import day_text, to_datetime
from diurnal.services import accesses, accounts, days, demo, first_run, sessions, sign_in_links
from diurnal.services.context import Context
from diurnal.store.accounts import Account
from diurnal.store.database import Tx, WriteTx
from diurnal.web import static_app

FORM_BYTES_MAX = 16 << 10
FIELDS_MAX = 20

STATUSES: Mapping[type[AppError], tuple[int, str]] = {
    InvalidInput: (400, "This cannot be right"),
    Unauthenticated: (401, "Not signed in"),
    Forbidden: (403, "Not allowed"),
    NotFound: (404, "Not found"),
    Conflict: (409, "That clashes"),
    TooLarge: (413, "Too large"),
    TooMany: (429, "Too many attempts"),
    Unavailable: (503, "Not now"),
    AppError: (500, "Our fault"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: browsers would then send forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HERE = Path(__file__).parent
_STATIC = {
    "tokens.css": "text/css; charset=utf-8",
    "pages.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

Page = Callable[[Context, Request], Awaitable[Response]]


def app(ctx: Context) -> ASGIApp:
    """Make the application that serves our own pages at the root."""
    pages: dict[str, dict[str, Page]] = {
        **{path: {"GET": the_app} for path in static_app.PAGES},
        "/plain": {"GET": home},
        **{path: {"GET": app_file} for path in static_app.FILES},
        "/setup": {"GET": setup, "POST": set_up},
        "/sign-in": {"GET": sign_in_page, "POST": sign_in},
        "/sign-in/once": {"GET": sign_in_once},
        "/sign-out": {"POST": sign_out},
        "/static/{name}": {"GET": static},
    }
    routes = [Route(path, _Resource(ctx, by_method)) for path, by_method in pages.items()]
    return Router(routes, redirect_slashes=False, default=_Resource(ctx, {"GET": nowhere}))


class _Resource:
    """All methods of one page."""

    def __init__(self, ctx: Context, by_method: Mapping[str, Page]) -> None:
        self.ctx = ctx
        self._by_method = dict(by_method)
        if "GET" in by_method:
            self._by_method["HEAD"] = by_method["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        page = self._by_method.get(scope["method"])
        if page is None:
            allow = {"Allow": ", ".join(sorted(self._by_method))}
            await Response(status_code=405, headers=allow)(scope, receive, send)
            return

        async def handle(request: Request) -> Response:
            http.refuse_foreign(request)
            return await page(self.ctx, request)

        request = Request(scope, receive, send)
        response = await http.guarded(handle, STATUSES, problem)(request)
        await response(scope, receive, send)


async def nowhere(_ctx: Context, _request: Request) -> Response:
    """Answer an address that is not there."""
    raise NotFound("There is no such page.")


async def the_app(ctx: Context, request: Request) -> Response:
    """Send the web app, or lead to where one comes in."""
    if await _signed_in(ctx, request) is not None:
        return static_app.page(request)
    if await http.read(ctx, first_run.needed, quick=True):
        return _go("/setup")
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return _go("/sign-in" if asked == "/" else f"/sign-in?next={quote(asked, safe='')}")


async def app_file(_ctx: Context, request: Request) -> Response:
    """Send a file of the web app."""
    return static_app.file(request)


async def home(ctx: Context, request: Request) -> Response:
    """Show the overview without JavaScript, or lead to where one comes in."""
    caller = await _signed_in(ctx, request)
    if caller is None:
        empty = await http.read(ctx, first_run.needed, quick=True)
        return _go("/setup" if empty else "/sign-in")

    def look(tx: Tx) -> tuple[Account, Mapping[str, tuple[int, int]]]:
        return accounts.find(tx, caller.username), days.extent(tx, ctx, caller)

    account, extent = await http.read(ctx, look)
    known = {"account": account, "measures": len(extent), "until": _until(account, caller)}
    if extent:
        known["first"] = day_text(min(span[0] for span in extent.values()))
        known["last"] = day_text(max(span[1] for span in extent.values()))
    return _html("home.html", known)


def _until(account: Account, caller: Access) -> str:
    if caller.expires is None:
        return "it is revoked"
    at = to_datetime(caller.expires, account.timezone or "UTC")
    return f"{at.day} {at:%B %Y}"


async def setup(ctx: Context, request: Request) -> Response:
    """Show the form for the first account."""
    if not await http.read(ctx, first_run.needed, quick=True):
        return _go("/sign-in")
    return _setup_form(http.from_here(ctx, request), {}, None)


def _setup_form(local: bool, form: Mapping[str, str], problem: AppError | None) -> Response:
    known = {"local": local, "form": form, "problem": problem, "zones": _zones()}
    return _html("setup.html", known, _status(problem), http.retry_headers(problem))


async def set_up(ctx: Context, request: Request) -> Response:
    """Make the first account and sign in to it."""
    form = await _form(request)
    local = http.from_here(ctx, request)
    name = form.get("username", "").strip()
    try:
        await http.blocking(
            lambda: first_run.create(
                ctx,
                username=name,
                password=form.get("password", ""),
                timezone=form.get("timezone") or None,
                code=form.get("code"),
                local=local,
                address=http.address(request),
            )
        )
    except Conflict:
        return _go("/sign-in")
    except (InvalidInput, Forbidden, TooMany) as error:
        return _setup_form(local, form, error)
    if form.get("begin") == "demo":
        await http.write(ctx, lambda tx: _load_demo(tx, ctx, name))
    return await _come_in(ctx, request, name, form.get("password", ""), "/")


def _load_demo(tx: WriteTx, ctx: Context, name: str) -> None:
    made = accounts.find(tx, name)
    demo.start(tx, ctx, accesses.personal(made.account_id, made.username))


async def sign_in_page(ctx: Context, request: Request) -> Response:
    """Show the form to sign in."""
    if await http.read(ctx, first_run.needed, quick=True):
        return _go("/setup")
    return _sign_in_form({}, None, _inside(request.query_params.get("next", "/")))


def _sign_in_form(form: Mapping[str, str], problem: AppError | None, next_: str) -> Response:
    known = {"form": form, "problem": problem, "next": next_}
    return _html("sign_in.html", known, _status(problem), http.retry_headers(problem))


async def sign_in(ctx: Context, request: Request) -> Response:
    """Sign in and go on to where one wanted to be."""
    form = await _form(request)
    next_ = _inside(form.get("next", "/"))
    try:
        return await _come_in(ctx, request, form.get("name", ""), form.get("password", ""), next_)
    except (Unauthenticated, TooMany) as error:
        return _sign_in_form(form, error, next_)


async def _come_in(
    ctx: Context, request: Request, name: str, password: str, next_: str
) -> Response:
    _, token = await http.blocking(
        lambda: sessions.sign_in(
            ctx,
            name=name,
            password=password,
            address=http.address(request),
            device=request.headers.get("user-agent", ""),
        )
    )
    response = _go(next_)
    http.keep_session(request, response, token)
    return response


async def sign_in_once(ctx: Context, request: Request) -> Response:
    """Sign in by the link that a command printed."""
    # What only looks at a link must not use it up.
    if request.method != "GET":
        return Response(status_code=204, headers=_HEADERS)
    local = http.from_here(ctx, request)
    _, token = await http.blocking(
        lambda: sign_in_links.redeem(
            ctx,
            request.query_params.get("token", ""),
            local=local,
            device=request.headers.get("user-agent", ""),
        )
    )
    response = _go("/")
    http.keep_session(request, response, token)
    return response


async def sign_out(ctx: Context, request: Request) -> Response:
    """Revoke the session and go to the sign-in page."""
    caller = await _signed_in(ctx, request)
    if caller is not None:
        await http.write(ctx, lambda tx: accesses.revoke(tx, ctx, caller, caller.id))
    response = _go("/sign-in")
    http.drop_session(request, response)
    return response


async def static(_ctx: Context, request: Request) -> Response:
    """Send a style sheet or the icon."""
    name = request.path_params["name"]
    if name not in _STATIC:
        raise NotFound("There is no such file.")
    headers = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(_file(name), headers={**headers, "Content-Type": _STATIC[name]})


def problem(error: AppError, status: int, title: str) -> Response:
    """Render an error as a page."""
    return _html("problem.html", {"problem": error, "title": title}, status)


async def _signed_in(ctx: Context, request: Request) -> Access | None:
    token = request.cookies.get(http.COOKIE)
    if token is None:
        return None
    try:
        caller = await http.resolve(ctx, token)
    except Unauthenticated:
        return None
    return caller if caller.owner else None


async def _form(request: Request) -> dict[str, str]:
    raw = await http.body(request, FORM_BYTES_MAX)
    try:
        pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        raise InvalidInput("The form has too many fields.") from None
    if any("\0" in text for pair in pairs for text in pair):
        raise InvalidInput("The form has a NUL character.")
    return dict(pairs)


def _inside(path: str) -> str:
    """Return a path of our own; anything that could lead elsewhere becomes the start."""
    parts = urlsplit(path)
    plain = path.startswith("/") and not path.startswith(("//", "/\\"))
    if not plain or parts.scheme or parts.netloc or not path.isprintable() or "\\" in path:
        return "/"
    return path


def _go(path: str) -> Response:
    # 303: what was posted is not posted again.
    return RedirectResponse(path, 303, _HEADERS)


def _status(problem: AppError | None) -> int:
    return 200 if problem is None else http.status_of(problem, STATUSES)[0]


def _html(
    name: str,
    known: Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    text = _templates().get_template(name).render(known)
    return HTMLResponse(text, status, {**_HEADERS, **(headers or {})})


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _file(name: str) -> bytes:
    return (_HERE / "static" / name).read_bytes()


@cache
def _zones() -> tuple[str, ...]:
    left_out = ("Etc/", "SystemV/", "US/", "posix", "right")
    known = zoneinfo.available_timezones()
    return ("UTC", *sorted(z for z in known if "/" in z and not z.startswith(left_out)))
