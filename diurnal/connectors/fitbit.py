"""Fitbit: the export in a Google Takeout, and saved answers of the Web API that ended in 2026.

Steps and heart rates are dated in UTC, sleeps by the clock on the wall.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from diurnal import catalog
from diurnal.connectors import Connector, Entry
from diurnal.connectors import _csv as tables
from diurnal.connectors import _json as documents
from diurnal.connectors._health import Stage, clock, day_value, night, value_event, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import number, utc
from diurnal.errors import InvalidInput
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import DAY, MINUTE, SECOND, day_from_text, micros

FITBIT = Source("Fitbit", Kind.WRIST)
ARIA = Source("Fitbit Aria", Kind.DEDICATED)
TYPED = Source("Fitbit (typed)", Kind.MANUAL)

_STAGES = {"wake": "awake", "awake": "awake", "restless": "awake", "asleep": "asleep"}
_SERIES = {"steps": ("steps", "1"), "calories": ("energy_total", "kcal")}
_NAME = re.compile(r"([a-z_]+)-\d{4}-\d\d-\d\d\.json", re.IGNORECASE)
_TABLES: Mapping[str, tuple[str, str, str]] = {
    "rmssd": ("hrv_rmssd", "ms", "day"),
    "daily_respiratory_rate": ("respiratory_rate", "/min", "day"),
    "average_value": ("spo2", "%", "day"),
    "beats per minute": ("heart_rate", "/min", "instant"),
    "steps": ("steps", "1", "minute"),
    "weight grams": ("weight", "g", "event"),
}
"""Column of a CSV file -> measure, unit, and what a row is."""
_HEIGHT_SHARE = 0.03
"""How far a weight may lie from what the height and the body mass index of its row say."""
_API = ("activities-steps", "activities-heart", "weight.item.logId", "activities.item.activityId")


def kind(entry: Entry) -> str:
    """Return what a file holds, "" for none of Fitbit's."""
    there = documents.members(entry.head)
    if {"item.logId", "item.minutesAsleep", "item.levels"} <= there:
        return "sleep"
    if {"sleep.item.logId", "sleep.item.minutesAsleep"} <= there:
        return "api sleep"
    if {"item.logId", "item.weight", "item.bmi"} <= there:
        return "weight"
    if {"item.logId", "item.activityName", "item.activeDuration"} <= there:
        return "exercise"
    if {"item.dateTime", "item.value.bpm", "item.value.confidence"} <= there:
        return "heart_rate"
    if {"item.dateTime", "item.value.date", "item.value.error"} <= there:
        return "resting_heart_rate"
    if there == {"item.dateTime", "item.value"}:
        # Several kinds look alike: only their names tell them apart.
        named = _NAME.fullmatch(entry.name)
        return named[1] if named and named[1] in _SERIES else ""
    if any(m in there for m in _API):
        return "api"
    columns = tables.header(entry.head)
    if columns[:1] == ("timestamp",):
        return next((f"table {c}" for c in columns if c in _TABLES), "")
    return ""


def recognise(entry: Entry) -> float:
    """Return how sure it is."""
    return 0.9 if kind(entry) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read one file of an export, or one saved answer."""
    what, lanes = kind(entry), Lanes()
    if what.startswith("table "):
        column = what.removeprefix("table ")
        yield from tables.read(entry, lambda row: _row(column, row, lanes))
    elif what == "api":
        yield from documents.whole(entry, _answer)
    else:
        readers: dict[str, Callable[[Any], Iterable[Item]]] = {
            "sleep": sleep,
            "api sleep": sleep,
            "exercise": exercise,
            "resting_heart_rate": _resting,
            "heart_rate": lambda row: _heart_rate(row, lanes),
            "weight": lambda row: _weight(row, *_profile(entry)),
        }
        one = readers.get(what) or (lambda row: _point(what, row, lanes))
        yield from documents.read(entry, one, "sleep.item" if what == "api sleep" else "item")
    yield from lanes.flush(everything=True)


def _utc(text: str) -> int:
    return micros(datetime.strptime(text, "%m/%d/%y %H:%M:%S").replace(tzinfo=UTC))


def _day(text: str) -> int:
    return micros(datetime.strptime(text, "%m/%d/%y").replace(tzinfo=UTC)) // DAY


def _point(what: str, row: Any, lanes: Lanes) -> Iterator[Item]:
    measure, _ = _SERIES[what]
    start = _utc(row["dateTime"])
    # A row stands for the time until the next; a minute is the least there is.
    lanes.add(measure, FITBIT, start, number(row["value"]), end=start + MINUTE)
    yield from lanes.flush()


def _heart_rate(row: Any, lanes: Lanes) -> Iterator[Item]:
    if number(row["value"]["confidence"]) > 0:
        lanes.add("heart_rate", FITBIT, _utc(row["dateTime"]), number(row["value"]["bpm"]))
    yield from lanes.flush()


def _resting(row: Any) -> Iterator[Item]:
    said = row["value"]
    if said["date"] and number(said["value"]) > 0:
        yield day_value("heart_rate_resting", FITBIT, _day(said["date"]), said["value"], "/min")


def sleep(log: Any) -> Iterator[Item]:
    """Read a sleep log; its minutes asleep are stated."""
    length = round(number(log["duration"]) * 1000)
    end = clock(log["endTime"])
    start = end - length
    levels = log.get("levels") or {}
    base: list[Stage] = []
    at = start
    for piece in levels.get("data") or ():
        stop = at + round(number(piece["seconds"]) * SECOND)
        base.append((_STAGES.get(piece["level"], piece["level"]), at, stop))
        at = stop
    began = clock(log["startTime"])
    short: list[Stage] = []
    for piece in levels.get("shortData") or ():
        at = start + clock(piece["dateTime"]) - began
        short.append(("awake", at, at + round(number(piece["seconds"]) * SECOND)))
    yield night(
        FITBIT,
        f"sleep:{log['logId']}",
        start,
        end,
        asleep_s=number(log["minutesAsleep"]) * 60,
        stages=overlaid(base, short),
        clock=True,
    )


def overlaid(base: Iterable[Stage], short: Iterable[Stage]) -> Iterator[Stage]:
    """Yield `base` with `short` put over it: Fitbit tells short wakings apart, over the stages."""
    cuts = sorted(short, key=lambda s: s[1])
    for name, start, end in base:
        for _, a, b in cuts:
            if a < end and b > start and name != "awake":
                if a > start:
                    yield name, start, a
                start = max(start, b)
        if end > start:
            yield name, start, end
    yield from cuts


def exercise(log: Any) -> Iterator[Item]:
    """Read a workout; it is dated in UTC."""
    start = _utc(log["startTime"])
    metres = {"Kilometer": 1000.0, "Mile": 1609.344}.get(log.get("distanceUnit", ""))
    distance = log.get("distance")
    yield workout(
        FITBIT,
        f"exercise:{log['logId']}",
        start,
        start + round(number(log["duration"]) * 1000),
        str(log["activityName"]).lower().replace(" ", "_"),
        {
            "energy": log.get("calories"),
            "steps": log.get("steps"),
            "heart_rate": log.get("averageHeartRate"),
            "moving": number(log["activeDuration"]) / 1000,
            "distance": number(distance) * metres if metres and distance else None,
        },
    )


def _profile(entry: Entry) -> tuple[str, float | None]:
    """Return the profile's unit of weight ("" where it is not there) and its height in cm."""
    for other in entry.siblings.values():
        if tables.has(other.head, "weight_unit", "height", "timezone"):
            for _, cells, _ in tables.rows(other):
                row = dict(zip(tables.header(other.head), cells, strict=False))
                if row["weight_unit"] != "weight_unit":
                    unit = {"METRIC": "kg", "EN_US": "[lb_av]", "EN_GB": "[stone_av]"}
                    found = unit.get(row["weight_unit"].upper(), "")
                    return found, number(row["height"]) if row["height"] else None
    return "", None


def _weight(row: Any, unit: str, height: float | None) -> Iterator[Item]:
    measure, said = catalog.get("weight"), number(row["weight"])
    if not unit and height and row.get("bmi"):
        expected = number(row["bmi"]) * (height / 100) ** 2
        fitting = [
            u
            for u in ("kg", "[lb_av]", "[stone_av]")
            if abs(catalog.to_canonical(measure, said, u) / expected - 1) < _HEIGHT_SHARE
        ]
        unit = fitting[0] if len(fitting) == 1 else ""
    if not unit:
        raise InvalidInput("the weight's unit is not told; it is in the profile of a whole export")
    at = clock(datetime.strptime(f"{row['date']} {row['time']}", "%m/%d/%y %H:%M:%S").isoformat())  # noqa: DTZ007
    source = ARIA if str(row.get("source", "")).startswith("Aria") else TYPED
    id_ = f"weight:{row['logId']}"
    yield value_event("weight", source, id_, at, said, unit, clock=True)
    if row.get("fat"):
        yield value_event(
            "body_fat", source, f"fat:{row['logId']}", at, number(row["fat"]), "%", clock=True
        )


def _row(column: str, row: Mapping[str, str], lanes: Lanes) -> Iterator[Item]:
    measure, unit, shape = _TABLES[column]
    if column not in row:
        return
    if shape == "day":
        yield day_value(measure, FITBIT, day_from_text(row["timestamp"][:10]), row[column], unit)
        return
    start, value = utc(row["timestamp"]), number(row[column])
    if shape == "event":
        yield value_event(measure, ARIA, f"{measure}:{start}", start, value, unit)
        return
    end = start + MINUTE if shape == "minute" else start
    lanes.add(measure, FITBIT, start, value, end=end)
    yield from lanes.flush()


def _answer(said: Any) -> Iterator[Item]:
    """Read an answer of the Web API that ended: its daily totals; the rest had no zone or unit."""
    for row in said.get("activities-steps") or ():
        yield day_value("steps", FITBIT, day_from_text(row["dateTime"]), row["value"], "1")
    for name in ("activities-heart", "weight", "activities"):
        if said.get(name):
            raise InvalidInput(f"{name}: an answer of the old API that tells no zone or unit")


CONNECTOR = Connector(
    name="fitbit",
    title="Fitbit (Google Takeout)",
    docs="https://support.google.com/fitbit/answer/14236615",
    emits=frozenset({"sleep", "workout", "heart_rate", "heart_rate_resting", "body_fat"})
    | {m for m, _ in _SERIES.values()}
    | {m for m, _, _ in _TABLES.values()},
    recognise=recognise,
    parse=parse,
)
