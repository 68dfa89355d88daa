"""Fixes and check-ins: where somebody was, as position events."""

from __future__ import annotations

from typing import Any

from diurnal.connectors import _said
from diurnal.model import units
from diurnal.model.records import Datum, Source

TYPE = "position/wgs84"


def position(
    latitude: Any,
    longitude: Any,
    *,
    altitude: Any = None,
    accuracy: Any = None,
    vertical_accuracy: Any = None,
    speed: Any = None,
    bearing: Any = None,
) -> dict[str, float]:
    """Return the content of a position: degrees, metres, metres a second.

    Raises:
        ValueError: no such place.
    """
    place = {"latitude": _said.number(latitude), "longitude": _said.number(longitude)}
    if not (abs(place["latitude"]) <= 90 and abs(place["longitude"]) <= 180):
        raise ValueError("no place on earth has this latitude and longitude")
    for member, value in (
        ("altitude", altitude),
        ("horizontalAccuracy", accuracy),
        ("verticalAccuracy", vertical_accuracy),
        ("speed", speed),
        ("bearing", bearing),
    ):
        if value is None or value == "":
            continue
        said = _said.number(value)
        # Phones write -1 where they do not know.
        if said >= 0 or member == "altitude":
            place[member] = units.plain(said)
    return place


def fix(
    source: Source,
    source_id: str,
    at: int,
    place: dict[str, float],
    *,
    offset: int | None = None,
    client_data: dict[str, Any] | None = None,
) -> Datum:
    """Return a location at an instant."""
    return Datum(
        source=source,
        source_id=source_id,
        type=TYPE,
        start=at,
        content=place,
        measure="location",
        offset=offset,
        client_data=client_data,
    )
