"""Google's location history: four formats that Google has given it.

`Records.json` has every fix; `Semantic Location History` and the phones' own exports (Android
`Timeline.json`, iOS `location-history.json`) have visits, ways and thinned fixes. Fixes of a
an hour are one event; where several formats tell of it, that of the fixes counts.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, BinaryIO, cast

import msgspec
import numpy as np

from diurnal.connectors import Connector, Entry
from diurnal.connectors import _json as documents
from diurnal.connectors._said import key, number, some, utc
from diurnal.model.records import Datum, Item, Progress, Source
from diurnal.model.sources import Kind
from diurnal.model.time import MINUTE, SECOND, TIME_MAX, TIME_MIN

TIMELINE = Source("Google Timeline", Kind.PHONE)
SLOT_S = 3_600
SLOTS_OPEN = 8
FIXES_MAX = 10_000
"""Of one slot; more than two a second are noise."""
RECORDS, MONTHS, PHONE = "1 records", "2 months", "3 phone"

BLOCK = 1 << 17
REST_MAX = 4 << 20
READING = "reading"
_LIST = re.compile(rb'"locations"\s*:\s*\[')
_FIRST = b'"latitudeE7"'
"""What fixes begin with; where they do not, they are read one by one."""
_BETWEEN = re.compile(rb"\}\s*,\s*\{\s*\Z")
_DEGREE = 10_000_000
"""Units of Google's places in a degree."""
_MILLI = SECOND // 1000
_SLOT_MS = SLOT_S * 1000
_WRAP = 1 << 32
_LAT_MAX, _LON_MAX = 900_000_000, 1_800_000_000
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "months": ("timelineObjects.item",),
    "android": ("semanticSegments.item", "rawSignals.item"),
    "ios": ("item",),
}


def kind(entry: Entry) -> str:
    """Return which of the four formats a file has, "" for none."""
    there = documents.members(entry.head)
    if "locations.item.latitudeE7" in there:
        return "records"
    if any(m.startswith("timelineObjects.item.") for m in there):
        return "months"
    if any(m.startswith(("semanticSegments.item.", "rawSignals.item.position")) for m in there):
        return "android"
    if {"item.startTime", "item.endTime"} <= there and not {
        "item.visit",
        "item.activity",
        "item.timelinePath",
    }.isdisjoint(there):
        return "ios"
    return ""


def recognise(entry: Entry) -> float:
    """Return how sure it is."""
    return 0.9 if kind(entry) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a file of any of the formats."""
    format_ = kind(entry)
    fixes = Fixes(RECORDS if format_ == "records" else MONTHS if format_ == "months" else PHONE)
    readers: Mapping[str, Callable[[Any], Iterator[Item]]] = {
        "months": lambda said: _object(said, fixes),
        "android": lambda said: _segment(said, fixes),
        "ios": lambda said: _segment(said, fixes),
    }
    if format_ == "records":
        yield from records(entry, fixes)
    else:
        yield from documents.read(entry, readers[format_], *_PREFIXES[format_])
    yield from fixes.flush()


class Fixes:
    """Fixes by the hour, until their hour is over.

    An event has its fixes as text, `milliseconds,latitude,longitude,metres` each, with places in
    ten-millionths of a degree and -1 for an accuracy that is not told: a life has millions.
    """

    def __init__(self, telling: str) -> None:
        self._telling = telling
        self._slots: dict[int, list[str]] = {}

    def add(self, at: int, lat: float, lon: float, accuracy: float | None = None) -> Iterator[Item]:
        """Take one fix, and yield an hour that is long over.

        Raises:
            ValueError: no place on Earth, or no time.
        """
        if not (abs(lat) <= 90 and abs(lon) <= 180 and TIME_MIN <= at <= TIME_MAX):
            raise ValueError(f"no place on Earth: {lat}, {lon}")
        metres = -1 if accuracy is None else int(accuracy)
        fix = f"{at // _MILLI},{round(lat * _DEGREE)},{round(lon * _DEGREE)},{metres}"
        self.take(at // SECOND // SLOT_S, [fix])
        yield from self.over()

    def take(self, slot: int, fixes: list[str]) -> None:
        """Take fixes of one hour."""
        known = self._slots.setdefault(slot, fixes)
        if known is not fixes:
            known += fixes

    def over(self) -> Iterator[Item]:
        """Yield the hours that are long over."""
        while len(self._slots) > SLOTS_OPEN:
            first = next(iter(self._slots))
            yield self._event(first, self._slots.pop(first))

    def flush(self) -> Iterator[Item]:
        """Yield the hours that are still open."""
        for slot, fixes in self._slots.items():
            yield self._event(slot, fixes)
        self._slots = {}

    def _event(self, slot: int, fixes: list[str]) -> Datum:
        # All times have as many digits, so their texts come in their order.
        track = sorted(dict.fromkeys(fixes[:FIXES_MAX]))
        start, end = int(track[0].partition(",")[0]), track[-1].split(",")
        return Datum(
            source=TIMELINE,
            source_id=f"track:{slot}",
            type="position/wgs84",
            start=start * _MILLI,
            duration=(int(end[0]) - start) * _MILLI,
            content={
                "latitude": int(end[1]) / _DEGREE,
                "longitude": int(end[2]) / _DEGREE,
                "track": ";".join(track),
            },
            measure="location",
            telling=self._telling,
        )


class _Record(msgspec.Struct, gc=False):
    """What is read of a fix of `Records.json`; all else in it is skipped."""

    latitudeE7: Annotated[int, msgspec.Meta(ge=-_LAT_MAX, le=_LAT_MAX)]  # noqa: N815 - theirs
    longitudeE7: Annotated[int, msgspec.Meta(ge=-_LON_MAX, le=_LON_MAX)]  # noqa: N815 - theirs
    timestamp: str
    accuracy: int | float = -1


_decode = msgspec.json.Decoder(list[_Record]).decode
_STAMP = "2024-03-02T10:00:00.000Z"
_HOUR = len("2024-03-02T10:")
_MARKS, _MARKED = [16, 19, 23], np.frombuffer(b":.Z", np.uint8)
_DIGITS = [14, 15, 17, 18, 20, 21, 22]
_DIGIT_MAX = np.array([5, 9, 5, 9, 9, 9, 9], np.uint8)
_DIGIT_MS = np.array([600_000, 60_000, 10_000, 1_000, 100, 10, 1])


def records(entry: Entry, fixes: Fixes) -> Iterator[Item]:
    """Read `Records.json`, gigabytes long: in blocks cut between two fixes, decoded at once.

    From a place on where that does not do, every fix is read by itself.
    """
    total, done, tried = max(entry.size, 1), 0, 0
    yield Progress(READING, 0, total)
    with entry.open() as stream:
        # Of one growing array, for a copy of each block would cost more than its decoding.
        held = bytearray()
        while block := stream.read(BLOCK):
            done += len(block)
            held += block
            if not tried:
                found = _LIST.search(held)
                if found is None:
                    break
                del held[: found.end() - 1]
                tried = 1
            cut = _border(held)
            if cut:
                rest = held[cut:]
                held[cut:] = b"]"
                try:
                    hours = _hours(_decode(held))
                except (ValueError, RecursionError):
                    held[cut:] = rest
                    break
                for hour, found_there in hours:
                    fixes.take(hour, found_there)
                    yield from fixes.over()
                held = bytearray(b"[") + rest.lstrip(b" \r\n\t,")
            yield Progress(READING, min(done, total), total)
            if len(held) > REST_MAX:
                break
        tail = entry
        if tried:
            left = cast(BinaryIO, _Joined(b'{"locations":' + held, stream))
            tail = msgspec.structs.replace(entry, open=lambda: left)
        for item in documents.read(tail, lambda said: _fix(said, fixes), "locations.item"):
            if not isinstance(item, Progress):
                yield item
    yield Progress(READING, total, total)


def _border(data: bytearray) -> int:
    """Return where the last fix begins that is surely one of the list, 0 for nowhere."""
    end = len(data)
    while (at := data.rfind(_FIRST, 0, end)) > 0:
        before = _BETWEEN.search(data, max(0, at - 200), at)
        if before is not None:
            return before.start() + 1
        end = at
    return 0


def _hours(rows: list[_Record]) -> list[tuple[int, list[str]]]:
    """Return fixes as text, an hour's together.

    Raises:
        ValueError: one is not as most are.
    """
    stamps = [row.timestamp for row in rows]
    at, bounds = _times(stamps)
    latitudes, longitudes = [row.latitudeE7 for row in rows], [row.longitudeE7 for row in rows]
    metres = map(int, [row.accuracy for row in rows])
    # Written by the encoder, all at once: a number to text is most of what a fix costs.
    text = msgspec.json.encode(list(zip(at, latitudes, longitudes, metres, strict=True)))
    fixes = text[2:-2].decode().split("],[")
    return [(at[i] // _SLOT_MS, fixes[i:j]) for i, j in pairwise(bounds)]


def _times(stamps: list[str]) -> tuple[list[int], list[int]]:
    """Return the milliseconds of times as Google writes them, and where hours begin and end.

    Raises:
        ValueError: one is written otherwise.
    """
    # A whole second comes without its zeros.
    whole = [s if len(s) == len(_STAMP) else f"{s[:-1]}.000Z" for s in stamps]
    letters = np.frombuffer("".join(whole).encode(), np.uint8).reshape(-1, len(_STAMP))
    digits = letters[:, _DIGITS] - ord("0")
    if len(letters) != len(stamps) or (digits > _DIGIT_MAX).any():
        raise ValueError("no minutes, seconds and milliseconds")
    if (letters[:, _MARKS] != _MARKED).any():
        raise ValueError("not written as most are")
    hours = letters[:, :_HOUR]
    turns = np.flatnonzero((hours[1:] != hours[:-1]).any(axis=1)) + 1
    bounds = [0, *turns.tolist(), len(stamps)]
    begins = [utc(f"{stamps[i][:_HOUR]}00:00Z") // _MILLI for i in bounds[:-1]]
    at = np.repeat(begins, np.diff(bounds)) + digits @ _DIGIT_MS
    return at.tolist(), bounds


class _Joined(io.RawIOBase):
    """What was read already, and the rest of its stream."""

    def __init__(self, start: bytes, stream: BinaryIO) -> None:
        self._start, self._stream = start, stream

    def read(self, n: int = -1) -> bytes:
        block, self._start = self._start[:n], self._start[n:]
        return block or self._stream.read(n)


def _fix(said: Any, fixes: Fixes) -> Iterator[Item]:
    stamp = said.get("timestamp")
    at = utc(stamp) if stamp is not None else int(said["timestampMs"]) * 1000
    yield from fixes.add(at, *_e7(said), said.get("accuracy"))


def _e7(said: Any) -> tuple[float, float]:
    """Return degrees; some years' values have run over their 32 bits."""
    lat, lon = said["latitudeE7"], said["longitudeE7"]
    lat = lat - _WRAP if lat > _LAT_MAX else lat
    lon = lon - _WRAP if lon > _LON_MAX else lon
    return lat / _DEGREE, lon / _DEGREE


def _object(said: Any, fixes: Fixes) -> Iterator[Item]:
    """Read a visit or a way of a month's file."""
    if "placeVisit" in said:
        visit = said["placeVisit"]
        place = visit["location"]
        start, end = _span(visit["duration"])
        yield _stay(
            start, end, _e7(place), place.get("name"), place.get("address"), place.get("placeId")
        )
    elif "activitySegment" in said:
        way = said["activitySegment"]
        start, end = _span(way["duration"])
        kind_, metres = way.get("activityType"), way.get("distance")
        yield _way(start, end, _e7(way["startLocation"]), _e7(way["endLocation"]), kind_, metres)
        for point in (way.get("simplifiedRawPath") or {}).get("points") or ():
            at = (
                utc(point["timestamp"])
                if "timestamp" in point
                else int(point["timestampMs"]) * 1000
            )
            yield from fixes.add(at, *_e7(point), point.get("accuracyMeters"))


def _span(said: Any) -> tuple[int, int]:
    def at(name: str) -> int:
        text = said.get(name)
        return utc(text) if text is not None else int(said[f"{name}Ms"]) * 1000

    return at("startTimestamp"), at("endTimestamp")


def _segment(said: Any, fixes: Fixes) -> Iterator[Item]:
    """Read a segment of a phone's export, or a raw signal of Android's."""
    if "position" in said:
        position = said["position"]
        place = _degrees(position.get("LatLng") or position["latLng"])
        accuracy = position.get("accuracyMeters")
        yield from fixes.add(utc(position["timestamp"]), *place, accuracy)
    if "startTime" not in said:
        return
    start, end = utc(said["startTime"]), utc(said["endTime"])
    offset = said.get("startTimeTimezoneUtcOffsetMinutes")
    if "visit" in said:
        best = said["visit"]["topCandidate"]
        place = _degrees(best["placeLocation"])
        id_ = best.get("placeId") or best.get("placeID")
        yield _stay(start, end, place, best.get("semanticType"), None, id_, offset)
    if "activity" in said:
        way = said["activity"]
        kind_ = (way.get("topCandidate") or {}).get("type")
        metres = way.get("distanceMeters")
        yield _way(start, end, _degrees(way["start"]), _degrees(way["end"]), kind_, metres, offset)
    for point in said.get("timelinePath") or ():
        at = utc(point["time"]) if "time" in point else None
        if at is None:
            at = start + round(number(point["durationMinutesOffsetFromStartTime"]) * MINUTE)
        yield from fixes.add(at, *_degrees(point["point"]))


def _degrees(said: Any) -> tuple[float, float]:
    """Return the place of `geo:1.5,2.5`, `1.5°, 2.5°`, or of a member that holds one."""
    if isinstance(said, dict):
        said = said["latLng"]
    lat, lon = _NUMBER.findall(said)
    return float(lat), float(lon)


def _stay(
    start: int,
    end: int,
    place: tuple[float, float],
    name: Any,
    address: Any,
    id_: Any,
    offset: int | None = None,
) -> Datum:
    said = some(name=name, address=address, placeId=id_)
    return Datum(
        source=TIMELINE,
        source_id=f"visit:{start // SECOND}",
        type="position/wgs84",
        start=start,
        duration=max(end - start, 0),
        content={"latitude": place[0], "longitude": place[1], **said},
        measure="location",
        tags=("visit",),
        offset=offset,
    )


def _way(
    start: int,
    end: int,
    begin: tuple[float, float],
    stop: tuple[float, float],
    kind_: Any,
    metres: Any,
    offset: int | None = None,
) -> Datum:
    """Return a way from place to place; it is where one is at its start."""
    content: dict[str, Any] = {
        "latitude": begin[0],
        "longitude": begin[1],
        "to": {"latitude": stop[0], "longitude": stop[1]},
        **some(activity=str(kind_).lower() if kind_ else None),
    }
    if metres is not None:
        content["distance"] = number(metres)
    return Datum(
        source=TIMELINE,
        source_id=f"way:{key(start // SECOND)}",
        type="position/wgs84",
        start=start,
        duration=max(end - start, 0),
        content=content,
        measure="location",
        tags=("way",),
        offset=offset,
    )


CONNECTOR = Connector(
    name="google_timeline",
    title="Google Timeline",
    docs="https://support.google.com/maps/answer/6258979",
    emits=frozenset({"location"}),
    recognise=recognise,
    parse=parse,
)
