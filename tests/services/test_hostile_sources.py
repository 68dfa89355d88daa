"""Sources that answer late, badly, or not at all: every run ends, nothing is lost or doubled."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from diurnal import worker
from diurnal.connectors import Pull
from diurnal.model.access import Access
from diurnal.model.events import EventQuery
from diurnal.model.records import Bad
from diurnal.model.time import DAY, HOUR, MINUTE
from diurnal.services import connection_views, connections, events, imports, jobs, source_http
from diurnal.services.context import Context
from diurnal.store import connections as store
from tests.clock import Clock
from tests.services.syncing import (
    CONNECTOR,
    Asked,
    Said,
    Upstream,
    Weights,
    connect,
    pointed,
    run,
    use,
    with_,
)
from tests.upstream import until


@pytest.fixture
def engine() -> str:
    """One engine: what is tried here is the network."""
    return "sqlite"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(source_http, "RETRY_FIRST_S", 0.01)
    monkeypatch.setattr(source_http, "RETRY_MAX_S", 0.02)


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up source is there."""
    use(monkeypatch, CONNECTOR)


def today(ctx: Context) -> int:
    return ctx.now() // DAY


@pytest.fixture
def weights(ctx: Context) -> Weights:
    """A weight for each of the last 100 days."""
    return Weights({i: (today(ctx) - i, 70 + i / 10) for i in range(100)})


@pytest.fixture
def service(weights: Weights) -> Iterator[Upstream]:
    """The service, there to be spoilt."""
    made = Upstream(weights)
    yield made
    made.close()


@pytest.fixture
def here(ctx: Context, service: Upstream) -> Context:
    """A context that finds the service."""
    return pointed(ctx, service.url)


def stored(ctx: Context, owner: Access) -> dict[str, float]:
    """Return weights by source id."""
    found = ctx.store.read(lambda tx: events.find(tx, ctx, owner, EventQuery(limit=1000)))
    full = [ctx.store.read(lambda tx, i=f.id: events.get(tx, ctx, owner, i)) for f in found]
    return {str(e.source_id): e.content for e in full}


def test_before_it_is_time_nothing_is_asked(
    here: Context, alice: Access, service: Upstream, clock: Clock
) -> None:
    c = connect(here, alice, CONNECTOR)
    run(here, c)
    service.asked.clear()
    clock.tick(MINUTE)
    run(here, c)
    assert service.asked == []
    run(here, c, force=True)
    assert service.asked


def test_a_failure_in_the_middle_of_a_page_loses_and_doubles_nothing(
    here: Context, alice: Access, service: Upstream, weights: Weights, clock: Clock
) -> None:
    n = 0

    def broken(asked: Asked) -> Said:
        nonlocal n
        n += 1
        if n == 3:
            service.answer = lambda _: Said(b'{"rows": [{"id": 1, "da', cut=12)
            return Said(b'{"rows": [{"id": 1, "da', cut=12)
        return weights(asked)

    service.answer = broken
    c = connect(here, alice, CONNECTOR)
    outcome = run(here, c)
    assert outcome.problem
    assert "broke off" in outcome.problem
    some = stored(here, alice)
    assert 0 < len(some) < 91
    service.answer = weights
    clock.tick(HOUR)
    assert run(here, c).problem is None
    assert stored(here, alice) == {str(i): 70 + i / 10 for i in range(91)}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_moment_of_weakness_is_waited_for(
    here: Context, alice: Access, service: Upstream, weights: Weights, status: int
) -> None:
    failed: set[str] = set()

    def weak(asked: Asked) -> Said:
        key = f"{asked.query}"
        if key not in failed:
            failed.add(key)
            return Said(b"busy", status, headers={"Retry-After": "0"})
        return weights(asked)

    service.answer = weak
    outcome = run(here, connect(here, alice, CONNECTOR))
    assert outcome.problem is None
    assert len(stored(here, alice)) == 91


def test_a_source_that_asks_for_patience_is_left_alone_that_long(
    here: Context, alice: Access, service: Upstream
) -> None:
    service.answer = lambda _: Said(b"", 429, headers={"Retry-After": "1000"})
    c = connect(here, alice, CONNECTOR)
    outcome = run(here, c)
    assert len(service.asked) == 1
    assert outcome.next is not None
    assert 1000 <= (outcome.next - here.now()) / 1e6 <= 1200


def test_patience_has_an_end(here: Context, alice: Access, service: Upstream) -> None:
    service.answer = lambda _: Said(b"", 429, headers={"Retry-After": "1000000000"})
    outcome = run(here, connect(here, alice, CONNECTOR))
    assert outcome.next is not None
    assert (outcome.next - here.now()) / 1e6 < 7 * 3600


def test_a_source_that_fails_again_and_again_is_left_alone_and_tried_later(
    here: Context, alice: Access, charlie: Access, service: Upstream, weights: Weights, clock: Clock
) -> None:
    service.answer = lambda _: Said(b"", 500)
    c = connect(here, alice, CONNECTOR)
    run(here, c)
    assert len(service.asked) == 5
    other = connect(here, charlie, CONNECTOR)
    assert "does not answer" in (run(here, other).problem or "")
    assert len(service.asked) == 5
    service.answer = weights
    clock.tick(6 * MINUTE)
    assert run(here, other).problem is None
    assert run(here, c).problem is None
    assert len(stored(here, alice)) == 91


@pytest.mark.parametrize(
    "body",
    [
        b"<html>sign in</html>",
        b'{"rows": [{"id": 1, "day": 20000, "kg": NaN}], "next": null}',
        b'{"rows": ' + b"[" * 100_000,
        b'{"nothing": 1}',
        b'{"rows": [{"id": 1}], "next": null}',
        b'{"rows": 7, "next": null}',
        b"",
    ],
    ids=["html", "nan", "deep", "no rows", "no day", "no list", "empty"],
)
def test_an_answer_that_nobody_understands_is_told_and_kept_open(
    here: Context, alice: Access, service: Upstream, weights: Weights, clock: Clock, body: bytes
) -> None:
    service.answer = lambda _: Said(body)
    c = connect(here, alice, CONNECTOR)
    outcome = run(here, c)
    assert outcome.problem
    assert outcome.result is not None
    assert outcome.result.set_aside >= 1
    asides = here.store.read(lambda tx: imports.aside(tx, alice, outcome.result.batch))
    assert asides[0].place.startswith("weights, ")
    service.answer = weights
    clock.tick(DAY)
    assert run(here, c).problem is None
    assert len(stored(here, alice)) == 90


def test_what_is_bad_at_every_look_of_a_day_is_set_aside_once(
    here: Context, alice: Access, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    bad = [Bad("no weight", "row 7", "heavy")]
    connector = with_(pulls=(Pull(name="weights", fetch=lambda *_: iter(bad), by="latest"),))
    use(monkeypatch, connector)
    c = connect(here, alice, connector)

    def look() -> tuple[int, int, int]:
        clock.tick(HOUR)
        outcome = run(here, c)
        assert outcome.result is not None
        batch = outcome.result.batch
        [view] = here.store.read(lambda tx: connection_views.listed(tx, here, alice))
        rows = here.store.read(lambda tx: imports.aside(tx, alice, batch))
        return outcome.result.set_aside, view.set_aside, len(rows)

    assert [look() for _ in range(3)] == [(1, 1, 1)] * 3
    bad.append(Bad("no weight", "row 8", "heavy"))
    assert look() == (2, 2, 2)


@pytest.mark.parametrize("how", ["same page", "backwards", "circle"])
def test_pages_that_lead_nowhere_end(
    here: Context, alice: Access, service: Upstream, how: str
) -> None:
    n = 0

    def answer(_: Asked) -> Said:
        nonlocal n
        n += 1
        rows = [{"id": 1 if how == "same page" else n, "day": today(here), "kg": 70}]
        following = {"same page": str(n), "backwards": "1", "circle": str(n % 3)}[how]
        return Said({"rows": rows, "next": "x" if how == "same page" else following})

    service.answer = answer
    outcome = run(here, connect(here, alice, CONNECTOR))
    assert "page" in (outcome.problem or "")
    assert n < 20


def test_a_refused_key_asks_the_owner_and_is_not_tried_again(
    here: Context, alice: Access, service: Upstream, weights: Weights
) -> None:
    service.answer = lambda _: Said({"error": "bad key"}, 401)
    c = connect(here, alice, CONNECTOR)
    outcome = run(here, c)
    assert outcome.next is None
    seen = here.store.read(lambda tx: connection_views.get(tx, here, alice, c.id))
    assert seen.state == "reconnect"
    assert seen.words.startswith("Sign in at Testing again")
    asked = len(service.asked)
    assert run(here, c).next is None
    assert len(service.asked) == asked
    service.answer = weights
    wish = connections.prepare(here, CONNECTOR, {}, key="a new one")
    here.store.write(lambda tx: connections.update(tx, here, alice, c.id, wish=wish)).result()
    assert run(here, c).problem is None
    assert service.asked[-1].headers["authorization"] == "Bearer a new one"


def test_a_run_ends_by_its_deadline_and_goes_on_in_the_next(
    here: Context, alice: Access, service: Upstream, weights: Weights
) -> None:
    service.answer = lambda a: Said(weights(a).body, silent_s=0.15)
    c = connect(here, alice, CONNECTOR)
    outcome = run(here, c, run_s=0.5)
    assert outcome.problem is None
    assert outcome.next is not None
    assert outcome.next <= here.now() + 5_000_000
    assert 0 < len(stored(here, alice)) < 91
    service.answer = weights
    run(here, c)
    assert len(stored(here, alice)) == 91


def test_the_coverage_tells_each_day(
    here: Context, alice: Access, service: Upstream, weights: Weights
) -> None:
    def some(asked: Asked) -> Said:
        if asked.query["to"] < "2000":
            return Said(b"", 500)
        return weights(asked)

    service.answer = some
    c = connect(here, alice, CONNECTOR)
    run(here, c)
    last = today(here)
    [strip] = here.store.read(
        lambda tx: connection_views.coverage(tx, here, alice, c.id, last - 99, last)
    )
    assert strip.days == "m" * 9 + "d" * 90 + "p"


def test_nothing_secret_is_told(here: Context, alice: Access, service: Upstream) -> None:
    service.answer = lambda a: Said(f"no: {a.headers['authorization']}".encode(), 400)
    c = connect(here, alice, CONNECTOR, key="very-secret-key")
    outcome = run(here, c)
    assert "very-secret" not in (outcome.problem or "")
    rows = here.store.read(lambda tx: store.get(tx, c.account_id, c.id))
    assert b"very-secret" not in repr(rows).encode()


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("/weights", "in circles"),
        ("http://169.254.169.254/latest/meta-data/", "none of its own"),
        ("https://evil.example.org/weights", "none of its own"),
        ("//evil.example.org/weights", "none of its own"),
        ("file:///etc/passwd", "none of its own"),
    ],
)
def test_a_source_sends_us_nowhere_else(
    here: Context, alice: Access, service: Upstream, location: str, words: str
) -> None:
    service.answer = lambda _: Said(b"", 301, headers={"Location": location})
    outcome = run(here, connect(here, alice, CONNECTOR))
    assert words in (outcome.problem or "")
    assert len(service.asked) <= 10
    assert all(a.headers["host"].startswith("127.0.0.1") for a in service.asked)


def test_any_retry_after_is_understood_or_left(
    here: Context, alice: Access, service: Upstream, clock: Clock
) -> None:
    c = connect(here, alice, CONNECTOR)
    for told in ("-5", "soon", "", "0", "Thu, 01 Jan 1970 00:00:00 GMT", "\u0661", "1" * 400):
        headers = {"Retry-After": told.encode().decode("latin-1")}
        service.answer = lambda _, headers=headers: Said(b"", 503, headers=headers)
        outcome = run(here, c, force=True)
        assert outcome.next is not None, told
        assert 0 < outcome.next - here.now() < 8 * HOUR, told
        clock.tick(8 * HOUR)


BAD = (
    Said({"rows": [{"id": 1, "day": 10**12, "kg": 70}], "next": None}),
    Said({"rows": [{"id": 1, "day": -(10**12), "kg": 70}], "next": None}),
    Said({"rows": [{"id": "x" * 10_000, "day": 20_000, "kg": 70}], "next": None}),
    Said({"rows": [{"id": 1, "day": 20_000, "kg": "heavy"}], "next": None}),
    Said({"rows": [{"id": 1, "day": 20_000, "kg": {"a": 1}}], "next": None}),
    Said({"rows": [{"id": "\0", "day": 20_000, "kg": 70}], "next": None}),
    Said(b'{"rows": [{"id": "\\ud800", "day": 20000, "kg": 70}], "next": null}'),
    Said(b'\xff\xfe{"rows": [], "next": null}'),
    Said(b"[]"),
    Said(b"null"),
    Said(b'"text"'),
    Said(b'{"rows": [1, 2, 3], "next": null}'),
    Said(b'{"rows": [], "next": {"a": 1}}'),
    Said(b"x" * 100, headers={"Content-Encoding": "br"}),
    Said(b'{"rows": [], "next": null}', 200, headers={"Content-Type": "text/html"}),
    Said(b"", 204),
    Said(b"", 304),
    Said(b"", 418),
    Said(b"", 599),
)


def test_nothing_that_a_source_says_ends_the_worker(
    here: Context, alice: Access, service: Upstream, weights: Weights, clock: Clock
) -> None:
    c = connect(here, alice, CONNECTOR)
    for said in BAD:
        service.answer = lambda _, said=said: said
        outcome = run(here, c, force=True)
        assert outcome.next is not None, said
        assert len(stored(here, alice)) <= 3, said
        clock.tick(2 * HOUR)
    service.answer = weights
    for _ in range(3):
        clock.tick(2 * HOUR)
        outcome = run(here, c, force=True)
    assert outcome.problem is None
    assert {"0", "1"} <= stored(here, alice).keys()


def test_an_id_that_comes_twice_is_one_datum(
    here: Context, alice: Access, service: Upstream
) -> None:
    rows = [{"id": 7, "day": today(here), "kg": kg} for kg in (70, 71, 72)]
    service.answer = lambda _: Said({"rows": rows, "next": None})
    run(here, connect(here, alice, CONNECTOR))
    assert stored(here, alice) == {"7": 72}


def test_a_source_that_never_answers_keeps_nobody_else_waiting(
    here: Context, alice: Access, charlie: Access, service: Upstream
) -> None:
    """Syncs have slots of their own, and leave the store to others."""
    service.answer = lambda _: Said(b"", silent_s=3)
    for owner in (alice, charlie):
        connect(here, owner, CONNECTOR)
    done: list[float] = []
    began = time.monotonic()

    def mark(ctx: Context, lease: jobs.Lease, _stop: threading.Event) -> None:
        ctx.store.write(lambda tx: jobs.finish(tx, ctx, lease)).result()
        done.append(time.monotonic() - began)

    for _ in range(20):
        here.store.write(lambda tx: jobs.enqueue(tx, here, alice.account_id, "mark", {})).result()
    stop = threading.Event()
    kinds = {"sync": worker.handlers()["sync"], "mark": mark}
    thread = threading.Thread(target=worker.run, args=(here, kinds, stop))
    thread.start()
    until(lambda: len(done) == 20, 20)
    service.over.set()
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
