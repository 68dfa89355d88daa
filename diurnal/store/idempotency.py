"""Rows of `idempotency`: answers that are given again."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import idempotency

_GET = Sql(
    select(idempotency.c.request_hash, idempotency.c.status, idempotency.c.body).where(
        idempotency.c.account_id == bindparam("account"),
        idempotency.c.access_id == bindparam("access"),
        idempotency.c.key == bindparam("key"),
    )
)
_ADD = ordered(
    ("account_id", "access_id", "key", "request_hash", "status", "body", "created_us"),
    insert(idempotency),
)
_FORGET = Sql(
    delete(idempotency).where(
        idempotency.c.account_id == bindparam("account"),
        idempotency.c.created_us < bindparam("before"),
    )
)


def get(tx: Tx, account_id: int, access_id: str, key: str) -> Row | None:
    """Return (request hash, status, body) of the answer kept under a key."""
    return tx.one(_GET, {"account": account_id, "access": access_id, "key": key})


def add(
    tx: WriteTx,
    account_id: int,
    access_id: str,
    key: str,
    *,
    request_hash: bytes,
    status: int,
    body: str,
    now: int,
) -> None:
    """Keep an answer."""
    tx.many(_ADD, [(account_id, access_id, key, request_hash, status, body, now)])


def forget(tx: WriteTx, account_id: int, before: int) -> None:
    """Delete answers older than an instant."""
    tx.execute(_FORGET, {"account": account_id, "before": before})
