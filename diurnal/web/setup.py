"""The first account, made in the browser."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from functools import cache

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.errors import AppError, Conflict, Forbidden, InvalidInput, TooMany
from diurnal.services import accesses, accounts, demo, first_run
from diurnal.services.context import Context
from diurnal.store.database import WriteTx
from diurnal.web import page
from diurnal.web.sign_in import come_in


async def setup(ctx: Context, request: Request) -> Response:
    """Show the form for the first account."""
    if not await http.read(ctx, first_run.needed, quick=True):
        return page.go("/sign-in")
    return _setup_form(http.from_here(ctx, request), {}, None)


def _setup_form(local: bool, form: Mapping[str, str], problem: AppError | None) -> Response:
    known = {"local": local, "form": form, "problem": problem, "zones": zones()}
    return page.html("setup.html", known, page.status_of(problem), http.retry_headers(problem))


async def set_up(ctx: Context, request: Request) -> Response:
    """Make the first account and sign in to it."""
    form = await page.form_of(request)
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
        return page.go("/sign-in")
    except (InvalidInput, Forbidden, TooMany) as error:
        return _setup_form(local, form, error)
    if form.get("begin") == "demo":
        await http.write(ctx, lambda tx: _load_demo(tx, ctx, name))
    return await come_in(ctx, request, name, form.get("password", ""), "/")


def _load_demo(tx: WriteTx, ctx: Context, name: str) -> None:
    made = accounts.find(tx, name)
    demo.start(tx, ctx, accesses.personal(made.account_id, made.username))


@cache
def zones() -> tuple[str, ...]:
    """Return the names of zones to choose from."""
    left_out = ("Etc/", "SystemV/", "US/", "posix", "right")
    known = zoneinfo.available_timezones()
    return ("UTC", *sorted(z for z in known if "/" in z and not z.startswith(left_out)))


ROUTES: page.Pages = {"/setup": {"GET": setup, "POST": set_up}}
