"""Tracks: points of several fields that hang on one event, by nanoseconds since it began."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import zstandard

from diurnal.errors import InvalidInput, TooLarge

Ints = npt.NDArray[np.int64]
Column = Any
"""float64[n] with NaN where nothing is said, or object[n] of text or None."""

NS = 1_000_000_000
SPAN_NS = 600 * NS
"""Length of a chunk."""
DELTA_MAX = 200 * 366 * 86_400
"""Seconds from the event's time."""
BYTES_MAX = 1 << 30
_LEVEL = 1


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Points in ascending order of their delta, each delta once.

    Attributes:
        delta: int64[n], nanoseconds.
        fields: name -> column.
    """

    delta: Ints
    fields: dict[str, Column]

    def __len__(self) -> int:
        return len(self.delta)

    def take(self, rows: Any) -> Track:
        """Return the points at `rows`."""
        return Track(self.delta[rows], {n: c[rows] for n, c in self.fields.items()})

    def between(self, start: int | None, end: int | None) -> Track:
        """Return the points in [start, end), nanoseconds."""
        first = 0 if start is None else int(np.searchsorted(self.delta, start))
        last = len(self) if end is None else int(np.searchsorted(self.delta, end))
        return self.take(slice(first, max(first, last)))


def track(delta_s: Column, fields: dict[str, Column]) -> Track:
    """Return points given in any order; of those with the same delta the last one.

    Raises:
        InvalidInput: a delta that cannot be.
    """
    seconds = np.asarray(delta_s, np.float64)
    if len(seconds) and not (np.abs(seconds) <= DELTA_MAX).all():  # NaN is not, either
        raise InvalidInput("a deltaTime is out of range", field="points")
    delta = np.rint(seconds * NS).astype(np.int64)
    made = Track(delta, fields)
    if len(delta) > 1 and not (delta[1:] > delta[:-1]).all():
        order = np.argsort(delta, kind="stable")
        ordered = delta[order]
        last = np.append(ordered[1:] != ordered[:-1], True)
        made = made.take(order[last])
    return made


def numbers(rows: Sequence[Sequence[float]], width: int) -> npt.NDArray[np.float64]:
    """Return rows of numbers as a table of `width` columns."""
    flat = np.fromiter(chain.from_iterable(rows), np.float64, len(rows) * width)
    return flat.reshape(len(rows), width)


def merged(old: Track, new: Track) -> Track:
    """Return both, points of `new` in place of those of `old` with the same delta."""
    if not len(old):
        return new
    if not len(new) or old.delta[-1] < new.delta[0]:
        return _joined([old, new])
    kept = old.take(~np.isin(old.delta, new.delta, assume_unique=True))
    both = _joined([kept, new])
    return both.take(np.argsort(both.delta, kind="stable"))


def _joined(parts: Sequence[Track]) -> Track:
    names = list(dict.fromkeys(chain.from_iterable(p.fields for p in parts)))
    return Track(
        np.concatenate([p.delta for p in parts]),
        {
            n: np.concatenate([p.fields.get(n, _blank(parts, n, len(p))) for p in parts])
            for n in names
        },
    )


def _blank(parts: Sequence[Track], name: str, n: int) -> Column:
    text = any(name in p.fields and p.fields[name].dtype.hasobject for p in parts)
    return np.array([None] * n, object) if text else np.full(n, np.nan)


def united(parts: Sequence[Track]) -> Track:
    """Return the points of chunks that follow each other."""
    return _joined(parts) if parts else Track(np.empty(0, np.int64), {})


def spans(points: Track) -> Iterator[tuple[int, Track]]:
    """Yield (start of the span, its points)."""
    if not len(points):
        return
    span = points.delta // SPAN_NS
    cuts = [0, *(np.flatnonzero(span[1:] != span[:-1]) + 1).tolist(), len(points)]
    for first, last in pairwise(cuts):
        yield int(span[first]) * SPAN_NS, points.take(slice(first, last))


def encode(points: Track) -> bytes:
    """Return points as they are stored."""
    packed = {
        "t": points.delta.astype("<i8").tobytes(),
        "f": {
            n: c.tolist() if c.dtype == object else c.astype("<f8").tobytes()
            for n, c in points.fields.items()
        },
    }
    return zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode(packed))


def decode(data: bytes) -> Track:
    """Return stored points.

    Raises:
        TooLarge: they would not fit memory.
    """
    if zstandard.frame_content_size(data) > BYTES_MAX:
        raise TooLarge("a chunk is too large", limit=BYTES_MAX)
    packed = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(data))
    return Track(
        np.frombuffer(packed["t"], "<i8"),
        {
            n: np.array(c, object) if isinstance(c, list) else np.frombuffer(c, "<f8")
            for n, c in packed["f"].items()
        },
    )


def said(points: Track) -> list[str]:
    """Return the fields of which anything is said."""
    return [n for n, c in points.fields.items() if _says(c)]


def _says(column: Column) -> bool:
    if column.dtype == object:
        return any(v is not None for v in column)
    return not bool(np.isnan(column).all())


def rows(points: Track, fields: Sequence[str]) -> list[list[Any]]:
    """Return points as rows: seconds, then each field, None where nothing is said."""
    columns = [(points.delta / NS).tolist()]
    for name in fields:
        column = points.fields[name]
        listed = column.tolist()
        if column.dtype != object and np.isnan(column).any():
            listed = [None if v != v else v for v in listed]
        columns.append(listed)
    return [list(row) for row in zip(*columns, strict=True)]
