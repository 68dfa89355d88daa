"""Micropub: notes, check-ins and bookmarks that posting apps send (OwnYourSwarm, Quill, …)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from diurnal.connectors import (
    Connector,
    Delivery,
    Entry,
    Options,
    Receive,
    Reply,
    _json,
    _places,
    _posts,
    _said,
)
from diurnal.errors import InvalidInput
from diurnal.model.records import Datum, Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("Micropub", Kind.MANUAL)


def one(entry: Mapping[str, Any], now: int | None = None) -> Iterator[Item]:
    """Read an entry (`h-entry` as Microformats 2 in JSON)."""
    about = entry["properties"]
    at, offset = _published(about, now)
    text = _text(about.get("content"))
    id_ = _said.key("entry", _first(about, "uid", "url", "syndication") or at, text)
    tags = [t for t in about.get("category", ()) if isinstance(t, str)]
    title = _first(about, "name")
    if about.get("checkin"):
        yield _checkin(about["checkin"][0], id_, at, offset, text, tags)
        return
    for member, measure in (("bookmark-of", "bookmark"), ("read-of", "article_read")):
        if about.get(member):
            url = _first(about, member)
            yield _posts.link(
                SOURCE, id_, at, url, title or text, measure=measure, tags=tags, offset=offset
            )
            return
    for member in ("like-of", "repost-of"):
        if about.get(member):
            yield _posts.link(
                SOURCE,
                id_,
                at,
                _first(about, member),
                title or text,
                measure=None,
                stream=_posts.SOCIAL,
                tags=[*tags, member.removesuffix("-of")],
                offset=offset,
            )
            return
    body = f"{title}\n\n{text}".strip() if title else text
    if about.get("in-reply-to"):
        tags.append("reply")
    # What has a title is an article, and stays with the notes.
    measure = "note" if title else "status_post"
    yield _posts.note(SOURCE, id_, at, body, measure=measure, tags=tags, offset=offset)
    place = about.get("location")
    if place and (found := _position(place[0])):
        yield _places.fix(SOURCE, _said.key(id_, "place"), at, found, offset=offset)


def _published(about: Mapping[str, Any], now: int | None) -> tuple[int, int | None]:
    said = _first(about, "published")
    if said:
        return _said.local(said)
    if now is None:
        raise ValueError("the entry does not say when it was published")
    return now, None


def _first(about: Mapping[str, Any], *names: str) -> str:
    for name in names:
        for value in about.get(name) or ():
            if isinstance(value, str) and value:
                return value
            if isinstance(value, dict):
                return _first(value.get("properties", value), "url", "name", "value")
    return ""


def _text(said: Any) -> str:
    value = said[0] if isinstance(said, list) and said else said
    if isinstance(value, dict):
        html = value.get("html")
        return value.get("value") or (_posts.without_markup(html) if html else "")
    return value if isinstance(value, str) else ""


def _position(place: Any) -> dict[str, float] | None:
    """Return where a place is: coordinates of its own, or a `geo:` address."""
    if isinstance(place, str):
        if not place.startswith("geo:"):
            return None
        latitude, longitude = place[4:].partition(";")[0].split(",")[:2]
        return _places.position(latitude, longitude)
    about = place.get("properties", place)
    if not about.get("latitude"):
        return None
    latitude, longitude = _last(about["latitude"]), _last(about["longitude"])
    return _places.position(latitude, longitude)


def _last(said: Any) -> Any:
    return said[-1] if isinstance(said, list) else said


def _checkin(card: Any, id_: str, at: int, offset: int | None, text: str, tags: list[str]) -> Datum:
    about = card.get("properties", card) if isinstance(card, dict) else {"url": [card]}
    return Datum(
        source=SOURCE,
        source_id=id_,
        type=_places.TYPE,
        start=at,
        content=_position(card) if isinstance(card, dict) else None,
        measure="checkin",
        offset=offset,
        tags=_posts.tags_of(tags),
        description=_first(about, "name", "url") or None,
        client_data={"micropub": {"text": text}} if text else None,
    )


def rows_of(document: Any, now: int | None = None) -> Iterator[Item]:
    """Yield an entry, or several in a list or in `items`."""
    found = document.get("items", [document]) if isinstance(document, dict) else document
    return _json.each(lambda e: one(e, now), found, "the entries")


def recognise(entry: Entry) -> float:
    """Return 0.9 for entries as Microformats 2 in JSON."""
    return 0.9 if b"h-entry" in entry.head and _where(entry) is not None else 0.0


def _where(entry: Entry) -> str | None:
    """Return the path of the entries in a file, "" for one or one after another."""
    seen = _json.members(entry.head)
    for where, dot in (("", ""), ("item", "item."), ("items.item", "items.item.")):
        if {f"{dot}type", f"{dot}properties.published"} <= seen:
            return where
    return None


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read saved entries."""
    return _json.read(entry, one, _where(entry) or "", unit="entry")


def _sent(delivery: Delivery) -> Any:
    """Return what was sent as Microformats 2: JSON is so, a form is put into it."""
    if delivery.headers.get("content-type", "").startswith("application/json"):
        return _json.decode(delivery.body)
    about: dict[str, list[Any]] = defaultdict(list)
    kind = "entry"
    for name, value in parse_qsl(delivery.body.decode("utf-8", "replace")):
        plain = name.removesuffix("[]")
        if plain == "h":
            kind = value
        elif plain not in ("access_token", "action", "q") and not plain.startswith("mp-"):
            about[plain].append(value)
    return {"type": [f"h-{kind}"], "properties": about}


def _receive(delivery: Delivery, options: Options) -> Iterator[Item]:
    return rows_of(_sent(delivery), delivery.at)


def _check(delivery: Delivery, options: Options) -> None:
    said = _sent(delivery)
    if not isinstance(said, dict) or "h-entry" not in said.get("type", ()):
        raise InvalidInput("only new entries (h-entry) are taken")


def _greet(delivery: Delivery, options: Options) -> Reply:
    return Reply(body=b'{"syndicate-to":[]}')


CONNECTOR = Connector(
    name="micropub",
    title="Micropub",
    docs="https://www.w3.org/TR/micropub/",
    emits=frozenset({"status_post", "note", "checkin", "bookmark", "article_read", "location"}),
    recognise=recognise,
    parse=parse,
    receive=Receive(read=_receive, reply=Reply(status=202), greet=_greet, check=_check),
)
