"""Failed attempts at passwords and codes, counted in this process's memory."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING

from diurnal.errors import TooMany
from diurnal.model.time import SECOND

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import MovingWindowRateLimiter

WINDOW_S = 900
PAIR_MAX = 10
"""Failures in a window by one address at one name."""
NAME_MAX = 100
"""By everybody at one name: more would let strangers guess, less would let them lock out."""
ADDRESS_MAX = 100
"""By one address at all names."""


class Attempts:
    """Counts failures only: whoever knows the password is never slowed."""

    def __init__(self) -> None:
        self._limiter: MovingWindowRateLimiter | None = None
        self._items: Mapping[str, RateLimitItem] = {}

    def check(self, name: str, address: str, now: int) -> None:
        """Refuse an attempt after too many failures.

        Args:
            now: microseconds UTC, to tell how long to wait.

        Raises:
            TooMany: by this address, at this name, or both together.
        """
        limiter = self._open()
        for kind, keys in _keys(name, address):
            item = self._items[kind]
            if not limiter.test(item, *keys):
                left = limiter.get_window_stats(item, *keys).reset_time - now / SECOND
                raise TooMany(
                    "too many failed attempts; try again later",
                    retry_after_s=max(1, min(WINDOW_S, round(left + 0.5))),
                )

    def failed(self, name: str, address: str) -> None:
        """Count a failure."""
        limiter = self._open()
        for kind, keys in _keys(name, address):
            limiter.hit(self._items[kind], *keys)

    def _open(self) -> MovingWindowRateLimiter:
        if self._limiter is None:
            from limits import RateLimitItemPerSecond
            from limits.storage import MemoryStorage
            from limits.strategies import MovingWindowRateLimiter

            most = {"pair": PAIR_MAX, "name": NAME_MAX, "address": ADDRESS_MAX}
            self._items = {
                kind: RateLimitItemPerSecond(n, WINDOW_S, namespace=kind)
                for kind, n in most.items()
            }
            self._limiter = MovingWindowRateLimiter(MemoryStorage())
        return self._limiter


def _keys(name: str, address: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    who = hashlib.blake2b(name.strip().casefold().encode("utf-8", "replace"), digest_size=16)
    where = _network(address)
    return ("pair", (who.hexdigest(), where)), ("name", (who.hexdigest(),)), ("address", (where,))


def _network(address: str) -> str:
    """Return the address, or for IPv6 the /64 that one household has."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped is not None:
            return str(known.ipv4_mapped)
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(known)
