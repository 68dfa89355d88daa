"""Plays of music, from whichever service tells of them."""

from __future__ import annotations

from typing import Any

from diurnal.connectors import _said
from diurnal.model.records import Datum, Source
from diurnal.model.time import SECOND

TYPE = "music/basic"
LENGTH_MAX = 12 * 3_600 * SECOND
"""Longer, and a length is no track's."""


def play(
    source: Source,
    start: int,
    artist: Any,
    title: Any,
    *,
    source_id: str | None = None,
    album: Any = None,
    length: int = 0,
    more: dict[str, Any] | None = None,
) -> Datum:
    """Return one play of a track.

    Args:
        source_id: where the service gives none, it is made of the second, artist and title.
        length: how long it was played, microseconds.
        more: what else the service says, kept beside.

    Raises:
        ValueError: no artist or no title.
    """
    artist, title = _said.text(artist), _said.text(title)
    return Datum(
        source=source,
        source_id=source_id or _said.key(_said.seconds(start), artist, title),
        type=TYPE,
        start=start,
        duration=length if 0 < length <= LENGTH_MAX else 0,
        content=_said.some(artist=artist, title=title, album=album),
        measure="track_played",
        client_data=more or None,
    )
