"""Strong: workouts with weights, from the app's table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry, _csv, _said
from diurnal.connectors._lifting import MILE, POUND, Workouts, amount, clock, seconds
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("Strong", Kind.MANUAL)
_COLUMNS = ("Date", "Workout Name", "Exercise Name", "Set Order", "Reps")


def whole(row: Mapping[str, str]) -> tuple[int, int, str, str]:
    """Return start, end, name and notes of the workout of a row."""
    start = clock(row["Date"])
    lasts = row.get("Duration") or row.get("Workout Duration") or "0"
    return start, start + seconds(lasts), row.get("Workout Name", ""), row.get("Workout Notes", "")


def one(row: Mapping[str, str]) -> dict[str, Any]:
    """Return a set; a weight whose unit nobody says stays without one."""
    if row["Set Order"] == "Rest Timer":
        return {}
    kilograms = amount(row, ("Weight (kg)", 1), ("Weight (lbs)", POUND))
    bare = amount(row, ("Weight", 1))
    unit = row.get("Weight Unit", "").casefold()
    if bare is not None and unit:
        kilograms = round(bare * (POUND if unit.startswith("lb") else 1), 4)
    return _said.some(
        exercise=row["Exercise Name"],
        set=row["Set Order"],
        reps=amount(row, ("Reps", 1)),
        weight_kg=kilograms,
        weight=bare if kilograms is None else None,
        distance_km=amount(row, ("Distance (km)", 1), ("Distance (mi)", MILE)),
        seconds=amount(row, ("Seconds", 1)),
        effort=amount(row, ("RPE", 1)),
        notes=row.get("Notes"),
    )


def recognise(entry: Entry) -> float:
    """Return 0.95 for the app's table."""
    return 0.95 if _csv.has(entry.head, *_COLUMNS) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the app's table."""
    return Workouts(SOURCE, whole, one).read(entry)


CONNECTOR = Connector(
    name="strong",
    title="Strong",
    docs="https://help.strongapp.io/article/235-export-workout-data",
    emits=frozenset({"workout"}),
    recognise=recognise,
    parse=parse,
)
