"""FIT: what sports watches and bicycle computers write; activities, and days of monitoring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO

import fitdecode

from diurnal.connectors import Connector, Entry
from diurnal.connectors import _tracks as tracks
from diurnal.connectors._points import Lanes
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Item, Progress, Source
from diurnal.model.sources import Kind
from diurnal.model.time import MINUTE, micros

_DEGREES = 180 / 2**31
"""Of a semicircle."""
_QUARTER = 15
_NUMBERS = {"heart_rate": "heart_rate", "cadence": "cadence", "power": "power"}
_FIELDS = frozenset(
    {
        "timestamp",
        "position_lat",
        "position_long",
        "enhanced_altitude",
        "altitude",
        "enhanced_speed",
        "speed",
        *_NUMBERS,
    }
)
_TOTALS = (
    ("distance", "total_distance"),
    ("energy", "total_calories"),
    ("moving", "total_timer_time"),
    ("elevation", "total_ascent"),
    ("heart_rate", "avg_heart_rate"),
    ("heart_rate_max", "max_heart_rate"),
    ("power", "avg_power"),
    ("power_max", "max_power"),
)
_OTHER = {"generic", "all", "multisport", "transition", "training"}
EVERY = 10_000
SESSIONS_MAX = 1_000
EMPTY_MAX = 20_000
"""Messages without a field: they cost time, and no device writes them."""


def recognise(entry: Entry) -> float:
    """Return how sure it is: the file says its name behind the length of its header."""
    return 1.0 if entry.head[8:12] == b".FIT" and entry.head[:1] in (b"\x0c", b"\x0e") else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a file; what comes before a fault counts."""
    yield Progress("reading", 0, max(entry.size, 1))
    file = File()
    with entry.open() as stream:
        for _ in _reading(stream, file):
            yield from file.monitored(everything=False)
    for activity in file.activities():
        yield from tracks.records(activity, "1 fit", entry.name)
    yield from file.monitored()
    if file.fault:
        yield Bad(file.fault, entry.path)
    elif file.empty:
        yield Bad(f"a FIT file of type {file.type or 'unknown'} is not read", entry.path)
    yield Progress("reading", max(entry.size, 1), max(entry.size, 1))


def read(stream: BinaryIO) -> File:
    """Read what a FIT file holds, up to its end or a fault."""
    file = File()
    for _ in _reading(stream, file):
        pass
    return file


def _reading(stream: BinaryIO, file: File) -> Iterator[None]:
    """Give a file its messages; pause now and then."""
    try:
        with fitdecode.FitReader(
            stream,
            check_crc=fitdecode.CrcCheck.READONLY,
            error_handling=fitdecode.ErrorHandling.IGNORE,
        ) as reader:
            data, empty = fitdecode.FIT_FRAME_DATA, 0
            for n, frame in enumerate(reader):
                if n % EVERY == 0:
                    yield
                if frame.frame_type == data:
                    if not frame.fields:
                        empty += 1
                        if empty > EMPTY_MAX:
                            raise ValueError("too many messages that say nothing")
                    file.take(frame)
    except (fitdecode.FitError, ValueError, TypeError, IndexError, OverflowError, KeyError) as e:
        file.fault = f"damaged or cut off: {str(e)[:200] or type(e).__name__}"


class File:
    """One file's messages, sorted by what they are.

    Attributes:
        type: what it says it is: activity, monitoring_b, …
        fault: why it could not be read to its end.
    """

    def __init__(self) -> None:
        self.type = self.fault = self._device = self._sport = ""
        self._whole = tracks.Activity()
        self._sessions: list[dict[str, Any]] = []
        self._offset: int | None = None
        self._lanes = Lanes()
        self._monitored = False
        self._at: int | None = None
        self._counted: dict[Any, tuple[int, float]] = {}
        self._readers = {
            "record": self._record,
            "session": self._session_told,
            "activity": self._clock,
            "monitoring_info": self._clock,
            "file_id": self._id,
            "sport": self._named,
            "monitoring": self._monitoring,
        }

    @property
    def empty(self) -> bool:
        """Whether nothing in it was of use."""
        return not self._sessions and not self._monitored and self._whole.start is None

    def take(self, message: Any) -> None:
        """Take one message."""
        reader = self._readers.get(message.name)
        if reader is not None:
            reader(message)

    def _record(self, message: Any) -> None:
        found: dict[str, Any] = {}
        for f in message.fields:
            if f.value is not None and f.name in _FIELDS:
                found[f.name] = f.value
        when = found.get("timestamp")
        if not isinstance(when, datetime):
            return
        at, whole = micros(when), self._whole
        whole.see(at)
        for name, measure in _NUMBERS.items():
            value = found.get(name)
            if isinstance(value, int | float):
                whole.add(measure, at, float(value))
        speed = found.get("enhanced_speed", found.get("speed"))
        if isinstance(speed, int | float):
            whole.add("speed", at, float(speed))
        lat, lon = found.get("position_lat"), found.get("position_long")
        if isinstance(lat, int) and isinstance(lon, int):
            height = found.get("enhanced_altitude", found.get("altitude"))
            whole.place(at, lat * _DEGREES, lon * _DEGREES, height)

    def _session_told(self, message: Any) -> None:
        if len(self._sessions) >= SESSIONS_MAX:
            raise InvalidInput(f"more than {SESSIONS_MAX} sessions")
        self._sessions.append(_values(message))

    def _clock(self, message: Any) -> None:
        said = _values(message)
        here, utc = said.get("local_timestamp"), said.get("timestamp")
        if isinstance(here, datetime) and isinstance(utc, datetime):
            # Both are told as if they were UTC; clocks of zones differ by quarters of an hour.
            minutes = (here.replace(tzinfo=None) - utc.replace(tzinfo=None)).total_seconds() / 60
            offset = round(minutes / _QUARTER) * _QUARTER
            self._offset = offset if abs(offset) <= 14 * 60 else None

    def _id(self, message: Any) -> None:
        said = _values(message)
        self.type = str(said.get("type") or "")
        maker = str(said.get("manufacturer") or "")
        product = said.get("garmin_product") or said.get("product_name") or said.get("product")
        self._device = " ".join(f"{maker} {product or ''}".replace("_", " ").split()).title()

    def _named(self, message: Any) -> None:
        self._sport = str(_values(message).get("sport") or "")

    def _monitoring(self, message: Any) -> None:
        """Take what is worn all day: heart rates, and counters of steps that only grow."""
        said = _values(message)
        if isinstance(said.get("timestamp"), datetime):
            self._at = micros(said["timestamp"])
        elif isinstance(said.get("timestamp_16"), int) and self._at is not None:
            seconds = self._at // 1_000_000 - _FIT_EPOCH
            self._at += ((said["timestamp_16"] - seconds) & 0xFFFF) * 1_000_000
        if self._at is None:
            return
        source = Source(self._device or "FIT", Kind.WRIST)
        rate, steps = said.get("heart_rate"), said.get("steps")
        if isinstance(rate, int) and rate:
            self._lanes.add("heart_rate", source, self._at, float(rate), offset=self._offset)
            self._monitored = True
        if isinstance(steps, int | float):
            kind = said.get("activity_type")
            before, count = self._counted.get(kind, (self._at - MINUTE, 0.0))
            # A counter that fell was set back: at midnight, or by a new beginning.
            grown = steps - count if steps >= count else steps
            self._counted[kind] = self._at, float(steps)
            if grown and before < self._at:
                self._lanes.add(
                    "steps", source, before, float(grown), end=self._at, offset=self._offset
                )
            self._monitored = True

    def monitored(self, *, everything: bool = True) -> Iterator[Item]:
        """Yield what was worn all day, unless `everything` only what there is much of."""
        yield from self._lanes.flush(everything=everything)

    def activities(self) -> Iterator[tracks.Activity]:
        """Yield the workouts: a session each; where a file was cut off, what was recorded."""
        if self._monitored or (not self._sessions and self._whole.start is None):
            return
        sessions = [s for s in self._sessions if isinstance(s.get("start_time"), datetime)]
        if not sessions:
            self._whole.sport, self._whole.device = _sport(self._sport, ""), self._device
            self._whole.offset = self._offset
            yield self._whole
            return
        sessions.sort(key=lambda s: micros(s["start_time"]))
        starts = [micros(s["start_time"]) for s in sessions]
        for i, said in enumerate(sessions):
            upto = starts[i + 1] if i + 1 < len(starts) else None
            yield self._session(said, starts[i] if i else None, upto)

    def _session(
        self, said: Mapping[str, Any], after: int | None, upto: int | None
    ) -> tracks.Activity:
        start = micros(said["start_time"])
        elapsed = said.get("total_elapsed_time")
        end = start + round(float(elapsed) * 1_000_000) if elapsed else start
        part = _between(self._whole, after, upto)
        part.start, part.end = start, max(end, start)
        part.sport = _sport(str(said.get("sport") or ""), str(said.get("sub_sport") or ""))
        part.device, part.offset = self._device, self._offset
        part.totals = {
            ours: float(said[theirs])
            for ours, theirs in _TOTALS
            if isinstance(said.get(theirs), int | float)
        }
        return part


_FIT_EPOCH = 631_065_600
"""Unix seconds of the end of 1989, when FIT's time begins."""


def _values(message: Any) -> dict[str, Any]:
    return {f.name: f.value for f in message.fields if f.value is not None}


def _sport(sport: str, sub: str) -> str:
    if sport in _OTHER or not sport:
        return sub if sub and sub not in _OTHER else ""
    return sport


def _between(whole: tracks.Activity, after: int | None, upto: int | None) -> tracks.Activity:
    """Return the part of a recording in [after, upto)."""
    if after is None and upto is None:
        return tracks.Activity(route=whole.route, series=whole.series)
    low, high = after or 0, upto if upto is not None else 1 << 62
    part = tracks.Activity(route=[p for p in whole.route if low <= p[0] < high])
    for measure, column in whole.series.items():
        for at, value in zip(column.at, column.value, strict=True):
            if low <= at < high:
                part.add(measure, at, value)
    return part


CONNECTOR = Connector(
    name="fit",
    title="FIT files",
    docs="https://developer.garmin.com/fit/protocol/",
    emits=frozenset(
        {"workout", "heart_rate", "cadence_cycle", "cadence_step", "power", "speed", "steps"}
    ),
    recognise=recognise,
    parse=parse,
)
