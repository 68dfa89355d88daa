"""Instants, zones and local days.

An instant is int microseconds UTC since the Unix epoch; a day is an int, the number of days
since 1970-01-01 in the local calendar. "Day" is a rule, not a cast: the zone in force where
the person was decides (`docs/architecture.md`, "Days").
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from diurnal.errors import InvalidInput

if TYPE_CHECKING:
    from diurnal.model.records import ZoneSeen

SECOND = 1_000_000
MILLISECOND = SECOND // 1000
MINUTE = 60 * SECOND
HOUR = 3_600 * SECOND
DAY = 86_400 * SECOND

TIME_MIN = -62_135_596_800 * SECOND
"""Year 1."""
TIME_MAX = 253_402_300_799 * SECOND
"""End of year 9999."""

_EPOCH = date(1970, 1, 1).toordinal()
_SLOT = 900 * SECOND
"""Nearly all offsets change on quarter hours; so on a day with a change one look-up serves one."""
_WHOLE_OFFSETS = 63_590_400 * SECOND
"""From 1972-01-07 on every offset is whole minutes; Liberia's was the last local mean time."""
_REACH = 16 * HOUR
"""No zone was ever further from UTC (Alaska until 1867: 15 h 14 min)."""


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


def _exact_offset(name: str, at: int) -> int:
    try:
        offset = to_datetime(at, name).utcoffset() or timedelta()
    except (OverflowError, ValueError, OSError):
        return 0
    return round(offset.total_seconds() / 60)


@lru_cache(maxsize=65_536)
def _offset_of_slot(name: str, slot: int, length: int) -> int | None:
    """Return the one offset of a stretch of time, None where it changes within."""
    offset = _exact_offset(name, slot * length)
    return offset if _exact_offset(name, (slot + 1) * length - 1) == offset else None


def offset_min(zone_name: str, at: int) -> int:
    """Return the offset from UTC, in minutes, that `zone_name` has at instant `at`."""
    # No zone ever changed twice within a day: what holds at both its ends holds between.
    offset = _offset_of_slot(zone_name, at // DAY, DAY)
    if offset is not None:
        return offset
    offset = _offset_of_slot(zone_name, at // _SLOT, _SLOT)
    # Newfoundland and Gaza changed at one minute past midnight, local mean times at any second.
    return _exact_offset(zone_name, at) if offset is None else offset


def day_of(at: int, offset: int) -> int:
    """Return the local day of instant `at` under an offset of `offset` minutes."""
    return (at + offset * MINUTE) // DAY


@lru_cache(maxsize=16_384)
def midnight(day: int, zone_name: str) -> int:
    """Return the first instant at which the calendar of `zone_name` shows `day` or a later day.

    Where the clock skips 00:00 that is the jump; a day that a zone left out altogether begins
    and ends at the jump. Where midnight comes twice, the first counts.
    """
    at = day * DAY - _REACH
    end = day * DAY + _REACH
    while True:
        offset = offset_min(zone_name, at)
        until = _next_change(zone_name, at, end)
        reached = max(at, day * DAY - offset * MINUTE)
        if reached < until or until >= end:
            return reached
        at = until


def _next_change(zone_name: str, at: int, end: int) -> int:
    """Return the next instant in (at, end) with another offset; `end` where there is none."""
    offset = offset_min(zone_name, at)
    low = at
    while low < end:
        high = min(low + 4 * HOUR, end)
        if offset_min(zone_name, high) != offset:
            while high - low > 1:
                middle = (low + high) // 2
                if offset_min(zone_name, middle) == offset:
                    low = middle
                else:
                    high = middle
            return high
        low = high
    return end


def day_from_text(text: str, *, field: str = "date") -> int:
    """Return the day that `YYYY-MM-DD` names.

    Raises:
        InvalidInput: not such a date.
    """
    try:
        # `fromisoformat` also takes dates by week (2026-W05-3).
        if len(text) != 10 or text[7] != "-":
            raise ValueError
        return date.fromisoformat(text).toordinal() - _EPOCH
    except (ValueError, TypeError):
        raise InvalidInput(f"{field} must be a date as YYYY-MM-DD", field=field) from None


@lru_cache(maxsize=65_536)
def day_text(day: int) -> str:
    """Return `day` as `YYYY-MM-DD`."""
    return date.fromordinal(day + _EPOCH).isoformat()


_MINUTES = [f"{n // 60:02d}:{n % 60:02d}:" for n in range(1440)]
_SECONDS = [f"{n:02d}" for n in range(60)]


def clock_text(at: int, between: str = " ", *, fraction: bool = False) -> str:
    """Return what a clock in UTC shows at instant `at`: `YYYY-MM-DD HH:MM:SS`.

    Args:
        fraction: whether microseconds are told where there are any, rather than cut off.
    """
    minutes, left = divmod(at, MINUTE)
    day, minute = divmod(minutes, 1440)
    told = f"{day_text(day)}{between}{_MINUTES[minute]}{_SECONDS[left // SECOND]}"
    if fraction and (micros := left % SECOND):
        return f"{told}.{micros:06d}"
    return told


def local_text(at: int, zone_name: str) -> str:
    """Return what a clock in `zone_name` shows at instant `at`, as `clock_text` does."""
    if at >= _WHOLE_OFFSETS:
        return clock_text(at + offset_min(zone_name, at) * MINUTE)
    try:
        return to_datetime(at, zone_name).isoformat(" ")[:19]
    except OverflowError:  # it is still the year before the first there
        return clock_text(at)


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


def _instant(clock: int, zone_name: str) -> int:
    naive = _EPOCH_AT + timedelta(microseconds=clock)
    return micros(naive.replace(tzinfo=zone(zone_name)).astimezone(UTC))


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

    def counted_day(self, at: int) -> int:
        """Return the day whose bounds hold instant `at`.

        That is its local day, but after a journey back over midnight the day that had begun.
        """
        day = self.day_at(at)
        i = bisect.bisect_right(self.starts, at) - 1
        while i >= 0 and self.starts[i] > at - 2 * _REACH:
            day = max(day, self.day_at(self.starts[i] - 1))
            i -= 1
        return day

    def instant_of(self, clock: int) -> int:
        """Return the instant at which the person's clock showed `clock` (microseconds as if UTC).

        Of two such instants on a journey the later counts; what a journey skipped is read by
        the clock after it. Where the zone itself set its clocks back, the first of the two.
        """
        first = bisect.bisect_right(self.starts, clock - _REACH) - 1
        skipped = None
        for i in range(bisect.bisect_right(self.starts, clock + _REACH) - 1, first - 1, -1):
            at = _instant(clock, self.zones[i] if i >= 0 else self.home)
            begun = i < 0 or at >= self.starts[i]
            if begun and (i + 1 >= len(self.starts) or at < self.starts[i + 1]):
                return at
            if begun and skipped is not None:
                return skipped
            skipped = None if begun else at
        return clock if skipped is None else skipped

    def day_bounds(self, day: int) -> tuple[int, int]:
        """Return [start, end) of local `day`.

        A day on which the person travelled is longer or shorter, or empty where the date line
        left it out; the end of a day is always the start of the next.
        """
        return self._start(day), self._start(day + 1)

    def day_starts(self, first: int, days: int) -> list[int]:
        """Return the starts of `days` local days from `first` on, and the end of the last."""
        return [self._start(day) for day in range(first, first + days + 1)]

    def _start(self, day: int) -> int:
        """First instant at which the person's calendar showed `day` or a later day.

        Travel can repeat a local midnight; the first crossing counts, so starts never decrease.
        """
        i = bisect.bisect_right(self.starts, day * DAY - _REACH) - 1
        while True:
            begin = self.starts[i] if i >= 0 else TIME_MIN - _REACH
            reached = max(begin, midnight(day, self.zones[i] if i >= 0 else self.home))
            i += 1
            if i >= len(self.starts) or reached < self.starts[i]:
                return reached


def zone_history_from_seen(home: str, seen: Iterable[ZoneSeen]) -> ZoneHistory:
    """Return the zone history that the data tell, whatever their order; `home` before the first.

    A change first seen in a night takes effect at that night's end, unless a later datum says
    before then that the person was elsewhere.
    """
    starts: list[int] = []
    zones: list[str] = []
    # Of two that tell of the same instant, the one that knows its night comes first.
    for s in sorted(seen, key=lambda s: (s.at, -(s.night_end or s.at), s.zone)):
        if s.zone == (zones[-1] if zones else home):
            continue
        takes_effect = max(s.at, s.night_end or s.at)
        while starts and starts[-1] >= takes_effect:
            starts.pop()
            zones.pop()
        if s.zone != (zones[-1] if zones else home):
            starts.append(takes_effect)
            zones.append(s.zone)
    return ZoneHistory(home, tuple(starts), tuple(zones))
