"""Maloja: scrobbles of one's own server, from its export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry, _json, _music, _said
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import SECOND

SOURCE = Source("Maloja", Kind.DERIVED)


def one(scrobble: Mapping[str, Any]) -> Iterator[Item]:
    """Read a scrobble."""
    track = scrobble["track"]
    album = track.get("album") or {}
    length = scrobble.get("duration") or track.get("length") or 0
    yield _music.play(
        SOURCE,
        _said.epoch(scrobble["time"]),
        ", ".join(track["artists"]),
        track["title"],
        album=album.get("albumtitle"),
        length=round(_said.number(length) * SECOND),
    )


def rows_of(document: Any) -> Iterator[Item]:
    """Yield the scrobbles of a decoded export."""
    return _json.each(one, document["scrobbles"], "the export")


def recognise(entry: Entry) -> float:
    """Return 0.95 for an export."""
    return 0.95 if {"maloja", "scrobbles.item.track.title"} <= _json.members(entry.head) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read an export."""
    return _json.read(entry, one, "scrobbles.item", unit="scrobble")


CONNECTOR = Connector(
    name="maloja",
    title="Maloja",
    docs="https://github.com/krateng/maloja",
    emits=frozenset({"track_played"}),
    recognise=recognise,
    parse=parse,
)
