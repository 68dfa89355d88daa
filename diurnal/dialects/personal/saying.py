"""What the columns of a row say: as an event, or as values of a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from diurnal import catalog
from diurnal.dialects.personal.resources import Resource
from diurnal.dialects.personal.rows import PERSONAL, Row
from diurnal.model import time
from diurnal.model.events import NewEvent
from diurnal.services.context import AccountState


def new_event(state: AccountState, resource: Resource, values: Mapping[str, Any]) -> NewEvent:
    """Return the event that a new row is."""
    fields = fields_of(state, resource, values, {})
    return NewEvent(
        stream_ids=(resource.stream or state.home(catalog.get(_home_of(resource))),),
        source=values.get("org_service"),
        source_id=values.get("org_id"),
        **fields,
    )


def _home_of(resource: Resource) -> str:
    return "status_post" if resource.name == "statuses" else resource.measure


def _instant(state: AccountState, text: str) -> int:
    """Return the instant at which the clock at home showed a time."""
    clock = time.micros(datetime.fromisoformat(f"{text}+00:00"))
    return time.ZoneHistory(state.zones.home).instant_of(clock)


def fields_of(
    state: AccountState, resource: Resource, values: Mapping[str, Any], old: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the members of an event that say these columns; `old` are those it has already."""
    said = {**old, **values}
    fields: dict[str, Any] = {"time": _instant(state, said["date"])}
    if resource.stream is not None:
        fields["type"] = f"{PERSONAL}/{resource.name}"
        skipped = ("id", "date", "org_service", "org_id")
        fields["content"] = {k: v for k, v in said.items() if k not in skipped}
        return fields
    fields["type"] = catalog.event_type(catalog.get(_home_of(resource)))
    kept: Row = {}
    match resource.name:
        case "statuses":
            fields["content"] = said["status"]
        case "places":
            fields["content"] = {
                "latitude": float(said["lat"]),
                "longitude": float(said["lng"]),
            }
            fields["description"] = said["place"]
            kept = {"comment": said.get("comment")}
        case "bookmarks":
            fields["content"] = said["url"]
            fields["description"] = said.get("title")
            fields["tags"] = tuple((said.get("tags") or "").split())
            kept = {"description": said.get("description")}
        case "tracks":
            parts = {k: said.get(k) for k in ("title", "artist", "album")}
            fields["content"] = {k: v for k, v in parts.items() if v is not None}
        case "commits":
            fields["content"] = said["message"]
        case _:
            fields["content"] = _number_in(state, resource, said)
            fat = said.get("fat")
            kept = {"fat": float(fat)} if fat is not None else {}
    if kept := {k: v for k, v in kept.items() if v is not None}:
        fields["client_data"] = {PERSONAL: kept}
    return fields


def _number_in(state: AccountState, resource: Resource, said: Mapping[str, Any]) -> Any:
    """Return the content of an event of a measure, from its canonical value."""
    measure = catalog.get(resource.measure)
    value = float(said[resource.columns[1].name])
    unit = catalog.pryv_unit(catalog.event_type(measure)) or measure.unit
    return catalog.content(measure, value, unit)


def day_of(text: str) -> int:
    """Return the day of a row's date."""
    return time.day_from_text(text[:10], field="date")


def day_values(resource: Resource, values: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return (measure, value) of each column that tells of a day."""
    if resource.name == "sleep":
        found = [("sleep", values.get("duration"))]
        for column, key, base in (("start", "sleep_start", -720), ("end", "sleep_end", 0)):
            if values.get(column):
                found.append((key, _minutes(values["date"], values[column], base)))
    elif resource.name == "weight":
        fat = values.get("fat")
        found = [
            ("weight", values.get("weight")),
            ("body_fat", None if fat is None else float(fat) / 100),
        ]
    else:
        found = [(resource.measure, values.get(resource.columns[1].name))]
    return [(key, float(value)) for key, value in found if value is not None]


def _minutes(date: str, text: str, base: int) -> float:
    """Return minutes of a clock time after midnight of a day, or after midday before it."""
    span = datetime.fromisoformat(text) - datetime.fromisoformat(f"{date[:10]} 00:00:00")
    return span.total_seconds() / 60 - base
