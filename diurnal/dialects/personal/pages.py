"""The public front page, the pages of its owner, and the address that a cron job calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

import jinja2
import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from diurnal import http
from diurnal.dialects.personal import elements, resources
from diurnal.dialects.personal.elements import Unnumbered
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
from diurnal.http import Handler
from diurnal.model.access import Access
from diurnal.model.time import to_datetime
from diurnal.services import (
    accesses,
    accounts,
    audit,
    personal,
    profile,
    sessions,
    sign_in,
)
from diurnal.services.context import Context
from diurnal.store.accesses import Stored
from diurnal.store.accounts import Account
from diurnal.store.database import Tx, WriteTx

if TYPE_CHECKING:
    from diurnal.services.connection_views import Seen

FORM_BYTES_MAX = 16 << 10
FIELDS_MAX = 100
LOG_ROWS = (25, 50, 100, 200)
PERMISSIONS = {
    "0100": ("read",),
    "1100": ("create", "read"),
    "1110": ("create", "read", "update"),
    "1111": ("create", "read", "update", "delete"),
}
ORIGINAL = ("statuses", "places", "steps")
"""Modules that there were from the beginning: an update names them, connected or not."""
PAGES = (
    ("index.php", "Overview"),
    ("modules.php", "Modules"),
    ("tokens.php", "Tokens"),
    ("update.php", "Update"),
    ("user.php", "User"),
    ("log.php", "Log"),
    ("docs.php", "Docs"),
)
_OWN = ("index", "modules", "modules_save", "tokens", "update", "user", "log", "docs")
_POSTED = ("modules_save", "tokens", "update", "user")
ROUTES = (
    "GET /",
    "GET /index.php",
    "GET /update.php",
    "GET /admin",
    "GET /admin/login.php",
    "POST /admin/auth.php",
    "POST /admin/logout.php",
    *(f"GET /admin/{name}.php" for name in _OWN),
    *(f"POST /admin/{name}.php" for name in _POSTED),
)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

STATUSES: dict[type[AppError], tuple[int, str]] = {
    **dict.fromkeys(
        (InvalidInput, Conflict, Forbidden, NotFound, TooLarge, Unauthenticated), (400, "refused")
    ),
    TooMany: (429, "slow"),
    Upstream: (502, "upstream"),
    Unavailable: (503, "unavailable"),
    AppError: (500, "error"),
}

Page = Callable[[Context, Request, Access], Awaitable[Response]]


def handlers(ctx: Context) -> dict[str, Handler]:
    """Return the pages by path."""

    def watch(page: Callable[..., Awaitable[Response]]) -> http.Watch:
        return http.Watch(ctx, "page", f"personal.{page.__name__}")

    def public(page: Callable[[Context, Request], Awaitable[Response]]) -> Handler:
        async def answer(request: Request) -> Response:
            http.refuse_foreign(request)
            return await page(ctx, request)

        def told(error: AppError, status: int, _id: str) -> Response:
            return PlainTextResponse(error.message, status)

        return http.guarded(answer, STATUSES, told, watch=watch(page))

    def own(page: Page) -> Handler:
        async def answer(request: Request) -> Response:
            caller = await _owner(ctx, request)
            if caller is None:
                here = quote(request.url.path.rpartition("/")[2] or "index.php")
                return _go(request, f"/admin/login.php?redirect={here}")

            async def shown(request: Request) -> Response:
                http.doing.done_by(caller)
                http.refuse_foreign(request)
                return await page(ctx, request, caller)

            def told(error: AppError, status: int, _id: str) -> Response:
                known = {"title": "Not done", "here": "", "problem": error.message}
                return _admin(request, caller, "admin.html", known, status)

            return await http.guarded(shown, STATUSES, told, watch=watch(page))(request)

        return answer

    return {
        "/": public(front),
        "/index.php": public(front),
        "/update.php": public(cron),
        "/admin": own(index),
        "/admin/index.php": own(index),
        "/admin/login.php": public(login),
        "/admin/auth.php": public(auth),
        "/admin/logout.php": public(logout),
        "/admin/modules.php": own(modules),
        "/admin/modules_save.php": own(modules_save),
        "/admin/tokens.php": own(tokens),
        "/admin/update.php": own(update),
        "/admin/user.php": own(user),
        "/admin/log.php": own(log),
        "/admin/docs.php": own(docs),
    }


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _html(request: Request, name: str, known: Mapping[str, Any], status: int = 200) -> Response:
    root = request.scope.get("root_path", "")
    base = f"{http.base_url(request, None)}{root}"
    told = {"name": "Personal API", "root": root, "base": base, "problem": None, **known}
    return HTMLResponse(_templates().get_template(name).render(told), status, HEADERS)


def _admin(
    request: Request, caller: Access, name: str, known: Mapping[str, Any], status: int = 200
) -> Response:
    told = {"name": caller.username, "pages": PAGES, "done": None, **known}
    return _html(request, name, told, status)


def _go(request: Request, path: str) -> Response:
    return RedirectResponse(request.scope.get("root_path", "") + path, 303, HEADERS)


async def _owner(ctx: Context, request: Request) -> Access | None:
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
        return dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        raise InvalidInput("this is no form") from None


# For everybody


def _whose(tx: Tx, ctx: Context) -> Account | None:
    chosen = ctx.settings.dialects.get("personal")
    if chosen is not None and chosen.account:
        return accounts.find(tx, chosen.account)
    return accounts.first(tx)


async def front(ctx: Context, request: Request) -> Response:
    """Show whose API this is, and what of it is public."""
    account = await http.read(ctx, lambda tx: _whose(tx, ctx))
    if account is None:
        return PlainTextResponse("Personal API not yet installed.", 500)
    owner = accesses.personal(account.account_id, account.username)
    _, public = await http.write(ctx, lambda tx: personal.master_and_public(tx, ctx, owner))
    open_ = await http.read(ctx, lambda tx: _shown(tx, ctx, public))
    said = profile.of(account)
    private = said.private
    name = " ".join(n for n in (said.first_name, said.last_name) if n and not private)
    shown = {
        "name": name or account.username,
        "bio": None if private else said.bio,
        "token": personal.secret(ctx, public),
        "open": open_,
        "services": list(dict.fromkeys(r["service"] for r in open_ if r["service"])),
    }
    return _html(request, "front.html", shown)


def _shown(tx: Tx, ctx: Context, public: Stored) -> list[dict[str, Any]]:
    """Return the published resources, each with its newest element, or a made-up one."""
    state = ctx.state(tx, public.access.account_id)
    found = []
    for name in personal.published(state, public.access):
        resource = resources.find(state, name)
        if resource is None:
            continue
        try:
            newest = elements.listed(
                tx, ctx, public.access, resource, day=None, count=1, ascending=False
            )
        except Unnumbered:
            newest = []
        sample = newest[0] if newest else resource.sample
        found.append(
            {
                "name": name,
                "about": resource.about,
                "service": resource.service,
                "kind": "the newest is" if newest else "one might be",
                "sample": msgspec.json.format(msgspec.json.encode([sample]), indent=2).decode(),
            }
        )
    return found


async def cron(ctx: Context, request: Request) -> Response:
    """Have every source look for news, by the master token."""
    refused = PlainTextResponse("Update not authenticated.", 401)
    try:
        caller = await http.resolve(ctx, request.query_params.get("token", ""))
    except Unauthenticated:
        return refused
    if caller.api != personal.API or caller.name != personal.MASTER:
        return refused
    owner = accesses.personal(caller.account_id, caller.username)
    lines = await http.write(ctx, lambda tx: _look_now(tx, ctx, owner))
    return HTMLResponse("<br>\n".join(lines) + "\n", headers=HEADERS)


def _look_now(tx: WriteTx, ctx: Context, owner: Access) -> list[str]:
    """Have the connections of each module fetch now; return what became of it, in lines."""
    from diurnal.services import connection_views, connections

    lines = ["Updating..."]
    there = [c for c in connection_views.listed(tx, ctx, owner) if c.pull]
    for resource in resources.STANDARD.values():
        mine = [c for c in there if c.connector in resource.connectors]
        label = resource.name.capitalize()
        if not mine and resource.name not in ORIGINAL:
            continue
        lines.append(f"Updating {label}... ")
        if not mine:
            lines.append(f"Can't update {label}: Module credentials missing.")
        for connection in mine:
            try:
                connections.sync_now(tx, ctx, owner, connection.id)
            except AppError as error:
                lines.append(f"Can't update {label}: {error.message}")
    return [*lines, "Done."]


# Signing in


async def login(ctx: Context, request: Request) -> Response:
    """Ask who one is."""
    wanted = request.query_params.get("redirect", "index.php")
    return _html(request, "login.html", {"redirect": wanted, "ticket": None})


async def auth(ctx: Context, request: Request) -> Response:
    """Take name and password, or the code of the second factor, and open a session."""
    form = await _form(request)
    wanted = form.get("redirect", "index.php")
    to = wanted if wanted in dict(PAGES) else "index.php"
    address, device = http.address(request), request.headers.get("user-agent", "")

    def step() -> str | sign_in.Pending:
        if form.get("ticket"):
            proof: sign_in.Proof | sign_in.Pending = sign_in.finish(
                ctx, ticket=form["ticket"], code=form.get("code", ""), address=address
            )
        else:
            proof = sign_in.begin(
                ctx, name=form.get("user", ""), password=form.get("pass", ""), address=address
            )
        if isinstance(proof, sign_in.Pending):
            return proof
        return sessions.begin(ctx, proof, address=address, device=device)[1]

    try:
        found = await http.blocking(step)
    except (Unauthenticated, TooMany) as error:
        status = 429 if isinstance(error, TooMany) else 401
        known = {"redirect": to, "ticket": form.get("ticket"), "problem": error.message}
        return _html(request, "login.html", known, status)
    if isinstance(found, sign_in.Pending):
        return _html(request, "login.html", {"redirect": to, "ticket": found.ticket})
    await http.resolve(ctx, found)  # so that the audit knows whose it is
    response = _go(request, f"/admin/{to}")
    http.keep_session(request, response, found)
    return response


async def logout(ctx: Context, request: Request) -> Response:
    """End the session."""
    caller = await _owner(ctx, request)
    if caller is not None and request.method == "POST":
        await http.write(ctx, lambda tx: accesses.revoke(tx, ctx, caller, caller.id))
    response = _go(request, "/")
    if request.method == "POST":
        http.drop_session(request, response)
    return response


# The owner's pages


async def index(ctx: Context, request: Request, caller: Access) -> Response:
    """Show the tokens and what is published."""
    master, public = await http.write(ctx, lambda tx: personal.master_and_public(tx, ctx, caller))
    state = await http.read(ctx, lambda tx: ctx.state(tx, caller.account_id))
    shown = {
        "title": "Personal API",
        "here": "index.php",
        "public": personal.secret(ctx, public),
        "master": personal.secret(ctx, master),
        "uses": {"public": _uses(ctx, public), "master": _uses(ctx, master)},
        "open": personal.published(state, public.access),
    }
    return _admin(request, caller, "index.html", shown)


def _uses(ctx: Context, stored: Stored) -> int:
    pending = ctx.uses.get((stored.access.account_id, stored.access.id), 0)
    return stored.calls + pending


async def modules(ctx: Context, request: Request, caller: Access) -> Response:
    """Show the resources, who feeds them, and which are public."""
    return await _modules(ctx, request, caller, None)


async def _modules(ctx: Context, request: Request, caller: Access, done: str | None) -> Response:
    # Not at the start: it brings what is known of sources with it.
    from diurnal.services import connection_views

    _, public = await http.write(ctx, lambda tx: personal.master_and_public(tx, ctx, caller))

    def look(tx: Tx) -> list[dict[str, Any]]:
        state = ctx.state(tx, caller.account_id)
        open_ = personal.published(state, public.access)
        there = connection_views.listed(tx, ctx, caller)
        return [
            {
                "name": r.name,
                "about": r.about,
                "open": r.name in open_,
                "state": _fed(r, there),
            }
            for r in resources.every(state)
        ]

    shown = {
        "title": "Modules",
        "here": "modules.php",
        "resources": await http.read(ctx, look),
        "done": done,
    }
    return _admin(request, caller, "modules.html", shown)


def _fed(resource: resources.Resource, there: list[Seen]) -> str:
    mine = [c for c in there if c.connector in resource.connectors]
    if mine:
        return " ".join(f"{c.title}: {c.words}" for c in mine)
    return f"Not connected; {resource.service} could feed it." if resource.service else ""


async def modules_save(ctx: Context, request: Request, caller: Access) -> Response:
    """Publish what is ticked and nothing else, or make a resource."""
    if request.method != "POST":
        return _go(request, "/admin/modules.php")
    form = await _form(request)
    if "new" in form:
        columns = _columns(form.get("columns", ""))
        name = form["new"].strip()
        await http.write(ctx, lambda tx: personal.define(tx, ctx, caller, name, columns))
        return await _modules(ctx, request, caller, f"{name} is there.")

    def save(tx: WriteTx) -> None:
        state = ctx.state(tx, caller.account_id)
        every = [r.name for r in resources.every(state)]
        ticked = [name for name in every if form.get(f"publish_{name}")]
        personal.publish(tx, ctx, caller, [n for n in every if n not in ticked], take_back=True)
        personal.publish(tx, ctx, caller, ticked)

    await http.write(ctx, save)
    return await _modules(ctx, request, caller, "Saved.")


def _columns(text: str) -> dict[str, str]:
    columns = {}
    for part in text.split(","):
        words = part.split()
        if len(words) != 2:
            raise InvalidInput("a column is a name and a type, as in `pages int`", field="columns")
        columns[words[0]] = words[1]
    return columns


async def tokens(ctx: Context, request: Request, caller: Access) -> Response:
    """List the tokens, or make one."""
    done = None
    if request.method == "POST":
        form = await _form(request)
        rights = PERMISSIONS.get(form.get("permissions", ""))
        if rights is None:
            raise InvalidInput("no such permissions", field="permissions")
        author = form.get("author", "")
        await http.write(ctx, lambda tx: personal.make(tx, ctx, caller, author, rights))
        done = f"A token for {author} is there."
    await http.write(ctx, lambda tx: personal.master_and_public(tx, ctx, caller))
    found = await http.read(ctx, lambda tx: personal.listed(tx, caller))
    listed = [
        {
            "text": personal.secret(ctx, s),
            "rights": ", ".join(r.capitalize() for r in personal.rights_of(s)) or "None",
            "author": s.access.name,
            "uses": _uses(ctx, s),
        }
        for s in found
    ]
    shown = {"title": "Tokens", "here": "tokens.php", "tokens": listed, "done": done}
    return _admin(request, caller, "tokens.html", shown)


async def update(ctx: Context, request: Request, caller: Access) -> Response:
    """Have every source look for news."""
    lines: list[str] = []
    if request.method == "POST":
        lines = await http.write(ctx, lambda tx: _look_now(tx, ctx, caller))
    shown = {"title": "Update", "here": "update.php", "lines": lines}
    return _admin(request, caller, "update.html", shown)


async def user(ctx: Context, request: Request, caller: Access) -> Response:
    """Show and change the name and address that the front page shows."""
    done = None
    if request.method == "POST":
        form = await _form(request)
        first, _, last = form.get("name", "").strip().partition(" ")
        fields = {"first_name": first or None, "last_name": last or None}
        fields["url"] = form.get("url", "").strip() or None
        await http.write(ctx, lambda tx: profile.update(tx, ctx, caller, fields))
        done = "Saved."
    said = await http.read(ctx, lambda tx: profile.get(tx, caller))
    shown = {
        "title": "User",
        "here": "user.php",
        "user": caller.username,
        "shown": " ".join(n for n in (said.first_name, said.last_name) if n),
        "url": said.url or "",
        "done": done,
    }
    return _admin(request, caller, "user.html", shown)


async def log(ctx: Context, request: Request, caller: Access) -> Response:
    """Show who did what last, through every API; sign-ins and what was refused too."""
    told = request.query_params.get("rows", "")
    most = int(told) if told in {str(n) for n in LOG_ROWS} else LOG_ROWS[0]
    await http.doing.flush(ctx)  # what was done a moment ago is there

    def look(tx: Tx) -> list[dict[str, Any]]:
        zone = ctx.state(tx, caller.account_id).zones.home
        found = audit.find(tx, caller, audit.Query(limit=most))
        names = accesses.source_names(tx, caller, {e.line.access for e in found})
        return [
            {
                "date": f"{to_datetime(line.time, zone):%Y-%m-%d %H:%M:%S}",
                "door": line.door,
                "action": line.action,
                "target": line.target,
                "by": names[line.access],
                "address": line.address,
                "error": line.error,
            }
            for _, line in found
        ]

    shown = {"title": "Log", "here": "log.php", "rows": await http.read(ctx, look), "most": most}
    return _admin(request, caller, "log.html", shown)


async def docs(ctx: Context, request: Request, caller: Access) -> Response:
    """Say how to ask."""
    state = await http.read(ctx, lambda tx: ctx.state(tx, caller.account_id))
    listed = [
        {
            "name": r.name,
            "columns": ", ".join(f"{c.name}{'*' if c.needed else ''}" for c in r.columns),
        }
        for r in resources.every(state)
    ]
    shown = {"title": "Docs", "here": "docs.php", "resources": listed}
    return _admin(request, caller, "docs.html", shown)
