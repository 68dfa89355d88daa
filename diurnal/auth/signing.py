"""The server's signing key: what others may verify with the public half of it.

RS256, which every OpenID Connect client knows. One file (0600) beside the keys, made on first
use; `/oauth2/keys` shows the public half.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from diurnal.auth.keys import SIGNING_FILE

ALGORITHM = "RS256"
BITS = 2048


class Signer:
    """Signs claims and shows the key to verify them with."""

    def __init__(self, key: RSAKey) -> None:
        self._key = key
        self.kid = key.thumbprint()

    def sign(self, claims: Mapping[str, Any], typ: str = "JWT") -> str:
        """Return signed claims, compact."""
        header = {"alg": ALGORITHM, "typ": typ, "kid": self.kid}
        return jwt.encode(header, dict(claims), self._key, algorithms=[ALGORITHM])

    def read(self, token: str) -> dict[str, Any] | None:
        """Return the claims of what we signed, None of anything else; looks at no times."""
        try:
            return dict(jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims)
        except (JoseError, ValueError):
            return None

    def public(self) -> dict[str, Any]:
        """Return the public key as a JWK Set has it."""
        shown = dict(self._key.as_dict(private=False))
        return {"keys": [{**shown, "kid": self.kid, "use": "sig", "alg": ALGORITHM}]}

    @property
    def key(self) -> RSAKey:
        """The private key, for a library that signs by itself."""
        return self._key


@lru_cache(maxsize=16)
def load(data_dir: Path) -> Signer:
    """Return the signer of a data directory, making its key on first use."""
    path = data_dir / SIGNING_FILE
    if not path.exists():
        _make(path)
    return Signer(RSAKey.import_key(path.read_bytes()))


def _make(path: Path) -> None:
    """Make the file; whole at once, for another process may look, or this one may be killed."""
    pem = RSAKey.generate_key(BITS, private=True).as_pem(private=True)
    temp = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    try:
        with os.fdopen(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            new.write(pem)
            new.flush()
            os.fsync(new.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first; its key counts
            os.link(temp, path)
    finally:
        temp.unlink(missing_ok=True)
