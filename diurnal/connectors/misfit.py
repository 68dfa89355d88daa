"""Misfit: saved answers of its former API: days, workouts, sleep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry, _json, _said
from diurnal.connectors._health import day_value, night, tidy, workout
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import SECOND, day_from_text

SOURCE = Source("Misfit", Kind.WRIST)
MILE = 1_609.344
_STAGES = {1: "awake", 2: "light", 3: "deep"}


def day(row: Mapping[str, Any]) -> Iterator[Item]:
    """Read the totals of a day."""
    told = (
        ("steps", "steps", "1"),
        ("energy_total", "calories", "kcal"),
        ("energy_active", "activityCalories", "kcal"),
        ("distance_walk_run", "distance", "[mi_i]"),
    )
    for key, name, unit in told:
        if row.get(name) is not None:
            yield day_value(key, SOURCE, day_from_text(row["date"]), row[name], unit)


def session(row: Mapping[str, Any]) -> Iterator[Item]:
    """Read a workout."""
    start, offset = _said.local(row["startTime"])
    end = start + round(_said.number(row["duration"]) * SECOND)
    content = {
        "distance": tidy(_said.number(row.get("distance") or 0) * MILE) or None,
        "energy": row.get("calories"),
        "steps": row.get("steps"),
    }
    activity = _said.name(row["activityType"]).lower().replace(" ", "_")
    yield workout(SOURCE, _said.key(row["id"]), start, end, activity, content, offset=offset)


def sleep(row: Mapping[str, Any]) -> Iterator[Item]:
    """Read a sleep; each stage lasts until the next begins."""
    start, offset = _said.local(row["startTime"])
    end = start + round(_said.number(row["duration"]) * SECOND)
    told = [(_said.local(d["datetime"])[0], _STAGES[d["value"]]) for d in row["sleepDetails"]]
    ends = [*(at for at, _ in told[1:]), end]
    stages = [
        (stage, at, until) for (at, stage), until in zip(told, ends, strict=True) if until > at
    ]
    yield night(SOURCE, _said.key(row["id"]), start, end, stages=stages, offset=offset)


_LISTS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], Iterator[Item]]]] = {
    "summary": ("activityCalories", day),
    "sessions": ("activityType", session),
    "sleeps": ("sleepDetails", sleep),
}


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield what an answer holds."""
    for name, (_, one) in _LISTS.items():
        yield from _json.each(one, answer.get(name) or (), name)


def recognise(entry: Entry) -> float:
    """Return 0.9 for an answer of the API."""
    seen = _json.members(entry.head)
    return 0.9 if any(f"{at}.item.{own}" in seen for at, (own, _) in _LISTS.items()) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a saved answer."""
    return _json.whole(entry, rows_of)


CONNECTOR = Connector(
    name="misfit",
    title="Misfit (former API)",
    docs="https://github.com/openmhealth/shimmer",
    emits=frozenset(
        {"steps", "energy_total", "energy_active", "distance_walk_run", "workout", "sleep"}
    ),
    recognise=recognise,
    parse=parse,
)
