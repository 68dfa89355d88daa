"""Where a request goes: paths, mounts, host names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from diurnal.http.messages import header

Handler = Callable[[Request], Awaitable[Response]]


def router(paths: Mapping[str, Handler], otherwise: Handler) -> Router:
    """Return a router that takes each path with and without a last slash, by any method.

    Args:
        otherwise: answers what no path matches, so that a dialect's 404 is in its own words.
    """
    # No methods named: Starlette's own answer to another method would be plain text.
    routes = [
        Route(spelling, _Answering(handler), methods=[])
        for path, handler in paths.items()
        for spelling in dict.fromkeys((path, path.rstrip("/") + "/"))
    ]
    return _Router(routes, otherwise)


class _Answering:
    """A handler as an application, without what Starlette wraps around a function's."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._handler(Request(scope, receive, send))
        await response(scope, receive, send)


class _Router(Router):
    def __init__(self, routes: list[Route], otherwise: Handler) -> None:
        super().__init__(routes, redirect_slashes=False)
        self._otherwise = _Answering(otherwise)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        # As servers do with what is no UTF-8: PostgreSQL takes no NUL, not even to look for it.
        if "\0" in scope["path"]:
            scope["path"] = scope["path"].replace("\0", "\ufffd")
        return super().__call__(scope, receive, send)

    async def not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `Router.not_found`."""
        if scope["type"] != "http":
            await super().not_found(scope, receive, send)
            return
        await self._otherwise(scope, receive, send)


def base_url(request: Request, settings_url: str | None) -> str:
    """Return scheme and host under which the client reached us, no slash at the end.

    Of an account's own host name the one above it.
    """
    scope = request.scope
    # Not of `request.url`: every call of some dialects asks, and making a URL costs a tenth of it.
    host = header(scope, b"host")
    if host is None:
        host = "localhost"
    user = scope.get(_USER_HOST)
    if user is not None:
        host = host[len(user) + 1 :]
    return settings_url or f"{scope.get('scheme', 'http')}://{host}"


def mounted(scope: Scope, prefix: str) -> Scope:
    """Make the scope what an application mounted at `prefix` sees, and return it.

    ASGI keeps `path` whole; `root_path` says what of it is the mount.
    """
    scope["root_path"] = scope.get("root_path", "") + prefix
    return scope


def hosted(scope: Scope, prefix: str) -> Scope:
    """Return the scope of a request to the host name of what is mounted at `prefix`, too."""
    child: MutableMapping[str, Any] = dict(scope)
    child[HOSTED] = prefix
    return child


def prefix_of(scope: Scope) -> str:
    """Return where what answers is mounted, also when it was called by its host name."""
    return str(scope.get(HOSTED) or scope.get("root_path", ""))


HOSTED = "diurnal.hosted"
_USER_HOST = "diurnal.user_host"


def of_user(scope: Scope, user: str) -> Scope:
    """Return the scope of a request to an account's own host name as that of the one above."""
    child: MutableMapping[str, Any] = dict(scope)
    path: str = scope["path"]
    if path != f"/{user}" and not path.startswith(f"/{user}/"):
        child["path"] = f"/{user}{path}"
        child["raw_path"] = child["path"].encode()
    child[_USER_HOST] = user
    return child
