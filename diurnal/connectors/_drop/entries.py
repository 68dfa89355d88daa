"""What was dropped, entry by entry, and how much of it an import takes."""

from __future__ import annotations

import io
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO, BinaryIO, cast

from diurnal.connectors import Entry, Tables
from diurnal.connectors._drop.readers import Open, Reader
from diurnal.errors import AppError, InvalidInput, TooLarge
from diurnal.model.records import Bad

ENTRIES_MAX = 50_000
DIRECTORY_BYTES_MAX = 16 << 20
"""Of a zip's central directory: it is read into memory before any member."""
ENTRY_BYTES_MAX = 16 << 30
UNPACKED_BYTES_MAX = 64 << 30
SPOOL_BYTES_MAX = 4 << 30
"""Of archives inside archives and packed tars, which need a seekable copy while they are read."""
SPOOL_MEMORY_MAX = 8 << 20
RATIO_MAX = 200
"""Exports of text pack about 1:30; deflate's own limit is 1:1032."""
RATIO_FREE_BYTES = 4 << 20
"""Below this an entry may pack as well as it likes."""
NESTING_MAX = 2
"""Archives around an entry: one, and one inside it."""
NAME_MAX = 1_000
PARTS_MAX = 32
BAD_MAX = 1_000
HEAD_BYTES = 64 << 10
HEADS_BYTES_MAX = 32 << 20
"""Of all heads together; with very many entries each head is shorter."""

JUNK = re.compile(r"(?:^|/)(?:__MACOSX(?:/|$)|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\._[^/]*$)")
_DRIVE = re.compile(r"^[A-Za-z]:")
_FOREIGN = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
}

OpenTables = Callable[[Path], AbstractContextManager[Tables]]


class Drop:
    """What was dropped.

    Attributes:
        entries: everything that can be read, by path.
        bad: what was left out, and why.
    """

    def __init__(self, stack: ExitStack, tables: OpenTables | None) -> None:
        self.entries: dict[str, Entry] = {}
        self.bad: list[Bad] = []
        self._stack = stack
        self._tables = tables
        self._siblings = MappingProxyType(self.entries)
        self._folded: set[str] = set()
        self._unpacked = 0
        self._spooled = 0
        self._found = 0

    def set_aside(self, reason: str, where: str) -> None:
        """Note what is left out; past `BAD_MAX` only that there is more."""
        if len(self.bad) < BAD_MAX:
            self.bad.append(Bad(reason, where[:NAME_MAX]))
        elif len(self.bad) == BAD_MAX:
            self.bad.append(Bad("and more that could not be taken", ""))

    def count(self, n: int = 1) -> None:
        """Count files found.

        Raises:
            TooLarge: more than `ENTRIES_MAX`.
        """
        self._found += n
        if self._found > ENTRIES_MAX:
            raise TooLarge(f"more than {ENTRIES_MAX} files", limit=ENTRIES_MAX)

    def claim(self, path: str) -> bool:
        """Return whether `path` is still free; set the second of two equal names aside."""
        folded = unicodedata.normalize("NFC", path).casefold()
        if folded in self._folded:
            self.set_aside("another file has the same name", path)
            return False
        self._folded.add(folded)
        return True

    def add(self, path: str, size: int, limit: int, open_: Open, head_bytes: int) -> None:
        """List one entry; `limit` is the most that its reader gives."""
        if size > ENTRY_BYTES_MAX:
            self.set_aside(f"larger than {ENTRY_BYTES_MAX >> 30} GB", path)
            return
        self._unpacked += size
        if self._unpacked > UNPACKED_BYTES_MAX:
            raise TooLarge(
                f"unpacks to more than {UNPACKED_BYTES_MAX >> 30} GB", limit=UNPACKED_BYTES_MAX
            )

        def reader() -> BinaryIO:
            return cast(BinaryIO, io.BufferedReader(Reader(open_, path, limit), 256 << 10))

        try:
            with reader() as stream:
                head = stream.read(head_bytes)
        except AppError as e:
            self.set_aside(e.message, path)
            return
        self.entries[path] = Entry(
            path=path,
            size=size,
            head=head,
            open=reader,
            siblings=self._siblings,
            tables=lambda: self._opened(reader, path),
        )

    @contextmanager
    def _opened(self, reader: Callable[[], BinaryIO], path: str) -> Iterator[Tables]:
        """Open the tables of an entry; the copy that this takes is gone with the block."""
        if self._tables is None:
            raise InvalidInput(f"{path}: databases are not read here")
        with tempfile.NamedTemporaryFile(suffix=".db") as copy:
            with reader() as source:
                while block := source.read(1 << 20):
                    copy.write(block)
            copy.flush()
            with self._tables(Path(copy.name)) as tables:
                yield tables

    def spool(self, open_: Open, path: str, limit: int) -> IO[bytes]:
        """Copy to a nameless temporary file that is gone when the drop is closed."""
        copy = self._stack.enter_context(
            tempfile.SpooledTemporaryFile(max_size=SPOOL_MEMORY_MAX)  # noqa: SIM115
        )
        with Reader(open_, path, limit) as source:
            while block := source.read(1 << 20):
                self._spooled += len(block)
                if self._spooled > SPOOL_BYTES_MAX:
                    raise TooLarge(
                        f"archives inside hold more than {SPOOL_BYTES_MAX >> 30} GB",
                        limit=SPOOL_BYTES_MAX,
                    )
                copy.write(block)
        copy.seek(0)
        return cast(IO[bytes], copy)

    def keep(self, stream: IO[bytes]) -> IO[bytes]:
        """Close `stream` with the drop."""
        return self._stack.enter_context(stream)


def kind_of(start: bytes) -> str:
    """Return what archive begins like this, "" for none; the name does not count."""
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if start.startswith(b"\x1f\x8b"):
        return "gzip"
    if start[257:262] == b"ustar":
        return "tar"
    return next((name for magic, name in _FOREIGN.items() if start.startswith(magic)), "")


def head_bytes_of(entries: int) -> int:
    return min(HEAD_BYTES, HEADS_BYTES_MAX // max(entries, 1))


def clean(found: Drop, name: str) -> str:
    """Return a member's name as a relative path; "" for one that is set aside or no file."""
    path = name.replace("\\", "/")
    reason = ""
    if len(path) > NAME_MAX:
        reason = "the name is too long"
    elif "\0" in path or any(unicodedata.category(c) == "Cc" for c in path):
        reason = "the name has control characters"
    elif path.startswith("/") or _DRIVE.match(path):
        reason = "the name is absolute"
    elif ".." in path.split("/"):
        reason = "the name leads out of the archive"
    elif path.count("/") >= PARTS_MAX:
        reason = "too many folders in each other"
    if reason:
        found.set_aside(reason, repr(path[:100]))
        return ""
    return "/".join(p for p in path.split("/") if p not in ("", "."))
