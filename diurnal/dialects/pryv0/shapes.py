"""Events in the shapes of 2012, from and to ours; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from diurnal.dialects.pryv0 import checks
from diurnal.dialects.pryv0.table import Call, Params
from diurnal.errors import InvalidInput
from diurnal.model import time
from diurnal.model.events import File
from diurnal.services.events import DURATION_MAX

PLAIN = "activity/plain"
"""Type of an event that holds no value."""
POSITION = "position/wgs84"
_TYPE = re.compile(r"[a-z0-9-]+/[a-z0-9-]+")
_NAMES = {
    "id",
    "time",
    "duration",
    "folderId",
    "value",
    "tags",
    "clientData",
    "trashed",
    # The server's own, which a client may send back.
    "channelId",
    "attachments",
    "modified",
    "tempRefId",
    "clientId",
}
_OLD = frozenset({*_NAMES, "comment"})
_LATER = frozenset({*_NAMES, "type", "description"})


def read_fields(call: Call, params: Params) -> dict[str, Any]:
    """Return the fields of an event that parameters give, in our words; no folder.

    Raises:
        InvalidInput: one is unknown or of the wrong kind.
    """
    later = call.version.later
    checks.known(params, _LATER if later else _OLD)
    found: dict[str, Any] = {}
    if (at := checks.instant(params, "time")) is not None:
        found["time"] = at
    if "duration" in params:
        found["duration"] = _span(params)
    note = "description" if later else "comment"
    if note in params:
        found["description"] = checks.text(params, note) if params[note] else None
    if (tags := checks.texts(params, "tags")) is not None:
        found["tags"] = tuple(dict.fromkeys(t for tag in tags if (t := tag.strip())))
    if "clientData" in params:
        found["client_data"] = checks.data(params)
    if (trashed := checks.flag(params, "trashed")) is not None:
        found["trashed"] = trashed
    if later:
        if "type" in params:
            found["type"] = _type(params["type"])
        if "value" in params:
            found["content"] = params["value"]
    elif "value" in params:
        found["type"], found["content"] = _of_value(params["value"])
    if found.get("type") == POSITION:
        found["content"] = _place(found.get("content"))
    return found


def _span(params: Params) -> int | None:
    if params["duration"] is None:
        return None
    seconds = checks.number(params, "duration") or 0.0
    if not 0 <= seconds <= DURATION_MAX / time.SECOND:
        raise InvalidInput("duration is no time that passes", field="duration")
    return round(seconds * time.SECOND)


def _type(given: Any) -> str:
    if isinstance(given, dict):
        given = f"{given.get('class')}/{given.get('format')}"
    elif isinstance(given, str):
        given = given.replace(":", "/")
    found = given.lower() if isinstance(given, str) else ""
    if not _TYPE.fullmatch(found):
        raise InvalidInput("a type has a class and a format", field="type")
    return found


def _of_value(given: Any) -> tuple[str, Any]:
    if given is None:
        return PLAIN, None
    if not isinstance(given, dict) or not given.keys() <= {"type", "value"}:
        raise InvalidInput("value has a type and a value", field="value")
    return _type(given.get("type")), given.get("value")


def _place(content: Any) -> Any:
    """Return a place as we keep it: it came as text of two or three numbers, or as `location`."""
    names = ("latitude", "longitude", "altitude")
    if isinstance(content, str):
        try:
            numbers = [float(part) for part in content.split(",")]
        except ValueError:
            return content
        return dict(zip(names, numbers, strict=False)) if len(numbers) in (2, 3) else content
    if isinstance(content, dict) and isinstance(content.get("location"), dict):
        short = {"lat": "latitude", "lng": "longitude", "alt": "altitude"}
        return {short.get(k, k): v for k, v in content["location"].items()}
    return content


def write_event(
    call: Call,
    body: Mapping[str, Any],
    channel: str,
    streams: frozenset[str],
    files: Iterable[File] = (),
) -> dict[str, Any]:
    """Return an event in the shape of the version.

    Args:
        body: as it is stored.
        streams: of the channel, with the channel itself.
    """
    later = call.version.later
    home = next((s for s in body["streamIds"] if s in streams), channel)
    folder = None if home == channel else home
    told: dict[str, Any] = {"id": body["id"]}
    if later:
        told["channelId"] = channel
    told["time"] = body["time"]
    if "duration" in body:
        told["duration"] = body["duration"]
    if later or folder is not None:
        told["folderId"] = folder
    told |= _value(body["type"], body.get("content"), later=later)
    if later or body.get("tags"):
        told["tags"] = body.get("tags", [])
    if "description" in body:
        told["description" if later else "comment"] = body["description"]
    hung = {f.name: {"fileName": f.name, "type": f.type, "size": f.size} for f in files}
    if hung:
        told["attachments"] = hung
    for name in ("clientData", "trashed"):
        if body.get(name):
            told[name] = body[name]
    told["modified"] = body["modified"]
    return told


def _value(type_: str, content: Any, *, later: bool) -> dict[str, Any]:
    class_, _, format_ = type_.partition("/")
    if type_ == POSITION and isinstance(content, dict):
        content = _told_place(content, later=later)
    if later:
        told: dict[str, Any] = {"type": {"class": class_, "format": format_}}
        return told if content is None else told | {"value": content}
    if type_ == PLAIN and content is None:
        return {}
    known = "position:WGS84" if type_ == POSITION else f"{class_}:{format_}"
    return {"value": {"type": known, "value": content}}


def _told_place(content: Mapping[str, Any], *, later: bool) -> Any:
    if later:
        short = {"latitude": "lat", "longitude": "lng", "altitude": "alt"}
        return {"location": {short.get(k, k): v for k, v in content.items()}}
    numbers = [content.get(name) for name in ("latitude", "longitude", "altitude")]
    return ", ".join(str(n) for n in numbers if n is not None)
