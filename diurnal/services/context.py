"""What every use case gets: store, clock, ids, settings; and what is known of an account."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from diurnal import catalog
from diurnal.auth import keys
from diurnal.auth.keys import Keys
from diurnal.errors import NotFound
from diurnal.model.access import Access, Until
from diurnal.model.measures import Daily, Measure, Shape, ValueKind
from diurnal.model.streams import Tree
from diurnal.model.time import ZoneHistory
from diurnal.services.attempts import Attempts
from diurnal.settings import Settings
from diurnal.store import accounts, changes, streams
from diurnal.store.blobs import Blobs
from diurnal.store.database import Store, Tx, open_store

ACCOUNTS_CACHED_MAX = 2_000

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_OF_BYTE = bytes(ord(_ALPHABET[i % 36]) for i in range(256))
"""A digit for each random byte; that the first four come a little more often does not matter."""

_RANDOM = 12
"""Random digits of an id."""


class Ids:
    """Event ids: `c` + 24 characters of base 36, growing with time.

    8 characters of milliseconds, 4 of a counter, 12 random: 4 to 5 times cheaper to insert than
    random ones, and accepted by Pryv's clients as cuids.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._last = 0
        self._head = ""
        self._count = 0
        self._random: list[str] = []

    def new(self) -> str:
        """Return a new id."""
        with self._lock:
            ms = self._now() // 1000
            if ms > self._last:
                self._turn(ms)
            else:
                self._count += 1
                if self._count >= 36**4:
                    self._turn(self._last + 1)
            if not self._random:
                self._draw()
            return f"{self._head}{_base36(self._count, 4)}{self._random.pop()}"

    def _turn(self, ms: int) -> None:
        self._last, self._count, self._head = ms, 0, f"c{_base36(ms, 8)}"

    def _draw(self) -> None:
        # Many at a time: each look lets go of the interpreter, and waits to get it back.
        drawn = os.urandom(_RANDOM * 128).translate(_OF_BYTE).decode()
        self._random = [drawn[i : i + _RANDOM] for i in range(0, len(drawn), _RANDOM)]


@lru_cache(maxsize=2048)
def _base36(n: int, width: int) -> str:
    digits = []
    for _ in range(width):
        n, rest = divmod(n, 36)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))


@dataclass(frozen=True)
class AccountState:
    """What most requests need of an account; valid while its `meta_rev` stands."""

    account_id: int
    username: str
    meta_rev: int
    tree: Tree
    zones: ZoneHistory
    measures: dict[str, Measure]
    """The catalog's and the account's own."""
    settings: dict[str, object]
    rolled_back: int
    """`Store.rolled_back` when this was read: what a write read may never have been."""
    meanings: dict[tuple[str, str], tuple[Measure, str] | None] = field(default_factory=dict)

    @cached_property
    def all_streams(self) -> frozenset[str]:
        """Every stream."""
        return frozenset(s.id for s in self.tree)

    @cached_property
    def trashed_streams(self) -> frozenset[str]:
        """Streams that are in the trash, or below one that is."""
        if not any(s.trashed for s in self.tree):
            return frozenset()
        return frozenset(s.id for s in self.tree if self.tree.trashed(s.id))

    def measure(self, key: str) -> Measure | None:
        """Return a measure of the catalog or the account's own."""
        return self.measures.get(key) or catalog.find(key)

    def home(self, measure: Measure) -> str:
        """Return the stream whose rights govern a measure's points and days.

        Its own; where that was deleted for good, the nearest above it that stands, so that what
        holds there does not fall to wider rights.
        """
        if measure.stream in self.tree:
            return measure.stream
        return next((s for s in catalog.above(measure.stream) if s in self.tree), measure.stream)

    def until(self, now: int) -> Until:
        """Return where delays end at an instant: the start of the local day that long ago.

        A delay of one day hides today, of two days yesterday too.
        """
        today = self.zones.day_at(now)
        return lambda delay: self.zones.day_bounds(today - delay + 1)[0]

    def meaning(self, stream: str, type_: str) -> tuple[Measure, str] | None:
        """Return the measure that (stream, type) selects and the unit of its content."""
        key = (stream, type_)
        try:
            return self.meanings[key]
        except KeyError:
            declared = self.tree.measure_of(stream)
            own = self.measures.get(declared) if declared else None
            found = (own, own.unit) if own else catalog.select(declared, type_)
            self.meanings[key] = found
            return found


class CachedAccess(NamedTuple):
    """An access, valid while `meta_rev` stands.

    Attributes:
        checked: when it was read, microseconds.
        seen: `Store.meta_commits` before it was read; -1 where the reader did not look.
    """

    meta_rev: int
    access: Access
    checked: int
    seen: int


@dataclass(frozen=True, slots=True)
class Context:
    """The pieces that use cases share; made once by `app`, `cli` or `worker`."""

    store: Store
    settings: Settings
    keys: Keys
    blobs: Blobs
    now: Callable[[], int]
    """Microseconds UTC."""
    new_id: Callable[[], str]
    states: dict[int, AccountState] = field(default_factory=dict)
    accesses: dict[bytes, CachedAccess] = field(default_factory=dict)
    uses: dict[tuple[int, str], int] = field(default_factory=dict)
    """Calls by (account, access) since the last flush."""
    refusals: dict[tuple[int, str], int] = field(default_factory=dict)
    """Refused calls by (account, access) since the last flush."""
    trail: deque[tuple[int, Any]] = field(default_factory=deque)
    """(account, line) of what is to be audited and waits to be stored (`services.audit`)."""
    edges: dict[str, Any] = field(default_factory=dict)
    """What the edges of this process keep: rate limits."""
    ways: dict[tuple[int, str], int] = field(default_factory=dict)
    """Uses of legacy ways in by (account, way) since the last flush."""

    @property
    def attempts(self) -> Attempts:
        """The count of failed attempts."""
        return Attempts(self.store, self.keys, self.now)

    def state(self, tx: Tx, account_id: int, meta_rev: int | None = None) -> AccountState:
        """Return what is known of the account, as of this transaction.

        Raises:
            NotFound: no such account.
        """
        if meta_rev is None:
            revs = changes.revs(tx, account_id)
            if revs is None:
                raise NotFound("no such account")
            meta_rev = revs[1]
        known = self.states.get(account_id)
        given_up = self.store.rolled_back
        current = known is not None and known.rolled_back == given_up
        if known is not None and current and known.meta_rev == meta_rev and not tx.meta:
            return known
        fresh = load_state(tx, account_id, meta_rev, given_up)
        if tx.meta:  # what is half done, and may be rolled back, is nobody else's to see
            return fresh
        if len(self.states) >= ACCOUNTS_CACHED_MAX:
            self.states.pop(next(iter(self.states)), None)
        self.states[account_id] = fresh
        return fresh


def clock() -> int:
    """Return the time, microseconds UTC; the one place that asks the machine for it."""
    return time.time_ns() // 1000  # noqa: TID251 - `Context.now` is this


def open_context(settings: Settings, now: Callable[[], int] = clock) -> Context:
    """Open store, keys and files of the data directory, making what is not there."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Context(
        store=open_store(settings.database_url, settings.backups),
        settings=settings,
        keys=keys.load(settings.data_dir),
        blobs=Blobs(settings.data_dir),
        now=now,
        new_id=Ids(now).new,
    )


@contextmanager
def opened(settings: Settings) -> Iterator[Context]:
    """Open a context and close it again."""
    ctx = open_context(settings)
    try:
        yield ctx
    finally:
        ctx.store.close()


def load_state(tx: Tx, account_id: int, meta_rev: int, rolled_back: int = 0) -> AccountState:
    """Read an account's streams, zones and own measures."""
    account = accounts.get(tx, account_id)
    if account is None:
        raise NotFound("no such account")
    zones = accounts.zones(tx, account_id)
    own = {row[0]: _own(row) for row in accounts.own_measures(tx, account_id)}
    return AccountState(
        account_id=account_id,
        username=account.username,
        meta_rev=meta_rev,
        tree=Tree(streams.all_of(tx, account_id)),
        zones=ZoneHistory(
            account.timezone or "UTC", tuple(z[0] for z in zones), tuple(z[1] for z in zones)
        ),
        measures=own,
        settings=account.settings,
        rolled_back=rolled_back,
    )


def _own(row: tuple[str, ...]) -> Measure:
    key, label, group, unit, kind, daily, stream = row
    return Measure(
        key=key,
        label=label,
        group=group,
        unit=unit,
        shape=Shape.EVENT,
        daily=Daily(daily),
        value=ValueKind(kind),
        stream=stream,
    )
