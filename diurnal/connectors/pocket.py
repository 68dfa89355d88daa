"""Pocket: pages kept, from the export that it gave when it closed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry, _csv, _posts, _said
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("Pocket", Kind.DERIVED)
_COLUMNS = ("title", "url", "time_added", "tags", "status")


def one(row: Mapping[str, str]) -> Iterator[Item]:
    """Read a page; when it was read is not told, so what is archived is only named so."""
    tags = row.get("tags", "").split("|")
    if row.get("status") == "archive":
        tags.append("archive")
    title = row.get("title")
    yield _posts.link(
        SOURCE,
        _said.key("kept", row["url"]),
        _said.epoch(row["time_added"]),
        row["url"],
        title if title != row["url"] else None,
        tags=tags,
    )


def recognise(entry: Entry) -> float:
    """Return 0.95 for a part of the export."""
    return 0.95 if _csv.header(entry.head) == _COLUMNS else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a part of the export."""
    return _csv.read(entry, one)


CONNECTOR = Connector(
    name="pocket",
    title="Pocket",
    docs="https://support.mozilla.org/en-US/kb/exporting-your-pocket-list",
    emits=frozenset({"bookmark"}),
    recognise=recognise,
    parse=parse,
)
