"""Changes as server-sent events: what to read again, told within a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

import anyio
import msgspec
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import wire
from diurnal.dialects.native.endpoint import Call, Endpoint
from diurnal.errors import InvalidInput, Unavailable
from diurnal.live import PACE_S, Follower, Hub, hub_of
from diurnal.model.access import Access
from diurnal.model.time import SECOND
from diurnal.services import authentication, changelog
from diurnal.services.context import Context
from diurnal.store.database import Tx

PING_S = 15
RETRY_MS = 2_000
"""When a browser is to come back."""
LOOK_S = 60.0
"""Nothing is looked at less often, not even a clock that was put."""
RETRY_S = 1.0
GRACE_S = 2.0
"""What a stream gets to end by itself when the server stops."""
QUICK_MAX = 200
"""Changes that are looked through on the event loop."""
SEND_S = 30
"""A client that takes nothing for so long has gone."""
REV_MAX = 2**53


class LiveQuery(wire.Input):
    """Where to begin, for clients that cannot send `Last-Event-ID` the first time."""

    since: Annotated[int, msgspec.Meta(ge=0, le=REV_MAX)] | None = None


class LiveOut(wire.Output):
    """The data of an event `change`: the change number, and the kinds of what changed."""

    rev: int
    kinds: list[str]


async def follow(call: Call) -> Response:
    """Answer with a stream of changes."""
    since = _since(call)
    hub = hub_of(call.request.scope)
    hub.check_room(call.caller)
    closing = anyio.Event()
    return EventSourceResponse(
        _events(call, hub, since, closing),
        ping=PING_S,
        ping_message_factory=lambda: ServerSentEvent(comment="ping"),
        send_timeout=SEND_S,
        shutdown_event=closing,
        shutdown_grace_period=GRACE_S,
        headers={"Cache-Control": "no-store"},
        sep="\n",
    )


def _since(call: Call) -> int | None:
    told = call.request.headers.get("last-event-id")
    if not told:
        return call.query.since if call.query is not None else None
    if not (told.isascii() and told.isdigit()) or int(told) > REV_MAX:
        raise InvalidInput("not the id of an event of this stream", field="Last-Event-ID")
    return int(told)


async def _events(
    call: Call, hub: Hub, since: int | None, closing: anyio.Event
) -> AsyncIterator[ServerSentEvent]:
    ctx, caller = call.ctx, call.caller
    async with hub.follow(caller) as follower, _ended_by(closing, follower):
        rev = hub.rev(caller.account_id) if since is None else since
        # No data, so no event: it only says from where to go on, and when.
        yield ServerSentEvent(id=str(rev or 0), retry=RETRY_MS, sep="\n")
        while rev is not None and not authentication.expired(ctx, caller):
            now = await follower.next(rev, _patience(ctx, caller))
            if now is None:
                if follower.ended:
                    return
                continue
            try:
                stands, kinds = await http.read(
                    ctx, _news(call, rev, now), quick=0 <= now - rev <= QUICK_MAX
                )
            except Unavailable:  # nothing is lost: it is looked for again
                await asyncio.sleep(RETRY_S)
                continue
            if not stands:
                return
            rev = now
            if kinds:
                told = wire.encode(LiveOut(rev=rev, kinds=kinds)).decode()
                yield ServerSentEvent(event="change", id=str(rev), data=told, sep="\n")
                await asyncio.sleep(PACE_S)


@asynccontextmanager
async def _ended_by(closing: anyio.Event, follower: Follower) -> AsyncIterator[None]:
    waiting = asyncio.create_task(closing.wait())
    waiting.add_done_callback(lambda _: follower.end())
    try:
        yield
    finally:
        waiting.cancel()


def _patience(ctx: Context, caller: Access) -> float:
    """Return how many seconds to wait before the time of the token is looked at again."""
    if caller.expires is None:
        return LOOK_S
    return min(max((caller.expires - ctx.now()) / SECOND, 0.05), LOOK_S)


def _news(call: Call, rev: int, now: int) -> Callable[[Tx], tuple[bool, list[str]]]:
    # A token that is revoked, or whose account is deleted, is a change itself.
    def look(tx: Tx) -> tuple[bool, list[str]]:
        caller = authentication.current(tx, call.ctx, call.caller)
        if caller is None or caller.delayed:  # or it was changed, and sees things later now
            return False, []
        return True, changelog.kinds(tx, caller, rev, now)

    return look


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/live",
        name="live.follow",
        summary="Follow changes as they happen",
        description=(
            "A stream of server-sent events: `change`, with what changed by kind, at most ten a "
            "second. Its ids are change numbers: after a break `Last-Event-ID` goes on from "
            "there. The stream ends when the token does."
        ),
        query=LiveQuery,
        headers={"Last-Event-ID": "Change number after which to begin; else from now on."},
        answer=(LiveOut,),
        answer_media="text/event-stream",
        handler=follow,
    ),
)
