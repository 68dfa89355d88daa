"""Readwise: highlights of books and articles, from the export in CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry, _csv, _posts, _said
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("Readwise", Kind.DERIVED)
_COLUMNS = ("Highlight", "Book Title", "Book Author", "Location", "Highlighted at")


def one(row: Mapping[str, str]) -> Iterator[Item]:
    """Read a highlight."""
    at = _said.utc(row["Highlighted at"])
    book = row.get("Book Title", "")
    about = _said.some(
        title=book,
        author=row.get("Book Author"),
        note=row.get("Note"),
        location=row.get("Location"),
    )
    yield _posts.note(
        SOURCE,
        _said.key(book, row["Highlight"]),
        at,
        row["Highlight"],
        stream=_posts.MEDIA,
        tags=["highlight", *row.get("Tags", "").split(",")],
        more={"readwise": about},
    )


def recognise(entry: Entry) -> float:
    """Return 0.95 for the export."""
    return 0.95 if _csv.has(entry.head, *_COLUMNS) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the export."""
    return _csv.read(entry, one)


CONNECTOR = Connector(
    name="readwise",
    title="Readwise",
    docs="https://docs.readwise.io/readwise/docs/exporting-highlights",
    emits=frozenset(),
    recognise=recognise,
    parse=parse,
)
