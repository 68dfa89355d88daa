"""Rows of `upload`: files that arrive in pieces."""

from __future__ import annotations

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql
from diurnal.store.tables import upload


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One row; `received` is `size` once the whole is safely on disk, 0 before."""

    id: str
    name: str
    size: int
    received: int
    access_id: str
    created: int


_FIELDS = (
    upload.c.id,
    upload.c.name,
    upload.c.size,
    upload.c.received,
    upload.c.access_id,
    upload.c.created_us,
)
_ADD = Sql(
    insert(upload).values(
        account_id=bindparam("account"),
        id=bindparam("upload"),
        name=bindparam("name"),
        size=bindparam("size"),
        received=0,
        access_id=bindparam("access"),
        created_us=bindparam("now"),
    )
)
_GET = Sql(
    select(*_FIELDS).where(
        upload.c.account_id == bindparam("account"), upload.c.id == bindparam("upload")
    )
)
_ALL = Sql(
    select(*_FIELDS)
    .where(upload.c.account_id == bindparam("account"))
    .order_by(upload.c.created_us, upload.c.id)
)
_RECEIVED = Sql(
    update(upload)
    .where(upload.c.account_id == bindparam("account"), upload.c.id == bindparam("upload"))
    .values(received=bindparam("so_far"))
)
_REMOVE = Sql(
    delete(upload)
    .where(upload.c.account_id == bindparam("account"), upload.c.id == bindparam("upload"))
    .returning(upload.c.id)
)


def _stored(row: Row) -> Stored:
    return Stored(
        id=row[0], name=row[1], size=row[2], received=row[3], access_id=row[4], created=row[5]
    )


def add(tx: WriteTx, account_id: int, new: Stored) -> None:
    """Insert a row."""
    tx.execute(
        _ADD,
        {
            "account": account_id,
            "upload": new.id,
            "name": new.name,
            "size": new.size,
            "access": new.access_id,
            "now": new.created,
        },
    )


def get(tx: Tx, account_id: int, id_: str) -> Stored | None:
    """Return one row."""
    row = tx.one(_GET, {"account": account_id, "upload": id_})
    return _stored(row) if row else None


def all_of(tx: Tx, account_id: int) -> list[Stored]:
    """Return the account's rows, oldest first."""
    return [_stored(row) for row in tx.execute(_ALL, {"account": account_id})]


def set_received(tx: WriteTx, account_id: int, id_: str, received: int) -> None:
    """Note what is safely on disk."""
    tx.execute(_RECEIVED, {"account": account_id, "upload": id_, "so_far": received})


def remove(tx: WriteTx, account_id: int, id_: str) -> bool:
    """Delete a row; False where there was none."""
    return bool(tx.execute(_REMOVE, {"account": account_id, "upload": id_}))
