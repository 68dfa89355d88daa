"""Where the owner is signed in, and legacy ways in."""

from __future__ import annotations

from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.dialects.native.tokens import Revoked
from diurnal.model.events import seconds
from diurnal.services import legacy, sessions
from diurnal.store.database import Tx, WriteTx


class SessionRow(wire.Output):
    """A session: what signed in, from where, how, and when it was used last."""

    id: str
    api: str
    name: str
    device: str
    address: str
    method: str
    created: float
    used: float | None = None
    expires: float | None = None
    current: bool = False


class SessionsOut(wire.Output):
    """The account's sessions, last used first."""

    sessions: list[SessionRow]


class EndedOut(wire.Output):
    """How many were ended."""

    ended: int


class WayOut(wire.Output):
    """A legacy way in: whether it is on, and its use."""

    key: str
    dialect: str
    title: str
    risk: str
    on: bool
    uses: int
    used: float | None = None


class WaysOut(wire.Output):
    """All legacy ways in."""

    ways: list[WayOut]


class WaySwitch(wire.Input):
    """On or off."""

    on: bool


async def get_sessions(call: Call) -> Response:
    """List the sessions."""
    found = await http.read(call.ctx, lambda tx: sessions.listed(tx, call.ctx, call.caller))
    rows = [
        SessionRow(
            id=s.id,
            api=s.api,
            name=s.name,
            device=s.device,
            address=s.address,
            method=s.method,
            created=seconds(s.created),
            used=None if s.used is None else seconds(s.used),
            expires=None if s.expires is None else seconds(s.expires),
            current=s.id == call.caller.id,
        )
        for s in found
    ]
    return endpoint.answer(SessionsOut(sessions=rows))


async def end_session(call: Call) -> Response:
    """End one session."""
    id_ = call.path["id"]
    await http.write(call.ctx, lambda tx: sessions.end(tx, call.ctx, call.caller, id_))
    return endpoint.answer(Revoked(revoked=id_))


async def end_others(call: Call) -> Response:
    """End all sessions but the one that calls."""
    ended = await http.write(call.ctx, lambda tx: sessions.end_others(tx, call.ctx, call.caller))
    return endpoint.answer(EndedOut(ended=ended))


def _ways(tx: Tx, call: Call) -> WaysOut:
    told = legacy.listed(tx, call.ctx, call.caller)
    return WaysOut(
        ways=[
            WayOut(
                key=t.way.key,
                dialect=t.way.dialect,
                title=t.way.title,
                risk=t.way.risk,
                on=t.on,
                uses=t.uses,
                used=None if t.used is None else seconds(t.used),
            )
            for t in told
        ]
    )


async def get_ways(call: Call) -> Response:
    """List the legacy ways in."""
    return endpoint.answer(await http.read(call.ctx, lambda tx: _ways(tx, call)))


async def switch_way(call: Call) -> Response:
    """Switch a legacy way in on or off."""
    way, on = call.path["way"], call.body.on

    def do(tx: WriteTx) -> WaysOut:
        legacy.switch(tx, call.ctx, call.caller, way, on=on)
        return _ways(tx, call)

    return endpoint.answer(await http.write(call.ctx, do))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/sessions",
        name="sessions.list",
        summary="List the sessions",
        who=Who.OWNER,
        answer=(SessionsOut,),
        handler=get_sessions,
    ),
    Endpoint(
        method="DELETE",
        path="/sessions",
        name="sessions.end_others",
        summary="End all sessions but the one that calls",
        who=Who.OWNER,
        answer=(EndedOut,),
        handler=end_others,
    ),
    Endpoint(
        method="DELETE",
        path="/sessions/{id}",
        name="sessions.end",
        summary="End one session",
        who=Who.OWNER,
        answer=(Revoked,),
        handler=end_session,
    ),
    Endpoint(
        method="GET",
        path="/legacy",
        name="legacy.list",
        summary="List the legacy ways in",
        description="Ways of older APIs that are less safe than OAuth; they are on until switched"
        " off.",
        who=Who.OWNER,
        answer=(WaysOut,),
        handler=get_ways,
    ),
    Endpoint(
        method="PUT",
        path="/legacy/{way}",
        name="legacy.switch",
        summary="Switch a legacy way in on or off",
        who=Who.OWNER,
        body=(WaySwitch,),
        answer=(WaysOut,),
        handler=switch_way,
    ),
)
