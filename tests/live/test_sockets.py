"""Pryv over Socket.IO, with a published client and with frames written by hand."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import socketio
import websocket

from diurnal.live import connections
from diurnal.model.access import Access, Level, Permission
from diurnal.services import accesses, accounts, legacy
from diurnal.services.context import Context
from tests.cases import write
from tests.dialects.client import personal_token, token
from tests.live.following import SOON_S, WAIT_S, Server, serving

HOME = "/pryv/alice/alice"
NOTE = {"streamIds": ["diurnal-note"], "type": "note/txt", "content": "hello"}


@pytest.fixture
def server(ctx: Context) -> Iterator[Server]:
    with serving(ctx) as running:
        yield running


@contextmanager
def connected(server: Server, secret: str, namespace: str = HOME) -> Iterator[Any]:
    client = socketio.SimpleClient(reconnection=False)
    url = f"http://127.0.0.1:{server.port}?auth={secret}"
    client.connect(url, namespace=namespace, transports=["websocket"])
    try:
        yield client
    finally:
        client.disconnect()


def call(client: Any, method: str, params: Any) -> tuple[Any, Any]:
    """Return (error, result)."""
    answer = client.call(method, params, timeout=WAIT_S)
    return (answer[0], answer[1]) if isinstance(answer, list | tuple) else (answer, None)


def told(client: Any, within: float = SOON_S) -> list[Any]:
    return list(client.receive(timeout=within))


@contextmanager
def raw(server: Server, secret: str = "") -> Iterator[websocket.WebSocket]:
    url = f"ws://127.0.0.1:{server.port}/socket.io/?EIO=4&transport=websocket&auth={secret}"
    opened = websocket.create_connection(url, timeout=WAIT_S)
    try:
        assert json.loads(opened.recv()[1:])["pingInterval"] == 25_000
        yield opened
    finally:
        opened.shutdown()


def test_a_call_is_answered_as_over_http(server: Server, alice: Access) -> None:
    with connected(server, personal_token(server.ctx, alice)) as client:
        error, result = call(client, "events.create", NOTE)
        assert error is None
        assert result["event"]["content"] == "hello"
        assert result["meta"]["apiVersion"]
        _, found = call(client, "events.get", {"limit": 1})
        assert found["events"][0]["id"] == result["event"]["id"]


def test_a_batch_has_a_result_for_each_call(server: Server, alice: Access) -> None:
    with connected(server, personal_token(server.ctx, alice)) as client:
        calls = [
            {"method": "events.create", "params": NOTE},
            {"method": "events.create", "params": {}},
        ]
        _, result = call(client, "callBatch", calls)
        assert "event" in result["results"][0]
        assert result["results"][1]["error"]["id"] == "invalid-parameters-format"


def test_a_refused_call_says_why_as_its_first_argument(server: Server, alice: Access) -> None:
    reading = token(server.ctx, alice, Permission(Level.READ, "diurnal-note"))
    with connected(server, reading) as client:
        for method, params, id_ in (
            ("events.create", NOTE, "forbidden"),
            ("events.getOne", {"id": "nothing"}, "unknown-resource"),
            ("no.method", {}, "invalid-method"),
            ("events.get", [1], "invalid-parameters-format"),
        ):
            error, _ = call(client, method, params)
            assert error["error"]["id"] == id_
            assert error["meta"]["serverTime"]


@pytest.mark.parametrize(
    ("namespace", "secret", "message"),
    [
        ("/pryv/nobody/nobody", None, 'Unknown user "nobody"'),
        ("/", None, "Unknown user"),
        (HOME, "wrong", "Cannot find access from token."),
        (HOME, "", "The access token is missing."),
    ],
)
def test_who_may_not_enter_is_told_why(
    server: Server, alice: Access, namespace: str, secret: str | None, message: str
) -> None:
    given = personal_token(server.ctx, alice) if secret is None else secret
    with raw(server, given) as sock:
        sock.send("40" + ("" if namespace == "/" else namespace + ","))
        answer = sock.recv()
        assert answer.startswith("44")
        assert json.loads(answer[answer.index("{") :])["message"] == message


def refused(server: Server, secret: str, namespace: str = HOME) -> bool:
    with raw(server, secret) as sock:
        sock.send(f"40{namespace},")
        return bool(sock.recv().startswith("44"))


def test_a_token_of_another_api_does_not_enter(server: Server, alice: Access) -> None:
    assert refused(server, personal_token(server.ctx, alice, api="native"))


def test_an_owner_keeps_tokens_in_addresses_out(server: Server, alice: Access) -> None:
    secret = personal_token(server.ctx, alice)
    write(server.ctx, legacy.switch, alice, "pryv.token_in_url", on=False)
    assert refused(server, secret)


@pytest.mark.parametrize("namespace", ["/alice", HOME])
def test_a_change_is_told_within_a_second_to_all(
    server: Server, alice: Access, namespace: str
) -> None:
    secret = personal_token(server.ctx, alice)
    with connected(server, secret, namespace) as one, connected(server, secret) as two:
        write_over_http(server, secret)
        assert told(one) == told(two) == ["eventsChanged"]
        call(one, "streams.create", {"id": "mine", "name": "Mine"})
        assert told(two) == ["streamsChanged"]
        params = {"name": "x", "permissions": [{"streamId": "mine", "level": "read"}]}
        call(one, "accesses.create", params)
        assert told(two) == ["accessesChanged"]


def write_over_http(server: Server, secret: str) -> None:
    assert "seq" in server.call(secret, "POST", "/events", NOTE)


def test_many_changes_are_told_as_few(server: Server, alice: Access) -> None:
    secret = personal_token(server.ctx, alice)
    with connected(server, secret) as client, connected(server, secret) as writer:
        began = time.monotonic()
        for _ in range(40):
            call(writer, "events.create", NOTE)
        lasted = time.monotonic() - began
        heard = []
        with suppress(socketio.exceptions.TimeoutError):
            while True:
                heard += told(client, 0.4)
        n = len(heard)
        assert {*heard} == {"eventsChanged"}
        assert 1 <= n <= lasted / 0.1 + 2


def test_nobody_hears_of_another_account(server: Server, alice: Access, charlie: Access) -> None:
    mine, theirs = personal_token(server.ctx, alice), personal_token(server.ctx, charlie)
    with connected(server, mine) as client, connected(server, theirs, "/charlie") as other:
        write_over_http(server, mine)
        assert told(client) == ["eventsChanged"]
        with pytest.raises(socketio.exceptions.TimeoutError):
            told(other, 0.4)
    assert refused(server, mine, "/charlie")


def test_what_is_delayed_is_not_announced(server: Server, alice: Access) -> None:
    delayed = token(server.ctx, alice, Permission(Level.READ, delay=2))
    with connected(server, delayed) as client:
        write_over_http(server, personal_token(server.ctx, alice))
        with pytest.raises(socketio.exceptions.TimeoutError):
            told(client, 0.4)


def test_a_socket_with_scopes_hears_of_nothing_else(server: Server, alice: Access) -> None:
    secret = personal_token(server.ctx, alice)
    with connected(server, secret) as client, connected(server, secret) as writer:
        call(writer, "streams.create", {"id": "mine", "name": "Mine"})
        told(client)
        scopes = {
            "mine": {"kind": "events", "query": {"streams": ["mine"]}},
            "tree": {"kind": "streams"},
        }
        _, result = call(client, "subscribe", {"scopes": scopes})
        assert (result["ok"], result["keys"]) == (True, ["mine", "tree"])
        _, result = call(client, "getSubscriptions", {})
        assert result["scopes"]["mine"] == scopes["mine"]
        call(writer, "events.create", NOTE)
        with pytest.raises(socketio.exceptions.TimeoutError):
            told(client, 0.4)
        _, made = call(writer, "events.create", NOTE | {"streamIds": ["mine"]})
        assert told(client) == ["notificationsChanged", {"keys": ["mine"]}]
        call(writer, "streams.update", {"id": "mine", "update": {"name": "Ours"}})
        assert told(client) == ["notificationsChanged", {"keys": ["tree"]}]
        for _ in range(2):  # into the trash, and out of it for good
            call(writer, "events.delete", {"id": made["event"]["id"]})
            assert told(client) == ["notificationsChanged", {"keys": ["mine"]}]
        call(client, "unsubscribe", {})
        call(writer, "events.create", NOTE)
        assert told(client) == ["eventsChanged"]


def test_bad_scopes_are_refused(server: Server, alice: Access) -> None:
    with connected(server, personal_token(server.ctx, alice)) as client:
        for params in (
            {"key": "a", "kind": "events", "query": {"bogus": 1}},
            {"key": "a", "kind": "moons"},
            {"scopes": {"a": 1}},
            {"scopes": 1},
        ):
            error, _ = call(client, "subscribe", params)
            assert error["error"]["id"] == "invalid-parameters-format"
        many = {str(i): {"kind": "streams"} for i in range(101)}
        error, _ = call(client, "subscribe", {"scopes": many})
        assert error["error"]["id"] == "invalid-operation"


def ended(client: Any, within: float = WAIT_S) -> float:
    """Return how long it took until the server let go."""
    began = time.monotonic()
    while client.connected and time.monotonic() < began + within:
        time.sleep(0.01)
    assert not client.connected
    return time.monotonic() - began


def test_a_revoked_access_is_closed_within_a_second(server: Server, alice: Access) -> None:
    ctx = server.ctx
    shared = token(ctx, alice, Permission(Level.READ))
    with connected(server, shared) as client:
        known = ctx.store.read(lambda tx: accesses.listed(tx, alice))
        [access] = [s for s in known if s.access.name == "My app"]
        write(ctx, accesses.revoke, alice, access.access.id)
        assert ended(client) < SOON_S


def test_an_access_ends_by_itself(server: Server, alice: Access) -> None:
    ctx = server.ctx
    _, secret = write(
        ctx,
        accesses.create,
        alice,
        name="Short",
        permissions=(Permission(Level.READ),),
        api="pryv",
        expires=ctx.now() + 3_000_000,
    )
    with connected(server, secret) as client:
        assert 0.3 < ended(client) < 4.5


def test_a_closed_account_is_closed(server: Server, alice: Access) -> None:
    with connected(server, personal_token(server.ctx, alice)) as client:
        accounts.delete(server.ctx, alice.account_id)
        assert ended(client) < SOON_S


def none_open(server: Server, within: float = WAIT_S) -> bool:
    """Wait until the server holds no socket any more."""
    sockets = server.app._sockets._sockets
    deadline = time.monotonic() + within
    while sockets is not None and sockets.count and time.monotonic() < deadline:
        time.sleep(0.02)
    return sockets is None or not sockets.count


def malformed(rng: random.Random) -> str:
    good = ['42/alice,["events.get",{}]', "40/alice,", "3", '42/alice,1["x"]', "41/alice,"]
    made = [
        "",
        "4",
        "9",
        "42",
        "42[",
        '42["connect",{}]',
        '42/alice,["connect",{"QUERY_STRING":"auth=x"}]',
        '42/alice,["disconnect"]',
        "42/alice,[]",
        "42/alice,{}",
        "42/alice,[[]]",
        '42/alice,9999999999999999999999["events.get",{}]',
        "42/alice,[" + "[" * 5_000,
        '451-["x",{"_placeholder":true,"num":0}]',
        "4" + "5" * 300,
        "43/alice,77[1]",
        "44/alice,{}",
        "2probe",
        "5",
        "\ud7ff" * 10,
        "40/" + "a/" * 500,
    ]
    if rng.random() < 0.5:
        return rng.choice(made)
    text = list(rng.choice(good))
    for _ in range(rng.randint(1, 4)):
        text.insert(rng.randrange(len(text) + 1), rng.choice('0459{}[]",:-/\\é\x00'))
    return "".join(text)


@pytest.mark.parametrize("n", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_malformed_frames_neither_crash_nor_grow_the_server(
    server: Server, alice: Access, n: int
) -> None:
    secret = personal_token(server.ctx, alice)
    rng = random.Random(7)
    sent = 0
    while sent < n:
        with raw(server, secret) as sock:
            sock.send("40/alice,")
            sock.recv()
            try:
                for _ in range(50):
                    sock.send(malformed(rng))
                    sent += 1
            except (OSError, websocket.WebSocketException):
                continue
    assert none_open(server)
    open_ = server.app._sockets._sockets
    assert open_ is not None
    io = open_._io
    assert (open_.count, len(open_._members), len(io.eio.sockets), len(io.environ)) == (0,) * 4
    with connected(server, secret) as client:
        assert call(client, "events.get", {"limit": 1})[0] is None


def test_binary_and_oversized_frames_end_the_connection(server: Server, alice: Access) -> None:
    secret = personal_token(server.ctx, alice)
    for frame, kind in ((b"\x04abc", 2), (b"4" * (5 << 20), 1)):
        with raw(server, secret) as sock:
            sock.send("40/alice,")
            assert sock.recv().startswith("40/alice,")
            with suppress(OSError, websocket.WebSocketException):
                sock.send(frame, kind)
                while sock.recv():
                    pass
            assert none_open(server)


def test_a_client_that_does_not_read_is_cut(
    server: Server, alice: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SEND_S", 1.0)
    secret = personal_token(server.ctx, alice)
    with connected(server, secret) as client:
        calls = [
            {"method": "events.create", "params": NOTE | {"content": "x" * 2_000}}
            for _ in range(200)
        ]
        call(client, "callBatch", calls)
    with raw(server, secret) as sock:
        sock.send("40/alice,")
        with suppress(OSError, websocket.WebSocketException):
            for i in range(3_000):
                sock.send(f'42/alice,{i}["events.get",{{"limit":200}}]')
        assert none_open(server, 8.0)
