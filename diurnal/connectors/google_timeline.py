"""Google's location history: four formats that Google has given it.

`Records.json` has every fix; `Semantic Location History` and the phones' own exports (Android
`Timeline.json`, iOS `location-history.json`) have visits, ways and thinned fixes. Fixes of
an hour are one event; where several formats tell of it, that of the fixes counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Set
from functools import partial
from typing import Annotated, Any, NamedTuple

import msgspec

from diurnal.connectors import Connector, Entry
from diurnal.connectors import _blocks as blocks
from diurnal.connectors import _json as documents
from diurnal.connectors._fixes import DEGREE, Fixes, milliseconds
from diurnal.connectors._places import TYPE
from diurnal.connectors._said import number, some, utc
from diurnal.model.records import Datum, Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import MINUTE, SECOND

TIMELINE = Source("Google Timeline", Kind.PHONE)
_WRAP = 1 << 32
_LAT_MAX, _LON_MAX = 900_000_000, 1_800_000_000
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

Place = dict[str, float]
"""Degrees of `latitude` and `longitude`."""
Span = tuple[int, int]
"""Start and end, microseconds UTC."""


class _Format(NamedTuple):
    """One of the formats.

    Attributes:
        telling: its rank: of those that tell of one hour the first counts.
        one: reads an element.
        lists: where its elements are.
    """

    telling: str
    one: Callable[[Fixes, Any], Iterator[Item]]
    lists: tuple[str, ...]


def _format(entry: Entry) -> _Format | None:
    there = documents.members(entry.head)
    return next((format_ for marks, format_ in _MARKS if marks <= there), None)


def recognise(entry: Entry) -> float:
    """Return how sure it is."""
    return 0.9 if _format(entry) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a file of any of the formats."""
    format_ = _format(entry)
    if format_ is None:
        return
    fixes = Fixes(TIMELINE, format_.telling)
    one = partial(format_.one, fixes)
    if format_ is _RECORDS:
        yield from blocks.read(entry, "locations", "latitudeE7", partial(_records, fixes), one)
    else:
        yield from documents.read(entry, one, *format_.lists)
    yield from fixes.flush()


class _Record(msgspec.Struct, gc=False):
    """What is read of a fix of `Records.json`; all else in it is skipped."""

    latitudeE7: Annotated[int, msgspec.Meta(ge=-_LAT_MAX, le=_LAT_MAX)]  # noqa: N815 - theirs
    longitudeE7: Annotated[int, msgspec.Meta(ge=-_LON_MAX, le=_LON_MAX)]  # noqa: N815 - theirs
    timestamp: str
    accuracy: int | float = -1


_decode = msgspec.json.Decoder(list[_Record]).decode


def _records(fixes: Fixes, text: bytearray) -> Iterator[Item]:
    """Read many fixes of `Records.json` at once.

    Raises:
        ValueError: one of them is not as most are.
    """
    rows = _decode(text)
    return fixes.add_all(
        milliseconds([row.timestamp for row in rows]),
        [row.latitudeE7 for row in rows],
        [row.longitudeE7 for row in rows],
        [int(row.accuracy) for row in rows],
    )


def _record(fixes: Fixes, said: Any) -> Iterator[Item]:
    yield from fixes.add(_at(said, "timestamp"), **_e7(said), accuracy=said.get("accuracy"))


def _at(said: Any, name: str) -> int:
    """Return the time of a member; older files tell it in milliseconds."""
    text = said.get(name)
    return utc(text) if text is not None else int(said[f"{name}Ms"]) * 1000


def _e7(said: Any) -> Place:
    """Return degrees; some years' values have run over their 32 bits."""
    lat, lon = said["latitudeE7"], said["longitudeE7"]
    lat = lat - _WRAP if lat > _LAT_MAX else lat
    lon = lon - _WRAP if lon > _LON_MAX else lon
    return {"latitude": lat / DEGREE, "longitude": lon / DEGREE}


def _month(fixes: Fixes, said: Any) -> Iterator[Item]:
    """Read a visit or a way of a month's file."""
    if "placeVisit" in said:
        visit = said["placeVisit"]
        where, span = visit["location"], _span(visit["duration"])
        names = {name: where.get(name) for name in ("name", "address", "placeId")}
        yield _stretch("visit", span, _e7(where), names)
    elif "activitySegment" in said:
        way = said["activitySegment"]
        going = _going(_e7(way["endLocation"]), way.get("activityType"), way.get("distance"))
        yield _stretch("way", _span(way["duration"]), _e7(way["startLocation"]), going)
        for point in (way.get("simplifiedRawPath") or {}).get("points") or ():
            at, place = _at(point, "timestamp"), _e7(point)
            yield from fixes.add(at, **place, accuracy=point.get("accuracyMeters"))


def _span(said: Any) -> Span:
    return _at(said, "startTimestamp"), _at(said, "endTimestamp")


def _segment(fixes: Fixes, said: Any) -> Iterator[Item]:
    """Read a segment of a phone's export, or a raw signal of Android's."""
    if "position" in said:
        signal = said["position"]
        at, place = utc(signal["timestamp"]), _degrees(signal.get("LatLng") or signal["latLng"])
        yield from fixes.add(at, **place, accuracy=signal.get("accuracyMeters"))
    if "startTime" not in said:
        return
    span = utc(said["startTime"]), utc(said["endTime"])
    offset = said.get("startTimeTimezoneUtcOffsetMinutes")
    if "visit" in said:
        best = said["visit"]["topCandidate"]
        id_ = best.get("placeId") or best.get("placeID")
        names = {"name": best.get("semanticType"), "placeId": id_}
        yield _stretch("visit", span, _degrees(best["placeLocation"]), names, offset)
    if "activity" in said:
        way = said["activity"]
        activity = (way.get("topCandidate") or {}).get("type")
        going = _going(_degrees(way["end"]), activity, way.get("distanceMeters"))
        yield _stretch("way", span, _degrees(way["start"]), going, offset)
    for point in said.get("timelinePath") or ():
        yield from fixes.add(_passed(point, span[0]), **_degrees(point["point"]))


def _passed(point: Any, start: int) -> int:
    if "time" in point:
        return utc(point["time"])
    return start + round(number(point["durationMinutesOffsetFromStartTime"]) * MINUTE)


def _degrees(said: Any) -> Place:
    """Return the place of `geo:1.5,2.5`, `1.5°, 2.5°`, or of a member that holds one."""
    if isinstance(said, dict):
        said = said["latLng"]
    lat, lon = _NUMBER.findall(said)
    return {"latitude": float(lat), "longitude": float(lon)}


def _going(to: Place, activity: Any, metres: Any) -> dict[str, Any]:
    """Return what is told of a way, but for its start."""
    distance = None if metres is None else number(metres)
    return {"to": to, "activity": str(activity or "").lower(), "distance": distance}


def _stretch(kind: str, span: Span, place: Place, told: Any, offset: int | None = None) -> Datum:
    """Return a visit, or a way from place to place: it is where one is at its start."""
    start, end = span
    return Datum(
        source=TIMELINE,
        source_id=f"{kind}:{start // SECOND}",
        type=TYPE,
        start=start,
        duration=max(end - start, 0),
        content={**place, **some(**told)},
        measure="location",
        tags=(kind,),
        offset=offset,
    )


_RECORDS = _Format("1 records", _record, ("locations.item",))
_MONTHS = _Format("2 months", _month, ("timelineObjects.item",))
_ANDROID = _Format("3 phone", _segment, ("semanticSegments.item", "rawSignals.item"))
_IOS = _Format("3 phone", _segment, ("item",))
_MARKS: tuple[tuple[Set[str], _Format], ...] = (
    ({"locations.item.latitudeE7"}, _RECORDS),
    ({"timelineObjects.item.placeVisit"}, _MONTHS),
    ({"timelineObjects.item.activitySegment"}, _MONTHS),
    ({"semanticSegments.item.startTime"}, _ANDROID),
    ({"rawSignals.item.position"}, _ANDROID),
    ({"item.startTime", "item.endTime", "item.visit"}, _IOS),
    ({"item.startTime", "item.endTime", "item.activity"}, _IOS),
    ({"item.startTime", "item.endTime", "item.timelinePath"}, _IOS),
)
"""Members that a file's head has, and which format it is then."""

CONNECTOR = Connector(
    name="google_timeline",
    title="Google Timeline",
    docs="https://support.google.com/maps/answer/6258979",
    emits=frozenset({"location"}),
    recognise=recognise,
    parse=parse,
)
