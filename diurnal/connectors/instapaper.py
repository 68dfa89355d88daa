"""Instapaper: pages kept and read, and what was highlighted in them.

A page counts as read when nine tenths of it have been passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry, _csv, _json, _posts, _said
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("Instapaper", Kind.DERIVED)
READ = 0.9
_COLUMNS = ("URL", "Title", "Selection", "Folder", "Timestamp")


def one(said: Mapping[str, Any]) -> Iterator[Item]:
    """Read what a list of the API holds: bookmarks and highlights; other items are no data."""
    if said.get("type") == "bookmark":
        url, title = said["url"], said.get("title")
        yield _kept(url, title, said["time"], said.get("description"))
        if _said.number(said.get("progress") or 0) >= READ:
            yield _posts.link(
                SOURCE,
                _said.key("read", url),
                _said.epoch(said["progress_timestamp"]),
                url,
                title,
                measure="article_read",
            )
    elif said.get("type") == "highlight":
        yield _posts.note(
            SOURCE,
            _said.key(f"highlight {said['highlight_id']}"),
            _said.epoch(said["time"]),
            said["text"],
            stream=_posts.MEDIA,
            tags=["highlight"],
        )


def row(r: Mapping[str, str]) -> Iterator[Item]:
    """Read a row of the export in CSV."""
    yield _kept(r["URL"], r.get("Title"), r["Timestamp"], r.get("Selection"))


def _kept(url: str, title: Any, at: Any, note: Any) -> Item:
    # The export gives no ids, so the address is one in both.
    more = {"instapaper": {"note": note}} if note else None
    return _posts.link(SOURCE, _said.key("kept", url), _said.epoch(at), url, title, more=more)


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield the items of an answer: one list, or one a kind."""
    if isinstance(answer, dict):
        answer = [*answer.get("bookmarks", ()), *answer.get("highlights", ())]
    return _json.each(one, answer, "the answer")


def recognise(entry: Entry) -> float:
    """Return 0.95 for lists of bookmarks or highlights, and for the export in CSV."""
    seen = _json.members(entry.head)
    listed = any(
        {f"{at}.bookmark_id", f"{at}.time"} <= seen
        and seen & {f"{at}.progress_timestamp", f"{at}.highlight_id"}
        for at in ("item", "bookmarks.item")
    )
    return 0.95 if listed or _csv.has(entry.head, *_COLUMNS) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a saved answer, or the export."""
    if _csv.has(entry.head, *_COLUMNS):
        return _csv.read(entry, row)
    return _json.whole(entry, rows_of)


CONNECTOR = Connector(
    name="instapaper",
    title="Instapaper",
    docs="https://www.instapaper.com/api/full",
    emits=frozenset({"bookmark", "article_read"}),
    recognise=recognise,
    parse=parse,
)
