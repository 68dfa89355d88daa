"""Posts and pages: what somebody wrote or kept, from whichever service tells of it."""

from __future__ import annotations

from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any

from diurnal.connectors import _said
from diurnal.model.records import Datum, Source

SOCIAL, WORK, MEDIA = "diurnal-social", "diurnal-work", "diurnal-media"
"""Streams for what belongs to no measure."""
TEXT_MAX = 100_000
TAG_MAX = 200
TAGS_MAX = 50


def note(
    source: Source,
    source_id: str,
    at: int,
    text: Any,
    *,
    measure: str | None = None,
    stream: str | None = None,
    tags: Iterable[Any] = (),
    offset: int | None = None,
    more: dict[str, Any] | None = None,
) -> Datum:
    """Return something written, an instant.

    Raises:
        ValueError: nothing is written.
    """
    return Datum(
        source=source,
        source_id=source_id,
        type="note/txt",
        start=at,
        content=_said.text(text)[:TEXT_MAX],
        measure=measure,
        stream=stream,
        tags=tags_of(tags),
        offset=offset,
        client_data=more or None,
    )


def link(
    source: Source,
    source_id: str,
    at: int,
    url: Any,
    title: Any = None,
    *,
    measure: str | None = "bookmark",
    stream: str | None = None,
    tags: Iterable[Any] = (),
    offset: int | None = None,
    more: dict[str, Any] | None = None,
) -> Datum:
    """Return a page kept or read, an instant.

    Raises:
        ValueError: there is no address.
    """
    return Datum(
        source=source,
        source_id=source_id,
        type="url/http",
        start=at,
        content=_said.text(url)[:TEXT_MAX],
        measure=measure,
        stream=stream,
        tags=tags_of(tags),
        offset=offset,
        description=title[:TEXT_MAX] if isinstance(title, str) and title.strip() else None,
        client_data=more or None,
    )


def tags_of(said: Iterable[Any]) -> tuple[str, ...]:
    """Return tags that can be kept, each once."""
    plain = (_said.name(t)[:TAG_MAX] for t in said)
    return tuple(dict.fromkeys(t for t in plain if t))[:TAGS_MAX]


def without_markup(html: Any) -> str:
    """Return the text of a piece of HTML: a line for each of its lines and paragraphs.

    Raises:
        ValueError: no text.
    """
    reader = _Text()
    reader.feed(_said.text(html))
    reader.close()
    return "".join(reader.parts).strip()


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.parts.append("\n")
        elif tag == "p" and self.parts:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)
