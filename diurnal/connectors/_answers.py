"""Read what sources answer: JSON that may be no JSON, too deep, or not of numbers."""

from __future__ import annotations

from typing import Any

import msgspec

from diurnal.connectors import Answer
from diurnal.errors import Upstream

SHOWN_MAX = 80


def decode(answer: Answer) -> Any:
    """Return the body as JSON; None for an empty one.

    Raises:
        Upstream: it is no JSON (a page of HTML, a cut answer, NaN, nested without end).
    """
    if not answer.body.strip():
        return None
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        start = answer.body[:SHOWN_MAX].decode("utf-8", "replace")
        raise Upstream(f"the answer is no JSON ({error}): {start!r}") from error


def at(value: Any, path: str) -> Any:
    """Return the member that a dotted path names, None where there is none."""
    for part in path.split(".") if path else ():
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value
