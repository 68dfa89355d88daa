"""Apple's written times, read fast: nearly every record shares its hour with another."""

from __future__ import annotations

import re
from datetime import datetime

from diurnal.model.time import SECOND, TIME_MAX, TIME_MIN, micros

HOURS_MAX = 100_000
_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\Z")

CLOCK = {f"{m:02}:{s:02}": (60 * m + s) * SECOND for m in range(60) for s in range(60)}
"""Microseconds of "MM:SS"."""


class Times:
    """Turns `2026-05-10 06:12:00 +0200` into microseconds UTC.

    Attributes:
        hours: instant of the full hour, by the text without its minutes and seconds; callers
            in a hurry look here first: `hours[t[:14] + t[19:]] + CLOCK[t[14:19]]`.
    """

    def __init__(self) -> None:
        self.hours: dict[str, int] = {}

    def read(self, text: str) -> int:
        """Return the instant.

        Raises:
            ValueError: not such a time.
        """
        if not _WRITTEN.match(text):
            raise ValueError(f"no time: {text[:40]!r}")
        hour, clock = text[:14] + text[19:], text[14:19]
        try:
            at = self.hours[hour] + CLOCK[clock]
        except KeyError:
            # The pattern has left nothing that fromisoformat would take in another way.
            whole = micros(datetime.fromisoformat(f"{hour[:14]}00:00{hour[15:]}"))
            if clock not in CLOCK or not TIME_MIN <= whole <= TIME_MAX:
                raise ValueError(f"no time: {text!r}") from None
            if len(self.hours) >= HOURS_MAX:
                self.hours.clear()
            self.hours[hour] = whole
            at = whole + CLOCK[clock]
        return at
