"""10,000 malformed frames at a server process of its own: it lives, and grows no larger."""

from __future__ import annotations

import http.client
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import websocket

from tests.faults.server import Server, prepare
from tests.live.test_old_sockets import bent, write_body
from tests.live.test_sockets import malformed

FRAMES = 10_000
WARM = 10_000
"""Frames after which the server has what it loads and keeps; growth is counted from there."""
GROWTH_MB_MAX = 8.0

pytestmark = pytest.mark.slow


@pytest.fixture
def secret_and_server(tmp_path: Path) -> Iterator[tuple[str, Server]]:
    home = tmp_path / "data"
    home.mkdir()
    url = f"sqlite:///{home / 'diurnal.db'}"
    secret = prepare(url, home)
    server = Server(url, home, environ={"DIURNAL_ADDRESS_RATE": "none"})
    server.start()
    try:
        yield secret, server
    finally:
        server.kill()


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def current(server: Server, secret: str, frames: int, rng: random.Random) -> None:
    """Send frames by Socket.IO 5, on a new socket whenever one was cut."""
    url = f"ws://127.0.0.1:{server.port}/socket.io/?EIO=4&transport=websocket&auth={secret}"
    sent = 0
    while sent < frames:
        sock = websocket.create_connection(url, timeout=10)
        try:
            sock.recv()
            sock.send("40/alice,")
            sock.recv()
            for _ in range(50):
                sent += 1
                sock.send(malformed(rng))
        except (OSError, websocket.WebSocketException):
            continue
        finally:
            sock.shutdown()


def old(server: Server, secret: str, frames: int, rng: random.Random) -> None:
    """Send frames by Socket.IO 0.9: half of them by long polling, half by web socket."""
    for turn in range(frames // 50):
        wire = http.client.HTTPConnection("127.0.0.1", server.port, timeout=25)
        wire.request("GET", f"/socket.io/1/?auth={secret}&resource=/alice")
        sid = wire.getresponse().read().decode().partition(":")[0]
        if turn % 2:
            path = f"/socket.io/1/xhr-polling/{sid}"
            wire.request("POST", path, write_body([bent(rng) for _ in range(50)]).encode())
            assert wire.getresponse().read() is not None
            wire.request("GET", f"{path}?disconnect=1")
            wire.getresponse().read()
        else:
            url = f"ws://127.0.0.1:{server.port}/socket.io/1/websocket/{sid}"
            sock = websocket.create_connection(url, timeout=10)
            try:
                sock.send("1::/alice")
                for _ in range(50):
                    sock.send(bent(rng))
            except (OSError, websocket.WebSocketException):
                pass
            finally:
                sock.shutdown()
        wire.close()


@pytest.mark.parametrize("door", [current, old], ids=["socket.io", "0.9"])
def test_malformed_frames_leave_the_server_as_large_as_it_was(
    secret_and_server: tuple[str, Server],
    door: Callable[[Server, str, int, random.Random], None],
    record_property: Callable[[str, object], None],
) -> None:
    secret, server = secret_and_server
    rng = random.Random(11)
    door(server, secret, WARM, rng)
    before = rss_mb(server.pid)
    door(server, secret, FRAMES, rng)
    grown = rss_mb(server.pid) - before
    record_property("mb", round(before, 1))
    record_property("grown_mb", round(grown, 2))
    print(f"{before:.1f} MB, {grown:+.2f} MB after {FRAMES} frames")
    assert server.answers()
    assert grown < GROWTH_MB_MAX
