"""Raindrop.io: bookmarks, from the export in CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry, _csv, _posts, _said
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("Raindrop.io", Kind.DERIVED)
_COLUMNS = ("id", "title", "note", "excerpt", "url", "folder", "tags", "created")


def one(row: Mapping[str, str]) -> Iterator[Item]:
    """Read a bookmark."""
    more = _said.some(
        note=row.get("note"), folder=row.get("folder"), highlights=row.get("highlights")
    )
    yield _posts.link(
        SOURCE,
        _said.key(row["id"]),
        _said.instant(row["created"]),
        row["url"],
        row.get("title"),
        tags=row.get("tags", "").split(","),
        more={"raindrop": more} if more else None,
    )


def recognise(entry: Entry) -> float:
    """Return 0.95 for the export."""
    return 0.95 if _csv.has(entry.head, *_COLUMNS) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the export."""
    return _csv.read(entry, one)


CONNECTOR = Connector(
    name="raindrop",
    title="Raindrop.io",
    docs="https://help.raindrop.io/export",
    emits=frozenset({"bookmark"}),
    recognise=recognise,
    parse=parse,
)
