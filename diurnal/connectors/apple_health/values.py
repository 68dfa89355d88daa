"""What Apple writes, as we write it: names, units, numbers, and ids where it gives none."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from diurnal.connectors import _said
from diurnal.model.measures import Measure, Shape

API = "apple_health"
TEXT_MAX = 500
UNNAMED = "Apple Health"
"""The source of records that name none."""
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def slug(name: str) -> str:
    """Return `CamelCase` as `camel_case`."""
    return _WORD.sub("_", name).lower()


def source_name(name: str | None) -> str:
    """Return a source's name with plain spaces."""
    return " ".join((name or "").split())[:TEXT_MAX] or UNNAMED


def unit_code(written: str | None, measure: Measure) -> str:
    """Return the UCUM code of Apple's unit.

    Apple writes fractions and calls them %.

    Raises:
        InvalidInput: no such unit.
    """
    if written is None:
        name = measure.name_in(API)
        return (name and name.unit) or measure.unit
    return "1" if written == "%" else _said.unit(written)


def number(value: float) -> float:
    """Return a whole number as int: what JSON shows of it."""
    return int(value) if float(value).is_integer() and abs(value) < 1e15 else value


def finite(text: str) -> float:
    """Return a written number.

    Raises:
        ValueError: none, or not finite.
    """
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"no number: {text[:40]!r}")
    return value


def identity(*parts: object) -> str:
    """Return a stable id: Apple gives none."""
    joined = "\x1f".join(map(str, parts))
    return blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def client_data(metadata: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what is kept of an element's metadata."""
    return {API: dict(metadata)} if metadata else None


def category_content(measure: Measure, word: str, metadata: Mapping[str, str]) -> Any:
    """Return the content of an event whose value is a word."""
    if measure.shape is Shape.SESSION:
        return None
    if measure.key == "menstrual_flow":
        # Later versions call the same values vaginal bleeding.
        return word.rpartition("_")[2] or "unspecified"
    if measure.key == "sexual_activity":
        protected = metadata.get("HKSexualActivityProtectionUsed")
        return {"1": "protected", "0": "unprotected"}.get(protected or "", "unspecified")
    return word or None
