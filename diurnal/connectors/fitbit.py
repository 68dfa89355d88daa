"""Fitbit: the export in a Google Takeout, and saved answers of the Web API that ended in 2026.

Steps and heart rates are dated in UTC, sleeps by the clock on the wall.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from diurnal import catalog
from diurnal.connectors import Connector, Entry
from diurnal.connectors import _csv as tables
from diurnal.connectors import _json as documents
from diurnal.connectors._forms import Form, Forms
from diurnal.connectors._health import (
    Stage,
    clock,
    day_value,
    day_values,
    night,
    overlaid,
    value_event,
    value_events,
    workout,
)
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import Members, english, number, utc
from diurnal.errors import InvalidInput
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import DAY, MINUTE, SECOND, day_from_text

FITBIT = Source("Fitbit", Kind.WRIST)
ARIA = Source("Fitbit Aria", Kind.DEDICATED)
TYPED = Source("Fitbit (typed)", Kind.MANUAL)

_DATE = "%m/%d/%y"
_TIME = f"{_DATE} %H:%M:%S"
_STAGES = {"wake": "awake", "awake": "awake", "restless": "awake", "asleep": "asleep"}
_METRES = {"Kilometer": 1000.0, "Mile": 1609.344}
_SERIES = {"steps": "steps", "calories": "energy_total"}
_NAME = re.compile(r"([a-z_]+)-\d{4}-\d\d-\d\d\.json", re.IGNORECASE)
_DAYS: Members = {
    "rmssd": ("hrv_rmssd", "ms"),
    "daily_respiratory_rate": ("respiratory_rate", "/min"),
    "average_value": ("spo2", "%"),
}
_INSTANTS: Members = {"beats per minute": ("heart_rate", "/min")}
_MINUTES: Members = {"steps": ("steps", "1")}
_WEIGHTS: Members = {"weight grams": ("weight", "g")}
_COLUMNS: Members = {**_DAYS, **_INSTANTS, **_MINUTES, **_WEIGHTS}
_WEIGHT_UNITS = {"METRIC": "kg", "EN_US": "[lb_av]", "EN_GB": "[stone_av]"}
_HEIGHT_SHARE = 0.03
"""How far a weight may lie from what the height and the body mass index of its row say."""
_API = {"activities-steps", "activities-heart", "weight.item.logId", "activities.item.activityId"}


def _heart_rate(row: Any, lanes: Lanes) -> Iterable[Item]:
    if number(row["value"]["confidence"]) > 0:
        at = english(row["dateTime"], _TIME)
        lanes.add("heart_rate", FITBIT, at, number(row["value"]["bpm"]))
    return ()


def _resting(row: Any, lanes: Lanes) -> Iterator[Item]:
    said = row["value"]
    if said["date"] and number(said["value"]) > 0:
        day = english(said["date"], _DATE) // DAY
        yield day_value("heart_rate_resting", FITBIT, day, said["value"], "/min")


def _sleep(log: Any, lanes: Lanes) -> Iterator[Item]:
    """Read a sleep log; its minutes asleep are stated."""
    end, began = clock(log["endTime"]), clock(log["startTime"])
    start = end - round(number(log["duration"]) * 1000)
    levels = log.get("levels") or {}
    base: list[Stage] = []
    for piece in levels.get("data") or ():
        at = base[-1][2] if base else start
        base.append((_STAGES.get(piece["level"], piece["level"]), at, at + _length(piece)))
    short: list[Stage] = []
    for piece in levels.get("shortData") or ():
        at = start + clock(piece["dateTime"]) - began
        short.append(("awake", at, at + _length(piece)))
    id_, asleep_s = f"sleep:{log['logId']}", number(log["minutesAsleep"]) * 60
    stages = overlaid(base, short)
    yield night(FITBIT, id_, start, end, asleep_s=asleep_s, stages=stages, clock=True)


def _length(piece: Any) -> int:
    return round(number(piece["seconds"]) * SECOND)


def _exercise(log: Any, lanes: Lanes) -> Iterator[Item]:
    """Read a workout; it is dated in UTC."""
    start = english(log["startTime"], _TIME)
    end = start + round(number(log["duration"]) * 1000)
    metres, distance = _METRES.get(log.get("distanceUnit", "")), log.get("distance")
    content = {
        "energy": log.get("calories"),
        "steps": log.get("steps"),
        "heart_rate": log.get("averageHeartRate"),
        "moving": number(log["activeDuration"]) / 1000,
        "distance": number(distance) * metres if metres and distance else None,
    }
    sport = str(log["activityName"]).lower().replace(" ", "_")
    yield workout(FITBIT, f"exercise:{log['logId']}", start, end, sport, content)


def _weight(log: Any, profile: Mapping[str, str]) -> Iterator[Item]:
    """Read a weight: in the profile's unit, else in the one that fits its body mass index."""
    measure, said = catalog.get("weight"), number(log["weight"])
    unit = _WEIGHT_UNITS.get(profile.get("weight_unit", "").upper(), "")
    if not unit and profile.get("height") and log.get("bmi"):
        expected = number(log["bmi"]) * (number(profile["height"]) / 100) ** 2
        weights = {u: catalog.to_canonical(measure, said, u) for u in _WEIGHT_UNITS.values()}
        fitting = [u for u, kg in weights.items() if abs(kg / expected - 1) < _HEIGHT_SHARE]
        unit = fitting[0] if len(fitting) == 1 else ""
    if not unit:
        raise InvalidInput("the weight's unit is not told; it is in the profile of a whole export")
    at, id_ = english(f"{log['date']} {log['time']}", _TIME), log["logId"]
    source = ARIA if str(log.get("source", "")).startswith("Aria") else TYPED
    yield value_event("weight", source, f"weight:{id_}", at, said, unit, clock=True)
    if log.get("fat"):
        fat = number(log["fat"])
        yield value_event("body_fat", source, f"fat:{id_}", at, fat, "%", clock=True)


def _point(measure: str, row: Any, lanes: Lanes) -> Iterator[Item]:
    start = english(row["dateTime"], _TIME)
    # A row stands for the time until the next; a minute is the least there is.
    lanes.add(measure, FITBIT, start, number(row["value"]), end=start + MINUTE)
    yield from lanes.flush()


def _row(row: Mapping[str, str], lanes: Lanes) -> Iterator[Item]:
    start = utc(row["timestamp"])
    yield from day_values(FITBIT, day_from_text(row["timestamp"][:10]), row, _DAYS)
    lanes.take(FITBIT, start, row, _INSTANTS)
    lanes.take(FITBIT, start, row, _MINUTES, end=start + MINUTE)
    yield from value_events(ARIA, str(start), start, row, _WEIGHTS)
    yield from lanes.flush()


def _answer(said: Any) -> Iterator[Item]:
    """Read an answer of the Web API that ended: its daily totals; the rest had no zone or unit."""
    for row in said.get("activities-steps") or ():
        yield day_value("steps", FITBIT, day_from_text(row["dateTime"]), row["value"], "1")
    for name in ("activities-heart", "weight", "activities"):
        if said.get(name):
            raise InvalidInput(f"{name}: an answer of the old API that tells no zone or unit")


FORMS = Forms(
    (
        Form("sleep", _sleep, {"logId", "minutesAsleep", "levels"}),
        Form("sleep", _sleep, {"logId", "minutesAsleep"}, where=("sleep.item",)),
        Form("exercise", _exercise, {"logId", "activityName", "activeDuration"}),
        Form("heart rate", _heart_rate, {"dateTime", "value.bpm", "value.confidence"}),
        Form("resting heart rate", _resting, {"dateTime", "value.date", "value.error"}),
    ),
    where=("item",),
)


def kind(entry: Entry) -> str:
    """Return what a file in none of the forms holds, "" for nothing of Fitbit's."""
    there = documents.members(entry.head)
    if {"item.logId", "item.weight", "item.bmi"} <= there:
        return "weight"
    if there == {"item.dateTime", "item.value"}:
        # Several kinds look alike: only their names tell them apart.
        named = _NAME.fullmatch(entry.name)
        return named[1] if named and named[1] in _SERIES else ""
    if not there.isdisjoint(_API):
        return "api"
    columns = tables.header(entry.head)
    return "table" if columns[:1] == ("timestamp",) and _COLUMNS.keys() & set(columns) else ""


def recognise(entry: Entry) -> float:
    """Return how sure it is."""
    return 0.9 if FORMS.find(entry) or kind(entry) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read one file of an export, or one saved answer."""
    what, lanes = kind(entry), Lanes()
    if what == "weight":
        profile = next(tables.beside(entry, "weight_unit", "height", "timezone"), {})
        yield from documents.read(entry, lambda log: _weight(log, profile))
    elif what in _SERIES:
        yield from documents.read(entry, lambda row: _point(_SERIES[what], row, lanes))
    elif what == "table":
        yield from tables.read(entry, lambda row: _row(row, lanes))
    elif what == "api":
        yield from documents.whole(entry, _answer)
    else:
        yield from FORMS.parse(entry, options)
    yield from lanes.flush(everything=True)


CONNECTOR = Connector(
    name="fitbit",
    title="Fitbit (Google Takeout)",
    docs="https://support.google.com/fitbit/answer/14236615",
    emits=frozenset({"sleep", "workout", "heart_rate", "heart_rate_resting", "body_fat"})
    | {*_SERIES.values()}
    | {measure for measure, _ in _COLUMNS.values()},
    recognise=recognise,
    parse=parse,
)
