"""Rows of `record`, and of `record_key`, by which some of their members are found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import starmap

import msgspec
from sqlalchemy import bindparam, delete, func, insert, literal_column, select
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.store.database import Tx, WriteTx
from diurnal.store.sql import Sql, in_list, ordered
from diurnal.store.tables import record, record_key


class Stored(msgspec.Struct, frozen=True, gc=False):
    """One row; `body` is the JSON of its values."""

    id: str
    seq: int
    body: str
    created: int
    modified: int


_FIELDS = (record.c.id, record.c.seq, record.c.body, record.c.created_us, record.c.modified_us)
_HERE = (
    record.c.account_id == bindparam("account"),
    record.c.collection == bindparam("collection"),
)
_ALL = Sql(select(*_FIELDS).where(*_HERE).order_by(record.c.seq))
_PAGE = Sql(
    select(*_FIELDS)
    .where(*_HERE)
    .order_by(record.c.seq)
    .limit(bindparam("limit"))
    .offset(bindparam("offset"))
)
_BY_SEQ = Sql(select(*_FIELDS).where(*_HERE, in_list(record.c.seq, "seqs")).order_by(record.c.seq))
_BY_ID = Sql(select(*_FIELDS).where(*_HERE, in_list(record.c.id, "ids")).order_by(record.c.seq))
_COUNT = Sql(select(func.count()).select_from(record).where(*_HERE))
_TOP = Sql(select(func.max(record.c.seq)).where(*_HERE))
_COLLECTIONS = Sql(
    select(record.c.collection, func.count())
    .where(record.c.account_id == bindparam("account"))
    .group_by(record.c.collection)
    .order_by(record.c.collection)
)
_FOUND = Sql(
    select(record_key.c.record_id)
    .where(
        record_key.c.account_id == bindparam("account"),
        record_key.c.collection == bindparam("collection"),
        record_key.c.name == bindparam("name"),
        in_list(record_key.c.value, "values"),
    )
    .distinct()
)
_SAVE = ordered(
    ("account_id", "collection", "id", "seq", "body", "created_us", "modified_us"),
    upsert(record).on_conflict_do_update(
        index_elements=["account_id", "collection", "id"],
        set_={c: literal_column(f"excluded.{c}") for c in ("body", "modified_us")},
    ),
)
_ADD_KEY = ordered(
    ("account_id", "collection", "name", "value", "record_id"),
    insert(record_key),
)
_DROP_KEYS = Sql(
    delete(record_key).where(
        record_key.c.account_id == bindparam("account"),
        record_key.c.collection == bindparam("collection"),
        in_list(record_key.c.record_id, "ids"),
    )
)
_DROP = Sql(delete(record).where(*_HERE, in_list(record.c.id, "ids")))


def all_of(tx: Tx, account_id: int, collection: str) -> list[Stored]:
    """Return every record of a collection, oldest first."""
    values = {"account": account_id, "collection": collection}
    return list(starmap(Stored, tx.execute(_ALL, values)))


def page(tx: Tx, account_id: int, collection: str, limit: int, offset: int) -> list[Stored]:
    """Return some records of a collection, oldest first."""
    values = {"account": account_id, "collection": collection, "limit": limit, "offset": offset}
    return list(starmap(Stored, tx.execute(_PAGE, values)))


def by_seq(tx: Tx, account_id: int, collection: str, seqs: Iterable[int]) -> list[Stored]:
    """Return the records of these numbers that are there."""
    values = {"account": account_id, "collection": collection, "seqs": list(seqs)}
    return [Stored(*row) for row in tx.execute(_BY_SEQ, values)]


def by_key(
    tx: Tx, account_id: int, collection: str, name: str, wanted: Iterable[str]
) -> list[Stored]:
    """Return the records whose key `name` has one of these values."""
    values = {"account": account_id, "collection": collection}
    found = tx.execute(_FOUND, {**values, "name": name, "values": list(wanted)})
    ids = [row[0] for row in found]
    return [Stored(*row) for row in tx.execute(_BY_ID, {**values, "ids": ids})] if ids else []


def count(tx: Tx, account_id: int, collection: str) -> int:
    """Return how many records a collection has."""
    row = tx.one(_COUNT, {"account": account_id, "collection": collection})
    return int(row[0]) if row else 0


def top(tx: Tx, account_id: int, collection: str) -> int:
    """Return the highest number in a collection, 0 where it is empty."""
    row = tx.one(_TOP, {"account": account_id, "collection": collection})
    return int(row[0]) if row and row[0] is not None else 0


def collections(tx: Tx, account_id: int) -> dict[str, int]:
    """Return how many records each collection has."""
    return {row[0]: row[1] for row in tx.execute(_COLLECTIONS, {"account": account_id})}


def save(
    tx: WriteTx,
    account_id: int,
    collection: str,
    changed: Sequence[tuple[Stored, Mapping[str, str]]],
) -> None:
    """Store records with the keys by which they are found, in place of what was there."""
    tx.execute(
        _DROP_KEYS,
        {"account": account_id, "collection": collection, "ids": [s.id for s, _ in changed]},
    )
    tx.many(
        _SAVE,
        [(account_id, collection, s.id, s.seq, s.body, s.created, s.modified) for s, _ in changed],
    )
    keys = [
        (account_id, collection, name, value, s.id)
        for s, named in changed
        for name, value in named.items()
    ]
    if keys:
        tx.many(_ADD_KEY, keys)


def remove(tx: WriteTx, account_id: int, collection: str, ids: Sequence[str]) -> None:
    """Delete records."""
    values = {"account": account_id, "collection": collection, "ids": list(ids)}
    tx.execute(_DROP_KEYS, values)
    tx.execute(_DROP, values)
