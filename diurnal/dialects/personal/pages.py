"""The public front page, the pages of its owner, and the address that a cron job calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from diurnal import http
from diurnal.dialects.personal import admin, elements, resources, shell, updating
from diurnal.dialects.personal.elements import Unnumbered
from diurnal.dialects.personal.endpoints import URL_WAY
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
from diurnal.http.templates import HEADERS
from diurnal.model.access import Access
from diurnal.services import (
    accesses,
    accounts,
    personal,
    profile,
    sessions,
    sign_in,
)
from diurnal.services.context import Context
from diurnal.store.accesses import Stored
from diurnal.store.accounts import Account
from diurnal.store.database import Tx

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
            caller = await http.signed_in(ctx, request)
            if caller is None:
                here = quote(request.url.path.rpartition("/")[2] or "index.php")
                return shell.go(request, f"/admin/login.php?redirect={here}")

            async def shown(request: Request) -> Response:
                http.doing.done_by(caller)
                http.refuse_foreign(request)
                return await page(ctx, request, caller)

            def told(error: AppError, status: int, _id: str) -> Response:
                known = {"title": "Not done", "here": "", "problem": error.message}
                return shell.admin_html(request, caller, "admin.html", known, status)

            return await http.guarded(shown, STATUSES, told, watch=watch(page))(request)

        return answer

    return {
        "/": public(front),
        "/index.php": public(front),
        "/update.php": public(cron),
        "/admin": own(admin.index),
        "/admin/index.php": own(admin.index),
        "/admin/login.php": public(login),
        "/admin/auth.php": public(auth),
        "/admin/logout.php": public(logout),
        "/admin/modules.php": own(admin.modules),
        "/admin/modules_save.php": own(admin.modules_save),
        "/admin/tokens.php": own(admin.tokens),
        "/admin/update.php": own(admin.update),
        "/admin/user.php": own(admin.user),
        "/admin/log.php": own(admin.log),
        "/admin/docs.php": own(admin.docs),
    }


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
    return shell.html(request, "front.html", shown)


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
                "service": newest[0].get("org_service") if newest else None,
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
    if not await http.came_by(ctx, caller.account_id, URL_WAY):
        return refused
    owner = accesses.personal(caller.account_id, caller.username)
    lines = await http.write(ctx, lambda tx: updating.look_now(tx, ctx, owner))
    return HTMLResponse("<br>\n".join(lines) + "\n", headers=HEADERS)


# Signing in


async def login(ctx: Context, request: Request) -> Response:
    """Ask who one is."""
    wanted = request.query_params.get("redirect", "index.php")
    return shell.html(request, "login.html", {"redirect": wanted, "ticket": None})


async def auth(ctx: Context, request: Request) -> Response:
    """Take name and password, or the code of the second factor, and open a session."""
    form = await shell.form_of(request)
    wanted = form.get("redirect", "index.php")
    to = wanted if wanted in dict(shell.PAGES) else "index.php"
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
        return shell.html(request, "login.html", known, status)
    if isinstance(found, sign_in.Pending):
        return shell.html(request, "login.html", {"redirect": to, "ticket": found.ticket})
    await http.resolve(ctx, found)  # so that the audit knows whose it is
    response = shell.go(request, f"/admin/{to}")
    http.keep_session(request, response, found)
    return response


async def logout(ctx: Context, request: Request) -> Response:
    """End the session."""
    caller = await http.signed_in(ctx, request)
    if caller is not None and request.method == "POST":
        await http.write(ctx, lambda tx: accesses.revoke(tx, ctx, caller, caller.id))
    response = shell.go(request, "/")
    if request.method == "POST":
        http.drop_session(request, response)
    return response
