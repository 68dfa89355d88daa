"""Samsung Health: the CSV files of its personal data download, one a type.

The first line names the type; columns may carry it before their own names. Times are UTC with
an offset beside; `day_time` is midnight UTC and means the local day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from diurnal.connectors import Connector, Entry
from diurnal.connectors import _csv as tables
from diurnal.connectors._health import (
    Stage,
    day_value,
    night,
    pressure,
    value_events,
    workout,
)
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import Members, key, number, offset_of, utc
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import DAY

SOURCE = Source("Samsung Health", Kind.PHONE)

_FIRST = re.compile(rb"(?:\xef\xbb\xbf)?(com\.samsung\.s?health\.[a-z_.]+),\d+,\d+\s*$")
_ALL_DEVICES = "-2"
_STAGES = {"40001": "awake", "40002": "light", "40003": "deep", "40004": "rem"}
_SPORTS = {
    "1001": "walking",
    "1002": "running",
    "4003": "table_tennis",
    "6003": "badminton",
    "11007": "cycling",
    "13001": "hiking",
    "14001": "swimming",
    "15006": "elliptical",
}
_NUMBERS: Mapping[str, tuple[str, str, str]] = {
    "tracker.heart_rate": ("heart_rate", "heart_rate", "/min"),
    "tracker.oxygen_saturation": ("spo2", "spo2", "%"),
    "oxygen_saturation": ("spo2", "spo2", "%"),
    "blood_glucose": ("glucose", "glucose", "mmol/L"),
    "floors_climbed": ("floor", "floors", "1"),
    "water_intake": ("amount", "water", "mL"),
}
"""Types whose rows are one number: column, measure and unit."""
_BODY: Members = {
    "weight": ("weight", "kg"),
    "body_fat": ("body_fat", "%"),
    "skeletal_muscle_mass": ("muscle_mass", "kg"),
    "height": ("height", "cm"),
}
_EXERCISE = (
    ("distance", "distance", 1),
    ("energy", "calorie", 1),
    ("heart_rate", "mean_heart_rate", 1),
    ("heart_rate_max", "max_heart_rate", 1),
    ("moving", "duration", 1000),
)
"""Member of a workout, column, and how many of the column's unit are one of ours."""
Row = Mapping[str, str]


def type_of(entry: Entry) -> str:
    """Return the type that a file's first line names, without its family; "" for others."""
    found = _FIRST.match(entry.head.partition(b"\n")[0].rstrip(b"\r"))
    return found[1].decode().split("health.", 1)[1] if found else ""


def recognise(entry: Entry) -> float:
    """Return how sure it is: only of types that are read."""
    return 1.0 if type_of(entry) in {"sleep", *_READERS} else 0.0


def members(path: str) -> bool:
    """Return whether a file is read through another: the stages, through the sleeps."""
    return "com.samsung.health.sleep_stage." in path


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the rows of one type; a sleep's stages come from the file beside."""
    type_, lanes = type_of(entry), Lanes()
    read = partial(_sleep, (yield from _stages(entry))) if type_ == "sleep" else _READERS[type_]
    yield from tables.read(entry, lambda row: read(_plain(row), lanes), skip=1)
    yield from lanes.flush(everything=True)


def _plain(row: Row) -> Row:
    """Return a row with the names of its columns without the type's."""
    return {name.rpartition(".")[2]: cell for name, cell in row.items()}


def _time(row: Row, name: str = "start_time") -> int:
    text = row[name]
    return round(number(text) * 1000) if text.isdigit() else utc(text)


def _offset(row: Row) -> int | None:
    return offset_of(row.get("time_offset", ""))


def _id(row: Row) -> str:
    return row.get("datauuid") or key(sorted(row.items()))


def _steps(row: Row, lanes: Lanes) -> Iterator[Item]:
    if row.get("source_type") != _ALL_DEVICES:
        # Devices one by one; the row of all together stands beside.
        return
    day = _time(row, "day_time") // DAY
    yield day_value("steps", SOURCE, day, row["count"], "1")
    if row.get("distance"):
        yield day_value("distance_walk_run", SOURCE, day, row["distance"], "m")


def _sleep(stages: Mapping[str, list[Stage]], row: Row, lanes: Lanes) -> Iterator[Item]:
    yield night(
        SOURCE,
        f"sleep:{_id(row)}",
        _time(row),
        _time(row, "end_time"),
        stages=sorted(stages.get(row.get("datauuid", ""), ()), key=lambda stage: stage[1]),
        offset=_offset(row),
        more={"efficiency": number(row["efficiency"])} if row.get("efficiency") else None,
    )


def _stages(entry: Entry) -> Generator[Item, None, dict[str, list[Stage]]]:
    """Return the stages by their sleep's id, from the file beside; what is bad is set aside."""
    found: dict[str, list[Stage]] = {}

    def take(cells: Row) -> Iterable[Item]:
        row = _plain(cells)
        if stage := _STAGES.get(row.get("stage", "")):
            part = stage, _time(row), _time(row, "end_time")
            found.setdefault(row["sleep_id"], []).append(part)
        return ()

    for other in entry.siblings.values():
        if type_of(other) == "sleep_stage":
            yield from tables.read(other, take, skip=1)
    return found


def _number(column: str, measure: str, unit: str, row: Row, lanes: Lanes) -> Iterator[Item]:
    value, id_ = number(row[column]), f"{measure}:{_id(row)}"
    at, end = _time(row), _time(row, "end_time") if measure == "floors" else None
    return lanes.reading(measure, SOURCE, at, value, unit, id_=id_, end=end, offset=_offset(row))


def _body(row: Row, lanes: Lanes) -> Iterator[Item]:
    offset = _offset(row)
    return value_events(SOURCE, _id(row), _time(row), row, _BODY, offset=offset, positive=True)


def _pressure(row: Row, lanes: Lanes) -> Iterator[Item]:
    yield pressure(SOURCE, f"pressure:{_id(row)}", _time(row), row, offset=_offset(row))


def _exercise(row: Row, lanes: Lanes) -> Iterator[Item]:
    start, end = _time(row), _time(row, "end_time")
    content = {
        ours: number(row[theirs]) / over for ours, theirs, over in _EXERCISE if row.get(theirs)
    }
    kind = row.get("exercise_type", "")
    sport = _SPORTS.get(kind, f"type_{kind}" if kind else "other")
    yield workout(SOURCE, f"workout:{_id(row)}", start, end, sport, content, offset=_offset(row))


_READERS: Mapping[str, Callable[[Row, Lanes], Iterator[Item]]] = {
    **{type_: partial(_number, *columns) for type_, columns in _NUMBERS.items()},
    "step_daily_trend": _steps,
    "weight": _body,
    "height": _body,
    "blood_pressure": _pressure,
    "exercise": _exercise,
}

CONNECTOR = Connector(
    name="samsung_health",
    title="Samsung Health",
    docs="https://developer.samsung.com/health/android/data/guide/health-data-type.html",
    emits=frozenset(
        {"steps", "distance_walk_run", "sleep", "blood_pressure", "workout"}
        | {measure for _, measure, _ in _NUMBERS.values()}
        | {measure for measure, _ in _BODY.values()}
    ),
    recognise=recognise,
    parse=parse,
    members=members,
)
