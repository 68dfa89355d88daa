"""A clock that stands still until a test moves it."""

from __future__ import annotations

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# 2026-03-01T12:00:00Z: a Sunday, between the DST edges of both hemispheres' spring.
START = 1_772_366_400 * SECOND


class Clock:
    """Microseconds UTC, as `Context.now` gives them."""

    def __init__(self, now: int = START) -> None:
        self._now = now

    def now(self) -> int:
        return self._now

    def tick(self, us: int = SECOND) -> int:
        """Go on by `us` (backwards when negative) and tell the new time."""
        self._now += us
        return self._now

    def set(self, now: int) -> None:
        self._now = now
