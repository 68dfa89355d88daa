"""Rows of `session`: accesses that somebody signed in for, and from where."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select

from diurnal.store.database import Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import session

_ADD = ordered(("account_id", "access_id", "address", "method"), insert(session))
_ALL = Sql(
    select(session.c.access_id, session.c.address, session.c.method).where(
        session.c.account_id == bindparam("account")
    )
)
_REMOVE = Sql(
    delete(session).where(
        session.c.account_id == bindparam("account"), session.c.access_id == bindparam("access")
    )
)


def add(tx: WriteTx, account_id: int, access_id: str, address: str, method: str) -> None:
    """Note that an access is a session."""
    tx.many(_ADD, [(account_id, access_id, address, method)])


def all_of(tx: Tx, account_id: int) -> dict[str, tuple[str, str]]:
    """Return access id -> (address, method)."""
    rows = tx.execute(_ALL, {"account": account_id})
    return {row[0]: (row[1], row[2]) for row in rows}


def remove(tx: WriteTx, account_id: int, access_id: str) -> None:
    """Forget where a session came from."""
    tx.execute(_REMOVE, {"account": account_id, "access": access_id})
