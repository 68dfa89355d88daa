"""Connections to vendors, as Personicle's apps ask for them: begun on our pages, run from here."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from diurnal import http
from diurnal.dialects.personicle import door
from diurnal.errors import Conflict, Forbidden
from diurnal.http import Handler
from diurnal.services import accesses
from diurnal.services.context import Context
from diurnal.store.database import WriteTx

VENDORS = {"fitbit": "fitbit", "google-fit": "google_fit", "oura": "oura"}
"""What the path calls them, and the connector."""
SOURCES = "/sources"
"""Our page where the owner connects one."""
NOBODY = "User not logged in"
ROUTES = tuple(f"{verb} /{vendor}/connection" for vendor in VENDORS for verb in ("GET", "POST"))


def handlers(ctx: Context) -> dict[str, Handler]:
    """Return the handlers by path."""
    return {f"/{path}/connection": _handler(ctx, name) for path, name in VENDORS.items()}


def _handler(ctx: Context, connector: str) -> Handler:
    async def ask(request: Request) -> Response:
        """Have a connection fetch now; without one, send the browser to where it is made."""
        if request.method not in ("GET", "HEAD", "POST"):
            return door.answer({"detail": "Method Not Allowed"}, 405)
        caller = await door.caller(ctx, request)
        if not caller.owner and "profile" not in caller.scopes:
            raise Forbidden(door.NO_SCOPE)
        if request.query_params.get("user_id") != await door.user_of(ctx, caller):
            return door.text(NOBODY, 401)
        owner = accesses.personal(caller.account_id, caller.username)

        def look_now(tx: WriteTx) -> str | None:
            from diurnal.services import connection_views, connections

            there = connection_views.listed(tx, ctx, owner)
            mine = [c.id for c in there if c.connector == connector and c.pull]
            return connections.sync_now(tx, ctx, owner, mine[0]) if mine else None

        try:
            job = await http.write(ctx, look_now)
        except Conflict as why:
            return door.answer({"success": False, "response": why.message})
        if job is None:
            return RedirectResponse(SOURCES, 302)
        return door.answer({"success": True, "response": "The import has begun"})

    return ask
