"""How these tests read a dropped file: everything a connector says of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from diurnal.connectors import Connector
from diurnal.connectors._drop import drop
from diurnal.model.records import Item
from diurnal.store import foreign

DATA = Path(__file__).parent.parent / "data"

T = TypeVar("T")


def read(connector: Connector, path: Path, options: Mapping[str, Any] | None = None) -> list[Item]:
    """Return what the connector says of every entry that it recognises."""
    said: list[Item] = []
    assert connector.recognise
    assert connector.parse
    with drop(path, tables=foreign.tables) as dropped:
        for entry in dropped.entries.values():
            if connector.recognise(entry):
                said += connector.parse(entry, options or {})
    return said


def only(kind: type[T], items: list[Item], measure: str | None = None) -> list[T]:
    """Return the items of one kind, and of one measure if given."""
    return [
        i
        for i in items
        if isinstance(i, kind) and (measure is None or getattr(i, "measure", None) == measure)
    ]
