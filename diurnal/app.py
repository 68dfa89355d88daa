"""Put the pieces together: the one ASGI application, and what runs beside it."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from diurnal import live, mcp, plugins, process
from diurnal.dialects import Dialect
from diurnal.errors import AppError, InvalidInput
from diurnal.http import (
    Handler,
    Json,
    bearer,
    doing,
    from_here,
    header,
    hosted,
    metrics,
    mounted,
    of_user,
    router,
    with_common,
)
from diurnal.live.mount import PATH as SOCKETS
from diurnal.live.mount import Mount
from diurnal.services import access_use, audit, legacy, operations, own_address
from diurnal.services.context import Context, open_context
from diurnal.settings import Settings
from diurnal.store.database import WriteTx
from diurnal.web import pages

log = structlog.get_logger(__name__)

FLUSH_S = 10.0
"""Usage counts gathered in memory are stored this often."""

WELL_KNOWN = ".well-known"
OUR_PAGES = frozenset({"consent", "device", "sign-in", "static"})
"""First parts of paths that are ours under the host name of a dialect too: who is led to sign in
and consent is led there on the host where they are."""


async def _nowhere(_request: Request) -> Response:
    return PlainTextResponse("there is nothing here\n", 404)


def dialects() -> dict[str, Dialect]:
    """Return every dialect there is, by name."""
    return plugins.load("diurnal.dialects", "DIALECT", Dialect)


class _Host(NamedTuple):
    """What a host name stands for: the dialect whose own it is, and whose account's.

    Attributes:
        of: prefix and application.
    """

    allowed: bool
    of: tuple[str, ASGIApp] | None = None
    user: str | None = None


class App:
    """Routes by the first part of the path, or by host name, to the dialects and our pages."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self._mounts: dict[str, tuple[str, ASGIApp]] = {}
        self._hosts: dict[str, tuple[str, ASGIApp]] = {}
        self._user_hosts: dict[str, tuple[str, ASGIApp]] = {}
        known: dict[str, Handler] = {}
        for dialect in dialects().values():
            app = dialect.app(ctx)
            for prefix in (dialect.prefix, *dialect.also_at):
                self._mounts[prefix.split("/")[1]] = (prefix, app)
            chosen = ctx.settings.dialects.get(dialect.name)
            if chosen is not None and chosen.later_host and not dialect.also_at:
                raise InvalidInput(
                    f"{dialect.name} has no later version", field=f"dialects.{dialect.name}"
                )
            hosts = () if chosen is None else (chosen.host, chosen.later_host)
            for name, prefix in zip(hosts, (dialect.prefix, *dialect.also_at), strict=False):
                if name:
                    self._hosts[name] = (prefix, app)
                    if dialect.user_hosts:
                        self._user_hosts[name] = (prefix, app)
            if dialect.well_known is not None:
                known.update(dialect.well_known(ctx))
        self._mounts[mcp.NAME] = (mcp.PREFIX, mcp.app(ctx))
        known.update(mcp.well_known(ctx))
        self._well_known = router(known, _nowhere)
        self._pages = pages.app(ctx)
        doors = {
            prefix.split("/")[1]: door(ctx)
            for d in dialects().values()
            for prefix, door in ((d.prefix, d.sockets), *d.sockets_at.items())
            if door is not None
        }
        self._named = lru_cache(maxsize=1024)(self._host)
        proxies = [str(network) for network in ctx.settings.trusted_proxies]
        self._proxied = ProxyHeadersMiddleware(cast("Any", self._answering), proxies)
        self._hub = live.Hub(ctx)
        self._sockets = Mount(ctx, self._hub, doors)
        self._tasks: list[asyncio.Task[Any]] = []

    # A coroutine, by which servers know the version of the interface.
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] == "http":
            send = with_common(send)
        if header(scope, b"x-forwarded-for") or header(scope, b"x-forwarded-proto"):
            await self._proxied(cast("Any", scope), cast("Any", receive), cast("Any", send))
        else:
            await self._answering(scope, receive, send)

    def _answering(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Return the answer to one connection; every request comes by here: no coroutine."""
        host = self._named(header(scope, b"host") or "")
        if not host.allowed:
            return PlainTextResponse("this server has no such host\n", 421)(scope, receive, send)
        live.given(scope, self._hub)
        path: str = scope["path"]
        first = path.split("/", 2)[1] if path.startswith("/") else ""
        if first == SOCKETS:
            return self._sockets(scope, receive, send)
        if scope["type"] == "websocket":
            return send({"type": "websocket.close"})
        if host.of is not None and first not in OUR_PAGES:
            prefix, app = host.of
            asked = scope if host.user is None else of_user(scope, host.user)
            return app(hosted(asked, prefix), receive, send)
        mount = self._mounts.get(first)
        if mount is not None and (path == mount[0] or path.startswith(mount[0] + "/")):
            return mount[1](mounted(scope, mount[0]), receive, send)
        if first == WELL_KNOWN:
            return self._well_known(mounted(scope, f"/{WELL_KNOWN}"), receive, send)
        if path == "/metrics":
            return self._metrics(scope, receive, send)
        if path in ("/healthz", "/readyz"):
            return self._health(scope, receive, send)
        return self._pages(scope, receive, send)

    def _host(self, said: str) -> _Host:
        """Return what is asked for by a Host header; its port does not matter."""
        host = said.lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        allowed = self.ctx.settings.allows_host(name.strip("[]"))
        if name in self._hosts:
            return _Host(allowed, self._hosts[name])
        user, _, below = name.partition(".")
        of = self._user_hosts.get(below)
        return _Host(allowed, of, None if of is None else user)

    async def _health(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = Json(b'{"status":"ok"}')
        if scope["path"] == "/readyz":
            found = await operations.figures(self.ctx)
            response = Json(msgspec.json.encode(found.words), 200 if found.ready else 503)
        await response(scope, receive, send)

    async def _metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._told(Request(scope, receive))
        await response(scope, receive, send)

    async def _told(self, request: Request) -> Response:
        """Return the figures for who has their token, or is on this machine."""
        token, given = self.ctx.settings.metrics_token, bearer(request)
        if token is None:
            allowed = from_here(self.ctx, request)
        else:
            allowed = given is not None and hmac.compare_digest(token.encode(), given.encode())
        if not allowed:
            return PlainTextResponse("a token is needed\n", 401)
        found = await operations.figures(self.ctx)
        kind = "text/plain; version=1.0.0; charset=utf-8"
        return Response(metrics.text(found), headers={"Cache-Control": "no-store"}, media_type=kind)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self._running():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        self._tasks = [
            asyncio.create_task(self._flush_forever()),
            asyncio.create_task(self._audit_forever()),
        ]
        process.keep_objects()
        process.keep_memory()
        try:
            yield
        finally:
            self._hub.close()
            await self._sockets.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._flush()
            await doing.flush(self.ctx)
            self.ctx.store.close()

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await self._flush()
            except AppError as error:
                log.warning("usage counts wait", reason=error.message)

    async def _audit_forever(self) -> None:
        while True:
            await asyncio.sleep(audit.FLUSH_S)
            try:
                await doing.flush(self.ctx)
            except AppError as error:
                log.error("the audit lost lines", reason=error.message)

    async def _flush(self) -> None:
        ctx = self.ctx
        uses, refusals, ways = dict(ctx.uses), dict(ctx.refusals), dict(ctx.ways)
        for counts in (ctx.uses, ctx.refusals, ctx.ways):
            counts.clear()
        for account_id in {key[0] for key in (*uses, *refusals, *ways)}:

            def store(tx: WriteTx, only: int = account_id) -> None:
                access_use.flush_uses(tx, ctx, _of(uses, only), _of(refusals, only))
                legacy.flush(tx, ctx, _of(ways, only))

            await ctx.store.submit(store)


def _of(counts: Mapping[tuple[int, str], int], account_id: int) -> dict[tuple[int, str], int]:
    return {key: n for key, n in counts.items() if key[0] == account_id}


def create(settings: Settings, now: Callable[[], int]) -> ASGIApp:
    """Make the application of one process."""
    return on(open_context(settings, now))


def on(ctx: Context) -> ASGIApp:
    """Make the application on what is open already; it closes the store at its end."""
    return App(ctx)


def socket_path(data_dir: Path) -> Path:
    """Return where the running server leaves its address for commands."""
    return data_dir / own_address.FILE
