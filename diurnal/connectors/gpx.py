"""GPX, 1.0 and 1.1: each track with times is a workout; heart rate and such from extensions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from diurnal.connectors import Connector, Entry
from diurnal.connectors import _tracks as tracks
from diurnal.connectors._said import number, utc
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Item, Progress

_ROOT = re.compile(rb"<(?:\w+:)?gpx[\s>]")
_SERIES = {"hr": "heart_rate", "heartrate": "heart_rate", "cad": "cadence", "cadence": "cadence"}
_POWER = {"power", "PowerInWatts", "watts"}
_STRAVA = {"1": "cycling", "9": "running", "10": "walking", "4": "hiking", "16": "swimming"}
"""Strava writes numbers for sports."""


def recognise(entry: Entry) -> float:
    """Return how sure it is."""
    return 0.9 if _ROOT.search(entry.head[:8192]) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the tracks of a file; what comes before a fault counts."""
    yield Progress("reading", 0, max(entry.size, 1))
    found, creator, fault = _open(entry)
    told = False
    for activity in found:
        if activity.start is not None and (activity.route or activity.series):
            told = True
            yield from tracks.records(activity, f"3 gpx {creator}".strip(), entry.name)
        elif activity.totals:
            yield Bad("a track whose points have no times", entry.path, activity.name)
            told = True
    if fault:
        yield Bad(fault, entry.path)
    elif not told:
        yield Bad("there is no track in it", entry.path)
    yield Progress("reading", max(entry.size, 1), max(entry.size, 1))


def _open(entry: Entry) -> tuple[list[tracks.Activity], str, str]:
    with entry.open() as stream:
        return read(stream)


def read(stream: BinaryIO) -> tuple[list[tracks.Activity], str, str]:
    """Return the tracks, who made the file, and what is wrong with it ("" for nothing)."""
    reader = _Gpx()
    fault = ""
    try:
        tracks.feed(stream, reader.start, reader.end)
    except InvalidInput as e:
        fault = e.message
    return [a for a in reader.found if a is not reader.none], reader.creator, fault


class _Gpx:
    def __init__(self) -> None:
        self.none = tracks.Activity()
        self.found: list[tracks.Activity] = []
        self.creator = ""
        self._track = self.none
        self._point: dict[str, str] | None = None

    def start(self, tag: str, a: dict[str, str]) -> None:
        if tag == "gpx":
            self.creator = a.get("creator", "")[:80]
        elif tag == "trk":
            self._track = tracks.Activity()
            self.found.append(self._track)
        elif tag == "trkpt":
            self._point = {"lat": a.get("lat", ""), "lon": a.get("lon", "")}

    def end(self, tag: str, text: str) -> None:
        if tag == "trk":
            self._track = self.none
        elif tag == "trkpt":
            point, self._point = self._point, None
            if point is not None:
                self._take(point)
        elif self._point is not None:
            self._point[tag] = text
        elif self._track is not self.none and tag == "name":
            self._track.name = text
        elif self._track is not self.none and tag == "type":
            self._track.sport = _STRAVA.get(text, text.lower().replace(" ", "_"))[:40]

    def _take(self, point: Mapping[str, str]) -> None:
        track = self._track
        try:
            at = utc(point["time"])
        except (KeyError, ValueError):
            track.totals["timeless"] = True
            return
        track.see(at)
        for tag, text in point.items():
            measure = "power" if tag in _POWER else _SERIES.get(tag)
            if measure:
                try:
                    track.add(measure, at, number(text))
                except ValueError:
                    continue
        try:
            height = number(point["ele"]) if point.get("ele") else None
            track.place(at, number(point["lat"]), number(point["lon"]), height)
        except ValueError:
            return


CONNECTOR = Connector(
    name="gpx",
    title="GPX files",
    docs="https://www.topografix.com/gpx.asp",
    emits=frozenset({"workout", "heart_rate", "cadence_cycle", "cadence_step", "power"}),
    recognise=recognise,
    parse=parse,
)
