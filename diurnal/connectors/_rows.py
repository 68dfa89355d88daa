"""Read rows that an API answered as a connector reads them from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from diurnal.connectors import _json
from diurnal.connectors._points import Lanes
from diurnal.model.records import Item

Record = Callable[[str, Any, Lanes], Iterator[Item]]


def rows(record: Record, type_: str, found: Iterable[Any], where: str) -> Iterator[Item]:
    """Yield what `record` reads of each row; one that it cannot read is set aside."""
    lanes = Lanes()
    yield from _json.each(lambda said: record(type_, said, lanes), found, where)
    yield from lanes.flush(everything=True)
