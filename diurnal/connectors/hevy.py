"""Hevy: workouts with weights, from the app's table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry, _csv, _said
from diurnal.connectors._lifting import MILE, POUND, Workouts, amount, clock
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("Hevy", Kind.MANUAL)
_COLUMNS = ("title", "start_time", "end_time", "exercise_title", "set_index", "reps")


def whole(row: Mapping[str, str]) -> tuple[int, int, str, str]:
    """Return start, end, name and notes of the workout of a row."""
    start, end = clock(row["start_time"]), clock(row["end_time"])
    return start, end, row.get("title", ""), row.get("description", "")


def one(row: Mapping[str, str]) -> dict[str, Any]:
    """Return a set."""
    return _said.some(
        exercise=row["exercise_title"],
        set=row.get("set_type") or row.get("set_index"),
        reps=amount(row, ("reps", 1)),
        weight_kg=amount(row, ("weight_kg", 1), ("weight_lbs", POUND)),
        distance_km=amount(row, ("distance_km", 1), ("distance_miles", MILE)),
        seconds=amount(row, ("duration_seconds", 1)),
        effort=amount(row, ("rpe", 1)),
        notes=row.get("exercise_notes"),
    )


def recognise(entry: Entry) -> float:
    """Return 0.95 for the app's table."""
    return 0.95 if _csv.has(entry.head, *_COLUMNS) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the app's table."""
    return Workouts(SOURCE, whole, one).read(entry)


CONNECTOR = Connector(
    name="hevy",
    title="Hevy",
    docs="https://help.hevyapp.com/",
    emits=frozenset({"workout"}),
    recognise=recognise,
    parse=parse,
)
