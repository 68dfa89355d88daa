"""Read JSON files by what is in them: which members they have, and their items as a stream."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, BinaryIO

import ijson
import msgspec
import numpy as np

from diurnal.connectors import Entry
from diurnal.errors import InvalidInput, TooLarge
from diurnal.model.records import Bad, Item, Progress

ITEM_BYTES_MAX = 16 << 20
DOCUMENT_BYTES_MAX = 32 << 20
LINE_MAX = 4 << 20
DEPTH_MAX = 500
"""Nested deeper, a file is refused: the parser's work grows with the square of it."""
RAW_MAX = 2_000
PROGRESS_ITEMS = 1_000

_HEAD_EVENTS_MAX = 20_000
_HEAD_PATH_MAX = 300
_CHUNK = 64 << 10
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_OPENS = np.zeros(256, np.int32)
_OPENS[list(b"[{")] = 1
_OPENS[list(b"]}")] = -1
_BOM = b"\xef\xbb\xbf"

Read = Callable[[Any], Iterable[Item]]
"""Yields what one decoded item holds."""


def members(head: bytes) -> frozenset[str]:
    """Return the dotted paths of the members that the head of a JSON file shows.

    Any element of a list is called `item`: of `[{"a": {"b": 1}}]` they are `item.a` and
    `item.a.b`. Nothing for what is no JSON.
    """
    return _members(head)


@lru_cache(maxsize=16)
def _members(head: bytes) -> frozenset[str]:
    text = head.removeprefix(_BOM).lstrip()
    if text[:1] not in (b"{", b"["):
        return frozenset()
    found: set[str] = set()
    events = ijson.parse(io.BytesIO(text), multiple_values=True, use_float=True, buf_size=1024)
    try:
        for prefix, event, value in islice(events, _HEAD_EVENTS_MAX):
            if len(prefix) > _HEAD_PATH_MAX:
                break
            if event == "map_key":
                found.add(f"{prefix}.{value}" if prefix else value)
    except (ijson.JSONError, UnicodeDecodeError):
        # The head ends somewhere within.
        pass
    return frozenset(found)


def script(head: bytes, *starts: bytes) -> bytes:
    """Return the JSON of a script that assigns it and begins like this, b"" for another."""
    text = head.removeprefix(_BOM).lstrip()
    return text.partition(b"=")[2] if text.startswith(starts) else b""


class _Watched:
    """A stream that refuses items without end and nesting without end."""

    def __init__(self, source: BinaryIO, *, assigned: bool) -> None:
        self._source = source
        self._net = self._since = self.done = 0
        self._inside = self._escaped = False
        self._first = True
        self._assigned = assigned

    def read(self, n: int = -1) -> bytes:
        # The parser asks for nothing, to see whether it gets bytes.
        if not n:
            return b""
        block = self._source.read(_CHUNK)
        self.done += len(block)
        self._since += len(block)
        if self._first:
            self._first = False
            block = block.removeprefix(_BOM)
            if self._assigned:
                block = block.partition(b"=")[2]
        self._look(block)
        if self._since > ITEM_BYTES_MAX:
            raise TooLarge(
                f"an item is larger than {ITEM_BYTES_MAX >> 20} MB", limit=ITEM_BYTES_MAX
            )
        return block

    def _look(self, block: bytes) -> None:
        """Follow how deep the values of a block lie; brackets in texts are none.

        Raises:
            InvalidInput: too deep.
        """
        opens = block.count(b"[") + block.count(b"{")
        if self._net + opens > DEPTH_MAX:
            # A text may go on from the block before, which may end within an escape.
            text = b'"' + block[self._escaped :] if self._inside else block
            outside = _STRING.sub(b"", text).partition(b'"')[0]
            depth = np.cumsum(_OPENS[np.frombuffer(b" " + outside, np.uint8)])
            if self._net + int(depth.max()) > DEPTH_MAX:
                raise InvalidInput(f"nested deeper than {DEPTH_MAX} levels")
            self._net += int(depth[-1])
        else:
            # Near enough, and cheap: brackets in the texts of one item rarely add up.
            self._net = max(0, self._net + opens - block.count(b"]") - block.count(b"}"))
        plain = block[self._escaped :]
        if b"\\" in plain:
            plain = plain.replace(b"\\\\", b"").replace(b'\\"', b"")
        self._escaped = plain.endswith(b"\\")
        self._inside ^= plain.count(b'"') % 2 == 1

    def mark(self) -> None:
        """Begin with another item."""
        self._since = self._net = 0


def elements(
    entry: Entry, prefix: str = "item", *, assigned: bool = False
) -> Iterator[tuple[Any, int]]:
    """Yield the elements of a list in a JSON file, each with the bytes done; "" for lines.

    Args:
        prefix: the list's dotted path and `.item`; `item` where the file is the list; "" where
            the file is one value, or one after another.
        assigned: whether it is a script that assigns the value.

    Raises:
        InvalidInput: no JSON from some place on.
    """
    with entry.open() as stream:
        watched = _Watched(stream, assigned=assigned)
        try:
            for element in ijson.items(
                watched, prefix, multiple_values=not prefix, use_float=True, buf_size=_CHUNK
            ):
                watched.mark()
                yield element, watched.done
        except (ijson.JSONError, UnicodeDecodeError) as e:
            raise _damaged(e) from e


def children(entry: Entry, parents: str, name: str) -> Iterator[tuple[dict[str, Any], Any, int]]:
    """Yield what stands in the lists called `name` of the members of `parents`, one by one.

    Each comes with the scalars of its parent that stand before the list, its own name as `id`
    among them, and with the bytes done.

    Raises:
        InvalidInput: no JSON from some place on.
    """
    with entry.open() as stream:
        watched = _Watched(stream, assigned=False)
        parent: dict[str, Any] = {}
        base = item = ""
        builder: ijson.ObjectBuilder | None = None
        try:
            for prefix, event, value in ijson.parse(watched, use_float=True, buf_size=_CHUNK):
                if builder is not None:
                    builder.event(event, value)
                    if prefix == item and event == "end_map":
                        watched.mark()
                        yield parent, builder.value, watched.done
                        builder = None
                elif event == "map_key" and prefix == parents:
                    base, parent = f"{parents}.{value}", {"id": value}
                    item = f"{base}.{name}.item"
                    watched.mark()
                elif item and prefix == item and event == "start_map":
                    builder = ijson.ObjectBuilder()
                    builder.event(event, value)
                elif event in ("string", "number", "boolean") and prefix.startswith(f"{base}."):
                    parent.setdefault(prefix[len(base) + 1 :], value)
        except (ijson.JSONError, UnicodeDecodeError) as e:
            raise _damaged(e) from e


def _damaged(e: Exception) -> InvalidInput:
    said = str(e).partition("\n")[0].strip()
    return InvalidInput(f"the JSON is damaged or cut off: {said[:100]}")


def read(
    entry: Entry, one: Read, *prefixes: str, assigned: bool = False, unit: str = "item"
) -> Iterator[Item]:
    """Yield what `one` reads of every element; what it cannot read is set aside.

    Args:
        prefixes: as for `elements`; several lists are read one after another.

    Raises:
        InvalidInput: not one element can be read, the file is damaged before.
    """
    total = max(entry.size, 1)
    phases = prefixes or ("item",)
    count = 0
    for prefix in phases:
        phase = "reading" if len(phases) == 1 else f"reading {prefix.removesuffix('.item')}"
        yield Progress(phase, 0, total)
        try:
            for element, done in elements(entry, prefix, assigned=assigned):
                count += 1
                yield from careful(one, element, f"{entry.path}: {unit} {count}")
                if count % PROGRESS_ITEMS == 0:
                    yield Progress(phase, min(done, total), total)
        except InvalidInput as e:
            if not count:
                raise
            yield Bad(e.message, entry.path)
            return
        yield Progress(phase, total, total)


def careful(one: Read, element: Any, where: str) -> Iterator[Item]:
    """Yield what `one` reads of an element; a fault in it becomes a `Bad`."""
    try:
        yield from one(element)
    except KeyError as e:
        yield Bad(f"there is no {e.args[0]!r}", where, raw(element))
    except (TypeError, AttributeError, IndexError):
        yield Bad("not of the form that is known", where, raw(element))
    except (ValueError, OverflowError, InvalidInput) as e:
        yield Bad(str(e)[:RAW_MAX] or "not readable", where, raw(element))


def each(one: Read, found: Iterable[Any], where: str) -> Iterator[Item]:
    """Yield what `one` reads of decoded elements, as `read` does of a file's."""
    for n, element in enumerate(found, 1):
        yield from careful(one, element, f"{where}: item {n}")


def document(entry: Entry) -> Any:
    """Return a JSON file that is read as a whole.

    Raises:
        InvalidInput: no JSON.
        TooLarge: past `DOCUMENT_BYTES_MAX`.
    """
    with entry.open() as stream:
        text = stream.read(DOCUMENT_BYTES_MAX + 1)
    if len(text) > DOCUMENT_BYTES_MAX:
        raise TooLarge(
            f"{entry.name}: larger than {DOCUMENT_BYTES_MAX >> 20} MB", limit=DOCUMENT_BYTES_MAX
        )
    return decode(text)


def decode(text: bytes) -> Any:
    """Return JSON that came whole.

    Raises:
        InvalidInput: no JSON.
    """
    try:
        return msgspec.json.decode(text.removeprefix(_BOM))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as e:
        raise InvalidInput(f"no JSON: {str(e)[:100]}") from e


def whole(entry: Entry, read_it: Callable[[Any], Iterator[Item]]) -> Iterator[Item]:
    """Yield what `read_it` says of a JSON file that is read as a whole.

    Raises:
        InvalidInput: no JSON, or not of the form that is known.
    """
    total = max(entry.size, 1)
    yield Progress("reading", 0, total)
    try:
        yield from read_it(document(entry))
    except KeyError as e:
        raise InvalidInput(f"{entry.name}: there is no {e.args[0]!r}") from e
    except (TypeError, AttributeError, IndexError, ValueError, OverflowError) as e:
        raise InvalidInput(f"{entry.name}: not of the form that is known") from e
    yield Progress("reading", total, total)


def raw(value: Any) -> str:
    """Return an item as it came, cut, for what is set aside."""
    try:
        return msgspec.json.encode(value).decode("utf-8", "replace")[:RAW_MAX]
    except (TypeError, ValueError, RecursionError):
        return repr(type(value))
