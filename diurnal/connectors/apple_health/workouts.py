"""Make an event of a workout, whichever way its version of iOS wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from diurnal import catalog
from diurnal.connectors.apple_health.records import Workout
from diurnal.connectors.apple_health.routes import Point, columns, thin
from diurnal.connectors.apple_health.values import API, finite, identity, number, slug, unit_code
from diurnal.errors import InvalidInput
from diurnal.model import units
from diurnal.model.records import Datum, Source
from diurnal.model.time import zone

_TOTALS = (
    ("distance_walk_run", "distance", "totalDistance", "m"),
    ("energy_active", "energy", "totalEnergyBurned", "kcal"),
    ("floors", "floors", "totalFlightsClimbed", "1"),
    ("swim_strokes", "strokes", "totalSwimmingStrokeCount", "1"),
)
"""What older versions wrote as attributes: measure, our name, theirs, our unit."""
_SUMS = {
    "energy_active": "energy",
    "energy_basal": "energy_basal",
    "steps": "steps",
    "floors": "floors",
    "swim_strokes": "strokes",
}
_MEANS = {
    "heart_rate": "heart_rate",
    "power": "power",
    "cadence_cycle": "cadence",
    "speed": "speed",
}


WORKOUT = "activity/workout"
"""`activity/plain` has no content; a workout's totals and route need one."""


def datum(
    workout: Workout,
    source: Callable[[str | None, str | None], Source],
    route: tuple[str, list[Point]] | None,
) -> Datum:
    """Return the workout as an event; its content is in metres, kcal, seconds and beats a minute.

    Args:
        route: name of the file and its points, if it has one.
    """
    a = workout.attributes
    from_ = source(a.get("sourceName"), a.get("device"))
    kind = a.get("workoutActivityType", "")
    content: dict[str, Any] = {
        "activity": slug(kind.removeprefix("HKWorkoutActivityType")) or "other"
    }
    for measure, ours, theirs, unit in _TOTALS:
        if theirs in a:
            with suppress(InvalidInput, ValueError):
                content[ours] = _said(a[theirs], a.get(f"{theirs}Unit"), measure, unit)
    # The statistics of the whole count; those of its parts stand in where it has none.
    content |= _summed(workout.parts) | _summed(workout.statistics)
    with suppress(InvalidInput, ValueError, KeyError):
        # Without pauses.
        code = units.canonical_unit(a.get("durationUnit", "min")) or "min"
        content["moving"] = round(units.convert(finite(a["duration"]), code, "s"), 3)
    indoor = workout.metadata.get("HKIndoorWorkout")
    if indoor in ("0", "1"):
        content["indoor"] = indoor == "1"
    with suppress(InvalidInput, ValueError, KeyError):
        written, _, unit = workout.metadata["HKElevationAscended"].partition(" ")
        content["elevation"] = _said(written, unit or "m", "elevation_gain", "m")
    points = workout.points
    name = ""
    if route is not None:
        name, points = route
    if points:
        content["route"] = {"file": name, "points": columns(thin(points), workout.start)}
    own_zone = workout.metadata.get("HKTimeZone")
    if own_zone:
        try:
            zone(own_zone)
        except InvalidInput:
            own_zone = None
    return Datum(
        source=from_,
        source_id=identity("workout", kind, from_.name, workout.start, workout.end),
        type=WORKOUT,
        start=workout.start,
        duration=workout.end - workout.start,
        content=content,
        measure="workout",
        zone=own_zone,
        client_data={API: dict(workout.metadata)} if workout.metadata else None,
    )


def _said(written: str, unit: str | None, measure: str, to: str) -> float:
    code = unit_code(unit, catalog.MEASURES[measure])
    return number(round(units.convert(finite(written), code, to), 4))


def _summed(statistics: Iterable[dict[str, str]]) -> dict[str, float]:
    """Return statistics under our names; distances of several kinds add up."""
    found: dict[str, float] = {}
    for s in statistics:
        measure = catalog.by_name(API, s.get("type", ""))
        if measure is None:
            continue
        ours = "distance" if measure.key.startswith("distance_") else _SUMS.get(measure.key)
        with suppress(InvalidInput, ValueError):
            if ours and "sum" in s:
                said = _said(s["sum"], s.get("unit"), measure.key, measure.unit)
                found[ours] = number(round(found.get(ours, 0) + said, 4))
            mean = _MEANS.get(measure.key)
            for theirs, end in (("average", ""), ("minimum", "_min"), ("maximum", "_max")):
                if mean and theirs in s:
                    found[mean + end] = _said(s[theirs], s.get("unit"), measure.key, measure.unit)
    return found
