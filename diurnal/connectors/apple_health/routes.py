"""Read the GPX file of a workout's route."""

from __future__ import annotations

from datetime import datetime
from typing import Any, BinaryIO
from xml.parsers import expat

from diurnal.errors import InvalidInput
from diurnal.model.time import SECOND, micros

POINTS_MAX = 20_000
"""Kept of one route, evenly; an event's content stays below its limit."""
FILE_BYTES_MAX = 64 << 20
FILE_POINTS_MAX = 400_000
"""A point a second for four days."""
TAG_BYTES_MAX = 64 << 10
TEXT_MAX = 64
DEPTH_MAX = 32
_BLOCK = 64 << 10

Point = tuple[int, float, float, float | None]
"""Microseconds UTC, latitude, longitude, metres above the sea."""


def read_gpx(stream: BinaryIO) -> list[Point]:
    """Return the track points that have a time and a place, as they stand.

    Raises:
        InvalidInput: no GPX, or one with a document type or past a limit.
    """
    reader = _Gpx()
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    given = 0
    try:
        while block := stream.read(_BLOCK):
            given += len(block)
            if given > FILE_BYTES_MAX:
                raise InvalidInput(f"the route is larger than {FILE_BYTES_MAX >> 20} MB")
            parser.Parse(block, False)
            if given - parser.CurrentByteIndex > TAG_BYTES_MAX + _BLOCK:
                raise InvalidInput("a tag of the route is too long")
        parser.Parse(b"", True)
    except expat.ExpatError as e:
        raise InvalidInput(f"the route is no GPX: {e}") from e
    return reader.points


def thin(points: list[Point], most: int = POINTS_MAX) -> list[Point]:
    """Return at most `most` points, evenly spaced, the first and the last among them."""
    if len(points) <= most:
        return points
    step = (len(points) - 1) / (most - 1)
    return [points[round(i * step)] for i in range(most)]


def columns(points: list[Point], start: int) -> list[list[float | None]]:
    """Return points as `[seconds after start, lat, lon, ele]`, at a precision of 0.1 m."""
    return [
        [
            round((at - start) / SECOND, 1),
            round(lat, 6),
            round(lon, 6),
            None if ele is None else round(ele, 1),
        ]
        for at, lat, lon, ele in points
    ]


def point(at: int, lat: str, lon: str, ele: str | None) -> Point:
    """Return a point of written numbers.

    Raises:
        ValueError: no place on Earth.
    """
    place = float(lat), float(lon)
    if not (abs(place[0]) <= 90 and abs(place[1]) <= 180):
        raise ValueError(f"no place: {lat[:20]}, {lon[:20]}")
    height = float(ele) if ele else None
    return at, *place, height if height is None or abs(height) < 1e5 else None


def _refuse_doctype(*_: Any) -> None:
    raise InvalidInput("the route has a document type; that is not read")


class _Gpx:
    def __init__(self) -> None:
        self.points: list[Point] = []
        self._depth = 0
        self._place: tuple[str, str] | None = None
        self._texts: dict[str, str] = {}
        self._tag = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise InvalidInput("the route's elements are too deep in each other")
        if tag == "trkpt":
            self._place = attributes.get("lat", ""), attributes.get("lon", "")
            self._texts = {}
        self._tag = tag if tag in ("ele", "time") and self._place else ""

    def text(self, data: str) -> None:
        if self._tag:
            self._texts[self._tag] = (self._texts.get(self._tag, "") + data)[:TEXT_MAX]

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._tag = ""
        if tag != "trkpt" or self._place is None:
            return
        lat, lon = self._place
        self._place = None
        try:
            time = datetime.fromisoformat(self._texts["time"].strip())
            self.points.append(point(micros(time), lat, lon, self._texts.get("ele")))
        except (KeyError, ValueError):
            return
        if len(self.points) > FILE_POINTS_MAX:
            raise InvalidInput(f"the route has more than {FILE_POINTS_MAX} points")
