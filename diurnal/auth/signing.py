"""The server's signing keys: what others may verify with the public half of them.

RS256, which every OpenID Connect client knows. One file (0600) beside the keys, made on first
use. One key signs; `rotate` adds the next, which is published at once and signs when those who
keep the published keys for a while have it; the one before stays published until what it signed
is past its time. Then its private half is dropped. The public half is kept for good: receipts
of consent have no end.

The library is loaded with the first signature: with the cryptography below it takes 10 MB.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from diurnal.auth import keys
from diurnal.auth.keys import SIGNING_FILE

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

ALGORITHM = "RS256"
BITS = 2048
CACHED_S = 3_600
"""Others may keep the published keys this long, so a new key signs only after it."""
OVERLAP_S = 7_200
"""A key stays published this long after the next one signs: longer than any ID token lives."""
DAY_S = 86_400


class _Kept(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A key as the file has it.

    Attributes:
        begins: Unix seconds from which it signs.
        until: Unix seconds until which it is published; None for as long as no other follows.
        jwk: with its private half, where it may still sign.
    """

    begins: int
    until: int | None = None
    jwk: dict[str, Any]


class _File(msgspec.Struct):
    """The file; the oldest key first."""

    keys: list[_Kept]


class Signer:
    """Signs claims, and shows the keys to verify them with, as of one instant."""

    def __init__(self, kept: list[_Kept], known: list[RSAKey], now_s: int) -> None:
        self._known = known
        begun = [i for i, one in enumerate(kept) if one.begins <= now_s]
        # A clock that went back is no reason to stop.
        self._key = known[begun[-1] if begun else 0]
        self._shown = [
            key
            for key, one in zip(known, kept, strict=True)
            if one.until is None or now_s < one.until
        ]
        self.kid = str(self._key.kid)

    def sign(self, claims: Mapping[str, Any], typ: str = "JWT") -> str:
        """Return signed claims, compact."""
        from joserfc import jwt

        header = {"alg": ALGORITHM, "typ": typ, "kid": self.kid}
        return jwt.encode(header, dict(claims), self._key, algorithms=[ALGORITHM])

    def read(self, token: str) -> dict[str, Any] | None:
        """Return the claims of what we ever signed, None of anything else; looks at no times."""
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        try:
            return dict(jwt.decode(token, KeySet([*self._known]), algorithms=[ALGORITHM]).claims)
        except (JoseError, ValueError):
            return None

    def public(self, *, ever: bool = False) -> dict[str, Any]:
        """Return the public keys as a JWK Set has them.

        Args:
            ever: those that sign no more, too.
        """
        shown = self._known if ever else self._shown
        return {
            "keys": [
                {**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM} for key in shown
            ]
        }

    @property
    def key(self) -> RSAKey:
        """The private key, for a library that signs by itself."""
        return self._key


def load(data_dir: Path, now_s: int) -> Signer:
    """Return the signer of a data directory, making its first key on first use.

    What another process has rotated meanwhile is noticed.

    Args:
        now_s: Unix seconds.
    """
    path = data_dir / SIGNING_FILE
    try:
        stat = path.stat()
    except FileNotFoundError:
        # Another process may be first; its key counts.
        with contextlib.suppress(FileExistsError):
            keys.write(path, _text([_made(now_s)]), new=True)
        stat = path.stat()
    kept, known = _read(path, stat.st_ino, stat.st_mtime_ns)
    return Signer(kept, known, now_s)


def rotate(data_dir: Path, now_s: int, *, at_once: bool = False) -> str:
    """Add a key that signs from `CACHED_S` on; return its id.

    Args:
        at_once: it signs from now on, and no key before it is published any more: somebody else
            has the old one.
    """
    from joserfc.jwk import RSAKey

    with _locked(data_dir):
        kept = _kept(data_dir, now_s)
        begins = now_s if at_once else now_s + CACHED_S
        for old in kept:
            end = now_s if at_once else begins + OVERLAP_S
            old.until = end if old.until is None else min(old.until, end)
        kept.append(_made(begins))
        _keep(data_dir, kept, now_s)
    return str(RSAKey.import_key(kept[-1].jwk).thumbprint())


def renew(data_dir: Path, now_s: int, days: int) -> str | None:
    """Rotate where the newest key has signed for so many days; return the new key's id.

    Args:
        days: 0 for never.
    """
    load(data_dir, now_s)
    newest = _kept(data_dir, now_s)[-1]
    if not days or now_s < newest.begins + days * DAY_S:
        return None
    return rotate(data_dir, now_s)


def _kept(data_dir: Path, now_s: int) -> list[_Kept]:
    load(data_dir, now_s)
    return msgspec.json.decode((data_dir / SIGNING_FILE).read_bytes(), type=_File).keys


def _keep(data_dir: Path, kept: list[_Kept], now_s: int) -> None:
    from joserfc.jwk import RSAKey

    for old in kept:
        if old.until is not None and old.until <= now_s:
            old.jwk = dict(RSAKey.import_key(old.jwk).as_dict(private=False))
    keys.write(data_dir / SIGNING_FILE, _text(kept))


def _made(begins: int) -> _Kept:
    from joserfc.jwk import RSAKey

    key = RSAKey.generate_key(BITS, private=True)
    return _Kept(begins=begins, jwk=dict(key.as_dict(private=True)))


def _text(kept: list[_Kept]) -> bytes:
    return msgspec.json.encode(_File(kept))


@lru_cache(maxsize=16)
def _read(path: Path, _inode: int, _changed: int) -> tuple[list[_Kept], list[RSAKey]]:
    from joserfc.jwk import RSAKey

    kept = msgspec.json.decode(path.read_bytes(), type=_File).keys
    known = [RSAKey.import_key(one.jwk) for one in kept]
    for key in known:
        key.ensure_kid()
    return kept, known


@contextlib.contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Hold the only turn to change the file, among all processes."""
    fd = os.open(data_dir / f"{SIGNING_FILE}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
