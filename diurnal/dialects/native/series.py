"""Series: write points as rows or columns, read them raw or as buckets."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint
from diurnal.dialects.native.events import body_bytes_max
from diurnal.errors import InvalidInput, NotFound, UnknownReference
from diurnal.model import time
from diurnal.model.events import seconds
from diurnal.services import series
from diurnal.services.series import Prepared
from diurnal.store.database import Tx

T = TypeVar("T")

BUCKETS_MAX = 10_000
INLINE_BYTES = 64 << 10
"""Bodies up to this are read on the loop."""
_WIDTH = re.compile(r"(\d{1,9})([smhd]?)", re.ASCII)
_UNITS = {"": time.SECOND, "s": time.SECOND, "m": time.MINUTE, "h": time.HOUR, "d": time.DAY}


class SeriesQuery(wire.Input):
    """Which points: those that begin in [from, to).

    Attributes:
        start, to: left out, `to` is now and `from` a day before it.
        width: of buckets, in seconds or like `5m`, `1h`, `1d`; the last one is whole, also where
            `to` falls into it. Left out, the points themselves.
        buckets: how many of equal width, in place of `width`.
    """

    start: wire.MomentText | None = msgspec.field(name="from", default=None)
    to: wire.MomentText | None = None
    source: wire.Key | None = None
    width: Annotated[str, msgspec.Meta(pattern=r"^\d{1,9}[smhd]?$(?!\n)")] | None = None
    buckets: Annotated[int, msgspec.Meta(ge=1, le=BUCKETS_MAX)] | None = None


class PointColumns(wire.Input):
    """Points as columns.

    Attributes:
        t: when each begins; `start` and `step` may stand for it where they come regularly.
        v: its value, in the measure's unit.
        e: when it ends; left out, all are instants.
        o: its offset in minutes, or one for all, where the data carry their own.
        unit: of all times.
    """

    v: list[float]
    t: list[float] | None = None
    start: float | None = None
    step: float | None = None
    e: list[float] | None = None
    o: list[int | None] | int | None = None
    unit: str = "s"


class SeriesNew(wire.Input):
    """Points of one source: `points` as columns, or `rows` of [t, v] or [t, e, v] in seconds."""

    source: wire.Key
    points: PointColumns | msgspec.UnsetType = msgspec.UNSET
    rows: list[list[float]] | msgspec.UnsetType = msgspec.UNSET


class _Raw(wire.Input):
    """The same with points left as they came: they are read as columns at once."""

    source: wire.Key
    points: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    rows: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class SeriesStored(wire.Output):
    """How many points were new, the same as known, changed."""

    new: int
    same: int
    changed: int


class SeriesListed(wire.Output):
    """One series: `n` points from `from` to `to`."""

    measure: str
    source: str
    unit: str
    n: int
    start: float = msgspec.field(name="from")
    to: float


class SeriesList(wire.Output):
    """Every series of the account that the caller may read."""

    series: list[SeriesListed]


class SourcePoints(wire.Output):
    """Points of one source, or buckets: then `t` is where each begins and `end` where all end."""

    source: str
    t: list[float]
    v: list[float] | None = None
    e: list[float] | None = None
    o: list[int | None] | None = None
    end: float | None = None
    n: list[int] | None = None
    min: list[float | None] | None = None
    max: list[float | None] | None = None
    mean: list[float | None] | None = None


class SeriesOut(wire.Output):
    """Points or buckets of a measure, by source; times in Unix seconds."""

    measure: str
    series: list[SourcePoints]


def _width(text: str) -> int:
    found = _WIDTH.fullmatch(text)
    if found is None or not int(found[1]):
        raise InvalidInput("seconds, or a width like 5m, 1h, 1d", field="width")
    return int(found[1]) * _UNITS[found[2]]


def _joined(measure: str, parts: list[tuple[str, bytes]]) -> bytes:
    each = [b'{"source":' + wire.encode(source) + b"," + part[1:] for source, part in parts]
    return b'{"measure":' + wire.encode(measure) + b',"series":[' + b",".join(each) + b"]}"


def _in_path(fn: Callable[[], T]) -> T:
    """Run `fn`; the measure stands in the path, so an unknown one is not found."""
    try:
        return fn()
    except UnknownReference as error:
        if error.field == "measure":
            raise NotFound(error.message) from None
        raise


async def get(call: Call) -> Response:
    """Answer points or buckets."""
    from diurnal.model import series as points

    asked: SeriesQuery = call.query
    measure = call.path["measure"]
    end = call.ctx.now() if asked.to is None else wire.instant(asked.to, "to")
    start = end - time.DAY if asked.start is None else wire.instant(asked.start, "from")
    if start >= end:
        raise InvalidInput("from is not before to", field="from")
    count = asked.buckets
    if asked.width is not None:
        if count is not None:
            raise InvalidInput("give either width or buckets", field="width")
        width = _width(asked.width)
        count = -(-(end - start) // width)
        if count > BUCKETS_MAX:
            raise InvalidInput(f"at most {BUCKETS_MAX} buckets", field="width")
        end = start + count * width

    def read(tx: Tx) -> bytes:
        caller, ctx = call.caller, call.ctx
        if count is None:
            found = _in_path(
                lambda: series.read(tx, ctx, caller, measure, start, end, source=asked.source)
            )
            return _joined(measure, [(name, points.to_json(cols)) for name, cols in found])
        made = _in_path(
            lambda: series.buckets(tx, ctx, caller, measure, start, end, count, source=asked.source)
        )
        return _joined(measure, [(name, points.buckets_to_json(b)) for name, b in made])

    return await endpoint.cached(call, read, moment=end if asked.to is None else 0)


async def get_many(call: Call) -> Response:
    """Answer which series there are."""

    def listed(tx: Tx) -> bytes:
        state = call.ctx.state(tx, call.caller.account_id)
        shown = []
        for s in series.listed(tx, call.ctx, call.caller):
            measure = state.measure(s.measure)
            shown.append(
                SeriesListed(
                    measure=s.measure,
                    source=s.source,
                    unit=measure.unit if measure else "1",
                    n=s.n,
                    start=seconds(s.first),
                    to=seconds(s.last),
                )
            )
        return wire.encode(SeriesList(series=shown))

    return await endpoint.cached(call, listed)


def _prepare(raw: bytes) -> tuple[str, list[Prepared]]:
    from diurnal.model import series as points

    rest, arrays = points.cut_arrays(raw) or (raw, [])
    body = wire.read_body(_Raw, rest)
    if isinstance(body.points, msgspec.Raw) == isinstance(body.rows, msgspec.Raw):
        raise InvalidInput("give either points or rows", field="points")
    if isinstance(body.points, msgspec.Raw):
        cols = points.from_json(body.points, arrays)
    elif isinstance(body.rows, msgspec.Raw):
        cols = points.rows_from_json(body.rows)
    if len(cols) > series.POINTS_MAX:
        raise InvalidInput(f"at most {series.POINTS_MAX} points", field="points")
    return body.source, series.prepare(cols)


async def create(call: Call) -> Response:
    """Store points."""
    raw = call.raw
    measure = call.path["measure"]
    small = len(raw) <= INLINE_BYTES
    source, parts = _prepare(raw) if small else await http.blocking(lambda: _prepare(raw))
    counts = await http.write(
        call.ctx,
        lambda tx: _in_path(
            lambda: series.write(tx, call.ctx, call.caller, measure, source, parts)
        ),
    )
    return endpoint.answer(SeriesStored(new=counts.new, same=counts.same, changed=counts.changed))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/series",
        name="series.list",
        summary="Read which series there are",
        answer=(SeriesList,),
        handler=get_many,
    ),
    Endpoint(
        method="GET",
        path="/series/{measure}",
        name="series.get",
        summary="Read points, or buckets of them",
        query=SeriesQuery,
        answer=(SeriesOut,),
        handler=get,
    ),
    Endpoint(
        method="POST",
        path="/series/{measure}",
        name="series.create",
        summary="Store points",
        body=(SeriesNew,),
        answer=(SeriesStored,),
        reads_body=False,
        body_bytes_max=body_bytes_max,
        handler=create,
    ),
)
