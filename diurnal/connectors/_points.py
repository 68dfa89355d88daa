"""Collect what a file tells piece by piece: points, given on in columns, and parts of sleeps."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from diurnal import catalog
from diurnal.connectors._health import Stage, nights, value_event
from diurnal.connectors._said import Members, number, told
from diurnal.model.measures import Shape
from diurnal.model.records import Item, Points, Source
from diurnal.model.time import MINUTE

BATCH = 10_000
HELD_MAX = 200_000
_NONE = -32_768
"""The offset of a point that has none."""


@dataclass(slots=True)
class _Columns:
    start: array[int] = field(default_factory=lambda: array("q"))
    end: array[int] = field(default_factory=lambda: array("q"))
    value: array[float] = field(default_factory=lambda: array("d"))
    offset: array[int] = field(default_factory=lambda: array("h"))


class Lanes:
    """Points by measure and source, until there are enough of them; parts of sleeps by source."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, Source], _Columns] = {}
        self._slept: dict[tuple[Source, str], list[Stage]] = {}
        self._held = 0
        self._due = False
        self._counted: dict[tuple[str, Source, Any], tuple[int, float]] = {}

    def add(
        self,
        measure: str,
        source: Source,
        start: int,
        value: float,
        *,
        end: int | None = None,
        offset: int | None = None,
    ) -> None:
        """Take one point; without an end it is an instant."""
        lane = self._lanes.setdefault((measure, source), _Columns())
        lane.start.append(start)
        lane.end.append(start if end is None else end)
        lane.value.append(value)
        lane.offset.append(_NONE if offset is None else offset)
        self._held += 1
        # Asked for after every row, `flush` must not look through the lanes each time.
        self._due |= len(lane.start) >= BATCH or self._held >= HELD_MAX

    def take(
        self,
        source: Source,
        start: int,
        said: Mapping[str, Any],
        members: Members,
        *,
        end: int | None = None,
        offset: int | None = None,
        positive: bool = False,
    ) -> None:
        """Take the points that a document tells of an instant or a stretch.

        Args:
            positive: as for `_said.told`.

        Raises:
            ValueError: one is no number.
        """
        for measure, unit, value in told(said, members, positive=positive):
            canonical = catalog.to_canonical(catalog.get(measure), number(value), unit)
            self.add(measure, source, start, canonical, end=end, offset=offset)

    def reading(
        self,
        measure: str,
        source: Source,
        start: int,
        value: float,
        unit: str,
        *,
        id_: str = "",
        end: int | None = None,
        offset: int | None = None,
    ) -> Iterator[Item]:
        """Yield a number as its measure is kept: as an event, or among points that are enough.

        Args:
            id_: of the event; made of measure and instant where the source has none.
            end: of the point, where it lasts; an event is told of its start.
        """
        known = catalog.get(measure)
        if known.shape is not Shape.SERIES:
            id_ = id_ or f"{measure}:{start}"
            yield value_event(measure, source, id_, start, value, unit, offset=offset)
            return
        canonical = catalog.to_canonical(known, value, unit)
        # Some end before they start, by clocks that were set.
        end = start if end is None else max(start, end)
        self.add(measure, source, start, canonical, end=end, offset=offset)
        yield from self.flush()

    def sleep(self, source: Source, stage: Stage, kind: str) -> None:
        """Take a part of a sleep; at the end those of one source make its nights.

        Args:
            kind: begins the ids of these nights.
        """
        self._slept.setdefault((source, kind), []).append(stage)

    def count(
        self,
        measure: str,
        source: Source,
        at: int,
        count: float,
        *,
        which: Any = None,
        offset: int | None = None,
    ) -> None:
        """Take what a counter that only grows shows: what it grew by, since it was last looked at.

        What it shows first is taken for that of a minute.

        Args:
            which: of several counters of one measure.
        """
        counter = measure, source, which
        before, known = self._counted.get(counter, (at - MINUTE, 0.0))
        self._counted[counter] = at, count
        # A counter that fell was set back: at midnight, or by a new beginning.
        grown = float(count - known if count >= known else count)
        if grown and before < at:
            self.add(measure, source, before, grown, end=at, offset=offset)

    def flush(self, *, everything: bool = False) -> Iterator[Item]:
        """Yield the lanes that are full; at the end all of them, and the nights.

        Of points, too much is not held until the end, either.
        """
        if not everything and not self._due:
            return
        self._due = False
        all_points = everything or self._held >= HELD_MAX
        for lane, columns in list(self._lanes.items()):
            if all_points or len(columns.start) >= BATCH:
                del self._lanes[lane]
                self._held -= len(columns.start)
                yield from _points(*lane, columns)
        if everything:
            for (source, kind), stages in self._slept.items():
                yield from nights(source, stages, kind)
            self._slept.clear()


def _points(measure: str, source: Source, c: _Columns) -> Iterator[Points]:
    """Yield columns: what has offsets apart from what has none."""
    known = [o != _NONE for o in c.offset]
    if all(known):
        yield Points(measure, source, c.start, c.end, c.value, c.offset)
        return
    for wanted in (True, False) if any(known) else (False,):
        rows = [i for i, k in enumerate(known) if k is wanted]
        yield Points(
            measure,
            source,
            array("q", [c.start[i] for i in rows]),
            array("q", [c.end[i] for i in rows]),
            array("d", [c.value[i] for i in rows]),
            array("h", [c.offset[i] for i in rows]) if wanted else None,
        )
