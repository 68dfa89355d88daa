"""Read the tables of a database that somebody dropped: those that are known, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from diurnal.connectors import Entry, Tables
from diurnal.connectors._json import careful
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Item, Progress

Row = dict[str, Any]
"""A row by column; None for a column that the table has not."""


def names(entry: Entry, mark: bytes) -> tuple[str, ...]:
    """Return the names of the tables of a SQLite file whose head holds `mark`, () for others.

    Raises:
        InvalidInput: the file is damaged.
    """
    if not entry.head.startswith(b"SQLite format 3\x00") or mark not in entry.head:
        return ()
    with entry.tables() as tables:
        return tables.names()


def read(entry: Entry, tables: Tables, one: Callable[[str], Iterable[Item]]) -> Iterator[Item]:
    """Yield what `one` reads of each table by its name; one that is damaged is set aside."""
    total = max(entry.size, 1)
    yield Progress("reading", 0, total)
    for table in tables.names():
        try:
            yield from one(table)
        except InvalidInput as e:
            yield Bad(e.message, f"{entry.path}: {table}")
    yield Progress("reading", total, total)


def rows(
    tables: Tables,
    table: str,
    columns: tuple[str, ...],
    one: Callable[[Row], Iterable[Item]],
    where: str,
    *,
    key: str = "",
) -> Iterator[Item]:
    """Yield what `one` reads of each row of a table; what it cannot read is set aside.

    Args:
        where: the file, for people.
        key: the column that tells people which row it is.

    Raises:
        InvalidInput: the table is damaged from some row on.
    """
    for cells in tables.rows(table, columns):
        row = dict(zip(columns, cells, strict=True))
        place = f"{where}: {table} {row[key]}" if key else f"{where}: {table}"
        yield from careful(one, row, place)
