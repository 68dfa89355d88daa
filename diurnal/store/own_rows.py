"""Rows that an export holds as they lie there, and that an import adds where they are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.store import dump
from diurnal.store.database import Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import (
    event_version,
    experiment,
    finding,
    record,
    record_key,
    track,
)

TABLES = {
    "record": record,
    "record_key": record_key,
    "experiment": experiment,
    "track": track,
    "finding": finding,
}
_COLUMNS = {
    name: tuple(c for c in dump.columns(t) if c != "account_id") for name, t in TABLES.items()
}
_ADD = {
    name: ordered(
        ("account_id", *_COLUMNS[name]),
        upsert(t)
        .values({c.name: bindparam(c.name, type_=c.type) for c in t.columns})
        .on_conflict_do_nothing()
        .returning(t.c.account_id),
    )
    for name, t in TABLES.items()
}
_TAKEN_BACK = {**TABLES, "event_version": event_version}
_KEYS = {
    name: tuple(str(c.name) for c in t.primary_key if c.name != "account_id")
    for name, t in _TAKEN_BACK.items()
}
_DROP = {
    name: Sql(
        delete(t)
        .where(
            t.c.account_id == bindparam("account"),
            *(t.c[column] == bindparam(column) for column in _KEYS[name]),
        )
        .returning(t.c.account_id)
    )
    for name, t in _TAKEN_BACK.items()
}


def columns(name: str) -> tuple[str, ...]:
    """Return the columns of a table, its account's number apart."""
    return _COLUMNS[name]


def pages(tx: Tx, account_id: int, name: str) -> Iterator[list[list[Any]]]:
    """Yield all rows of an account, bytes as base64, without its number."""
    at = dump.columns(TABLES[name]).index("account_id")
    for _, lines in dump.pages(tx, TABLES[name], account_id):
        found = msgspec.json.Decoder(list[Any]).decode_lines(lines)
        yield [[*row[:at], *row[at + 1 :]] for row in found]


def read(name: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return rows that `pages` yielded as they are stored, in the order of `columns`.

    Raises:
        InvalidInput: they are no rows of this table.
    """
    lines = msgspec.json.Encoder().encode_lines(rows)
    decoded = dump.decode(TABLES[name], names, lines)
    order = [names.index(c) for c in _COLUMNS[name]]
    return [[row[i] for i in order] for row in decoded]


def add(tx: WriteTx, account_id: int, name: str, row: Sequence[Any]) -> bool:
    """Add a row unless there is one with its key; return whether it was added."""
    values = dict(zip(_COLUMNS[name], row, strict=True))
    return tx.one(_ADD[name], {"account_id": account_id, **values}) is not None


def key(name: str, row: Sequence[Any]) -> str:
    """Return the key of a row as text, its account's number apart."""
    values = dict(zip(_COLUMNS[name], row, strict=True))
    return msgspec.json.encode([values[column] for column in _KEYS[name]]).decode()


def key_values(name: str, text: str) -> dict[str, Any]:
    """Return the columns of a key with their values."""
    return dict(zip(_KEYS[name], msgspec.json.decode(text, type=list[Any]), strict=True))


def drop(tx: WriteTx, account_id: int, name: str, text: str) -> bool:
    """Delete the row with a key; return whether it was there."""
    return tx.one(_DROP[name], {"account": account_id, **key_values(name, text)}) is not None
