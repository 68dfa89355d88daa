"""Idempotency keys: a request that is sent again is answered again, and not done again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import NamedTuple

from diurnal.errors import Conflict, InvalidInput
from diurnal.model import time
from diurnal.model.access import Access
from diurnal.services.context import Context
from diurnal.store import changes
from diurnal.store import idempotency as store
from diurnal.store.database import WriteTx

KEPT_US = 2 * time.DAY
KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Answer(NamedTuple):
    """What was answered; `replayed` when it was kept from the first time."""

    status: int
    body: bytes
    replayed: bool = False


def check_key(key: str) -> None:
    """Refuse what is no idempotency key.

    Raises:
        InvalidInput: empty, too long, or with more than printable ASCII.
    """
    if not KEY.fullmatch(key):
        raise InvalidInput("1 to 255 printable ASCII characters", field="Idempotency-Key")


def digest(*parts: bytes) -> bytes:
    """Return what tells one request from another."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.digest()


def once(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    key: str,
    request: bytes,
    make: Callable[[], tuple[int, bytes]],
) -> Answer:
    """Return the kept answer to `key`, or make it and keep it in the same transaction.

    Args:
        request: `digest` of the request.
        make: does the work and returns (status, body).

    Raises:
        Conflict: the key was used for another request.
    """
    # Locks the account's clock, so that two requests with one key do not both find nothing.
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    kept = store.get(tx, caller.account_id, caller.id, key)
    now = ctx.now()
    if kept is not None:
        if bytes(kept[0]) != request:
            raise Conflict(
                "this Idempotency-Key was used for another request",
                data={"header": "Idempotency-Key"},
            )
        return Answer(int(kept[1]), kept[2].encode(), replayed=True)
    store.forget(tx, caller.account_id, now - KEPT_US)
    status, body = make()
    store.add(
        tx,
        caller.account_id,
        caller.id,
        key,
        request_hash=request,
        status=status,
        body=body.decode(),
        now=now,
    )
    return Answer(status, body)
