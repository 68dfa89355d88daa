"""Tokens: make, take apart, hash. They carry their account, so no global table is asked.

    dn_<account, base 36>_<40 random characters>_<6 characters of checksum>

Only the SHA-256 is stored. The checksum lets secret scanners and we ourselves refuse a mistyped
token without a look-up.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib

PREFIX = "dn"
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
SECRET_LENGTH = 40
TOKEN_LENGTH_MAX = 200


def make(account_id: int) -> str:
    """Return a new token of the account: 238 random bits."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(SECRET_LENGTH))
    head = f"{PREFIX}_{_in_base36(account_id)}_{secret}"
    return f"{head}_{_checksum(head)}"


def make_hex(account_id: int, *, upper: bool = False) -> str:
    """Return a token of 40 hex digits that carries its account in the first ten.

    Exist's and Personyze's clients accept no other shape. 120 random bits; the account is
    masked with four of the secret's bytes so that tokens do not look numbered.
    """
    secret = secrets.token_bytes(15)
    mask = int.from_bytes(hashlib.sha256(secret).digest()[:5], "big")
    token = f"{account_id ^ mask:010x}{secret.hex()}"
    return token.upper() if upper else token


def account_of(token: str) -> int | None:
    """Return the account that a token carries, None where it is none of ours."""
    if len(token) == SECRET_LENGTH:
        return _account_of_hex(token)
    parts = token.split("_")
    if len(parts) != 4 or parts[0] != PREFIX or len(token) > TOKEN_LENGTH_MAX:
        return None
    head = token.rpartition("_")[0]
    if parts[3] != _checksum(head):
        return None
    try:
        return int(parts[1], 36)
    except ValueError:
        return None


def _account_of_hex(token: str) -> int | None:
    try:
        masked, secret = int(token[:10], 16), bytes.fromhex(token[10:])
    except ValueError:
        return None
    return masked ^ int.from_bytes(hashlib.sha256(secret).digest()[:5], "big")


def digest(token: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def _checksum(head: str) -> str:
    n, digits = zlib.crc32(head.encode()), []
    for _ in range(6):
        n, rest = divmod(n, 62)
        digits.append(_ALPHABET[rest])
    return "".join(digits)


def _in_base36(n: int) -> str:
    digits = []
    while True:
        n, rest = divmod(n, 36)
        digits.append(_BASE36[rest])
        if not n:
            return "".join(reversed(digits))
