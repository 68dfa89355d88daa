"""Every row of an account, table by table, as it lies there; and back into an empty database.

What there is comes from the description of the schema, so that a new table is in by itself. Rows
are lines of JSON in the order of their key, the same on both engines.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    LargeBinary,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.errors import InvalidInput
from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, ordered, shaped
from diurnal.store.tables import DIRECTORY, account, counter, metadata, upstream

LEFT_OUT = frozenset({"attempt", "alembic_version"})
"""Failed attempts to sign in, and the version of the schema, which a backup tells by itself."""
PAGE_FIRST = 32
PAGE_MAX = 4_000
PAGE_BYTES = 1 << 20
"""About how many bytes are read at a time, where rows are not larger themselves."""

LAST = frozenset({"directory", account.name})
"""Put back last: until then nobody finds an account that is only half there."""


def of_accounts() -> list[Table]:
    """Return the tables whose rows are an account's, in the order of putting them back."""
    found = (t for t in metadata.sorted_tables if "account_id" in t.c and t.name not in LEFT_OUT)
    return sorted(found, key=lambda t: (t.name in LAST, t.name))


def of_server() -> list[Table]:
    """Return the tables that are the server's own."""
    return [t for t in metadata.sorted_tables if "account_id" not in t.c and t.name not in LEFT_OUT]


def columns(table: Table) -> tuple[str, ...]:
    """Return the names of a table's columns, in the order of its rows."""
    return tuple(str(c.name) for c in table.columns)


def accounts(tx: Tx) -> list[int]:
    """Return every number under which a table has rows: accounts, and what is nobody's."""
    found: set[int] = set()
    for table in of_accounts():
        if table.name in DIRECTORY:
            continue
        at = -1
        # From one to the next, by the key: a look for each account, and not at each row.
        while (row := tx.one(shaped(_next, table), {"at": at})) and row[0] is not None:
            at = int(row[0])
            found.add(at)
    return sorted(found)


def _next(table: Table) -> Any:
    return select(func.min(table.c.account_id)).where(table.c.account_id > bindparam("at"))


def count(tx: Tx, table: Table, account_id: int | None) -> int:
    """Return how many rows an account has in a table, or the server in its own."""
    row = tx.one(shaped(_count, table), {} if account_id is None else {"account": account_id})
    return int(row[0]) if row else 0


def _count(table: Table) -> Any:
    return _mine(select(func.count()).select_from(table), table)


def _mine(statement: Any, table: Table) -> Any:
    if "account_id" not in table.c:
        return statement
    return statement.where(table.c.account_id == bindparam("account"))


def pages(tx: Tx, table: Table, account_id: int | None) -> Iterator[tuple[int, bytes]]:
    """Yield (rows, lines of JSON) until all of an account's rows of a table were there."""
    names = columns(table)
    key = [c.name for c in _key(table)]
    at = [names.index(name) for name in key]
    most = PAGE_FIRST
    values: dict[str, Any] = {"most": most}
    if account_id is not None:
        values["account"] = account_id
    after = False
    while rows := tx.execute(shaped(_page, table, after), values):
        lines = _encode(table, rows)
        yield len(rows), lines
        if not key:
            return
        fits = len(rows) * PAGE_BYTES // len(lines)
        most = max(1, min(fits, 4 * most, PAGE_MAX))
        values["most"] = most
        values.update({f"after_{n}": rows[-1][i] for n, i in zip(key, at, strict=True)})
        after = True


def _key(table: Table) -> list[Column[Any]]:
    return [c for c in table.primary_key.columns if c.name != "account_id"]


def _page(table: Table, after: bool) -> Any:
    key = _key(table)
    statement = _mine(select(*table.columns), table).order_by(*key).limit(bindparam("most"))
    if after:
        seen = [bindparam(f"after_{c.name}", type_=c.type) for c in key]
        statement = statement.where(tuple_(*key) > tuple_(*seen))
    return statement


_encoder = msgspec.json.Encoder()


def _encode(table: Table, rows: Sequence[Row]) -> bytes:
    floats = [i for i, c in enumerate(table.columns) if isinstance(c.type, Float)]
    if floats and any(r[i] is not None and not math.isfinite(r[i]) for r in rows for i in floats):
        rows = [
            tuple(
                str(v) if i in floats and v is not None and not math.isfinite(v) else v
                for i, v in enumerate(row)
            )
            for row in rows
        ]
    return _encoder.encode_lines(rows)


def decode(table: Table, names: Sequence[str], lines: bytes) -> list[list[Any]]:
    """Return the rows that lines of JSON hold.

    Raises:
        InvalidInput: they are no rows of these columns.
    """
    kinds = [table.c[name].type for name in names]
    blobs = [i for i, kind in enumerate(kinds) if isinstance(kind, LargeBinary)]
    floats = [i for i, kind in enumerate(kinds) if isinstance(kind, Float)]
    numbers = [i for i, kind in enumerate(kinds) if isinstance(kind, BigInteger)]
    try:
        rows = msgspec.json.Decoder(list[Any]).decode_lines(lines)
        for row in rows:
            if len(row) != len(names):
                raise ValueError(f"{len(row)} cells")
            for i in blobs:
                row[i] = None if row[i] is None else base64.b64decode(row[i], validate=True)
            for i in floats:
                row[i] = None if row[i] is None else float(row[i])
            for i in numbers:
                if row[i] is not None and not isinstance(row[i], int):
                    raise ValueError(f"{row[i]!r} is no number")
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise InvalidInput(f"rows of {table.name} cannot be read: {error}") from error
    return rows


def put(tx: WriteTx, table: Table, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Add rows to an empty table; those of the server's own replace what is there."""
    tx.many(_into(table, tuple(names)), [tuple(row) for row in rows])


def _into(table: Table, names: tuple[str, ...]) -> Sql:
    known = _INTO.get((table.name, names))
    if known is None:
        made: Any = insert(table)
        if table in (counter, upstream):
            made = upsert(table)
            key = [c.name for c in table.primary_key.columns]
            others = {n: made.excluded[n] for n in names if n not in key}
            made = made.on_conflict_do_update(index_elements=key, set_=others)
        known = _INTO[table.name, names] = ordered(
            names, made.values({n: bindparam(n, type_=table.c[n].type) for n in names})
        )
    return known


_INTO: dict[tuple[str, tuple[str, ...]], Sql] = {}


def clear(tx: WriteTx, account_id: int) -> None:
    """Delete an account's rows from every table."""
    for table in of_accounts():
        tx.execute(shaped(_clear, table), {"account": account_id})


def _clear(table: Table) -> Any:
    return _mine(delete(table), table)
