"""The points of one measure from one source, while an import reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from diurnal.model import series as columns
from diurnal.model import time
from diurnal.model.records import Bad, Points
from diurnal.model.series import NO_OFFSET, Columns
from diurnal.services import series
from diurnal.services.series import LONGEST, Prepared
from diurnal.services.turns import Lane

LANE_POINTS = 20_000
HELD_POINTS_MAX = 400_000
"""Of all series together, until their spans are whole."""


@dataclass
class _Waiting:
    """Points of one lane until their spans are whole."""

    parts: list[Points] = field(default_factory=list)
    n: int = 0
    tail: Columns = columns.EMPTY


class Lanes:
    """All lanes of an import.

    Args:
        put: takes a span that is whole, with its lane.
        lose: takes why so many points cannot be kept.
    """

    def __init__(
        self, put: Callable[[Lane, Prepared], None], lose: Callable[[Bad, int], None]
    ) -> None:
        self._put, self._lose = put, lose
        self._lanes: dict[Lane, _Waiting] = {}
        self._held = 0

    def add(self, points: Points) -> None:
        """Take points; some spans may be whole then."""
        lane = (points.measure, points.source.name, points.source.kind)
        waiting = self._lanes.setdefault(lane, _Waiting())
        waiting.parts.append(points)
        waiting.n += len(points.start)
        self._held += len(points.start)
        if waiting.n >= LANE_POINTS:
            self._cut(lane, waiting)
        elif self._held > HELD_POINTS_MAX:
            for each, held in self._lanes.items():
                self._cut(each, held)

    def drain(self) -> None:
        """Take all spans as whole."""
        for lane, waiting in self._lanes.items():
            self._cut(lane, waiting, everything=True)
        self._lanes.clear()

    def _cut(self, lane: Lane, waiting: _Waiting, *, everything: bool = False) -> None:
        """Put the spans of a lane that are whole; the last one may go on."""
        fresh, lost = _checked(waiting.parts)
        if lost:
            self._lose(
                Bad("points out of range, not finite or too long", f"{lane[0]} of {lane[1]}"), lost
            )
        cols = columns.concat([waiting.tail, fresh])
        self._held -= waiting.n
        waiting.parts, waiting.n, waiting.tail = [], 0, columns.EMPTY
        if not len(cols):
            return
        if not everything:
            last = columns.span_of(int(cols.start[-1]))
            at = int(np.searchsorted(cols.start, last))
            # Not more than a lane may hold: some write a second's points in one span.
            if len(cols) - at < LANE_POINTS:
                cols, waiting.tail = cols.take(slice(0, at)), cols.take(slice(at, None))
        for part in series.prepare(cols):
            self._put(lane, part)


def _checked(parts: Sequence[Points]) -> tuple[Columns, int]:
    """Return points as columns, without those that nobody can keep, and how many those are."""
    if not parts:
        return columns.EMPTY, 0
    start = np.concatenate([np.asarray(p.start, np.int64) for p in parts])
    end = np.concatenate([np.asarray(p.end, np.int64) for p in parts])
    value = np.concatenate([np.asarray(p.value, np.float64) for p in parts])
    offset = None
    if any(p.offset is not None for p in parts):
        offset = np.concatenate(
            [
                np.full(len(p.start), NO_OFFSET, np.int16)
                if p.offset is None
                else np.asarray(p.offset, np.int16)
                for p in parts
            ]
        )
    good = np.isfinite(value) & (start >= time.TIME_MIN) & (end <= time.TIME_MAX)
    good &= (end >= start) & (end - start <= LONGEST)
    lost = len(good) - int(good.sum())
    if lost:
        start, end, value = start[good], end[good], value[good]
        offset = None if offset is None else offset[good]
    return columns.columns(start, value, end, offset), lost
