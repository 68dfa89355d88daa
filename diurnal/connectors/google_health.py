"""Google Health API (the successor of Fitbit's): saved pages of data points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry
from diurnal.connectors import _json as documents
from diurnal.connectors._health import Stage, day_value, night, value_event, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import key, name, number, utc
from diurnal.connectors.fitbit import FITBIT
from diurnal.model.records import Item, Source
from diurnal.model.sources import kind_of
from diurnal.model.time import day_from_text

_INTERVALS: Mapping[str, tuple[str, str, float]] = {
    "steps": ("steps", "count", 1),
    "floors": ("floors", "count", 1),
    "distance": ("distance_walk_run", "millimeters", 0.001),
    "activeEnergyBurned": ("energy_active", "kcal", 1),
    "totalCalories": ("energy_total", "kcal", 1),
}
_SAMPLES: Mapping[str, tuple[str, str, float]] = {
    "heartRate": ("heart_rate", "beatsPerMinute", 1),
    "heartRateVariability": (
        "hrv_rmssd",
        "rootMeanSquareOfSuccessiveDifferencesMilliseconds",
        1,
    ),
    "oxygenSaturation": ("spo2", "percentage", 0.01),
}
_EVENTS: Mapping[str, tuple[str, str, str]] = {
    "weight": ("weight", "weightGrams", "g"),
    "bodyFat": ("body_fat", "percentage", "%"),
    "height": ("height", "heightMillimeters", "mm"),
}
_DAYS: Mapping[str, tuple[str, str, str]] = {
    "dailyRestingHeartRate": ("heart_rate_resting", "beatsPerMinute", "/min"),
    "dailyRespiratoryRate": ("respiratory_rate", "breathsPerMinute", "/min"),
}
_STAGES = {"AWAKE": "awake", "LIGHT": "light", "DEEP": "deep", "REM": "rem", "ASLEEP": "asleep"}
_BESIDE = {"dataSource", "name"}


def recognise(entry: Entry) -> float:
    """Return how sure it is."""
    there = documents.members(entry.head)
    return 0.95 if {"dataPoints.item.dataSource"} <= there else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a saved page of data points of any type."""
    lanes = Lanes()
    yield from documents.read(entry, lambda point: points(point, lanes), "dataPoints.item")
    yield from lanes.flush(everything=True)


def points(point: Any, lanes: Lanes) -> Iterator[Item]:
    """Read one data point; its type is the member beside its source."""
    source = _source(point.get("dataSource") or {})
    for type_ in point.keys() - _BESIDE:
        said = point[type_]
        if type_ in _INTERVALS:
            measure, member, factor = _INTERVALS[type_]
            start, end, offset = _interval(said["interval"])
            lanes.add(measure, source, start, number(said[member]) * factor, end=end, offset=offset)
        elif type_ in _SAMPLES:
            measure, member, factor = _SAMPLES[type_]
            at, offset = _sample(said["sampleTime"])
            lanes.add(measure, source, at, number(said[member]) * factor, offset=offset)
        elif type_ in _EVENTS:
            measure, member, unit = _EVENTS[type_]
            at, offset = _sample(said["sampleTime"])
            id_ = key(point.get("name") or f"{type_}:{at}")
            value = number(said[member])
            yield value_event(measure, source, id_, at, value, unit, offset=offset)
        elif type_ in _DAYS:
            measure, member, unit = _DAYS[type_]
            date = said["date"]
            day = day_from_text(f"{date['year']:04}-{date['month']:02}-{date['day']:02}")
            yield day_value(measure, source, day, said[member], unit)
        elif type_ == "sleep":
            yield _sleep(point, said, source)
        elif type_ == "exercise":
            yield _exercise(point, said, source)
        else:
            raise ValueError(f"a data point of type {type_} is not read")
    yield from lanes.flush()


def _source(said: Any) -> Source:
    if said.get("platform") == "FITBIT":
        return FITBIT
    device = name((said.get("device") or {}).get("displayName"))
    app = (said.get("application") or {}).get("packageName", "")
    found = device or name(app) or "Google Health"
    return Source(found, kind_of(found))


def _offset(text: str | None) -> int | None:
    return None if text is None else round(number(text.removesuffix("s")) / 60)


def _interval(said: Any) -> tuple[int, int, int | None]:
    offset = _offset(said.get("startUtcOffset"))
    return utc(said["startTime"]), utc(said["endTime"]), offset


def _sample(said: Any) -> tuple[int, int | None]:
    return utc(said["physicalTime"]), _offset(said.get("utcOffset"))


def _sleep(point: Any, said: Any, source: Source) -> Item:
    start, end, offset = _interval(said["interval"])
    stated = (said.get("summary") or {}).get("minutesAsleep")
    stages: list[Stage] = [
        (_STAGES[s["type"]], utc(s["startTime"]), utc(s["endTime"]))
        for s in said.get("stages") or ()
        if s.get("type") in _STAGES
    ]
    return night(
        source,
        key(point.get("name") or f"sleep:{start}"),
        start,
        end,
        asleep_s=None if stated is None else number(stated) * 60,
        stages=stages,
        offset=offset,
    )


def _exercise(point: Any, said: Any, source: Source) -> Item:
    start, end, offset = _interval(said["interval"])
    sums = said.get("metricsSummary") or {}
    distance, energy = sums.get("distanceMillimeters"), sums.get("caloriesKcal")
    rate, steps = sums.get("averageHeartRateBeatsPerMinute"), sums.get("steps")
    return workout(
        source,
        key(point.get("name") or f"exercise:{start}"),
        start,
        end,
        str(said.get("exerciseType") or "other").lower(),
        {
            "distance": None if distance is None else number(distance) / 1000,
            "energy": None if energy is None else number(energy),
            "heart_rate": None if rate is None else number(rate),
            "steps": None if steps is None else number(steps),
        },
        offset=offset,
    )


CONNECTOR = Connector(
    name="google_health",
    title="Google Health",
    docs="https://developers.google.com/health",
    emits=frozenset(
        {"sleep", "workout"}
        | {m for m, _, _ in (*_INTERVALS.values(), *_SAMPLES.values())}
        | {m for m, _, _ in (*_EVENTS.values(), *_DAYS.values())}
    ),
    recognise=recognise,
    parse=parse,
)
