"""Socket.IO 0.9, frame by frame, and with a client of that time."""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
import websocket

from diurnal.live.old_sockets import read_body, write_body
from diurnal.model.access import Access
from diurnal.services import accesses
from diurnal.services.context import Context
from tests.cases import write
from tests.dialects.client import personal_token
from tests.live.following import WAIT_S, Server, serving


@pytest.fixture
def server(ctx: Context) -> Iterator[Server]:
    with serving(ctx) as running:
        yield running


def asked(server: Server, path: str, body: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=25)
    try:
        connection.request("GET" if body is None else "POST", path, body and body.encode())
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def handshake(server: Server, secret: str, resource: str = "/alice") -> str:
    status, text = asked(server, f"/socket.io/1/?auth={secret}&resource={resource}")
    assert status == 200, text
    sid, heartbeat, closing, transports = text.split(":")
    assert (heartbeat, closing, transports) == ("60", "60", "websocket,xhr-polling")
    return sid


class Sock:
    """A web socket of the protocol that has joined a namespace."""

    def __init__(self, server: Server, secret: str, namespace: str) -> None:
        sid = handshake(server, secret)
        url = f"ws://127.0.0.1:{server.port}/socket.io/1/websocket/{sid}"
        self.wire = websocket.create_connection(url, timeout=WAIT_S)
        self.namespace = namespace
        assert self.wire.recv() == "1::"
        self.wire.send(f"1::{namespace}")
        self.joined = self.wire.recv()

    def call(self, name: str, *args: Any) -> Any:
        data = json.dumps({"name": name, "args": args})
        self.wire.send(f"5:7+:{self.namespace}:{data}")
        start = f"6::{self.namespace}:7+"
        while not (frame := self.wire.recv()).startswith(start):
            assert frame
        return json.loads(frame.removeprefix(start))

    def close(self) -> None:
        self.wire.shutdown()


@pytest.fixture
def socks() -> Iterator[list[Sock]]:
    opened: list[Sock] = []
    yield opened
    for sock in opened:
        sock.close()


def open_(socks: list[Sock], server: Server, secret: str, namespace: str) -> Sock:
    socks.append(Sock(server, secret, namespace))
    assert socks[-1].joined == f"1::{namespace}"
    return socks[-1]


def test_commands_of_the_seed(server: Server, alice: Access, socks: list[Sock]) -> None:
    secret = personal_token(server.ctx, alice, api="pryv0")
    for namespace in ("/pryv0/alice", "/alice"):
        sock = open_(socks, server, secret, namespace)
        error, found = sock.call("command", {"id": "channels.get", "params": {}})
        assert (error, found[0]["id"]) == (None, "diurnal")
        made = {"id": "diurnal.events.create", "params": {"comment": "hello"}}
        error, found = sock.call("command", made)
        assert error is None
        changed = {"id": found["id"], "update": {"comment": "changed"}}
        assert sock.call("command", {"id": "diurnal.events.update", "params": changed})[0] is None
        [refusal] = sock.call("command", {"id": "nothing.events.get", "params": {}})
        assert refusal["id"] == "UNKNOWN_CHANNEL"
        [refusal] = sock.call("command", {"id": "no.such", "params": {}})
        assert refusal["id"] == "UNKNOWN_RESOURCE"


def test_changes_are_told_in_the_words_of_each_version(
    server: Server, alice: Access, socks: list[Sock]
) -> None:
    secret = personal_token(server.ctx, alice, api="pryv0")
    old = open_(socks, server, secret, "/pryv0/alice")
    later = open_(socks, server, secret, "/pryv04/alice")
    old.call("command", {"id": "channels.create", "params": {"id": "life", "name": "Life"}})
    assert later.wire.recv() == '5::/pryv04/alice:{"name":"channelsChanged","args":[]}'
    named = '"args":[{"channelId":"life"}]}'
    assert later.wire.recv() == '5::/pryv04/alice:{"name":"foldersChanged",' + named
    assert old.wire.recv() == '5::/pryv0/alice:{"name":"channelsChanged","args":[]}'
    assert old.wire.recv() == '5::/pryv0/alice:{"name":"foldersChanged","args":[]}'
    later.call("life.events.create", {"type": {"class": "note", "format": "txt"}, "value": "x"})
    assert old.wire.recv() == '5::/pryv0/alice:{"name":"eventsChanged","args":[]}'
    assert later.wire.recv() == '5::/pryv04/alice:{"name":"eventsChanged",' + named


def test_methods_of_the_current_api(server: Server, alice: Access, socks: list[Sock]) -> None:
    sock = open_(socks, server, personal_token(server.ctx, alice), "/pryv/alice")
    error, found = sock.call("streams.get", {})
    assert (error, bool(found["streams"])) == (None, True)


def test_who_may_not_enter_is_told_why(server: Server, alice: Access, socks: list[Sock]) -> None:
    assert asked(server, "/socket.io/1/?resource=/alice") == (403, "Missing 'auth' parameter.")
    assert asked(server, "/socket.io/1/?auth=x") == (403, "Missing 'resource' parameter.")
    socks.append(Sock(server, "wrong", "/alice"))
    assert socks[0].joined == "7::/alice:Cannot find access from token."
    assert asked(server, "/socket.io/1/xhr-polling/nothing")[0] == 401


def test_long_polling(server: Server, alice: Access) -> None:
    secret = personal_token(server.ctx, alice, api="pryv0")
    path = f"/socket.io/1/xhr-polling/{handshake(server, secret)}"
    assert asked(server, path) == (200, "1::")
    assert asked(server, path, "1::/pryv0/alice") == (200, "1")
    assert asked(server, path) == (200, "1::/pryv0/alice")
    call = '5:1+:/pryv0/alice:{"name":"command","args":[{"id":"channels.get"}]}'
    assert asked(server, path, write_body([call, call.replace("5:1+", "5:2+")])) == (200, "1")
    frames = read_body(asked(server, path)[1])
    assert [f[: f.index("[")] for f in frames] == [f"6::/pryv0/alice:{n}+" for n in (1, 2)]
    assert asked(server, path + "?disconnect=1")[0] == 200
    assert asked(server, path)[0] == 401


def test_a_revoked_access_is_let_go(server: Server, alice: Access, socks: list[Sock]) -> None:
    secret = personal_token(server.ctx, alice, api="pryv0")
    sock = open_(socks, server, secret, "/pryv0/alice")
    known = server.ctx.store.read(lambda tx: accesses.listed(tx, alice))
    [mine] = [s for s in known if s.access.api == "pryv0"]
    write(server.ctx, accesses.revoke, alice, mine.access.id)
    sock.wire.settimeout(1.0)
    assert sock.wire.recv() == "0::"


def bent(rng: random.Random) -> str:
    """Return a frame with something in it that does not belong there."""
    good = ['5:1+:/alice:{"name":"command","args":[{"id":"channels.get"}]}', "1::/alice", "2::"]
    text = list(rng.choice(good))
    for _ in range(rng.randint(1, 5)):
        text.insert(rng.randrange(len(text) + 1), rng.choice('0:+{}[]"\ufffd9\\é'))
    return "".join(text)


@pytest.mark.parametrize("n", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_malformed_frames_neither_crash_nor_grow_the_server(
    server: Server, alice: Access, socks: list[Sock], n: int
) -> None:
    secret = personal_token(server.ctx, alice, api="pryv0")
    rng = random.Random(9)
    for _ in range(n // 20):
        path = f"/socket.io/1/xhr-polling/{handshake(server, secret)}"
        bodies = [bent(rng) for _ in range(20)]
        assert asked(server, path, write_body(bodies))[0] in (200, 400)
        asked(server, path + "?disconnect=1")
    old = server.app._sockets._old
    assert old is not None
    assert old.count == 0
    open_(socks, server, secret, "/alice")
