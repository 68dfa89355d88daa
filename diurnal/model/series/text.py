"""Points as JSON.

Columns: {"t": […], "v": […], "e": […], "o": […], "unit": "s"}; `e` (ends) and `o` (offsets in
minutes, null where unknown) may be left out, and `start` and `step` may stand for `t` where
points come regularly. Rows: [[t, v], …] or [[t, e, v], …].
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Literal

import msgspec
import numpy as np

from diurnal.errors import InvalidInput
from diurnal.model.series import digits
from diurnal.model.series.aggregates import Buckets
from diurnal.model.series.chunk import EXACT
from diurnal.model.series.points import EMPTY, NO_OFFSET, Columns, Floats, Ints, columns
from diurnal.model.time import TIME_MAX, TIME_MIN

Unit = Literal["s", "ms", "us"]

_SECONDS: dict[str, int] = {"s": 1_000_000, "ms": 1_000, "us": 1}


_NONE = msgspec.Raw(b"null")


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    v: msgspec.Raw
    t: msgspec.Raw = _NONE
    start: float | None = None
    step: float | None = None
    e: msgspec.Raw = _NONE
    o: list[int | None] | int | None = None
    unit: Unit = "s"


_read_body = msgspec.json.Decoder(_Body)
_read_numbers = msgspec.json.Decoder(list[float])
_read_rows = msgspec.json.Decoder(list[list[float]])


def from_json(
    data: bytes | msgspec.Raw, cut: Sequence[Floats] = (), *, last_wins: bool = True
) -> Columns:
    """Return the points of a JSON object of columns.

    Args:
        cut: arrays that `cut_arrays` took out of it.

    Raises:
        InvalidInput: not such an object; `field` names the column.
    """
    try:
        if cut:
            body = _read_body.decode(data)
        else:
            body, cut = _cut(bytes(data)) or (_read_body.decode(data), [])
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(str(error), field="points") from None
    value = _numbers(body.v, "v", cut)
    start = _starts(body, cut, len(value))
    end = None
    if bytes(body.e) != b"null":
        end = _micros(_numbers(body.e, "e", cut), body.unit, "e")
    offset: Sequence[int] | None = None
    if isinstance(body.o, int):
        offset = [body.o] * len(start)
    elif body.o is not None:
        offset = [NO_OFFSET if o is None else o for o in body.o]
    return columns(start, value, end, offset, last_wins=last_wins)


def _cut(data: bytes) -> tuple[_Body, list[Floats]] | None:
    found = cut_arrays(data)
    if found is None:
        return None
    rest, columns = found
    try:
        return _read_body.decode(rest), columns
    except (msgspec.DecodeError, RecursionError):
        return None


_MEMBERS = (b'"t":', b'"v":', b'"e":')


def cut_arrays(data: bytes) -> tuple[bytes, list[Floats]] | None:
    """Read the arrays of plain digits; return the rest with each one's number in its place.

    So the arrays, nearly all of a body, are gone through once, also where the columns are a
    member of something larger. None where anything is unusual: the whole is then read again and
    any error is about what was sent.
    """
    columns: list[Floats] = []
    rest, at = [], 0
    while (begin := data.find(b"[", at)) >= 0:
        end = data.find(b"]", begin) + 1
        # A string cannot hold this member: the quotes in it would be escaped.
        member = data[max(begin - 4, 0) : begin] in _MEMBERS
        found = digits.read(data[begin:end]) if member and end and len(columns) < 3 else None
        if found is None:
            return None
        rest += [data[at:begin], b"[%d]" % len(columns)]
        columns.append(found)
        at = end
    return b"".join([*rest, data[at:]]), columns


def _starts(body: _Body, cut: Sequence[Floats], n: int) -> Ints:
    if body.start is None and body.step is None:
        return _micros(_numbers(body.t, "t", cut), body.unit, "t")
    if body.start is None or body.step is None or bytes(body.t) != b"null":
        raise InvalidInput("give t, or start and step", field="t")
    first, step = (
        int(_micros(np.array([number]), body.unit, field)[0])
        for number, field in ((body.start, "start"), (body.step, "step"))
    )
    if step < 1 or first + step * n > TIME_MAX:
        raise InvalidInput("step is out of range", field="step")
    return first + step * np.arange(n)


def rows_from_json(
    data: bytes | msgspec.Raw, unit: Unit = "s", *, last_wins: bool = True
) -> Columns:
    """Return the points of a JSON array of rows, [t, v] or [t, e, v].

    Raises:
        InvalidInput: not such an array.
    """
    try:
        rows = _read_rows.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(str(error), field="points") from None
    if not rows:
        return EMPTY
    members = len(rows[0])
    if members not in (2, 3) or any(len(row) != members for row in rows):
        raise InvalidInput("every row must be [t, v], or every row [t, e, v]", field="points")
    flat = np.fromiter(chain.from_iterable(rows), np.float64, members * len(rows))
    table = flat.reshape(-1, members).T
    start = _micros(table[0], unit, "t")
    end = _micros(table[1], unit, "e") if members == 3 else None
    return columns(start, np.ascontiguousarray(table[-1]), end, last_wins=last_wins)


def to_json(cols: Columns, unit: Unit = "s") -> bytes:
    """Return points as a JSON object of columns, times to the microsecond."""
    body: dict[str, Any] = {"t": _times(cols.start, unit), "v": _whole(cols.value)}
    if cols.end is not cols.start and not np.array_equal(cols.start, cols.end):
        body["e"] = _times(cols.end, unit)
    if cols.offset is not None:
        offsets = cols.offset.tolist()
        body["o"] = [None if o == NO_OFFSET else o for o in offsets]
    if unit != "s":
        body["unit"] = unit
    return msgspec.json.encode(body)


def buckets_to_json(made: Buckets, unit: Unit = "s") -> bytes:
    """Return buckets as a JSON object of columns; null where a bucket is empty."""
    body: dict[str, Any] = {
        "t": _times(made.edges[:-1], unit),
        "end": _times(made.edges[-1:], unit)[0],
        "n": made.n.tolist(),
        "min": made.low.tolist(),
        "max": made.high.tolist(),
        "mean": made.mean.tolist(),
    }
    if unit != "s":
        body["unit"] = unit
    return msgspec.json.encode(body)  # NaN is written as null


def _times(times: Ints, unit: Unit) -> Any:
    scale = _SECONDS[unit]
    whole = times // scale
    if scale == 1 or (whole * scale == times).all():
        return whole.tolist()
    # The nearest float64 of a time with six decimals is written with those decimals.
    return (times / scale).tolist()


def _whole(value: Floats) -> Any:
    if len(value) and (np.rint(value) == value).all() and np.abs(value).max() < EXACT:
        return value.astype(np.int64).tolist()
    return value.tolist()


def _micros(times: Floats, unit: Unit, field: str) -> Ints:
    found = np.rint(times * float(_SECONDS[unit]))
    if len(found) and not (found.min() >= TIME_MIN and found.max() <= TIME_MAX):
        raise InvalidInput(f"{field} is out of range", field=field)
    return found.astype(np.int64)


def _numbers(raw: msgspec.Raw, field: str, cut: Sequence[Floats] = ()) -> Floats:
    """Return a JSON array of numbers as float64[n], or the array cut out that it stands for."""
    if cut and bytes(raw).startswith(b"["):
        return cut[int(bytes(raw)[1:-1])]
    try:
        numbers = _read_numbers.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        raise InvalidInput(f"{field} must be an array of numbers", field=field) from None
    return np.fromiter(numbers, np.float64, len(numbers))
