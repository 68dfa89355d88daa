"""Rate limits: so many calls in so long, by token and by address, for each dialect.

Counts are kept by `limits`: in memory, or in Redis where several processes share them. What is
generous is counted in lumps, so that a call seldom waits for more than an addition.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from diurnal.errors import TooMany
from diurnal.model.access import Access
from diurnal.model.time import SECOND
from diurnal.services.attempts import network
from diurnal.services.context import Context, clock

if TYPE_CHECKING:
    from limits import RateLimitItem

log = structlog.get_logger(__name__)

DEFAULT = "30000/minute"
"""Of a token, where a dialect's contract says nothing: five times a client of 100 a second."""
BY_ADDRESS = "60000/minute"
CONTRACTS = {"exist": "300/hour"}
"""What published contracts say of a token."""
OFF = "none"
EXACT_MAX = 1_000
"""Limits up to this are counted call by call."""
LUMPS = 100
"""A larger one is taken in about so many pieces."""
KEYS_MAX = 50_000
REDIS_S = 0.5
"""Redis gets this long; then the process counts by itself."""
REDIS_AWAY_S = 5.0
"""For this long after a failure it is not asked: one that hangs would hold up every call."""
TOLD_S = 1.0
"""What is left of a larger one is told at most so often, and whenever a piece is taken: in between
nothing new is known, and each header is a microsecond."""
QUIET_S = 60.0
"""Refusals of one key are noted this far apart: they cost us no more than they cost the caller."""

Headers = tuple[tuple[bytes, bytes], ...]


class _Lump:
    """What one key may still do without asking."""

    __slots__ = ("headers", "left", "telling", "until")

    def __init__(self) -> None:
        self.left = 0
        self.until = 0.0
        self.telling = 0.0
        """When `headers` are to be told again."""
        self.headers: Headers = ()


class _Told(NamedTuple):
    taken: bool
    remaining: int
    reset: float


class Limit:
    """One limit of one dialect."""

    def __init__(self, name: str, rate: str, storage: Storage) -> None:
        from limits import parse

        self._item: RateLimitItem = parse(rate)
        self._name = name
        self._storage = storage
        self._keys: dict[str, _Lump] = {}
        exact = self._item.amount <= EXACT_MAX
        self._size = 1 if exact else self._item.amount // LUMPS
        self._quiet: dict[str, float] = {}
        self._policy = (
            f'"{name.partition(":")[2]}";q={self._item.amount};w={self._item.get_expiry()}'.encode()
        )

    def ready(self, key: str) -> Headers | None:
        """Take one call from what the key has left; None where it has to be asked for more."""
        lump = self._keys.get(key)
        if lump is None or lump.left <= 0:
            return None
        now = time.monotonic()
        if lump.until < now:
            return None
        lump.left -= 1
        if lump.telling > now:
            return ()
        lump.telling = now + TOLD_S
        return lump.headers

    async def take(self, key: str) -> Headers:
        """Take one call, asking for more.

        Raises:
            TooMany: there is none left.
        """
        known = self.ready(key)
        if known is not None:
            return known
        size = self._size
        told = await self._storage.hit(self._item, self._name, key, size)
        if not told.taken and size > 1:
            size = 1
            told = await self._storage.hit(self._item, self._name, key, 1)
        wait = max(0, math.ceil(told.reset - clock() / SECOND))
        if not told.taken:
            raise self._refusal(key, max(1, wait))
        if len(self._keys) >= KEYS_MAX:
            self._keys.pop(next(iter(self._keys)))
        lump = self._keys.setdefault(key, _Lump())
        lump.left = size - 1
        now = time.monotonic()
        lump.until = now + self._item.get_expiry()
        lump.telling = now + TOLD_S
        left = told.remaining + size - 1
        name = self._name.partition(":")[2]
        lump.headers = (
            (b"ratelimit-policy", self._policy),
            (b"ratelimit", f'"{name}";r={left};t={wait}'.encode()),
        )
        return lump.headers

    def _refusal(self, key: str, wait: int) -> TooMany:
        now = time.monotonic()
        error = TooMany("too many requests", retry_after_s=wait)
        error.quiet = self._quiet.get(key, -QUIET_S) + QUIET_S > now
        if not error.quiet:
            if len(self._quiet) >= KEYS_MAX:
                self._quiet.clear()
            self._quiet[key] = now
        return error


class Storage:
    """Where counts are kept: Redis where it answers, else this process."""

    def __init__(self, redis_url: str | None) -> None:
        # Its sibling without asyncio starts a thread for each count: under load the writer then
        # gets the interpreter between two requests, and each of its groups is half as large.
        from limits.aio.storage import MemoryStorage
        from limits.aio.strategies import MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

        memory = MemoryStorage()
        self._exact = MovingWindowRateLimiter(memory)
        self._rough = SlidingWindowCounterRateLimiter(memory)
        self._shared: dict[bool, Any] = _redis(redis_url) if redis_url else {}
        self._away_until = -1.0

    async def hit(self, item: RateLimitItem, name: str, key: str, cost: int) -> _Told:
        """Count `cost` calls."""
        exact = item.amount <= EXACT_MAX  # a moving window keeps each call's instant
        shared = self._shared.get(exact)
        if shared is not None and time.monotonic() >= self._away_until:
            try:
                async with asyncio.timeout(REDIS_S):
                    taken = await shared.hit(item, name, key, cost=cost)
                    stats = await shared.get_window_stats(item, name, key)
                return _Told(taken, stats.remaining, stats.reset_time)
            except Exception as error:  # noqa: BLE001 - whatever Redis does, limits go on
                self._away_until = time.monotonic() + REDIS_AWAY_S
                log.warning("rate limits count alone", reason=type(error).__name__)
        local = self._exact if exact else self._rough
        taken = await local.hit(item, name, key, cost=cost)
        told = await local.get_window_stats(item, name, key)
        return _Told(taken, told.remaining, told.reset_time)


def _redis(url: str) -> dict[bool, Any]:
    from limits.aio.storage import RedisStorage
    from limits.aio.strategies import MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

    storage = RedisStorage(f"async+{url}", implementation="redispy")
    return {
        True: MovingWindowRateLimiter(storage),
        False: SlidingWindowCounterRateLimiter(storage),
    }


class Limits:
    """The limits of one dialect."""

    def __init__(self, ctx: Context, door: str) -> None:
        storage = ctx.edges.get("limits")
        if storage is None:
            storage = ctx.edges["limits"] = Storage(ctx.settings.redis_url)
        chosen = ctx.settings.dialects.get(door)
        rate = (chosen.rate if chosen else None) or CONTRACTS.get(door, DEFAULT)
        by_address = ctx.settings.address_rate
        self._token = None if rate == OFF else Limit(f"{door}:token", rate, storage)
        self._address = None if by_address == OFF else Limit(f"{door}:address", by_address, storage)

    def by_address(self, address: str) -> Awaitable[Headers] | None:
        """Count a call from an address (of IPv6, a household): now, or once that is awaited.

        Raises:
            TooMany: past its limit; when awaited.
        """
        limit = self._address
        if limit is None or not address:
            return None
        where = network(address)
        return None if limit.ready(where) is not None else limit.take(where)

    def by_token(self, access: Access) -> Awaitable[Headers] | Headers:
        """Count a call of an access; return the headers that tell what is left, or who gets them.

        Raises:
            TooMany: past its limit; when awaited.
        """
        limit = self._token
        if limit is None:
            return ()
        known = limit.ready(access.id)
        return limit.take(access.id) if known is None else known


def of(ctx: Context, door: str) -> Limits:
    """Return the limits of a dialect, the same for all of its endpoints."""
    key = f"limits.{door}"
    known: Limits | None = ctx.edges.get(key)
    if known is None:
        known = ctx.edges[key] = Limits(ctx, door)
    return known
