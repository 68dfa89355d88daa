"""Five-minute aggregates of a chunk, and the buckets that a plot is made of."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diurnal.errors import InvalidInput
from diurnal.model.series.chunk import DECIMALS_MAX, EXACT, VERSION, WIDTHS
from diurnal.model.series.points import SPAN, Columns, Floats, Ints
from diurnal.model.time import MINUTE

SLOT = 5 * MINUTE
"""Width of one aggregate."""
BUCKETS_MAX = 10_000

# Aggregates. A head of fixed places (version, CRC-32 of what follows it, layout, decimals, slots,
# then of each column its width and least number), then the columns as in a chunk but with each
# number's bytes together, not compressed: narrow columns are about as short as compressed ones,
# and a year of chunks is read column by column, in one go.

_SINGLE = 1
"""Every slot holds one point: its value alone is kept."""
_REAL = len(WIDTHS)
"""In place of a width: values as they are, not as scaled integers."""
_TYPES = ("", "<u1", "<u2", "<u4", "<u8", "<f8")
_SIZES = (*WIDTHS, 8)
_HEAD = struct.Struct("<BIBBHBBHq")
_HEAD_MORE = struct.Struct("<BBBIqq")
_SLOTS_MAX = 65_535


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Aggregates of five minutes each, by the start of their points.

    Attributes:
        start: int64[n], microseconds UTC, ascending within a chunk.
        n: int64[n], how many points start in the slot; at least 1.
        low, high, total: float64[n], least, greatest and sum of their values.
    """

    start: Ints
    n: Ints
    low: Floats
    high: Floats
    total: Floats


def aggregate(cols: Columns, span_start: int, span: int = SPAN) -> bytes:
    """Return the five-minute aggregates of the points of one span, as bytes.

    An interval counts whole in the slot of its start: least, greatest, number and mean are those
    of the values as written. Amounts by the clock (steps of an interval over 54 minutes) are not
    to be read from here. Sums are kept to a millionth of the values' last decimal.

    Raises:
        ValueError: a point starts outside the span.
    """
    if not len(cols):
        return b""
    if cols.start[0] < span_start or cols.start[-1] >= span_start + span:
        raise ValueError("a point starts outside the span")
    slots = -(-span // SLOT)
    if slots > _SLOTS_MAX:
        raise ValueError("span is too long")
    cuts = np.searchsorted(cols.start, span_start + SLOT * np.arange(slots + 1))
    n = np.diff(cuts)
    slot = np.flatnonzero(n)
    first, n = cuts[:-1][slot], n[slot]
    low = np.minimum.reduceat(cols.value, first)
    single = len(first) == len(cols)
    high = low if single else np.maximum.reduceat(cols.value, first)
    total = low if single else _sums(cols.value, first)
    decimals, fields = _scaled_slots(low, high, total)
    gap_code, gap_low, gaps = _pack_narrow(slot - np.arange(len(slot)))
    low_code, low_low, lows = _pack_narrow(fields[0])
    parts = [gaps, lows]
    more = b""
    if not single:
        n_code, n_low, numbers = _pack_narrow(n)
        high_code, high_low, highs = _pack_narrow(fields[1])
        total_code, total_low, totals = _pack_narrow(fields[2])
        more = _HEAD_MORE.pack(n_code, high_code, total_code, n_low, high_low, total_low)
        parts += [numbers, highs, totals]
    layout = _SINGLE if single else 0
    head = _HEAD.pack(VERSION, 0, layout, decimals, len(slot), gap_code, low_code, gap_low, low_low)
    rest = b"".join([head[5:], more, *parts])
    return bytes((VERSION,)) + zlib.crc32(rest).to_bytes(4, "little") + rest


def _sums(column: Floats, first: npt.NDArray[np.intp]) -> Floats:
    """Add up each stretch of rows; what is beyond float64 is its greatest number."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.nan_to_num(np.add.reduceat(column, first))


def _pack_narrow(column: npt.NDArray[Any]) -> tuple[int, int, bytes]:
    """Return (code of the width, least number, bytes) of int64 or float64."""
    if column.dtype.kind == "f":
        return _REAL, 0, column.astype("<f8").tobytes()
    low = int(column.min())
    spread = int(column.max()) - low
    code = next(c for c, width in enumerate(WIDTHS) if spread < 1 << 8 * width)
    return code, low, (column - low).astype(_TYPES[code]).tobytes() if code else b""


def _scaled_slots(
    low: Floats, high: Floats, total: Floats
) -> tuple[int, tuple[npt.NDArray[Any], ...]]:
    """Return the decimals and the columns as integers; as they are, where integers do not do."""
    for decimals in range(DECIMALS_MAX + 1):
        scale = 10.0**decimals
        sums = total * scale
        if max(-low.min(), high.max()) * scale >= EXACT or np.abs(sums).max() >= 2**43:
            break
        whole = tuple(np.rint(column * scale) for column in (low, high, total))
        if (
            (whole[0] / scale == low).all()
            and (whole[1] / scale == high).all()
            # Rounding takes away what adding floats has put on, and must not take more.
            and (np.abs(sums - whole[2]) < 1e-6).all()
        ):
            return decimals, tuple(column.astype(np.int64) for column in whole)
    return 0, (low, high, total)


def decode_aggregate(data: bytes, span_start: int = 0) -> Slots:
    """Return the aggregates of one chunk.

    Raises:
        ValueError: not aggregates, or damaged ones.
    """
    return _read_slots([(span_start, data)])


def _read_slots(chunks: Sequence[tuple[int, bytes]]) -> Slots:
    """Return the aggregates of many chunks, in no order."""
    groups: dict[tuple[int, ...], list[_Packed]] = {}
    for span_start, data in chunks:
        if data:
            codes, packed = _packed(span_start, data)
            groups.setdefault(codes, []).append(packed)
    found = [_read_group(codes, group) for codes, group in groups.items()]
    if not found:
        none = np.empty(0, np.int64)
        return Slots(none, none, none.astype(float), none.astype(float), none.astype(float))
    if len(found) == 1:
        return found[0]
    return Slots(
        np.concatenate([f.start for f in found]),
        np.concatenate([f.n for f in found]),
        np.concatenate([f.low for f in found]),
        np.concatenate([f.high for f in found]),
        np.concatenate([f.total for f in found]),
    )


_Packed = tuple[int, int, int, tuple[int, ...], memoryview]
"""Start of the span, decimals, number of slots, least numbers, bytes of the columns."""


def _packed(span_start: int, data: bytes) -> tuple[tuple[int, ...], _Packed]:
    """Read and check a head; return the columns' widths (gap, low[, n, high, total]) and rest."""
    if len(data) < _HEAD.size or data[0] != VERSION:
        raise ValueError("not aggregates of a version that we know")
    _, crc, layout, decimals, slots, gap_code, low_code, gap, low = _HEAD.unpack_from(data)
    if zlib.crc32(memoryview(data)[5:]) != crc:
        raise ValueError("aggregates are damaged")
    codes: tuple[int, ...] = (gap_code, low_code)
    least: tuple[int, ...] = (gap, low)
    at = _HEAD.size
    if layout != _SINGLE:
        if layout or len(data) < at + _HEAD_MORE.size:
            raise ValueError("aggregates of an unknown kind")
        n_code, high_code, total_code, n, high, total = _HEAD_MORE.unpack_from(data, at)
        codes = (gap_code, low_code, n_code, high_code, total_code)
        least = (gap, low, n, high, total)
        at += _HEAD_MORE.size
    if max(codes) > _REAL or not slots or decimals > DECIMALS_MAX:
        raise ValueError("aggregates of an unknown kind")
    if len(data) != at + slots * sum([_SIZES[code] for code in codes]):
        raise ValueError("aggregates are cut off")
    return codes, (span_start, decimals, slots, least, memoryview(data)[at:])


def _read_group(codes: tuple[int, ...], group: list[_Packed]) -> Slots:
    """Return the aggregates of chunks whose columns have the same widths."""
    spans, decimals, sizes = (np.array([packed[i] for packed in group]) for i in range(3))
    found = []
    before = 0
    for i, code in enumerate(codes):
        least = np.array([packed[3][i] for packed in group], np.int64)
        width = _SIZES[code]
        column: npt.NDArray[Any] = np.repeat(least, sizes)
        if width:
            parts = [body[before * n : (before + width) * n] for _, _, n, _, body in group]
            numbers = np.frombuffer(b"".join(parts), _TYPES[code])
            column = numbers if code == _REAL else column + numbers.astype(np.int64)
        found.append(column)
        before += width
    gap, low = found[:2]
    n, high, total = found[2:] if len(found) > 2 else (np.ones(len(low), np.int64), low, low)
    if gap.dtype.kind == "f" or n.dtype.kind == "f" or (n < 1).any():
        raise ValueError("aggregates of an unknown kind")
    slot = gap + np.arange(len(gap)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    scale = np.repeat(10.0**decimals, sizes) if decimals.any() else 1.0
    low, high, total = (
        column.astype(np.float64)
        if column.dtype.kind == "f" or not decimals.any()
        else column / scale
        for column in (low, high, total)
    )
    if _REAL in codes and not all(np.isfinite(column).all() for column in (low, high, total)):
        raise ValueError("aggregates that are not finite")
    return Slots(np.repeat(spans, sizes) + slot * SLOT, n, low, high, total)


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """`width` equal parts of [start, end): bucket i begins at `edges[i]`.

    Attributes:
        edges: int64[width + 1], microseconds UTC.
        n: int64[width], how many points start in the bucket.
        low, high, mean: float64[width], NaN where a bucket is empty.
    """

    edges: Ints
    n: Ints
    low: Floats
    high: Floats
    mean: Floats


def from_aggregates_ok(start: int, end: int, width: int) -> bool:
    """Return whether aggregates serve for `width` buckets of [start, end).

    They do where the edges fall on slots, and where a bucket is at least four slots long: an edge
    within a slot moves at most a quarter of a bucket. Narrower ones are made from the points,
    which are then few.
    """
    _check_width(start, end, width)
    length = end - start
    return length >= 4 * SLOT * width or (start % SLOT == 0 and length % (SLOT * width) == 0)


def buckets(chunks: Sequence[tuple[int, bytes]], start: int, end: int, width: int) -> Buckets:
    """Return `width` buckets of [start, end) from aggregates, given as (start of span, bytes).

    Each five-minute slot counts in the bucket that holds its start, so up to five minutes beside
    an edge may stand on its other side. Slots that are not wholly within [start, end) are left
    out: nothing from outside shows. A point that two chunks hold counts twice.

    Raises:
        ValueError: damaged aggregates.
    """
    edges = _edges(start, end, width)
    slots = _read_slots(chunks)
    order = slice(None)
    if not (slots.start[1:] >= slots.start[:-1]).all():
        order = np.argsort(slots.start, kind="stable")  # type: ignore[assignment]
    at = slots.start[order]
    cuts = np.searchsorted(at, edges)
    cuts = np.minimum(cuts, np.searchsorted(at, end - SLOT, "right"))
    return _reduce(
        edges, cuts, slots.low[order], slots.high[order], slots.total[order], slots.n[order]
    )


def buckets_exact(cols: Columns, start: int, end: int, width: int) -> Buckets:
    """Return `width` buckets of [start, end) from the points that start in each."""
    edges = _edges(start, end, width)
    cuts = np.searchsorted(cols.start, edges)
    return _reduce(edges, cuts, cols.value, cols.value, cols.value, None)


def _check_width(start: int, end: int, width: int) -> None:
    if not 1 <= width <= BUCKETS_MAX:
        raise InvalidInput(f"width must be 1 to {BUCKETS_MAX}", field="width")
    if start >= end:
        raise InvalidInput("the range is empty", field="end")


def _edges(start: int, end: int, width: int) -> Ints:
    _check_width(start, end, width)
    whole, left = divmod(end - start, width)
    part = np.arange(width + 1)
    return start + whole * part + left * part // width


def _reduce(
    edges: Ints,
    cuts: npt.NDArray[np.intp],
    low: Floats,
    high: Floats,
    total: Floats,
    n: Ints | None,
) -> Buckets:
    """Reduce the rows between `cuts`; without `n` each row is one point."""
    width = len(edges) - 1
    counts = np.diff(cuts).astype(np.int64)
    least, greatest, mean = (np.full(width, np.nan) for _ in range(3))
    filled = np.flatnonzero(counts)
    if len(filled):
        first, last = cuts[filled], int(cuts[-1])
        if n is not None:
            counts[filled] = np.add.reduceat(n[:last], first)
        least[filled] = np.minimum.reduceat(low[:last], first)
        greatest[filled] = np.maximum.reduceat(high[:last], first)
        mean[filled] = _sums(total[:last], first) / counts[filled]
    return Buckets(edges, counts, least, greatest, mean)
