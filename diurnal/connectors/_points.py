"""Collect points of many measures and sources, and give them on in columns."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from diurnal.model.records import Points, Source

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
    """Points by measure and source, until there are enough of them."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, Source], _Columns] = {}
        self._held = 0

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

    def flush(self, *, everything: bool = False) -> Iterator[Points]:
        """Yield the lanes that are full; all of them at the end or when too much is held."""
        everything = everything or self._held >= HELD_MAX
        for lane, columns in list(self._lanes.items()):
            if everything or len(columns.start) >= BATCH:
                del self._lanes[lane]
                self._held -= len(columns.start)
                yield from _points(*lane, columns)


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
