"""Hashes by which a client sees that an object is as the server holds it; pure.

Source: https://api.pryv.com/reference/#data-structure-event (`integrity`)
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_EXACT = 10**21
"""From here on JavaScript writes whole numbers with an exponent."""


def of(kind: str, written: Mapping[str, Any], without: frozenset[str]) -> str:
    """Return the hash of an object as it is written, members `without` and nulls left out."""
    kept = {k: v for k, v in written.items() if k not in without and v is not None}
    digest = hashlib.sha256(canonical(kept).encode()).digest()
    return f"{kind}:0:sha256-{base64.b64encode(digest).decode()}"


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
    if value == int(value) and abs(value) < _EXACT:
        return str(int(value))
    size = abs(value)
    text = repr(value)
    if "e" not in text:
        return text
    digits, _, exponent = text.partition("e")
    if 1e-6 <= size < _EXACT:
        return (
            f"{value:.{max(0, len(digits.replace('-', '').replace('.', '')) - 1 - int(exponent))}f}"
        )
    power = int(exponent)
    return f"{digits.removesuffix('.0')}e{'+' if power > 0 else '-'}{abs(power)}"
