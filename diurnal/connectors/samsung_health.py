"""Samsung Health: the CSV files of its personal data download, one a type.

The first line names the type; columns may carry it before their own names. Times are UTC with
an offset beside; `day_time` is midnight UTC and means the local day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry
from diurnal.connectors import _csv as tables
from diurnal.connectors._health import Stage, day_value, night, value_event, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import key, number, utc
from diurnal.model.records import Datum, Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import DAY, SECOND

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
Row = Mapping[str, str]


def type_of(entry: Entry) -> str:
    """Return the type that a file's first line names, without its family; "" for others."""
    found = _FIRST.match(entry.head.partition(b"\n")[0].rstrip(b"\r"))
    return found[1].decode().split("health.", 1)[1] if found else ""


def recognise(entry: Entry) -> float:
    """Return how sure it is: only of types that are read."""
    return 1.0 if type_of(entry) in _READERS else 0.0


def members(path: str) -> bool:
    """Return whether a file is read through another: the stages, through the sleeps."""
    return "com.samsung.health.sleep_stage." in path


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the rows of one type."""
    lanes = Lanes()
    read = _READERS[type_of(entry)]
    stages = _stages(entry) if read is _sleep else {}
    yield from tables.read(entry, lambda row: read(_plain(row), stages, lanes), skip=1)
    yield from lanes.flush(everything=True)


def _plain(row: Row) -> Row:
    """Return a row with the names of its columns without the type's."""
    return {name.rpartition(".")[2]: cell for name, cell in row.items()}


def _time(row: Row, name: str = "start_time") -> int:
    text = row[name]
    return round(number(text) * 1000) if text.isdigit() else utc(text)


def _offset(row: Row) -> int | None:
    text = row.get("time_offset", "")
    if not re.fullmatch(r"UTC[+-]\d{4}", text):
        return None
    minutes = int(text[4:6]) * 60 + int(text[6:])
    return -minutes if text[3] == "-" else minutes


def _id(row: Row, type_: str) -> str:
    return f"{type_}:{row.get('datauuid') or key(sorted(row.items()))}"


Stages = Mapping[str, list[Stage]]


def _steps(row: Row, stages: Stages, lanes: Lanes) -> Iterator[Item]:
    if row.get("source_type") != _ALL_DEVICES:
        # Devices one by one; the row of all together stands beside.
        return
    text = row["day_time"]
    day = (int(text) * 1000 if text.isdigit() else utc(text)) // DAY
    yield day_value("steps", SOURCE, day, row["count"], "1")
    if row.get("distance"):
        yield day_value("distance_walk_run", SOURCE, day, row["distance"], "m")


def _sleep(row: Row, stages: Stages, lanes: Lanes) -> Iterator[Item]:
    more = {"efficiency": number(row["efficiency"])} if row.get("efficiency") else None
    yield night(
        SOURCE,
        _id(row, "sleep"),
        _time(row),
        _time(row, "end_time"),
        stages=stages.get(row.get("datauuid", ""), ()),
        offset=_offset(row),
        more=more,
    )


def _stages(entry: Entry) -> Stages:
    """Return the stages by their sleep's id, from the file beside."""
    found: dict[str, list[Stage]] = {}
    for other in entry.siblings.values():
        if type_of(other) == "sleep_stage":
            names: list[str] = []
            for _, cells, _ in tables.rows(other, 1):
                if not names:
                    names = [c.rpartition(".")[2] for c in cells]
                    continue
                row = dict(zip(names, cells, strict=False))
                if row.get("stage") in _STAGES:
                    part = _STAGES[row["stage"]], _time(row), _time(row, "end_time")
                    found.setdefault(row.get("sleep_id", ""), []).append(part)
    return {id_: sorted(parts, key=lambda p: p[1]) for id_, parts in found.items()}


def _heart_rate(row: Row, stages: Stages, lanes: Lanes) -> Iterator[Item]:
    lanes.add("heart_rate", SOURCE, _time(row), number(row["heart_rate"]), offset=_offset(row))
    yield from lanes.flush()


def _spo2(row: Row, stages: Stages, lanes: Lanes) -> Iterator[Item]:
    lanes.add("spo2", SOURCE, _time(row), number(row["spo2"]) / 100, offset=_offset(row))
    yield from lanes.flush()


def _glucose(row: Row, stages: Stages, lanes: Lanes) -> Iterator[Item]:
    lanes.add("glucose", SOURCE, _time(row), number(row["glucose"]), offset=_offset(row))
    yield from lanes.flush()


def _floors(row: Row, stages: Stages, lanes: Lanes) -> Iterator[Item]:
    end = max(_time(row), _time(row, "end_time"))
    lanes.add("floors", SOURCE, _time(row), number(row["floor"]), end=end, offset=_offset(row))
    yield from lanes.flush()


def _weight(row: Row, stages: Stages, lanes: Lanes) -> Iterator[Item]:
    for name, measure, unit in (
        ("weight", "weight", "kg"),
        ("body_fat", "body_fat", "%"),
        ("skeletal_muscle_mass", "muscle_mass", "kg"),
        ("height", "height", "cm"),
    ):
        if row.get(name) and number(row[name]) > 0:
            value, offset = number(row[name]), _offset(row)
            id_ = _id(row, measure)
            yield value_event(measure, SOURCE, id_, _time(row), value, unit, offset=offset)


def _water(row: Row, stages: Stages, lanes: Lanes) -> Iterator[Item]:
    amount, id_ = number(row["amount"]), _id(row, "water")
    yield value_event("water", SOURCE, id_, _time(row), amount, "mL", offset=_offset(row))


def _pressure(row: Row, stages: Stages, lanes: Lanes) -> Iterator[Item]:
    content = {"systolic": number(row["systolic"]), "diastolic": number(row["diastolic"])}
    if row.get("pulse"):
        content["rate"] = number(row["pulse"])
    yield Datum(
        source=SOURCE,
        source_id=_id(row, "pressure"),
        type="blood-pressure/mmhg-bpm",
        start=_time(row),
        content=content,
        measure="blood_pressure",
        offset=_offset(row),
    )


def _exercise(row: Row, stages: Stages, lanes: Lanes) -> Iterator[Item]:
    start, end = _time(row), _time(row, "end_time")
    content = {
        ours: number(row[theirs])
        for ours, theirs in (
            ("distance", "distance"),
            ("energy", "calorie"),
            ("heart_rate", "mean_heart_rate"),
            ("heart_rate_max", "max_heart_rate"),
        )
        if row.get(theirs)
    }
    if row.get("duration"):
        content["moving"] = number(row["duration"]) * 1000 / SECOND
    kind = row.get("exercise_type", "")
    sport = _SPORTS.get(kind, f"type_{kind}" if kind else "other")
    yield workout(SOURCE, _id(row, "workout"), start, end, sport, content, offset=_offset(row))


_READERS: Mapping[str, Callable[[Row, Stages, Lanes], Iterator[Item]]] = {
    "step_daily_trend": _steps,
    "sleep": _sleep,
    "tracker.heart_rate": _heart_rate,
    "tracker.oxygen_saturation": _spo2,
    "oxygen_saturation": _spo2,
    "blood_glucose": _glucose,
    "floors_climbed": _floors,
    "weight": _weight,
    "height": _weight,
    "water_intake": _water,
    "blood_pressure": _pressure,
    "exercise": _exercise,
}

CONNECTOR = Connector(
    name="samsung_health",
    title="Samsung Health",
    docs="https://developer.samsung.com/health/android/data/guide/health-data-type.html",
    emits=frozenset(
        {
            "steps",
            "distance_walk_run",
            "sleep",
            "heart_rate",
            "spo2",
            "glucose",
            "floors",
            "weight",
            "body_fat",
            "muscle_mass",
            "height",
            "water",
            "blood_pressure",
            "workout",
        }
    ),
    recognise=recognise,
    parse=parse,
    members=members,
)
