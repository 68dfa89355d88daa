"""Places: what in a datum says where somebody was, and how to say it less exactly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from diurnal.model.access import Place

Json = Any

TYPES = frozenset({"address", "checkin", "location", "place", "position"})
"""Classes of types (`class/format`) that tell of a place whatever they hold."""

_DIGITS: Mapping[Place, int] = {Place.NEAR: 2, Place.AREA: 1}
"""Decimals of a degree: 0.01 of latitude is 1.1 km."""
_LATITUDE = frozenset({"lat", "latitude"})
_LONGITUDE = frozenset({"lng", "lon", "long", "longitude"})
_COORDINATES = _LATITUDE | _LONGITUDE
_LINES = frozenset({"bbox", "coordinates", "path", "points", "route", "track"})
"""Members that may hold pairs of numbers."""
_ADDRESS = frozenset(
    {
        "address",
        "addressline",
        "building",
        "displayname",
        "district",
        "encodedpolyline",
        "formattedaddress",
        "geohash",
        "gpx",
        "housenumber",
        "kml",
        "mapurl",
        "neighborhood",
        "neighbourhood",
        "osmid",
        "place",
        "placeid",
        "placename",
        "pluscode",
        "polyline",
        "postalcode",
        "postcode",
        "quarter",
        "road",
        "street",
        "streetaddress",
        "suburb",
        "venue",
        "venueid",
        "what3words",
        "zip",
        "zipcode",
    }
)
_NAMING = frozenset(
    {"altitude", "elevation", "id", "label", "link", "name", "text", "title", "url"}
)
"""What beside coordinates would say more of the place than they do."""
_PAIR = re.compile(r"(-?\d{1,3}\.\d+)\s*[,;/ ]\s*(-?\d{1,3}\.\d+)")
_EXACT_TEXT = re.compile(r"-?\d{1,3}\.\d{3,}\s*[,;/ ]\s*-?\d{1,3}\.\d{3,}")


def bears(type_: str, group: str | None, content: Json) -> bool:
    """Return whether a datum tells of a place."""
    return type_.partition("/")[0] in TYPES or group == "location" or _has_coordinates(content)


def _has_coordinates(value: Json) -> bool:
    if isinstance(value, dict):
        return bool(_plain(value) & _COORDINATES) or any(map(_has_coordinates, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_coordinates, value))
    return isinstance(value, str) and _EXACT_TEXT.search(value) is not None


def coarse(value: Json, place: Place, *, bare: bool = False) -> Json:
    """Return JSON with coordinates rounded, or left out, and without addresses.

    Args:
        bare: whether text is a place itself: then it stays only where it is two numbers.
    """
    if place is Place.EXACT:
        return value
    if isinstance(value, dict):
        return _coarse_object(value, place)
    if isinstance(value, list | tuple):
        return [coarse(v, place, bare=bare) for v in value]
    if isinstance(value, str) and (bare or _EXACT_TEXT.search(value)):
        return coarse_text(value, place)
    return value


def coarse_text(text: str, place: Place) -> str | None:
    """Return "latitude,longitude" rounded; None for any other text."""
    if place is Place.EXACT:
        return text
    pair = _PAIR.fullmatch(text.strip())
    digits = _DIGITS.get(place)
    if pair is None or digits is None:
        return None
    return ",".join(str(round(float(number), digits)) for number in pair.groups())


def _coarse_object(value: Mapping[str, Json], place: Place) -> dict[str, Json]:
    here = bool(_plain(value) & _COORDINATES)
    digits = _DIGITS.get(place)
    made: dict[str, Json] = {}
    for name, inner in value.items():
        plain = _plain_name(name)
        if plain in _COORDINATES:
            if digits is not None and _is_number(inner):
                made[name] = round(inner, digits)
        elif plain in _LINES and isinstance(inner, list | tuple):
            if digits is not None:
                made[name] = _rounded(inner, digits, place)
        elif not (_is_address(plain, inner) or (here and plain in _NAMING)):
            made[name] = coarse(inner, place)
    return made


def _is_address(name: str, value: Json) -> bool:
    return name in _ADDRESS and not isinstance(value, dict | list | bool | int | float)


def _rounded(value: Json, digits: int, place: Place) -> Json:
    if isinstance(value, list | tuple):
        return [_rounded(v, digits, place) for v in value]
    return round(value, digits) if _is_number(value) else coarse(value, place)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Mapping[str, Json]) -> set[str]:
    return {_plain_name(name) for name in value}


def _plain_name(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
