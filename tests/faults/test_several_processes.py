"""`diurnal serve --workers 3` over PostgreSQL and Redis: one server, whichever process answers."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests import redis_server
from tests.conftest import PASSWORD
from tests.faults.server import Server, ask, prepare, running
from tests.faults.writer import STREAM, TYPE

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("TEST_REDIS") == "no", reason="TEST_REDIS=no"),
]

WORKERS = 3
SOON_S = 1.0
WAIT_S = 20.0
CONTRACT = 300
"""Calls an hour that Exist's contract allows a token."""


class Whole:
    """The server, its Redis, and the owner's token."""

    def __init__(self, server: Server, redis: redis_server.Redis, token: str) -> None:
        self.server = server
        self.redis = redis
        self.token = token

    def processes(self) -> set[int]:
        """Return the server processes: those that hold the listening socket and have a parent."""
        here = self.server.pid
        return {
            pid
            for pid in _below(here)
            if self._holds(pid, state="0A") and b"multiprocessing" in _command(pid)
        }

    def each(self, stack: ExitStack) -> list[http.client.HTTPConnection]:
        """Return an open connection to every process."""
        found: dict[int, http.client.HTTPConnection] = {}
        deadline = time.monotonic() + WAIT_S
        while len(found) < WORKERS:
            assert time.monotonic() < deadline, f"only {sorted(found)} take connections"
            made = stack.enter_context(
                closing(http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=WAIT_S))
            )
            ask(made, "GET", "/healthz")
            found.setdefault(self.answering(made.sock), made)
        return list(found.values())

    def answering(self, connected: socket.socket) -> int:
        """Return the process at the other end of a connection."""
        port = connected.getsockname()[1]
        for pid in self.processes():
            if self._holds(pid, state="01", peer=port):
                return pid
        raise AssertionError("nobody holds the connection")

    def _holds(self, pid: int, *, state: str, peer: int | None = None) -> bool:
        inodes = set()
        with suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    inodes.add(os.readlink(link))
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, local, remote, st, *_, inode = line.split()[:10]
            if (
                st == state
                and int(local.split(":")[1], 16) == self.server.port
                and (peer is None or int(remote.split(":")[1], 16) == peer)
                and f"socket:[{inode}]" in inodes
            ):
                return True
        return False

    def ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Any = None,
        token: str = "",
    ) -> tuple[int, Any]:
        status, _, answer = ask(
            connection, method, path, body, Authorization=f"Bearer {token or self.token}"
        )
        return status, answer

    def token_for(self, connection: http.client.HTTPConnection) -> tuple[str, str]:
        """Return the id and the secret of a new token."""
        body = {
            "name": "several",
            "kind": "app",
            "permissions": [{"stream": "*", "level": "manage"}],
        }
        status, made = self.ask(connection, "POST", "/api/v1/tokens", body)
        assert status == 201, made
        return made["id"], made["token"]


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _below(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


@pytest.fixture
def whole(postgres_url: str, data_dir: Path, tmp_path: Path) -> Iterator[Whole]:
    token = prepare(postgres_url, data_dir)
    with redis_server.running(tmp_path / "redis") as redis:
        server = Server(
            postgres_url,
            data_dir,
            options=["--workers", str(WORKERS)],
            environ={"DIURNAL_REDIS_URL": redis.url},
        )
        with running(server):
            yield Whole(server, redis, token)


def soon(true: Callable[[], bool], what: str, within: float = SOON_S) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.02)


class Listener(threading.Thread):
    """Reads a stream of changes from one process until it ends."""

    def __init__(self, whole: Whole, connection: http.client.HTTPConnection, token: str) -> None:
        super().__init__(daemon=True)
        connection.request("GET", "/api/v1/live", headers={"Authorization": f"Bearer {token}"})
        self.answer = connection.getresponse()
        assert self.answer.status == 200
        self.told: list[dict[str, Any]] = []
        self.ended = False
        self.start()

    def run(self) -> None:
        with suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            for line in self.answer:
                if line.startswith(b"data: "):
                    self.told.append(json.loads(line[6:]))
        self.ended = True


def test_what_one_process_writes_the_others_read_and_tell(whole: Whole) -> None:
    with ExitStack() as stack:
        one, two, three = whole.each(stack)
        followed = stack.enter_context(
            closing(http.client.HTTPConnection("127.0.0.1", whole.server.port, timeout=WAIT_S))
        )
        listener = Listener(whole, followed, whole.token)
        event = {"streamIds": [STREAM], "type": TYPE, "content": 61}
        for n, (writer, reader) in enumerate([(one, two), (two, three), (three, one)], 1):
            status, made = whole.ask(writer, "POST", "/api/v1/events", event)
            assert status == 201, made
            status, read = whole.ask(reader, "GET", f"/api/v1/events/{made['id']}")
            assert (status, read["id"]) == (200, made["id"])
            soon(lambda n=n: len(listener.told) >= n, "a change is told")  # type: ignore[misc]


def test_a_token_revoked_at_one_process_ends_at_all_within_a_second(whole: Whole) -> None:
    with ExitStack() as stack:
        connections = whole.each(stack)
        id_, token = whole.token_for(connections[0])
        for connection in connections:  # each has it in its cache
            assert whole.ask(connection, "GET", "/api/v1/events?limit=1", token=token)[0] == 200
        listeners = []
        for _ in range(WORKERS * 3):
            made = http.client.HTTPConnection("127.0.0.1", whole.server.port, timeout=WAIT_S)
            listeners.append(Listener(whole, stack.enter_context(closing(made)), token))
        assert whole.ask(connections[0], "DELETE", f"/api/v1/tokens/{id_}")[0] == 200
        since = time.monotonic()
        for connection in connections:
            soon(
                lambda c=connection: (  # type: ignore[misc]
                    whole.ask(c, "GET", "/api/v1/events?limit=1", token=token)[0] == 401
                ),
                "the token is refused",
            )
        soon(lambda: all(one.ended for one in listeners), "every stream has ended")
        assert time.monotonic() - since < 2 * SOON_S


def exist(whole: Whole, connection: http.client.HTTPConnection, token: str) -> int:
    return whole.ask(connection, "GET", "/exist/api/1/users/$self/profile/", token=token)[0]


def test_processes_count_calls_together_and_go_on_without_redis(whole: Whole) -> None:
    with ExitStack() as stack:
        connections = whole.each(stack)
        _, token = whole.token_for(connections[0])
        answers = [exist(whole, connections[n % WORKERS], token) for n in range(CONTRACT + 30)]
        assert answers.count(429) == 30
        assert answers.index(429) == CONTRACT
        _, other = whole.token_for(connections[0])
        quick = timed(lambda: [exist(whole, c, other) for c in connections for _ in range(10)])
        whole.redis.freeze()
        try:
            began = time.monotonic()
            assert {exist(whole, c, other) for c in connections for _ in range(10)} == {200}
            # Each process waits for it once; not every call.
            assert time.monotonic() - began < quick + WORKERS * 1.5
        finally:
            whole.redis.thaw()
        whole.redis.kill()
        assert {exist(whole, c, other) for c in connections for _ in range(10)} == {200}


def timed(fn: Callable[[], Any]) -> float:
    began = time.monotonic()
    fn()
    return time.monotonic() - began


def test_a_process_that_dies_is_replaced_and_the_others_serve_meanwhile(whole: Whole) -> None:
    with ExitStack() as stack:
        connections = whole.each(stack)
        before = whole.processes()
        victim = whole.answering(connections[0].sock)
        os.kill(victim, signal.SIGKILL)
        for connection in connections[1:]:
            assert whole.ask(connection, "GET", "/api/v1/events?limit=1")[0] == 200
        soon(lambda: len(whole.processes()) == WORKERS, "three processes again", WAIT_S)
        assert victim not in whole.processes()
        assert len(whole.processes() & before) == WORKERS - 1


def test_socket_io_of_several_processes_is_a_web_socket(whole: Whole) -> None:
    port = whole.server.port
    login = {"username": "alice", "password": PASSWORD, "appId": "several"}
    origin = f"http://127.0.0.1:{port}"
    status, _, answer = whole.server.ask("POST", "/pryv/alice/auth/login", login, Origin=origin)
    assert status == 200, answer
    opened = websocket.create_connection(
        f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket&auth={answer['token']}",
        timeout=WAIT_S,
    )
    try:
        opened.recv()
        opened.send("40/pryv/alice/alice,")
        assert opened.recv().startswith("40/pryv/alice/alice,")
    finally:
        opened.shutdown()
    status, _, answer = whole.server.ask("GET", "/socket.io/?EIO=4&transport=polling")
    assert status == 400, answer
