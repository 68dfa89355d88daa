"""A private Redis server for one test: nothing is kept, nobody else is let in."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

START_MAX_S = 20.0


class Redis:
    """A server that can be frozen and killed."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.url = f"redis://127.0.0.1:{port}/0"
        self._port = port
        self._process = process

    def answers(self) -> bool:
        try:
            with closing(socket.create_connection(("127.0.0.1", self._port), 1)) as asked:
                asked.sendall(b"PING\r\n")
                return asked.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def freeze(self) -> None:
        """Have it accept and never answer."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def program() -> str:
    """Return where the server program is.

    Raises:
        RuntimeError: nowhere.
    """
    for name in (os.environ.get("TEST_REDIS_SERVER"), "redis-server", "valkey-server"):
        if name and (found := shutil.which(name)):
            return found
    raise RuntimeError("no redis-server here: see scripts/redis")


@contextmanager
def running(folder: Path) -> Iterator[Redis]:
    """Start a server on a free port and leave none behind."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    folder.mkdir()
    told = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(
        [program(), *told], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    server = Redis(port, process)
    try:
        give_up = time.monotonic() + START_MAX_S
        while not server.answers():
            assert process.poll() is None, "redis-server ended at once"
            assert time.monotonic() < give_up, "redis-server does not answer"
            time.sleep(0.02)
        yield server
    finally:
        server.kill()
