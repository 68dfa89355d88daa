"""The hub: tells those who follow an account that its change number has grown.

What this process commits the store announces at once. What others commit (the worker, commands,
another server) is noticed by a look every quarter of a second, while anybody follows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import structlog

from diurnal.errors import AppError, TooMany
from diurnal.model.access import Access
from diurnal.services import changelog, sight
from diurnal.services.context import Context

log = structlog.get_logger(__name__)

POLL_S = 0.25
PACE_S = 0.1
"""Changes that follow each other faster are told as one."""
FOLLOWERS_MAX = 2_000
"""Of all accounts."""
PER_ACCESS_MAX = 20
RETRY_S = 30

_KEY = "diurnal.live"


class Follower:
    """One who waits for the changes of one account."""

    __slots__ = ("_hub", "_woken", "account_id", "ended")

    def __init__(self, hub: Hub, account_id: int) -> None:
        self._hub = hub
        self._woken = asyncio.Event()
        self.account_id = account_id
        self.ended = False

    def end(self) -> None:
        """Have it wait no more."""
        self.ended = True
        self._woken.set()

    def wake(self) -> None:
        """Have it look again."""
        self._woken.set()

    async def next(self, known: int, timeout_s: float | None = None) -> int | None:
        """Return the account's change number as soon as it is not `known`.

        Returns:
            None when the time is over, or there is nothing to wait for any more.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while True:
                    self._woken.clear()
                    rev = self._hub.rev(self.account_id)
                    if self.ended or rev is None:
                        self.ended = True
                        return None
                    if rev != known:
                        return rev
                    await self._woken.wait()
        return None


class Hub:
    """Who follows what; one a process. All but `_announced` is for its event loop."""

    def __init__(self, ctx: Context) -> None:
        self._store = ctx.store
        self._followers: dict[int, set[Follower]] = {}
        self._by_access: Counter[str] = Counter()
        self._revs: dict[int, int] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._polling: asyncio.Task[None] | None = None
        self.closed = False
        self._store.listen(self._announced)

    @property
    def count(self) -> int:
        """How many follow."""
        return sum(map(len, self._followers.values()))

    def rev(self, account_id: int) -> int | None:
        """Return the last known change number of an account that is followed."""
        return None if self.closed else self._revs.get(account_id)

    def check_room(self, access: Access) -> None:
        """Refuse one more where there are as many as may be, or who is to hear of nothing yet.

        Raises:
            TooMany: too many in all, or of this access.
            Forbidden: the access sees data later than they come.
        """
        sight.refuse_delayed(access)
        if self.closed or self.count >= FOLLOWERS_MAX:
            raise TooMany("too many follow changes already", retry_after_s=RETRY_S)
        if self._by_access[access.id] >= PER_ACCESS_MAX:
            raise TooMany(
                f"at most {PER_ACCESS_MAX} streams of one token at a time", retry_after_s=RETRY_S
            )

    @contextlib.asynccontextmanager
    async def follow(self, access: Access) -> AsyncIterator[Follower]:
        """Follow the access's account while the block runs.

        Raises:
            TooMany: too many in all, or of this access.
        """
        self.check_room(access)
        with self._entered(access) as follower:
            # Anew even where others follow already: whoever enters has just read the account.
            await self._look([access.account_id])
            yield follower

    async def changes(self, access: Access, since: int) -> AsyncIterator[int]:
        """Yield the account's change number whenever it is another, a few times a second."""
        async with self.follow(access) as follower:
            while (rev := await follower.next(since)) is not None:
                since = rev
                yield rev
                await asyncio.sleep(PACE_S)

    @contextlib.asynccontextmanager
    async def watch(self, account_id: int) -> AsyncIterator[Follower]:
        """Follow an account on behalf of many, who are counted elsewhere."""
        with self._watched(account_id) as follower:
            await self._look([account_id])
            yield follower

    @contextlib.contextmanager
    def _entered(self, access: Access) -> Iterator[Follower]:
        self._by_access[access.id] += 1
        try:
            with self._watched(access.account_id) as follower:
                yield follower
        finally:
            self._by_access[access.id] -= 1
            if not self._by_access[access.id]:
                del self._by_access[access.id]

    @contextlib.contextmanager
    def _watched(self, account_id: int) -> Iterator[Follower]:
        follower = Follower(self, account_id)
        self._followers.setdefault(account_id, set()).add(follower)
        self._start()
        try:
            yield follower
        finally:
            self._leave(follower)

    def _leave(self, follower: Follower) -> None:
        left = self._followers[follower.account_id]
        left.discard(follower)
        if not left:
            del self._followers[follower.account_id]
            self._revs.pop(follower.account_id, None)
        if not self._followers and self._polling is not None:
            self._polling.cancel()
            self._polling = None

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._polling is None or self._loop is not loop:
            self._loop = loop
            self._polling = loop.create_task(self._poll())

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            try:
                if self._store.foreign_commits():
                    await self._look(list(self._followers))
            except AppError as error:
                log.warning("changes wait", reason=error.message)

    async def _look(self, accounts: list[int]) -> None:
        found = await self._store.reads(lambda tx: changelog.revs(tx, accounts))
        for account_id in accounts:
            self._tell(account_id, found.get(account_id))

    def _tell(self, account_id: int, rev: int | None) -> None:
        known = self._revs.get(account_id)
        if account_id not in self._followers or (rev is None and known is None):
            return
        if rev is None:
            del self._revs[account_id]
        elif known is None or rev > known:
            self._revs[account_id] = rev
        else:  # an older look, or one that was overtaken
            return
        for follower in self._followers[account_id]:
            follower.wake()

    def _announced(self, changed: Mapping[int, int]) -> None:
        """Take what the store announces, on the thread that committed."""
        loop = self._loop
        if loop is None or self._followers.keys().isdisjoint(changed):
            return
        # The loop may have ended since; then nobody follows.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._take, dict(changed))

    def _take(self, changed: dict[int, int]) -> None:
        for account_id, rev in changed.items():
            self._tell(account_id, rev)

    def close(self) -> None:
        """Let all go who follow."""
        self.closed = True
        for followers in self._followers.values():
            for follower in followers:
                follower.wake()


def given(scope: Any, hub: Hub) -> None:
    """Put the hub where the handlers of a connection find it."""
    scope[_KEY] = hub


def hub_of(scope: Any) -> Hub:
    """Return the hub of this process."""
    hub: Hub = scope[_KEY]
    return hub
