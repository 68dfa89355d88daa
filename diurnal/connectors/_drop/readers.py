"""Readers of one entry: none gives more than it may, and each names what is wrong with it."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable
from typing import IO

from diurnal.errors import AppError, InvalidInput, TooLarge

BROKEN = (
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


class Reader(io.RawIOBase):
    """Give the bytes of one entry, never more than it may have."""

    def __init__(self, open_: Open, path: str, limit: int) -> None:
        try:
            self._source = open_()
        except AppError:
            raise
        except BROKEN as e:
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
        except BROKEN as e:
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


class Slice(io.RawIOBase):
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


class ShortReads:
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


class Exact(io.RawIOBase):
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


class Unzipped(gzip.GzipFile):
    """A gzip file that closes what it reads from."""

    def __init__(self, source: IO[bytes]) -> None:
        super().__init__(fileobj=source, mode="rb")
        self._under = source

    def close(self) -> None:
        super().close()
        self._under.close()
