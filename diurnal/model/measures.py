"""What a measure is: the meaning, unit and daily rule of a value. The catalog holds them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Shape(StrEnum):
    """How imports keep a measure."""

    EVENT = "event"
    """One row per datum: rare, or with more than a number (weight, a check-in, a note)."""
    SERIES = "series"
    """Dense numeric points in chunks (heart rate, step intervals)."""
    SESSION = "session"
    """An event with a duration and parts (a night, a workout)."""
    DAY = "day"
    """One value per local day (weather summary)."""


class Daily(StrEnum):
    """How a day value is made of the data of one local day (`spec: measures §3, §5`)."""

    SUM = "sum"
    """Sum over the interval union of prioritised sources."""
    MEAN = "mean"
    """Time-weighted mean of the best source."""
    LAST = "last"
    """The latest value of the best source."""
    MAX = "max"
    MIN = "min"
    DURATION = "duration"
    """Minutes covered by the union of intervals."""
    COUNT = "count"
    """Number of events."""
    JOIN = "join"
    """Texts joined by newline in time order."""
    ANY = "any"
    """1 when any datum of the day is true (tags)."""
    SLEEP_START = "sleep_start"
    """Minutes after midday of the day before, of the main sleep."""
    SLEEP_END = "sleep_end"
    """Minutes after midnight, of the main sleep."""
    NONE = "none"
    """No day value."""


class ValueKind(StrEnum):
    """The JSON type of a measure's value."""

    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    OBJECT = "object"


class Name(msgspec.Struct, frozen=True):
    """A measure's name in one API, and the unit that this API uses (UCUM code)."""

    name: str
    unit: str | None = None


class Derived(msgspec.Struct, frozen=True):
    """A measure whose days are computed from another's data, never stored as data."""

    measure: str
    """Key of the measure whose data are read."""
    daily: Daily
    stage: str | None = None
    """Only intervals of this stage or activity, where the source measure has parts."""


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the catalog.

    Attributes:
        key: our name, `[a-z][a-z0-9_]*`; never changes once released.
        unit: UCUM code of the canonical unit ("1" for counts and text).
        stream: id of the home stream; (stream, type) selects the measure.
        low, high: values outside are stored and left out of days and analyses.
        names: API -> its names; the first is written, all are read. APIs: "pryv", "exist",
            "personicle", "personal", "apple_health", "health_connect".
        molar: g/mol, where mass and substance concentrations of it are both in use.
    """

    key: str
    label: str
    group: str
    unit: str
    shape: Shape
    daily: Daily
    value: ValueKind = ValueKind.NUMBER
    stream: str = ""
    low: float | None = None
    high: float | None = None
    names: Mapping[str, tuple[Name, ...]] = {}
    derived: Derived | None = None
    molar: float | None = None
    loinc: str | None = None
    source: str | None = None
    """Where the definition stands: a LOINC page, a schema, an API page."""

    def name_in(self, api: str) -> Name | None:
        """Return the name that `api` writes, or None where it has none."""
        names = self.names.get(api)
        return names[0] if names else None
