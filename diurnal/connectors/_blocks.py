"""Read a JSON file that is one long list, gigabytes of it, many elements at once."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, cast

import msgspec

from diurnal.connectors import Entry, _json
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Item, Progress

BLOCK = 1 << 17
REST_MAX = 4 << 20
"""Without a place to cut, the rest is read element by element."""
_PHASE = "reading"
_BETWEEN = re.compile(rb"\}\s*,\s*\{\s*\Z")
_BETWEEN_MAX = 200

Many = Callable[[bytearray], Iterable[Item]]
"""Reads a JSON list of some elements; where one of them is not as most are it raises ValueError,
before it has taken any."""


def read(entry: Entry, name: str, first: str, many: Many, one: _json.Read) -> Iterator[Item]:
    """Yield what `many` reads of the elements of a list, in blocks cut between two of them.

    From the place on where that does not do, `one` reads each by itself; what it cannot read is
    set aside.

    Args:
        name: the file's member that is the list.
        first: the member that most elements begin with; blocks are cut before it.

    Raises:
        InvalidInput: not one element can be read.
    """
    total, done = max(entry.size, 1), 0
    begin = re.compile(rb'"%b"\s*:\s*(?=\[)' % re.escape(name.encode()))
    yield Progress(_PHASE, 0, total)
    with entry.open() as stream:
        # One array that grows: a copy of each block would cost more than its decoding.
        held, within, taken = bytearray(), False, False
        while len(held) <= REST_MAX and (block := stream.read(BLOCK)):
            done += len(block)
            held += block
            if not within:
                found = begin.search(held)
                if found is None:
                    break
                del held[: found.end()]
                within = True
            cut = _border(held, b'"%b"' % first.encode())
            if cut:
                rest = held[cut:]
                held[cut:] = b"]"
                try:
                    items = many(held)
                except (ValueError, RecursionError):
                    held[cut:] = rest
                    break
                yield from items
                taken = True
                held = bytearray(b"[") + rest.lstrip(b" \r\n\t,")
            yield Progress(_PHASE, min(done, total), total)
        tail = entry
        if within:
            left = cast(BinaryIO, _Joined(b'{"%b":' % name.encode() + held, stream))
            tail = msgspec.structs.replace(entry, open=lambda: left)
        try:
            for item in _json.read(tail, one, f"{name}.item"):
                if not isinstance(item, Progress):
                    yield item
        except InvalidInput as e:
            if not taken:
                raise
            yield Bad(e.message, entry.path)
    yield Progress(_PHASE, total, total)


def _border(data: bytearray, first: bytes) -> int:
    """Return where the last element begins that is surely one of the list, 0 for nowhere."""
    end = len(data)
    while (at := data.rfind(first, 0, end)) > 0:
        before = _BETWEEN.search(data, max(0, at - _BETWEEN_MAX), at)
        if before is not None:
            return before.start() + 1
        end = at
    return 0


class _Joined(io.RawIOBase):
    """What was read already, and the rest of its stream."""

    def __init__(self, start: bytes, stream: BinaryIO) -> None:
        self._start, self._stream = start, stream

    def read(self, n: int = -1) -> bytes:
        block, self._start = self._start[:n], self._start[n:]
        return block or self._stream.read(n)
