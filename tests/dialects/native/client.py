"""Calls the native API of one application, all on one loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from diurnal.app import App
from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.services import accesses
from diurnal.services.context import Context

BASE = "http://localhost:8400"


class Api:
    """Requests below /api/v1 with one token; `with_token` shares application and loop."""

    def __init__(self, http: httpx2.AsyncClient, runner: asyncio.Runner, token: str | None) -> None:
        self._http, self._runner, self._token = http, runner, token

    def with_token(self, token: str | None) -> Api:
        return Api(self._http, self._runner, token)

    @property
    def cookies(self) -> Any:
        return self._http.cookies

    def __call__(self, method: str, path: str, body: Any = None, **given: Any) -> httpx2.Response:
        headers = dict(given.pop("headers", {}))
        if self._token is not None:
            headers.setdefault("Authorization", f"Bearer {self._token}")
        if body is not None:
            given["json"] = body
        whole = path if path.startswith("http") else f"{BASE}/api/v1{path}"
        return self._runner.run(self._http.request(method, whole, headers=headers, **given))

    def page(self, method: str, path: str, **given: Any) -> httpx2.Response:
        return self._runner.run(self._http.request(method, f"{BASE}{path}", **given))

    def ok(self, method: str, path: str, body: Any = None, **given: Any) -> Any:
        answer = self(method, path, body, **given)
        assert answer.status_code < 300, (answer.status_code, answer.text)
        return answer.json()

    def refused(
        self, status: int, method: str, path: str, body: Any = None, **given: Any
    ) -> dict[str, Any]:
        answer = self(method, path, body, **given)
        assert answer.status_code == status, (answer.status_code, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        problem: dict[str, Any] = answer.json()
        assert problem["status"] == status
        assert problem["type"].startswith("urn:diurnal:error:")
        return problem


def _leaving(app: Any) -> Any:
    """Answer what has no end as to a client that leaves; the transport here waits for the end."""

    async def leaving(scope: Any, receive: Any, send: Any) -> None:
        if not scope.get("path", "").endswith("/live"):
            await app(scope, receive, send)
            return
        asked = open_ = False

        async def receiving() -> Any:
            nonlocal asked
            if not asked:
                asked = True
                return await receive()
            await asyncio.sleep(0.05)
            return {"type": "http.disconnect"}

        async def sending(message: Any) -> None:
            nonlocal open_
            open_ = message.get("more_body", message["type"] == "http.response.start")
            await send(message)

        await app(scope, receiving, sending)
        if open_:
            await send({"type": "http.response.body", "body": b""})

    return leaving


@contextmanager
def opened(ctx: Context, token: str | None = None, address: str = "127.0.0.1") -> Iterator[Api]:
    with asyncio.Runner() as runner:
        app: Any = App(ctx)
        transport = httpx2.ASGITransport(app=_leaving(app), client=(address, 50_000))
        client = httpx2.AsyncClient(transport=transport)
        yield Api(client, runner, token)
        runner.run(client.aclose())


def owner_token(ctx: Context, owner: Access, **given: Any) -> str:
    """Make the owner's own token."""
    _, secret = ctx.store.write(
        lambda tx: accesses.create(
            tx, ctx, owner, name="Mine", permissions=(), kind=Kind.PERSONAL, **given
        )
    ).result()
    return secret


def app_token(
    ctx: Context, owner: Access, *permissions: Permission, **given: Any
) -> tuple[str, str]:
    """Make an app's token; return (access id, secret)."""
    stored, secret = ctx.store.write(
        lambda tx: accesses.create(tx, ctx, owner, name="App", permissions=permissions, **given)
    ).result()
    return stored.access.id, secret


def on(stream: str, level: Level = Level.READ, **given: Any) -> Permission:
    return Permission(level, stream, **given)
