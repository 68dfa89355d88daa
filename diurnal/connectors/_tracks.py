"""What a recording of exercise tells, whichever its format: one workout, its route, its points.

The same ride often comes as FIT, as TCX and as GPX; each is a telling of one workout.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, BinaryIO
from xml.parsers import expat

import msgspec

from diurnal.connectors._health import workout
from diurnal.errors import InvalidInput
from diurnal.model.records import Datum, Item, Points, Source
from diurnal.model.sources import Kind
from diurnal.model.time import SECOND

FILES = Source("Activity files", Kind.WRIST)
"""All formats have one source: that is what makes one workout of them."""
NEAR_S = 60
"""Formats begin the same ride within so many seconds of each other."""
ROUTE_MAX = 20_000
"""Points kept of one route, evenly: content stays below the limit of an event."""
POINTS_MAX = 400_000
FILE_BYTES_MAX = 512 << 20
TAG_BYTES_MAX = 64 << 10
DEPTH_MAX = 64
NAMES_MAX = 5_000
_BLOCK = 64 << 10
_EVER = 1 << 62

Place = tuple[int, float, float, float | None]
"""Microseconds UTC, latitude, longitude, metres above the sea."""


@dataclass
class Column:
    """Points of one measure."""

    at: array[int] = field(default_factory=lambda: array("q"))
    value: array[float] = field(default_factory=lambda: array("d"))


@dataclass
class Activity:
    """One recorded workout.

    Attributes:
        totals: as the content of a workout has them; what the file states.
        series: by measure; cadence stands under `cadence`, in rounds a minute of one foot.
    """

    sport: str = ""
    start: int | None = None
    end: int | None = None
    name: str = ""
    device: str = ""
    offset: int | None = None
    totals: dict[str, Any] = field(default_factory=dict)
    route: list[Place] = field(default_factory=list)
    series: dict[str, Column] = field(default_factory=dict)

    def see(self, at: int) -> None:
        """Widen the activity to an instant."""
        self.start = at if self.start is None else min(self.start, at)
        self.end = at if self.end is None else max(self.end, at)

    def add(self, measure: str, at: int, value: float) -> None:
        """Take one point.

        Raises:
            InvalidInput: more than a workout can have.
        """
        column = self.series.get(measure)
        if column is None:
            column = self.series[measure] = Column()
        if len(column.at) >= POINTS_MAX:
            raise InvalidInput(f"more than {POINTS_MAX} points")
        column.at.append(at)
        column.value.append(value)

    def place(self, at: int, lat: float, lon: float, height: float | None) -> None:
        """Take one place; what lies on no map is left out.

        Raises:
            InvalidInput: more than a route can have.
        """
        if len(self.route) >= POINTS_MAX:
            raise InvalidInput(f"more than {POINTS_MAX} points")
        if abs(lat) <= 90 and abs(lon) <= 180 and (lat or lon):
            good = height is not None and abs(height) < 1e5
            self.route.append((at, lat, lon, height if good else None))

    def parts(self, starts: Sequence[int]) -> Iterator[Activity]:
        """Yield the route and series of each part of a recording.

        Args:
            starts: where they begin, in order; what came before the first is of the first.
        """
        if len(starts) == 1:
            yield Activity(route=self.route, series=self.series)
            return
        for i, start in enumerate(starts):
            low = start if i else -_EVER
            high = starts[i + 1] if i + 1 < len(starts) else _EVER
            part = Activity(route=[place for place in self.route if low <= place[0] < high])
            for measure, column in self.series.items():
                for at, value in zip(column.at, column.value, strict=True):
                    if low <= at < high:
                        part.add(measure, at, value)
            yield part


def is_cycling(sport: str) -> bool:
    """Return whether cadence is that of a crank."""
    return any(word in sport for word in ("cycl", "bik", "ride"))


def is_on_foot(sport: str) -> bool:
    """Return whether cadence is that of feet."""
    return any(word in sport for word in ("run", "walk", "hik"))


def content(activity: Activity, file: str) -> dict[str, Any]:
    """Return the content of the workout's event, but for its sport."""
    said = {k: v for k, v in activity.totals.items() if v is not None}
    if activity.name:
        said["title"] = activity.name[:200]
    if activity.device:
        said["device"] = activity.device[:200]
    if activity.route:
        said["route"] = {"file": file, "points": columns(activity.route, activity.start or 0)}
    return said


def columns(route: list[Place], start: int) -> list[list[float | None]]:
    """Return places as `[seconds after start, lat, lon, height]`, at a precision of 0.1 m."""
    if len(route) > ROUTE_MAX:
        step = (len(route) - 1) / (ROUTE_MAX - 1)
        route = [route[round(i * step)] for i in range(ROUTE_MAX)]
    return [
        [
            round((at - start) / SECOND, 1),
            round(lat, 6),
            round(lon, 6),
            None if height is None else round(height, 1),
        ]
        for at, lat, lon, height in route
    ]


def points(activity: Activity, source: Source) -> Iterator[Points]:
    """Yield the points of an activity; cadence where its sport says of what."""
    for measure, column in activity.series.items():
        key, value = measure, column.value
        if measure == "cadence":
            if is_cycling(activity.sport):
                key = "cadence_cycle"
            elif is_on_foot(activity.sport):
                key, value = "cadence_step", array("d", (2 * v for v in column.value))
            else:
                continue
        offset = None
        if activity.offset is not None:
            offset = array("h", [activity.offset]) * len(column.at)
        yield Points(key, source, column.at, column.at, value, offset)


def records(activity: Activity, format_: str, file: str) -> Iterator[Item]:
    """Yield the workout of a file and its points.

    Args:
        format_: the telling's name, best first: "1 fit", "2 tcx", "3 gpx StravaGPX".

    Raises:
        InvalidInput: nothing in it has a time.
    """
    if activity.start is None or activity.end is None:
        raise InvalidInput("no point of it has a time")
    second = activity.start // SECOND
    near = [n for d in range(1, NEAR_S + 1) for n in (second - d, second + d)]
    # What a file does not say must not hide what a better telling does: no sport, no word of it.
    event = workout(
        FILES,
        f"workout:{second}",
        activity.start,
        activity.end,
        activity.sport,
        content(activity, file),
        offset=activity.offset,
    )
    told = dict(event.content)
    if not activity.sport:
        del told["activity"]
    yield Datum(
        source=FILES,
        source_id=event.source_id,
        type=event.type,
        start=event.start,
        duration=event.duration,
        content=told,
        measure=event.measure,
        offset=event.offset,
        telling=_telling(format_, event.start, event.duration, told),
        known_as=tuple(f"workout:{n}" for n in near),
    )
    yield from points(activity, FILES)


def _telling(format_: str, *told: Any) -> str:
    """Return the telling's name: two files of one format that say otherwise are two tellings."""
    return f"{format_[:80]} {blake2b(msgspec.json.encode(told), digest_size=4).hexdigest()}"


# XML


def feed(
    stream: BinaryIO,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str, str], None],
) -> None:
    """Read XML and call `start(tag, attributes)` and `end(tag, text)`, names without prefixes.

    Raises:
        InvalidInput: no XML, one with a document type, or past a limit.
    """
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    open_: list[list[str]] = []
    held = 0

    def begin(tag: str, attributes: dict[str, str]) -> None:
        nonlocal held
        if len(open_) >= DEPTH_MAX:
            raise InvalidInput("its elements are too deep in each other")
        open_.append([])
        held = 0
        start(tag.rpartition(":")[2], attributes)

    def text(data: str) -> None:
        nonlocal held
        if open_ and held < TAG_BYTES_MAX:
            held += len(data)
            open_[-1].append(data)

    def finish(tag: str) -> None:
        end(tag.rpartition(":")[2], "".join(open_.pop()).strip())

    def refuse(*_: Any) -> None:
        raise InvalidInput("it has a document type; that is not read")

    parser.StartElementHandler = begin
    parser.EndElementHandler = finish
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    given, first = 0, True
    try:
        while block := stream.read(_BLOCK):
            given += len(block)
            if given > FILE_BYTES_MAX:
                raise InvalidInput(f"larger than {FILE_BYTES_MAX >> 20} MB")
            if first:
                # Some write spaces before the declaration; no parser takes that.
                block, first = block.removeprefix(b"\xef\xbb\xbf").lstrip(), False
            parser.Parse(block, False)
            if given - parser.CurrentByteIndex > TAG_BYTES_MAX + 2 * _BLOCK:
                raise InvalidInput("a tag is too long")
            if len(parser.intern) > NAMES_MAX:
                raise InvalidInput("too many different names of elements")
        parser.Parse(b"", True)
    except expat.ExpatError as e:
        raise InvalidInput(f"damaged or cut off: {e}") from e
