"""Numbers and texts that come with a name: of a measure, of an Exist attribute, or any name.

A name that nobody knows becomes the account's own measure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from diurnal import catalog
from diurnal.connectors import _said
from diurnal.connectors._health import session, value_event
from diurnal.connectors._points import Lanes
from diurnal.connectors.csv_file import meaning
from diurnal.model import units
from diurnal.model.measures import Daily, Measure, Shape, ValueKind
from diurnal.model.records import Datum, DayDatum, Item, OwnMeasure, Source
from diurnal.model.time import MINUTE, day_of

NAMES_MAX = 200
"""Own measures that one file or delivery may bring."""


class When:
    """When a value is true: an instant or a stretch, or a day.

    Attributes:
        at, end: microseconds UTC; equal for an instant; None for a day.
        offset: minutes from UTC, None where it is not said.
        day: days since 1970-01-01, None for an instant whose day is not known.
    """

    __slots__ = ("at", "day", "end", "offset")

    def __init__(
        self,
        at: int | None = None,
        end: int | None = None,
        offset: int | None = None,
        day: int | None = None,
    ) -> None:
        self.at, self.end = at, at if end is None else end
        self.offset = offset
        self.day = day_of(at, offset) if at is not None and offset is not None else day


class Values:
    """Takes named values and tells records of them.

    Args:
        dense: own measures come as points of a series, not as an event each.
    """

    def __init__(self, *, dense: bool = False) -> None:
        self._dense = dense
        self._own: dict[str, tuple[str, ValueKind]] = {}
        self._lanes = Lanes()

    def take(
        self,
        name: str,
        value: Any,
        when: When,
        source: Source,
        *,
        unit: str | None = None,
        source_id: str | None = None,
    ) -> Iterator[Item]:
        """Yield what one value is; a point of a series waits for `flush`.

        Raises:
            ValueError, InvalidInput: no value of what its name says.
        """
        known = meaning.known(name)
        if known is None:
            yield from self._own_value(name, value, when, source, source_id)
        elif catalog.day_kind(known[0]) is ValueKind.TEXT:
            yield _text(known[0], _said.text(value), when, source, source_id)
        else:
            measure, code = known
            if unit:
                code = _said.unit(unit)
            number = catalog.to_canonical(measure, _said.number(value), code)
            yield from self._number(measure, number, when, source, source_id)
        yield from self._lanes.flush()

    def knows(self, name: str) -> bool:
        """Return whether a name is that of a measure, and not just any."""
        return meaning.known(name) is not None

    def flush(self) -> Iterator[Item]:
        """Yield the points that are left."""
        return self._lanes.flush(everything=True)

    def _number(
        self, measure: Measure, number: float, when: When, source: Source, source_id: str | None
    ) -> Iterator[Item]:
        if when.at is None or measure.shape is Shape.DAY:
            if when.day is None:
                raise ValueError(f"{measure.key} is of a day, and the time does not say which")
            yield DayDatum(source=source, measure=measure.key, day=when.day, value=number)
            return
        at, end = when.at, when.at if when.end is None else when.end
        if measure.daily in (Daily.DURATION, Daily.COUNT) and measure.unit != "min":
            raise ValueError(f"{measure.key} is no number")
        if measure.daily is Daily.DURATION and end == at:
            # So many minutes, told when they are over.
            at -= round(number * MINUTE)
        if measure.shape is Shape.SERIES:
            self._lanes.add(measure.key, source, at, number, end=end, offset=when.offset)
        elif measure.shape is Shape.SESSION:
            id_ = source_id or _said.key(measure.key, at)
            yield session(measure.key, source, id_, at, end, offset=when.offset)
        else:
            yield value_event(
                measure.key,
                source,
                source_id or _said.key(measure.key, at),
                at,
                number,
                measure.unit,
                end=end,
                offset=when.offset,
            )

    def _own_value(
        self, name: str, value: Any, when: When, source: Source, source_id: str | None
    ) -> Iterator[Item]:
        label = _said.name(name)[: meaning.LABEL_MAX]
        known = self._own.get(label)
        if known is None:
            if not label:
                raise ValueError("the value has no name")
            if len(self._own) >= NAMES_MAX:
                raise ValueError(f"more than {NAMES_MAX} names of one's own")
            key = meaning.own_key(label, {k for k, _ in self._own.values()})
            known = self._own[label] = key, _kind(value)
            yield OwnMeasure(key=key, label=label, value=known[1].value)
        key, kind = known
        said: float | str = _said.text(value) if kind is ValueKind.TEXT else _said.number(value)
        if when.at is None:
            if when.day is None:
                raise ValueError("the value says no time")
            yield DayDatum(source=source, measure=key, day=when.day, value=said)
        elif self._dense and isinstance(said, float):
            self._lanes.add(key, source, when.at, said, end=when.end, offset=when.offset)
        else:
            yield Datum(
                source=source,
                source_id=source_id or _said.key(key, when.at),
                type="note/txt" if isinstance(said, str) else "count/generic",
                start=when.at,
                duration=0 if when.end is None else when.end - when.at,
                content=said if isinstance(said, str) else units.plain(said),
                measure=key,
                offset=when.offset,
            )


def _kind(value: Any) -> ValueKind:
    try:
        _said.number(value)
    except ValueError:
        return ValueKind.TEXT
    return ValueKind.NUMBER


def _text(
    measure: Measure, said: str, when: When, source: Source, source_id: str | None
) -> Datum | DayDatum:
    if when.at is None or measure.shape is Shape.DAY:
        if when.day is None:
            raise ValueError(f"{measure.key} is of a day, and the time does not say which")
        return DayDatum(source=source, measure=measure.key, day=when.day, value=said)
    return Datum(
        source=source,
        source_id=source_id or _said.key(measure.key, when.at, said),
        type=catalog.event_type(measure),
        start=when.at,
        content=said,
        measure=measure.key,
        offset=when.offset,
    )
