"""Google Fit: the JSON files of a Takeout, in any language, and saved answers of its API.

The same measurement lies in several files, raw and derived; each names where it came from, and
that is its source, so that it is counted once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry
from diurnal.connectors import _json as documents
from diurnal.connectors._health import night, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import Members, number, utc
from diurnal.model.records import Bad, Item, Source
from diurnal.model.sources import Kind, kind_of
from diurnal.model.time import SECOND

_NUMBERS: Members = {
    "com.google.step_count.delta": ("steps", "1"),
    "com.google.distance.delta": ("distance_walk_run", "m"),
    "com.google.calories.expended": ("energy_total", "kcal"),
    "com.google.heart_rate.bpm": ("heart_rate", "/min"),
    "com.google.speed": ("speed", "m/s"),
    "com.google.oxygen_saturation": ("spo2", "%"),
    "com.google.active_minutes": ("active_time", "min"),
    "com.google.weight": ("weight", "kg"),
    "com.google.height": ("height", "m"),
    "com.google.body.fat.percentage": ("body_fat", "%"),
    "com.google.hydration": ("water", "L"),
}
_SLEEP = {1: "awake", 2: "asleep", 4: "light", 5: "deep", 6: "rem"}
_SEGMENTS = {72: "asleep", 109: "light", 110: "deep", 111: "rem", 112: "awake"}
_SUMS: Mapping[str, str] = {
    "com.google.calories.expended": "energy",
    "com.google.step_count.delta": "steps",
    "com.google.distance.delta": "distance",
    "com.google.heart_rate.summary": "heart_rate",
}


def kind(entry: Entry) -> tuple[str, str]:
    """Return whether a file has points or a session, and where, ("", "") for neither."""
    there = documents.members(entry.head)
    if "Data Points" in there or {"Data Source", "Data Points.item.dataTypeName"} <= there:
        return "points", "Data Points.item"
    if {"dataSourceId", "maxEndTimeNs"} <= there:
        return "points", "point.item"
    if {"fitnessActivity", "startTime", "endTime"} <= there:
        return "session", ""
    return "", ""


def recognise(entry: Entry) -> float:
    """Return how sure it is."""
    return 0.9 if kind(entry)[0] else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the points of one data source, or one session."""
    type_, where = kind(entry)
    if type_ == "session":
        yield from documents.read(entry, _session, "")
        return
    lanes = Lanes()
    unknown: dict[str, int] = {}
    yield from documents.read(entry, lambda p: point(p, lanes, unknown), where)
    yield from lanes.flush(everything=True)
    for name, count in unknown.items():
        yield Bad(f"{name} is not read: {count} left out", entry.path)


def point(said: Any, lanes: Lanes, unknown: dict[str, int]) -> Iterator[Item]:
    """Read one point; those that are not read are counted by type in `unknown`."""
    type_ = said["dataTypeName"]
    origin = said.get("originDataSourceId") or ""
    start, end = int(said["startTimeNanos"]) // 1000, int(said["endTimeNanos"]) // 1000
    values: list[Any] = said.get("fitValue") or said.get("value") or []
    source = _source(origin)
    if type_ in _NUMBERS and "from_bmr" not in origin:
        measure, unit = _NUMBERS[type_]
        yield from lanes.reading(measure, source, start, _number(values[0]), unit, end=end)
    elif type_ == "com.google.sleep.segment":
        _stretch(lanes, source, _SLEEP.get(int(_number(values[0]))), start, end)
    elif type_ == "com.google.activity.segment" and int(_number(values[0])) in _SEGMENTS:
        _stretch(lanes, source, _SEGMENTS[int(_number(values[0]))], start, end)
    else:
        # Activities are told by their sessions, places by the Timeline.
        unknown[type_] = unknown.get(type_, 0) + 1
    yield from lanes.flush()


def _stretch(lanes: Lanes, source: Source, stage: str | None, start: int, end: int) -> None:
    if stage is not None:
        lanes.sleep(source, (stage, start, end), "segments")


def _number(said: Any) -> float:
    value = said.get("value", said)
    return number(value["intVal"] if "intVal" in value else value["fpVal"])


def _source(origin: str) -> Source:
    """Return the app that a point came from, and the device if it is named."""
    parts = origin.split(":")
    if parts[-1] == "user_input":
        return Source("Google Fit (typed)", Kind.MANUAL)
    package = parts[2] if len(parts) > 2 else ""
    device = " ".join(" ".join(parts[3:5]).replace("_", " ").split()) if len(parts) > 5 else ""
    app = "Google Fit" if package.startswith("com.google.") or not package else package
    name = f"{app} {device}".strip()[:200]
    known = kind_of(name)
    return Source(name, Kind.PHONE if known is Kind.DERIVED and app == "Google Fit" else known)


def _session(said: Any) -> Iterator[Item]:
    start, end = utc(said["startTime"]), utc(said["endTime"])
    activity = str(said["fitnessActivity"]).lower()
    source = _source("")
    id_ = f"session:{said.get('id') or start // SECOND}"
    if activity.startswith("sleep"):
        yield night(source, id_, start, end)
        return
    content: dict[str, Any] = {"title": said.get("name")}
    for sum_ in said.get("aggregate") or ():
        name = _SUMS.get(sum_.get("metricName", ""))
        value = sum_.get("floatValue", sum_.get("intValue"))
        if name and value is not None:
            content[name] = number(value)
    if said.get("duration"):
        content["moving"] = number(said["duration"].removesuffix("s"))
    yield workout(source, id_, start, end, activity, content)


CONNECTOR = Connector(
    name="google_fit",
    title="Google Fit (Takeout)",
    docs="https://support.google.com/accounts/answer/3024190",
    emits=frozenset({"sleep", "workout"} | {measure for measure, _ in _NUMBERS.values()}),
    recognise=recognise,
    parse=parse,
)
