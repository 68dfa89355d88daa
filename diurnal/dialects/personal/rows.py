"""How events and day values look as rows of a resource.

Times are what the clock at home showed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from diurnal.dialects.personal.resources import Resource
from diurnal.model import time
from diurnal.services.context import AccountState
from diurnal.services.days import Day

Row = dict[str, Any]

PERSONAL = "personal"
"""Member of an event's `clientData` that keeps what it has no other place for."""
HEARTRATE_DIGITS = 1


class Told(msgspec.Struct, rename="camel", gc=False):
    """What of a stored event is told; `at` is when it began, microseconds."""

    seq: int
    local_date: str
    content: Any = None
    client_data: dict[str, Any] | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    value: Any = None
    source: str | None = None
    source_id: str | None = None
    at: int = 0


def of_day(
    state: AccountState, resource: Resource, number: int, value: Day, more: Mapping[str, Any]
) -> Row:
    """Return a day value as a row; `more` are those of other measures of the same day."""
    said: Row = {**resource.blank}
    said |= {"date": f"{time.day_text(value.day)} 00:00:00", "org_service": value.source}
    amount = value.value
    if resource.name == "sleep":
        said["duration"] = round(float(amount or 0))
        said["start"] = _clock(value.day - 1, 720, more.get("sleep_start"))
        said["end"] = _clock(value.day, 0, more.get("sleep_end"))
    elif resource.name == "weight":
        said |= {"weight": _decimal(amount), "fat": _percent(more.get("body_fat"))}
    elif resource.name == "heartrate":
        said["bpm"] = None if amount is None else round(float(amount), HEARTRATE_DIGITS)
    elif resource.name == "mood":
        said["mood"] = _whole(amount)
    else:
        said[resource.columns[1].name] = _whole(amount)
    return {"id": number, **said}


def _clock(day: int, base: int, minutes: Any) -> str | None:
    """Return the time of day that so many minutes after `base` are."""
    if not isinstance(minutes, int | float):
        return None
    ahead, left = divmod(base + round(minutes), 1440)
    return f"{time.day_text(day + ahead)} {left // 60:02d}:{left % 60:02d}:00"


def _whole(value: Any) -> Any:
    return round(value) if isinstance(value, float) and value.is_integer() else value


def _decimal(value: Any) -> str | None:
    if not isinstance(value, int | float):
        return None
    text = f"{value:.6f}".rstrip("0")
    whole, _, part = text.partition(".")
    return f"{whole}.{part.ljust(2, '0')}"


def _percent(value: Any) -> str | None:
    return f"{value * 100:.1f}" if isinstance(value, int | float) else None


def of_event(state: AccountState, resource: Resource, found: Told) -> Row:
    """Return an event as a row."""
    content, more = found.content, found.client_data
    said = {"id": found.seq, **resource.blank}
    noted = None if more is None else more.get(PERSONAL)
    kept: Row = noted if isinstance(noted, dict) else {}
    if resource.stream is None:
        said.update(_READ[resource.name](found, content, kept))
    elif isinstance(content, dict):
        said.update({k: v for k, v in content.items() if k in said and k != "id"})
    said["date"] = time.local_text(found.at, state.zones.home)
    said["org_service"] = found.source
    if "org_id" in said:
        said["org_id"] = found.source_id
    return said


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        for name in ("text", "content", "message", "title"):
            if isinstance(content.get(name), str):
                return str(content[name])
    return "" if content is None else msgspec.json.encode(content).decode()


def _status(found: Told, content: Any, kept: Row) -> Row:
    return {"status": _text_of(content)}


def _noted(found: Told, service: str, name: str) -> Any:
    """Return what a connector noted of an event, None where it is no object of its making."""
    said = (found.client_data or {}).get(service)
    return said.get(name) if isinstance(said, dict) else None


def _place(found: Told, content: Any, kept: Row) -> Row:
    where = content if isinstance(content, dict) else {}
    shout = _noted(found, "foursquare", "shout")
    return {
        "place": found.description or "",
        "comment": kept.get("comment", shout),
        "lat": _degrees(where.get("latitude")),
        "lng": _degrees(where.get("longitude")),
    }


def _degrees(value: Any) -> str | None:
    return f"{value:.8f}" if isinstance(value, int | float) else None


def _bookmark(found: Told, content: Any, kept: Row) -> Row:
    noted = _noted(found, "pinboard", "note")
    return {
        "url": _text_of(content),
        "title": found.description,
        "description": kept.get("description", noted),
        "tags": " ".join(found.tags) or None,
    }


def _track(found: Told, content: Any, kept: Row) -> Row:
    said = content if isinstance(content, dict) else {"title": _text_of(content)}
    return {k: said.get(k) for k in ("title", "artist", "album")}


def _commit(found: Told, content: Any, kept: Row) -> Row:
    return {"message": _text_of(content)}


def _weight(found: Told, content: Any, kept: Row) -> Row:
    fat = kept.get("fat")
    return {
        "weight": _decimal(found.value),
        "fat": f"{fat:.1f}" if isinstance(fat, int | float) else None,
    }


def _bpm(found: Told, content: Any, kept: Row) -> Row:
    return {"bpm": _whole(found.value)}


def _mood(found: Told, content: Any, kept: Row) -> Row:
    return {"mood": _whole(found.value)}


_READ = {
    "statuses": _status,
    "places": _place,
    "bookmarks": _bookmark,
    "tracks": _track,
    "commits": _commit,
    "weight": _weight,
    "heartrate": _bpm,
    "mood": _mood,
}
