"""Datastreams: rows of one value at an instant or over an interval, whatever they are kept as."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from diurnal import catalog
from diurnal.dialects.personicle import events as event_rows
from diurnal.dialects.personicle import times
from diurnal.dialects.personicle.dictionary import DATASTREAMS, INTEGER, JSON, Datastream
from diurnal.errors import InvalidInput
from diurnal.model import time
from diurnal.model.access import Access
from diurnal.model.events import EventQuery, NewEvent
from diurnal.model.measures import Shape, ValueKind
from diurnal.model.units import is_finite
from diurnal.services import days, events, series
from diurnal.services.context import Context
from diurnal.store.database import Tx, WriteTx

Row = dict[str, Any]

POINTS_MAX = 100_000
READ_MAX = 1_000_000
PAGE = 10_000
INT32 = 2**31
NOON = 12 * time.HOUR


class Point(NamedTuple):
    """A value; microseconds UTC."""

    start: int
    end: int
    value: Any
    source: str
    confidence: str | None = None


def read(
    tx: Tx,
    ctx: Context,
    caller: Access,
    stream: Datastream,
    start: int,
    end: int,
    source: str | None,
) -> list[Point]:
    """Return what there is within a window: points of series, events, and values of whole days."""
    if start > end:
        return []
    found = [*_of_events(tx, ctx, caller, stream, start, end)]
    if stream.measure.shape is Shape.SERIES:
        found += _of_series(tx, ctx, caller, stream, start, end)
    if stream.measure.value in (ValueKind.INTEGER, ValueKind.NUMBER):
        found += _of_days(tx, ctx, caller, stream, start, end, found)
    kept = [p for p in found if source is None or p.source == source]
    if len(kept) > READ_MAX:
        raise InvalidInput(f"a window has at most {READ_MAX} rows")
    kept.sort(key=lambda p: (p.start, p.end, p.source))
    return kept


def _of_series(
    tx: Tx, ctx: Context, caller: Access, stream: Datastream, start: int, end: int
) -> Iterator[Point]:
    parts = series.read(tx, ctx, caller, stream.measure.key, start, end + 1)
    for source, cols in parts:
        values = _converted(stream, cols.value)
        for s, e, v in zip(cols.start.tolist(), cols.end.tolist(), values, strict=True):
            yield Point(s, e, v, source)


def _converted(stream: Datastream, values: Any) -> list[Any]:
    """Return canonical values in the stream's unit and type, all at once."""
    if stream.code is None:
        return list(values)
    import numpy as np

    # Units differ by a factor and a shift: two values tell both.
    zero = catalog.from_canonical(stream.measure, 0.0, stream.code)
    one = catalog.from_canonical(stream.measure, 1.0, stream.code)
    told = np.asarray(values) * (one - zero) + zero
    if stream.type == INTEGER:
        return [int(v) for v in np.rint(told).astype(np.int64).tolist()]
    return [float(f"{v:.12g}") for v in told.tolist()]


def _of_events(
    tx: Tx, ctx: Context, caller: Access, stream: Datastream, start: int, end: int
) -> Iterator[Point]:
    query = EventQuery(
        start=start, end=end, measures=(stream.measure.key,), ascending=True, limit=PAGE
    )
    while True:
        page = events.find(tx, ctx, caller, query)
        for one in page:
            if one.time < start:
                continue
            body = msgspec.json.decode(one.body)
            tail = msgspec.json.decode(f"{{{one.tail}")
            noted = (body.get("clientData") or {}).get(event_rows.KEPT)
            said: Row = noted if isinstance(noted, dict) else {}
            if stream.type == JSON:
                if said.get("datastream", stream.name) != stream.name:
                    continue
                value: Any = _listed(stream, body.get("content"))
            elif tail.get("value") is None:
                continue
            else:
                value = _converted(stream, [tail["value"]])[0]
            last = one.time + round((body.get("duration") or 0) * 1_000_000)
            told = said.get("confidence")
            sure = told if isinstance(told, str) else None
            yield Point(one.time, last, value, tail.get("source") or "", sure)
        if len(page) < PAGE:
            return
        query = msgspec.structs.replace(query, after=(page[-1].time, page[-1].id))


def _of_days(
    tx: Tx,
    ctx: Context,
    caller: Access,
    stream: Datastream,
    start: int,
    end: int,
    found: Sequence[Point],
) -> Iterator[Point]:
    """Yield the values of days of which nothing finer is known."""
    state = ctx.state(tx, caller.account_id)
    key = stream.measure.key
    span = days.extent(tx, ctx, caller).get(key)
    if span is None:
        return
    low, high = time.TIME_MIN + 2 * time.DAY, time.TIME_MAX - 2 * time.DAY
    first = max(span[0], state.zones.day_at(max(start, low)) - 1)
    last = min(span[1], state.zones.day_at(min(end, high)))
    if first > last:
        return
    starts = sorted(p.start for p in found)
    [listed] = days.values(tx, ctx, caller, [key], first, last).values()
    for day in listed:
        if day.value is None or isinstance(day.value, str):
            continue
        begin, ends = state.zones.day_bounds(day.day)
        if bisect_left(starts, begin) < bisect_left(starts, ends):
            continue
        at, until = (begin, ends) if stream.interval else (begin + NOON, begin + NOON)
        if start <= at <= end:
            yield Point(at, until, _converted(stream, [day.value])[0], day.source or "")


class InstantRow(msgspec.Struct, gc=False):
    """A value at an instant, as it is answered."""

    individual_id: str
    timestamp: str
    source: str
    value: Any
    unit: str
    confidence: str | None


class IntervalRow(msgspec.Struct, gc=False):
    """A value over an interval, as it is answered."""

    individual_id: str
    start_time: str
    end_time: str
    source: str
    value: Any
    unit: str
    confidence: str | None


def rows(
    stream: Datastream, user: str, found: Sequence[Point]
) -> Sequence[InstantRow | IntervalRow]:
    """Return points as rows."""
    unit, write = stream.unit, times.write
    if stream.interval:
        return [
            IntervalRow(user, write(start), write(end), source, value, unit, confidence)
            for start, end, value, source, confidence in found
        ]
    return [
        InstantRow(user, write(start), source, value, unit, confidence)
        for start, _, value, source, confidence in found
    ]


def metadata(
    tx: Tx, ctx: Context, caller: Access, user: str, names: frozenset[str], sources: frozenset[str]
) -> list[Row]:
    """Return which datastreams there are, by source, with their newest time."""
    found: list[Row] = []
    extent = days.extent(tx, ctx, caller)
    state = ctx.state(tx, caller.account_id)
    for stream in DATASTREAMS.values():
        if names and stream.name not in names:
            continue
        span = extent.get(stream.measure.key)
        if span is None and stream.type != JSON:
            continue
        start = 0 if span is None else state.zones.day_bounds(span[1] - 30)[0]
        end = ctx.now() if span is None else state.zones.day_bounds(span[1])[1]
        newest: dict[str, int] = {}
        for p in read(tx, ctx, caller, stream, start, end, None):
            newest[p.source] = max(newest.get(p.source, 0), p.start)
        found += [
            {
                "individual_id": user,
                "source": source,
                "datastream": stream.name,
                "last_updated": times.write(at),
                "table_name": stream.table,
            }
            for source, at in sorted(newest.items())
            if not sources or source in sources
        ]
    return found


class Packet(NamedTuple):
    """What is uploaded."""

    stream: Datastream
    source: str
    points: list[Point]


def packet(sent: Any, stream: Datastream | None, user: str) -> Packet:
    """Read an upload.

    Raises:
        InvalidInput: it is not well formed.
    """
    bad = InvalidInput("Incorrectly formatted data packet")
    if not isinstance(sent, dict) or stream is None or sent.get("individual_id") != user:
        raise bad
    source, given = sent.get("source"), sent.get("dataPoints")
    if not isinstance(source, str) or not source or not isinstance(given, list):
        raise bad
    if len(given) > POINTS_MAX or not isinstance(sent.get("unit"), str | None):
        raise bad
    confidence = sent.get("confidence")
    if isinstance(confidence, bool) or not isinstance(confidence, int | float | None):
        raise bad
    told = None if confidence is None else str(confidence)
    points = [_point(stream, one, source, told) for one in given]
    return Packet(stream, source, points)


def _point(stream: Datastream, one: Any, source: str, confidence: str | None) -> Point:
    bad = InvalidInput("Incorrectly formatted data packet")
    if not isinstance(one, dict) or "value" not in one:
        raise bad
    starts = one.get("start_time") if stream.interval else one.get("timestamp")
    ends = one.get("end_time") if stream.interval else starts
    if not isinstance(starts, str) or not isinstance(ends, str):
        raise bad
    start, end = times.read(starts), times.read(ends)
    if end < start:
        raise bad
    value = one["value"]
    if stream.type == JSON:
        if not isinstance(value, list) or not _fits(stream, value):
            raise bad
        return Point(start, end, value, source, confidence)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad
    if stream.type == INTEGER and (isinstance(value, float) or not -INT32 <= value < INT32):
        raise bad
    if not is_finite(value):
        raise bad
    return Point(start, end, value, source, confidence)


def _fits(stream: Datastream, value: list[Any]) -> bool:
    if not all(isinstance(v, dict) for v in value):
        return False
    if not stream.name.endswith(".location"):
        return True
    return all(
        isinstance(v.get(axis), int | float) and not isinstance(v.get(axis), bool)
        for v in value
        for axis in ("latitude", "longitude")
    )


def upload(tx: WriteTx, ctx: Context, caller: Access, sent: Packet) -> int:
    """Store points; one that is known stays as it was said first. Return how many were sent."""
    stream, source, points = sent
    if not points:
        return 0
    if stream.measure.shape is Shape.SERIES:
        _append(tx, ctx, caller, sent)
        return len(points)
    state = ctx.state(tx, caller.account_id)
    home, measure = state.home(stream.measure), stream.measure
    told = catalog.event_type if stream.type == JSON else catalog.own_type
    made = [
        NewEvent(
            stream_ids=(home,),
            type=told(measure),
            time=p.start,
            duration=p.end - p.start,
            content=_content(stream, p.value),
            source=source,
            source_id=f"{stream.name} {p.start} {p.end}",
            client_data=_more(stream, p),
        )
        for p in points
    ]
    for at in range(0, len(made), events.BATCH_MAX):
        events.create(tx, ctx, caller, made[at : at + events.BATCH_MAX], update_known=False)
    return len(points)


def _append(tx: WriteTx, ctx: Context, caller: Access, sent: Packet) -> None:
    """Add points to a series; what is known of a time stays."""
    from diurnal.model.series import columns

    stream, source, points = sent
    first, last = min(p.start for p in points), max(p.start for p in points)
    key = stream.measure.key
    seen = series.times(tx, caller, key, source, first, last + 1)
    fresh: dict[tuple[int, int], Point] = {}
    for p in points:
        if (p.start, p.end) not in seen:
            fresh.setdefault((p.start, p.end), p)
    if fresh:
        values = [_canonical(stream, p.value) for p in fresh.values()]
        starts, ends = zip(*fresh, strict=True)
        series.write(tx, ctx, caller, key, source, columns(starts, values, ends))


def _canonical(stream: Datastream, value: float) -> float:
    return (
        value
        if stream.code is None
        else catalog.to_canonical(stream.measure, float(value), stream.code)
    )


def _content(stream: Datastream, value: Any) -> Any:
    if stream.type == JSON:
        # A position is one object elsewhere; its list is made again on the way out.
        single = stream.name.endswith(".location") and len(value) == 1
        return value[0] if single else value
    return _canonical(stream, value)


def _listed(stream: Datastream, content: Any) -> Any:
    single = stream.name.endswith(".location") and isinstance(content, dict)
    return [content] if single else content


def _more(stream: Datastream, p: Point) -> Row | None:
    kept: Row = {}
    if stream.type == JSON:
        kept["datastream"] = stream.name
    if p.confidence is not None:
        kept["confidence"] = p.confidence
    return {event_rows.KEPT: kept} if kept else None


def delete(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    stream: Datastream,
    source: str,
    start: int | None,
    end: int | None,
) -> int:
    """Delete what a source said of a datastream; return how many rows."""
    low = time.TIME_MIN + 2 * time.DAY if start is None else start
    high = time.TIME_MAX - 2 * time.DAY if end is None else end
    gone = 0
    query = EventQuery(
        start=low, end=high, measures=(stream.measure.key,), sources=(source,), limit=PAGE
    )
    for one in events.find(tx, ctx, caller, query):
        if one.time >= low:
            events.delete(tx, ctx, caller, one.id)
            gone += 1
    if stream.measure.shape is Shape.SERIES:
        gone += series.remove(tx, ctx, caller, stream.measure.key, source, low, high + 1)
    return gone
