"""Instapaper: pages kept and read, and what was highlighted in them.

A page counts as read when nine tenths of it have been passed. The API is its second version, as
Instapaper's own client for Python (`instapaper-api` 1.0) has it; saved answers are of the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import (
    Connector,
    Cursor,
    Entry,
    Http,
    OAuth2,
    Options,
    Pull,
    Setting,
    Window,
    _csv,
    _json,
    _posts,
    _said,
)
from diurnal.errors import Upstream
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("Instapaper", Kind.DERIVED)
READ = 0.9
PAGE = 500
PAGES_MAX = 2_000
HIGHLIGHTED = 100
"""Pages whose highlights are asked for in one run: each is a request."""
OVERLAP_S = 60
_COLUMNS = ("URL", "Title", "Selection", "Folder", "Timestamp")


def one(said: Mapping[str, Any]) -> Iterator[Item]:
    """Read what a list of the API holds: bookmarks and highlights; other items are no data."""
    if "type" not in said:
        said = {**said, **_as_first(said)}
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


def _as_first(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the second version of the API calls otherwise, as the first does."""
    if "bookmark_id" in said:
        return {"type": "highlight", "highlight_id": said["id"]}
    passed = said.get("progress") or {}
    return {
        "type": "bookmark",
        # What was sent to Instapaper as a text has no address but the one that it is read at.
        "url": said.get("url") or f"https://www.instapaper.com/read/{int(said['id'])}",
        "progress": passed.get("percentage"),
        "progress_timestamp": passed.get("timestamp"),
    }


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
    listed = listed or {"bookmarks.item.id", "bookmarks.item.progress.percentage"} <= seen
    listed = listed or {f"highlights.item.{m}" for m in ("id", "bookmark_id", "position")} <= seen
    return 0.95 if listed or _csv.has(entry.head, *_COLUMNS) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a saved answer, or the export."""
    if _csv.has(entry.head, *_COLUMNS):
        return _csv.read(entry, row)
    return _json.whole(entry, rows_of)


# The API: bookmarks that changed since an instant, in pages that deleted ones fill, too.


def _changed(http: Http, since: int, offset: int, size: int) -> tuple[list[Any], int]:
    """Return bookmarks changed since, and how many places of the page are taken."""
    answer = http.get("/api/2/bookmarks", {"since": since, "limit": size, "offset": offset})
    found = answer["bookmarks"]
    return found, len(found) + len(answer.get("deleted_ids") or ())


def _bookmarks(http: Http, window: Window, options: Options) -> Iterator[Item | Cursor]:
    since, offset = _begun(window)
    seen: set[Any] = set()
    for _ in range(PAGES_MAX):
        found, taken = _changed(http, since, offset, PAGE)
        yield from rows_of({"bookmarks": found})
        ids = {b.get("id") for b in found if isinstance(b, dict)}
        if ids and ids <= seen:
            raise Upstream("the source sends the same page again and again")
        seen |= ids
        if taken < PAGE:
            break
        offset += taken
    # What changes meanwhile is asked for again.
    yield Cursor(f"{max(window.end_s - OVERLAP_S, 1)} 0")


def _highlights(http: Http, window: Window, options: Options) -> Iterator[Item | Cursor]:
    if not options.get("highlights", True):
        return
    since, offset = _begun(window)
    found, taken = _changed(http, since, offset, HIGHLIGHTED)
    for bookmark in found:
        answer = http.get(f"/api/2/bookmarks/{int(bookmark['id'])}/highlights")
        yield from rows_of(answer)
    if taken < HIGHLIGHTED:
        yield Cursor(f"{max(window.end_s - OVERLAP_S, 1)} 0")
    else:
        yield Cursor(f"{since} {offset + taken}")


def _begun(window: Window) -> tuple[int, int]:
    """Return since when changes are asked for, Unix seconds, and how many were read."""
    if window.cursor is None:
        # At 0 the API would answer the first list instead.
        return max(window.start_s, 1), 0
    since, _, offset = window.cursor.partition(" ")
    return int(since), int(offset or 0)


CONNECTOR = Connector(
    name="instapaper",
    title="Instapaper",
    docs="https://www.instapaper.com/developers/overview/getting-started",
    emits=frozenset({"bookmark", "article_read"}),
    recognise=recognise,
    parse=parse,
    auth=OAuth2(
        authorize_url="https://www.instapaper.com/api/2/oauth2/authorize",
        token_url="https://www.instapaper.com/api/2/oauth2/token",  # noqa: S106 - an address
        help="Make an application at https://www.instapaper.com/developers/applications/create.",
    ),
    base_url="https://www.instapaper.com",
    settings=(
        Setting(
            key="highlights",
            label="Highlights, too",
            kind="boolean",
            default=True,
            help="Each page that changed is one request, a hundred at a time.",
        ),
    ),
    pulls=(
        Pull(name="bookmarks", fetch=_bookmarks, by="cursor"),
        Pull(name="highlights", fetch=_highlights, by="cursor"),
    ),
)
