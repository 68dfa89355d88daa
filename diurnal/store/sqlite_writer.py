"""One thread that writes to one SQLite file: group commit, `flock` turns between processes.

WAL with `synchronous=FULL`: under NORMAL a power cut loses acknowledged commits. One commit
serves all writes that wait; each is a savepoint, so that one failure does not touch the others.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec
import structlog

from diurnal.errors import Unavailable
from diurnal.store.database import Joined, Listener, tell
from diurnal.store.sqlite_connection import TRANSIENT, SqliteTx, connect, unavailable

log = structlog.get_logger(__name__)

A = TypeVar("A")
T = TypeVar("T")

GROUP_MAX = 256
"""Writes that share one commit."""
TURNS_MAX = 8
"""Turns of a loop that a write waits at most for others, as long as each turn brings some."""
SIBLINGS = 4
"""Of so many who were answered together most ask again at once. The next group is theirs: a commit
is most of what a small write costs, and half a group has the other half in its way."""
SIBLINGS_SHARE, SIBLINGS_MAX_S = 0.3, 0.001
"""What of the time that their commit took they are waited for, and how long at most."""
BULK_PAUSE_S = 0.001
"""After a bulk turn, so that the server's writes get theirs."""
CHECKPOINT_PAGES = 4000
"""Of the write-ahead log: from here on a thread of its own folds it into the file, so that neither
the writes of a turn nor the other process wait for it."""
CHECKPOINT_PAUSE_S = 0.1
"""Between two folds: a log that another process keeps long would else be folded without end."""


class _Write(msgspec.Struct, eq=False):
    """One write that waits; `item` and `key` are those of `Store.join`, where it came by that."""

    fn: Callable[..., Any]
    future: Any
    loop: asyncio.AbstractEventLoop | None
    key: Hashable = None
    item: Any = None
    bulk: bool = False


_Outcome = tuple[Sequence[_Write], Sequence[Any], BaseException | None]
"""Writes that were done as one, what each came to, or what went wrong for all of them."""


class GroupCommit:
    """The half of a store that writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._queue: queue.SimpleQueue[list[_Write] | None] = queue.SimpleQueue()
        self._given = self._taken = 0
        self._kept: list[_Write] | None = None
        self._arrived: dict[asyncio.AbstractEventLoop, list[_Write]] = {}
        self._listeners: list[Listener] = []
        self.meta_commits = 0
        self.rolled_back = 0
        self._writer = connect(path)
        self._log_pages = 0
        self._writer.set_wal_hook(self._logged)
        self._lock_fd = _open_lock(path.with_name("writer.lock"))
        self._wait_fd = _open_lock(path.with_name("waiting.lock"))
        self._closed = False
        self._door = threading.Lock()
        self._fold = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()
        self._folder = threading.Thread(target=self._fold_forever, name="folder", daemon=True)
        self._folder.start()

    def listen(self, listener: Listener) -> None:
        """See `Store.listen`."""
        self._listeners.append(listener)

    def write(self, fn: Callable[[Any], T], *, bulk: bool = False) -> Future[T]:
        """See `Store.write`."""
        future: Future[T] = Future()
        self._enqueue([_Write(fn, future, None, bulk=bulk)])
        return future

    def submit(self, fn: Callable[[Any], T]) -> asyncio.Future[T]:
        """See `Store.submit`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._arrive(loop, _Write(fn, future, loop))
        return future

    def join(self, key: Hashable, fn: Joined[A, T], item: A) -> asyncio.Future[T]:
        """See `Store.join`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        # With those of the same loop, which ends them all in one go.
        self._arrive(loop, _Write(fn, future, loop, (key, loop), item))
        return future

    def backlog(self) -> int:
        """See `Store.backlog`."""
        return self._given - self._taken

    def _arrive(self, loop: asyncio.AbstractEventLoop, write: _Write) -> None:
        """Queue a write with the others that its loop has still to read.

        They share a commit then, and the writer does not want the interpreter while their requests
        are being read: those who were answered together ask again together.
        """
        if self._closed:
            raise Unavailable("the store is closing")
        arrived = self._arrived.get(loop)
        if arrived is not None:
            arrived.append(write)
            return
        self._arrived[loop] = [write]
        loop.call_soon(self._hand_over, loop, 0, TURNS_MAX)

    def _hand_over(self, loop: asyncio.AbstractEventLoop, seen: int, turns: int) -> None:
        """Give the writer what has arrived, once a turn of the loop brings no more."""
        n = len(self._arrived[loop])
        if seen < n < GROUP_MAX and turns and not self._closed:
            loop.call_soon(self._hand_over, loop, n, turns - 1)
            return
        arrived = self._arrived.pop(loop)
        for i in range(0, n, GROUP_MAX):
            some = arrived[i : i + GROUP_MAX]
            try:
                self._enqueue(some)
            except Unavailable as error:
                for write in some:
                    _end_future(write.future, None, error)

    def _enqueue(self, writes: list[_Write]) -> None:
        """Queue writes; those of one call share a commit."""
        # Under a lock: nothing may come behind the end that `close` puts into the queue.
        with self._door:
            if self._closed:
                raise Unavailable("the store is closing")
            self._given += len(writes)
            self._queue.put(writes)

    def _run(self) -> None:
        while group := self._gather():
            begun = time.monotonic()
            self._settle(*self._commit(group))
            took = time.monotonic() - begun
            if self._log_pages >= CHECKPOINT_PAGES:
                self._fold.set()
            if group[0].bulk:
                time.sleep(BULK_PAUSE_S)
            elif len(group) >= SIBLINGS:
                time.sleep(min(took * SIBLINGS_SHARE, SIBLINGS_MAX_S))

    def _gather(self) -> list[_Write]:
        """Wait for writes and return those that share a commit; none when the store closes."""
        group, self._kept = self._kept or self._queue.get(), None
        if group is None:
            return []
        # A bulk write is as long as a turn may be: it shares its commit with none.
        while len(group) < GROUP_MAX and not group[0].bulk:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                self._queue.put(None)
                break
            if more[0].bulk or len(group) + len(more) > GROUP_MAX:
                self._kept = more
                break
            group += more
        self._taken += len(group)
        return group

    def _logged(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _fold_forever(self) -> None:
        """Copy the log into the file, beside the writers: it blocks none of them.

        In a writer's own thread it would hold up those that wait, also for what an import in
        another process has written.
        """
        connection: apsw.Connection | None = None
        while True:
            self._fold.wait()
            self._fold.clear()
            if self._closed:
                break
            try:
                # Opened when needed: most commands end long before the log is long.
                connection = connection or connect(self.path)
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            except apsw.BusyError:
                pass  # the other process is at it
            except apsw.Error as error:  # what was written stands; the next turn tries again
                log.warning("the write-ahead log stays long", reason=str(error))
            time.sleep(CHECKPOINT_PAUSE_S)
        if connection is not None:
            connection.close()

    def _commit(self, group: list[_Write]) -> tuple[list[_Outcome], dict[int, int]]:
        """Run a group in one transaction; one by one where SQLite gave the whole up."""
        try:
            with self._turn(bulk=group[0].bulk):
                return self._attempt(group)
        except (apsw.Error, OSError) as error:
            # Whatever it was, the writer lives on: a thread that ends leaves all who wait waiting.
            if len(group) == 1:
                return [(group, (), unavailable(error))], {}
            self.rolled_back += 1
        outcomes: list[_Outcome] = []
        changed: dict[int, int] = {}
        for write in group:
            done, revs = self._commit([write])
            outcomes += done
            changed.update(revs)
        return outcomes, changed

    def _attempt(self, group: list[_Write]) -> tuple[list[_Outcome], dict[int, int]]:
        connection = self._writer
        outcomes: list[_Outcome] = []
        changed: dict[int, int] = {}
        meta = False
        members = _members(group)
        # A savepoint copies each page that is changed in it; who is alone has none to spare.
        alone = len(members) == 1
        connection.execute("BEGIN IMMEDIATE")
        try:
            while members:
                member = members.popleft()
                tx = SqliteTx(connection)
                if not alone:
                    connection.execute("SAVEPOINT member")
                try:
                    results = _run(member, tx)
                except TRANSIENT:
                    raise
                except BaseException as error:
                    if not connection.in_transaction:
                        raise apsw.IOError(str(error)) from error
                    connection.execute("ROLLBACK" if alone else "ROLLBACK TO member")
                    if len(member) > 1:  # one of them is to blame: each on its own
                        members.extendleft([write] for write in reversed(member))
                    else:
                        outcomes.append((member, (), error))
                    if alone:
                        if not members:
                            return outcomes, {}
                        connection.execute("BEGIN IMMEDIATE")
                        alone = False
                        continue
                else:
                    outcomes.append((member, results, None))
                    changed.update(tx.changed)
                    meta = meta or tx.meta
                if not alone:
                    connection.execute("RELEASE member")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if meta:
            self.meta_commits += 1
        return outcomes, changed

    @contextmanager
    def _turn(self, *, bulk: bool) -> Iterator[None]:
        # SQLite's own busy handler polls with growing pauses and starves one of two processes;
        # flock wakes the next at once.
        if bulk:
            # Nobody's turn, as long as others wait for theirs.
            fcntl.flock(self._wait_fd, fcntl.LOCK_EX)
            fcntl.flock(self._wait_fd, fcntl.LOCK_UN)
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX)
        else:
            try:
                fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fcntl.flock(self._wait_fd, fcntl.LOCK_SH)
                try:
                    fcntl.flock(self._lock_fd, fcntl.LOCK_EX)
                finally:
                    fcntl.flock(self._wait_fd, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._lock_fd, fcntl.LOCK_UN)

    def _settle(self, outcomes: list[_Outcome], changed: dict[int, int]) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
        for outcome in outcomes:
            loop = outcome[0][0].loop
            if loop is not None:
                loops.setdefault(loop, []).append(outcome)
            else:
                _resolve([outcome])
        for loop, waiting in loops.items():
            try:
                loop.call_soon_threadsafe(_resolve, waiting)
            except RuntimeError:  # the loop is closed; nobody waits any more
                continue
        if changed:
            for listener in self._listeners:
                tell(listener, changed)

    def _stop(self) -> bool:
        """Take no more writes and end what waits; return whether that was still to do."""
        with self._door:
            if self._closed:
                return False
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        self._fold.set()
        self._folder.join()
        return True

    def _release(self) -> None:
        self._writer.close()
        os.close(self._lock_fd)
        os.close(self._wait_fd)


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _members(group: Sequence[_Write]) -> deque[list[_Write]]:
    """Return the writes of a group, those that join as one."""
    joined: dict[Hashable, list[_Write]] = {}
    members: deque[list[_Write]] = deque()
    for write in group:
        known = None if write.key is None else joined.get(write.key)
        if known is not None:
            known.append(write)
            continue
        member = [write]
        members.append(member)
        if write.key is not None:
            joined[write.key] = member
    return members


def _run(member: Sequence[_Write], tx: SqliteTx) -> Sequence[Any]:
    first = member[0]
    if first.key is None:
        return (first.fn(tx),)
    results: Sequence[Any] = first.fn(tx, [write.item for write in member])
    if len(results) != len(member):
        raise ValueError("a joined write answers each of its items")
    return results


def _resolve(outcomes: Sequence[_Outcome]) -> None:
    for writes, results, error in outcomes:
        if error is not None:
            _end_future(writes[0].future, None, error)
            continue
        joined = writes[0].key is not None
        for write, result in zip(writes, results, strict=True):
            if joined and isinstance(result, Exception):
                _end_future(write.future, None, result)
            else:
                _end_future(write.future, result, None)


def _end_future(future: Any, result: Any, error: BaseException | None) -> None:
    try:
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
    except (asyncio.InvalidStateError, InvalidStateError):
        return  # the client has gone; the write stands
