"""Times: in whatever spelling clients send them, UTC where no zone is told."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from diurnal.errors import InvalidInput
from diurnal.model import time

_SPELLING = re.compile(
    r"\s*(\d{4})-(\d\d)-(\d\d)"
    r"(?:[ Tt+](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?"
    r"\s*(?:([Zz])|([+\- ])(\d\d):?(\d\d))?\s*"
)


def read(text: str, field: str = "time") -> int:
    """Return the instant that a text tells; a date alone is its midnight.

    A `+` of an offset arrives as a blank where nobody escaped it.

    Raises:
        InvalidInput: it tells none.
    """
    found = _SPELLING.fullmatch(text)
    if found is None:
        raise InvalidInput("Invalid request", field=field)
    year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = found.groups()
    zone = UTC
    if hours is not None:
        ahead = timedelta(hours=int(hours), minutes=int(minutes))
        if ahead >= timedelta(hours=24):
            raise InvalidInput("Invalid request", field=field)
        zone = timezone(-ahead if sign == "-" else ahead)
    try:
        at = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=zone,
        )
        micros = time.micros(at)
    except (ValueError, OverflowError):
        raise InvalidInput("Invalid request", field=field) from None
    return micros + (round(int(fraction) * 10 ** (6 - len(fraction))) if fraction else 0)


def write(at: int) -> str:
    """Return an instant as ISO without a zone, a fraction only where there is one.

    What ends after the year 9999 is told to end with it.
    """
    return time.clock_text(at if at < _LAST else _LAST, "T", fraction=True)


_LAST = time.TIME_MAX + time.SECOND - 1
