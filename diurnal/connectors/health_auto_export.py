"""Health Auto Export: what the iPhone app posts of Apple Health, live or saved as JSON.

Totals of days are values of days; totals of hours are events, because the app sends the hour
that runs again and again, and the last word counts; finer values are points.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from diurnal import catalog
from diurnal.connectors import Connector, Delivery, Entry, Options, Receive, _json, _said
from diurnal.connectors._health import night, tidy, value_event, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors.apple_health.nights import Segments, build
from diurnal.connectors.apple_health.records import identity, slug
from diurnal.connectors.apple_health.routes import columns, thin
from diurnal.errors import InvalidInput
from diurnal.model import units
from diurnal.model.measures import Measure, Shape
from diurnal.model.records import Datum, DayDatum, Item, Source
from diurnal.model.sources import Kind, kind_of
from diurnal.model.time import HOUR, MINUTE, day_of, micros

SEVERAL = Source("Apple Health", Kind.DERIVED)
"""Where the app has added up several devices."""

_NAMES = {
    "step_count": "steps",
    "walking_running_distance": "distance_walk_run",
    "cycling_distance": "distance_cycle",
    "swimming_distance": "distance_swim",
    "wheelchair_distance": "distance_wheelchair",
    "distance_downhill_snow_sports": "distance_snow",
    "push_count": "wheelchair_pushes",
    "flights_climbed": "floors",
    "active_energy": "energy_active",
    "basal_energy_burned": "energy_basal",
    "apple_exercise_time": "active_time",
    "apple_stand_hour": "stand_hours",
    "apple_stand_time": "stand_time",
    "swimming_stroke_count": "swim_strokes",
    "heart_rate": "heart_rate",
    "resting_heart_rate": "heart_rate_resting",
    "walking_heart_rate_average": "heart_rate_walking",
    "cardio_recovery": "heart_rate_recovery",
    "heart_rate_variability": "hrv_sdnn",
    "respiratory_rate": "respiratory_rate",
    "blood_oxygen_saturation": "spo2",
    "blood_glucose": "glucose",
    "insulin_delivery": "insulin",
    "body_temperature": "temperature_body",
    "basal_body_temperature": "temperature_basal",
    "apple_sleeping_wrist_temperature": "temperature_wrist",
    "vo2_max": "vo2max",
    "walking_speed": "speed",
    "running_speed": "speed",
    "cycling_speed": "speed",
    "running_power": "power",
    "cycling_power": "power",
    "cycling_cadence": "cadence_cycle",
    "walking_step_length": "step_length",
    "running_stride_length": "stride_length",
    "weight_body_mass": "weight",
    "body_mass_index": "bmi",
    "body_fat_percentage": "body_fat",
    "lean_body_mass": "lean_mass",
    "height": "height",
    "waist_circumference": "waist",
    "dietary_energy": "energy_intake",
    "dietary_water": "water",
    "dietary_caffeine": "caffeine",
    "carbohydrates": "carbohydrates",
    "protein": "protein",
    "total_fat": "fat",
    "saturated_fat": "fat_saturated",
    "fiber": "fibre",
    "dietary_sugar": "sugar",
    "sodium": "sodium",
    "cholesterol": "cholesterol",
    "potassium": "potassium",
    "calcium": "calcium",
    "iron": "iron",
    "magnesium": "magnesium",
    "zinc": "zinc",
    "vitamin_c": "vitamin_c",
    "alcohol_consumption": "alcoholic_drinks",
    "environmental_audio_exposure": "sound_environment",
    "headphone_audio_exposure": "sound_headphones",
    "uv_exposure": "uv_index",
    "time_in_daylight": "daylight_time",
    "mindful_minutes": "meditation",
}
_STAGES = {"In Bed": 0, "InBed": 0, "Asleep": 1, "Awake": 2, "Core": 3, "Deep": 4, "REM": 5}
_PARTS = {"core": "sleep_light", "deep": "sleep_deep", "rem": "sleep_rem"}
_CLOCKS = ("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %I:%M:%S %p %z")


def _time(text: Any) -> tuple[int, int]:
    """Return an instant and its offset; a phone may write a clock of 12 hours, with any space.

    Raises:
        ValueError: no time.
    """
    plain = " ".join(_said.text(text).split())
    for format_ in _CLOCKS:
        try:
            at = datetime.strptime(plain, format_)  # noqa: DTZ007 - both have %z
        except ValueError:
            continue
        return micros(at), round((at.utcoffset() or timedelta()).total_seconds() / 60)
    raise ValueError(f"no time: {plain[:40]!r}")


def _source(name: Any) -> Source:
    parts = {p for part in str(name or "").split("|") if (p := _said.name(part))}
    if len(parts) != 1:
        return SEVERAL
    return Source(only := parts.pop(), kind_of(only))


def metric(m: Mapping[str, Any]) -> Iterator[Item]:
    """Read a metric: a name, a unit, and values."""
    name, unit, rows = m["name"], m.get("units") or "", m["data"]
    where = f"metric {str(name)[:60]}"
    if name == "sleep_analysis":
        yield from _sleep(rows, where)
    elif name == "blood_pressure":
        yield from _json.each(_pressure, rows, where)
    elif name in _NAMES:
        yield from _values(catalog.get(_NAMES[name]), unit, rows, where)
    elif rows:
        raise ValueError(f"the metric {str(name)[:60]!r} is not known here")


def _values(measure: Measure, unit: str, rows: list[Any], where: str) -> Iterator[Item]:
    code = units.canonical_unit(unit) if unit else measure.unit
    if code is None:
        raise InvalidInput(f"unknown unit {unit[:40]!r}", field="unit")
    clocks = set()
    for row in rows:
        try:
            at, offset = _time(row["date"])
            clocks.add((at + offset * MINUTE) % (24 * HOUR))
        except (KeyError, TypeError, ValueError):
            continue  # Said below.
    step = 0
    if clocks <= {0}:
        step = 24 * HOUR
    elif measure.shape is Shape.SERIES:
        step = next((s for s in (HOUR, MINUTE) if not any(c % s for c in clocks)), 0)
    lanes = Lanes()

    def one(row: Mapping[str, Any]) -> Iterator[Item]:
        at, offset = _time(row["date"])
        source = _source(row.get("source"))
        said = row["qty"] if "qty" in row else row["Avg"]
        value = catalog.to_canonical(measure, _said.number(said), code)
        if step == 24 * HOUR:
            day = day_of(at, offset)
            yield DayDatum(source=source, measure=measure.key, day=day, value=value, raw=str(said))
            if measure.key == "heart_rate" and "Max" in row:
                most = catalog.to_canonical(measure, _said.number(row["Max"]), code)
                yield DayDatum(source=source, measure="heart_rate_max", day=day, value=most)
        elif step == HOUR or measure.shape is not Shape.SERIES:
            if measure.shape is Shape.SESSION:
                yield _spell(measure, source, at, offset, value)
                return
            yield value_event(
                measure.key,
                source,
                _said.key(measure.key, at),
                at,
                value,
                measure.unit,
                end=at + step,
                offset=offset,
            )
        else:
            lanes.add(measure.key, source, at, value, end=at + step, offset=offset)

    yield from _json.each(one, rows, where)
    yield from lanes.flush(everything=True)


def _spell(measure: Measure, source: Source, at: int, offset: int, minutes: float) -> Datum:
    return Datum(
        source=source,
        source_id=_said.key(measure.key, at),
        type=catalog.event_type(measure),
        start=at,
        duration=round(minutes * MINUTE),
        measure=measure.key,
        offset=offset,
    )


def _pressure(row: Mapping[str, Any]) -> Iterator[Item]:
    at, offset = _time(row["date"])
    high, low = _said.number(row["systolic"]), _said.number(row["diastolic"])
    yield Datum(
        source=_source(row.get("source")),
        source_id=_said.key("blood_pressure", at),
        type="blood-pressure/mmhg-bpm",
        start=at,
        content={"systolic": _said.plain(high), "diastolic": _said.plain(low)},
        measure="blood_pressure",
        offset=offset,
    )


def _sleep(rows: list[Any], where: str) -> Iterator[Item]:
    segments: dict[Source, Segments] = defaultdict(Segments)

    def one(row: Mapping[str, Any]) -> Iterator[Item]:
        if "startDate" not in row:
            yield from _whole_night(row)
            return
        found = segments[_source(row.get("source"))]
        found.start.append(_time(row["startDate"])[0])
        found.end.append(_time(row["endDate"])[0])
        found.stage.append(_STAGES[row["value"]])
        found.zone.append(-1)

    yield from _json.each(one, rows, where)
    for source, told in segments.items():
        for n in build(told):
            # As the export of Apple Health names it, so that both are one night.
            yield Datum(
                source=source,
                source_id=identity("sleep", source.name, n.start),
                type="sleep/night",
                start=n.start,
                duration=n.end - n.start,
                content={"stages": n.stages},
                measure="sleep",
            )


def _whole_night(row: Mapping[str, Any]) -> Iterator[Item]:
    """Read a night of which only totals are told, in hours."""
    day_at, day_offset = _time(row["date"])
    day = day_of(day_at, day_offset)
    source = _source(row.get("source"))
    parts = {p: _said.number(row[p]) for p in _PARTS if row.get(p) is not None}
    asleep = _said.number(row.get("asleep") or 0) + sum(parts.values())
    if row.get("totalSleep") is not None:
        asleep = _said.number(row["totalSleep"])
    start, offset = _time(row.get("sleepStart") or row["inBedStart"])
    end, _ = _time(row.get("sleepEnd") or row["inBedEnd"])
    in_bed = []
    if row.get("inBedStart") and row.get("inBedEnd"):
        in_bed = [("inBed", _time(row["inBedStart"])[0], _time(row["inBedEnd"])[0])]
    yield night(
        source,
        _said.key("night", day),
        start,
        end,
        asleep_s=asleep * 3_600,
        stages=in_bed,
        offset=offset,
    )
    for part, hours in parts.items():
        yield DayDatum(source=source, measure=_PARTS[part], day=day, value=tidy(hours * 60))


def session(w: Mapping[str, Any]) -> Iterator[Item]:
    """Read a workout, with its route and heart rates."""
    start, offset = _time(w["start"])
    end, _ = _time(w["end"])
    source = _source(w.get("source"))
    content: dict[str, Any] = {
        "energy": _amount(w.get("activeEnergyBurned") or w.get("activeEnergy"), "kcal"),
        "distance": _amount(w.get("distance"), "m"),
        "elevation": _amount(w.get("elevationUp"), "m"),
        "heart_rate": _amount(w.get("avgHeartRate"), "/min"),
        "heart_rate_max": _amount(w.get("maxHeartRate"), "/min"),
    }
    points = []
    for p in w.get("route") or ():
        at, _ = _time(p["timestamp"])
        latitude = _said.number(p.get("latitude", p.get("lat")))
        longitude = _said.number(p.get("longitude", p.get("lon")))
        height = p.get("altitude")
        points.append((at, latitude, longitude, None if height is None else _said.number(height)))
    if points:
        content["route"] = {"file": "", "points": columns(thin(sorted(points)), start)}
    yield workout(
        source,
        _said.key(w["id"]) if w.get("id") else _said.key("workout", w["name"], start),
        start,
        end,
        slug(_said.name(w["name"]).replace(" ", "")),
        content,
        offset=offset,
    )
    lanes = Lanes()
    for beat in w.get("heartRateData") or ():
        at, here = _time(beat["date"])
        rate = _said.number(beat["Avg"] if "Avg" in beat else beat["qty"])
        lanes.add("heart_rate", _source(beat.get("source")), at, rate, offset=here)
    yield from lanes.flush(everything=True)


def _amount(said: Any, unit: str) -> float | None:
    """Return a quantity in a unit of ours; None where it is not told as one."""
    if not isinstance(said, Mapping) or said.get("qty") is None:
        return None
    code = units.canonical_unit(said.get("units") or unit)
    if code is None:
        return None
    return tidy(units.convert(_said.number(said["qty"]), code, unit))


def rows_of(document: Any) -> Iterator[Item]:
    """Yield what a body of the app holds."""
    told = document["data"]
    yield from _json.each(metric, told.get("metrics") or (), "metrics")
    yield from _json.each(session, told.get("workouts") or (), "workouts")


def recognise(entry: Entry) -> float:
    """Return 0.95 for a body of the app."""
    seen = _json.members(entry.head)
    metrics = {"data.metrics.item.name", "data.metrics.item.data"} <= seen
    workouts = {"data.workouts.item.name", "data.workouts.item.start"} <= seen
    return 0.95 if metrics or workouts else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a saved body."""
    return _json.whole(entry, rows_of)


def _receive(delivery: Delivery, options: Options) -> Iterator[Item]:
    return rows_of(_json.decode(delivery.body))


CONNECTOR = Connector(
    name="health_auto_export",
    title="Health Auto Export",
    docs="https://github.com/Lybron/health-auto-export",
    emits=frozenset(_NAMES.values())
    | frozenset(_PARTS.values())
    | {"heart_rate_max", "blood_pressure", "sleep", "workout"},
    recognise=recognise,
    parse=parse,
    receive=Receive(read=_receive),
)
