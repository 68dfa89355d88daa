"""iHealth: saved answers of its former API: weight, pressure, glucose, oxygen, sleep, days.

Its times are those of the clock on the wall as if it were UTC, with the offset beside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from diurnal import catalog
from diurnal.connectors import Connector, Entry, _health, _json, _said
from diurnal.connectors._health import day_value, night, value_event, workout
from diurnal.connectors._points import Lanes
from diurnal.model.records import Datum, Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import MINUTE, day_of

DEVICE = Source("iHealth", Kind.DEDICATED)
TYPED = Source("iHealth (typed)", Kind.MANUAL)
_MASS = ("kg", "[lb_av]", "[stone_av]")
_PRESSURE = ("mm[Hg]", "kPa")
_GLUCOSE = ("mg/dL", "mmol/L")
_LENGTH = ("km", "[mi_i]")

Unit = Callable[[str, tuple[str, ...]], str]
One = Callable[[Mapping[str, Any], Unit], Iterator[Item]]


def _time(row: Mapping[str, Any], name: str = "MDate") -> tuple[int, int]:
    """Return an instant and its offset."""
    offset = _offset(row)
    return _said.epoch(row[name]) - offset * MINUTE, offset


def _offset(row: Mapping[str, Any]) -> int:
    text = str(row["TimeZone"]).strip()
    offset = _said.offset_of(text if text[:1] in ("+", "-") else f"+{text}")
    if offset is None:
        raise ValueError(f"no offset: {text[:20]!r}")
    return offset


def _source(row: Mapping[str, Any]) -> Source:
    return TYPED if row.get("DataSource") == "Manual" else DEVICE


def _number(
    key: str, row: Mapping[str, Any], name: str, unit: str, part: str = ""
) -> Iterator[Datum]:
    """Yield a value; 0 is what was not measured."""
    value = _said.number(row.get(name) or 0)
    if value > 0:
        at, offset = _time(row)
        id_ = _said.key(f"{row['DataID']}{part}")
        yield value_event(key, _source(row), id_, at, value, unit, offset=offset)


def weight(row: Mapping[str, Any], unit: Unit) -> Iterator[Item]:
    """Read a weighing."""
    mass = unit("WeightUnit", _MASS)
    yield from _number("weight", row, "WeightValue", mass)
    yield from _number("body_fat", row, "FatValue", "%", " fat")
    yield from _number("muscle_mass", row, "MuscaleValue", mass, " muscle")
    yield from _number("bone_mass", row, "BoneValue", mass, " bone")


def pressure(row: Mapping[str, Any], unit: Unit) -> Iterator[Item]:
    """Read a blood pressure, and the pulse with it."""
    at, offset = _time(row)
    # The pulse is a point of its own, as that of an oximeter is.
    yield _health.pressure(
        _source(row),
        _said.key(row["DataID"]),
        at,
        row,
        ("HP", "LP", ""),
        unit=unit("BPUnit", _PRESSURE),
        offset=offset,
    )
    yield from _pulse(row)


def _pulse(row: Mapping[str, Any]) -> Iterator[Item]:
    if _said.number(row.get("HR") or 0) > 0:
        at, offset = _time(row)
        lanes = Lanes()
        lanes.add("heart_rate", _source(row), at, _said.number(row["HR"]), offset=offset)
        yield from lanes.flush(everything=True)


def glucose(row: Mapping[str, Any], unit: Unit) -> Iterator[Item]:
    """Read a blood glucose."""
    at, offset = _time(row)
    code = unit("BGUnit", _GLUCOSE)
    value = catalog.to_canonical(catalog.get("glucose"), _said.number(row["BG"]), code)
    lanes = Lanes()
    lanes.add("glucose", _source(row), at, value, offset=offset)
    yield from lanes.flush(everything=True)


def oxygen(row: Mapping[str, Any], unit: Unit) -> Iterator[Item]:
    """Read an oxygen saturation, and the pulse with it."""
    if _said.number(row.get("BO") or 0) > 0:
        at, offset = _time(row)
        lanes = Lanes()
        lanes.add("spo2", _source(row), at, _said.number(row["BO"]) / 100, offset=offset)
        yield from lanes.flush(everything=True)
    yield from _pulse(row)


def day(row: Mapping[str, Any], unit: Unit) -> Iterator[Item]:
    """Read the totals of a day."""
    at, offset = _time(row)
    told = (
        ("steps", "Steps", "1"),
        ("energy_total", "Calories", "kcal"),
        ("distance_walk_run", "DistanceTraveled", unit("DistanceUnit", _LENGTH)),
    )
    for key, name, code in told:
        if _said.number(row.get(name) or 0) > 0:
            yield day_value(key, _source(row), day_of(at, offset), row[name], code)


def sleep(row: Mapping[str, Any], unit: Unit) -> Iterator[Item]:
    """Read a sleep; what it calls hours are minutes."""
    start, offset = _time(row, "StartTime")
    end, _ = _time(row, "EndTime")
    asleep = _said.number(row["HoursSlept"]) * 60
    id_ = _said.key(row["DataID"])
    yield night(_source(row), id_, start, end, asleep_s=asleep, offset=offset)


def sport(row: Mapping[str, Any], unit: Unit) -> Iterator[Item]:
    """Read a workout; alone among all, its times are UTC."""
    start, end = _said.epoch(row["SportStartTime"]), _said.epoch(row["SportEndTime"])
    offset = _offset(row)
    activity = _said.name(row["SportName"]).lower().replace(", ", "_").replace(" ", "_")
    content = {"energy": _said.number(row.get("Calories") or 0) or None}
    id_ = _said.key(row["DataID"])
    yield workout(_source(row), id_, start, end, activity, content, offset=offset)


_LISTS: Mapping[str, One] = {
    "WeightDataList": weight,
    "BPDataList": pressure,
    "BGDataList": glucose,
    "BODataList": oxygen,
    "ARDataList": day,
    "SRDataList": sleep,
    "SPORTDataList": sport,
}


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield what an answer holds."""

    def unit(member: str, codes: tuple[str, ...]) -> str:
        return codes[int(answer[member])]

    for name, one in _LISTS.items():
        if name in answer:
            yield from _json.each(lambda row, o=one: o(row, unit), answer[name], name)  # type: ignore[misc]


def recognise(entry: Entry) -> float:
    """Return 0.95 for an answer of the API, also one that holds nothing."""
    seen = _json.members(entry.head)
    return 0.95 if seen & _LISTS.keys() and {"CurrentRecordCount", "PageNumber"} <= seen else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a saved answer."""
    return _json.whole(entry, rows_of)


CONNECTOR = Connector(
    name="ihealth",
    title="iHealth (former API)",
    docs="https://github.com/openmhealth/shimmer",
    emits=frozenset(
        {
            "weight", "body_fat", "muscle_mass", "bone_mass", "blood_pressure", "heart_rate",
            "glucose", "spo2", "steps", "energy_total", "distance_walk_run", "sleep", "workout",
        }
    ),
    recognise=recognise,
    parse=parse,
)  # fmt: skip
