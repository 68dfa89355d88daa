"""Koito: listens of one's own server, from its export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from diurnal.connectors import Connector, Entry, _json, _music, _said
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import SECOND

SOURCE = Source("Koito", Kind.DERIVED)


def one(listen: Mapping[str, Any]) -> Iterator[Item]:
    """Read a listen."""
    track = listen["track"]
    yield _music.play(
        SOURCE,
        _said.instant(listen["listened_at"]),
        ", ".join(_name(a["aliases"]) for a in listen["artists"]),
        _name(track["aliases"]),
        album=_name((listen.get("album") or {}).get("aliases") or ()),
        length=round(_said.number(track.get("duration") or 0) * SECOND),
    )


def _name(aliases: Sequence[Mapping[str, Any]]) -> str:
    """Return the alias that is shown: the primary one, or the first."""
    names = sorted(aliases, key=lambda a: not a.get("is_primary"))
    return _said.text(names[0]["alias"]) if names else ""


def rows_of(document: Any) -> Iterator[Item]:
    """Yield the listens of a decoded export."""
    return _json.each(one, document["listens"], "the export")


def recognise(entry: Entry) -> float:
    """Return 0.95 for an export."""
    wanted = {"exported_at", "listens.item.listened_at", "listens.item.track.aliases"}
    return 0.95 if wanted <= _json.members(entry.head) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read an export."""
    return _json.read(entry, one, "listens.item", unit="listen")


CONNECTOR = Connector(
    name="koito",
    title="Koito",
    docs="https://koito.io",
    emits=frozenset({"track_played"}),
    recognise=recognise,
    parse=parse,
)
