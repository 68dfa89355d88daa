"""High-frequency series over HTTP: points in columns' order, written and read by time.

Source: https://api.pryv.com/reference/#hf-series
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from diurnal import catalog, http
from diurnal.dialects.pryv import checks, event_types, shapes, wire
from diurnal.errors import InvalidInput, NotFound
from diurnal.model import tracks as model
from diurnal.model.access import Access
from diurnal.model.events import seconds
from diurnal.model.time import SECOND
from diurnal.model.tracks import NS, Track
from diurnal.services import events, series, tracks
from diurnal.services.context import Context
from diurnal.services.series import Listed
from diurnal.store.database import Tx, WriteTx

FLAT = "flatJSON"
BATCH = "seriesBatch"
BODY_BYTES_MAX = 64 << 20
POINTS_MAX = 2_000_000
"""Of one call."""
FIELDS_MAX = 100
_FLAGS = f"{shapes.SERIES}boolean/bool"
DELTA, TIMESTAMP = "deltaTime", "timestamp"
_OFF_LOOP = 200_000
"""Bytes of a body from which on it is read on another thread."""


class _Flat(msgspec.Struct):
    format: str
    fields: list[str]
    points: msgspec.Raw


_flat = msgspec.json.Decoder(_Flat).decode


@lru_cache(maxsize=32)
def _rows(width: int, kind: Any) -> Any:
    """Return what reads rows of so many values; a row of another length is refused as it reads."""
    row: Any = tuple[(kind,) * width]  # type: ignore[misc]
    return msgspec.json.Decoder(list[row]).decode


class _One(msgspec.Struct, rename="camel"):
    event_id: str
    data: msgspec.Raw


class _Batch(msgspec.Struct):
    format: str
    data: list[_One]


_batch = msgspec.json.Decoder(_Batch).decode


class Given(msgspec.Struct, frozen=True):
    """Points as they were given, before it is known what event they are of.

    Attributes:
        columns: field -> column, with the time's among them.
    """

    fields: tuple[str, ...]
    columns: dict[str, Any]


def read_flat(raw: bytes | msgspec.Raw) -> Given:
    """Return what a body of points says.

    Raises:
        BadStructure: it is none.
    """
    try:
        given = _flat(raw)
        fields = tuple(given.fields)
        if given.format != FLAT:
            raise checks.BadStructure('The field "format" must contain the string "flatJSON".')
        if len(set(fields)) != len(fields) or not 0 < len(fields) <= FIELDS_MAX:
            raise checks.BadStructure("A field is named twice, or none is.")
        if (DELTA in fields) == (TIMESTAMP in fields):
            raise checks.BadStructure("Points need one of deltaTime and timestamp.")
        return Given(fields, _read_columns(fields, given.points))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise checks.BadStructure(f"The points are no flatJSON: {error}") from None


def _read_columns(fields: tuple[str, ...], raw: msgspec.Raw) -> dict[str, Any]:
    width = len(fields)
    try:
        rows = _rows(width, float)(raw)
    except msgspec.ValidationError:  # text or nothing among the numbers, or no rows at all
        rows = _rows(width, Any)(raw)
        _bound(rows)
        columns = list(zip(*rows, strict=True)) or [()] * width
        return {name: columns[i] for i, name in enumerate(fields)}
    _bound(rows)
    table = model.numbers(rows, width)
    return {name: table[:, i].copy() for i, name in enumerate(fields)}


def _bound(rows: Sequence[Any]) -> None:
    if len(rows) > POINTS_MAX:
        raise checks.BadStructure(f"At most {POINTS_MAX} points in one call.")


def points_of(given: Given, element: str, start: int) -> Track:
    """Return points as they are stored.

    Args:
        element: type of what each point holds.
        start: the event's time, microseconds.

    Raises:
        BadStructure: a field is missing or not known, or a value is not of its kind.
    """
    known = event_types.fields(element)
    if known is None:
        raise checks.BadStructure(f'The event type "{element}" is not known.')
    required, every = known
    named = [f for f in given.fields if f not in (DELTA, TIMESTAMP)]
    missing = [f for f in required if f not in named]
    strange = [f for f in named if f not in every]
    if missing or strange:
        raise checks.BadStructure(
            f'The fields must contain at least "{", ".join(required)}", and no other than '
            f'"{", ".join(every)}".'
        )
    at = TIMESTAMP if TIMESTAMP in given.columns else DELTA
    time = _numbers(given.columns[at], at, null=False)
    if at == TIMESTAMP:
        time = time - start / SECOND
    read = {"string": _texts, "boolean": _flags}
    fields = {
        name: read.get(event_types.kind(element, name), _numbers)(
            given.columns[name], name, null=name not in required
        )
        for name in named
    }
    return model.track(time, fields)


def _numbers(column: Any, name: str, *, null: bool) -> Any:
    if isinstance(column, np.ndarray):
        return column
    found = []
    for value in column:
        if value is None and null:
            found.append(np.nan)
            continue
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise checks.BadStructure(f'A value of "{name}" is no number.')
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise checks.BadStructure(f'A value of "{name}" is no number.') from None
        if number != number or number in (np.inf, -np.inf):
            raise checks.BadStructure(f'A value of "{name}" is no number.')
        found.append(number)
    return np.array(found, np.float64)


def _texts(column: Any, name: str, *, null: bool) -> Any:
    if any(not isinstance(v, str) and not (v is None and null) for v in column):
        raise checks.BadStructure(f'A value of "{name}" is no text.')
    for value in column:
        events.check_json(value, name)
    return np.array(column, object)


def _flags(column: Any, name: str, *, null: bool) -> Any:
    if isinstance(column, np.ndarray) or any(
        not isinstance(v, bool) and not (v is None and null) for v in column
    ):
        raise checks.BadStructure(f'A value of "{name}" is neither true nor false.')
    return np.array([np.nan if v is None else float(v) for v in column], np.float64)


def _put(tx: WriteTx, ctx: Context, caller: Access, event_id: str, given: Given) -> None:
    try:
        event = tracks.holder(tx, ctx, caller, event_id, writing=True)
    except InvalidInput as error:
        raise checks.BadOperation(error.message) from None
    element = event.type.removeprefix(shapes.SERIES)
    tracks.write(tx, ctx, caller, event_id, points_of(given, element, event.time))


async def write(ctx: Context, request: Request) -> Response:
    """Add points to one event."""
    call = await wire.caller(ctx, request)
    raw = await wire.body(request, BODY_BYTES_MAX)
    given = await http.blocking(lambda: read_flat(raw)) if len(raw) > _OFF_LOOP else read_flat(raw)
    id_ = request.path_params["id"]
    await http.write(ctx, lambda tx: _put(tx, ctx, call.access, id_, given))
    return wire.answer(ctx, {"status": "ok"})


def _read_batch(raw: bytes) -> list[tuple[str, Given]]:
    try:
        given = _batch(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise checks.BadStructure(f"The body is no seriesBatch: {error}") from None
    if given.format != BATCH:
        raise checks.BadStructure('The field "format" must contain the string "seriesBatch".')
    return [(one.event_id, read_flat(one.data)) for one in given.data]


async def write_batch(ctx: Context, request: Request) -> Response:
    """Add points to several events, all or none."""
    call = await wire.caller(ctx, request)
    raw = await wire.body(request, BODY_BYTES_MAX)
    given = await http.blocking(lambda: _read_batch(raw))

    def do(tx: WriteTx) -> None:
        for id_, one in given:
            _put(tx, ctx, call.access, id_, one)

    await http.write(ctx, do)
    return wire.answer(ctx, {"status": "ok"})


_QUERY = {"fromDeltaTime": checks.NUMBER, "toDeltaTime": checks.NUMBER}


async def read(ctx: Context, request: Request) -> Response:
    """Return the points of one event, of a stretch of it."""
    call = await wire.caller(ctx, request)
    asked = checks.from_url(request.query_params.multi_items())
    checks.check(asked, _QUERY)
    start, end = asked.get("fromDeltaTime"), asked.get("toDeltaTime")
    if start is not None and end is not None and start > end:
        problem = checks.Problem("INVALID_RANGE", "fromDeltaTime is after toDeltaTime", "#/")
        raise checks.BadParameters([problem])
    limit = model.DELTA_MAX
    low = None if start is None else round(max(min(start, limit), -limit) * NS)
    high = None if end is None else round(max(min(end, limit), -limit) * NS)
    id_ = request.path_params["id"]

    def look(tx: Tx) -> tuple[Track, str]:
        try:
            holder = tracks.holder(tx, ctx, call.access, id_)
            return tracks.read(tx, ctx, call.access, id_, low, high), holder.type
        except NotFound:
            return imported_points(tx, ctx, call.access, id_, low, high), ""
        except InvalidInput as error:
            raise checks.BadOperation(error.message) from None

    points, type_ = await http.read(ctx, look)

    def told() -> msgspec.Raw:
        said = model.said(points)
        rows = model.rows(points, said)
        if type_ == _FLAGS:  # kept as numbers
            rows = [[at, bool(value)] for at, value in rows]
        flat = {"format": FLAT, "fields": [DELTA, *said], "points": rows}
        return msgspec.Raw(msgspec.json.encode(flat))

    body = await http.blocking(told) if len(points) > _OFF_LOOP // 20 else told()
    return wire.answer(ctx, msgspec.json.decode(body, type=dict[str, msgspec.Raw]))


# What was imported


class Imported(msgspec.Struct, frozen=True):
    """A series of a measure and a source, as an event that holds it."""

    id: str
    listed: Listed
    type: str
    unit: str
    stream: str


def imported(tx: Tx, ctx: Context, caller: Access) -> list[Imported]:
    """Return every series that came otherwise than by an event, as such events."""
    state = ctx.state(tx, caller.account_id)
    found = []
    for one in series.listed(tx, ctx, caller):
        measure = state.measure(one.measure)
        if measure is None or one.source.startswith(tracks.SOURCE):
            continue
        type_ = catalog.event_type(measure)
        unit = catalog.pryv_unit(type_) or measure.unit
        key = hashlib.sha256(f"{one.measure}\0{one.source}".encode()).hexdigest()
        found.append(Imported(f"c{key[:24]}", one, type_, unit, state.home(measure)))
    return found


def written(one: Imported) -> dict[str, Any]:
    """Return such a series in Pryv's shape."""
    first, last = one.listed.first, one.listed.last
    type_ = f"{shapes.SERIES}{one.type}"
    return {
        "id": one.id,
        "streamIds": [one.stream],
        "streamId": one.stream,
        "time": seconds(first),
        "duration": seconds(last - first),
        "type": type_,
        "content": {
            "elementType": one.type,
            "fields": [DELTA, tracks.VALUE],
            "required": [DELTA, tracks.VALUE],
        },
        "description": one.listed.source,
        "tags": [],
        "created": seconds(first),
        "createdBy": "system",
        "modified": seconds(last),
        "modifiedBy": "system",
    }


def find_imported(tx: Tx, ctx: Context, caller: Access, id_: str) -> Imported:
    """Return such a series by its id.

    Raises:
        NotFound: there is none, or not the caller's to read.
    """
    for one in imported(tx, ctx, caller):
        if one.id == id_:
            return one
    raise NotFound(f"no event {id_!r}")


def imported_points(
    tx: Tx, ctx: Context, caller: Access, id_: str, start: int | None, end: int | None
) -> Track:
    """Return the points of such a series in [start, end), nanoseconds from its first."""
    one = find_imported(tx, ctx, caller, id_)
    first = one.listed.first
    low = first if start is None else first + start // 1_000
    high = one.listed.last + 1 if end is None else first + end // 1_000
    parts = series.read(tx, ctx, caller, one.listed.measure, low, high, source=one.listed.source)
    cols: Sequence[Any] = [c for _, c in parts]
    if not cols:
        return Track(np.empty(0, np.int64), {})
    [only] = cols
    measure = ctx.state(tx, caller.account_id).measure(one.listed.measure)
    values = only.value
    if measure is not None:
        zero, unit = (catalog.number(measure, n, one.unit) for n in (0, 1))
        if zero is not None and unit is not None and unit != zero:
            values = (values - zero) / (unit - zero)
    delta = (only.start - first) * 1_000
    # Of points at one instant that last differently, the last.
    return model.track(delta / NS, {tracks.VALUE: values})
