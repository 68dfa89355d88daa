"""The API over sockets: `command` messages, and what is told of changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from diurnal import http
from diurnal.dialects.pryv0 import admin, wire, words
from diurnal.dialects.pryv0.calling import METHODS, run
from diurnal.dialects.pryv0.checks import params_of
from diurnal.dialects.pryv0.table import API, Call, Method, Params, Version
from diurnal.errors import AppError, InvalidInput, NotFound, Unauthenticated
from diurnal.http import doing, limits
from diurnal.live import Changed, Door, Entering, Guest, Notice, Refused
from diurnal.model.access import Access
from diurnal.services import changelog
from diurnal.services.context import Context
from diurnal.store.database import Tx

log = structlog.get_logger(__name__)

COMMAND = "command"
CONNECT = "socket.connect"
_HTTP_ONLY = frozenset(admin.METHODS)
"""Administration takes a session, and needs no socket."""
_SHORT = {"del": "delete"}


def door_of(version: Version) -> Callable[[Context], Door]:
    """Return what makes the door of a version."""

    def door(ctx: Context) -> Door:
        async def enter(entering: Entering) -> Guest:
            try:
                async with doing.doing(ctx, API, CONNECT, address=entering.address):
                    return await _enter(ctx, version, entering)
            except AppError as error:
                raise Refused(error.message) from None

        return Door(enter)

    return door


async def _enter(ctx: Context, version: Version, entering: Entering) -> Guest:
    waits = limits.of(ctx, API).by_address(entering.address)
    if waits is not None:
        await waits
    account_id = await wire.look_up(ctx, entering.path[-1].lower())
    token = entering.query.get("auth")
    if not token:
        raise Unauthenticated("The token is missing.", missing=True)
    access = await wire.resolve(ctx, account_id, token, in_url=True)
    base = f"{entering.base}/{entering.path[0]}"
    return _Guest(ctx, Call(access, token, version, base, entering.address))


class _Guest:
    """One socket of the API."""

    __slots__ = ("_call", "_ctx", "access")

    def __init__(self, ctx: Context, call: Call) -> None:
        self._ctx = ctx
        self._call = call
        self.access: Access = call.access

    async def call(self, name: str, args: Sequence[Any]) -> tuple[Any, ...]:
        """See `Guest.call`: `command` with `{id, params}`, or the method's own name."""
        later = self._call.version.later
        try:
            given = params_of(args[0]) if args else {}
            if name == COMMAND:
                name, given = str(given.get("id")), params_of(given.get("params") or {})
            return None, await self._result(name, given)
        except AppError as error:
            return (words.failure(error, slugs=later),)
        except Exception:
            log.exception("a call over a socket failed", method=name[:100])
            return (words.failure(AppError("something went wrong on our side"), slugs=later),)

    async def _result(self, name: str, given: Params) -> Any:
        ctx, held = self._ctx, self._call
        found = _method(name, given)
        async with doing.doing(ctx, API, found[0] if found else "unknown", address=held.address):
            self.access = await wire.resolve(ctx, held.access.account_id, held.token, in_url=False)
            if found is None:
                raise NotFound(f"There is no method '{name[:100]}'.")
            _, method, params = found
            return await run(ctx, method, held._replace(access=self.access), params)

    async def notices(self, changed: Changed) -> Sequence[Notice]:
        """See `Guest.notices`: a tree's change is told as one of channels and of folders."""
        if self.access.delayed:
            return ()
        told: list[Notice] = []
        if "stream" in changed.kinds:
            told.append(("channelsChanged", ()))
            told += await self._each("foldersChanged", "stream", changed)
        if changed.kinds & {"event", "series"}:
            told += await self._each("eventsChanged", "event", changed)
        if "share" in changed.kinds and self.access.owner:
            told.append(("bookmarksChanged", ()))
        return told

    async def _each(self, name: str, kind: str, changed: Changed) -> list[Notice]:
        """Return one notice, in 0.4 one for each channel that has changed."""
        if not self._call.version.later:
            return [(name, ())]
        access, ctx = self.access, self._ctx

        def look(tx: Tx) -> list[str]:
            return changelog.roots(tx, ctx, access, kind, changed.after, changed.upto)

        return [(name, ({"channelId": c},)) for c in await http.read(ctx, look)]


def _method(name: str, given: Params) -> tuple[str, Method, Params] | None:
    """Return the method of a name, which may begin with a channel: `{channel}.events.get`.

    Raises:
        InvalidInput: an update says nothing of what is to change.
    """
    channel, _, plain = name.rpartition(".")
    noun, verb = channel.rpartition(".")[2], _SHORT.get(plain, plain)
    id_ = f"{noun}.{verb}"
    method = None if id_ in _HTTP_ONLY else METHODS.get(id_)
    if method is None:
        return None
    params = dict(given)
    if verb == "update":
        update = params.pop("update", None)
        if update is None:
            update = {k: v for k, v in params.items() if k not in ("id", "channelId")}
        params = {"id": params.get("id"), "update": params_of(update)}
    if noun in ("folders", "events"):
        whose = channel.rpartition(".")[0] or given.get("channelId")
        if not isinstance(whose, str):
            raise InvalidInput("which channel?", field="channelId")
        params["channelId"] = whose
    if verb in ("update", "delete", "deleteAttachedFile") and not isinstance(params.get("id"), str):
        raise InvalidInput("id is a text", field="id")
    return id_, method, params
