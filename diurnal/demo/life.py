"""The whole of it: which days there are, where they were spent, and their records in turn."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from diurnal.demo.plan import TRIP_DAYS, Plan, plan, trips
from diurnal.model import time
from diurnal.model.records import Datum, DayDatum, Item, OwnMeasure, Points, Progress, Source
from diurnal.model.time import DAY, HOUR, MINUTE, ZoneHistory

HOME_ZONE = "Europe/Berlin"
"""For an account that does not say where it lives."""
DAYS = 366
BLOCK = 31
"""Days that are told together: the newest first, so that there is soon something to look at."""
PHASE = "inventing"
FLIGHT_AT = 14 * HOUR
"""After midnight of the first and last day of a trip, the clock is put."""

WATCH = Source("Wrist watch", "wrist")
PHONE = Source("Phone", "phone")
SCALE = Source("Bathroom scale", "dedicated")
HAND = Source("By hand", "manual")
WEATHER = Source("Weather", "derived")
TRACKER = Source("Time tracker", "derived")
MUSIC = Source("Music player", "derived")
CODE = Source("Code host", "derived")
POSTS = Source("Short posts", "derived")
CALENDAR = Source("Calendar", "derived")
PLACES = Source("Places diary", "phone")

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
OWN = {
    "demo_choir": "Choir",
    "demo_gardening": "Gardening",
    "demo_headache": "Headache",
    "demo_visitors": "Visitors",
}
"""Own tags: key -> label."""


class Stretch(msgspec.Struct, frozen=True):
    """Points of one series on one day."""

    measure: str
    source: Source
    start: Ints
    end: Ints
    value: Floats


class Life(msgspec.Struct, frozen=True, dict=True):
    """One life, up to a moment.

    Attributes:
        home: zone in which it is lived.
        now: microseconds; nothing is told of later.
    """

    seed: int
    home: str
    now: int

    @cached_property
    def last(self) -> int:
        """Today."""
        return time.day_of(self.now, time.offset_min(self.home, self.now))

    @cached_property
    def first(self) -> int:
        """A year before."""
        return self.last - DAYS + 1

    @cached_property
    def away(self) -> dict[int, str]:
        """The days of trips, with their zones."""
        return {
            day: zone
            for begun, zone in trips(self.first, self.last)
            for day in range(begun, begun + TRIP_DAYS)
        }

    @cached_property
    def zones(self) -> ZoneHistory:
        """Where the clock was put when."""
        starts, names = [self.bounds(self.first, self.home)[0]], [self.home]
        for begun, zone in trips(self.first, self.last):
            back = begun + TRIP_DAYS - 1
            starts += [
                self.bounds(begun, self.home)[0] + FLIGHT_AT,
                self.bounds(back, zone)[0] + FLIGHT_AT,
            ]
            names += [zone, self.home]
        return ZoneHistory(self.home, tuple(starts), tuple(names))

    @staticmethod
    def bounds(day: int, zone: str) -> tuple[int, int]:
        """Return the ends of a day of somebody who stays in `zone`."""
        return time.midnight(day, zone), time.midnight(day + 1, zone)

    def day(self, day: int) -> Plan:
        """Return what kind of day it is."""
        return plan(self.seed, day, away=day in self.away)

    def chance(self, day: int, part: int) -> np.random.Generator:
        """Return the dice of one part of one day."""
        return np.random.default_rng([self.seed, day, part])

    @cached_property
    def _starts(self) -> list[int]:
        return self.zones.day_starts(self.first, DAYS + 1)

    def span(self, day: int) -> tuple[int, int]:
        """Return [start, end) of a day."""
        n = day - self.first
        return self._starts[n], self._starts[n + 1]

    def plain(self, day: int) -> bool:
        """Return whether the clock is not put on this day."""
        start, end = self.span(day)
        return end - start == DAY

    def at(self, day: int, minute: float) -> int:
        """Return the instant at which the clock on the wall shows `minute` of `day`."""
        if self.plain(day):
            return self.span(day)[0] + round(minute * 60) * time.SECOND
        wall = day * DAY + round(minute * 60) * time.SECOND
        at = wall - self.zones.offset_at(wall) * MINUTE
        return wall - self.zones.offset_at(at) * MINUTE


def zones(life: Life) -> list[tuple[int, str]]:
    """Return (instant, zone in force from then on)."""
    return list(zip(life.zones.starts, life.zones.zones, strict=True))


def items(life: Life) -> Iterator[Item]:
    """Yield the records of a life, newest month first."""
    from diurnal.demo import body, doings

    for key, label in OWN.items():
        yield OwnMeasure(key=key, label=label, value="boolean")
    done = 0
    for last in range(life.last, life.first - 1, -BLOCK):
        first = max(life.first, last - BLOCK + 1)
        lanes: dict[tuple[str, Source], list[Stretch]] = {}
        for day in range(first, last + 1):
            for stretch in body.series(life, day):
                lanes.setdefault((stretch.measure, stretch.source), []).append(stretch)
            for told in (*body.events(life, day), *doings.of_day(life, day)):
                if isinstance(told, DayDatum) or _past(life, told):
                    yield told
        for (measure, source), stretches in lanes.items():
            yield _points(life, measure, source, stretches)
        done += last - first + 1
        yield Progress(PHASE, done, DAYS)


def _past(life: Life, told: Datum) -> bool:
    return told.start + (told.duration or 0) <= life.now


def _points(life: Life, measure: str, source: Source, stretches: list[Stretch]) -> Points:
    start = np.concatenate([s.start for s in stretches])
    end = np.concatenate([s.end for s in stretches])
    value = np.concatenate([s.value for s in stretches])
    past = end <= life.now
    return Points(
        measure,
        source,
        _array("q", start[past]),
        _array("q", end[past]),
        _array("d", value[past]),
    )


def _array(kind: str, column: npt.NDArray[Any]) -> array[Any]:
    made = array(kind)
    made.frombytes(np.ascontiguousarray(column).tobytes())
    return made


def key(kind: str, day: int, n: int = 0) -> str:
    """Return the sender's key of a datum: the same for the same life."""
    return f"demo-{kind}-{time.day_text(day)}-{n}"
