"""Take what a source posts: keep it, answer, and read it in the worker.

A push token opens nothing but writing to its own connection.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

from diurnal.connectors import Delivery, Options, Receive
from diurnal.errors import InvalidInput, NotFound, TooMany, Unauthenticated
from diurnal.services import schedule, source_tokens, sources
from diurnal.services.context import Context
from diurnal.store import changes, deliveries
from diurnal.store import connections as store
from diurnal.store.connections import Stored
from diurnal.store.database import Tx, WriteTx
from diurnal.store.deliveries import Waiting

WAITING_MAX = 5_000
WAITING_BYTES_MAX = 256 << 20
"""Packed: of deliveries of one connection that nobody has read yet."""
TOKEN_MAX = 200
_KEPT_HEADERS = frozenset({"content-type", "user-agent", "idempotency-key", "date"})
"""Others a connector may name by beginning with `x-`; credentials are never kept."""
_PREFIX = "dp_"


def new_token() -> tuple[str, bytes]:
    """Return a push token and its hash."""
    token = _PREFIX + secrets.token_urlsafe(30)
    return token, hash_of(token)


def hash_of(token: str) -> bytes:
    """Return what a push token is looked up by."""
    return hashlib.sha256(token.encode()).digest()


def find(tx: Tx, connector: str, token: str) -> Stored:
    """Return the connection that a push token writes to.

    Raises:
        Unauthenticated: none, or one of another source.
    """
    found = store.by_push(tx, hash_of(token)) if 0 < len(token) <= TOKEN_MAX else None
    if found is None or found.connector != connector:
        raise Unauthenticated("this token opens nothing here")
    return found


def door(ctx: Context, c: Stored) -> tuple[Receive, Options]:
    """Return the push door of a connection, and its settings.

    Raises:
        NotFound: the source does not push.
    """
    connector = sources.find(c.connector)
    if connector.receive is None:
        raise NotFound(f"{connector.title} does not push")
    options = sources.options(connector, c.options, source_tokens.secrets_of(ctx, c))
    return connector.receive, options


def delivery(
    method: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes, at: int
) -> Delivery:
    """Return what a sender posted, without credentials."""
    kept = {
        k: v[:1_000]
        for k, v in headers.items()
        if k in _KEPT_HEADERS or (k.startswith("x-") and not _secret(k))
    }
    asked = {k: v for k, v in query.items() if not _secret(k)}
    return Delivery(method=method, headers=kept, query=asked, body=body, at=at)


def _secret(name: str) -> bool:
    folded = name.lower()
    return any(part in folded for part in ("token", "key", "secret", "auth", "password", "cookie"))


def take(tx: WriteTx, ctx: Context, c: Stored, said: Delivery, packed: bytes) -> str:
    """Keep a delivery and have it read; return its id.

    Raises:
        Unauthenticated: the connection is gone, or takes another token by now.
        TooMany: too much of it waits already.
    """
    changes.reserve(tx, c.account_id, 0, ctx.now())
    known = store.get(tx, c.account_id, c.id)
    if known is None or known.push_hash != c.push_hash:
        raise Unauthenticated("this token opens nothing here")
    n, held = deliveries.backlog(tx, c.account_id, c.id)
    if n >= WAITING_MAX or held + len(packed) > WAITING_BYTES_MAX:
        raise TooMany("too much waits to be read already", retry_after_s=60)
    id_ = ctx.new_id()
    waiting = Waiting(
        id=id_,
        method=said.method,
        headers=dict(said.headers),
        query=dict(said.query),
        body=b"",
        at=said.at,
    )
    deliveries.add(tx, c.account_id, c.id, waiting, packed)
    schedule.enqueue(tx, ctx, known, ctx.now())
    return id_


def check(receive: Receive, options: Options, said: Delivery) -> None:
    """Refuse what can never be read.

    Raises:
        InvalidInput: in words for the sender.
    """
    if receive.check is None:
        return
    try:
        receive.check(said, options)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InvalidInput(f"this cannot be read ({type(error).__name__})") from error
