"""FIT: what sports watches and bicycle computers write; activities, and days of monitoring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO

import fitdecode

from diurnal.connectors import NOT_UNDERSTOOD, Connector, Entry
from diurnal.connectors import _tracks as tracks
from diurnal.connectors._points import Lanes
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Item, Progress, Source
from diurnal.model.sources import Kind
from diurnal.model.time import SECOND, micros

_DEGREES = 180 / 2**31
"""Of a semicircle."""
_QUARTER = 15
_EPOCH = 631_065_600
"""Unix seconds of the end of 1989, when FIT's time begins."""
_NUMBERS = ("heart_rate", "cadence", "power", "speed")
_TOTALS = {
    "distance": "total_distance",
    "energy": "total_calories",
    "moving": "total_timer_time",
    "elevation": "total_ascent",
    "heart_rate": "avg_heart_rate",
    "heart_rate_max": "max_heart_rate",
    "power": "avg_power",
    "power_max": "max_power",
}
_OTHER = {"", "generic", "all", "multisport", "transition", "training"}
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
        yield from file.take(stream)
    for activity in file.activities():
        yield from tracks.records(activity, "1 fit", entry.name)
    if file.fault:
        yield Bad(file.fault, entry.path)
    elif file.empty:
        yield Bad(f"a FIT file of type {file.type or 'unknown'} is not read", entry.path)
    yield Progress("reading", max(entry.size, 1), max(entry.size, 1))


def read(stream: BinaryIO) -> File:
    """Read what a FIT file holds, up to its end or a fault."""
    file = File()
    for _ in file.take(stream):
        pass
    return file


class File:
    """One file's messages, sorted by what they are.

    Attributes:
        type: what it says it is: activity, monitoring_b, …
        fault: why it could not be read to its end.
    """

    def __init__(self) -> None:
        self.type = self.fault = self._device = self._sport = ""
        self._lanes = Lanes()
        self._is_worn = False
        self._whole = tracks.Activity()
        self._sessions: list[dict[str, Any]] = []
        self._offset: int | None = None
        self._at: int | None = None
        self._readers = {
            "record": self._record,
            "session": self._session,
            "activity": self._clock,
            "monitoring_info": self._clock,
            "file_id": self._id,
            "sport": self._name,
            "monitoring": self._monitoring,
        }

    @property
    def empty(self) -> bool:
        """Whether nothing in it was of use."""
        return not self._sessions and not self._is_worn and self._whole.start is None

    def take(self, stream: BinaryIO) -> Iterator[Item]:
        """Take the messages of a file, up to its end or a fault; yield what was worn all day."""
        try:
            with fitdecode.FitReader(
                stream,
                check_crc=fitdecode.CrcCheck.READONLY,
                error_handling=fitdecode.ErrorHandling.IGNORE,
            ) as reader:
                empty = 0
                for n, frame in enumerate(reader):
                    if n % EVERY == 0:
                        yield from self._lanes.flush()
                    if frame.frame_type != fitdecode.FIT_FRAME_DATA:
                        continue
                    empty += not frame.fields
                    if empty > EMPTY_MAX:
                        raise ValueError("too many messages that say nothing")
                    take = self._readers.get(frame.name)
                    if take is not None:
                        take({f.name: f.value for f in frame.fields if f.value is not None})
        except (fitdecode.FitError, *NOT_UNDERSTOOD) as e:
            self.fault = f"damaged or cut off: {str(e)[:200] or type(e).__name__}"
        yield from self._lanes.flush(everything=True)

    def _record(self, said: dict[str, Any]) -> None:
        when = said.get("timestamp")
        if not isinstance(when, datetime):
            return
        at, whole = micros(when), self._whole
        whole.see(at)
        for name in ("speed", "altitude"):
            said[name] = said.get(f"enhanced_{name}", said.get(name))
        for measure in _NUMBERS:
            value = said.get(measure)
            if isinstance(value, int | float):
                whole.add(measure, at, float(value))
        lat, lon = said.get("position_lat"), said.get("position_long")
        if isinstance(lat, int) and isinstance(lon, int):
            whole.place(at, lat * _DEGREES, lon * _DEGREES, said["altitude"])

    def _session(self, said: dict[str, Any]) -> None:
        if len(self._sessions) >= SESSIONS_MAX:
            raise InvalidInput(f"more than {SESSIONS_MAX} sessions")
        self._sessions.append(said)

    def _clock(self, said: dict[str, Any]) -> None:
        here, utc = said.get("local_timestamp"), said.get("timestamp")
        if isinstance(here, datetime) and isinstance(utc, datetime):
            # Both are told as if they were UTC; clocks of zones differ by quarters of an hour.
            minutes = (here.replace(tzinfo=None) - utc.replace(tzinfo=None)).total_seconds() / 60
            offset = round(minutes / _QUARTER) * _QUARTER
            self._offset = offset if abs(offset) <= 14 * 60 else None

    def _id(self, said: dict[str, Any]) -> None:
        self.type = str(said.get("type") or "")
        product = said.get("garmin_product") or said.get("product_name") or said.get("product")
        words = f"{said.get('manufacturer') or ''} {product or ''}".replace("_", " ").split()
        self._device = " ".join(words).title()

    def _name(self, said: dict[str, Any]) -> None:
        self._sport = str(said.get("sport") or "")

    def _monitoring(self, said: dict[str, Any]) -> None:
        """Take what is worn all day: heart rates, and counters of steps that only grow."""
        at = self._at = self._moment(said)
        if at is None:
            return
        source, offset = Source(self._device or "FIT", Kind.WRIST), self._offset
        rate, steps = said.get("heart_rate"), said.get("steps")
        if isinstance(rate, int) and rate:
            self._lanes.add("heart_rate", source, at, float(rate), offset=offset)
            self._is_worn = True
        if isinstance(steps, int | float):
            which = said.get("activity_type")
            self._lanes.count("steps", source, at, steps, which=which, offset=offset)
            self._is_worn = True

    def _moment(self, said: dict[str, Any]) -> int | None:
        """Return when a message of monitoring is of; most tell 16 bits of their second."""
        whole, part = said.get("timestamp"), said.get("timestamp_16")
        if isinstance(whole, datetime):
            return micros(whole)
        if self._at is None or not isinstance(part, int):
            return self._at
        return self._at + ((part - (self._at // SECOND - _EPOCH)) & 0xFFFF) * SECOND

    def activities(self) -> Iterator[tracks.Activity]:
        """Yield the workouts: a session each; where a file was cut off, what was recorded."""
        if self._is_worn or self.empty:
            return
        sessions = [s for s in self._sessions if isinstance(s.get("start_time"), datetime)]
        if not sessions:
            yield self._known(self._whole, {"sport": self._sport})
        sessions.sort(key=lambda said: micros(said["start_time"]))
        parts = self._whole.parts([micros(said["start_time"]) for said in sessions])
        for said, part in zip(sessions, parts, strict=True):
            part.start = part.end = micros(said["start_time"])
            part.end += max(round(float(said.get("total_elapsed_time") or 0) * SECOND), 0)
            yield self._known(part, said)

    def _known(self, activity: tracks.Activity, said: Mapping[str, Any]) -> tracks.Activity:
        """Return an activity with what the file and its session say of it."""
        names = (str(said.get(which) or "") for which in ("sport", "sub_sport"))
        activity.sport = next((name for name in names if name not in _OTHER), "")
        activity.device, activity.offset = self._device, self._offset
        told = ((ours, said.get(theirs)) for ours, theirs in _TOTALS.items())
        activity.totals = {k: float(v) for k, v in told if isinstance(v, int | float)}
        return activity


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
