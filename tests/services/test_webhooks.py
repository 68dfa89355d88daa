"""Webhooks: what is told, to whom, in which order, and what happens when nobody listens."""

from __future__ import annotations

import http.server
import json
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook as Verifier

from diurnal.errors import Conflict, Forbidden, InvalidInput, NotFound
from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.model.events import NewEvent
from diurnal.outbound.client import Client
from diurnal.services import accesses, events, webhook_calls, webhooks
from diurnal.services.context import Context
from diurnal.store import webhooks as store
from tests.clock import DAY, Clock

OWNER = "w-test"


@dataclass
class Heard:
    """One call that came in."""

    id: str
    body: bytes
    headers: dict[str, str]

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Listener:
    """A server that hears; `answer` says what it answers to each call, None for nothing at all."""

    url: str = ""
    calls: list[Heard] = field(default_factory=list)
    answer: Callable[[Heard], int | None] = lambda _heard: 204

    @property
    def ids(self) -> list[str]:
        return [heard.id for heard in self.calls]


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    quiet = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            heard = Heard(headers.get("webhook-id", ""), body, headers)
            made.calls.append(heard)
            status = made.answer(heard)
            if status is None:
                quiet.wait(5)
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status in (301, 307):
                self.send_header("Location", made.url)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    quiet.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def open_ctx(ctx: Context) -> Context:
    """A server that may reach this machine."""
    settings = msgspec.structs.replace(ctx.settings, outbound_allow=(ip_network("127.0.0.0/8"),))
    return replace(ctx, settings=settings)


def add(ctx: Context, caller: Access, url: str, **given: Any) -> tuple[str, str]:
    made, secret = ctx.store.write(
        lambda tx: webhooks.create(tx, ctx, caller, url=url, **given)
    ).result()
    return made.id, secret


def note(ctx: Context, caller: Access, text: str, stream: str = "diurnal-note") -> str:
    new = NewEvent(stream_ids=(stream,), type="note/txt", time=ctx.now(), content=text)
    (made,) = ctx.store.write(lambda tx: events.create(tx, ctx, caller, [new])).result()
    return made.event.id


def tell(ctx: Context, owner: Access, id_: str) -> bool:
    """Do what the worker does, once."""
    return webhook_calls.call_next(ctx, client_of(ctx), owner.account_id, id_, owner=OWNER)


CLIENTS: dict[Any, Client] = {}


def client_of(ctx: Context) -> Client:
    """One for all: to read the machine's certificates takes longer than the rest of a test."""
    allow = ctx.settings.outbound_allow
    if allow not in CLIENTS:
        CLIENTS[allow] = Client(allow)
    return CLIENTS[allow]


@pytest.fixture(autouse=True, scope="module")
def clients() -> Iterator[None]:
    yield
    while CLIENTS:
        CLIENTS.popitem()[1].close()


def app(ctx: Context, owner: Access, *permissions: Permission) -> Access:
    made, _ = ctx.store.write(
        lambda tx: accesses.create(tx, ctx, owner, name="App", permissions=permissions)
    ).result()
    return made.access


def test_a_change_is_told_with_a_signature(
    open_ctx: Context, alice: Access, listener: Listener
) -> None:
    ctx = open_ctx
    note(ctx, alice, "before")
    id_, secret = add(ctx, alice, listener.url)
    assert not tell(ctx, alice, id_)
    made = note(ctx, alice, "after")
    assert tell(ctx, alice, id_)
    (heard,) = listener.calls
    assert heard.told["type"] == "changes"
    assert heard.told["kinds"] == ["event"]
    assert [c["id"] for c in heard.told["changes"]] == [made]
    assert "after" not in heard.body.decode()  # that it changed, not what it says
    check_signature(secret, heard)
    with pytest.raises(AssertionError):
        check_signature(secret, replace(heard, body=heard.body + b" "))


def check_signature(secret: str, heard: Heard) -> None:
    """As Standard Webhooks has it; the library's own check looks at the clock on the wall."""
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(int(heard.headers["webhook-timestamp"]), UTC)
    good = Verifier(secret).sign(heard.id, at, heard.body.decode())
    assert good in heard.headers["webhook-signature"].split()


def test_failures_are_tried_again_with_the_same_id_and_nothing_overtakes(
    open_ctx: Context, alice: Access, listener: Listener, clock: Clock
) -> None:
    ctx = open_ctx
    id_, _ = add(ctx, alice, listener.url)
    listener.answer = lambda _heard: 500 if len(listener.calls) < 3 else 200
    first = note(ctx, alice, "one")
    assert tell(ctx, alice, id_)
    second = note(ctx, alice, "two")
    assert not tell(ctx, alice, id_)  # it waits
    clock.tick(5 * 1_000_000)
    assert tell(ctx, alice, id_)
    clock.tick(29 * 1_000_000)
    assert not tell(ctx, alice, id_)  # longer than before
    clock.tick(1_000_000)
    assert tell(ctx, alice, id_)
    clock.tick(1_000_000)
    assert tell(ctx, alice, id_)
    assert len(set(listener.ids[:3])) == 1
    told = [[c["id"] for c in heard.told["changes"]] for heard in listener.calls]
    assert told == [[first], [first], [first], [second]]
    hook = ctx.store.read(lambda tx: webhooks.get(tx, alice, id_))
    assert (hook.run_count, hook.fail_count, hook.retries) == (4, 2, 0)


def test_who_never_answers_is_let_be_and_told_all_when_it_is_back(
    open_ctx: Context, alice: Access, listener: Listener, clock: Clock
) -> None:
    ctx = open_ctx
    id_, _ = add(ctx, alice, listener.url)
    listener.answer = lambda _heard: 503
    made = [note(ctx, alice, "lost?")]
    for _ in range(40):
        tell(ctx, alice, id_)
        clock.tick(DAY)
    hook = ctx.store.read(lambda tx: webhooks.get(tx, alice, id_))
    assert (hook.state, hook.problem) == (store.INACTIVE, "it answered 503")
    assert len(listener.calls) == 19
    made.append(note(ctx, alice, "and this?"))
    listener.answer = lambda _heard: 200
    assert not tell(ctx, alice, id_)
    ctx.store.write(lambda tx: webhooks.update(tx, ctx, alice, id_, active=True)).result()
    assert tell(ctx, alice, id_)
    clock.tick(1_000_000)
    assert tell(ctx, alice, id_)
    told = [c["id"] for heard in listener.calls[-2:] for c in heard.told["changes"]]
    assert told == made
    listener.answer = lambda _heard: 410
    clock.tick(DAY)
    note(ctx, alice, "gone")
    assert tell(ctx, alice, id_)
    assert ctx.store.read(lambda tx: webhooks.get(tx, alice, id_)).state == store.INACTIVE


def test_a_redirect_is_not_followed(open_ctx: Context, alice: Access, listener: Listener) -> None:
    id_, _ = add(open_ctx, alice, listener.url)
    listener.answer = lambda _heard: 307
    note(open_ctx, alice, "x")
    assert tell(open_ctx, alice, id_)
    assert len(listener.calls) == 1
    hook = open_ctx.store.read(lambda tx: webhooks.get(tx, alice, id_))
    assert hook.problem == "it answered 307"


def test_an_app_hears_only_of_what_it_may_read(
    open_ctx: Context, alice: Access, listener: Listener, clock: Clock
) -> None:
    ctx = open_ctx
    reader = app(ctx, alice, Permission(Level.READ, "diurnal-note"))
    id_, _ = add(ctx, reader, listener.url)
    note(ctx, alice, "not mine", "diurnal-media")
    assert not tell(ctx, alice, id_)
    mine = note(ctx, alice, "mine")
    note(ctx, alice, "not mine", "diurnal-media")
    assert tell(ctx, alice, id_)
    assert [c["id"] for c in listener.calls[-1].told["changes"]] == [mine]
    other = app(ctx, alice, Permission(Level.MANAGE))
    with pytest.raises(NotFound):
        ctx.store.read(lambda tx: webhooks.get(tx, other, id_))
    ctx.store.write(lambda tx: accesses.revoke(tx, ctx, alice, reader.id)).result()
    clock.tick(DAY)
    note(ctx, alice, "not any more")
    assert not tell(ctx, alice, id_)
    assert ctx.store.read(lambda tx: webhooks.listed(tx, ctx, alice)) == []


def test_what_waits_is_not_told_to_who_was_shut_out(
    open_ctx: Context, alice: Access, listener: Listener, clock: Clock
) -> None:
    ctx = open_ctx
    ended = app(ctx, alice, Permission(Level.READ, "diurnal-note"))
    narrowed = app(ctx, alice, Permission(Level.READ, "diurnal-note"))
    hooks = [add(ctx, one, listener.url)[0] for one in (ended, narrowed)]
    note(ctx, alice, "told before anybody was shut out, and not delivered yet")
    fields = {"permissions": (Permission(Level.READ, "diurnal-weight"),)}
    ctx.store.write(lambda tx: accesses.revoke(tx, ctx, alice, ended.id)).result()
    ctx.store.write(lambda tx: accesses.update(tx, ctx, alice, narrowed.id, fields)).result()
    for id_ in hooks:
        assert not tell(ctx, alice, id_)
    clock.tick(DAY)
    for id_ in hooks:
        assert not tell(ctx, alice, id_)
    assert listener.calls == []


def test_who_may_not_hear_gets_none(open_ctx: Context, alice: Access, listener: Listener) -> None:
    ctx = open_ctx
    late = app(ctx, alice, Permission(Level.READ, "diurnal-note", delay=2))
    writer = app(ctx, alice, Permission(Level.CREATE_ONLY, "diurnal-note"))
    for caller in (late, writer):
        with pytest.raises(Forbidden):
            add(ctx, caller, listener.url)
    reader = app(ctx, alice, Permission(Level.READ, "diurnal-note"))
    with pytest.raises(InvalidInput):
        add(ctx, reader, listener.url, kinds=["consent"])
    add(ctx, reader, listener.url)
    with pytest.raises(Conflict):
        add(ctx, reader, listener.url)


def test_kinds_narrow_what_is_told(open_ctx: Context, alice: Access, listener: Listener) -> None:
    id_, _ = add(open_ctx, alice, listener.url, kinds=["day", "stream"])
    note(open_ctx, alice, "an event")
    assert not tell(open_ctx, alice, id_)
    due = open_ctx.store.read(lambda tx: store.due(tx, open_ctx.now(), 10))
    assert due == []  # and it is not looked at again


def test_a_replaced_secret_signs_for_a_day_more(
    open_ctx: Context, alice: Access, listener: Listener, clock: Clock
) -> None:
    ctx = open_ctx
    id_, old = add(ctx, alice, listener.url)
    new = ctx.store.write(lambda tx: webhooks.rotate(tx, ctx, alice, id_)).result()
    note(ctx, alice, "x")
    assert tell(ctx, alice, id_)
    check_signature(old, listener.calls[-1])
    check_signature(new, listener.calls[-1])
    clock.tick(DAY)
    note(ctx, alice, "y")
    assert tell(ctx, alice, id_)
    check_signature(new, listener.calls[-1])
    with pytest.raises(AssertionError):
        check_signature(old, listener.calls[-1])


def test_what_was_told_can_be_told_again(
    open_ctx: Context, alice: Access, listener: Listener, clock: Clock
) -> None:
    ctx = open_ctx
    id_, _ = add(ctx, alice, listener.url)
    for text in ("one", "two"):
        note(ctx, alice, text)
        assert tell(ctx, alice, id_)
        clock.tick(1_000_000)
    log = ctx.store.read(lambda tx: webhooks.deliveries(tx, alice, id_))
    assert [d.state for d in log] == [store.SENT] * 2
    ctx.store.write(lambda tx: webhooks.resend(tx, ctx, alice, id_, log[1].id)).result()
    assert tell(ctx, alice, id_)
    assert listener.ids == [log[1].id, log[0].id, log[1].id]
    again = ctx.store.read(lambda tx: webhooks.deliveries(tx, alice, id_))
    assert [d.tries for d in again] == [1, 2]


def test_pryvs_are_told_in_its_words(open_ctx: Context, alice: Access, listener: Listener) -> None:
    id_, _ = add(open_ctx, alice, listener.url, api="pryv")
    note(open_ctx, alice, "x")
    assert tell(open_ctx, alice, id_)
    (heard,) = listener.calls
    assert heard.told["messages"] == ["eventsChanged"]
    assert set(heard.told["meta"]) == {"apiVersion", "serverTime", "serial"}
    assert heard.id == ""  # it knows no signatures
    made = open_ctx.store.read(lambda tx: webhooks.trial(tx, open_ctx, alice, id_))
    assert webhook_calls.try_out(open_ctx, made).taken
    assert listener.calls[-1].told["messages"] == ["test"]


def _deliver(
    ctx: Context, alice: Access, listener: Listener, clock: Clock, n: int, kills: int
) -> Sequence[str]:
    """Tell `n` changes to an address that fails, hangs and whose worker is killed now and then."""
    chance = random.Random(3)
    id_, _ = add(ctx, alice, listener.url)
    taken: list[str] = []

    def answer(heard: Heard) -> int | None:
        lot = chance.random()
        if lot < 0.05:
            return None
        if lot < 0.35:
            return 500
        taken.append(heard.id)
        return 200

    listener.answer = answer
    made: list[str] = []
    killed = set(random.Random(4).sample(range(n), kills))
    while True:
        if len(made) < n:
            made.append(note(ctx, alice, str(len(made))))
        clock.tick(DAY)
        if len(made) in killed:  # after it sent, before it wrote that down
            killed.discard(len(made))
            ours = ctx.store.write(
                lambda tx: webhooks.claim(tx, ctx, alice.account_id, id_, f"{OWNER}.dead")
            ).result()
            if ours is not None:
                webhook_calls.send(ctx, client_of(ctx), ours)
            ctx.store.write(lambda tx: store.release(tx, alice.account_id, id_)).result()
        elif not tell(ctx, alice, id_) and len(made) == n:
            break
        hook = ctx.store.read(lambda tx: webhooks.get(tx, alice, id_))
        if hook.state == store.INACTIVE:
            ctx.store.write(lambda tx: webhooks.update(tx, ctx, alice, id_, active=True)).result()
    told: dict[str, list[str]] = {}
    for heard in listener.calls:
        if heard.id in taken:
            told[heard.id] = [c["id"] for c in heard.told["changes"]]
    assert [id_ for ids in told.values() for id_ in ids] == made  # all, in order
    return taken


def test_all_are_told_in_order_whatever_happens(
    open_ctx: Context,
    alice: Access,
    listener: Listener,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhook_calls, "SECONDS_MAX", 0.1)
    taken = _deliver(open_ctx, alice, listener, clock, 60, 4)
    assert len(taken) >= len(set(taken))


@pytest.mark.slow
def test_a_thousand_are_told_in_order_whatever_happens(
    open_ctx: Context,
    alice: Access,
    listener: Listener,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhook_calls, "SECONDS_MAX", 0.3)
    _deliver(open_ctx, alice, listener, clock, 1_000, 10)


PRIVATE = (
    "http://127.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f.1:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://localhost.:{port}/",
    "http://LOCALHOST:{port}/",
    "http://[::1]:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://0.0.0.0:{port}/",
    "http://0:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://user:pass@127.0.0.1:{port}/",
    "http://169.254.169.254/",
    "http://10.0.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://[fd00::1]/",
    "http://[fe80::1%25lo]/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
    "http:///nowhere",
    "http://127.0.0.1:{port}/\r\nX: y",
)


def test_no_address_inside_is_ever_reached(
    ctx: Context, alice: Access, listener: Listener, clock: Clock
) -> None:
    port = listener.url.split(":")[2].split("/")[0]
    for i, pattern in enumerate(PRIVATE):
        url = pattern.format(port=port)
        with pytest.raises(InvalidInput):
            webhooks.check(ctx, url)
        # And where it came in another way, or its name leads elsewhere by now:
        hook, _ = add(ctx, alice, url)
        note(ctx, alice, str(i))
        assert tell(ctx, alice, hook)
        told = ctx.store.read(lambda tx, h=hook: webhooks.get(tx, alice, h))
        assert told.run_count == told.fail_count == 1, url
        ctx.store.write(lambda tx, h=hook: webhooks.remove(tx, ctx, alice, h)).result()
    assert listener.calls == []


def test_the_worker_tells_by_itself(open_ctx: Context, alice: Access, listener: Listener) -> None:
    ctx = open_ctx
    id_, _ = add(ctx, alice, listener.url)
    note(ctx, alice, "x")
    # A worker of this name died after it had claimed it.
    ctx.store.write(
        lambda tx: webhooks.claim(tx, ctx, alice.account_id, id_, f"{OWNER}.dead")
    ).result()
    stop, heard = threading.Event(), threading.Event()

    def answer(_heard: Heard) -> int:
        heard.set()
        return 200

    listener.answer = answer
    thread = threading.Thread(target=webhook_calls.serve, args=(ctx, OWNER, stop))
    thread.start()
    assert heard.wait(20)
    stop.set()
    thread.join()
    assert ctx.store.read(lambda tx: webhooks.get(tx, alice, id_)).run_count == 1


def test_a_shared_access_hears_too(open_ctx: Context, alice: Access, listener: Listener) -> None:
    given = {"name": "S", "permissions": [Permission(Level.READ, "diurnal-note")]}
    made, _ = open_ctx.store.write(
        lambda tx: accesses.create(tx, open_ctx, alice, kind=Kind.SHARED, **given)
    ).result()
    id_, _ = add(open_ctx, made.access, listener.url)
    note(open_ctx, alice, "x")
    assert tell(open_ctx, alice, id_)
    assert len(listener.calls) == 1
