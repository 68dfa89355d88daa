"""What the rows of `file` say about the bytes of an account."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select

from diurnal.store.database import Tx
from diurnal.store.sql import Sql
from diurnal.store.tables import file

_EACH = (
    select(func.max(file.c.size).label("size"))
    .where(file.c.account_id == bindparam("account"))
    .group_by(file.c.hash)
    .subquery()
)
_HASHES = Sql(select(file.c.hash).distinct().where(file.c.account_id == bindparam("account")))
_TOTAL = Sql(select(func.coalesce(func.sum(_EACH.c.size), 0)))


def total(tx: Tx, account_id: int) -> int:
    """Return the bytes of all attachments; the same content counts once."""
    row = tx.one(_TOTAL, {"account": account_id})
    return int(row[0]) if row else 0


def hashes(tx: Tx, account_id: int) -> list[str]:
    """Return the hashes that rows name, each once."""
    return [row[0] for row in tx.execute(_HASHES, {"account": account_id})]
