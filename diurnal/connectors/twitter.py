"""Twitter: the archive in its newer and older layouts, and saved answers of the API.

What the person posted is read; likes and long texts are kept beside the posts, and everything
else of an archive (messages, advertisers, devices) is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from typing import Any

from diurnal.connectors import Connector, Entry, _json, _posts, _said
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("Twitter", Kind.DERIVED)
EPOCH_MS = 1_288_834_974_657
"""Ids since November 2010 count milliseconds from here."""
FIRST_DATED_ID = 29_700_859_247
_FORMATS = ("%a %b %d %H:%M:%S %z %Y", "%Y-%m-%d %H:%M:%S %z")
_NEWER, _OLDER = b"window.YTD.", b"Grailbird.data."
_REST = re.compile(
    r"(?:^|/)(?:data/js/(?:payload_details|tweet_index|user_details)\.js"
    r"|data/(?:account|manifest)\.js|assets/.*|Your archive\.html)$"
)


def tweet(said: Mapping[str, Any]) -> Iterator[Item]:
    """Read a tweet of any layout."""
    t = said.get("tweet", said)
    text = unescape(t.get("full_text") or t["text"])
    tags = [h["text"] for h in t.get("entities", {}).get("hashtags", ())]
    if t.get("in_reply_to_status_id_str") or t.get("in_reply_to_status_id"):
        tags.append("reply")
    if text.startswith("RT @"):
        tags.append("retweet")
    yield _posts.note(
        SOURCE, _said.key(t["id_str"]), _made(t), text or "(a picture)", measure="tweet", tags=tags
    )


def _made(t: Mapping[str, Any]) -> int:
    said = t["created_at"]
    # Older archives give old tweets the day only.
    if " 00:00:00 " in said and int(t["id_str"]) >= FIRST_DATED_ID:
        return _dated(t["id_str"])
    for format_ in _FORMATS:
        try:
            return _said.english(said, format_)
        except ValueError:
            continue
    raise ValueError(f"no time: {said[:40]!r}")


def _dated(id_: str) -> int:
    """Return the instant that an id tells.

    Raises:
        ValueError: it is older than ids that tell one.
    """
    if int(id_) < FIRST_DATED_ID:
        raise ValueError("neither the row nor its id tells when it was")
    return ((int(id_) >> 22) + EPOCH_MS) * 1_000


def like(said: Mapping[str, Any]) -> Iterator[Item]:
    """Read a like; the archive does not say when, so it stands where the tweet does."""
    liked = said["like"]
    yield _posts.note(
        SOURCE,
        _said.key(f"like {liked['tweetId']}"),
        _dated(liked["tweetId"]),
        unescape(liked.get("fullText") or liked["expandedUrl"]),
        stream=_posts.SOCIAL,
        tags=["like"],
    )


def long_text(said: Mapping[str, Any]) -> Iterator[Item]:
    """Read a long text; the tweet that begins with it is counted, not this."""
    n = said["noteTweet"]
    yield _posts.note(
        SOURCE,
        _said.key(f"note {n['noteTweetId']}"),
        _said.instant(n["createdAt"]),
        n["core"]["text"],
        stream=_posts.SOCIAL,
        tags=["note-tweet"],
    )


_PARTS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Item]]] = {
    "item.tweet.id_str": tweet,
    "item.like.tweetId": like,
    "item.noteTweet.noteTweetId": long_text,
}


def _reader(head: bytes) -> Callable[[Mapping[str, Any]], Iterator[Item]] | None:
    """Return what reads a file's items, None for a file that is not read."""
    assigned = _json.members(_json.script(head, _NEWER, _OLDER))
    for member, one in _PARTS.items():
        if member in assigned:
            return one
    # The layout before 2019, and the API: tweets without a wrapper.
    for seen in (assigned, _json.members(head)):
        if {"item.id_str", "item.created_at"} <= seen and seen & {"item.text", "item.full_text"}:
            return tweet
    return None


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield the tweets of a decoded list."""
    return _json.each(tweet, answer, "the answer")


def recognise(entry: Entry) -> float:
    """Return 0.95 for files of an archive that hold tweets, and for lists of tweets."""
    return 0.95 if _reader(entry.head) is not None else 0.0


def members(path: str) -> bool:
    """Return whether a file of the archive is about the archive."""
    return bool(_REST.search(path))


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a file of tweets."""
    one = _reader(entry.head) or tweet
    assigned = bool(_json.script(entry.head, _NEWER, _OLDER))
    return _json.read(entry, one, assigned=assigned, unit="tweet")


CONNECTOR = Connector(
    name="twitter",
    title="Twitter archive",
    docs="https://help.x.com/en/managing-your-account/how-to-download-your-x-archive",
    emits=frozenset({"tweet"}),
    recognise=recognise,
    parse=parse,
    members=members,
)
