"""What services say, as our values: times, numbers, texts and keys."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from diurnal.errors import InvalidInput
from diurnal.model import units
from diurnal.model.time import SECOND, TIME_MAX, TIME_MIN, from_seconds, micros

KEY_MAX = 100
_MS_FROM = 100_000_000_000
"""Epochs beyond are in milliseconds: as seconds, the year 5138."""
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d\d)?")

Members = Mapping[str, tuple[str, str]]
"""Member of a document, or column -> measure and the unit that it is said in."""


def instant(text: Any) -> int:
    """Return the instant that an ISO 8601 text with an offset names, microseconds UTC.

    Raises:
        ValueError: no such text.
    """
    return local(text)[0]


def local(text: Any) -> tuple[int, int | None]:
    """Return an instant and its offset in minutes; None for `Z`, which says nothing of it.

    Raises:
        ValueError: no such text, or one without an offset.
    """
    at = _parsed(text)
    if at.tzinfo is None:
        raise ValueError(f"the time {str(text)[:40]!r} does not say its zone")
    # Machines that mean UTC write +00:00; it says nothing of where somebody was.
    offset = round((at.utcoffset() or timedelta()).total_seconds() / 60)
    return _bounded(micros(at)), offset or None


def utc(text: Any) -> int:
    """Return the instant of a text that is UTC where it does not say its offset.

    Raises:
        ValueError: no such text.
    """
    at = _parsed(text)
    return _bounded(micros(at if at.tzinfo is not None else at.replace(tzinfo=UTC)))


def offset_of(text: str) -> int | None:
    """Return the minutes of an offset like +05:30, UTC-0500 or +1; None for what is none."""
    found = _OFFSET.fullmatch(text.strip())
    if found is None:
        return None
    minutes = int(found[2]) * 60 + int(found[3] or 0)
    return -minutes if found[1] == "-" else minutes


def naive(text: Any) -> datetime:
    """Return what a clock shows; an offset, where one is said, is left out.

    Raises:
        ValueError: no such text.
    """
    return _parsed(text).replace(tzinfo=None)


def clock(text: Any) -> int:
    """Return what a clock shows as if it were UTC, for data that do not say where it hangs.

    Raises:
        ValueError: no such text.
    """
    return _bounded(micros(naive(text).replace(tzinfo=UTC)))


def _parsed(text: Any) -> datetime:
    if not isinstance(text, str) or not 10 <= len(text) <= 40:
        raise ValueError(f"no time: {str(text)[:40]!r}")
    try:
        return datetime.fromisoformat(text.strip().removesuffix(" UTC").replace(" +", "+"))
    except ValueError:
        raise ValueError(f"no time: {text!r}") from None


def _bounded(at: int) -> int:
    if not TIME_MIN <= at <= TIME_MAX:
        raise ValueError("the time is out of range")
    return at


def epoch(value: Any) -> int:
    """Return the instant of a Unix time in seconds or milliseconds, number or text.

    Raises:
        ValueError: no such number.
    """
    said = number(value)
    return from_seconds(said / 1000 if abs(said) >= _MS_FROM else said)


def english(text: str, format_: str) -> int:
    """Return the instant of a time with English names of days and months.

    Raises:
        ValueError: not in this format.
    """
    at = datetime.strptime(text, format_)  # noqa: DTZ007 - where it has no offset it is UTC
    return micros(at if at.tzinfo is not None else at.replace(tzinfo=UTC))


def seconds(at: int) -> int:
    """Return the whole second of an instant."""
    return at // SECOND


def number(value: Any) -> float:
    """Return a finite number, also one written as text.

    Raises:
        ValueError: none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"no number: {str(value)[:40]!r}")
    try:
        said = float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"no number: {str(value)[:40]!r}") from None
    if not math.isfinite(said):
        raise ValueError("not a finite number")
    return said


def unit(text: str) -> str:
    """Return the UCUM code of a unit as a service spells it.

    Raises:
        InvalidInput: no such unit.
    """
    code = units.canonical_unit(text)
    if code is None:
        raise InvalidInput(f"unknown unit {text[:40]!r}", field="unit")
    return code


def text(value: Any) -> str:
    """Return text that is there.

    Raises:
        ValueError: nothing, or no text.
    """
    if not isinstance(value, str) or not value.strip():
        raise ValueError("there is no text")
    return value


def told(
    said: Mapping[str, Any], members: Members, *, positive: bool = False
) -> Iterator[tuple[str, str, Any]]:
    """Yield measure, unit and value of the members that say something.

    Of several members of one measure the first counts: forms of one document name it otherwise.

    Args:
        positive: leave out what is not above 0: it was not measured.

    Raises:
        ValueError: one that has to be above 0 is no number.
    """
    seen: set[str] = set()
    for member, (measure, unit) in members.items():
        value = said.get(member)
        if value is None or measure in seen:
            continue
        if positive and (not value or number(value) <= 0):
            continue
        seen.add(measure)
        yield measure, unit, value


def total(said: Mapping[str, Any], *members: str) -> float:
    """Return the sum of the members that say something.

    Raises:
        ValueError: one is no number.
    """
    return sum(number(said[m]) for m in members if said.get(m) is not None)


def some(**members: Any) -> dict[str, Any]:
    """Return the members that say something."""
    return {k: v for k, v in members.items() if v is not None and v != "" and v != []}


def key(*parts: Any) -> str:
    """Return a stable id of parts: readable where it is short, else a hash."""
    joined = "\x1f".join(map(str, parts))
    if len(parts) == 1 and 0 < len(joined) <= KEY_MAX and joined.isprintable():
        return joined
    return blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def name(value: Any) -> str:
    """Return a source's name with plain spaces, "" for none."""
    return " ".join(value.split())[:200] if isinstance(value, str) else ""
