"""Several tellings of one datum become one: a ride as FIT, as TCX and as GPX is one workout.

What each telling said is kept beside (`clientData.tellings`), so the result is the same in any
order: each field comes from the best telling that has it, best first by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from diurnal.model.events import Event, NewEvent
from diurnal.model.time import MILLISECOND

KEY = "tellings"
TRACK = "track"
"""Fixes as text, `milliseconds,latitude,longitude,metres` each, places in ten-millionths of a
degree; exports of one kind add up."""
_DEGREE = 10_000_000
LONG = ("route", TRACK)
"""Fields that are kept once, of the best telling that has them; the others are only noted."""


def join(old: Event | NewEvent | None, new: NewEvent, name: str) -> NewEvent:
    """Return `new`, told as `name`, together with what was told before."""
    content: dict[str, Any] = dict(new.content) if isinstance(new.content, Mapping) else {}
    if old is None:  # most are told once
        said = {KEY: {name: _telling(new, content)}}
        client_data = {**new.client_data, **said} if new.client_data else said
        return msgspec.structs.replace(new, content=content, client_data=client_data)
    told = dict(_told(old))
    before = old.content if isinstance(old.content, Mapping) else {}
    if name in told and told[name]["content"].get(TRACK) is True and TRACK in content:
        shown = min(w for w in told if told[w]["content"].get(TRACK) is True)
        if shown == name:
            new, content = _lengthened(new, content, before)
        else:
            new, content = _widened(new, content, told[name])
    told[name] = _telling(new, content)
    joined: dict[str, Any] = {}
    for which in sorted(told):
        for field, value in told[which]["content"].items():
            if field not in joined:
                long = content if which == name else before
                joined[field] = long.get(field) if field in LONG else value
    best = told[min(told)]
    zoned = next((told[w] for w in sorted(told) if _has_zone(told[w])), best)
    return msgspec.structs.replace(
        new,
        time=best["start"],
        duration=best["duration"],
        zone=zoned["zone"],
        offset=zoned["offset"],
        content=joined,
        client_data={**(new.client_data or {}), KEY: dict(sorted(told.items()))},
        source_id=old.source_id,
    )


def _telling(new: NewEvent, content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "start": new.time,
        "duration": new.duration,
        "zone": new.zone,
        "offset": new.offset,
        "content": {k: v if k not in LONG else True for k, v in content.items()},
    }


def same(old: Event | NewEvent, new: NewEvent) -> bool:
    """Return whether two stretches are one: they share more than half of the longer."""
    shared = min(_end(old), _end(new)) - max(old.time, new.time)
    return 2 * shared > max(old.duration or 0, new.duration or 0) or old.time == new.time


def _end(e: Event | NewEvent) -> int:
    return e.time + (e.duration or 0)


def _lengthened(
    new: NewEvent, content: dict[str, Any], before: Mapping[str, Any]
) -> tuple[NewEvent, dict[str, Any]]:
    """Return a stretch of fixes with those that the same telling had in an older export."""
    known, fresh = before.get(TRACK), content.get(TRACK)
    if not isinstance(known, str) or not isinstance(fresh, str):
        return new, content
    track = sorted({*known.split(";"), *fresh.split(";")})
    try:
        (start, *_), (end, lat, lon, _) = (map(int, track[i].split(",")) for i in (0, -1))
    except ValueError:
        return new, content
    place = {"latitude": lat / _DEGREE, "longitude": lon / _DEGREE, TRACK: ";".join(track)}
    length = (end - start) * MILLISECOND
    new = msgspec.structs.replace(new, time=start * MILLISECOND, duration=length)
    return new, {**content, **place}


def _widened(
    new: NewEvent, content: dict[str, Any], told: Mapping[str, Any]
) -> tuple[NewEvent, dict[str, Any]]:
    """Return a stretch whose fixes a better telling has: only how far it reaches is kept."""
    end, told_end = new.time + (new.duration or 0), told["start"] + (told["duration"] or 0)
    start = min(new.time, told["start"])
    if told_end > end:
        content = {**content, **{k: v for k, v in told["content"].items() if k != TRACK}}
    new = msgspec.structs.replace(new, time=start, duration=max(end, told_end) - start)
    return new, content


def _told(old: Event | NewEvent) -> Mapping[str, Any]:
    found = (old.client_data or {}).get(KEY)
    if not isinstance(found, Mapping):
        return {}
    # A client may have written anything there.
    return {k: v for k, v in found.items() if isinstance(v, Mapping) and _is_whole(v)}


def _is_whole(told: Mapping[str, Any]) -> bool:
    return (
        isinstance(told.get("start"), int)
        and isinstance(told.get("duration"), int | None)
        and isinstance(told.get("content"), Mapping)
    )


def _has_zone(told: Mapping[str, Any]) -> bool:
    return told.get("zone") is not None or told.get("offset") is not None
