"""Bringing in what is new at a source: what is fetched, when, and what is done when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from diurnal import worker
from diurnal.connectors import Delivery, Gone, Options, Pull, Quota, Receive, Refetch
from diurnal.model.access import Access
from diurnal.model.events import EventQuery
from diurnal.model.time import DAY, HOUR, MINUTE, day_text
from diurnal.services import (
    analyse,
    connection_views,
    connections,
    events,
    imports,
    jobs,
    pushes,
    schedule,
    source_http,
)
from diurnal.services.context import Context
from diurnal.store import connections as store
from diurnal.store import deliveries
from diurnal.store import ledger as ledger_store
from tests import cases
from tests.clock import Clock
from tests.services.syncing import (
    CONNECTOR,
    SOURCE,
    Asked,
    Said,
    Upstream,
    Weights,
    changed,
    connect,
    fetch,
    pointed,
    run,
    use,
    with_,
)


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


def test_everything_comes_the_newest_first(
    here: Context, alice: Access, service: Upstream, weights: Weights
) -> None:
    c = connect(here, alice, CONNECTOR)
    outcome = run(here, c)
    assert outcome.problem is None
    assert outcome.result is not None
    assert outcome.result.new == 91
    assert outcome.windows == 4
    assert stored(here, alice) == {str(i): 70 + i / 10 for i in range(91)}
    first = [a.query["to"] for a in service.asked if "page" not in a.query]
    assert first == sorted(first, reverse=True)
    assert {a.headers["authorization"] for a in service.asked} == {"Bearer the-key"}


def test_the_second_run_looks_at_the_last_days_and_changes_nothing(
    here: Context, alice: Access, service: Upstream, clock: Clock
) -> None:
    c = connect(here, alice, CONNECTOR)
    run(here, c)
    before = stored(here, alice)
    service.asked.clear()
    clock.tick(HOUR)
    outcome = run(here, c)
    assert outcome.result is not None
    assert (outcome.result.new, outcome.result.changed) == (0, 0)
    assert outcome.result.same == 4
    assert len([a for a in service.asked if "page" not in a.query]) == 1
    assert stored(here, alice) == before


def test_what_came_is_analysed_the_past_soon_and_news_within_the_hour(
    here: Context, alice: Access, clock: Clock, weights: Weights
) -> None:
    def ahead() -> list[int]:
        found = here.store.read(lambda tx: jobs.open_jobs(tx, alice.account_id, [analyse.KIND]))
        return [job.run_at - here.now() for job in found]

    c = connect(here, alice, CONNECTOR)
    run(here, c)
    assert ahead() == [analyse.SOON]
    clock.tick(analyse.SOON)
    doing = {analyse.KIND: worker.handlers()[analyse.KIND]}
    assert worker.step(here, doing, owner="test")
    assert not [wait for wait in ahead() if wait <= analyse.HOURLY]
    clock.tick(HOUR)
    run(here, c)  # nothing new
    assert not [wait for wait in ahead() if wait <= analyse.HOURLY]
    for weight in (81.0, 82.0):
        clock.tick(MINUTE)
        weights.rows[0] = (weights.rows[0][0], weight)
        run(here, c, force=True)
    assert sorted(ahead())[0] == analyse.HOURLY - MINUTE
    assert len([wait for wait in ahead() if wait <= analyse.HOURLY]) == 1


def test_what_was_scored_anew_replaces_what_was_there(
    here: Context, alice: Access, weights: Weights, clock: Clock
) -> None:
    c = connect(here, alice, CONNECTOR)
    run(here, c)
    weights.rows[2] = (weights.rows[2][0], 99.0)
    clock.tick(HOUR)
    outcome = run(here, c)
    assert outcome.result is not None
    assert outcome.result.changed == 1
    assert stored(here, alice)["2"] == 99.0


def test_after_an_outage_only_the_gap_is_fetched(
    here: Context, alice: Access, service: Upstream, weights: Weights, clock: Clock
) -> None:
    c = connect(here, alice, CONNECTOR)
    run(here, c)
    service.asked.clear()
    clock.tick(10 * DAY)
    weights.rows |= {200 + i: (today(here) - i, 60.0) for i in range(10)}
    outcome = run(here, c)
    assert outcome.result is not None
    assert outcome.result.new == 10
    [window] = [a for a in service.asked if "page" not in a.query]
    from diurnal.model.time import day_from_text

    assert today(here) - day_from_text(window.query["from"]) == 10


def test_a_house_without_internet_loses_no_stretch(
    here: Context, alice: Access, service: Upstream, clock: Clock
) -> None:
    c = connect(here, alice, CONNECTOR)
    # Where the line is down, names are not found.
    offline = pointed(here, "http://scale.invalid")
    problems = []
    for _ in range(12):
        problems.append(run(offline, c, force=True).problem)
        clock.tick(6 * HOUR)
    assert problems[0] == "scale.invalid has no address"
    assert None not in problems
    known = here.store.read(lambda tx: ledger_store.of(tx, c.account_id, c.id, "weights"))
    assert known == []
    said = here.store.read(lambda tx: connection_views.listed(tx, here, alice))
    assert [view.set_aside for view in said] == [0]
    assert run(here, c, force=True).problem is None


def test_what_the_source_does_not_have_any_more_goes(
    here: Context,
    alice: Access,
    weights: Weights,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pull = Pull(name="weights", fetch=fetch, overlap_days=7, history_days=30, complete=True)
    whole = with_(pulls=(pull,))
    use(monkeypatch, whole)
    c = connect(here, alice, whole)
    run(here, c)
    assert len(stored(here, alice)) == 31
    kept = weights.rows.pop(3)
    del weights.rows[20]
    clock.tick(HOUR)
    run(here, c)
    assert set(range(31)) - {int(i) for i in stored(here, alice)} == {3}
    weights.rows[3] = kept
    clock.tick(HOUR)
    run(here, c)
    assert "3" in stored(here, alice)


def test_a_cursor_goes_on_where_it_was(
    here: Context, alice: Access, service: Upstream, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_cursor = with_(pulls=(Pull(name="changes", fetch=changed, by="cursor"),))
    use(monkeypatch, by_cursor)
    told = iter(["c1", "c2", "c3"])
    service.answer = lambda a: Said(
        {"rows": [{"id": len(service.asked), "day": today(here), "kg": 70}], "cursor": next(told)}
    )
    c = connect(here, alice, by_cursor)
    for _ in range(3):
        assert run(here, c).problem is None
        clock.tick(2 * HOUR)
    assert [a.query.get("since") for a in service.asked] == [None, "c1", "c2"]


def test_a_quota_is_kept_and_shared_and_leaves_room_for_today(
    here: Context,
    alice: Access,
    charlie: Access,
    service: Upstream,
    weights: Weights,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pull = Pull(name="weights", fetch=fetch, history_days=20, slice_days=30)
    weights.size = 2
    limited = with_(quotas=(Quota(10, 3600),), pulls=(pull,))
    use(monkeypatch, limited)
    c = connect(here, alice, limited)
    outcome = run(here, c)
    assert len(service.asked) == 10
    assert outcome.next is not None
    assert outcome.next > here.now() + MINUTE
    other = connect(here, charlie, limited)
    waiting = run(here, other)
    assert waiting.problem is None
    assert waiting.next is not None
    assert waiting.next > here.now() + MINUTE
    assert len(service.asked) == 10
    for _ in range(6):
        clock.tick(2 * HOUR)
        before = len(service.asked)
        run(here, c)
        assert len(service.asked) - before <= 10
    assert len(stored(here, alice)) == 21


def test_each_connection_has_one_job_ahead(here: Context, alice: Access, clock: Clock) -> None:
    def ahead() -> list[int]:
        found = here.store.read(lambda tx: jobs.open_jobs(tx, alice.account_id, ["sync"]))
        return [job.run_at for job in found]

    c = connect(here, alice, CONNECTOR)
    assert len(ahead()) == 1
    for _ in range(3):
        here.store.write(lambda tx: connections.sync_now(tx, here, alice, c.id)).result()
    assert len(ahead()) == 1
    lease = here.store.write(lambda tx: jobs.take(tx, here, ["sync"], owner="w")).result()
    assert lease is not None
    run(here, c, lease=lease)
    [at] = ahead()
    assert 3600 <= (at - here.now()) / 1e6 <= 4000
    assert schedule.plan(here) == 0
    here.store.write(
        lambda tx: jobs.claim(tx, here, c.account_id, _only(here, c), owner="x")
    ).result()


def _only(ctx: Context, c: store.Stored) -> str:
    [job] = ctx.store.read(lambda tx: jobs.open_jobs(tx, c.account_id, ["sync"]))
    return job.id


def test_what_was_kept_is_read_again_by_a_better_reader(
    here: Context, alice: Access, service: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poor(http, window, options):  # type: ignore[no-untyped-def]
        for item in fetch(http, window, options):
            if int(item.source_id) % 2:
                yield item

    blind = with_(pulls=(Pull(name="weights", fetch=poor, history_days=20, slice_days=30),))
    use(monkeypatch, blind)
    c = connect(here, alice, blind)
    run(here, c)
    assert len(stored(here, alice)) == 10
    service.asked.clear()
    sighted = with_(pulls=(Pull(name="weights", fetch=fetch, history_days=20, slice_days=30),))
    use(monkeypatch, sighted)
    run(here, c, replay=True)
    assert len(stored(here, alice)) == 21
    assert service.asked == []


def test_disconnecting_takes_back_what_came_when_asked(here: Context, alice: Access) -> None:
    c = connect(here, alice, CONNECTOR)
    run(here, c)
    n = here.store.write(
        lambda tx: connections.disconnect(tx, here, alice, c.id, with_data=True)
    ).result()
    assert n == 1
    lease = here.store.write(lambda tx: jobs.take(tx, here, ["undo"], owner="w")).result()
    assert lease is not None
    imports.run_undo(here, alice.account_id, lease.args["batch"], lease=lease)
    assert stored(here, alice) == {}
    assert run(here, c).problem == "this connection is gone"


def test_a_clock_that_jumps_misses_and_doubles_no_look(
    here: Context, alice: Access, service: Upstream, clock: Clock
) -> None:
    c = connect(here, alice, CONNECTOR)

    def look() -> list[int]:
        while (
            lease := here.store.write(lambda tx: jobs.take(tx, here, ["sync"], owner="w")).result()
        ) is not None:
            run(here, c, lease=lease)
        schedule.plan(here)
        found = here.store.read(lambda tx: jobs.open_jobs(tx, alice.account_id, ["sync"]))
        return [job.run_at for job in found]

    look()
    clock.tick(30 * DAY)
    [ahead] = look()
    assert 0 < ahead - here.now() <= 2 * HOUR
    clock.tick(-30 * DAY)
    [ahead] = look()
    assert ahead - here.now() <= 2 * HOUR
    service.asked.clear()
    clock.tick(2 * HOUR)
    assert len(look()) == 1
    assert service.asked
    # A worker that is killed leaves its lease; whoever follows frees it and takes the job again.
    clock.tick(2 * HOUR)
    lost = here.store.write(lambda tx: jobs.take(tx, here, ["sync"], owner="dead")).result()
    assert lost is not None
    assert len(look()) == 1
    here.store.write(lambda tx: jobs.free(tx, here, "dead")).result()
    [ahead] = look()
    assert 0 < ahead - here.now() <= 2 * HOUR


def test_disconnecting_in_the_middle_of_a_run_leaves_nothing_behind(
    here: Context, alice: Access, service: Upstream, weights: Weights
) -> None:
    c = connect(here, alice, CONNECTOR)

    def leaving(asked: Asked) -> Said:
        if len(service.asked) == 2:
            here.store.write(lambda tx: connections.disconnect(tx, here, alice, c.id)).result()
        return weights(asked)

    service.answer = leaving
    run(here, c)
    assert here.store.read(lambda tx: ledger_store.all_of(tx, c.account_id, c.id)) == {}
    assert here.store.read(lambda tx: deliveries.runs(tx, c.account_id, c.id)) == []
    assert here.store.read(lambda tx: jobs.open_jobs(tx, c.account_id, ["sync"])) == []
    # What came before stays, and is the owner's to undo as any import.
    assert [b.state for b in here.store.read(lambda tx: imports.listed(tx, alice))] == ["done"]


def test_a_webhook_says_what_is_gone_and_what_to_fetch_again(
    here: Context,
    alice: Access,
    service: Upstream,
    weights: Weights,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(said: Delivery, _options: Options) -> Iterator[Any]:
        told = msgspec.json.decode(said.body)
        if "gone" in told:
            yield Gone(SOURCE.name, told["gone"])
        else:
            yield Refetch(told["day"] * DAY, (told["day"] + 1) * DAY)

    hooked = with_(receive=Receive(read=read))
    use(monkeypatch, hooked)
    c = connect(here, alice, hooked)
    run(here, c)

    def push(told: dict[str, Any]) -> None:
        body = msgspec.json.encode(told)
        said = pushes.delivery("POST", {}, {}, body, here.now())
        packed = deliveries.pack(body)
        here.store.write(lambda tx: pushes.take(tx, here, c, said, packed)).result()
        run(here, c)

    push({"gone": "60"})
    assert "60" not in stored(here, alice)
    weights.rows[50] = (weights.rows[50][0], 99.0)
    service.asked.clear()
    push({"day": today(here) - 50})
    assert stored(here, alice)["50"] == 99.0
    assert [a.query["from"] for a in service.asked if a.query["from"] < day_text(today(here) - 40)]
    push({"nonsense": True})
    told = here.store.read(lambda tx: connection_views.refused_deliveries(tx, alice, c.id))
    assert "day" in told[0][1]


def test_a_stretch_that_is_never_understood_is_left_in_the_end(
    here: Context, alice: Access, service: Upstream, weights: Weights, clock: Clock
) -> None:
    first = today(here) - 65
    bad = day_text(first + 5)

    def answer(asked: Asked) -> Said:
        if asked.query["from"] <= bad <= asked.query["to"]:
            return Said({"rows": 7})
        return weights(asked)

    service.answer = answer
    c = connect(here, alice, CONNECTOR)
    for _ in range(14):
        outcome = run(here, c, force=True)
        clock.tick(HOUR)
    assert outcome.problem is None
    [strip] = here.store.read(
        lambda tx: connection_views.coverage(tx, here, alice, c.id, first, first + 10)
    )
    assert strip.days == "dddddrddddd"
    service.answer = weights
    run(here, c, force=True)
    assert str(60) not in stored(here, alice)
    cases.write(here, connections.sync_now, alice, c.id)
    run(here, c, force=True)
    assert str(60) in stored(here, alice)
