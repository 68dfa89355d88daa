"""The owner's pages: tokens, modules, what is public, the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.personal import resources, shell, updating
from diurnal.errors import InvalidInput
from diurnal.model.access import Access
from diurnal.model.time import to_datetime
from diurnal.services import accesses, audit, personal, profile
from diurnal.services.context import Context
from diurnal.store.accesses import Stored
from diurnal.store.database import Tx, WriteTx

if TYPE_CHECKING:
    from diurnal.services.connection_views import Seen

LOG_ROWS = (25, 50, 100, 200)
PERMISSIONS = {
    "0100": ("read",),
    "1100": ("create", "read"),
    "1110": ("create", "read", "update"),
    "1111": ("create", "read", "update", "delete"),
}


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
    return shell.admin_html(request, caller, "index.html", shown)


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
    return shell.admin_html(request, caller, "modules.html", shown)


def _fed(resource: resources.Resource, there: list[Seen]) -> str:
    mine = [c for c in there if c.connector in resource.connectors]
    if mine:
        return " ".join(f"{c.title}: {c.words}" for c in mine)
    return f"Not connected; {resource.service} could feed it." if resource.connectors else ""


async def modules_save(ctx: Context, request: Request, caller: Access) -> Response:
    """Publish what is ticked and nothing else, or make a resource."""
    if request.method != "POST":
        return shell.go(request, "/admin/modules.php")
    form = await shell.form_of(request)
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
        form = await shell.form_of(request)
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
    return shell.admin_html(request, caller, "tokens.html", shown)


async def update(ctx: Context, request: Request, caller: Access) -> Response:
    """Have every source look for news."""
    lines: list[str] = []
    if request.method == "POST":
        lines = await http.write(ctx, lambda tx: updating.look_now(tx, ctx, caller))
    shown = {"title": "Update", "here": "update.php", "lines": lines}
    return shell.admin_html(request, caller, "update.html", shown)


async def user(ctx: Context, request: Request, caller: Access) -> Response:
    """Show and change the name and address that the front page shows."""
    done = None
    if request.method == "POST":
        form = await shell.form_of(request)
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
    return shell.admin_html(request, caller, "user.html", shown)


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
    return shell.admin_html(request, caller, "log.html", shown)


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
    return shell.admin_html(request, caller, "docs.html", shown)
