"""Write tables into a SQLite file of their own, for whoever likes to ask in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw

_TYPES = {"text": "TEXT", "number": "REAL", "integer": "INTEGER", "instant": "TEXT"}


class TableFile:
    """A new database file."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("BEGIN")

    def create(self, table: str, columns: Sequence[tuple[str, str]]) -> None:
        """Make a table of (name, kind) columns."""
        described = ", ".join(f'"{name}" {_TYPES[kind]}' for name, kind in columns)
        self._connection.execute(f'CREATE TABLE "{table}" ({described})')

    def add(self, table: str, width: int, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows of `width` cells."""
        marks = ", ".join("?" * width)
        self._connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', rows)

    def index(self, table: str, columns: Sequence[str]) -> None:
        """Make what is looked for quick to find."""
        listed = ", ".join(f'"{c}"' for c in columns)
        self._connection.execute(f'CREATE INDEX "{table}_{columns[0]}" ON "{table}" ({listed})')

    def close(self) -> None:
        """Put it on the disk."""
        self._connection.execute("COMMIT")
        self._connection.close()
