"""The server's secret keys: one file (0600) outside the database.

The cryptography is loaded with the first secret that is sealed or opened: it takes 7 MB.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

KEY_FILE = "keys"
SIGNING_FILE = "signing-keys.json"
"""Of `auth.signing`."""


class Keys:
    """Seals what must be shown again; the first line of the file is the newest key."""

    def __init__(self, lines: list[bytes], path: Path | None = None) -> None:
        self._lines = lines
        self._path = path
        self._fernet: MultiFernet | None = None

    def seal(self, secret: str, account_id: int) -> bytes:
        """Encrypt a secret so that only this account's row opens it."""
        return self._multi().encrypt(f"{account_id}:{secret}".encode())

    def open(self, sealed: bytes, account_id: int) -> str | None:
        """Return the secret, None where it was sealed for another account or key."""
        from cryptography.fernet import InvalidToken

        try:
            plain = self._multi().decrypt(sealed)
        except InvalidToken:
            # Another process may have restored a backup, with the keys of then.
            if not self._read_again():
                return None
            try:
                plain = self._multi().decrypt(sealed)
            except InvalidToken:
                return None
        owner, _, secret = plain.decode().partition(":")
        return secret if owner == str(account_id) else None

    def text(self) -> bytes:
        """Return what the key file holds."""
        return b"".join(line + b"\n" for line in self._lines)

    def adopt(self, text: bytes) -> None:
        """Put other keys in front of these, in the file and here.

        Raises:
            ValueError: they are no keys.
        """
        from cryptography.fernet import Fernet, MultiFernet

        lines = _lines(text)
        MultiFernet([Fernet(line) for line in lines])
        lines += [line for line in self._lines if line not in lines]
        if self._path is not None:
            write(self._path, b"".join(line + b"\n" for line in lines))
        self._lines, self._fernet = lines, None

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for one purpose (signed values)."""
        return hashlib.blake2b(
            self._lines[0], digest_size=32, person=purpose.encode()[:16]
        ).digest()

    def _read_again(self) -> bool:
        try:
            lines = _lines(self._path.read_bytes()) if self._path is not None else []
        except OSError:
            return False
        if not lines or lines == self._lines:
            return False
        self._lines, self._fernet = lines, None
        return True

    def _multi(self) -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet

        if self._fernet is None:
            self._fernet = MultiFernet([Fernet(line) for line in self._lines])
        return self._fernet


def load(data_dir: Path) -> Keys:
    """Read the key file, making it on first use.

    Raises:
        ValueError: the file holds no key.
    """
    path = data_dir / KEY_FILE
    if not path.exists():
        _make(path)
    lines = _lines(path.read_bytes())
    if not lines:
        raise ValueError(f"{path} holds no key")
    return Keys(lines, path)


def _lines(text: bytes) -> list[bytes]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _make(path: Path) -> None:
    with contextlib.suppress(FileExistsError):  # another process was first; its keys count
        write(path, base64.urlsafe_b64encode(os.urandom(32)) + b"\n", new=True)


def write(path: Path, text: bytes, *, new: bool = False) -> None:
    """Write a file of secrets; whole at once: another may look, or this process be killed.

    Raises:
        FileExistsError: it is there, and was to be new.
    """
    write_stream(path, [text], new=new)


def write_stream(path: Path, parts: Iterable[bytes], *, new: bool = False) -> None:
    """Do as `write`, for a file that comes in parts."""
    temp = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    try:
        with os.fdopen(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        if new:
            os.link(temp, path)
        else:
            temp.replace(path)
    finally:
        temp.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
