"""The server's secret keys: one file (0600) outside the database."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

KEY_FILE = "keys"
SIGNING_FILE = "signing-key.pem"
"""Of `auth.signing`."""


class Keys:
    """Seals what must be shown again; the first line of the file is the newest key."""

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines
        self._fernet: MultiFernet | None = None

    def seal(self, secret: str, account_id: int) -> bytes:
        """Encrypt a secret so that only this account's row opens it."""
        return self._multi().encrypt(f"{account_id}:{secret}".encode())

    def open(self, sealed: bytes, account_id: int) -> str | None:
        """Return the secret, None where it was sealed for another account or key."""
        try:
            owner, _, secret = self._multi().decrypt(sealed).decode().partition(":")
        except InvalidToken:
            return None
        return secret if owner == str(account_id) else None

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for one purpose (signed values)."""
        return hashlib.blake2b(
            self._lines[0], digest_size=32, person=purpose.encode()[:16]
        ).digest()

    def _multi(self) -> MultiFernet:
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
    lines = [line.strip() for line in path.read_bytes().splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"{path} holds no key")
    return Keys(lines)


def _make(path: Path) -> None:
    """Make a key file; whole at once, for another process may look, or this one may be killed."""
    temp = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    try:
        with os.fdopen(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            new.write(base64.urlsafe_b64encode(os.urandom(32)) + b"\n")
            new.flush()
            os.fsync(new.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first; its keys count
            os.link(temp, path)
    finally:
        temp.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
