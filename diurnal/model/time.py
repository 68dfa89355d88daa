"""Instants, zones and local days.

An instant is int microseconds UTC since the Unix epoch; a day is an int, the number of days
since 1970-01-01 in the local calendar. "Day" is a rule, not a cast: the zone in force where
the person was decides (`docs/architecture.md`, "Days").
"""

from __future__ import annotations

import bisect
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from diurnal.errors import InvalidInput

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 3_600 * SECOND
DAY = 86_400 * SECOND

TIME_MIN = -62_135_596_800 * SECOND
"""Year 1."""
TIME_MAX = 253_402_300_799 * SECOND
"""End of year 9999."""

_EPOCH = date(1970, 1, 1).toordinal()
_SLOT = 900 * SECOND
"""Offsets change on quarter hours only, so one look-up serves a quarter."""


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """Return the zone called `name` in the IANA database.

    Raises:
        InvalidInput: no such zone.
    """
    if not name or len(name) > 64 or name.startswith(("/", ".")) or "\0" in name:
        raise InvalidInput(f"unknown time zone {name!r}", field="timezone")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InvalidInput(f"unknown time zone {name!r}", field="timezone") from None


@lru_cache(maxsize=65_536)
def _offset_of_slot(name: str, slot: int) -> int:
    try:
        at = datetime.fromtimestamp(slot * 900, UTC).astimezone(zone(name))
    except (OverflowError, ValueError, OSError):
        return 0
    offset = at.utcoffset() or timedelta()
    return round(offset.total_seconds() / 60)


def offset_min(zone_name: str, at: int) -> int:
    """Return the offset from UTC, in minutes, that `zone_name` has at instant `at`."""
    return _offset_of_slot(zone_name, at // _SLOT)


def day_of(at: int, offset: int) -> int:
    """Return the local day of instant `at` under an offset of `offset` minutes."""
    return (at + offset * MINUTE) // DAY


def midnight(day: int, zone_name: str) -> int:
    """Return the instant at which local `day` begins (its first moment, where DST skips 00:00)."""
    guess = day * DAY
    low = guess - offset_min(zone_name, guess - 15 * HOUR) * MINUTE
    high = guess - offset_min(zone_name, guess + 15 * HOUR) * MINUTE
    for at in sorted((low, high)):
        if day_of(at, offset_min(zone_name, at)) == day and (
            day_of(at - 1, offset_min(zone_name, at - 1)) < day
        ):
            return at
    # 00:00 does not exist on this day: the first moment is where the clock was set forward.
    at = min(low, high)
    while day_of(at, offset_min(zone_name, at)) < day:
        at += _SLOT
    return at


def day_from_text(text: str, *, field: str = "date") -> int:
    """Return the day that `YYYY-MM-DD` names.

    Raises:
        InvalidInput: not such a date.
    """
    try:
        if len(text) != 10:
            raise ValueError
        return date.fromisoformat(text).toordinal() - _EPOCH
    except (ValueError, TypeError):
        raise InvalidInput(f"{field} must be a date as YYYY-MM-DD", field=field) from None


@lru_cache(maxsize=65_536)
def day_text(day: int) -> str:
    """Return `day` as `YYYY-MM-DD`."""
    return date.fromordinal(day + _EPOCH).isoformat()


def weekday(day: int) -> int:
    """Return 0 for Monday … 6 for Sunday."""
    return (day + 3) % 7


def micros(at: datetime) -> int:
    """Return an aware datetime as microseconds since the epoch, exactly."""
    if at.tzinfo is None:
        raise ValueError("naive datetime")
    return (at - _EPOCH_AT) // timedelta(microseconds=1)


_EPOCH_AT = datetime(1970, 1, 1, tzinfo=UTC)


def to_datetime(at: int, zone_name: str = "UTC") -> datetime:
    """Return instant `at` as an aware datetime in `zone_name`."""
    return (_EPOCH_AT + timedelta(microseconds=at)).astimezone(zone(zone_name))


def from_seconds(seconds: float, *, field: str = "time") -> int:
    """Return Unix seconds as microseconds, to the nearest.

    Raises:
        InvalidInput: outside years 1 to 9999.
    """
    try:
        at = round(seconds * 1_000_000)
    except (OverflowError, ValueError):
        raise InvalidInput(f"{field} is out of range", field=field) from None
    if not TIME_MIN <= at <= TIME_MAX:
        raise InvalidInput(f"{field} is out of range", field=field)
    return at


class ZoneHistory(msgspec.Struct, frozen=True):
    """Which zone the person was in: from `starts[i]` on, `zones[i]`; before, `home`."""

    home: str
    starts: tuple[int, ...] = ()
    zones: tuple[str, ...] = ()

    def zone_at(self, at: int) -> str:
        """Return the zone in force at instant `at`."""
        if not self.starts:
            return self.home
        i = bisect.bisect_right(self.starts, at) - 1
        return self.zones[i] if i >= 0 else self.home

    def offset_at(self, at: int) -> int:
        """Return the offset in minutes in force at instant `at`."""
        return offset_min(self.zone_at(at), at)

    def day_at(self, at: int) -> int:
        """Return the local day of instant `at`."""
        return day_of(at, self.offset_at(at))

    def day_bounds(self, day: int) -> tuple[int, int]:
        """Return [start, end) of local `day`; 20 to 28 hours when the person travelled."""
        return self._start(day), self._start(day + 1)

    def _start(self, day: int) -> int:
        """First instant whose local day is `day` or later.

        Travel can repeat or skip a local midnight; the first crossing counts.
        """
        low, high = (day - 1) * DAY - 16 * HOUR, (day + 1) * DAY + 16 * HOUR
        candidates = [midnight(day, self.zone_at(low))]
        first, last = bisect.bisect_left(self.starts, low), bisect.bisect_right(self.starts, high)
        for i in range(first, last):
            candidates += [self.starts[i], midnight(day, self.zones[i])]
        fitting = [c for c in candidates if self.day_at(c) >= day and self.day_at(c - 1) < day]
        return min(fitting) if fitting else min(c for c in candidates if self.day_at(c) >= day)
