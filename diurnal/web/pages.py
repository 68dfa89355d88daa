"""Server-rendered pages that need no JavaScript: a module of this package with `ROUTES` is in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from diurnal import http, plugins
from diurnal.errors import NotFound
from diurnal.services.context import Context
from diurnal.web.page import STATUSES, Page, Pages, problem

_HERE = Path(__file__).parent
_STATIC = {
    "tokens.css": "text/css; charset=utf-8",
    "pages.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "passkeys.js": "text/javascript; charset=utf-8",
}


def app(ctx: Context) -> ASGIApp:
    """Make the application that serves our own pages at the root."""
    found: Pages = {"/static/{name}": {"GET": static}}
    for module in plugins.modules("diurnal.web"):
        found.update(getattr(module, "ROUTES", {}))
    routes = [Route(path, _Resource(ctx, path, by_method)) for path, by_method in found.items()]
    nothing = _Resource(ctx, "/", {"GET": nowhere})
    return Router(routes, redirect_slashes=False, default=nothing)


class _Resource:
    """All methods of one page."""

    def __init__(self, ctx: Context, path: str, by_method: Mapping[str, Page]) -> None:
        self._by_method = {
            method: http.guarded(
                self._handler(ctx, page), STATUSES, problem, watch=_watch(ctx, path, method)
            )
            for method, page in by_method.items()
        }
        if "GET" in by_method:
            self._by_method["HEAD"] = self._by_method["GET"]

    def _handler(self, ctx: Context, page: Page) -> http.Handler:
        async def handle(request: Request) -> Response:
            http.refuse_foreign(request)
            return await page(ctx, request)

        return handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        page = self._by_method.get(scope["method"])
        if page is None:
            allow = {"Allow": ", ".join(sorted(self._by_method))}
            await Response(status_code=405, headers=allow)(scope, receive, send)
            return
        response = await page(Request(scope, receive, send))
        await response(scope, receive, send)


def _watch(ctx: Context, path: str, method: str) -> http.Watch | None:
    # What a page shows it gets through the API, which notes it; what it does is noted here.
    if method != "POST":
        return None
    return http.Watch(ctx, "page", path.strip("/").replace("/", "."))


async def nowhere(_ctx: Context, _request: Request) -> Response:
    """Answer an address that is not there."""
    raise NotFound("There is no such page.")


async def static(_ctx: Context, request: Request) -> Response:
    """Send a style sheet or the icon."""
    name = request.path_params["name"]
    if name not in _STATIC:
        raise NotFound("There is no such file.")
    headers = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(_file(name), headers={**headers, "Content-Type": _STATIC[name]})


@cache
def _file(name: str) -> bytes:
    return (_HERE / "static" / name).read_bytes()
