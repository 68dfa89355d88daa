"""Open a store; what both engines promise.

A write use case is `fn(tx) -> result`, given to `store.write(fn)`. It must be rerunnable: when
the engine itself rolled back (full disk, deadlock) it is run again.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog

from diurnal.errors import NotFound
from diurnal.store.sql import Engine, Sql

log = structlog.get_logger(__name__)

A = TypeVar("A")
T = TypeVar("T")
Row = tuple[Any, ...]
Listener = Callable[[Mapping[int, int]], None]
"""Is told {account_id: rev} after each commit of this process, on the committing thread."""


class Tx(Protocol):
    """A transaction. `execute` takes one statement and fetches all rows."""

    engine: Engine
    meta: bool
    """Whether this transaction has changed what sessions cache of an account (`changes`)."""
    told: list[tuple[int, tuple[str, ...]]] | None
    """What use cases have said of what they showed or wrote: (how many, of what)."""

    def execute(self, sql: Sql, values: Mapping[str, Any]) -> list[Row]:
        """Run one statement with named values."""
        ...

    def many(self, sql: Sql, rows: Iterable[Row]) -> None:
        """Run one statement for each row of positional values."""
        ...

    def one(self, sql: Sql, values: Mapping[str, Any]) -> Row | None:
        """Return the first row, or None."""
        ...


class WriteTx(Tx, Protocol):
    """A transaction that may write; remembers what to announce after its commit."""

    changed: dict[int, int]
    clock: int | None
    """The account whose clock it has locked."""


Joined = Callable[[WriteTx, Sequence[A]], Sequence[T | Exception]]
"""What `Store.join` calls."""


class Store(Protocol):
    """One database."""

    engine: Engine
    inline_reads: bool
    """Whether short indexed reads may run on the event loop (microseconds, no network)."""
    meta_commits: int
    """Commits of this process that changed what sessions cache of an account."""
    rolled_back: int
    """Groups of writes given up whole: what one of them had seen of another never was."""

    @abstractmethod
    def write(self, fn: Callable[[WriteTx], T], *, bulk: bool = False) -> Future[T]:
        """Run `fn` in a transaction of its own; the future ends when it is durable.

        `bulk` writers leave room: at most 500 rows a turn, and a pause after it.
        """
        ...

    @abstractmethod
    def submit(self, fn: Callable[[WriteTx], T]) -> asyncio.Future[T]:
        """Do as `write`, for a caller on an event loop."""
        ...

    @abstractmethod
    def join(self, key: Hashable, fn: Joined[A, T], item: A) -> asyncio.Future[T]:
        """Do as `submit`, with all that waits under the same key in one call of `fn`.

        `fn` takes the items and returns a result or an error for each, in their order; what it
        says of one item must not depend on the others. Fifty small writes of one account then
        cost little more than one of fifty.
        """
        ...

    @abstractmethod
    def read(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` on one snapshot, on this thread; a read inside a read has the same one."""
        ...

    @abstractmethod
    def scan(self, fn: Callable[[Tx], T]) -> T:
        """Do as `read` for who reads everything: little of the database stays in memory."""
        ...

    @abstractmethod
    async def reads(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` on one snapshot, in the small pool of readers."""
        ...

    @abstractmethod
    def listen(self, listener: Listener) -> None:
        """Call `listener` after each commit."""
        ...

    @abstractmethod
    def foreign_commits(self) -> bool:
        """Return whether another process has committed since the last call."""
        ...

    @abstractmethod
    def backlog(self) -> int:
        """Return how many writes wait."""
        ...

    @abstractmethod
    def size(self) -> int:
        """Return the bytes that the database takes on its disk."""
        ...

    @abstractmethod
    def check(self) -> list[str]:
        """Return what is wrong with the database, nothing when it is whole."""
        ...

    @abstractmethod
    def scrub(self) -> None:
        """Leave nothing of deleted rows in the files, as far as the engine can be made to."""
        ...

    @abstractmethod
    def close(self) -> None:
        """Finish what waits and close."""
        ...


def tell(listener: Listener, changed: Mapping[int, int]) -> None:
    """Announce a commit; a listener that fails takes nothing down, for the commit stands."""
    try:
        listener(changed)
    except Exception:
        log.exception("a listener failed", accounts=list(changed))


ROWS_PER_TURN = 500
"""Rows a bulk writer puts into one turn."""


def is_postgres(url: str) -> bool:
    """Return whether `url` names a PostgreSQL database."""
    return url.startswith(("postgresql://", "postgres://"))


def sqlite_path(url: str) -> Path:
    """Return the file that an SQLite url or path names."""
    return Path(url.removeprefix("sqlite:///"))


def open_store(url: str, backups: Path | None = None) -> Store:
    """Open the database at `url`, migrating it first where it is behind.

    Args:
        backups: where a copy goes before a migration; see `migrate.ensure`.

    Raises:
        NotFound: the folder of an SQLite file does not exist.
    """
    from diurnal.store import migrate

    if is_postgres(url):
        from diurnal.store.postgres import PostgresStore

        migrate.ensure(url, backups)
        return PostgresStore(url)
    from diurnal.store.sqlite import SqliteStore

    path = sqlite_path(url)
    if not path.parent.is_dir():
        raise NotFound(f"no folder {path.parent}")
    migrate.ensure(url, backups)
    return SqliteStore(path)
