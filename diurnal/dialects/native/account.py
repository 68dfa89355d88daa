"""The account: settings, home zone, zone history, change log."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.errors import InvalidInput
from diurnal.model import time
from diurnal.model.events import seconds
from diurnal.services import accounts, changelog, zones
from diurnal.store.accounts import Account
from diurnal.store.database import Tx, WriteTx

ZONES_MAX = 10_000
ZoneName = Annotated[str, msgspec.Meta(min_length=1, max_length=64, description="IANA name.")]


class AccountPatch(wire.Input):
    """Members to change; `settings` merge by key, null deletes a key."""

    timezone: ZoneName | msgspec.UnsetType = msgspec.UNSET
    settings: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class AccountOut(wire.Output):
    """The account; e-mail, settings and creation are shown to its owner only."""

    username: str
    timezone: str | None = None
    email: str | None = None
    email_verified: bool | None = None
    admin: bool | None = None
    settings: dict[str, Any] | None = None
    created: float | None = None


class ZoneIn(wire.Input):
    """From when on which zone was in force."""

    start: wire.Moment = msgspec.field(name="from")
    timezone: ZoneName


class ZonesIn(wire.Input):
    """The owner's own zone changes, all of them."""

    zones: Annotated[list[ZoneIn], msgspec.Meta(max_length=ZONES_MAX)]


class ZoneOut(wire.Output):
    """From when on which zone was in force; an import told of it, or else the owner."""

    start: float = msgspec.field(name="from")
    timezone: str
    batch: int | None = None


class ZonesOut(wire.Output):
    """The zone history: before its first change, home was in force."""

    home: str
    zones: list[ZoneOut]


class ChangesQuery(wire.Input):
    """From which change number on; 0 from the first."""

    since: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=changelog.LIMIT_MAX)] = 1_000


class ChangeOut(wire.Output):
    """One change: what (`kind`, `id`) was done (`op`) when by which token."""

    rev: int
    kind: str
    op: str
    id: str
    access: str
    time: float


class ChangesOut(wire.Output):
    """Changes, oldest first; `rev` is what to ask `since` next, `more` whether to ask at once."""

    changes: list[ChangeOut]
    rev: int
    more: bool


async def get(call: Call) -> Response:
    """Answer the account."""

    def one(tx: Tx) -> bytes:
        account = accounts.find(tx, call.caller.username)
        if call.caller.owner:
            return wire.encode(write_account(account))
        return wire.encode(AccountOut(username=account.username, timezone=account.timezone))

    return await endpoint.cached(call, one, quick=True)


def write_account(account: Account) -> AccountOut:
    """Return the account as its owner sees it."""
    return AccountOut(
        username=account.username,
        timezone=account.timezone,
        email=account.email,
        email_verified=account.email_verified is not None if account.email else None,
        admin=account.admin or None,
        settings=account.settings,
        created=seconds(account.created),
    )


async def update(call: Call) -> Response:
    """Change home zone and settings."""
    fields = wire.given(call.body)
    account = await http.write(
        call.ctx, lambda tx: accounts.update(tx, call.ctx, call.caller, **fields)
    )
    return endpoint.answer(write_account(account))


def _zones(tx: Tx, call: Call) -> bytes:
    home, found = zones.listed(tx, call.ctx, call.caller)
    shown = [
        ZoneOut(start=seconds(at), timezone=name, batch=batch or None) for at, name, batch in found
    ]
    return wire.encode(ZonesOut(home=home, zones=shown))


async def get_zones(call: Call) -> Response:
    """Answer the zone history."""
    return await endpoint.cached(call, lambda tx: _zones(tx, call), quick=True)


async def put_zones(call: Call) -> Response:
    """Set the owner's own zone changes and date anew what carries no zone."""
    found: dict[int, str] = {}
    for i, zone in enumerate(call.body.zones):
        at = wire.instant(zone.start, f"zones[{i}].from")
        if at in found:
            raise InvalidInput("two zones from the same instant", field=f"zones[{i}].from")
        try:
            time.zone(zone.timezone)
        except InvalidInput as error:
            raise InvalidInput(error.message, field=f"zones[{i}].timezone") from None
        found[at] = zone.timezone

    def do(tx: WriteTx) -> bytes:
        zones.replace(tx, call.ctx, call.caller, 0, sorted(found.items()))
        return _zones(tx, call)

    return endpoint.ready(await http.write(call.ctx, do))


async def changes(call: Call) -> Response:
    """Answer what changed after a change number."""
    since, limit = call.query.since, call.query.limit
    found = await http.read(call.ctx, lambda tx: changelog.since(tx, call.caller, since, limit + 1))
    more = len(found) > limit
    shown = [
        ChangeOut(rev=c.rev, kind=c.kind, op=c.op, id=c.id, access=c.access, time=seconds(c.time))
        for c in found[:limit]
    ]
    last = shown[-1].rev if shown else since
    return endpoint.answer(ChangesOut(changes=shown, rev=last, more=more))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/account",
        name="account.get",
        summary="Read the account",
        answer=(AccountOut,),
        handler=get,
    ),
    Endpoint(
        method="PATCH",
        path="/account",
        name="account.update",
        summary="Change home zone and settings",
        who=Who.OWNER,
        body=(AccountPatch,),
        answer=(AccountOut,),
        handler=update,
    ),
    Endpoint(
        method="GET",
        path="/account/zones",
        name="account.zones",
        summary="Read the zone history",
        who=Who.OWNER,
        answer=(ZonesOut,),
        handler=get_zones,
    ),
    Endpoint(
        method="PUT",
        path="/account/zones",
        name="account.set_zones",
        summary="Set the owner's own zone changes",
        who=Who.OWNER,
        body=(ZonesIn,),
        answer=(ZonesOut,),
        handler=put_zones,
    ),
    Endpoint(
        method="GET",
        path="/changes",
        name="changes.list",
        summary="Read what changed since a change number",
        who=Who.OWNER,
        query=ChangesQuery,
        answer=(ChangesOut,),
        handler=changes,
    ),
)
