"""Slow queries: one passes, the next within some seconds has to wait."""

from __future__ import annotations

from diurnal.errors import TooMany
from diurnal.model.access import Access
from diurnal.services.context import Context

WAIT_S = 10
KEYS_MAX = 10_000


class SlowQueries:
    """When each key asked slowly; of one process."""

    def __init__(self, ctx: Context) -> None:
        chosen = ctx.settings.dialects.get("personyze")
        told = chosen.slow_query_s if chosen is not None else None
        self._wait_us = (WAIT_S if told is None else told) * 1_000_000
        self._now = ctx.now
        self._last: dict[tuple[int, str], int] = {}

    def take(self, caller: Access) -> None:
        """Let a slow query pass.

        Raises:
            TooMany: the key's last one was a moment ago.
        """
        key, now = (caller.account_id, caller.id), self._now()
        last = self._last.get(key)
        if last is not None and 0 <= now - last < self._wait_us:
            left = self._wait_us - (now - last)
            raise TooMany(
                "slow queries are answered from time to time only",
                retry_after_s=-(-left // 1_000_000),
            )
        self._last.pop(key, None)
        if len(self._last) >= KEYS_MAX:
            self._last.pop(next(iter(self._last)))
        self._last[key] = now
