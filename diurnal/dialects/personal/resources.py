"""Resources: their columns, their types, and samples of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec

from diurnal.errors import InvalidInput
from diurnal.model.time import day_from_text
from diurnal.model.units import is_finite
from diurnal.services import personal
from diurnal.services.context import AccountState

DATETIME, DATE, INT, DECIMAL, TEXT = "datetime", "date", "int", "decimal", "text"
TYPES = (DATETIME, DATE, INT, DECIMAL, TEXT)
TEXT_MAX = 100_000
NUMBER_MAX = 1e15
_INT = re.compile(r"[+-]?[0-9]{1,15}")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


class Column(msgspec.Struct, frozen=True):
    """One column; `needed` is never null."""

    name: str
    type: str = TEXT
    needed: bool = False


class Resource(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A collection.

    Attributes:
        measure: whose data it shows, the first of them where it has several.
        events: whether events are its elements; `days` whether day values are, on days that
            no event told of where both are.
        stream: that of a resource of the owner's own.
        service: where its data commonly come from; `connectors` names who brings them.
    """

    name: str
    columns: tuple[Column, ...]
    about: str
    measure: str = ""
    events: bool = False
    days: bool = False
    stream: str | None = None
    service: str = ""
    connectors: tuple[str, ...] = ()
    sample: Mapping[str, Any] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(c.name for c in self.columns)

    @cached_property
    def blank(self) -> Mapping[str, Any]:
        """The columns with nothing in them."""
        return dict.fromkeys(self.names)

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures whose data it shows."""
        return personal.STANDARD.get(self.name, ())


_ORIGIN = (Column("org_service"), Column("org_id"))
_AT = Column("date", DATETIME, needed=True)


def _resource(name: str, about: str, *columns: Column, **more: Any) -> Resource:
    return Resource(
        name=name,
        about=about,
        columns=(_AT, *columns),
        measure=personal.STANDARD[name][0],
        **more,
    )


_STANDARD = (
    _resource(
        "statuses",
        "Posts on social networks",
        Column("status", TEXT, needed=True),
        *_ORIGIN,
        events=True,
        service="Twitter",
        connectors=("twitter", "mastodon", "bluesky"),
        sample={
            "id": 547,
            "date": "2026-03-01 12:30:00",
            "status": "Snow in March.",
            "org_service": "Twitter",
            "org_id": "1630900000000000000",
        },
    ),
    _resource(
        "places",
        "Check-ins",
        Column("place", TEXT, needed=True),
        Column("comment"),
        Column("lat", DECIMAL, needed=True),
        Column("lng", DECIMAL, needed=True),
        *_ORIGIN,
        events=True,
        service="Foursquare",
        connectors=("foursquare",),
        sample={
            "id": 812,
            "date": "2026-03-02 07:15:00",
            "place": "Main station",
            "comment": None,
            "lat": "50.94303000",
            "lng": "6.95873000",
            "org_service": "Foursquare",
            "org_id": "5f0c",
        },
    ),
    _resource(
        "steps",
        "Steps of each day",
        Column("steps", INT, needed=True),
        Column("org_service"),
        days=True,
        service="Fitbit",
        connectors=("fitbit", "apple_health", "google_fit"),
        sample={
            "id": 35,
            "date": "2026-02-04 00:00:00",
            "steps": 9120,
            "org_service": "Fitbit",
        },
    ),
    _resource(
        "bookmarks",
        "Pages kept",
        Column("url", TEXT, needed=True),
        Column("title"),
        Column("description"),
        Column("tags"),
        *_ORIGIN,
        events=True,
        service="Pinboard",
        connectors=("pinboard", "instapaper"),
    ),
    _resource(
        "weight",
        "Body weight",
        Column("weight", DECIMAL, needed=True),
        Column("fat", DECIMAL),
        *_ORIGIN,
        events=True,
        days=True,
        service="Withings",
        connectors=("withings",),
    ),
    _resource(
        "sleep",
        "Nights, by the day of waking up",
        Column("duration", INT, needed=True),
        Column("start", DATETIME),
        Column("end", DATETIME),
        *_ORIGIN,
        days=True,
        service="Oura",
        connectors=("oura", "fitbit", "apple_health"),
    ),
    _resource(
        "heartrate",
        "Heart rate: readings, and the mean of each day of dense ones",
        Column("bpm", DECIMAL, needed=True),
        *_ORIGIN,
        events=True,
        days=True,
        service="Apple Health",
        connectors=("apple_health",),
    ),
    _resource(
        "tracks",
        "Tracks played",
        Column("title", TEXT, needed=True),
        Column("artist"),
        Column("album"),
        *_ORIGIN,
        events=True,
        service="Last.fm",
        connectors=("lastfm", "spotify", "listenbrainz"),
    ),
    _resource(
        "commits",
        "Commits",
        Column("message", TEXT, needed=True),
        *_ORIGIN,
        events=True,
        service="GitHub",
        connectors=("github",),
    ),
    _resource(
        "mood",
        "Mood, 1 to 9",
        Column("mood", INT, needed=True),
        *_ORIGIN,
        events=True,
        days=True,
        service="Diurnal",
    ),
)
STANDARD = {one.name: one for one in _STANDARD}


def find(state: AccountState, name: str) -> Resource | None:
    """Return the resource of that name, ours or one that the owner made."""
    if name in STANDARD:
        return STANDARD[name]
    stream = personal.own_resources(state).get(name)
    if stream is None:
        return None
    node = next(s for s in state.tree if s.id == stream)
    said = (node.client_data or {}).get(personal.STREAM, {})
    columns = said.get("columns", {}) if isinstance(said, dict) else {}
    return Resource(
        name=name,
        about="A resource of the owner's own",
        columns=(_AT, *(Column(n, t) for n, t in columns.items() if t in TYPES), *_ORIGIN),
        events=True,
        stream=stream,
    )


def every(state: AccountState) -> list[Resource]:
    """Return all resources of an account."""
    own = (find(state, name) for name in personal.own_resources(state))
    return [*STANDARD.values(), *(r for r in own if r is not None)]


def checked(resource: Resource, given: Mapping[str, Any], *, new: bool) -> dict[str, Any]:
    """Return the columns of a request with values of their types; unknown ones are left out.

    Raises:
        InvalidInput: a value of the wrong type, or null where that cannot be.
    """
    values: dict[str, Any] = {}
    for column in resource.columns:
        if column.name in given:
            values[column.name] = _typed(column, given[column.name])
        if column.needed and (values.get(column.name) is None if column.name in values else new):
            raise InvalidInput("Parameter is not allowed to be NULL.", field=column.name)
    return values


def _typed(column: Column, raw: Any) -> Any:
    if raw is None:
        return None
    text = raw if isinstance(raw, str) else None
    if isinstance(raw, bool | dict | list):
        raise _wrong(column)
    if column.type == TEXT:
        text = str(raw)
        if len(text) > TEXT_MAX or "\0" in text:
            raise _wrong(column)
        return text
    if column.type in (INT, DECIMAL):
        return _numeric(column, raw)
    if text is None:
        raise _wrong(column)
    if column.type == DATE or (column.name == "date" and _DAY.fullmatch(text)):
        if not _DAY.fullmatch(text):
            raise _wrong(column)
        day_from_text(text, field=column.name)
        return text if column.type == DATE else f"{text} 00:00:00"
    if not _MOMENT.fullmatch(text):
        raise _wrong(column)
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise _wrong(column) from None
    return text


def _numeric(column: Column, raw: Any) -> float | int:
    text = str(raw).strip()
    if column.type == INT and _INT.fullmatch(text):
        return int(text)
    if not _DECIMAL.fullmatch(text) and not isinstance(raw, int | float):
        raise _wrong(column)
    number = raw if isinstance(raw, int | float) else float(text)
    if not is_finite(number) or abs(number) > NUMBER_MAX:
        raise _wrong(column)
    value = float(number)
    return round(value) if column.type == INT and value == round(value) else value


def _wrong(column: Column) -> InvalidInput:
    return InvalidInput("Wrong data type in one of your parameters.", field=column.name)
