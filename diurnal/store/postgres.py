"""The store on PostgreSQL: a pool of connections, one transaction per write."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import errors
from psycopg_pool import ConnectionPool, PoolTimeout

from diurnal.errors import InvalidInput, Unavailable
from diurnal.store.database import Joined, Listener, Row, tell
from diurnal.store.sql import Engine, Sql

A = TypeVar("A")
T = TypeVar("T")

WRITERS = 8
READERS = 4
TRIES = 5
"""Runs of a use case that PostgreSQL rolled back for a deadlock or a lost connection."""
WAIT_S = 10.0

_ROLLED_BACK = (errors.SerializationFailure, errors.DeadlockDetected)
_FULL = (
    errors.DiskFull,
    errors.OutOfMemory,
    errors.TooManyConnections,
    errors.InsufficientResources,
)


class _Tx:
    engine = Engine.POSTGRES
    __slots__ = ("_connection", "changed", "clock", "meta", "told")

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection
        self.changed: dict[int, int] = {}
        self.meta = False
        self.clock: int | None = None
        self.told: list[tuple[int, tuple[str, ...]]] | None = None

    def execute(self, sql: Sql, values: Mapping[str, Any]) -> list[Row]:
        text = sql.text(Engine.POSTGRES)
        given = text.bind(Engine.POSTGRES, values)
        try:
            cursor = self._connection.execute(text.text.encode(), given)
        except psycopg.DataError as error:
            raise _of_data(error) from error
        return cursor.fetchall() if cursor.description is not None else []

    def run(self, text: LiteralString) -> list[Row]:
        return self._connection.execute(text).fetchall()

    def one(self, sql: Sql, values: Mapping[str, Any]) -> Row | None:
        rows = self.execute(sql, values)
        return rows[0] if rows else None

    def many(self, sql: Sql, rows: Iterable[Row]) -> None:
        with self._connection.cursor() as cursor:
            try:
                cursor.executemany(sql.text(Engine.POSTGRES).text.encode(), list(rows))
            except psycopg.DataError as error:
                raise _of_data(error) from error


def _of_data(error: psycopg.DataError) -> Exception:
    """Return what a value that cannot be kept is refused with: ids are text of any caller."""
    return InvalidInput("NUL is not text") if "NUL (0x00)" in str(error) else error


class PostgresStore:
    """One PostgreSQL database."""

    engine = Engine.POSTGRES
    inline_reads = False

    def __init__(self, url: str) -> None:
        self._connections: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            url,
            min_size=1,
            max_size=WRITERS + READERS + 2,
            timeout=WAIT_S,
            kwargs={"application_name": "diurnal"},
            check=ConnectionPool.check_connection,
            open=True,
        )
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._listeners: list[Listener] = []
        self.meta_commits = 0
        self.rolled_back = 0
        self._local = threading.local()
        self._waiting = 0
        self._count = threading.Lock()
        self._closed = False

    def write(self, fn: Callable[[Any], T], *, bulk: bool = False) -> Future[T]:
        """See `Store.write`."""
        with self._count:
            if self._closed:
                raise Unavailable("the store is closing")
            self._waiting += 1
            future = self._writers.submit(self._run, fn)
        # Also of one that was cancelled while it waited.
        future.add_done_callback(self._done)
        return future

    def submit(self, fn: Callable[[Any], T]) -> asyncio.Future[T]:
        """See `Store.submit`."""
        return asyncio.wrap_future(self.write(fn))

    def join(self, key: Hashable, fn: Joined[A, T], item: A) -> asyncio.Future[T]:
        """See `Store.join`; one at a time, as every write here has a transaction of its own."""

        def alone(tx: Any) -> T:
            (result,) = fn(tx, [item])
            if isinstance(result, Exception):
                raise result
            return result

        return self.submit(alone)

    def backlog(self) -> int:
        """See `Store.backlog`."""
        return self._waiting

    def _done(self, _future: Future[Any]) -> None:
        with self._count:
            self._waiting -= 1

    def _run(self, fn: Callable[[Any], T]) -> T:
        for left in range(TRIES - 1, -1, -1):
            try:
                result, changed = self._attempt(fn)
            except _ROLLED_BACK as error:
                if not left:
                    raise Unavailable("the database is busy", retry_after_s=1) from error
            else:
                if changed:
                    for listener in self._listeners:
                        tell(listener, changed)
                return result
        raise AssertionError

    def _attempt(self, fn: Callable[[Any], T]) -> tuple[T, dict[int, int]]:
        try:
            with self._connections.connection() as connection:
                tx = _Tx(connection)
                result = fn(tx)
            if tx.meta:
                with self._count:
                    self.meta_commits += 1
            return result, tx.changed
        except _ROLLED_BACK:
            raise
        except _FULL as error:
            raise Unavailable("the database has no room", retry_after_s=10) from error
        except (psycopg.OperationalError, PoolTimeout, errors.AdminShutdown) as error:
            # Whether a commit under way was kept is not known: the client asks again with its
            # idempotency key.
            raise Unavailable("the database is away", retry_after_s=2) from error

    def read(self, fn: Callable[[Any], T]) -> T:
        """See `Store.read`."""
        outer: _Tx | None = getattr(self._local, "reading", None)
        if outer is not None:
            return fn(outer)
        try:
            with self._connections.connection() as connection:
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                tx = self._local.reading = _Tx(connection)
                return fn(tx)
        except _FULL as error:
            raise Unavailable("the database has no room", retry_after_s=10) from error
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise Unavailable("the database is away", retry_after_s=2) from error
        finally:
            self._local.reading = None

    def scan(self, fn: Callable[[Any], T]) -> T:
        """See `Store.scan`; the server reads in its own memory."""
        return self.read(fn)

    async def reads(self, fn: Callable[[Any], T]) -> T:
        """See `Store.reads`."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read, fn)

    def listen(self, listener: Listener) -> None:
        """See `Store.listen`."""
        self._listeners.append(listener)

    def foreign_commits(self) -> bool:
        """See `Store.foreign_commits`; PostgreSQL has no cheap sign, so always look."""
        return True

    def size(self) -> int:
        """See `Store.size`."""

        def read(tx: _Tx) -> int:
            told = tx.run("SELECT pg_database_size(current_database())")
            return int(told[0][0])

        return self.read(read)

    def check(self) -> list[str]:
        """See `Store.check`."""
        self.read(lambda _tx: None)
        return []

    def scrub(self) -> None:
        """See `Store.scrub`; the server's own vacuum does it in time."""

    def close(self) -> None:
        """See `Store.close`."""
        with self._count:
            if self._closed:
                return
            self._closed = True
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._connections.close()
