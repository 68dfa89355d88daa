"""Our server as a process of its own, to be killed, starved and started again; and its clients."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diurnal.model.access import Kind
from diurnal.services import accesses, accounts
from tests.conftest import PASSWORD
from tests.faults import ledger
from tests.faults.writer import FIRST, STREAM, TYPE, size_of

ROOT = Path(__file__).parent.parent.parent
START_MAX_S = 60.0
ANSWER_MAX_S = 20.0


def prepare(url: str, data_dir: Path) -> str:
    """Make the account and return a token of its owner."""
    with ledger.reopened(url, data_dir) as ctx:
        made = accounts.create(ctx, username="alice", password=PASSWORD, timezone="Europe/Berlin")
        assert made.account_id == ledger.ACCOUNT
        _, token = ctx.store.write(
            lambda tx: accesses.issue(
                tx,
                ctx,
                account_id=made.account_id,
                username="alice",
                kind=Kind.PERSONAL,
                name="faults",
            )
        ).result()
        return token


class Server:
    """`diurnal serve` on a port that stays the same over restarts.

    `within` is a command that runs the server's: in another world of files, for example; `options`
    and `environ` go to the server.
    """

    def __init__(
        self,
        url: str,
        data_dir: Path,
        *,
        program: Sequence[str] = ("-m", "diurnal"),
        within: Sequence[str] = (),
        options: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.port = _free_port()
        serve = [sys.executable, *program, "serve", "--port", str(self.port), *options]
        self._command = [*within, *serve]
        self._environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("DIURNAL_")},
            "DIURNAL_DATA_DIR": str(data_dir),
            "DIURNAL_DATABASE_URL": url,
            **(environ or {}),
        }
        self._log = data_dir.parent / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait for its first answer."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        give_up = time.monotonic() + START_MAX_S
        while not self.answers():
            assert self.alive, self._log.read_text()
            assert time.monotonic() < give_up, self._log.read_text()
            time.sleep(0.02)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def answers(self) -> bool:
        try:
            return self.ask("GET", "/healthz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def kill(self) -> None:
        """Take it down as a crash does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end; what does not end is killed."""
        if self._process is None or not self.alive:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        """Make one request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_MAX_S)
        try:
            return ask(connection, method, path, body, **headers)
        finally:
            connection.close()


def ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: Any = None,
    **headers: str,
) -> tuple[int, dict[str, str], Any]:
    """Make one request; return status, headers in lower case and the JSON answer."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None
    if body is not None:
        data, sent["Content-Type"] = json.dumps(body), "application/json"
    connection.request(method, path, data, sent)
    answer = connection.getresponse()
    raw = answer.read()
    got = {name.lower(): value for name, value in answer.getheaders()}
    return answer.status, got, json.loads(raw) if raw else None


def events_of(thread: int, n: int) -> dict[str, Any]:
    """Return the body of the n-th write of a client; each event says which it is."""
    events = [
        {
            "streamIds": [STREAM],
            "type": TYPE,
            "time": (FIRST // 1_000_000) + (n * 20 + i) * 60 + thread,
            "content": 60 + i,
            "description": f"{thread}-{n}/{i}",
        }
        for i in range(size_of(n))
    ]
    return {"events": events} if len(events) > 1 else events[0]


@dataclass
class Clients:
    """Clients that write until told to stop, each request twice with one idempotency key.

    A write that got no good answer is sent again until it does.
    """

    port: int
    token: str
    count: int = 4
    first: int = 0
    """The number of each client's first write."""
    acknowledged: set[tuple[int, int]] = field(default_factory=set)
    refused: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Status and headers of answers that said: not now."""
    refused_last: set[tuple[int, int]] = field(default_factory=set)
    """Writes whose last answer was: not now."""
    surprises: list[str] = field(default_factory=list)
    """Answers that no client should ever get."""

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._write_on, args=(thread,)) for thread in range(self.count)
        ]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _write_on(self, thread: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_MAX_S)
        n, times = self.first, 0
        while not self._over.is_set():
            if self._write(connection, thread, n):
                times += 1
                if times == 2:
                    n, times = n + 1, 0
            else:
                time.sleep(0.02)
        connection.close()

    def _write(self, connection: http.client.HTTPConnection, thread: int, n: int) -> bool:
        try:
            status, headers, answer = ask(
                connection,
                "POST",
                "/api/v1/events",
                events_of(thread, n),
                Authorization=f"Bearer {self.token}",
                Idempotency_Key=f"{thread}-{n}",
            )
        except (OSError, http.client.HTTPException):
            connection.close()
            self.refused_last.discard((thread, n))  # it may have been done
            return False
        if status == 201:
            self.acknowledged.add((thread, n))
            self.refused_last.discard((thread, n))
            return True
        if status in (503, 507):
            self.refused.append((status, headers))
            if (thread, n) in self.acknowledged:
                return True  # on to the next: all could else wait to repeat what is stored
            self.refused_last.add((thread, n))
        else:
            self.surprises.append(f"{status} {answer}")
        return False

    def wait_for(self, more: int, within_s: float) -> None:
        """Wait until so many more writes were acknowledged."""
        wanted = len(self.acknowledged) + more
        self.wait_until(lambda: len(self.acknowledged) >= wanted, within_s)

    def wait_until(self, reached: Callable[[], bool], within_s: float) -> None:
        """Wait until something has happened."""
        give_up = time.monotonic() + within_s
        while not reached():
            assert time.monotonic() < give_up, (
                f"not within {within_s} s: {len(self.acknowledged)} acknowledged,"
                f" {len(self.refused)} refused, {self.surprises[:3]}"
            )
            time.sleep(0.01)


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """Start a server and leave none behind."""
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
