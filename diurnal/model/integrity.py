"""Hashes by which a client sees that an object is as the server holds it; pure.

Source: https://api.pryv.com/reference/#data-structure-event (`integrity`)
"""

from __future__ import annotations

import hashlib
import math
from binascii import b2a_base64
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_SAFE = 2**53
_SMALL, _EXACT = 1e-6, 1e21
"""Outside of these JavaScript writes numbers with an exponent."""
_ALIKE = 1e-5
"""From here on the encoder writes fractions as JavaScript does."""


def of(kind: str, written: Mapping[str, Any], without: frozenset[str]) -> str:
    """Return the hash of an object as it is written, members `without` and nulls left out."""
    kept = {k: v for k, v in written.items() if k not in without and v is not None}
    return hashed(kind, canonical(kept))


def hashed(kind: str, text: bytes) -> str:
    """Return the hash of an object's canonical text."""
    return f"{kind}:0:sha256-{b2a_base64(hashlib.sha256(text).digest(), newline=False).decode()}"


def plain(value: Any) -> Any:
    """Return a value so that an encoder of JSON writes it canonically."""
    kind = type(value)
    if kind is str or kind is bool or (kind is int and -_SAFE <= value <= _SAFE):
        return value
    return msgspec.Raw(canonical(value))


def canonical(value: Any) -> bytes:
    """Return compact JSON with sorted keys and without nulls, numbers as JavaScript writes them."""
    return _encode(_tidy(value))


def _tidy(value: Any) -> Any:
    """Return a value so that the encoder writes it canonically; it does so many times faster."""
    if type(value) is int:
        if -_SAFE <= value <= _SAFE:
            return value
        # To a client that reads it in JavaScript it is the next number that a float holds.
        return msgspec.Raw(_number(float(value)).encode())
    if isinstance(value, dict):
        keys = sorted(value)
        if not "".join(keys).isascii():
            # By UTF-16 units, as JavaScript compares text.
            keys.sort(key=_units)
        kept = [(k, v) for k in keys if (v := value[k]) is not None]
        return {k: v if type(v) is str or type(v) is bool else _tidy(v) for k, v in kept}
    if isinstance(value, float):
        if value.is_integer() and -_SAFE < value < _SAFE:
            return int(value)
        return value if _ALIKE <= abs(value) < _SAFE else msgspec.Raw(_number(value).encode())
    if isinstance(value, list | tuple):
        return [_tidy(v) for v in value]
    return value


def _units(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


def _number(value: float) -> str:
    """Return a number that is very small, very large or none, as JavaScript writes it."""
    if not math.isfinite(value):
        return "null"
    text = repr(value)
    if _SMALL <= abs(value) < _EXACT:
        return f"{Decimal(text).normalize():f}"
    digits, _, exponent = text.partition("e")
    power = int(exponent)
    return f"{digits.removesuffix('.0')}e{'+' if power > 0 else '-'}{abs(power)}"
