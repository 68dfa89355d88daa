"""Rows of `one_time`: secrets that work once and not for long."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql
from diurnal.store.tables import one_time

_ONE = (
    one_time.c.account_id == bindparam("account"),
    one_time.c.hash == bindparam("hash"),
    one_time.c.purpose == bindparam("purpose"),
)
_ADD = Sql(
    upsert(one_time)
    .values(
        account_id=bindparam("account"),
        hash=bindparam("hash"),
        purpose=bindparam("purpose"),
        data=bindparam("data"),
        created_us=bindparam("now"),
        expires_us=bindparam("expires"),
    )
    .on_conflict_do_nothing()
    .returning(one_time.c.created_us)
)
_GET = Sql(select(one_time.c.data, one_time.c.expires_us).where(*_ONE))
_TAKE = Sql(delete(one_time).where(*_ONE).returning(one_time.c.data, one_time.c.expires_us))
_FORGET = Sql(
    delete(one_time).where(
        one_time.c.account_id == bindparam("account"), one_time.c.expires_us <= bindparam("now")
    )
)
_DROP = Sql(
    delete(one_time).where(
        one_time.c.account_id == bindparam("account"), one_time.c.purpose == bindparam("purpose")
    )
)
_SINCE = Sql(
    select(func.count())
    .select_from(one_time)
    .where(
        one_time.c.account_id == bindparam("account"),
        one_time.c.purpose == bindparam("purpose"),
        one_time.c.created_us > bindparam("after"),
    )
)


def add(
    tx: WriteTx, account_id: int, hash_: bytes, purpose: str, data: str, *, now: int, expires: int
) -> bool:
    """Keep a secret's hash; False where it is there already."""
    values = {
        "account": account_id,
        "hash": hash_,
        "purpose": purpose,
        "data": data,
        "now": now,
        "expires": expires,
    }
    return bool(tx.execute(_ADD, values))


def get(tx: Tx, account_id: int, hash_: bytes, purpose: str) -> Row | None:
    """Return (data, expires_us)."""
    return tx.one(_GET, {"account": account_id, "hash": hash_, "purpose": purpose})


def take(tx: WriteTx, account_id: int, hash_: bytes, purpose: str) -> Row | None:
    """Remove a secret and return (data, expires_us); of two at once, one gets it."""
    return tx.one(_TAKE, {"account": account_id, "hash": hash_, "purpose": purpose})


def drop(tx: WriteTx, account_id: int, purpose: str) -> None:
    """Remove all of a purpose."""
    tx.execute(_DROP, {"account": account_id, "purpose": purpose})


def forget(tx: WriteTx, account_id: int, now: int) -> None:
    """Remove what is past its time."""
    tx.execute(_FORGET, {"account": account_id, "now": now})


def made_since(tx: Tx, account_id: int, purpose: str, after: int) -> int:
    """Return how many that are kept were made after an instant."""
    row = tx.one(_SINCE, {"account": account_id, "purpose": purpose, "after": after})
    return int(row[0]) if row else 0
