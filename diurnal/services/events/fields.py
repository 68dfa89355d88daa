"""What the fields of an event may be: limits, text that both engines keep, zones and days."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import msgspec

from diurnal import catalog
from diurnal.errors import InvalidInput
from diurnal.model import time
from diurnal.model.events import (
    CONTENT_BYTES_MAX,
    DEPTH_MAX,
    STREAMS_PER_EVENT_MAX,
    TAGS_MAX,
    TEXT_MAX,
    Event,
    Json,
    NewEvent,
    tells_nul,
)
from diurnal.model.measures import Daily, Measure, Shape
from diurnal.services.context import AccountState

TIME_MIN, TIME_MAX = time.TIME_MIN + time.DAY, time.TIME_MAX - time.DAY
"""A day from the ends of the calendar, so that every zone has a date for it."""
DURATION_MAX = 200 * 365 * time.DAY
ID_MAX = 100
SOURCE_MAX = 200
SOURCE_ID_MAX = 400
"""Characters; with the source's they fit an index entry of PostgreSQL (2.7 kB)."""
OFFSET_MAX = 18 * 60
_FIXED = re.compile(r"UTC([+-])(\d\d):([0-5]\d)")


def at_clock(state: AccountState, clock: int, duration: int | None) -> int:
    """Return when something began that a clock on the wall dated; its end says where that hung.

    Raises:
        InvalidInput: no time that there can be.
    """
    if not TIME_MIN <= clock <= TIME_MAX:
        raise InvalidInput("time is out of range", field="time")
    return state.zones.instant_of(clock + (duration or 0)) - (duration or 0)


def meaning(
    state: AccountState, streams: Sequence[str], type_: str, content: Json
) -> tuple[Measure | None, float | None]:
    """Return the measure that streams and type mean, and the content as its number."""
    for s in streams:
        found = state.meaning(s, type_)
        if found is not None:
            measure, unit = found
            return measure, catalog.number(measure, content, unit)
    return None, None


def own_zone(e: NewEvent | Event) -> str | None:
    """Return the datum's own zone; an offset without a name is kept as `UTC+02:00`."""
    if e.zone is not None:
        return e.zone
    return _offset_name(e.offset) if isinstance(e, NewEvent) and e.offset is not None else None


def _offset_name(minutes: int) -> str:
    sign, rest = "-" if minutes < 0 else "+", abs(minutes)
    return f"UTC{sign}{rest // 60:02d}:{rest % 60:02d}"


def _fixed_offset(name: str) -> int | None:
    """Return the minutes of an own offset's name, None for the name of a zone."""
    told = _FIXED.fullmatch(name)
    if told is None:
        return None
    minutes = int(told[2]) * 60 + int(told[3])
    return -minutes if told[1] == "-" else minutes


def dated(state: AccountState, measure: Measure | None, e: NewEvent | Event) -> tuple[int, int]:
    """Return the offset at the start and the local day it counts for.

    A night counts for the day of waking up; one value told of a stretch (a resting heart rate
    from midnight to noon) for the day its middle is in; everything else for the day it began.
    """
    counted = e.time
    if e.duration and measure is not None:
        if measure.shape is Shape.SESSION and measure.group == "sleep":
            counted = e.time + e.duration
        elif measure.daily is Daily.LAST:
            counted = e.time + e.duration // 2
    if isinstance(e, NewEvent) and e.offset is not None:
        return e.offset, time.day_of(counted, e.offset)
    if e.zone is not None:
        fixed = _fixed_offset(e.zone)
        if fixed is not None:
            return fixed, time.day_of(counted, fixed)
        return time.offset_min(e.zone, e.time), time.day_of(
            counted, time.offset_min(e.zone, counted)
        )
    offset = state.zones.offset_at(e.time)
    if counted == e.time:
        return offset, time.day_of(counted, offset)
    return offset, state.zones.day_at(counted)


def check(new: NewEvent, at: str, *, known: bool = False) -> None:
    """Refuse a new event whose fields cannot be right.

    Args:
        at: what the names of fields begin with in a refusal.
        known: streams and type were found right already.

    Raises:
        InvalidInput: `field` says which.
    """
    if not known:
        _check_kind(new, at)
    if new.tags:
        if len(new.tags) > TAGS_MAX or any(len(t) > TEXT_MAX for t in new.tags):
            raise InvalidInput(
                f"at most {TAGS_MAX} tags of {TEXT_MAX} characters", field=f"{at}tags"
            )
        for tag in new.tags:
            _check_text(tag, f"{at}tags")
    if not TIME_MIN <= new.time <= TIME_MAX:
        raise InvalidInput("time is out of range", field=f"{at}time")
    if new.duration and not (
        -DURATION_MAX <= new.duration <= DURATION_MAX
        and TIME_MIN <= new.time + new.duration <= TIME_MAX
    ):
        raise InvalidInput("duration is out of range", field=f"{at}duration")
    if new.offset is not None and not -OFFSET_MAX <= new.offset <= OFFSET_MAX:
        raise InvalidInput("offset is out of range", field=f"{at}offset")
    if new.zone is not None:
        _check_zone(new.zone, f"{at}timezone")
    if new.id is not None:
        if not new.id or len(new.id) > ID_MAX:
            raise InvalidInput(f"an id has 1 to {ID_MAX} characters", field=f"{at}id")
        _check_text(new.id, f"{at}id")
    if new.description is not None:
        _check_text(new.description, f"{at}description")
    if new.source is not None:
        if len(new.source) > SOURCE_MAX:
            raise InvalidInput(f"at most {SOURCE_MAX} characters", field=f"{at}source")
        _check_text(new.source, f"{at}source")
    if new.source_id is not None:
        if len(new.source_id) > SOURCE_ID_MAX:
            raise InvalidInput(f"at most {SOURCE_ID_MAX} characters", field=f"{at}sourceId")
        _check_text(new.source_id, f"{at}sourceId")
    if new.content is not None and not isinstance(new.content, int):
        check_json(new.content, f"{at}content")
    if new.client_data is not None:
        check_json(new.client_data, f"{at}clientData")


def _check_zone(name: str, field: str) -> None:
    fixed = _fixed_offset(name)
    if fixed is not None and -OFFSET_MAX <= fixed <= OFFSET_MAX:
        return
    try:
        time.zone(name)
    except InvalidInput as error:
        raise InvalidInput(error.message, field=field) from None


def _check_kind(new: NewEvent, at: str) -> None:
    if not new.stream_ids:
        raise InvalidInput("an event is in at least one stream", field=f"{at}streamIds")
    if len(new.stream_ids) > STREAMS_PER_EVENT_MAX:
        raise InvalidInput(f"at most {STREAMS_PER_EVENT_MAX} streams", field=f"{at}streamIds")
    if len(set(new.stream_ids)) != len(new.stream_ids):
        raise InvalidInput("a stream is named twice", field=f"{at}streamIds")
    if len(new.type) > TEXT_MAX:
        raise InvalidInput(f"at most {TEXT_MAX} characters", field=f"{at}type")
    _check_text(new.type, f"{at}type")


def _check_text(text: str, field: str) -> None:
    if "\0" in text:
        raise InvalidInput("NUL is not text", field=field)
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise InvalidInput("a lone surrogate is not text", field=field)


def check_json(value: Json, field: str) -> None:
    """Refuse JSON that one of the engines cannot keep, or past its limits.

    Raises:
        InvalidInput: NUL, a lone surrogate or no finite number, too deep, too large.
    """
    try:
        text = msgspec.json.encode(value)
    except (UnicodeEncodeError, RecursionError):
        raise InvalidInput("not valid text", field=field) from None
    if len(text) > CONTENT_BYTES_MAX:
        raise InvalidInput(f"at most {CONTENT_BYTES_MAX} bytes", field=field)
    # What is not a finite number is written as a null. Most has none of these.
    null = text.find(b"null") >= 0
    if null or tells_nul(text) or text.count(b"[") + text.count(b"{") > DEPTH_MAX:
        _check_within(value, field, 0)


def _check_within(value: Json, field: str, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise InvalidInput(f"at most {DEPTH_MAX} levels", field=field)
    if isinstance(value, str):
        _check_text(value, field)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput("not a finite number", field=field)
    elif isinstance(value, dict):
        _check_text("".join(value), field)
        for v in value.values():
            if v is not None and type(v) is not int:
                _check_within(v, field, depth + 1)
    elif isinstance(value, (list, tuple)):
        for v in value:
            _check_within(v, field, depth + 1)
