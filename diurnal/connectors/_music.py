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
    telling: str | None = None,
    **more: Any,
) -> Datum:
    """Return one play of a track.

    Args:
        source_id: where the service gives none, it is made of the second, artist and title.
        length: how long it was played, microseconds.
        telling: see `Datum`.
        more: what else the service says of it.

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
        content=_said.some(artist=artist, title=title, album=album, **more),
        measure="track_played",
        telling=telling,
    )
