"""The file that a backup is: a tar archive of which every bit counts.

Any tar program lists and unpacks it. We read it more strictly: headers have one form, padding is
zeros, the members are exactly those that the last one, `manifest.json`, lists with their sizes and
hashes, in that order; and behind the end that tar programs see stands the hash of all before it.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec

from diurnal.errors import InvalidInput

BLOCK = 512
READ = 1 << 18
NAME_MAX = 100
MANIFEST = "manifest.json"
MANIFEST_BYTES_MAX = 1 << 30
_END = bytes(2 * BLOCK)
_SEAL = b"diurnal-backup sha256 "


class Sink(Protocol):
    """What an archive is written to."""

    def write(self, data: bytes, /) -> Any:
        """Take bytes."""


class Source(Protocol):
    """What an archive is read from."""

    def read(self, n: int, /) -> bytes:
        """Return `n` bytes, fewer only at the end."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A member as the manifest lists it."""

    name: str
    size: int
    sha256: str


class Writer:
    """Writes members one after the other, then the manifest."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._all = hashlib.sha256()
        self.parts: list[Part] = []
        self.size = 0

    def add(self, name: str, data: bytes) -> None:
        """Add a member."""
        done = False

        def once(_n: int) -> bytes:
            nonlocal done
            done, given = True, b"" if done else data
            return given

        self.add_stream(name, len(data), once)

    def add_stream(self, name: str, size: int, read: Callable[[int], bytes]) -> str:
        """Add a member of exactly `size` bytes; return its SHA-256.

        Raises:
            InvalidInput: there were fewer bytes, or more.
        """
        self._put(_header(name, size))
        digest, left = hashlib.sha256(), size
        while data := read(READ):
            left -= len(data)
            if left < 0:
                break
            digest.update(data)
            self._put(data)
        if left:
            raise InvalidInput(f"{name} is not {size} bytes long any more")
        self._put(bytes(-size % BLOCK))
        self.parts.append(Part(name, size, digest.hexdigest()))
        return digest.hexdigest()

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest, with the list of members, and the end."""
        body = msgspec.json.format(msgspec.json.encode({**manifest, "parts": self.parts}), indent=1)
        self._put(_header(MANIFEST, len(body)))
        self._put(body)
        self._put(bytes(-len(body) % BLOCK))
        self._put(_END)
        self._sink.write(_seal(self._all.hexdigest()))

    def _put(self, data: bytes) -> None:
        self._all.update(data)
        self.size += len(data)
        self._sink.write(data)


def _header(name: str, size: int) -> bytes:
    if len(name.encode()) > NAME_MAX:
        raise InvalidInput(f"the name {name} is too long for an archive")
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.GNU_FORMAT)


def _seal(digest: str) -> bytes:
    return (_SEAL + digest.encode() + b"\n").ljust(BLOCK, b"\0")


class Member:
    """A member that is being read; what is not read is passed over."""

    def __init__(self, name: str, size: int, take: Callable[[int], bytes]) -> None:
        self.name, self.size = name, size
        self._left = size
        self._take = take
        self._digest = hashlib.sha256()

    def read(self, n: int) -> bytes:
        """Return up to `n` bytes, none at the end."""
        data = self._take(min(n, self._left))
        self._left -= len(data)
        self._digest.update(data)
        return data

    def chunks(self) -> Iterator[bytes]:
        """Yield the rest."""
        while data := self.read(READ):
            yield data

    def all(self, most: int) -> bytes:
        """Return the rest, which may be `most` bytes."""
        if self._left > most:
            raise InvalidInput(f"{self.name} is too large")
        return b"".join(self.chunks())

    def part(self) -> Part:
        """Return what the manifest should say of it."""
        for _ in self.chunks():
            pass
        return Part(self.name, self.size, self._digest.hexdigest())


class Reader:
    """Reads an archive from its beginning; whole only when `manifest` returns.

    Raises:
        InvalidInput: anything is not as it was written.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._all = hashlib.sha256()
        self._at = 0
        self._seen: list[Part] = []
        self._manifest: bytes | None = None

    def members(self) -> Iterator[Member]:
        """Yield the members but the manifest; each is to be read before the next."""
        names: set[str] = set()
        while True:
            head = self._take(BLOCK)
            try:
                info = tarfile.TarInfo.frombuf(head, "utf-8", "strict")
                name, size = info.name, info.size
                same = _header(name, size) == head
            except (tarfile.TarError, ValueError):
                same = False
            if not same:
                raise InvalidInput(f"this is no backup, or it is damaged at byte {self._at}")
            if name in names:
                raise InvalidInput(f"{name} is there twice")
            names.add(name)
            member = Member(name, size, self._take)
            if name == MANIFEST:
                self._manifest = member.all(MANIFEST_BYTES_MAX)
                self._pad(size)
                self._end()
                return
            yield member
            self._seen.append(member.part())
            self._pad(size)

    def manifest(self) -> dict[str, Any]:
        """Return what the manifest says, after all members were read and are as it says."""
        try:
            said: dict[str, Any] = msgspec.json.decode(self._manifest or b"", type=dict[str, Any])
            listed = msgspec.convert(said.pop("parts", None), list[Part])
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise InvalidInput("the manifest is damaged") from error
        for said_of, found in zip(listed, self._seen, strict=False):
            if said_of != found:
                what = "is damaged" if said_of.name == found.name else "is where another should be"
                raise InvalidInput(f"{found.name} {what}")
        if len(listed) != len(self._seen):
            longer = max(listed, self._seen, key=len)
            name = longer[min(len(listed), len(self._seen))].name
            missing = "is missing" if longer is listed else "does not belong here"
            raise InvalidInput(f"{name} {missing}")
        return said

    def _end(self) -> None:
        if self._take(len(_END)) != _END:
            raise InvalidInput("something follows the manifest")
        if self._source.read(BLOCK) != _seal(self._all.hexdigest()):
            raise InvalidInput("the hash of the whole does not fit: the backup is damaged")
        if self._source.read(1):
            raise InvalidInput("something follows the end")

    def _pad(self, size: int) -> None:
        if any(self._take(-size % BLOCK)):
            raise InvalidInput(f"the backup is damaged at byte {self._at}")

    def _take(self, n: int) -> bytes:
        data = self._source.read(n)
        if len(data) < n:
            raise InvalidInput(f"the backup ends too early, at byte {self._at + len(data)}")
        self._at += n
        self._all.update(data)
        return data
