"""Consent: what an application asks of an owner, what they choose, and the receipt of it.

Whoever asks (OAuth, Pryv's way) makes an `Ask`, signs it with `sealed` and sends the browser to
`PAGE`; the page shows it, and its answer comes back to `services.oauth2.decide`, or, for an
`AccessAsk`, to `allow` and `refuse` here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from diurnal import catalog
from diurnal.auth import signed
from diurnal.auth.oauth2.face import Face
from diurnal.auth.oauth2.records import Frame
from diurnal.catalog import scopes
from diurnal.catalog.scopes import Scope
from diurnal.errors import Forbidden, InvalidInput
from diurnal.model.access import EVERY, Access, Kind, Level, Permission
from diurnal.model.streams import ACCOUNT_STREAMS
from diurnal.model.time import DAY, HOUR, SECOND
from diurnal.services import accesses, receipts, streams
from diurnal.services.context import Context
from diurnal.store import changes, consents
from diurnal.store.database import Tx, WriteTx

PAGE = "/consent"
"""Where a browser takes an ask: `PAGE?request=<sealed>`."""
DEVICE_PAGE = "/device"
"""Where the code of another device is typed."""
ASK_US = HOUR
"""An ask is answered within this time."""
OUTCOME_US = 10 * 60 * SECOND
_PURPOSE = "consent ask"
_OUTCOME = "consent outcome"


class AppAsk(msgspec.Struct, frozen=True, kw_only=True, tag="app"):
    """A registered application asks, by OAuth.

    Attributes:
        issuer: of the door, as the browser reached it.
        params: of the request.
        user_code: what the owner typed, where a device asks.
        at: microseconds.
    """

    face: Face
    issuer: str
    client_id: str
    params: dict[str, list[str]]
    user_code: str | None = None
    at: int


class AccessAsk(msgspec.Struct, frozen=True, kw_only=True, tag="access"):
    """Somebody asks for permissions that they name one by one.

    Attributes:
        api: whose rules the access will have.
        name: of who asks.
        streams: id -> name of streams to make where they are not there.
        return_to: address on this server that takes `outcome=…` and goes on from there.
        target: where the browser is led from there, "" for nowhere: the page names it, and its
            form may end there.
        key: what the asker calls this ask.
        expires_s: life of the access, None for ever.
        seal: keep the token so that it can be shown again.
        features: see `Access`.
        username: only this account may answer.
    """

    api: str
    name: str
    permissions: tuple[Permission, ...]
    return_to: str
    at: int
    target: str = ""
    key: str = ""
    streams: dict[str, str] = {}
    device: str | None = None
    expires_s: int | None = None
    seal: bool = True
    client_data: dict[str, Any] | None = None
    features: dict[str, str] = {}
    username: str | None = None


Ask = AppAsk | AccessAsk


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner chose; nothing chosen is all that was asked.

    Attributes:
        keys: of the items that they allow, None for all.
        until: when all of it ends, microseconds; None for as long as was asked.
    """

    keys: frozenset[str] | None = None
    frame: Frame = Frame()
    until: int | None = None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the page.

    Attributes:
        right: "read", "write", "add" or "" for what opens no data.
        always: it cannot be left out.
    """

    key: str
    title: str
    words: str
    right: str
    sensitive: bool
    always: bool


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How an `AccessAsk` ended; `access_id` is None where it was refused."""

    key: str
    account_id: int
    access_id: str | None
    at: int


def sealed(ctx: Context, ask: Ask) -> str:
    """Return an ask as the browser carries it to the page; it cannot be changed on the way."""
    return signed.sign(ctx.keys, _PURPOSE, msgspec.json.encode(ask))


def opened(ctx: Context, text: str) -> Ask:
    """Return the ask that a browser brought.

    Raises:
        InvalidInput: not ours, or too old.
    """
    raw = signed.read(ctx.keys, _PURPOSE, text)
    ask: Ask | None = None
    if raw is not None:
        # An ask of another version of ours is too old, whatever its time.
        with contextlib.suppress(msgspec.ValidationError):
            ask = msgspec.json.decode(raw, type=AppAsk | AccessAsk)
    if ask is None or not 0 <= ctx.now() - ask.at <= ASK_US:
        raise InvalidInput(
            "This page is too old, or its address is not whole. Go back to the application and"
            " begin again."
        )
    return ask


def page(ctx: Context, ask: Ask) -> str:
    """Return the path of the page that shows an ask."""
    return f"{PAGE}?{urlencode({'request': sealed(ctx, ask)})}"


def item_of(scope: Scope) -> Item:
    """Return the line of a scope."""
    right = "read" if scope.reads else "write" if scope.writes else "add" if scope.adds else ""
    return Item(
        key=scope.name,
        title=scope.title,
        words=scope.words,
        right=right,
        sensitive=scope.sensitive,
        always=scope.always,
    )


_RIGHTS = {
    Level.READ: ("read", "read"),
    Level.CONTRIBUTE: ("write", "read, add and change"),
    Level.MANAGE: ("write", "read, add, change and delete"),
    Level.CREATE_ONLY: ("add", "add, without reading,"),
    Level.NONE: ("", "never see"),
}


def items(tx: Tx, ctx: Context, caller: Access, ask: AccessAsk) -> list[Item]:
    """Return the lines of an ask for permissions."""
    tree = ctx.state(tx, caller.account_id).tree
    found = []
    for i, p in enumerate(ask.permissions):
        right, verb = _RIGHTS[p.level]
        if p.stream == EVERY:
            title, what = "Everything", "all your streams"
        elif p.stream in ACCOUNT_STREAMS:
            title = ACCOUNT_STREAMS[p.stream]
            what = f"“{title}” of your account"
        else:
            known = tree.get(p.stream) if p.stream in tree else None
            title = known.name if known is not None else ask.streams.get(p.stream, p.stream)
            what = f"what is in “{title}”" + ("" if known else ", a new stream")
        told = [catalog.find(m) for m in p.measures or ()]
        if told:
            what += ": " + ", ".join(m.label for m in told if m is not None)
        if p.tags:
            what += f", where it is tagged {', '.join(p.tags)}"
        if p.level is Level.MANAGE:
            what += "; and name, move and delete the streams themselves"
        found.append(
            Item(
                key=str(i),
                title=title,
                words=f"{verb} {what}",
                right=right,
                sensitive=p.stream == EVERY or p.stream in ACCOUNT_STREAMS,
                always=p.level is Level.NONE,
            )
        )
    return found


def reached(
    tx: Tx, ctx: Context, caller: Access, permissions: Iterable[Permission]
) -> frozenset[str]:
    """Return the measures that permissions let read, by name or by the streams they lie in."""
    state = ctx.state(tx, caller.account_id)
    found: set[str] = set()
    for p in permissions:
        if not p.allows.reads:
            continue
        if p.measures is not None:
            found.update(p.measures)
            continue
        below = {s.id for s in state.tree} if p.stream == EVERY else {*state.tree.below(p.stream)}
        found |= {m.key for m in catalog.MEASURES.values() if state.home(m) in below}
        found |= {m for m in map(state.tree.measure_of, below) if m is not None}
    return frozenset(found)


def framed(permissions: Iterable[Permission], frame: Frame) -> tuple[Permission, ...]:
    """Return permissions within the frame that the owner chose; it bounds what is read."""
    plain = Frame(writable=frame.writable)
    if frame == plain:
        return tuple(permissions)
    found: list[Permission] = []
    for p in permissions:
        given = p.allows
        if not given.reads:
            found.append(p)
            continue
        start = frame.start if p.start is None else max(p.start, frame.start or p.start)
        found.append(
            msgspec.structs.replace(
                p,
                level=Level.READ,
                rights=None,
                start=start,
                days_only=p.days_only or frame.days_only,
                place=max(p.place, frame.place, key=list(type(p.place)).index),
                delay=max(p.delay, frame.delay),
            )
        )
        if given.creates:
            kept = ("create", "update", "delete") if given.changes else ("create",)
            found.append(msgspec.structs.replace(p, level=Level.CONTRIBUTE, rights=kept))
    return tuple(found)


def of_scopes(names: Iterable[str], api: str, frame: Frame) -> tuple[Permission, ...]:
    """Return the permissions that scopes give within a frame."""
    known = scopes.of(api)
    chosen = [s for s in map(known.find, names) if s is not None]
    return framed(scopes.permissions(chosen, writable=frame.writable), frame)


def allow(tx: WriteTx, ctx: Context, caller: Access, ask: AccessAsk, choice: Choice) -> str:
    """Make the access that was asked for, and return where to send the browser.

    Raises:
        Forbidden: the caller is not the owner, or not whom it is for.
        InvalidInput: nothing is left of it.
    """
    accesses.must_own(caller)
    _must_be_for(caller, ask)
    stamp = changes.reserve(tx, caller.account_id, 0, ctx.now())
    kept = [
        p
        for i, p in enumerate(ask.permissions)
        if choice.keys is None or str(i) in choice.keys or p.level is Level.NONE
    ]
    if not any(p.level is not Level.NONE for p in kept):
        raise InvalidInput("choose at least one line, or refuse all")
    tree = ctx.state(tx, caller.account_id).tree
    for p in kept:
        name = ask.streams.get(p.stream)
        if name and p.stream != EVERY and p.stream not in tree and p.level is not Level.NONE:
            streams.create(tx, ctx, caller, name=name, id_=p.stream)
    until = None if ask.expires_s is None else ctx.now() + ask.expires_s * SECOND
    if choice.until is not None:
        until = choice.until if until is None else min(until, choice.until)
    permissions = framed(kept, choice.frame)
    known = accesses.check_app(
        tx,
        ctx,
        caller,
        name=ask.name,
        permissions=permissions,
        device=ask.device,
        features=ask.features,
        client_data=ask.client_data,
    )
    found = known.matching
    if found is not None and found.sealed is not None and found.access.expires == until:
        return _with_outcome(ctx, ask, caller.account_id, found.access.id, stamp.at)
    before = found or known.mismatching
    if before is not None and before.access.api == ask.api and before.access.client_id is None:
        accesses.revoke(tx, ctx, caller, before.access.id)
    stored, _ = accesses.issue(
        tx,
        ctx,
        account_id=caller.account_id,
        username=caller.username,
        kind=Kind.APP,
        name=ask.name,
        permissions=permissions,
        api=ask.api,
        device=ask.device,
        expires=until,
        seal=ask.seal,
        client_data=ask.client_data,
        features=ask.features,
        made_by=caller.id,
    )
    id_ = receipts.record(
        tx,
        ctx,
        caller,
        name=ask.name,
        client_id=None,
        url=None,
        permissions=permissions,
        until=until,
    )
    consents.taken(tx, caller.account_id, id_, stored.access.id)
    return _with_outcome(ctx, ask, caller.account_id, stored.access.id, stamp.at)


def refuse(ctx: Context, caller: Access, ask: AccessAsk) -> str:
    """Return where to send the browser of an owner who refuses."""
    return _with_outcome(ctx, ask, caller.account_id, None, ctx.now())


def outcome(ctx: Context, text: str) -> Outcome:
    """Return how an ask ended, as the browser brought it to `return_to`.

    Raises:
        InvalidInput: not ours, or too old.
    """
    raw = signed.read(ctx.keys, _OUTCOME, text)
    found = None if raw is None else msgspec.json.decode(raw, type=Outcome)
    if found is None or not 0 <= ctx.now() - found.at <= OUTCOME_US:
        raise InvalidInput("this outcome is not ours, or too old")
    return found


def _with_outcome(
    ctx: Context, ask: AccessAsk, account_id: int, access_id: str | None, at: int
) -> str:
    told = Outcome(key=ask.key, account_id=account_id, access_id=access_id, at=min(at, ctx.now()))
    text = signed.sign(ctx.keys, _OUTCOME, msgspec.json.encode(told))
    parts = urlsplit(ask.return_to)
    query = [*parse_qsl(parts.query, keep_blank_values=True), ("outcome", text)]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _must_be_for(caller: Access, ask: AccessAsk) -> None:
    if ask.username is not None and ask.username != caller.username:
        raise Forbidden("this is for another account")


EXPIRY_DAYS = (1, 7, 30, 90, 365)
"""What the page offers for an earlier end."""
BACK_DAYS = (30, 365)
"""What the page offers for how far back."""
DELAY_DAYS = (1, 7, 30)


def until_after(ctx: Context, days: int) -> int:
    """Return the instant that many days from now."""
    return ctx.now() + days * DAY
