"""Health Auto Export: what the iPhone app posts of Apple Health, live or saved as JSON.

Totals of days are values of days; totals of hours are events, because the app sends the hour
that runs again and again, and the last word counts; finer values are points.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from diurnal import catalog
from diurnal.connectors import Connector, Delivery, Entry, Options, Receive, _json, _said
from diurnal.connectors._forms import rows
from diurnal.connectors._health import converted, day_value, pressure, session, value_event, workout
from diurnal.connectors._places import position
from diurnal.connectors._points import Lanes
from diurnal.connectors._tracks import Place, columns
from diurnal.connectors.apple_health.values import slug
from diurnal.connectors.health_auto_export.names import NAMES, time
from diurnal.connectors.health_auto_export.names import source as source_of
from diurnal.connectors.health_auto_export.nights import PARTS, nights
from diurnal.model import units
from diurnal.model.measures import Measure, Shape
from diurnal.model.records import Item, Source
from diurnal.model.time import DAY, HOUR, MINUTE, day_of


def metric(m: Mapping[str, Any]) -> Iterator[Item]:
    """Read a metric: a name, a unit, and values."""
    name, unit, data = m["name"], m.get("units") or "", m["data"]
    where = f"metric {str(name)[:60]}"
    if name == "sleep_analysis":
        yield from nights(data, where)
    elif name == "blood_pressure":
        yield from _json.each(_pressure, data, where)
    elif name in NAMES:
        yield from _values(catalog.get(NAMES[name]), unit, data, where)
    elif data:
        raise ValueError(f"the metric {str(name)[:60]!r} is not known here")


def _values(measure: Measure, unit: str, data: list[Any], where: str) -> Iterator[Item]:
    key, code = measure.key, _said.unit(unit) if unit else measure.unit
    series = measure.shape is Shape.SERIES
    step = _step(data, (DAY, HOUR, MINUTE) if series else (DAY,))

    def one(row: Mapping[str, Any], lanes: Lanes) -> Iterator[Item]:
        at, offset, source, said = _sample(row)
        if step == DAY:
            day = day_of(at, offset)
            yield day_value(key, source, day, said, code)
            if key == "heart_rate" and "Max" in row:
                yield day_value("heart_rate_max", source, day, row["Max"], code)
            return
        value = catalog.to_canonical(measure, _said.number(said), code)
        end, id_ = at + step, _said.key(key, at)
        if series and step < HOUR:
            lanes.add(key, source, at, value, end=end, offset=offset)
        elif measure.shape is Shape.SESSION:
            yield session(key, source, id_, at, at + round(value * MINUTE), offset=offset)
        else:
            yield value_event(key, source, id_, at, value, measure.unit, end=end, offset=offset)

    return rows(one, data, where)


def _step(data: list[Any], steps: tuple[int, ...]) -> int:
    """Return the longest of the steps whose beginnings the values stand at; 0 for none."""
    clocks = set()
    for row in data:
        with suppress(KeyError, TypeError, ValueError):  # It is set aside where it is read.
            at, offset = time(row["date"])
            clocks.add((at + offset * MINUTE) % DAY)
    return next((step for step in steps if not any(clock % step for clock in clocks)), 0)


def _sample(row: Mapping[str, Any]) -> tuple[int, int, Source, Any]:
    """Return when a value was, its offset, the device and what it says."""
    at, offset = time(row["date"])
    return at, offset, source_of(row.get("source")), row["qty"] if "qty" in row else row["Avg"]


def _pressure(row: Mapping[str, Any]) -> Iterator[Item]:
    at, offset = time(row["date"])
    id_ = _said.key("blood_pressure", at)
    yield pressure(source_of(row.get("source")), id_, at, row, offset=offset)


def _workout(said: Mapping[str, Any]) -> Iterator[Item]:
    """Read a workout, with its route and heart rates."""
    start, offset = time(said["start"])
    route = yield from _route(said.get("route") or (), start)
    yield workout(
        source_of(said.get("source")),
        _said.key(said["id"]) if said.get("id") else _said.key("workout", said["name"], start),
        start,
        time(said["end"])[0],
        slug(_said.name(said["name"]).replace(" ", "")),
        {
            "energy": _amount(said.get("activeEnergyBurned") or said.get("activeEnergy"), "kcal"),
            "distance": _amount(said.get("distance"), "m"),
            "elevation": _amount(said.get("elevationUp"), "m"),
            "heart_rate": _amount(said.get("avgHeartRate"), "/min"),
            "heart_rate_max": _amount(said.get("maxHeartRate"), "/min"),
            "route": route,
        },
        offset=offset,
    )
    yield from rows(_beat, said.get("heartRateData") or (), "heart rates of a workout")


def _beat(said: Mapping[str, Any], lanes: Lanes) -> Iterable[Item]:
    at, offset, source, rate = _sample(said)
    lanes.add("heart_rate", source, at, _said.number(rate), offset=offset)
    return ()


def _amount(said: Any, unit: str) -> float | None:
    """Return a quantity in a unit of ours; None where it is not told as one."""
    if not isinstance(said, Mapping):
        return None
    code = units.canonical_unit(said.get("units") or unit)
    return None if code is None else converted(said.get("qty"), code, unit)


def _route(
    said: Iterable[Mapping[str, Any]], start: int
) -> Generator[Item, None, dict[str, Any] | None]:
    """Return a route, and yield its points that cannot be read."""
    places: list[Place] = []

    def one(p: Mapping[str, Any]) -> Iterable[Item]:
        latitude, longitude = p.get("latitude", p.get("lat")), p.get("longitude", p.get("lon"))
        here = position(latitude, longitude, altitude=p.get("altitude"))
        at = time(p["timestamp"])[0]
        places.append((at, here["latitude"], here["longitude"], here.get("altitude")))
        return ()

    yield from _json.each(one, said, "route of a workout")
    # A height may be missing, and what is missing has no order.
    places.sort(key=lambda place: place[:3])
    return {"file": "", "points": columns(places, start)} if places else None


def rows_of(document: Any) -> Iterator[Item]:
    """Yield what a body of the app holds."""
    told = document["data"]
    yield from _json.each(metric, told.get("metrics") or (), "metrics")
    yield from _json.each(_workout, told.get("workouts") or (), "workouts")


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
