"""Read the tables of a SQLite file that somebody else made.

The file may have been made to do harm: it is opened to be read only, as if nobody wrote it,
without its views, triggers and functions, and only whole tables are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from diurnal.errors import InvalidInput

CELL_BYTES_MAX = 4 << 20
TABLES_MAX = 2_000
COLUMNS_MAX = 500


class Tables:
    """What is in the file."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._columns: dict[str, tuple[str, ...]] = {}
        found = self._run(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0"
            f" ORDER BY name LIMIT {TABLES_MAX}"
        )
        for (name,) in found:
            if isinstance(name, str):
                columns = self._run("SELECT name FROM pragma_table_info(?)", (name,))
                self._columns[name] = tuple(str(c) for (c,) in columns)[:COLUMNS_MAX]

    def columns(self, table: str) -> tuple[str, ...]:
        """Return the names of a table's columns; none where there is no such table."""
        return self._columns.get(table, ())

    def names(self) -> tuple[str, ...]:
        """Return the names of all tables."""
        return tuple(self._columns)

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a table as they lie there; None for a column that it has not.

        Raises:
            InvalidInput: the file is damaged.
        """
        there = self._columns.get(table)
        if there is None:
            return
        cells = ", ".join(_quoted(c) if c in there else "NULL" for c in columns)
        yield from self._run(f"SELECT {cells} FROM {_quoted(table)}")

    def _run(self, sql: str, values: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._connection.execute(sql, values)
        except (apsw.Error, UnicodeDecodeError) as e:
            raise InvalidInput(f"the database cannot be read ({e})") from e


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def tables(path: Path) -> Iterator[Tables]:
    """Open the tables of a SQLite file.

    Raises:
        InvalidInput: it is no database, or a damaged one.
    """
    try:
        connection = apsw.Connection(
            f"file:{quote(str(path))}?mode=ro&immutable=1",
            flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
        )
    except apsw.Error as e:
        raise InvalidInput(f"the database cannot be read ({e})") from e
    try:
        for option in (apsw.SQLITE_DBCONFIG_ENABLE_VIEW, apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER):
            connection.config(option, 0)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        connection.limit(apsw.SQLITE_LIMIT_LENGTH, CELL_BYTES_MAX)
        yield Tables(connection)
    finally:
        with suppress(apsw.Error):
            connection.close(True)
