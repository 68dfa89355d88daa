"""Devices without a browser: they show a code, their owner types it elsewhere (RFC 8628)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from authlib.oauth2.rfc6749 import OAuth2Error

from diurnal.auth import tokens
from diurnal.auth.oauth2.face import Face
from diurnal.auth.oauth2.records import Form, Reply
from diurnal.auth.oauth2.server import METHODS, Device, Request
from diurnal.auth.oauth2.views import Client as View
from diurnal.errors import InvalidInput, NotFound
from diurnal.model.access import Access
from diurnal.model.time import SECOND
from diurnal.services import accesses, clients, consents, oauth2
from diurnal.services.consents import AppAsk, Choice
from diurnal.services.context import Context
from diurnal.services.steps import Nothing, Steps, application
from diurnal.store import accounts, changes, grants
from diurnal.store.clients import NOBODY, Client
from diurnal.store.database import Tx, WriteTx
from diurnal.store.grants import DeviceRequest

LASTS_S = 900
POLL_S = 5
"""Seconds between two questions of a device."""
POLL_MAX_S = 60
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, and nothing that looks like a digit: codes are no words and are read aloud."""
KIND = "user-code"
WAITING, ALLOWED, REFUSED = "waiting", "allowed", "refused"


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    client_id: str
    face: Face
    issuer: str
    scope: tuple[str, ...]


def who(
    ctx: Context,
    face: Face,
    issuer: str,
    form: Form,
    headers: Mapping[str, str],
    found: Mapping[str, Client],
) -> Client | Reply:
    """Return the application that asks, or the answer to one that is none."""
    request = Request("POST", form, headers)
    server = oauth2.rules(ctx, face, issuer, Nothing(*found.values()))
    try:
        server.refuse_repeated(request)
        view = server.authenticate_client(request, METHODS, "device_authorization")
    except OAuth2Error as error:
        return oauth2.answer_of(error)
    return found[view.client_id]


def scope(face: Face, client: Client, form: Form) -> tuple[str, ...] | Reply:
    """Return the scopes that a device asks for, or the answer to one that asks too much."""
    asked = " ".join(form.get("scope", []))
    try:
        return tuple(View(application(client), face).get_allowed_scope(asked).split())
    except OAuth2Error as error:
        return oauth2.answer_of(error)


def start(
    tx: WriteTx,
    ctx: Context,
    face: Face,
    issuer: str,
    client: Client,
    scope: tuple[str, ...],
    base: str,
) -> dict[str, Any]:
    """Make a device's request, kept with the application; return what it shows to its owner."""
    account_id = client.account_id
    _lock(tx, ctx, account_id)
    now = ctx.now()
    for old in grants.drop_devices(tx, account_id, now):
        accounts.release(tx, KIND, old, account_id)
    code = tokens.make(account_id)
    user_code = _user_code(tx, account_id, now)
    given = _Given(client_id=client.id, face=face, issuer=issuer, scope=scope)
    new = DeviceRequest(
        code_hash=tokens.digest(code),
        user_code=user_code,
        given=msgspec.json.encode(given).decode(),
        state=WAITING,
        sealed=None,
        polls_s=POLL_S,
        polled=None,
        expires=now + LASTS_S * SECOND,
    )
    grants.add_device(tx, account_id, new)
    shown = f"{user_code[:4]}-{user_code[4:]}"
    return {
        "device_code": code,
        "user_code": shown,
        "verification_uri": base + consents.DEVICE_PAGE,
        "verification_uri_complete": f"{base}{consents.DEVICE_PAGE}?user_code={shown}",
        "expires_in": LASTS_S,
        "interval": POLL_S,
    }


def poll(tx: WriteTx, ctx: Context, account_id: int, code: str) -> Device | None:
    """Return how far a device's request is, and count the question; None for an unknown code."""
    _lock(tx, ctx, account_id)
    row = grants.device(tx, account_id, tokens.digest(code))
    if row is None:
        return None
    now = ctx.now()
    hasty = row.polled is not None and now - row.polled < (row.polls_s - 1) * SECOND
    slower = min(POLL_MAX_S, row.polls_s + 5) if hasty else row.polls_s
    grants.save_device(tx, account_id, msgspec.structs.replace(row, polled=now, polls_s=slower))
    given = msgspec.json.decode(row.given, type=_Given)
    held = ctx.keys.open(row.sealed, account_id) if row.sealed is not None else None
    return Device(
        client_id=given.client_id,
        state=row.state,
        code=held,
        hasty=hasty,
        expired=now >= row.expires,
    )


def find(tx: Tx, ctx: Context, typed: str) -> AppAsk:
    """Return what the device asks for whose code somebody typed.

    Raises:
        NotFound: no device shows such a code.
    """
    user_code = "".join(c for c in typed.upper() if c in LETTERS)
    account_id = accounts.look_up(tx, KIND, user_code) if len(user_code) == 8 else None
    row = grants.device_by_user_code(tx, account_id, user_code) if account_id is not None else None
    if row is None or row.state != WAITING or ctx.now() >= row.expires:
        raise NotFound("No device shows this code now. Codes last 15 minutes.")
    given = msgspec.json.decode(row.given, type=_Given)
    return AppAsk(
        face=given.face,
        issuer=given.issuer,
        client_id=given.client_id,
        params={"scope": [" ".join(given.scope)]},
        user_code=user_code,
        at=ctx.now(),
    )


def grant(
    tx: WriteTx, ctx: Context, caller: Access, ask: AppAsk, client: Client, choice: Choice
) -> str:
    """Grant what a device asks; return the code that it will redeem.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: nothing was chosen.
    """
    accesses.must_own(caller)
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    scope = tuple(ask.params["scope"][0].split())
    granted = oauth2.granted(tx, ctx, caller, ask, client, choice, scope=scope, redirect_uri="")
    steps = Steps(tx, ctx, ask.face, caller.account_id, caller.username, client)
    return steps.save_code(granted)


def settle(tx: WriteTx, ctx: Context, client: Client, user_code: str, code: str | None) -> None:
    """Tell a device's request what its owner decided.

    Args:
        code: what `grant` returned, None for a refusal.

    Raises:
        InvalidInput: it has been decided, or is too old.
    """
    account_id = client.account_id
    _lock(tx, ctx, account_id)
    row = grants.device_by_user_code(tx, account_id, user_code)
    if row is None or row.state != WAITING or ctx.now() >= row.expires:
        raise InvalidInput("This device has been answered already, or its code is too old.")
    state = REFUSED if code is None else ALLOWED
    sealed = None if code is None else ctx.keys.seal(code, account_id)
    grants.save_device(tx, account_id, msgspec.structs.replace(row, state=state, sealed=sealed))
    accounts.release(tx, KIND, user_code, account_id)


def client_of(tx: Tx, ctx: Context, ask: AppAsk) -> Client:
    """Return the application behind an ask.

    Raises:
        NotFound: it is gone.
    """
    found = clients.find(tx, ctx, ask.client_id)
    if found is None or found.api not in ask.face.clients:
        raise NotFound("This application is no longer registered here.")
    return found


def _user_code(tx: WriteTx, account_id: int, now: int) -> str:
    for _ in range(10):
        made = "".join(secrets.choice(LETTERS) for _ in range(8))
        if accounts.claim(tx, KIND, made, account_id, now):
            return made
    raise InvalidInput("no code is free; try again")


def _lock(tx: WriteTx, ctx: Context, account_id: int) -> None:
    # Nobody's applications have no clock to lock; two that poll for one device do no harm.
    if account_id != NOBODY:
        changes.reserve(tx, account_id, 0, ctx.now())
