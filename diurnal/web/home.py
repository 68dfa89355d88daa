"""Where one arrives: the web app, and an overview without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.model.access import Access
from diurnal.model.time import day_text, to_datetime
from diurnal.services import accounts, days, first_run
from diurnal.services.context import Context
from diurnal.store.accounts import Account
from diurnal.store.database import Tx
from diurnal.web import page, static_app


async def the_app(ctx: Context, request: Request) -> Response:
    """Send the web app, or lead to where one comes in."""
    if await http.signed_in(ctx, request) is not None:
        return static_app.page(request)
    if await http.read(ctx, first_run.needed, quick=True):
        return page.go("/setup")
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return page.go("/sign-in" if asked == "/" else f"/sign-in?next={quote(asked, safe='')}")


async def app_file(_ctx: Context, request: Request) -> Response:
    """Send a file of the web app."""
    return static_app.file(request)


async def home(ctx: Context, request: Request) -> Response:
    """Show the overview without JavaScript, or lead to where one comes in."""
    caller = await http.signed_in(ctx, request)
    if caller is None:
        empty = await http.read(ctx, first_run.needed, quick=True)
        return page.go("/setup" if empty else "/sign-in")

    def look(tx: Tx) -> tuple[Account, Mapping[str, tuple[int, int]]]:
        return accounts.find(tx, caller.username), days.extent(tx, ctx, caller)

    account, extent = await http.read(ctx, look)
    known = {"account": account, "measures": len(extent), "until": _until(account, caller)}
    if extent:
        known["first"] = day_text(min(span[0] for span in extent.values()))
        known["last"] = day_text(max(span[1] for span in extent.values()))
    return page.html("home.html", known)


def _until(account: Account, caller: Access) -> str:
    if caller.expires is None:
        return "it is revoked"
    at = to_datetime(caller.expires, account.timezone or "UTC")
    return f"{at.day} {at:%B %Y}"


ROUTES: page.Pages = {
    **{path: {"GET": the_app} for path in static_app.PAGES},
    "/plain": {"GET": home},
    **{path: {"GET": app_file} for path in static_app.FILES},
}
