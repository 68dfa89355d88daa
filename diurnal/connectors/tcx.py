"""TCX, Garmin's Training Center: activities with laps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from diurnal.connectors import Connector, Entry
from diurnal.connectors import _tracks as tracks
from diurnal.connectors._said import number, utc
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Item, Progress
from diurnal.model.time import SECOND

_ROOT = re.compile(rb"<(?:\w+:)?TrainingCenterDatabase[\s>]")
_SPORTS = {"biking": "cycling", "other": ""}
_SUMS = {"DistanceMeters": "distance", "Calories": "energy", "TotalTimeSeconds": "moving"}


def recognise(entry: Entry) -> float:
    """Return how sure it is."""
    return 0.9 if _ROOT.search(entry.head[:8192]) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the activities of a file; what comes before a fault counts."""
    yield Progress("reading", 0, max(entry.size, 1))
    with entry.open() as stream:
        found, fault = read(stream)
    for activity in found:
        if activity.start is None:
            yield Bad("an activity without a time", entry.path)
        else:
            yield from tracks.records(activity, "2 tcx", entry.name)
    if fault or not found:
        yield Bad(fault or "there is no activity in it", entry.path)
    yield Progress("reading", max(entry.size, 1), max(entry.size, 1))


def read(stream: BinaryIO) -> tuple[list[tracks.Activity], str]:
    """Return the activities, and what is wrong with the file ("" for nothing)."""
    reader = _Tcx()
    fault = ""
    try:
        tracks.feed(stream, reader.start, reader.end)
    except InvalidInput as e:
        fault = e.message
    return reader.found, fault


class _Tcx:
    def __init__(self) -> None:
        self.found: list[tracks.Activity] = []
        self._path: list[str] = []
        self._point: dict[str, str] | None = None
        self._lap_end = 0

    def start(self, tag: str, a: dict[str, str]) -> None:
        if tag == "Activity":
            sport = a.get("Sport", "").lower()
            self.found.append(tracks.Activity(sport=_SPORTS.get(sport, sport)[:40]))
        elif tag == "Lap" and self.found:
            self._lap(a.get("StartTime", ""))
        elif tag == "Trackpoint":
            self._point = {}
        self._path.append(tag)

    def _lap(self, start: str) -> None:
        try:
            self._lap_end = utc(start)
            self.found[-1].see(self._lap_end)
        except ValueError:
            self._lap_end = 0

    def end(self, tag: str, text: str) -> None:
        self._path.pop()
        if not self.found:
            return
        activity = self.found[-1]
        inside = self._path[-1] if self._path else ""
        if tag == "Trackpoint":
            point, self._point = self._point, None
            if point is not None:
                _take(activity, point)
        elif self._point is not None:
            self._point["HeartRate" if inside == "HeartRateBpm" else tag] = text
        elif inside == "Lap" and tag in _SUMS:
            self._add(activity, tag, text)
        elif inside == "Creator" and tag == "Name":
            activity.device = text

    def _add(self, activity: tracks.Activity, tag: str, text: str) -> None:
        try:
            value = number(text)
        except ValueError:
            return
        name = _SUMS[tag]
        activity.totals[name] = activity.totals.get(name, 0.0) + value
        if name == "moving" and self._lap_end:
            activity.see(self._lap_end + round(value * SECOND))


def _take(activity: tracks.Activity, point: Mapping[str, str]) -> None:
    try:
        at = utc(point["Time"])
    except (KeyError, ValueError):
        return
    activity.see(at)
    for tag, measure in (
        ("HeartRate", "heart_rate"),
        ("Cadence", "cadence"),
        ("RunCadence", "cadence"),
        ("Watts", "power"),
    ):
        try:
            if tag in point:
                activity.add(measure, at, number(point[tag]))
        except ValueError:
            continue
    try:
        height = number(point["AltitudeMeters"]) if "AltitudeMeters" in point else None
        lat, lon = number(point["LatitudeDegrees"]), number(point["LongitudeDegrees"])
    except (KeyError, ValueError):
        return
    activity.place(at, lat, lon, height)


CONNECTOR = Connector(
    name="tcx",
    title="TCX files",
    docs="https://www8.garmin.com/xmlschemas/TrainingCenterDatabasev2.xsd",
    emits=frozenset({"workout", "heart_rate", "cadence_cycle", "cadence_step", "power"}),
    recognise=recognise,
    parse=parse,
)
