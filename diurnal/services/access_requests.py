"""Access requests: an app asks, somebody answers in a browser, the app looks whether they have.

Whoever knows the key may look and answer: it is all that binds the two together.
"""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from diurnal.auth import tokens
from diurnal.errors import NotFound, TooMany
from diurnal.model.time import HOUR
from diurnal.services.context import Context
from diurnal.store import access_requests as rows
from diurnal.store.database import Tx, WriteTx

LASTS_US = HOUR
REQUESTS_MAX = 10_000
"""Of the whole server; what is more waits until others are past their time."""
KEY_BYTES = 18
_NOBODY = 0
"""Sealed for no account: none is known yet."""


class AccessRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, and what came of it.

    Attributes:
        asked: as the app gave it.
        answer: as the app will read it; None while nobody has answered.
    """

    asked: dict[str, Any]
    answer: dict[str, Any] | None = None


def start(tx: WriteTx, ctx: Context, asked: dict[str, Any]) -> str:
    """Keep a request for an hour and return its key.

    Raises:
        TooMany: too many wait already.
    """
    rows.forget(tx, ctx.now())
    if rows.count(tx) >= REQUESTS_MAX:
        raise TooMany("too many requests wait for an answer", retry_after_s=600)
    key = secrets.token_urlsafe(KEY_BYTES)
    rows.add(tx, tokens.digest(key), _sealed(ctx, AccessRequest(asked=asked)), ctx.now() + LASTS_US)
    return key


def look(tx: Tx, ctx: Context, key: str) -> AccessRequest:
    """Return a request.

    Raises:
        NotFound: nobody has this key, or not any more.
    """
    found = rows.get(tx, tokens.digest(key))
    text = None if found is None or found[1] <= ctx.now() else ctx.keys.open(found[0], _NOBODY)
    if text is None:
        raise NotFound("no request has this key")
    return msgspec.json.decode(text, type=AccessRequest)


def settle(tx: WriteTx, ctx: Context, key: str, answer: dict[str, Any]) -> AccessRequest:
    """Keep the answer for whoever asks with the key; the first one stands.

    Raises:
        NotFound: nobody has this key, or not any more.
    """
    known = look(tx, ctx, key)
    if known.answer is not None:
        return known
    settled = msgspec.structs.replace(known, answer=answer)
    rows.put(tx, tokens.digest(key), _sealed(ctx, settled))
    return settled


def _sealed(ctx: Context, request: AccessRequest) -> bytes:
    return ctx.keys.seal(msgspec.json.encode(request).decode(), _NOBODY)
