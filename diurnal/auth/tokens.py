"""Tokens: make, take apart, hash. They carry their account, so no global table is asked.

    dn_<account, base 36>_<40 random characters>_<6 characters of checksum>

Only the SHA-256 is stored. The checksum lets secret scanners and we ourselves refuse a mistyped
token without a look-up.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib

PREFIX = "dn"
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
SECRET_LENGTH = 40
_SHAPE = re.compile(
    rf"{PREFIX}_[0-9a-z]{{1,13}}_[0-9a-zA-Z]{{{SECRET_LENGTH}}}_[0-9a-zA-Z]{{6}}"
    rf"|[0-9a-fA-F]{{{SECRET_LENGTH}}}"
)
_ACCOUNT_MAX = 2**63 - 1


def make(account_id: int) -> str:
    """Return a new token of the account: 238 random bits."""
    return _whole(account_id, _random(SECRET_LENGTH))


def make_hex(account_id: int, *, upper: bool = False) -> str:
    """Return a token of 40 hex digits that carries its account in the first ten.

    Exist's and Personyze's clients accept no other shape. 120 random bits; the account is
    masked with four of the secret's bytes so that tokens do not look numbered.
    """
    token = _hex(account_id, secrets.token_bytes(15))
    return token.upper() if upper else token


FAMILY_LENGTH = 16
"""Characters that all refresh tokens of one grant share."""
_FAMILY_HEX = 14


def make_family(account_id: int, *, of: bytes | None = None, hex_: bool = False) -> str:
    """Return a refresh token of a new family, or the next one of a family.

    All of a family begin alike, so that an old one is known for what it is without a list of
    those that were: whoever shows it has copied it, or is late.

    Args:
        of: the family's beginning, as `family_of` gives it.
    """
    if hex_:
        shared = bytes.fromhex(of.decode()) if of else secrets.token_bytes(_FAMILY_HEX // 2)
        return _hex(account_id, shared + secrets.token_bytes(15 - len(shared)))
    start = of.decode() if of else _random(FAMILY_LENGTH)
    return _whole(account_id, start + _random(SECRET_LENGTH - FAMILY_LENGTH))


def family_of(token: str) -> bytes | None:
    """Return what the refresh tokens of a family share, None where it is no token of ours."""
    if account_of(token) is None:
        return None
    if len(token) == SECRET_LENGTH:
        return token[10 : 10 + _FAMILY_HEX].lower().encode()
    return token.split("_")[2][:FAMILY_LENGTH].encode()


def account_of(token: str) -> int | None:
    """Return the account that a token carries, None where it is none of ours."""
    if not _SHAPE.fullmatch(token):
        return None
    if len(token) == SECRET_LENGTH:
        return _account_of_hex(token)
    parts = token.split("_")
    head = token.rpartition("_")[0]
    if parts[3] != _checksum(head):
        return None
    account_id = int(parts[1], 36)
    return account_id if account_id <= _ACCOUNT_MAX else None


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _whole(account_id: int, secret: str) -> str:
    head = f"{PREFIX}_{_in_base36(account_id)}_{secret}"
    return f"{head}_{_checksum(head)}"


def _hex(account_id: int, secret: bytes) -> str:
    mask = int.from_bytes(hashlib.sha256(secret).digest()[:5], "big")
    return f"{account_id ^ mask:010x}{secret.hex()}"


def _account_of_hex(token: str) -> int:
    masked, secret = int(token[:10], 16), bytes.fromhex(token[10:])
    return masked ^ int.from_bytes(hashlib.sha256(secret).digest()[:5], "big")


def digest(token: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


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
