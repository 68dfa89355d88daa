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


def of(kind: str, written: Mapping[str, Any], without: frozenset[str]) -> str:
    """Return the hash of an object as it is written, members `without` and nulls left out."""
    kept = {k: v for k, v in written.items() if k not in without and v is not None}
    return hashed(kind, canonical(kept).encode())


def hashed(kind: str, text: bytes) -> str:
    """Return the hash of an object's canonical text."""
    return f"{kind}:0:sha256-{b2a_base64(hashlib.sha256(text).digest(), newline=False).decode()}"


def plain(value: Any) -> Any:
    """Return a value so that an encoder of JSON writes it canonically."""
    kind = type(value)
    if kind is float:
        return msgspec.Raw(_number(value).encode())
    if kind is dict or kind is list or kind is tuple:
        return msgspec.Raw(canonical(value).encode())
    return value


def canonical(value: Any) -> str:
    """Return compact JSON with sorted keys and without nulls, numbers as JavaScript writes them."""
    if isinstance(value, dict):
        # By UTF-16 units, as JavaScript compares text.
        keys = sorted((k for k, v in value.items() if v is not None), key=_units)
        return "{" + ",".join(f"{_text(k)}:{canonical(value[k])}" for k in keys) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return _number(value)
    return _encode(value).decode()


def _units(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


def _text(text: str) -> str:
    return _encode(text).decode()


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "null"
    size = abs(value)
    if size < _SAFE and value == int(value):
        return str(int(value))
    text = repr(value)
    if "e" not in text and not text.endswith(".0"):
        return text
    if _SMALL <= size < _EXACT:
        return f"{Decimal(text).normalize():f}"
    digits, _, exponent = text.partition("e")
    power = int(exponent)
    return f"{digits.removesuffix('.0')}e{'+' if power > 0 else '-'}{abs(power)}"
