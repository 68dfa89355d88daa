"""Points as columns: checked, sorted, split, merged and united."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from diurnal.errors import InvalidInput
from diurnal.model.time import DAY, TIME_MAX, TIME_MIN

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Offsets = npt.NDArray[np.int16]

SPAN = DAY
"""Length of a chunk; each chunk is stored with its span's start, so a later value can differ."""
NO_OFFSET = -32_768
"""In a column of offsets: this point's is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Points in ascending order of (start, end, value); `columns` checks and sorts.

    Attributes:
        start: int64[n], microseconds UTC.
        end: int64[n]; equal to `start` for instants.
        value: float64[n], finite.
        offset: int16[n], minutes east of UTC, `NO_OFFSET` where unknown; None: all unknown.
    """

    start: Ints
    end: Ints
    value: Floats
    offset: Offsets | None = None

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: Any) -> Columns:
        """Return the points at `rows`: a slice, a mask or ascending positions."""
        offset = None if self.offset is None else self.offset[rows]
        return Columns(self.start[rows], self.end[rows], self.value[rows], offset)

    def slice_time(self, start: int, end: int, *, overlapping: bool = False) -> Columns:
        """Return the points that start in [start, end); `overlapping`: that touch it at all."""
        last = int(np.searchsorted(self.start, end))
        first = int(np.searchsorted(self.start, start))
        if overlapping and (self.end[:first] > start).any():
            rows = np.flatnonzero(self.end[:last] > start)
            return self.take(np.union1d(rows, np.arange(first, last)))
        return self.take(slice(first, max(first, last)))

    def same_as(self, other: Columns) -> bool:
        """Return whether both hold the same points, offsets included."""
        return (
            np.array_equal(self.start, other.start)
            and np.array_equal(self.end, other.end)
            and np.array_equal(self.value, other.value)
            and np.array_equal(_offsets(self), _offsets(other))
        )


EMPTY = Columns(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))


def columns(
    start: npt.ArrayLike,
    value: npt.ArrayLike,
    end: npt.ArrayLike | None = None,
    offset: npt.ArrayLike | None = None,
    *,
    last_wins: bool = False,
) -> Columns:
    """Check points, sort them, and return them as columns; `array('q')` is not copied.

    Args:
        start: microseconds UTC.
        value: finite; -0.0 becomes 0.0.
        end: not before `start`; None: instants.
        offset: minutes east of UTC, `NO_OFFSET` where unknown.
        last_wins: of points with the same start and end keep the one written last.

    Raises:
        InvalidInput: columns of different lengths, or a time or value out of range.
    """
    starts = _as(start, np.int64, "start")
    values: Floats = _as(value, np.float64, "value")
    ends = starts if end is None else _as(end, np.int64, "end")
    offsets = None if offset is None else _as(offset, np.int16, "offset")
    lengths = {len(c) for c in (starts, values, ends, offsets) if c is not None}
    if len(lengths) > 1:
        raise InvalidInput("columns differ in length", field="points")
    if not len(starts):
        return EMPTY
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low) or not np.isfinite(high):
        raise InvalidInput("a value is not a finite number", field="value")
    if low <= 0.0 <= high:
        values = values + 0.0
    if int(starts.min()) < TIME_MIN or int(ends.max()) > TIME_MAX:
        raise InvalidInput("a time is out of range", field="start")
    if ends is not starts and (ends < starts).any():
        raise InvalidInput("an end is before its start", field="end")
    if offsets is not None and (offsets == NO_OFFSET).all():
        offsets = None
    made = Columns(starts, ends, values, offsets)
    if last_wins and not (starts[1:] > starts[:-1]).all():
        order = np.lexsort((ends, starts))
        made = _last_of_each(made.take(order))
    return _in_order(made)


def concat(parts: Sequence[Columns]) -> Columns:
    """Return all points of `parts`, in order, repeated ones included."""
    parts = [p for p in parts if len(p)]
    if len(parts) < 2:
        return parts[0] if parts else EMPTY
    offset = None
    if any(p.offset is not None for p in parts):
        offset = np.concatenate([_offsets(p) for p in parts])
    return _in_order(
        Columns(
            np.concatenate([p.start for p in parts]),
            np.concatenate([p.end for p in parts]),
            np.concatenate([p.value for p in parts]),
            offset,
        )
    )


def union(parts: Sequence[Columns]) -> Columns:
    """Return the points of `parts` (newest last), identical (start, end, value) only once.

    Where the same point comes with several offsets, the newest known one stays.
    """
    return _distinct(concat(parts))


def span_of(at: int, span: int = SPAN) -> int:
    """Return the start of the span that holds instant `at`."""
    return at // span * span


def split_spans(cols: Columns, span: int = SPAN) -> list[tuple[int, Columns]]:
    """Return the points by span, as (start of the span, its points), ascending."""
    if not len(cols):
        return []
    first, last = span_of(int(cols.start[0]), span), span_of(int(cols.start[-1]), span)
    if first == last:
        return [(first, cols)]
    keys = cols.start // span
    cuts = [0, *(np.flatnonzero(keys[1:] != keys[:-1]) + 1).tolist(), len(cols)]
    return [(int(keys[a]) * span, cols.take(slice(a, b))) for a, b in pairwise(cuts)]


def merge(old: Columns, new: Columns, *, replace: bool) -> tuple[Columns, int, int, int]:
    """Add `new` to `old` and return (points, how many were new, the same, changed).

    A point with the same start, end and value is the same. With `replace`, a point with the start
    and end of old ones takes their place; without, all values stay side by side. A known new
    offset always takes the place of an old one and is not counted. `old` holds no point twice,
    as every merge leaves it; of points within `new` that exclude each other the greatest stays,
    the others count as the same.
    """
    given = len(new)
    new = _last_of_each(new) if replace else _distinct(new)
    if not len(new):
        return old, 0, 0, 0
    repeated = given - len(new)
    if not len(old) or new.start[0] > old.start[-1]:
        return concat([old, new]), len(new), repeated, 0
    if old.same_as(new):
        return old, 0, given, 0
    starts = np.unique(new.start)
    low = np.searchsorted(old.start, starts, "left")
    size = np.searchsorted(old.start, starts, "right") - low
    rows = np.repeat(low, size) + np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    touched = old.take(rows)
    if replace:
        mixed, n_new, n_same, n_changed = _replace(touched, new)
    else:
        mixed, n_changed = union([touched, new]), 0
        n_new = len(mixed) - len(touched)
        n_same = len(new) - n_new
    rest = np.ones(len(old), bool)
    rest[rows] = False
    return _insert(old.take(rest), mixed), n_new, n_same + repeated, n_changed


def difference(new: Columns, old: Columns) -> Columns:
    """Return the points of `new` that `old` does not hold with the same start, end and value."""
    return _left_out(new, old, by_value=True)


def without_times(old: Columns, new: Columns) -> Columns:
    """Return the points of `old` whose (start, end) no point of `new` has."""
    return _left_out(old, new, by_value=False)


def _left_out(kept: Columns, other: Columns, *, by_value: bool) -> Columns:
    if not len(kept) or not len(other):
        return kept
    if kept.start[0] > other.start[-1] or kept.start[-1] < other.start[0]:
        return kept
    start = np.concatenate([other.start, kept.start])
    end = np.concatenate([other.end, kept.end])
    value = np.concatenate([other.value, kept.value])
    mine = np.arange(len(start)) >= len(other)
    keys = (start, end, value) if by_value else (start, end)
    order = np.lexsort((mine, *reversed(keys)))
    run = np.cumsum(heads(*[k[order] for k in keys])) - 1
    known = np.zeros(int(run[-1]) + 1, bool)
    known[run[~mine[order]]] = True
    left = np.zeros(len(kept), bool)
    fresh = mine[order] & ~known[run]
    left[order[fresh] - len(other)] = True
    return kept if left.all() else kept.take(left)


def _replace(old: Columns, new: Columns) -> tuple[Columns, int, int, int]:
    both = _joined(old, new)
    order = np.lexsort((np.arange(len(both)) >= len(old), both.end, both.start))
    both, is_new = both.take(order), order >= len(old)
    head = heads(both.start, both.end)
    cuts = np.append(np.flatnonzero(head), len(both))
    last, size = cuts[1:] - 1, np.diff(cuts)
    written = is_new[last]
    before = np.maximum(last - 1, 0)
    same = written & (size == 2) & (both.value[last] == both.value[before])
    keep = np.repeat(~written, size)
    keep[last[written]] = True
    if both.offset is not None:
        blank = written & (size > 1) & (both.offset[last] == NO_OFFSET)
        both.offset[last[blank]] = both.offset[before[blank]]
    n_new, n_same = int((written & (size == 1)).sum()), int(same.sum())
    return both.take(keep), n_new, n_same, int(written.sum()) - n_new - n_same


def _insert(rest: Columns, mixed: Columns) -> Columns:
    """Put `mixed` into `rest`; they share no start."""
    if not len(rest):
        return mixed
    at = np.searchsorted(rest.start, mixed.start)
    offset = None
    if rest.offset is not None or mixed.offset is not None:
        offset = np.insert(_offsets(rest), at, _offsets(mixed))
    return Columns(
        np.insert(rest.start, at, mixed.start),
        np.insert(rest.end, at, mixed.end),
        np.insert(rest.value, at, mixed.value),
        offset,
    )


def _as(given: npt.ArrayLike, kind: type[np.generic], field: str) -> npt.NDArray[Any]:
    found = np.asarray(given)
    if not found.size:
        return np.empty(0, kind)
    if found.dtype != kind and kind is np.int16:
        if found.dtype.kind != "i" or (np.abs(found[found != NO_OFFSET]) > 24 * 60).any():
            raise InvalidInput(f"{field} must be minutes", field=field)
    elif found.dtype != kind and not np.can_cast(found.dtype, kind, "safe"):
        raise InvalidInput(f"{field} is not a column of numbers that fit", field=field)
    if found.ndim != 1:
        raise InvalidInput(f"{field} is not one column", field=field)
    return np.ascontiguousarray(found, kind)


def _offsets(cols: Columns) -> Offsets:
    if cols.offset is None:
        return np.full(len(cols), NO_OFFSET, np.int16)
    return cols.offset


def _joined(old: Columns, new: Columns) -> Columns:
    offset = None
    if old.offset is not None or new.offset is not None:
        offset = np.concatenate([_offsets(old), _offsets(new)])
    return Columns(
        np.concatenate([old.start, new.start]),
        np.concatenate([old.end, new.end]),
        np.concatenate([old.value, new.value]),
        offset,
    )


def _in_order(cols: Columns) -> Columns:
    """Return the points sorted; those already in order are neither compared twice nor copied."""
    s = cols.start
    if (s[1:] > s[:-1]).all():
        return cols
    order = np.lexsort((cols.value, cols.end, cols.start))  # stable: written later stays later
    if (order[1:] > order[:-1]).all():
        return cols
    return cols.take(order)


def heads(*keys: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Mark the first of each run of equal keys."""
    head = np.zeros(len(keys[0]), bool)
    head[:1] = True
    for key in keys:
        head[1:] |= key[1:] != key[:-1]
    return head


def _distinct(cols: Columns) -> Columns:
    if (cols.start[1:] > cols.start[:-1]).all():
        return cols
    head = heads(cols.start, cols.end, cols.value)
    if head.all():
        return cols
    offset = cols.offset
    first = np.flatnonzero(head)
    if offset is not None:
        known = np.where(offset == NO_OFFSET, -1, np.arange(len(cols)))
        newest = np.maximum.reduceat(known, first)
        offset = np.where(newest < 0, np.int16(NO_OFFSET), offset[newest])
    return Columns(cols.start[head], cols.end[head], cols.value[head], offset)


def _last_of_each(cols: Columns) -> Columns:
    """Keep the last point of each (start, end)."""
    if (cols.start[1:] > cols.start[:-1]).all():
        return cols
    head = heads(cols.start, cols.end)
    return cols.take(np.append(head[1:], True))
