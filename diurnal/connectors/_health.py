"""What health sources say, as records: values of an instant or a day, nights, workouts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from diurnal import catalog
from diurnal.connectors._said import Members, number, told
from diurnal.model.records import Datum, DayDatum, Source
from diurnal.model.time import HOUR, SECOND
from diurnal.model.units import convert, plain

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a clock's time has no zone


def tidy(value: float) -> float:
    """Return a number without the noise of its arithmetic; a whole one as int."""
    return plain(round(value, 6))


def clock(text: str) -> int:
    """Return what a clock showed, microseconds as if it were UTC; an offset is not looked at.

    Raises:
        ValueError: no time.
    """
    past = datetime.fromisoformat(text).replace(tzinfo=None) - _EPOCH
    return (past.days * 86_400 + past.seconds) * SECOND + past.microseconds


def converted(value: Any, unit: str, to: str) -> float | None:
    """Return a number that is said in `unit` in the unit `to`; None where none is said.

    Raises:
        ValueError: no number.
        InvalidInput: the units measure different things.
    """
    return None if value is None else convert(number(value), unit, to)


def value_event(
    key: str,
    source: Source,
    id_: str,
    at: int,
    value: float,
    unit: str,
    *,
    end: int | None = None,
    offset: int | None = None,
    zone: str | None = None,
    clock: bool = False,
    client_data: dict[str, Any] | None = None,
) -> Datum:
    """Return a number of an event measure, as the event type that we write for it."""
    measure = catalog.get(key)
    type_ = catalog.event_type(measure)
    selected = catalog.select(key, type_)
    shown = selected[1] if selected else measure.unit
    canonical = catalog.to_canonical(measure, value, unit)
    return Datum(
        source=source,
        source_id=id_,
        type=type_,
        start=at,
        duration=0 if end is None else end - at,
        content=tidy(catalog.from_canonical(measure, canonical, shown)),
        measure=key,
        offset=offset,
        zone=zone,
        clock=clock,
        client_data=client_data,
    )


def value_events(
    source: Source,
    id_: str,
    at: int,
    said: Mapping[str, Any],
    members: Members,
    *,
    offset: int | None = None,
    positive: bool = False,
) -> Iterator[Datum]:
    """Yield the numbers that a document tells of an instant, each with an id of its own.

    Args:
        id_: of the document.
        positive: as for `_said.told`.

    Raises:
        ValueError: one is no number.
    """
    for key, unit, value in told(said, members, positive=positive):
        yield value_event(key, source, f"{key}:{id_}", at, number(value), unit, offset=offset)


def session(
    key: str, source: Source, id_: str, start: int, end: int, *, offset: int | None = None
) -> Datum:
    """Return a stretch of time that says nothing but that it was: a meditation."""
    return Datum(
        source=source,
        source_id=id_,
        type=catalog.event_type(catalog.get(key)),
        start=start,
        duration=end - start,
        measure=key,
        offset=offset,
    )


def pressure(
    source: Source,
    id_: str,
    at: int,
    said: Mapping[str, Any],
    members: tuple[str, str, str] = ("systolic", "diastolic", "pulse"),
    *,
    unit: str = "mm[Hg]",
    offset: int | None = None,
) -> Datum:
    """Return a blood pressure that a document tells.

    Args:
        members: of both values, and of the pulse that may be told with them.
        unit: of both values.

    Raises:
        KeyError: one of both values is not there.
        ValueError: no number.
    """
    high, low, pulse = members
    content = {
        "systolic": tidy(convert(number(said[high]), unit, "mm[Hg]")),
        "diastolic": tidy(convert(number(said[low]), unit, "mm[Hg]")),
    }
    if said.get(pulse):
        content["rate"] = tidy(number(said[pulse]))
    return Datum(
        source=source,
        source_id=id_,
        type="blood-pressure/mmhg-bpm",
        start=at,
        content=content,
        measure="blood_pressure",
        offset=offset,
    )


def day_value(key: str, source: Source, day: int, value: Any, unit: str) -> DayDatum:
    """Return a number of a whole day."""
    measure = catalog.get(key)
    canonical = catalog.to_canonical(measure, number(value), unit)
    return DayDatum(source=source, measure=key, day=day, value=canonical, raw=str(value))


def day_values(
    source: Source,
    day: int,
    said: Mapping[str, Any],
    members: Members,
    *,
    positive: bool = False,
) -> Iterator[DayDatum]:
    """Yield the numbers that a document tells of a whole day.

    Args:
        positive: as for `_said.told`.

    Raises:
        ValueError: one is no number.
    """
    for key, unit, value in told(said, members, positive=positive):
        yield day_value(key, source, day, value, unit)


Stage = tuple[str, int, int]
"""Name (asleep, light, deep, rem, awake, inBed), start and end in microseconds."""


def night(
    source: Source,
    id_: str,
    start: int,
    end: int,
    *,
    asleep_s: float | None = None,
    stages: Iterable[Stage] = (),
    offset: int | None = None,
    zone: str | None = None,
    clock: bool = False,
    more: dict[str, Any] | None = None,
) -> Datum:
    """Return a sleep; `asleep_s` where the source states a total of its own.

    Raises:
        ValueError: it ends before it starts.
    """
    if end < start:
        raise ValueError("it ends before it starts")
    content: dict[str, Any] = dict(more or {})
    if asleep_s is not None:
        content["asleep"] = tidy(asleep_s / 60)
    content["stages"] = [
        {"stage": s, "start": tidy((a - start) / SECOND), "duration": tidy((b - a) / SECOND)}
        for s, a, b in stages
        if b >= a
    ]
    return Datum(
        source=source,
        source_id=id_,
        type="sleep/night",
        start=start,
        duration=end - start,
        content=content,
        measure="sleep",
        offset=offset,
        zone=zone,
        clock=clock,
    )


def workout(
    source: Source,
    id_: str,
    start: int,
    end: int,
    activity: str,
    content: dict[str, Any],
    *,
    offset: int | None = None,
    zone: str | None = None,
    clock: bool = False,
) -> Datum:
    """Return a workout; content in metres, kcal, seconds and beats a minute, None left out.

    Raises:
        ValueError: it ends before it starts.
    """
    if end < start:
        raise ValueError("it ends before it starts")
    said = {k: tidy(v) if isinstance(v, float) else v for k, v in content.items() if v is not None}
    return Datum(
        source=source,
        source_id=id_,
        type="activity/workout",
        start=start,
        duration=end - start,
        content={"activity": activity or "other", **said},
        measure="workout",
        offset=offset,
        zone=zone,
        clock=clock,
    )


def overlaid(base: Iterable[Stage], short: Iterable[Stage]) -> Iterator[Stage]:
    """Yield `base` with `short` put over it, of sources that tell short wakings apart."""
    cuts = sorted(short, key=lambda s: s[1])
    for name, start, end in base:
        for _, a, b in cuts:
            if a < end and b > start and name != "awake":
                if a > start:
                    yield name, start, a
                start = max(start, b)
        if end > start:
            yield name, start, end
    yield from cuts


NIGHT_GAP = 3 * HOUR
"""Awake for longer, and the next stretch is another sleep: a nap, or the next night."""
STRETCHES_MAX = 5_000


def nights(source: Source, stretches: Iterable[Stage], kind: str) -> Iterator[Datum]:
    """Yield the nights that single stretches of sleep make.

    Args:
        kind: begins the ids of these nights.
    """
    found: list[Stage] = []
    last = 0
    for stretch in sorted(set(stretches), key=lambda s: (s[1], s[2], s[0])):
        if found and (stretch[1] > last + NIGHT_GAP or len(found) >= STRETCHES_MAX):
            yield _gathered(source, found, last, kind)
            found = []
        last = max(last, stretch[2]) if found else stretch[2]
        found.append(stretch)
    if found:
        yield _gathered(source, found, last, kind)


def _gathered(source: Source, found: list[Stage], end: int, kind: str) -> Datum:
    start = found[0][1]
    return night(source, f"{kind}:{start // SECOND}", start, end, stages=found)
