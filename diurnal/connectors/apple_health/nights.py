"""Build nights from the single segments of sleep that Apple keeps."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from diurnal.connectors.apple_health.values import identity
from diurnal.model.records import Datum, Source
from diurnal.model.time import HOUR, SECOND

GAP = 3 * HOUR
"""Awake for longer, and the next segment is another sleep: a nap, or the next night."""
NIGHT_MAX = 24 * HOUR
SEGMENTS_MAX = 10_000
"""Of one night; its content stays below the limit of an event."""

STAGES = ("inBed", "asleep", "awake", "core", "deep", "rem")
STAGE_OF = {
    "HKCategoryValueSleepAnalysisInBed": 0,
    "HKCategoryValueSleepAnalysisAsleep": 1,
    "HKCategoryValueSleepAnalysisAsleepUnspecified": 1,
    "HKCategoryValueSleepAnalysisAwake": 2,
    "HKCategoryValueSleepAnalysisAsleepCore": 3,
    "HKCategoryValueSleepAnalysisAsleepDeep": 4,
    "HKCategoryValueSleepAnalysisAsleepREM": 5,
}


@dataclass(slots=True)
class Segments:
    """The segments of one source, in the order of the file, as columns.

    Attributes:
        start, end: microseconds UTC.
        stage: index into `STAGES`.
        zone: number of the zone that the segment names, -1 for none.
    """

    start: array[int] = field(default_factory=lambda: array("q"))
    end: array[int] = field(default_factory=lambda: array("q"))
    stage: array[int] = field(default_factory=lambda: array("b"))
    zone: array[int] = field(default_factory=lambda: array("h"))

    def add(self, start: int, end: int, stage: int) -> None:
        """Take one segment.

        Raises:
            ValueError: it ends before it starts, or it is longer than a day.
        """
        if end < start:
            raise ValueError("it ends before it starts")
        if end - start > NIGHT_MAX:
            raise ValueError("a segment of sleep longer than a day")
        self.start.append(start)
        self.end.append(end)
        self.stage.append(stage)
        self.zone.append(-1)


@dataclass(frozen=True, slots=True)
class Night:
    """One stretch of sleep of one source.

    Attributes:
        start, end: microseconds UTC.
        stages: as the content of an event has them, in time order.
        zones: (first instant, number) of each zone that its segments name.
    """

    start: int
    end: int
    stages: list[dict[str, str | float]]
    zones: list[tuple[int, int]]


def build(segments: Segments) -> Iterator[Night]:
    """Yield the nights of one source in time order; the same segment twice counts once."""
    count = len(segments.start)
    if not count:
        return
    starts = np.frombuffer(segments.start, dtype=np.int64)
    ends = np.frombuffer(segments.end, dtype=np.int64)
    stages = np.frombuffer(segments.stage, dtype=np.int8)
    zones = np.frombuffer(segments.zone, dtype=np.int16)
    order = np.lexsort((stages, ends, starts))
    first = last = 0
    night: list[tuple[int, int, int, int]] = []
    for i in order:
        row = int(starts[i]), int(ends[i]), int(stages[i]), int(zones[i])
        if night and (
            row[0] > last + GAP or row[1] > first + NIGHT_MAX or len(night) >= SEGMENTS_MAX
        ):
            yield _night(night, last)
            night = []
        if not night:
            first, last = row[0], row[1]
        night.append(row)
        last = max(last, row[1])
    yield _night(night, last)


def datum(source: Source, night: Night) -> Datum:
    """Return a night as an event; Apple gives it no id."""
    return Datum(
        source=source,
        source_id=identity("sleep", source.name, night.start),
        type="sleep/night",
        start=night.start,
        duration=night.end - night.start,
        content={"stages": night.stages},
        measure="sleep",
    )


def _night(rows: list[tuple[int, int, int, int]], end: int) -> Night:
    start = rows[0][0]
    seen: dict[int, int] = {}
    for at, _, _, zone in rows:
        if zone >= 0:
            seen.setdefault(zone, at)
    distinct = dict.fromkeys(row[:3] for row in rows)
    return Night(
        start,
        end,
        [
            {
                "stage": STAGES[stage],
                "start": _seconds(from_ - start),
                "duration": _seconds(to - from_),
            }
            for from_, to, stage in distinct
        ],
        [(at, zone) for zone, at in seen.items()],
    )


def _seconds(micros: int) -> float:
    whole, rest = divmod(micros, SECOND)
    return micros / SECOND if rest else whole
