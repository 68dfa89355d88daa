"""Mastodon: one's posts, from the API and from the archive (`outbox.json`).

Direct messages are left out. A boost is kept in the stream of social things, but is no post.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from diurnal.connectors import (
    Connector,
    Entry,
    Http,
    Key,
    Options,
    Pull,
    Quota,
    Setting,
    Window,
    _json,
    _posts,
    _said,
)
from diurnal.model.records import Datum, Item, Source
from diurnal.model.sources import Kind

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
_COUNTS = (
    ("mastodon_replies", "replies_count"),
    ("mastodon_boosts", "reblogs_count"),
    ("mastodon_favourites", "favourites_count"),
)


def status(s: Mapping[str, Any]) -> Iterator[Item]:
    """Read a status of the API, with how others answered it so far."""
    if s["visibility"] == "direct":
        return
    account = s["account"]
    source = _source(account["username"], account["url"])
    boosted = s.get("reblog")
    if boosted:
        yield _boost(source, s["id"], s["created_at"], boosted.get("url") or boosted["uri"])
        return
    at = _said.instant(s["created_at"])
    text = _text(s["content"], s.get("spoiler_text"), s.get("media_attachments"))
    reply = bool(s.get("in_reply_to_id"))
    yield _post(source, s["id"], at, text, [t["name"] for t in s.get("tags", ())], reply, s)
    for measure, member in _COUNTS:
        count = s.get(member)
        if count:
            yield Datum(
                source=source,
                source_id=_said.key(f"{s['id']} {member}"),
                type="count/generic",
                start=at,
                content=int(count),
                measure=measure,
            )


def activity(a: Mapping[str, Any]) -> Iterator[Item]:
    """Read an activity of the archive."""
    readers = [*a.get("to", ()), *a.get("cc", ())]
    if PUBLIC not in readers and not any(r.endswith("/followers") for r in readers):
        return
    source = _source(a["actor"].rstrip("/").rpartition("/")[2].lstrip("@"), a["actor"])
    if a["type"] == "Announce":
        id_ = a["id"].removesuffix("/activity").rpartition("/")[2]
        yield _boost(source, id_, a["published"], a["object"])
    elif a["type"] == "Create":
        note = a["object"]
        text = _text(note["content"], note.get("summary"), note.get("attachment"))
        tags = [t["name"].lstrip("#") for t in note.get("tag", ()) if t.get("type") == "Hashtag"]
        at = _said.instant(note["published"])
        id_ = note["id"].rstrip("/").rpartition("/")[2]
        yield _post(source, id_, at, text, tags, bool(note.get("inReplyTo")), note)


def _source(user: str, address: str) -> Source:
    return Source(f"Mastodon {_said.name(user)}@{urlsplit(address).netloc}"[:200], Kind.DERIVED)


def _text(html: str, warning: Any, attached: Any) -> str:
    text = _posts.without_markup(html) if html.strip() else ""
    if isinstance(warning, str) and warning.strip():
        text = f"{warning.strip()}\n\n{text}".strip()
    return text or ("(a picture)" if attached else "(nothing written)")


def _post(
    source: Source,
    id_: str,
    at: int,
    text: str,
    tags: list[Any],
    reply: bool,
    said: Mapping[str, Any],
) -> Datum:
    return _posts.note(
        source,
        _said.key(id_),
        at,
        text,
        measure="mastodon_post",
        tags=[*tags, "reply"] if reply else tags,
        more={"mastodon": {"url": said["url"]}} if said.get("url") else None,
    )


def _boost(source: Source, id_: str, at: Any, of: Any) -> Datum:
    when = _said.instant(at)
    return _posts.link(
        source, _said.key(id_), when, of, measure=None, stream=_posts.SOCIAL, tags=["boost"]
    )


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield the posts of an answer of the API: a list of statuses."""
    return _json.each(status, answer, "the answer")


def recognise(entry: Entry) -> float:
    """Return 0.95 for statuses of the API and for the outbox of an archive."""
    seen = _json.members(entry.head)
    statuses = {"item.visibility", "item.account.username", "item.content", "item.created_at"}
    outbox = {"orderedItems.item.actor", "orderedItems.item.published"}
    return 0.95 if seen >= statuses or seen >= outbox else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read saved statuses, or an outbox."""
    if "orderedItems.item.actor" in _json.members(entry.head):
        return _json.read(entry, activity, "orderedItems.item", unit="activity")
    return _json.read(entry, status, unit="status")


def _statuses(http: Http, window: Window, options: Options) -> Iterator[Item]:
    me = http.get("/api/v1/accounts/verify_credentials")
    # Ids begin with milliseconds, so they also say from where to read; newest come first.
    after, before = (window.start // 1_000) << 16, (window.end // 1_000) << 16
    params = {"limit": 40, "since_id": after, "max_id": before}
    for page in http.pages(f"/api/v1/accounts/{me['id']}/statuses", params, link=True):
        yield from rows_of(page)
        if not page or min(_said.instant(s["created_at"]) for s in page) < window.start:
            return


CONNECTOR = Connector(
    name="mastodon",
    title="Mastodon",
    docs="https://docs.joinmastodon.org/methods/accounts/#statuses",
    emits=frozenset({"mastodon_post", *(m for m, _ in _COUNTS)}),
    recognise=recognise,
    parse=parse,
    auth=Key(
        label="Access token",
        help="On your server: Preferences, Development, New application with read rights only.",
    ),
    settings=(
        Setting(
            key="url",
            label="Address of your server",
            kind="url",
            required=True,
            default="https://mastodon.social",
        ),
    ),
    pulls=(Pull(name="statuses", fetch=_statuses),),
    quotas=(Quota(300, 300),),
)
