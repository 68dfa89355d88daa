"""Secrets that work once and not for long: links in mails, tickets between two steps.

Each carries its account, and only its hash is kept.
"""

from __future__ import annotations

from typing import Any

import msgspec

from diurnal.auth import tokens
from diurnal.errors import Forbidden
from diurnal.services.context import Context
from diurnal.store import changes, one_time
from diurnal.store.database import Tx, WriteTx

WORN = "this link or code has been used, or is too old"


def issue(
    tx: WriteTx, ctx: Context, account_id: int, purpose: str, data: Any, *, lasts: int
) -> str:
    """Return a new secret for a purpose.

    Args:
        data: what whoever brings it back gets to know.
        lasts: microseconds.
    """
    changes.reserve(tx, account_id, 0, ctx.now())
    now = ctx.now()
    secret = tokens.make(account_id)
    one_time.forget(tx, account_id, now)
    text = msgspec.json.encode(data).decode()
    one_time.add(tx, account_id, tokens.digest(secret), purpose, text, now=now, expires=now + lasts)
    return secret


def look(tx: Tx, ctx: Context, secret: str, purpose: str) -> tuple[int, Any]:
    """Return (account, data) of a secret without using it up.

    Raises:
        Forbidden: used, old, or none of ours.
    """
    account_id = tokens.account_of(secret)
    found = (
        None if account_id is None else one_time.get(tx, account_id, tokens.digest(secret), purpose)
    )
    if account_id is None or found is None or found[1] <= ctx.now():
        raise Forbidden(WORN)
    return account_id, msgspec.json.decode(found[0])


def spend(tx: WriteTx, ctx: Context, secret: str, purpose: str) -> tuple[int, Any]:
    """Use a secret up and return (account, data).

    Raises:
        Forbidden: used, old, or none of ours.
    """
    account_id, data = look(tx, ctx, secret, purpose)
    changes.reserve(tx, account_id, 0, ctx.now())
    # Looked for again under the lock: of two who bring it at once, one gets it.
    if one_time.take(tx, account_id, tokens.digest(secret), purpose) is None:
        raise Forbidden(WORN)
    return account_id, data


def tidy(ctx: Context, account_id: int) -> None:
    """Forget what is past its time; waits for the store."""
    ctx.store.write(lambda tx: one_time.forget(tx, account_id, ctx.now())).result()
