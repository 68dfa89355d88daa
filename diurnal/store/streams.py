"""Rows of `stream`."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import bindparam, delete, insert, literal_column, select
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.model.streams import Stream
from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, in_list, ordered
from diurnal.store.tables import stream

_COLUMNS = tuple(c.name for c in stream.columns)
_ALL = Sql(
    select(*[c for c in stream.columns if c.name != "account_id"])
    .where(stream.c.account_id == bindparam("account"))
    .order_by(stream.c.id)
)
_INSERT = ordered(_COLUMNS, insert(stream))
_SAVE = ordered(
    _COLUMNS,
    upsert(stream).on_conflict_do_update(
        index_elements=["account_id", "id"],
        set_={
            c: literal_column(f"excluded.{c}") for c in _COLUMNS if c not in ("account_id", "id")
        },
    ),
)
_DELETE = Sql(
    delete(stream).where(stream.c.account_id == bindparam("account"), in_list(stream.c.id, "ids"))
)


def _stream(row: Row) -> Stream:
    return Stream(
        id=row[0],
        parent_id=row[1],
        name=row[2],
        measure=row[3],
        client_data=msgspec.json.decode(row[4]) if row[4] else None,
        trashed=bool(row[5]),
        created=row[6],
        created_by=row[7],
        modified=row[8],
        modified_by=row[9],
    )


def _row(account_id: int, s: Stream) -> Row:
    return (
        account_id,
        s.id,
        s.parent_id,
        s.name,
        s.measure,
        msgspec.json.encode(s.client_data).decode() if s.client_data is not None else None,
        int(s.trashed),
        s.created,
        s.created_by,
        s.modified,
        s.modified_by,
    )


def all_of(tx: Tx, account_id: int) -> list[Stream]:
    """Return every stream of the account."""
    return [_stream(row) for row in tx.execute(_ALL, {"account": account_id})]


def insert_all(tx: WriteTx, account_id: int, streams: Iterable[Stream]) -> None:
    """Insert new streams."""
    tx.many(_INSERT, [_row(account_id, s) for s in streams])


def save(tx: WriteTx, account_id: int, changed: Stream) -> None:
    """Store one stream."""
    tx.many(_SAVE, [_row(account_id, changed)])


def remove(tx: WriteTx, account_id: int, ids: list[str]) -> None:
    """Delete streams."""
    tx.execute(_DELETE, {"account": account_id, "ids": ids})
