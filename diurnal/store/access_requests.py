"""Rows of `access_request`: by the hash of a key, what is asked and what came of it."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, func, insert, select, update

from diurnal.store.database import Tx, WriteTx
from diurnal.store.sql import Sql
from diurnal.store.tables import access_request

_this = access_request.c.key_hash == bindparam("hash")
_ADD = Sql(
    insert(access_request).values(
        key_hash=bindparam("hash"), sealed=bindparam("sealed"), expires_us=bindparam("expires")
    )
)
_GET = Sql(select(access_request.c.sealed, access_request.c.expires_us).where(_this))
_PUT = Sql(update(access_request).where(_this).values(sealed=bindparam("new_sealed")))
_FORGET = Sql(delete(access_request).where(access_request.c.expires_us <= bindparam("now")))
_COUNT = Sql(select(func.count()).select_from(access_request))


def add(tx: WriteTx, hash_: bytes, sealed: bytes, expires: int) -> None:
    """Insert a request."""
    tx.execute(_ADD, {"hash": hash_, "sealed": sealed, "expires": expires})


def get(tx: Tx, hash_: bytes) -> tuple[bytes, int] | None:
    """Return (sealed, expires) of a request."""
    row = tx.one(_GET, {"hash": hash_})
    return (bytes(row[0]), row[1]) if row else None


def put(tx: WriteTx, hash_: bytes, sealed: bytes) -> None:
    """Store what came of a request."""
    tx.execute(_PUT, {"hash": hash_, "new_sealed": sealed})


def forget(tx: WriteTx, now: int) -> None:
    """Delete what is past its time."""
    tx.execute(_FORGET, {"now": now})


def count(tx: Tx) -> int:
    """Return how many there are."""
    row = tx.one(_COUNT, {})
    return int(row[0]) if row else 0
