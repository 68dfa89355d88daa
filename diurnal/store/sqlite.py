"""The store on SQLite: readers, each with a connection of its own, beside the one writer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw
import structlog

from diurnal.store.sql import Engine
from diurnal.store.sqlite_connection import (
    MMAP,
    READ_KIB,
    SCAN_KIB,
    TRANSIENT,
    SqliteTx,
    connect,
    unavailable,
)
from diurnal.store.sqlite_writer import GroupCommit

log = structlog.get_logger(__name__)

T = TypeVar("T")

READERS = 4


class SqliteStore(GroupCommit):
    """One SQLite file."""

    engine = Engine.SQLITE
    inline_reads = True

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._local = threading.local()
        self._readers: list[apsw.Connection] = []
        self._readers_lock = threading.Lock()
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._watch = connect(path, readonly=True)
        self._seen_version = self._data_version()

    # Reading

    def read(self, fn: Callable[[Any], T]) -> T:
        """See `Store.read`."""
        connection = self._reader()
        if connection.in_transaction:
            return fn(SqliteTx(connection))
        connection.execute("BEGIN")
        try:
            return fn(SqliteTx(connection))
        except TRANSIENT as error:
            raise unavailable(error) from error
        finally:
            _end(connection)

    def scan(self, fn: Callable[[Any], T]) -> T:
        """See `Store.scan`."""
        connection = self._reader()
        if connection.in_transaction:
            return self.read(fn)
        # What is mapped counts as memory of the process, and here it is the whole file.
        connection.execute(f"PRAGMA mmap_size = 0; PRAGMA cache_size = -{SCAN_KIB}")
        try:
            return self.read(fn)
        finally:
            connection.execute(f"PRAGMA {MMAP}; PRAGMA cache_size = -{READ_KIB}")

    async def reads(self, fn: Callable[[Any], T]) -> T:
        """See `Store.reads`."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.read, fn)

    def _reader(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect(self.path, readonly=True)
            self._local.connection = connection
            with self._readers_lock:
                self._readers.append(connection)
        return connection

    # Watching

    def foreign_commits(self) -> bool:
        """See `Store.foreign_commits`; own commits count too, which costs a look and no more."""
        version = self._data_version()
        changed, self._seen_version = version != self._seen_version, version
        return changed

    def _data_version(self) -> int:
        return int(str(self._watch.execute("PRAGMA data_version").fetchall()[0][0]))

    def size(self) -> int:
        """See `Store.size`; the write-ahead log is part of it."""
        total = 0
        for path in (self.path, f"{self.path}-wal"):
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(path).st_size
        return total

    def check(self) -> list[str]:
        """See `Store.check`."""
        rows = self._reader().execute("PRAGMA integrity_check(20)").fetchall()
        return [str(r[0]) for r in rows if r[0] != "ok"]

    def scrub(self) -> None:
        """See `Store.scrub`."""
        connection = connect(self.path)
        try:
            # Overwritten rows are in the log, and what they were before in the file, until then.
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.BusyError:
            log.warning("the write-ahead log is folded later: somebody reads for long")
        finally:
            connection.close()

    def close(self) -> None:
        """See `Store.close`."""
        if not self._stop():
            return
        self._pool.shutdown(wait=True)
        with self._readers_lock:
            for connection in (*self._readers, self._watch):
                connection.close()
        self._release()


def _end(connection: apsw.Connection) -> None:
    if connection.in_transaction:
        connection.execute("COMMIT")
