"""Health Auto Export: what the iPhone app posts of Apple Health, live or saved as JSON.

Totals of days are values of days; totals of hours are events, because the app sends the hour
that runs again and again, and the last word counts; finer values are points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal import catalog
from diurnal.connectors import Connector, Delivery, Entry, Options, Receive, _json, _said
from diurnal.connectors._health import tidy, value_event, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors.apple_health.routes import columns, thin
from diurnal.connectors.apple_health.values import slug
from diurnal.connectors.health_auto_export.names import NAMES, time
from diurnal.connectors.health_auto_export.names import source as source_of
from diurnal.connectors.health_auto_export.nights import PARTS, nights
from diurnal.errors import InvalidInput
from diurnal.model import units
from diurnal.model.measures import Measure, Shape
from diurnal.model.records import Datum, DayDatum, Item, Source
from diurnal.model.time import HOUR, MINUTE, day_of


def metric(m: Mapping[str, Any]) -> Iterator[Item]:
    """Read a metric: a name, a unit, and values."""
    name, unit, rows = m["name"], m.get("units") or "", m["data"]
    where = f"metric {str(name)[:60]}"
    if name == "sleep_analysis":
        yield from nights(rows, where)
    elif name == "blood_pressure":
        yield from _json.each(_pressure, rows, where)
    elif name in NAMES:
        yield from _values(catalog.get(NAMES[name]), unit, rows, where)
    elif rows:
        raise ValueError(f"the metric {str(name)[:60]!r} is not known here")


def _values(measure: Measure, unit: str, rows: list[Any], where: str) -> Iterator[Item]:
    code = units.canonical_unit(unit) if unit else measure.unit
    if code is None:
        raise InvalidInput(f"unknown unit {unit[:40]!r}", field="unit")
    clocks = set()
    for row in rows:
        try:
            at, offset = time(row["date"])
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
        at, offset = time(row["date"])
        source = source_of(row.get("source"))
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
    at, offset = time(row["date"])
    high, low = _said.number(row["systolic"]), _said.number(row["diastolic"])
    yield Datum(
        source=source_of(row.get("source")),
        source_id=_said.key("blood_pressure", at),
        type="blood-pressure/mmhg-bpm",
        start=at,
        content={"systolic": _said.plain(high), "diastolic": _said.plain(low)},
        measure="blood_pressure",
        offset=offset,
    )


def session(w: Mapping[str, Any]) -> Iterator[Item]:
    """Read a workout, with its route and heart rates."""
    start, offset = time(w["start"])
    end, _ = time(w["end"])
    source = source_of(w.get("source"))
    content: dict[str, Any] = {
        "energy": _amount(w.get("activeEnergyBurned") or w.get("activeEnergy"), "kcal"),
        "distance": _amount(w.get("distance"), "m"),
        "elevation": _amount(w.get("elevationUp"), "m"),
        "heart_rate": _amount(w.get("avgHeartRate"), "/min"),
        "heart_rate_max": _amount(w.get("maxHeartRate"), "/min"),
    }
    points = []
    for p in w.get("route") or ():
        at, _ = time(p["timestamp"])
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
        at, here = time(beat["date"])
        rate = _said.number(beat["Avg"] if "Avg" in beat else beat["qty"])
        lanes.add("heart_rate", source_of(beat.get("source")), at, rate, offset=here)
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
    emits=frozenset(NAMES.values())
    | frozenset(PARTS.values())
    | {"heart_rate_max", "blood_pressure", "sleep", "workout"},
    recognise=recognise,
    parse=parse,
    receive=Receive(read=_receive),
)
