"""Bluesky: one's posts, from the open API of the AT protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import (
    Connector,
    Entry,
    Http,
    Options,
    Pull,
    Setting,
    Window,
    _json,
    _posts,
    _said,
)
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("Bluesky", Kind.DERIVED)
POST = "app.bsky.feed.post"
PAGE = 100
PAGES_MAX = 5_000
_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"


def record(r: Mapping[str, Any]) -> Iterator[Item]:
    """Read a record of a repository; only posts are read."""
    value = r["value"]
    if value["$type"] == POST:
        yield from _post(r["uri"], value)


def feed(f: Mapping[str, Any]) -> Iterator[Item]:
    """Read an item of an author's feed; what is reposted is somebody else's."""
    if not f.get("reason"):
        yield from _post(f["post"]["uri"], f["post"]["record"])


def _post(uri: str, value: Mapping[str, Any]) -> Iterator[Item]:
    text = value["text"]
    if not text.strip():
        text = "(a picture)" if value.get("embed") else "(nothing written)"
    yield _posts.note(
        SOURCE,
        _said.key(uri),
        _said.instant(value["createdAt"]),
        text,
        measure="status_post",
        tags=[*value.get("tags", ()), *(["reply"] if value.get("reply") else ())],
    )


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield the posts of an answer: records of a repository, or a feed."""
    if "records" in answer:
        return _json.each(record, answer["records"], "the answer")
    return _json.each(feed, answer["feed"], "the answer")


def recognise(entry: Entry) -> float:
    """Return 0.95 for answers that hold records or a feed."""
    seen = _json.members(entry.head)
    records = {"records.item.uri", "records.item.value.$type", "records.item.value.createdAt"}
    feeds = {"feed.item.post.uri", "feed.item.post.record.createdAt"}
    return 0.95 if seen >= records or seen >= feeds else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read saved answers."""
    if "feed.item.post.uri" in _json.members(entry.head):
        return _json.read(entry, feed, "feed.item", unit="post")
    return _json.read(entry, record, "records.item", unit="record")


def _tid(at: int) -> str:
    """Return the key that a record made at an instant has: its microseconds, sortable."""
    number = max(at, 0) << 10
    return "".join(_DIGITS[number >> 5 * i & 31] for i in range(12, -1, -1))


def _records(http: Http, window: Window, options: Options) -> Iterator[Item]:
    cursor = _tid(window.end)
    for _ in range(PAGES_MAX):
        answer = http.get(
            "/xrpc/com.atproto.repo.listRecords",
            {"repo": options["handle"], "collection": POST, "limit": PAGE, "cursor": cursor},
        )
        yield from rows_of(answer)
        keys = [r["uri"].rpartition("/")[2] for r in answer["records"]]
        # A page that ends where it began would be the last one again.
        if not keys or answer.get("cursor") in (None, "", cursor):
            return
        if min(keys) < _tid(window.start):
            return
        cursor = answer["cursor"]


CONNECTOR = Connector(
    name="bluesky",
    title="Bluesky",
    docs="https://docs.bsky.app/docs/api/com-atproto-repo-list-records",
    emits=frozenset({"status_post"}),
    recognise=recognise,
    parse=parse,
    settings=(
        Setting(key="handle", label="Handle", help="Like alex.bsky.social.", required=True),
        Setting(
            key="url",
            label="Address of your data server",
            kind="url",
            default="https://bsky.social",
        ),
    ),
    pulls=(Pull(name="posts", fetch=_records),),
)
