"""A stream of bytes behind a passphrase.

scrypt makes the key; AES-256-GCM seals pieces of 64 KiB, each under a nonce of its own that counts
them and marks the last, so that none can be changed, left out, moved, added or taken from another
file. The head is sealed with every piece.
"""

from __future__ import annotations

import os
import struct
from typing import IO, TYPE_CHECKING

from diurnal.errors import InvalidInput

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"diurnal-locked-1"
PIECE = 1 << 16
COST = 17
"""Log2 of scrypt's N: 128 MiB and some tenths of a second for each guess."""
COST_MAX = 20
"""What is read from a file may not ask for more memory than 1 GiB."""
PASSPHRASE_MIN = 8
_HEAD = struct.Struct(">16sB16s7s")
_TAG = 16


def is_locked(file: IO[bytes]) -> bool:
    """Return whether what begins here is locked; reads nothing."""
    at = file.tell()
    found = file.read(len(MAGIC))
    file.seek(at)
    return found == MAGIC


def _key(passphrase: str, salt: bytes, cost: int) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return AESGCM(Scrypt(salt=salt, length=32, n=1 << cost, r=8, p=1).derive(passphrase.encode()))


def _nonce(prefix: bytes, n: int, *, last: bool) -> bytes:
    return prefix + struct.pack(">IB", n, last)


class Writer:
    """Locks what is written to it; whole only after `close`.

    Raises:
        InvalidInput: the passphrase is too short.
    """

    def __init__(self, file: IO[bytes], passphrase: str, *, cost: int = COST) -> None:
        if len(passphrase) < PASSPHRASE_MIN:
            raise InvalidInput(f"a passphrase has at least {PASSPHRASE_MIN} characters")
        salt, self._prefix = os.urandom(16), os.urandom(7)
        self._key = _key(passphrase, salt, cost)
        self._head = _HEAD.pack(MAGIC, cost, salt, self._prefix)
        self._file = file
        self._waiting = bytearray()
        self._n = 0
        file.write(self._head)

    def write(self, data: bytes) -> int:
        """Take bytes."""
        self._waiting += data
        # One piece is held back: it may be the last.
        while len(self._waiting) > PIECE:
            self._seal(bytes(self._waiting[:PIECE]), last=False)
            del self._waiting[:PIECE]
        return len(data)

    def close(self) -> None:
        """Write the last piece; the file below stays open."""
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _seal(self, piece: bytes, *, last: bool) -> None:
        nonce = _nonce(self._prefix, self._n, last=last)
        self._file.write(self._key.encrypt(nonce, piece, self._head))
        self._n += 1


class Reader:
    """Reads what a `Writer` wrote; a piece is handed out when it is known to be whole.

    Raises:
        InvalidInput: the passphrase is wrong, or the file is damaged.
    """

    def __init__(self, file: IO[bytes], passphrase: str) -> None:
        self._head = file.read(_HEAD.size)
        if len(self._head) < _HEAD.size:
            raise InvalidInput("the file is cut off")
        magic, cost, salt, self._prefix = _HEAD.unpack(self._head)
        if magic != MAGIC or not 1 <= cost <= COST_MAX:
            raise InvalidInput("the file's head is damaged")
        self._key = _key(passphrase, salt, cost)
        self._file = file
        self._n = 0
        self._ready = memoryview(b"")
        self._next = file.read(PIECE + _TAG)
        self._over = False

    def read(self, n: int) -> bytes:
        """Return `n` bytes, fewer only at the end."""
        parts: list[bytes | memoryview] = []
        while n:
            if not self._ready:
                if self._over:
                    break
                self._open()
                continue
            part = self._ready[:n]
            self._ready = self._ready[len(part) :]
            parts.append(part)
            n -= len(part)
        return b"".join(parts)

    def _open(self) -> None:
        from cryptography.exceptions import InvalidTag

        sealed, self._next = self._next, self._file.read(PIECE + _TAG)
        self._over = not self._next
        nonce = _nonce(self._prefix, self._n, last=self._over)
        try:
            self._ready = memoryview(self._key.decrypt(nonce, sealed, self._head))
        except (InvalidTag, ValueError):
            where = "the passphrase is wrong, or the file is damaged"
            if self._n:
                where = f"the file is damaged or cut off near byte {self._n * PIECE}"
            raise InvalidInput(where) from None
        self._n += 1
