"""Short-lived signed values: what a browser carries for us and must not change."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import zlib

from diurnal.auth.keys import Keys

BYTES_MAX = 64 << 10
"""Of a value, unpacked."""


def sign(keys: Keys, purpose: str, value: bytes) -> str:
    """Return text for a URL or a form that only we could have made, for one purpose."""
    packed = zlib.compress(value)
    return f"{_text(packed)}.{_text(_mac(keys, purpose, packed))}"


def read(keys: Keys, purpose: str, text: str) -> bytes | None:
    """Return the value, None where we did not sign this text for this purpose."""
    body, _, told = text.partition(".")
    try:
        packed, mac = _bytes(body), _bytes(told)
    except (binascii.Error, ValueError):
        return None
    if not hmac.compare_digest(mac, _mac(keys, purpose, packed)):
        return None
    unpacker = zlib.decompressobj()
    value = unpacker.decompress(packed, BYTES_MAX)
    return value if unpacker.eof else None


def _mac(keys: Keys, purpose: str, packed: bytes) -> bytes:
    return hmac.new(keys.derive(purpose), packed, hashlib.sha256).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    raw = text.encode("ascii")
    return base64.b64decode(raw + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)
