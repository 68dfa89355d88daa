"""Pinboard: bookmarks, from the export in JSON and from the API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import (
    Connector,
    Entry,
    Http,
    Key,
    Options,
    Pull,
    Quota,
    Window,
    _json,
    _posts,
    _said,
)
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("Pinboard", Kind.DERIVED)


def one(b: Mapping[str, Any]) -> Iterator[Item]:
    """Read a bookmark."""
    yield _posts.link(
        SOURCE,
        _said.key(b["hash"]),
        _said.instant(b["time"]),
        b["href"],
        b.get("description"),
        tags=b.get("tags", "").split(),
        more={
            "pinboard": _said.some(
                note=b.get("extended"), shared=b.get("shared"), toread=b.get("toread")
            )
        },
    )


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield the bookmarks of an answer: a list, or one in `posts`."""
    found = answer["posts"] if isinstance(answer, dict) else answer
    return _json.each(one, found, "the answer")


def recognise(entry: Entry) -> float:
    """Return 0.95 for an export or an answer."""
    seen = _json.members(entry.head)
    return 0.95 if _prefix(seen) else 0.0


def _prefix(seen: frozenset[str]) -> str:
    for at in ("item", "posts.item"):
        if {f"{at}.href", f"{at}.hash", f"{at}.time", f"{at}.toread"} <= seen:
            return at
    return ""


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read an export or a saved answer."""
    return _json.read(entry, one, _prefix(_json.members(entry.head)), unit="bookmark")


def _bookmarks(http: Http, window: Window, options: Options) -> Iterator[Item]:
    params = {"format": "json", "fromdt": window.start_text, "todt": window.end_text}
    yield from rows_of(http.get("/v1/posts/all", params))


CONNECTOR = Connector(
    name="pinboard",
    title="Pinboard",
    docs="https://pinboard.in/api",
    emits=frozenset({"bookmark"}),
    recognise=recognise,
    parse=parse,
    auth=Key(
        label="API token",
        help="It stands at https://pinboard.in/settings/password, with your user name before it.",
        place="query",
        name="auth_token",
    ),
    base_url="https://api.pinboard.in",
    pulls=(Pull(name="bookmarks", fetch=_bookmarks, slice_days=3_650, complete=True),),
    quotas=(Quota(1, 300),),
)
