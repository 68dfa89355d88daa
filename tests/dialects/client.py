"""Requests to the whole application, as it is served: mounts, headers and all."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2

from diurnal.app import App
from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.services import accesses, simple_tokens
from diurnal.services.context import Context

BASE = "http://localhost:8400"


class Client:
    """Calls one application over ASGI, each request on a loop of its own."""

    def __init__(self, ctx: Context) -> None:
        self.app = App(ctx)

    def request(self, method: str, path: str, **given: Any) -> httpx2.Response:
        async def send() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self.app)
            async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
                return await client.request(method, path, **given)

        return asyncio.run(send())

    def get(self, path: str, **given: Any) -> httpx2.Response:
        return self.request("GET", path, **given)

    def post(self, path: str, **given: Any) -> httpx2.Response:
        return self.request("POST", path, **given)


def token(
    ctx: Context, owner: Access, *permissions: Permission, api: str = "pryv", name: str = "My app"
) -> str:
    """Make an app's token; without permissions it may manage everything."""
    given = permissions or (Permission(Level.MANAGE),)
    _, secret = ctx.store.write(
        lambda tx: accesses.create(tx, ctx, owner, name=name, permissions=given, api=api)
    ).result()
    return secret


def personal_token(ctx: Context, owner: Access, *, api: str = "pryv") -> str:
    """Make the owner's own token."""
    _, secret = ctx.store.write(
        lambda tx: accesses.create(
            tx, ctx, owner, name="Mine", permissions=(), kind=Kind.PERSONAL, api=api
        )
    ).result()
    return secret


def simple_token(ctx: Context, owner: Access) -> str:
    """Return Exist's simple token."""
    return ctx.store.write(lambda tx: simple_tokens.simple_token(tx, ctx, owner)).result()
