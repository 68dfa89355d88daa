"""Runkeeper: workouts, from saved answers of its former API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry, _json, _said
from diurnal.connectors._health import workout
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind, kind_of
from diurnal.model.time import HOUR, SECOND


def one(row: Mapping[str, Any]) -> Iterator[Item]:
    """Read a workout; an old one does not say where its clock hung."""
    start = _said.english(row["start_time"], "%a, %d %b %Y %H:%M:%S")
    offset = row.get("utc_offset")
    if offset is not None:
        start -= round(_said.number(offset) * HOUR)
    name = _said.name(row.get("source")) or "Runkeeper"
    kind = Kind.MANUAL if row.get("entry_mode") == "Web" else kind_of(name)
    yield workout(
        Source(f"{name} (typed)" if kind is Kind.MANUAL else name, kind),
        _said.key(row["uri"]),
        start,
        start + round(_said.number(row["duration"]) * SECOND),
        _said.name(row["type"]).lower().replace(" ", "_"),
        {"distance": row.get("total_distance"), "energy": row.get("total_calories")},
        offset=None if offset is None else round(_said.number(offset) * 60),
        clock=offset is None,
    )


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield the workouts of an answer."""
    return _json.each(one, answer["items"], "the answer")


def recognise(entry: Entry) -> float:
    """Return 0.95 for an answer with workouts."""
    own = {"items.item.tracking_mode", "items.item.start_time", "items.item.uri"}
    return 0.95 if own <= _json.members(entry.head) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a saved answer."""
    return _json.read(entry, one, "items.item", unit="workout")


CONNECTOR = Connector(
    name="runkeeper",
    title="Runkeeper (former API)",
    docs="https://github.com/openmhealth/shimmer",
    emits=frozenset({"workout"}),
    recognise=recognise,
    parse=parse,
)
