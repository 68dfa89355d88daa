"""Databases that somebody else made, for tests of what reads them."""

from __future__ import annotations

from pathlib import Path

import apsw


def made(path: Path, *statements: str) -> Path:
    """Make an SQLite file by statements."""
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement)
    connection.close()
    return path
