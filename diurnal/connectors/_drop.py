"""Open what somebody dropped: a file, a folder or an archive, as entries that stream.

Nothing is unpacked by name and nothing stays on disk; an archive that lies about itself is
refused, a member that cannot be taken is listed in `Drop.bad` and the rest goes on.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import struct
import tarfile
import tempfile
import threading
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO, BinaryIO, cast

from diurnal.connectors import Entry, Tables
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

_JUNK = re.compile(r"(?:^|/)(?:__MACOSX(?:/|$)|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\._[^/]*$)")
_DRIVE = re.compile(r"^[A-Za-z]:")
_FOREIGN = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    RuntimeError,
    struct.error,
    ValueError,
    OSError,
)
"""What the standard library raises on archives that are not what they say."""

Open = Callable[[], IO[bytes]]
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
            return cast(BinaryIO, io.BufferedReader(_Reader(open_, path, limit), 256 << 10))

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
        with _Reader(open_, path, limit) as source:
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


class _Reader(io.RawIOBase):
    """Give the bytes of one entry, never more than it may have."""

    def __init__(self, open_: Open, path: str, limit: int) -> None:
        try:
            self._source = open_()
        except AppError:
            raise
        except _BROKEN as e:
            raise InvalidInput(f"{path}: cannot be unpacked ({e})") from e
        self._path = path
        self._limit = limit
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: object) -> int:
        view = memoryview(into).cast("B")  # type: ignore[arg-type]
        try:
            block = self._source.read(min(len(view), self._limit + 1 - self._given))
        except AppError:
            raise
        except _BROKEN as e:
            raise InvalidInput(f"{self._path}: cannot be unpacked ({e})") from e
        self._given += len(block)
        if self._given > self._limit:
            raise TooLarge(f"{self._path}: unpacks to more than it says or may", limit=self._limit)
        view[: len(block)] = block
        return len(block)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()


class _Slice(io.RawIOBase):
    """A part of a seekable file that others read, too."""

    def __init__(self, file: IO[bytes], lock: threading.Lock, start: int, size: int) -> None:
        self._file, self._lock, self._at, self._end = file, lock, start, start + size

    def readable(self) -> bool:
        return True

    def readinto(self, into: object) -> int:
        view = memoryview(into).cast("B")  # type: ignore[arg-type]
        with self._lock:
            self._file.seek(self._at)
            block = self._file.read(min(len(view), self._end - self._at))
        if not block and self._at < self._end:
            raise EOFError("the archive is cut off")
        self._at += len(block)
        view[: len(block)] = block
        return len(block)


class _ShortReads:
    """A file that refuses long reads: tarfile takes the length of a header's text on trust."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, n: int = -1) -> bytes:
        if n > 1 << 20 or n < 0:
            raise TooLarge("a header of the archive is longer than 1 MB", limit=1 << 20)
        return self._file.read(n)

    def seek(self, to: int, whence: int = 0) -> int:
        return self._file.seek(to, whence)

    def tell(self) -> int:
        return self._file.tell()


@contextmanager
def drop(path: Path, name: str | None = None, tables: OpenTables | None = None) -> Iterator[Drop]:
    """Open a dropped file, archive or folder; entries can be read until the block ends.

    Args:
        name: what the file was called where it came from.
        tables: opens a SQLite file on disk.

    Raises:
        InvalidInput: nothing there, or an archive that is damaged or lies about itself.
        TooLarge: more files or bytes than an import takes.
    """
    with ExitStack() as stack:
        found = Drop(stack, tables)
        try:
            if path.is_dir():
                _folder(found, path)
            elif path.is_file():
                _file(found, path, name or path.name, "", _refuse)
            else:
                raise InvalidInput(f"{path.name}: no such file or folder")
        except PermissionError as e:
            raise InvalidInput(f"{path.name}: not readable") from e
        yield found


def _refuse(reason: str, where: str) -> None:
    raise InvalidInput(f"{where}: {reason}")


def _folder(found: Drop, root: Path) -> None:
    files: list[tuple[str, Path]] = []
    for folder, folders, names in os.walk(root, followlinks=False):
        for name in list(folders):
            if Path(folder, name).is_symlink():
                folders.remove(name)
                found.set_aside("a link is not followed", str(Path(folder, name).relative_to(root)))
        folders.sort()
        for name in sorted(names):
            file = Path(folder, name)
            inner = file.relative_to(root).as_posix()
            if _JUNK.search(inner):
                continue
            mode = file.lstat().st_mode
            if not stat.S_ISREG(mode):
                found.set_aside("a link or device is not read", inner)
                continue
            found.count()
            files.append((inner, file))
    head_bytes = _head_bytes(len(files))
    for inner, file in files:
        if not _clean(found, inner) or not found.claim(inner):
            continue
        try:
            _file(found, file, inner, f"{inner}/", found.set_aside, head_bytes)
        except InvalidInput as e:
            found.set_aside(e.message, inner)
        except PermissionError:
            found.set_aside("not readable", inner)


def _file(
    found: Drop,
    file: Path,
    name: str,
    prefix: str,
    foreign: Callable[[str, str], None],
    head_bytes: int = HEAD_BYTES,
) -> None:
    """List a file on disk, or what is in it where it is an archive."""
    with file.open("rb") as stream:
        start = stream.read(512)
    size = file.stat().st_size

    def open_() -> IO[bytes]:
        return file.open("rb", buffering=0)

    kind = _kind(start)
    if kind in ("zip", "tar"):
        archive = found.keep(file.open("rb"))
        if kind == "tar":
            _tar(found, archive, prefix)
        elif not _zip(found, archive, prefix, 1):
            found.add(name, size, size, open_, head_bytes)
    elif kind == "gzip":
        _gzip(found, open_, size, name, prefix, head_bytes)
    elif kind:
        foreign(f"a {kind} archive is not read; unpack it first", name)
    else:
        found.add(name, size, size, open_, head_bytes)


def _kind(start: bytes) -> str:
    """Return what archive begins like this, "" for none; the name does not count."""
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if start.startswith(b"\x1f\x8b"):
        return "gzip"
    if start[257:262] == b"ustar":
        return "tar"
    return next((name for magic, name in _FOREIGN.items() if start.startswith(magic)), "")


def _head_bytes(entries: int) -> int:
    return min(HEAD_BYTES, HEADS_BYTES_MAX // max(entries, 1))


def _clean(found: Drop, name: str) -> str:
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


def _zip(found: Drop, file: IO[bytes], prefix: str, level: int) -> bool:
    """List a zip's members; False for a document that is a zip only inside."""
    where = prefix.rstrip("/") or "the archive"
    size = _check_directory(file, where)
    try:
        archive = zipfile.ZipFile(file)
    except _BROKEN as e:
        raise InvalidInput(f"{where}: no readable zip ({e})") from e
    infos = archive.infolist()
    if any(i.filename == "[Content_Types].xml" for i in infos):
        archive.close()
        return False
    found.keep(cast(IO[bytes], archive))
    _check_overlap(infos, size, where)
    found.count(len(infos))
    if (total := sum(i.file_size for i in infos)) > max(RATIO_MAX * size, RATIO_FREE_BYTES):
        raise TooLarge(f"{where}: unpacks to {total} bytes, too many for its size", limit=RATIO_MAX)
    head_bytes = _head_bytes(len(infos))
    for info in infos:
        if info.is_dir() or _JUNK.search(info.filename):
            continue
        name = _clean(found, info.orig_filename)
        if not name or not found.claim(prefix + name):
            continue
        if reason := _unfit(info):
            found.set_aside(reason, prefix + name)
            continue

        def open_(info: zipfile.ZipInfo = info) -> IO[bytes]:
            return cast(IO[bytes], _Exact(archive.open(info), info.file_size))

        try:
            _member(found, open_, info.file_size, prefix + name, level, head_bytes)
        except InvalidInput as e:
            found.set_aside(e.message, prefix + name)
    return True


class _Exact(io.RawIOBase):
    """Reads a member, and refuses one that ends before the length it declares."""

    def __init__(self, source: IO[bytes], size: int) -> None:
        self._source, self._left = source, size

    def readable(self) -> bool:
        return True

    def read(self, n: int = -1) -> bytes:
        block = self._source.read(n)
        self._left -= len(block)
        if not block and n and self._left > 0:
            raise EOFError("shorter than it says")
        return block

    def close(self) -> None:
        self._source.close()
        super().close()


def _unfit(info: zipfile.ZipInfo) -> str:
    """Return why a zip member is not taken, "" if it is."""
    mode = info.external_attr >> 16
    if info.flag_bits & 0x1 or info.flag_bits & 0x40:
        return "encrypted"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "a link or device is not read"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"packed in a way that is not read (method {info.compress_type})"
    if info.file_size > max(RATIO_FREE_BYTES, RATIO_MAX * info.compress_size):
        return f"packed more than {RATIO_MAX} to 1"
    return ""


def _check_directory(file: IO[bytes], where: str) -> int:
    """Refuse a zip with too many members before they are read into memory; return its size."""
    size = file.seek(0, os.SEEK_END)
    tail_at = max(0, size - (1 << 16) - 22)
    file.seek(tail_at)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise InvalidInput(f"{where}: the zip is cut off")
    length = struct.unpack_from("<L", tail, at + 12)[0]
    end = tail_at + at
    if at >= 20 and tail[at - 20 : at - 16] == b"PK\x06\x07":
        wide_at = max(0, struct.unpack_from("<Q", tail, at - 12)[0])
        for candidate in (wide_at, end - 76):
            if 0 <= candidate <= size - 56:
                file.seek(candidate)
                wide = file.read(56)
                if wide[:4] == b"PK\x06\x06":
                    length, end = struct.unpack_from("<Q", wide, 40)[0], candidate
                    break
    if length > DIRECTORY_BYTES_MAX:
        raise TooLarge(f"{where}: more than {ENTRIES_MAX} files", limit=ENTRIES_MAX)
    file.seek(max(0, end - length))
    if file.read(length).count(b"PK\x01\x02") > ENTRIES_MAX:
        raise TooLarge(f"{where}: more than {ENTRIES_MAX} files", limit=ENTRIES_MAX)
    file.seek(0)
    return size


def _check_overlap(infos: list[zipfile.ZipInfo], size: int, where: str) -> None:
    """Refuse members that share bytes: one kernel read by many names is how small bombs grow."""
    end = 0
    for info in sorted(infos, key=lambda i: i.header_offset):
        if info.header_offset < end:
            raise InvalidInput(f"{where}: members of the zip overlap")
        end = info.header_offset + 30 + info.compress_size
        if end > size or info.header_offset < 0:
            raise InvalidInput(f"{where}: a member of the zip lies outside of it")


def _member(found: Drop, open_: Open, size: int, path: str, level: int, head_bytes: int) -> None:
    """List a member of an archive, or what is in it where it is one itself."""
    with _Reader(open_, path, size) as stream:
        start = stream.read(512) or b""
    kind = _kind(start)
    if kind == "gzip":
        _gzip(found, open_, size, path, f"{path}/", head_bytes, level)
    elif kind in ("zip", "tar"):
        if level >= NESTING_MAX:
            found.set_aside("archives inside archives are read one deep only", path)
            return
        copy = found.spool(open_, path, size)
        if kind == "tar":
            _tar(found, copy, f"{path}/", level + 1)
        elif not _zip(found, copy, f"{path}/", level + 1):
            found.add(path, size, size, open_, head_bytes)
    elif kind:
        found.set_aside(f"a {kind} archive is not read; unpack it first", path)
    else:
        found.add(path, size, size, open_, head_bytes)


def _gzip(
    found: Drop,
    open_: Open,
    size: int,
    path: str,
    prefix: str,
    head_bytes: int,
    level: int = 0,
) -> None:
    """List what a gzip file holds: one file, or a tar."""
    limit = min(ENTRY_BYTES_MAX, max(RATIO_FREE_BYTES, RATIO_MAX * size))

    def unpacked() -> IO[bytes]:
        source = open_()
        return cast(IO[bytes], _Unzipped(source))

    with _Reader(unpacked, path, limit) as stream:
        start = b""
        while len(start) < 512 and (block := stream.read(512 - len(start))):
            start += block
    kind = _kind(start)
    if kind == "tar":
        if level >= NESTING_MAX:
            found.set_aside("archives inside archives are read one deep only", path)
            return
        _tar(found, found.spool(unpacked, path, limit), prefix, level + 1)
        return
    if kind:
        raise InvalidInput(f"{path}: an archive inside gzip is not read; unpack it first")
    inner = path[: -len(".gz")] if path.lower().endswith(".gz") else path
    if inner != path and not found.claim(inner):
        return
    found.add(inner, _gzip_size(unpacked, open_, path, limit), limit, unpacked, head_bytes)


class _Unzipped(gzip.GzipFile):
    """A gzip file that closes what it reads from."""

    def __init__(self, source: IO[bytes]) -> None:
        super().__init__(fileobj=source, mode="rb")
        self._under = source

    def close(self) -> None:
        super().close()
        self._under.close()


def _gzip_size(unpacked: Open, open_: Open, path: str, limit: int) -> int:
    """Return the unpacked size: as the trailer says where it can be reached, else by reading."""
    with open_() as source:
        if isinstance(source, io.FileIO):
            source.seek(-4, os.SEEK_END)
            return int(struct.unpack("<L", source.read(4))[0])
    size = 0
    with _Reader(unpacked, path, limit) as stream:
        while block := stream.read(1 << 20):
            size += len(block)
    return size


def _tar(found: Drop, file: IO[bytes], prefix: str, level: int = 1) -> None:
    """List a tar's members."""
    where = prefix.rstrip("/") or "the archive"
    lock = threading.Lock()
    members: list[tarfile.TarInfo] = []
    try:
        archive = tarfile.TarFile(fileobj=cast(IO[bytes], _ShortReads(file)), mode="r")
        while info := archive.next():
            found.count()
            members.append(info)
    except AppError:
        raise
    except _BROKEN as e:
        if not members:
            raise InvalidInput(f"{where}: no readable tar ({e})") from e
        found.set_aside(f"the tar is damaged from here on ({e})", members[-1].name)
    size = file.seek(0, os.SEEK_END)
    head_bytes = _head_bytes(len(members))
    for info in members:
        if info.isdir() or _JUNK.search(info.name):
            continue
        name = _clean(found, info.name)
        if not name or not found.claim(prefix + name):
            continue
        if not info.isreg() or info.issparse():
            found.set_aside("a link, device or sparse file is not read", prefix + name)
            continue
        if info.offset_data + info.size > size:
            found.set_aside("the archive is cut off", prefix + name)
            continue

        def open_(info: tarfile.TarInfo = info) -> IO[bytes]:
            return cast(IO[bytes], _Slice(file, lock, info.offset_data, info.size))

        try:
            _member(found, open_, info.size, prefix + name, level, head_bytes)
        except InvalidInput as e:
            found.set_aside(e.message, prefix + name)
