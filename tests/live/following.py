"""A server on a real socket, and clients that follow its changes."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, NamedTuple

import uvicorn

from diurnal.app import App
from diurnal.services.context import Context, Ids
from diurnal.services.context import clock as machine_clock

SOON_S = 1.0
WAIT_S = 20.0


class Told(NamedTuple):
    """One event of a stream."""

    name: str
    id: int
    data: dict[str, Any]
    at: float


class _Server(uvicorn.Server):
    """A server that also closes, as the end of a process would, what did not end in time."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            if (transport := getattr(connection, "transport", None)) is not None:
                transport.abort()
        await asyncio.sleep(0.01)


class Stream:
    """Reads a stream of events on a thread of its own."""

    def __init__(self, port: int, token: str, query: str = "", **headers: str) -> None:
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
        given = {"Authorization": f"Bearer {token}", **headers}
        self.http.request("GET", f"/api/v1/live{query}", headers=given)
        self._socket = self.http.sock
        self.answer = self.http.getresponse()
        self.told: list[Told] = []
        self.begun: int | None = None
        self.ended: float | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        if self.answer.status == 200:
            self._thread.start()
            self.until(lambda: self.begun is not None)

    def _read(self) -> None:
        block: dict[str, str] = {}
        try:
            for raw in self.answer:
                line = raw.decode().rstrip("\n")
                if line:
                    name, _, value = line.partition(": ")
                    block[name] = value
                    continue
                if "data" in block:
                    data = json.loads(block["data"])
                    self.told.append(Told(block["event"], int(block["id"]), data, time.monotonic()))
                elif "id" in block:
                    self.begun = int(block["id"])
                block = {}
        except (OSError, ValueError, AttributeError):
            return
        finally:
            self.ended = time.monotonic()

    def until(self, true: Any, within: float = WAIT_S) -> None:
        deadline = time.monotonic() + within
        while not true():
            assert time.monotonic() < deadline, ("waited in vain", self.told, self.ended)
            time.sleep(0.005)

    def kinds(self) -> set[str]:
        return {kind for told in self.told for kind in told.data["kinds"]}

    def close(self) -> None:
        if self._thread.is_alive():
            # The thread holds the buffer's lock: from here only the socket can be ended.
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._thread.join()
        self.answer.close()
        self.http.close()
        self._socket.close()


class Server(NamedTuple):
    """A running server."""

    ctx: Context
    app: App
    port: int

    @contextmanager
    def follow(self, token: str, query: str = "", **headers: str) -> Iterator[Stream]:
        stream = Stream(self.port, token, query, **headers)
        try:
            yield stream
        finally:
            stream.close()

    def call(self, token: str, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request(
                method,
                f"/api/v1{path}",
                None if body is None else json.dumps(body),
                {"Authorization": f"Bearer {token}"},
            )
            answer = connection.getresponse()
            return json.loads(answer.read() or b"null")
        finally:
            connection.close()


@contextmanager
def serving(ctx: Context) -> Iterator[Server]:
    """Serve on a free port, with the machine's clock."""
    ctx = replace(ctx, now=machine_clock, new_id=Ids(machine_clock).new)
    app = App(ctx)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=1
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield Server(ctx, app, server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
