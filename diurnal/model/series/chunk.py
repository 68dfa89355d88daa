"""The bytes of a chunk: the points of one span, each column in the fewest bytes."""

from __future__ import annotations

import threading
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import zstandard

from diurnal.errors import TooLarge
from diurnal.model.series.points import EMPTY, Columns, Floats, Ints, Offsets, heads

POINTS_MAX = 8_640_000
"""Points in one chunk: 100 a second for a day. A chunk of constant columns takes few bytes
however many its points are, so only this bounds what a damaged one can allocate."""
VERSION = 1
DECIMALS_MAX = 9
WIDTHS = (0, 1, 2, 4, 8)
EXACT = 2.0**53
"""Integers below it are exact as float64."""

# Chunks. Byte 0 is the version, bytes 1 to 4 the CRC-32 of what follows: one byte of flags, the
# head of variable-length integers that describes the columns, then their bytes, compressed where
# that is shorter. A column of integers is stored as distances from its least, in the fewest
# bytes that hold the greatest, all first bytes together, then all second ones: rare large steps
# (a watch taken off) then cost next to nothing.

_COMPRESSED = 1
_FLOAT = 15
"""In place of the number of decimals: values as they are."""
_DELTA = 16
_INT64 = 2**63
_UINT64 = 2**64
_UNITS = (1, 1_000, 1_000_000)
_WINDOW_MAX = 1 << 23

# The C library hands memory back to the system after every column of a day (0.7 MB) and has it
# cleared again for the next, until it has once seen a larger piece come and go: half the time of
# a chunk. The piece is never touched, so it costs no memory.
del (_piece := [np.empty(1 << 24, np.uint8)])[0]

_local = threading.local()  # compressors must not be shared between threads


def _compress(data: bytes) -> bytes:
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=1)
    packed: bytes = _local.compressor.compress(data)
    return packed


def _decompress(data: bytes | memoryview, size: int) -> bytes:
    """Return `size` bytes; the frame's own words about its size are checked before use."""
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    try:
        frame = zstandard.get_frame_parameters(data)
        if frame.content_size != size or frame.window_size > max(size, _WINDOW_MAX):
            raise ValueError("chunk of another size than it says")
        found: bytes = _local.decompressor.decompress(data, max_output_size=size)
    except zstandard.ZstdError as error:
        raise ValueError("chunk cannot be decompressed") from error
    if len(found) != size:
        raise ValueError("chunk is cut off")
    return found


def _put(head: bytearray, number: int) -> None:
    while number > 127:
        head.append(number & 127 | 128)
        number >>= 7
    head.append(number)


def _put_signed(head: bytearray, number: int) -> None:
    _put(head, number << 1 if number >= 0 else ~number << 1 | 1)


class _Reader:
    """Reads the head of a chunk."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def byte(self) -> int:
        if self.at >= len(self.data):
            raise ValueError("chunk is cut off")
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        found = shift = 0
        while True:
            part = self.byte()
            found |= (part & 127) << shift
            if part < 128:
                break
            shift += 7
        if found >= _UINT64:
            raise ValueError("chunk with a number out of range")
        return found

    def signed(self) -> int:
        found = self.number()
        return ~(found >> 1) if found & 1 else found >> 1


def _planes(column: npt.NDArray[Any]) -> bytes:
    if column.dtype.itemsize == 1:
        return column.tobytes()
    return column.view(np.uint8).reshape(len(column), -1).T.tobytes()


def _from_planes(data: memoryview, dtype: str, n: int) -> npt.NDArray[Any]:
    width = np.dtype(dtype).itemsize
    raw = np.frombuffer(data, np.uint8, n * width)
    if width == 1:
        return raw
    return np.ascontiguousarray(raw.reshape(width, n).T).view(dtype)[:, 0]


def _pack(column: npt.NDArray[Any]) -> tuple[int, int, bytes]:
    """Return (code of the width, least number, bytes) of int64 or uint64."""
    if not len(column):
        return 0, 0, b""
    low, high = int(column.min()), int(column.max())
    code = next(c for c, width in enumerate(WIDTHS) if high - low < 1 << 8 * width)
    if not code:
        return 0, low, b""
    narrow = (column - column.dtype.type(low)).astype(f"<u{WIDTHS[code]}")
    return code, low, _planes(narrow)


def _unpack(data: memoryview, code: int, n: int) -> npt.NDArray[Any]:
    """Return the distances from the least number, in their narrow type."""
    return _from_planes(data, f"<u{WIDTHS[code]}", n)


def _pack_times(times: npt.NDArray[np.uint64]) -> tuple[int, int, bytes]:
    """Return (code of width and unit, least, bytes) of durations in microseconds."""
    if not len(times) or (times == times[0]).all():
        return 0, int(times[0]) if len(times) else 0, b""
    for unit in (2, 1):
        whole = times[:64] // _UNITS[unit] * _UNITS[unit]
        if (whole == times[:64]).all():
            counts = times // np.uint64(_UNITS[unit])
            if (counts * np.uint64(_UNITS[unit]) == times).all():
                code, low, data = _pack(counts)
                return code | unit << 4, low, data
    return _pack(times)


def _unpack_times(data: memoryview, code: int, low: int, n: int) -> npt.NDArray[np.uint64] | int:
    """Return durations in microseconds; an int where all are the same."""
    unit = _UNITS[code >> 4]
    if low * unit >= _UINT64:
        raise ValueError("chunk with a time out of range")
    if not code & 15:
        return low * unit
    counts = _unpack(data, code & 15, n)
    if (int(counts.max()) + low) * unit >= _UINT64:
        raise ValueError("chunk with a time out of range")
    times = counts.astype(np.uint64)
    times += np.uint64(low)
    if unit > 1:
        times *= np.uint64(unit)
    return times


def _scaled(value: Floats, most: float) -> tuple[int, npt.NDArray[Any]] | None:
    """Return the fewest decimals that hold every value exactly, and the values times 10**them.

    A quotient of two exactly representable numbers is rounded to the nearest, as the decimal
    number was when it was read, so dividing gives back the same bits.
    """
    sample = value[:128]
    for decimals in range(DECIMALS_MAX + 1):
        scale = 10.0**decimals
        if most * scale >= EXACT / 4:  # so that distances between steps are exact too
            return None
        if not (np.rint(sample * scale) / scale == sample).all():
            continue
        whole = np.rint(value * scale) if decimals else np.rint(value)
        if ((whole / scale if decimals else whole) == value).all():
            return decimals, whole.astype(np.int32 if most * scale < 2**28 else np.int64)
    return None


def _pack_values(head: bytearray, value: Floats) -> bytes:
    low, high = float(value.min()), float(value.max())
    if not np.isfinite(low) or not np.isfinite(high):
        raise ValueError("a value is not finite")
    found = _scaled(value, max(abs(low), abs(high)))
    if found is None:
        head.append(_FLOAT)
        return _planes(np.ascontiguousarray(value + 0.0, "<f8"))
    decimals, whole = found
    steps = np.diff(whole)
    # What wanders is shorter as steps, what scatters about a level as it is.
    if len(steps) and np.abs(steps).sum() < np.abs(whole - int(whole.mean())).sum():
        code, least, data = _pack(steps)
        head.append(decimals | _DELTA | code << 5)
        _put_signed(head, int(whole[0]))
    else:
        code, least, data = _pack(whole)
        head.append(decimals | code << 5)
    _put_signed(head, least)
    return data


def encode(cols: Columns) -> bytes:
    """Return points as the bytes of a chunk, without loss but for -0.0, which becomes 0.0.

    Raises:
        TooLarge: more than `POINTS_MAX` points.
        ValueError: a value is not finite.
    """
    n = len(cols)
    if n > POINTS_MAX:
        raise TooLarge(f"more than {POINTS_MAX} points of one series in a day", limit=POINTS_MAX)
    head = bytearray()
    _put(head, n)
    if not n:
        return _sealed(head, b"")
    start = np.ascontiguousarray(cols.start).view(np.uint64)
    _put_signed(head, int(cols.start[0]))
    parts = []
    for times in (start[1:] - start[:-1], np.ascontiguousarray(cols.end).view(np.uint64) - start):
        code, low, data = _pack_times(times)
        head.append(code)
        _put(head, low)
        parts.append(data)
    parts.append(_pack_values(head, cols.value))
    parts.append(_pack_offsets(head, cols.offset))
    return _sealed(head, b"".join(parts))


def _pack_offsets(head: bytearray, offset: Offsets | None) -> bytes:
    """Put the number of runs of equal offsets; one run stands in the head, more follow as bytes."""
    if offset is None:
        head.append(0)
        return b""
    first = np.flatnonzero(heads(offset))
    _put(head, len(first))
    if len(first) == 1:
        _put_signed(head, int(offset[0]))
        return b""
    lengths = np.diff(first, append=len(offset)).astype("<u4")
    return _planes(lengths) + _planes(offset[first].astype("<i2"))


def _sealed(head: bytearray, body: bytes) -> bytes:
    packed = _compress(body) if len(body) > 64 else body
    flags = _COMPRESSED if len(packed) < len(body) else 0
    rest = bytes((flags,)) + head + (packed if flags else body)
    return bytes((VERSION,)) + zlib.crc32(rest).to_bytes(4, "little") + rest


def _opened(data: bytes) -> tuple[bool, _Reader]:
    if len(data) < 6 or data[0] != VERSION:
        raise ValueError("not a chunk of a version that we know")
    if zlib.crc32(memoryview(data)[5:]) != int.from_bytes(data[1:5], "little"):
        raise ValueError("chunk is damaged")
    return data[5] == _COMPRESSED, _Reader(data, 6)


def _body(head: _Reader, compressed: bool, size: int) -> memoryview:
    rest = memoryview(head.data)[head.at :]
    if compressed:
        return memoryview(_decompress(rest, size))
    if len(rest) != size:
        raise ValueError("chunk is cut off")
    return rest


def _time_code(head: _Reader) -> tuple[int, int]:
    code, low = head.byte(), head.number()
    if code & 15 >= len(WIDTHS) or code >> 4 >= len(_UNITS):
        raise ValueError("chunk with an unknown kind of column")
    return code, low


def decode(data: bytes) -> Columns:
    """Return the points of a chunk.

    Raises:
        ValueError: not a chunk, or a damaged one.
    """
    compressed, head = _opened(data)
    n = head.number()
    if n > POINTS_MAX:
        raise ValueError("chunk with too many points")
    if not n:
        return EMPTY
    first = head.signed()
    step_code, step_low = _time_code(head)
    length_code, length_low = _time_code(head)
    kind = head.byte()
    decimals, code = kind & 15, kind >> 5
    initial = head.signed() if decimals != _FLOAT and kind & _DELTA else None
    least = head.signed() if decimals != _FLOAT else 0
    if decimals == _FLOAT:
        code = len(WIDTHS) - 1
    elif decimals > DECIMALS_MAX or code >= len(WIDTHS):
        raise ValueError("chunk with an unknown kind of column")
    runs = head.number()
    if runs > n:
        raise ValueError("chunk with more offsets than points")
    offset_all = head.signed() if runs == 1 else 0
    rows = n - (initial is not None)
    sizes = [
        (n - 1) * WIDTHS[step_code & 15],
        n * WIDTHS[length_code & 15],
        rows * WIDTHS[code],
        runs * 6 if runs > 1 else 0,
    ]
    body = _body(head, compressed, sum(sizes))
    parts, at = [], 0
    for size in sizes:
        parts.append(body[at : at + size])
        at += size
    start = _starts(first, _unpack_times(parts[0], step_code, step_low, n - 1), n)
    lengths = _unpack_times(parts[1], length_code, length_low, n)
    end = start
    if not isinstance(lengths, int) or lengths:
        if isinstance(lengths, int):
            lengths = np.full(1, lengths % _UINT64, np.uint64)
        end = (start.view(np.uint64) + lengths).view(np.int64)
        if (end < start).any():
            raise ValueError("chunk with an end before its start")
    if decimals == _FLOAT:
        value = _from_planes(parts[2], "<f8", n)
        if not np.isfinite(value).all():
            raise ValueError("chunk with a value that is not finite")
    else:
        value = _values(parts[2], code, initial, least, n)
        if decimals:
            value /= 10.0**decimals
    return Columns(start, end, value, _unpack_offsets(parts[3], runs, offset_all, n))


def _starts(first: int, steps: npt.NDArray[np.uint64] | int, n: int) -> Ints:
    if isinstance(steps, int):
        if first + steps * (n - 1) >= _INT64:
            raise ValueError("chunk with a time out of range")
        if not steps:
            return np.full(n, first, np.int64)
        at = np.arange(n, dtype=np.uint64)
        at *= np.uint64(steps)
        at += np.uint64(first % _UINT64)
        return at.view(np.int64)
    start = np.empty(n, np.uint64)
    start[0] = first % _UINT64
    start[1:] = steps
    np.cumsum(start, out=start)
    found = start.view(np.int64)
    if (found[1:] < found[:-1]).any():
        raise ValueError("chunk with times out of order")
    return found


def _values(data: memoryview, code: int, initial: int | None, least: int, n: int) -> Floats:
    if not -_INT64 <= least < _INT64 or not -_INT64 <= (initial or 0) < _INT64:
        raise ValueError("chunk with a value out of range")
    # Every partial sum is one of the integers that were encoded, so exact as float64.
    whole = np.empty(n, np.float64)
    rows = whole if initial is None else whole[1:]
    if code:
        rows[:] = _unpack(data, code, len(rows))
        rows += least
    else:
        rows[:] = least
    if initial is not None:
        whole[0] = initial
        np.cumsum(whole, out=whole)
    return whole


def _unpack_offsets(data: memoryview, runs: int, every: int, n: int) -> Offsets | None:
    if not runs:
        return None
    if runs == 1:
        if not -32_768 <= every < 32_768:
            raise ValueError("chunk with an offset out of range")
        return np.full(n, every, np.int16)
    lengths = _from_planes(data[: 4 * runs], "<u4", runs).astype(np.int64)
    if int(lengths.sum()) != n:
        raise ValueError("chunk with more offsets than points")
    return np.repeat(_from_planes(data[4 * runs :], "<i2", runs).astype(np.int16), lengths)
