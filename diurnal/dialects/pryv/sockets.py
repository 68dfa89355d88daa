"""Pryv over Socket.IO: who enters, what is called and what is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from diurnal import http
from diurnal.dialects.pryv import scopes, wire, words
from diurnal.dialects.pryv.methods import BATCH, METHODS, Call, call_one
from diurnal.dialects.pryv.methods.calling import RESULTS_MAX
from diurnal.dialects.pryv.scopes import NOTICES, Scopes
from diurnal.dialects.pryv.service import API_VERSION, SERIAL
from diurnal.errors import AppError, Unauthenticated
from diurnal.http import doing, limits
from diurnal.live import Changed, Door, Entering, Guest, Notice, Refused
from diurnal.model.access import Access
from diurnal.model.events import seconds
from diurnal.services import changelog
from diurnal.services.context import Context

log = structlog.get_logger(__name__)

API = "pryv"
CONNECT = "socket.connect"


def door(ctx: Context) -> Door:
    """Return Pryv's door for sockets: namespaces end in a user's name."""

    async def enter(entering: Entering) -> Guest:
        try:
            async with doing.doing(ctx, API, CONNECT, address=entering.address):
                return await _enter(ctx, entering)
        except AppError as error:
            raise Refused(error.message) from None

    return Door(enter, takes_rest=True)


async def _enter(ctx: Context, entering: Entering) -> Guest:
    waits = limits.of(ctx, API).by_address(entering.address)
    if waits is not None:
        await waits
    account_id = await wire.look_up(ctx, entering.path[-1].lower())
    token = entering.query.get("auth")
    if not token:
        raise Unauthenticated("The access token is missing.", missing=True)
    access = await resolve(ctx, token, account_id)
    await wire.check_url_way(ctx, access)
    mounted = len(entering.path) > 1 and entering.path[0] == API
    base = f"{entering.base}/{API}" if mounted else entering.base
    return _Guest(ctx, Call(access, token, base, entering.address, RESULTS_MAX))


async def resolve(ctx: Context, token: str, account_id: int) -> Access:
    """Return the access of a token.

    Raises:
        UnknownToken: it opens nothing.
        AccessExpired: it did.
    """
    try:
        return await http.resolve(ctx, token, account_id=account_id)
    except Unauthenticated as error:
        if error.expired:
            raise words.AccessExpired("Access has expired.") from None
        raise words.UnknownToken("Cannot find access from token.") from None


class _Guest:
    """One socket of the API."""

    __slots__ = ("_call", "_ctx", "_scopes", "access")

    def __init__(self, ctx: Context, call: Call) -> None:
        self._ctx = ctx
        self._call = call
        self._scopes = Scopes()
        self.access = call.access

    async def call(self, name: str, args: Sequence[Any]) -> tuple[Any, ...]:
        """See `Guest.call`."""
        try:
            return None, await self._result(name, args[0] if args else {}) | _meta(self._ctx)
        except AppError as error:
            return (words.failure(error) | _meta(self._ctx),)
        except Exception:
            log.exception("a call over a socket failed", method=name[:100])
            bug = AppError("something went wrong on our side")
            return (words.failure(bug) | _meta(self._ctx),)

    async def _result(self, name: str, given: Any) -> dict[str, Any]:
        ctx, held = self._ctx, self._call
        known = name in METHODS or name == BATCH or name in scopes.CALLS
        action = name if known else "unknown"
        async with doing.doing(ctx, API, action, address=held.address):
            access = await resolve(ctx, held.token, held.access.account_id)
            self.access = access
            if name in scopes.CALLS:
                return self._scopes.call(ctx, name, given)
            return await call_one(ctx, held._replace(access=access), name, given)

    async def notices(self, changed: Changed) -> Sequence[Notice]:
        """See `Guest.notices`: as coarse as the API tells all, or by scopes for who has some."""
        if self.access.delayed:
            return ()
        told: list[Notice] = []
        if self._scopes:
            call = self._call._replace(access=self.access)
            keys = await self._scopes.matching(self._ctx, call, changed)
            if keys:
                told.append(("notificationsChanged", ({"keys": keys},)))
        else:
            told += [(name, ()) for name, kinds in NOTICES.items() if kinds & changed.kinds]
        if "access" in changed.kinds:
            told += await self._updated(changed)
        return told

    async def _updated(self, changed: Changed) -> list[Notice]:
        access = self.access
        stored = await http.read(
            self._ctx,
            lambda tx: changelog.updated_accesses(tx, access, changed.after, changed.upto),
        )
        return [
            (
                "accessUpdated",
                ({"type": s.access.kind.value, "accessId": s.access.id, "serial": s.serial},),
            )
            for s in stored
        ]


def _meta(ctx: Context) -> dict[str, Any]:
    told = {"apiVersion": API_VERSION, "serverTime": seconds(ctx.now()), "serial": SERIAL}
    return {"meta": told}
