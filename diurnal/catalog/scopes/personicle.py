"""Scopes of Personicle: forty that its form offers, and one for each name of its dictionary.

The scope that reads a datastream is the datastream's bare name; the one that writes it ends in
`.write`.
"""

from __future__ import annotations

from diurnal.catalog import MEASURES, names
from diurnal.catalog._names import DATASTREAM, EVENT
from diurnal.catalog.scopes import Scope, Scopes, gathered
from diurnal.catalog.scopes._words import (
    ADDRESS,
    EMAIL,
    OFFLINE,
    OPENID,
    PHONE,
    PROFILE,
    lower,
    sensitive,
)

FORM = (
    "heartrate",
    "heart_intensity_minutes",
    "step.cumulative",
    "resting_calories",
    "active_calories",
    "total_calories",
    "distance",
    "weight",
    "cycling.cadence",
    "cycling.power",
    "step.cadence",
    "body_fat",
    "height",
    "location",
    "speed",
    "blood_glucose",
    "blood_pressure.systolic",
    "blood_pressure.diastolic",
    "body_temperature",
)
"""Datastreams of the registration form, by the end of their names."""
FREE_STREAM = "personicle"
"""Events whose name no measure has are kept in this stream."""

_STREAMS = {
    name.removeprefix(DATASTREAM): measure.key
    for name, measure in names("personicle").items()
    if name.startswith(DATASTREAM)
}
_EVENTS = tuple(
    dict.fromkeys(
        measure.key
        for name, measure in names("personicle").items()
        if name.startswith((EVENT, "org.personicle.individual.events."))
    )
)


def covers(scope: str, stream: str) -> bool:
    """Return whether a granted scope covers a datastream: a base covers its intervals.

    Args:
        scope: granted, by its own name: bare to read, `.write` to write.
        stream: the datastream's name, with `.write` where it is to be written.
    """
    return _base(scope) == _base(stream)


def _base(name: str) -> str:
    """Return the name that a datastream shares with its siblings."""
    write = name.endswith(".write")
    bare = name.removesuffix(".write").removeprefix(DATASTREAM).removeprefix("interval.")
    bare = "step.cumulative" if bare == "step.count" else bare
    return f"{bare}.write" if write else bare


def _pair(name: str, key: str) -> tuple[Scope, Scope]:
    label, told = MEASURES[key].label, sensitive([key])
    return (
        Scope(
            name=DATASTREAM + name,
            title=label,
            words=f"read your {lower(label)}",
            reads=True,
            measures=(key,),
            sensitive=told,
        ),
        Scope(
            name=f"{DATASTREAM}{name}.write",
            title=label,
            words=f"write your {lower(label)}",
            writes=True,
            measures=(key,),
            sensitive=told,
        ),
    )


def _events(name: str, words: str, *, writes: bool) -> Scope:
    return Scope(
        name=name,
        title="Events",
        words=words,
        reads=not writes,
        writes=writes,
        measures=_EVENTS,
        also=(FREE_STREAM,),
        sensitive=True,
    )


_OFFERED = (
    _events("events.read", "read your events: sleep, workouts, meals and the like", writes=False),
    _events("events.write", "add events: sleep, workouts, meals and the like", writes=True),
    *(scope for name in FORM for scope in _pair(name, _STREAMS[name])),
)
_KNOWN = gathered(
    (
        OPENID,
        PROFILE,
        EMAIL,
        PHONE,
        ADDRESS,
        OFFLINE,
        *_OFFERED,
        *(s for name, key in _STREAMS.items() if name not in FORM for s in _pair(name, key)),
    )
)
_ALIASES = {
    spelling: scope
    for name in _STREAMS
    for spelling, scope in (
        (f"{name}", DATASTREAM + name),
        (f"{name}.read", DATASTREAM + name),
        (f"{DATASTREAM}{name}.read", DATASTREAM + name),
        (f"{name}.write", f"{DATASTREAM}{name}.write"),
    )
}

SCOPES = Scopes(
    known=_KNOWN, offered=tuple(s.name for s in _OFFERED), aliases=_ALIASES, separators=" ,"
)
