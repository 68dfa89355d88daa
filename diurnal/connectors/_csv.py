"""Recognise tables by their header."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice

from diurnal.connectors import Entry
from diurnal.connectors._json import careful
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Item, Progress

ROW_BYTES_MAX = 1 << 20
PROGRESS_ROWS = 1_000


@lru_cache(maxsize=16)
def header(head: bytes) -> tuple[str, ...]:
    """Return the names of the columns of a comma-separated file, () for what is no table."""
    line = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").partition(b"\n")[0]
    if len(line) > 10_000 or b"," not in line or b"\0" in line or line[:1] in (b"{", b"[", b"<"):
        return ()
    try:
        return tuple(c.strip() for c in next(csv.reader([line.decode("utf-8")])))
    except (UnicodeDecodeError, csv.Error, StopIteration):
        return ()


def has(head: bytes, *columns: str) -> bool:
    """Return whether a file is a table with all of these columns."""
    return set(columns) <= set(header(head))


def rows(entry: Entry, skip: int = 0) -> Iterator[tuple[int, list[str], int]]:
    """Yield line, cells and bytes done of each row after the first `skip` lines.

    Raises:
        InvalidInput: no table from some row on, or a line without end.
    """
    done = 0

    def lines(stream: Iterable[bytes]) -> Iterator[str]:
        nonlocal done
        for line in stream:
            done += len(line)
            if len(line) > ROW_BYTES_MAX:
                raise InvalidInput(f"a line is longer than {ROW_BYTES_MAX >> 20} MB")
            yield line.decode("utf-8-sig" if done == len(line) else "utf-8", "replace")

    with entry.open() as stream:
        # A reader of lines must not look for their end without end.
        bounded = iter(lambda: stream.readline(ROW_BYTES_MAX + 1), b"")
        reader = csv.reader(islice(lines(bounded), skip, None))
        try:
            for cells in reader:
                yield skip + reader.line_num, cells, done
        except csv.Error as e:
            raise InvalidInput(f"no table: {e}") from e


def named(entry: Entry, skip: int = 0) -> Iterator[tuple[int, dict[str, str], int]]:
    """Yield line, cells by header and bytes done of each row that is not empty.

    Empty cells are left out; of columns with one name the last counts.

    Raises:
        InvalidInput: as `rows`.
    """
    names: list[str] = []
    for line, cells, done in rows(entry, skip):
        if not names:
            names = [c.strip() for c in cells]
        elif found := {n: c.strip() for n, c in zip(names, cells, strict=False) if c.strip()}:
            yield line, found, done


def beside(entry: Entry, *columns: str) -> Iterator[dict[str, str]]:
    """Yield the rows of the tables of the same drop that have all of these columns.

    Raises:
        InvalidInput: as `rows`.
    """
    for other in entry.siblings.values():
        if has(other.head, *columns):
            for _, row, _ in named(other):
                yield row


def read(
    entry: Entry, one: Callable[[dict[str, str]], Iterable[Item]], *, skip: int = 0
) -> Iterator[Item]:
    """Yield what `one` reads of each row, by header, empty cells left out.

    What it cannot read is set aside.
    """
    total = max(entry.size, 1)
    yield Progress("reading", 0, total)
    try:
        for line, found, done in named(entry, skip):
            yield from careful(one, found, f"{entry.path}:{line}")
            if line % PROGRESS_ROWS == 0:
                yield Progress("reading", min(done, total), total)
    except InvalidInput as e:
        yield Bad(e.message, entry.path)
    yield Progress("reading", total, total)
