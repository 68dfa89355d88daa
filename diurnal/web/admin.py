"""Accounts and invitations without a script, for admins; the page of the app is `/admin`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.errors import AppError, Conflict, InvalidInput, NotFound, TooMany
from diurnal.model.access import Access
from diurnal.services import admin, sign_up
from diurnal.services.context import Context
from diurnal.store.database import Tx
from diurnal.web import page
from diurnal.web.security import when

_HERE = "/plain/admin"
Act = Callable[[Context, Access, Mapping[str, str]], "str | None"]
"""(context, caller, form) -> a link to show once, or None."""


async def accounts(ctx: Context, request: Request) -> Response:
    """Show the accounts and the invitations."""
    caller = await http.signed_in(ctx, request)
    if caller is None:
        return page.go(f"/sign-in?next={_HERE}")
    return await _shown(ctx, caller)


async def _shown(
    ctx: Context,
    caller: Access,
    problem: AppError | None = None,
    *,
    at: str = "",
    link: str | None = None,
) -> Response:
    now = http.doing.current()
    if problem is not None and now is not None:
        now.error = problem.code

    def look(tx: Tx) -> dict[str, Any]:
        mine = sign_up.must_administer(tx, caller)
        return {
            "mine": mine,
            "accounts": admin.figures(tx),
            "invitations": sign_up.listed(tx, caller),
            "now": ctx.now(),
            "when": lambda at: when(at, mine),
            "size": _size,
        }

    known = await http.read(ctx, look)
    known |= {
        "problem": problem,
        "at": at,
        "link": link,
        "mode": ctx.settings.sign_up,
        "quota": _size(ctx.settings.attachment_quota_bytes),
    }
    status, headers = page.status_of(problem), http.retry_headers(problem)
    return page.html("admin.html", known, status, headers)


def _size(n: int) -> str:
    if n < 1 << 20:
        return f"{n / (1 << 10):.0f} KiB" if n else "0"
    return f"{n / (1 << 20):.0f} MiB" if n < 1 << 30 else f"{n / (1 << 30):.1f} GiB"


def _doing(act: Act) -> page.Page:
    async def do(ctx: Context, request: Request) -> Response:
        caller = await http.signed_in(ctx, request)
        if caller is None:
            return page.go(f"/sign-in?next={_HERE}")
        form = await page.form_of(request)
        try:
            link = await http.blocking(lambda: act(ctx, caller, form))
        except (Conflict, InvalidInput, NotFound, TooMany) as error:
            return await _shown(ctx, caller, error, at=form.get("username", ""))
        return page.go(_HERE) if link is None else await _shown(ctx, caller, link=link)

    return do


def _invite(ctx: Context, caller: Access, form: Mapping[str, str]) -> str:
    note = form.get("note", "")
    _, token = ctx.store.write(lambda tx: sign_up.invite(tx, ctx, caller, note=note)).result()
    return sign_up.link(ctx, token)


def _take_back(ctx: Context, caller: Access, form: Mapping[str, str]) -> None:
    id_ = form.get("id", "")
    ctx.store.write(lambda tx: sign_up.take_back(tx, ctx, caller, id_)).result()


def _change(ctx: Context, caller: Access, form: Mapping[str, str]) -> None:
    flags = {
        name: form[name] == "yes" for name in ("admin", "disabled") if form.get(name) is not None
    }
    admin.change(ctx, caller, form.get("username", ""), **flags)


def _delete(ctx: Context, caller: Access, form: Mapping[str, str]) -> None:
    if form.get("typed", "").strip() != form.get("username"):
        raise InvalidInput("Type the account's name to delete it.")
    admin.delete(ctx, caller, form["username"])


ROUTES: page.Pages = {
    _HERE: {"GET": accounts},
    f"{_HERE}/invite": {"POST": _doing(_invite)},
    f"{_HERE}/take-back": {"POST": _doing(_take_back)},
    f"{_HERE}/change": {"POST": _doing(_change)},
    f"{_HERE}/delete": {"POST": _doing(_delete)},
}
