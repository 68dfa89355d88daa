"""Background jobs: nothing is lost, nothing has its effect twice, nobody waits for ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from diurnal.errors import Unavailable
from diurnal.model.access import Access
from diurnal.services import events, jobs
from diurnal.services.context import Context
from diurnal.services.jobs import LEASE_US, LeaseLost
from tests.clock import HOUR, SECOND, Clock

KINDS = ["mark"]


def _enqueue(ctx: Context, who: Access, n: int, **more: object) -> list[str]:
    def add(tx):  # type: ignore[no-untyped-def]
        return [
            jobs.enqueue(tx, ctx, who.account_id, "mark", {"n": i}, **more)  # type: ignore[arg-type]
            for i in range(n)
        ]

    return ctx.store.write(add).result()


def _take(ctx: Context, owner: str = "w", after: int = -1) -> jobs.Lease | None:
    return ctx.store.write(lambda tx: jobs.take(tx, ctx, KINDS, owner=owner, after=after)).result()


def test_a_job_is_given_to_one_worker_only(ctx: Context, alice: Access) -> None:
    _enqueue(ctx, alice, 1)
    lease = _take(ctx)
    assert lease is not None
    assert lease.args == {"n": 0}
    assert _take(ctx) is None
    ctx.store.write(lambda tx: jobs.finish(tx, ctx, lease)).result()
    assert _take(ctx) is None


def test_a_job_that_is_rolled_back_with_its_cause_never_was(ctx: Context, alice: Access) -> None:
    def broken(tx):  # type: ignore[no-untyped-def]
        jobs.enqueue(tx, ctx, alice.account_id, "mark", {})
        raise ValueError("the business failed")

    with pytest.raises(ValueError, match="business"):
        ctx.store.write(broken).result()
    assert _take(ctx) is None


def test_accounts_take_turns(ctx: Context, alice: Access, charlie: Access) -> None:
    _enqueue(ctx, alice, 3)
    _enqueue(ctx, charlie, 1)
    served, after = [], -1
    for _ in range(4):
        lease = _take(ctx, after=after)
        assert lease is not None
        ctx.store.write(lambda tx, lease=lease: jobs.finish(tx, ctx, lease)).result()
        served.append(lease.account_id)
        after = lease.account_id
    a, c = alice.account_id, charlie.account_id
    assert served == [a, c, a, a]


def test_one_account_has_one_job_under_way(ctx: Context, alice: Access, charlie: Access) -> None:
    _enqueue(ctx, alice, 2)
    _enqueue(ctx, charlie, 1)
    first, second = _take(ctx), _take(ctx)
    assert first is not None
    assert second is not None
    assert {first.account_id, second.account_id} == {alice.account_id, charlie.account_id}
    assert _take(ctx) is None


def test_what_a_dead_worker_had_is_done_by_another_and_its_late_words_do_not_count(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    _enqueue(ctx, alice, 1)
    dead = _take(ctx, "one")
    assert dead is not None
    clock.tick(LEASE_US + SECOND)
    again = _take(ctx, "two")
    assert again is not None
    assert again.id == dead.id
    assert not ctx.store.write(lambda tx: jobs.renew(tx, ctx, dead)).result()
    with pytest.raises(LeaseLost):
        ctx.store.write(lambda tx: jobs.finish(tx, ctx, dead)).result()
    with pytest.raises(LeaseLost):
        ctx.store.write(lambda tx: jobs.fail(tx, ctx, dead, "late")).result()
    ctx.store.write(lambda tx: jobs.finish(tx, ctx, again)).result()


def test_a_renewed_lease_holds(ctx: Context, alice: Access, clock: Clock) -> None:
    _enqueue(ctx, alice, 1)
    lease = _take(ctx)
    assert lease is not None
    for _ in range(3):
        clock.tick(LEASE_US - SECOND)
        assert ctx.store.write(lambda tx: jobs.renew(tx, ctx, lease)).result()
    assert _take(ctx) is None


def test_a_worker_that_starts_again_takes_up_its_own_at_once(ctx: Context, alice: Access) -> None:
    _enqueue(ctx, alice, 1)
    assert _take(ctx, "here") is not None
    assert ctx.store.write(lambda tx: jobs.free(tx, ctx, "there")).result() == 0
    assert ctx.store.write(lambda tx: jobs.free(tx, ctx, "her")).result() == 0
    assert ctx.store.write(lambda tx: jobs.free(tx, ctx, "here")).result() == 1
    assert _take(ctx, "here") is not None


def test_failures_wait_longer_each_time_and_end(ctx: Context, alice: Access, clock: Clock) -> None:
    [id_] = _enqueue(ctx, alice, 1)
    waited = []
    for _ in range(jobs.TRIES_MAX):
        lease = None
        start = clock.now()
        while lease is None:
            clock.tick()
            lease = _take(ctx)
        waited.append(clock.now() - start)
        dead = ctx.store.write(
            lambda tx, lease=lease: jobs.fail(tx, ctx, lease, "no luck")
        ).result()
    assert dead
    assert waited == sorted(waited)
    assert waited[-1] <= HOUR
    found = ctx.store.read(lambda tx: jobs.get(tx, alice.account_id, id_))
    assert (found.state, found.last_error) == ("dead", "no luck")
    clock.tick(2 * HOUR)
    assert _take(ctx) is None


def test_a_job_that_kills_its_workers_ends(ctx: Context, alice: Access, clock: Clock) -> None:
    [id_] = _enqueue(ctx, alice, 1)
    for _ in range(jobs.LEASES_MAX):
        assert _take(ctx) is not None
        clock.tick(LEASE_US + SECOND)
    assert _take(ctx) is None
    assert ctx.store.read(lambda tx: jobs.get(tx, alice.account_id, id_)).state == "dead"


def test_a_key_names_one_job(ctx: Context, alice: Access, charlie: Access) -> None:
    [first] = _enqueue(ctx, alice, 1, idem_key="k")
    [second] = _enqueue(ctx, alice, 1, idem_key="k")
    [other] = _enqueue(ctx, charlie, 1, idem_key="k")
    assert first == second
    assert other != first


def test_a_job_for_later_waits(ctx: Context, alice: Access, clock: Clock) -> None:
    _enqueue(ctx, alice, 1, run_at=clock.now() + HOUR)
    assert _take(ctx) is None
    assert not ctx.store.read(lambda tx: jobs.waiting(tx, ctx, KINDS))
    clock.tick(HOUR)
    assert ctx.store.read(lambda tx: jobs.waiting(tx, ctx, KINDS))
    assert _take(ctx) is not None


def test_ended_jobs_are_forgotten_in_time(ctx: Context, alice: Access, clock: Clock) -> None:
    [id_] = _enqueue(ctx, alice, 1)
    lease = _take(ctx)
    assert lease is not None
    ctx.store.write(lambda tx: jobs.finish(tx, ctx, lease)).result()
    ctx.store.write(lambda tx: jobs.purge(tx, ctx, alice.account_id)).result()
    assert ctx.store.read(lambda tx: jobs.get(tx, alice.account_id, id_)).state == "done"
    clock.tick(jobs.KEPT + SECOND)
    ctx.store.write(lambda tx: jobs.purge(tx, ctx, alice.account_id)).result()
    with pytest.raises(Exception, match="no job"):
        ctx.store.read(lambda tx: jobs.get(tx, alice.account_id, id_))


WORKER = """
import sys, time
from pathlib import Path
from diurnal import settings, worker
from diurnal.model.events import NewEvent
from diurnal.services.context import opened
from diurnal.services import accesses, events, jobs

def mark(ctx, lease, stop):
    def effect(tx):
        who = accesses.personal(lease.account_id, "x")
        n = lease.args["n"]
        new = NewEvent(stream_ids=("diurnal",), type="count/generic", time=0, content=n)
        events.create(tx, ctx, who, [new])
        jobs.finish(tx, ctx, lease)
    time.sleep(0.002)
    ctx.store.write(effect).result()

chosen = settings.load(data_dir=Path(sys.argv[1]), database_url=sys.argv[2], environ={})
with opened(chosen) as ctx:
    worker.run(ctx, {"mark": mark})
"""


@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_no_job_is_lost_and_none_counts_twice_when_the_worker_is_killed(
    ctx: Context, alice: Access, charlie: Access, clock: Clock, tmp_path: Path, count: int
) -> None:
    clock.set(time.time_ns() // 1000)  # noqa: TID251 - the worker has the real clock
    for who in (alice, charlie):
        _enqueue(ctx, who, count // 2)
    script = tmp_path / "work.py"
    script.write_text(textwrap.dedent(WORKER))
    command = [
        sys.executable,
        str(script),
        str(ctx.settings.data_dir),
        ctx.settings.database_url,
    ]

    def made() -> list[int]:
        contents = []
        for who in (alice, charlie):
            found = ctx.store.read(
                lambda tx, who=who: events.find(tx, ctx, who)  # type: ignore[misc]
            )
            contents += [e.body for e in found]
        return contents  # type: ignore[return-value]

    kills = 0
    deadline = time.monotonic() + 120
    environ = {**os.environ, "PYTHONPATH": os.getcwd()}
    while len(made()) < count and time.monotonic() < deadline:
        before = len(made())
        running = subprocess.Popen(command, env=environ)
        # Let it get somewhere, then take it down in the middle of whatever it does.
        step = count // 8
        while len(made()) < min(before + step, count) and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        kills += 1
    assert kills >= 5
    found = made()
    assert len(found) == count
    states = ctx.store.read(lambda tx: jobs.open_jobs(tx, alice.account_id, KINDS))
    assert states == []


def test_a_full_disk_is_no_failure_of_the_job(ctx: Context, alice: Access) -> None:
    """`Unavailable` is tried again without using the job up; see `worker`."""
    from diurnal import worker

    [id_] = _enqueue(ctx, alice, 1)

    def full(*_: object) -> None:
        raise Unavailable("the disk is full")

    assert worker.step(ctx, {"mark": full}, owner="w")
    found = ctx.store.read(lambda tx: jobs.get(tx, alice.account_id, id_))
    assert (found.state, found.tries) == ("due", 0)
    assert found.run_at > ctx.now()
