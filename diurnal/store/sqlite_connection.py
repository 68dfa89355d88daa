"""Connections to one SQLite file, with our settings, and what is executed on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import apsw

from diurnal.errors import AppError, Unavailable
from diurnal.store.database import Row
from diurnal.store.sql import Engine, Sql

BUSY_MS = 20_000
MMAP = "mmap_size = 268435456"
READ_KIB, SCAN_KIB = 16_384, 2_048
"""Cache of a reader, and of one that reads everything once."""
STATEMENTS = 400
"""Prepared statements kept per connection."""
_ROWS_AT_ONCE = (64, 32, 16, 8, 4)
"""Rows that one statement inserts: each statement lets go of the interpreter, and one that is
wanted has to be waited for again."""

TRANSIENT = (
    apsw.FullError,
    apsw.IOError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.InterruptError,
    apsw.NoMemError,
)


def connect(path: Path, *, readonly: bool = False) -> apsw.Connection:
    """Open a connection with our settings."""
    flags = apsw.SQLITE_OPEN_READWRITE | (0 if readonly else apsw.SQLITE_OPEN_CREATE)
    connection = apsw.Connection(str(path), flags=flags, statementcachesize=STATEMENTS)
    connection.set_busy_timeout(BUSY_MS)
    # Else a statement whose plan might depend on a value (a limit, a range) is planned anew each
    # time it is run: most of the cost of a short one.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "wal_autocheckpoint = 0",
        "journal_size_limit = 67108864",
        f"cache_size = -{READ_KIB if readonly else 65_536}",
        MMAP,
        "temp_store = MEMORY",
        # What is deleted is overwritten: an account that is gone is gone from the file.
        "query_only = ON" if readonly else "secure_delete = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


class SqliteTx:
    """A transaction on SQLite."""

    engine = Engine.SQLITE
    __slots__ = ("_connection", "changed", "clock", "meta", "told")

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.changed: dict[int, int] = {}
        self.meta = False
        self.clock: int | None = None
        self.told: list[tuple[int, tuple[str, ...]]] | None = None

    def execute(self, sql: Sql, values: Mapping[str, Any]) -> list[Row]:
        """See `Tx.execute`."""
        text = sql.text(Engine.SQLITE)
        return self._connection.execute(text.text, text.bind(Engine.SQLITE, values)).fetchall()

    def one(self, sql: Sql, values: Mapping[str, Any]) -> Row | None:
        """See `Tx.one`."""
        text = sql.text(Engine.SQLITE)
        cursor = self._connection.execute(text.text, text.bind(Engine.SQLITE, values))
        row: Row | None = cursor.fetchone()
        cursor.close()
        return row

    def many(self, sql: Sql, rows: Iterable[Row]) -> None:
        """See `WriteTx.many`."""
        text = sql.text(Engine.SQLITE)
        left = rows if isinstance(rows, list) else list(rows)
        for size in _ROWS_AT_ONCE:
            if len(left) < size:
                continue
            several = text.of_rows(size)
            if several is None:
                break
            end = len(left) - len(left) % size
            for i in range(0, end, size):
                self._connection.execute(several, tuple(chain.from_iterable(left[i : i + size])))
            left = left[end:]
        if left:
            self._connection.executemany(text.text, left)


def unavailable(error: BaseException) -> AppError:
    """Return what a failure of SQLite or its file is to who asked."""
    if isinstance(error, apsw.FullError) or "ENOSPC" in str(error):
        return Unavailable("the disk is full; nothing was written", retry_after_s=10)
    return Unavailable(f"the database is not available: {error}", retry_after_s=2)
