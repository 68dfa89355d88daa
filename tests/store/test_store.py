"""The store: what was promised is there, what failed is not, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_all
from itertools import pairwise
from typing import Any

import apsw
import psycopg
import pytest
from sqlalchemy import bindparam, func, insert, select, update

from diurnal.errors import Unavailable
from diurnal.model.access import Access
from diurnal.services import accesses, events, streams
from diurnal.services.context import Context
from diurnal.store import changes
from diurnal.store.database import Store, open_store
from diurnal.store.sql import Engine, Sql, ordered
from diurnal.store.sqlite import SqliteStore
from diurnal.store.tables import account_clock, change, counter
from tests import cases

only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
only_postgres = pytest.mark.parametrize(
    "engine", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)

_SET = ordered(("name", "value"), insert(counter))
_GET = Sql(select(counter.c.value).where(counter.c.name == bindparam("name")))
_ALL = Sql(select(counter.c.name, counter.c.value).order_by(counter.c.name))
_ADD = Sql(
    update(counter)
    .where(counter.c.name == bindparam("which"))
    .values(value=counter.c.value + 1)
    .returning(counter.c.value)
)


def _commits(store: SqliteStore) -> Callable[[], int]:
    """Return what counts the turns that a store has begun."""
    begun = 0
    turn = store._turn

    def counting(*, bulk: bool) -> Any:
        nonlocal begun
        begun += 1
        return turn(bulk=bulk)

    store._turn = counting  # type: ignore[method-assign]
    return lambda: begun


def put(store: Store, name: str, value: int = 0) -> Future[Any]:
    return store.write(lambda tx: tx.many(_SET, [(name, value)]))


def numbers(store: Store) -> dict[str, int]:
    return store.read(lambda tx: dict(tx.execute(_ALL, {})))


def count_up(tx: Any) -> int:
    return int(tx.execute(_ADD, {"which": "n"})[0][0])


# Groups


def test_many_who_write_at_once_all_get_their_own_answer(store: Store) -> None:
    put(store, "n").result()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: store.write(count_up).result(), range(200)))
    assert sorted(answers) == list(range(1, 201))
    assert numbers(store) == {"n": 200}


def test_one_who_fails_in_a_group_touches_nobody_else(store: Store) -> None:
    gate = threading.Event()
    first = store.write(lambda tx: gate.wait(10))

    def member(i: int) -> Any:
        def write(tx: Any) -> int:
            tx.many(_SET, [(f"m{i:02}", i)])
            if i % 3 == 0:
                raise ValueError(f"no {i}")
            if i % 5 == 0:
                tx.many(_SET, [(f"m{i:02}", i)])
            return i

        return write

    futures = [store.write(member(i)) for i in range(30)]
    gate.set()
    assert first.result(10)
    for i, future in enumerate(futures):
        if i % 3 == 0:
            with pytest.raises(ValueError, match=f"no {i}"):
                future.result(10)
        elif i % 5 == 0:
            with pytest.raises((apsw.ConstraintError, psycopg.IntegrityError)):
                future.result(10)
        else:
            assert future.result(10) == i
    assert numbers(store) == {f"m{i:02}": i for i in range(30) if i % 3 and i % 5}


def test_writes_from_an_event_loop_end_on_it(store: Store) -> None:
    async def go() -> list[int]:
        return list(await asyncio.gather(*(store.submit(count_up) for _ in range(100))))

    put(store, "n").result()
    assert sorted(asyncio.run(go())) == list(range(1, 101))


def test_an_error_reaches_the_one_who_awaits(store: Store) -> None:
    def broken(tx: Any) -> None:
        raise ValueError("mine")

    async def go() -> int:
        bad, good = store.submit(broken), store.submit(count_up)
        with pytest.raises(ValueError, match="mine"):
            await bad
        return await good

    put(store, "n").result()
    assert asyncio.run(go()) == 1


def test_a_client_that_goes_away_takes_nobody_with_it(store: Store) -> None:
    put(store, "n").result()
    gate = threading.Event()
    for _ in range(8):  # as many as PostgreSQL has writers
        store.write(lambda tx: gate.wait(10))
    gone = [store.write(count_up) for _ in range(3)]
    assert gone[0].cancel()
    stays = store.write(count_up)
    gate.set()
    stays.result(10)

    async def leave() -> None:
        waiting = asyncio.ensure_future(store.submit(lambda tx: (time.sleep(0.05), count_up(tx))))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(leave())
    assert store.write(count_up).result(10) >= 3
    wait_all(gone[1:], 10)
    deadline = time.monotonic() + 5
    while store.backlog() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert store.backlog() == 0


def test_a_listener_hears_of_commits_only_and_its_failure_harms_nobody(
    ctx: Context, alice: Access
) -> None:
    heard: list[dict[int, int]] = []

    def deaf(changed: Any) -> None:
        raise ValueError("not listening")

    ctx.store.listen(deaf)
    ctx.store.listen(lambda changed: heard.append(dict(changed)))

    def broken(tx: Any) -> None:
        changes.reserve(tx, alice.account_id, 1, 0)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        ctx.store.write(broken).result(10)
    ctx.store.write(lambda tx: changes.reserve(tx, alice.account_id, 0, 0)).result(10)
    cases.add(ctx, alice, cases.note(), cases.note())
    deadline = time.monotonic() + 5
    while not heard and time.monotonic() < deadline:
        time.sleep(0.01)
    rev = cases.log(ctx, alice)[-1][0]
    assert heard == [{alice.account_id: rev}]


# Reading


def test_a_reader_sees_one_moment_and_no_half_done_write(store: Store) -> None:
    put(store, "n").result()
    inside, go_on = threading.Event(), threading.Event()

    def slow(tx: Any) -> None:
        count_up(tx)
        inside.set()
        go_on.wait(10)

    def look(tx: Any) -> tuple[int, int]:
        before = tx.one(_GET, {"name": "n"})[0]
        go_on.set()
        writing.result(10)
        return before, tx.one(_GET, {"name": "n"})[0]

    writing = store.write(slow)
    assert inside.wait(10)
    assert store.read(look) == (0, 0)
    assert numbers(store) == {"n": 1}


def test_a_read_inside_a_read_sees_the_same_moment(store: Store) -> None:
    put(store, "n").result()

    def outer(tx: Any) -> tuple[dict[str, int], dict[str, int]]:
        before = numbers(store)
        store.write(count_up).result(10)
        return before, numbers(store)

    before, after = store.read(outer)
    assert before == after == {"n": 0}
    assert numbers(store) == {"n": 1}


def test_a_read_that_fails_leaves_the_next_one_fresh(store: Store) -> None:
    put(store, "n").result()

    def broken(tx: Any) -> None:
        tx.one(_GET, {"name": "n"})
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.read(broken)
    store.write(count_up).result(10)
    assert numbers(store) == {"n": 1}


def test_a_reader_cannot_write(store: Store) -> None:
    put(store, "n").result()
    with pytest.raises((apsw.ReadOnlyError, psycopg.errors.ReadOnlySqlTransaction)):
        store.read(count_up)
    assert numbers(store) == {"n": 0}


def test_reads_of_the_pool_run_beside_the_loop(store: Store) -> None:
    put(store, "n", 7).result()

    async def go() -> list[dict[str, int]]:
        return await asyncio.gather(
            *(store.reads(lambda tx: dict(tx.execute(_ALL, {}))) for _ in range(20))
        )

    assert asyncio.run(go()) == [{"n": 7}] * 20


# Closing


def test_closing_finishes_what_waits_and_refuses_what_comes_later(migrated_url: str) -> None:
    store = open_store(migrated_url)
    put(store, "n").result()
    futures = [store.write(count_up) for _ in range(100)]
    store.close()
    assert sorted(f.result(0) for f in futures) == list(range(1, 101))
    with pytest.raises(Unavailable, match="closing"):
        store.write(count_up)
    store.close()
    again = open_store(migrated_url)
    assert numbers(again) == {"n": 100}
    assert again.check() == []
    again.close()


def test_who_writes_while_the_store_closes_is_answered(migrated_url: str) -> None:
    store = open_store(migrated_url)
    put(store, "n").result()
    taken: list[Future[int]] = []

    def insist() -> None:
        try:
            while True:
                taken.append(store.write(count_up))
        except Unavailable:
            return

    threads = [threading.Thread(target=insist) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.02)
    store.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert sorted(f.result(0) for f in taken) == list(range(1, len(taken) + 1))


# A full disk


def _fill(connection: apsw.Connection, pages: int) -> None:
    now = connection.execute("PRAGMA page_count").fetchall()[0][0]
    connection.execute(f"PRAGMA max_page_count = {now + pages}").fetchall()


def _free(connection: apsw.Connection) -> None:
    connection.execute("PRAGMA max_page_count = 1000000000").fetchall()


@only_sqlite
def test_on_a_full_disk_the_small_go_through_and_the_big_one_is_told(store: SqliteStore) -> None:
    put(store, "n").result()
    gate = threading.Event()
    runs: list[str] = []
    first = store.write(lambda tx: (gate.wait(10), _fill(store._writer, 8)))

    def big(tx: Any) -> None:
        runs.append("big")
        tx.many(_SET, [(f"big{i}" + "x" * 1_000, i) for i in range(200)])

    def small(tx: Any) -> int:
        runs.append("small")
        return count_up(tx)

    before = [store.write(small) for _ in range(5)]
    failing = store.write(big)
    after = [store.write(small) for _ in range(5)]
    gate.set()
    first.result(10)
    with pytest.raises(Unavailable, match="disk is full"):
        failing.result(10)
    assert sorted(f.result(10) for f in (*before, *after)) == list(range(1, 11))
    assert runs.count("big") == 2  # in the group, then alone
    assert numbers(store) == {"n": 10}
    _free(store._writer)
    store.write(big).result(10)
    assert len(numbers(store)) == 201
    assert store.check() == []


@only_sqlite
def test_streams_that_a_full_disk_took_back_are_not_remembered(ctx: Context, alice: Access) -> None:
    """A group that is given up whole leaves no trace in what is kept of an account."""
    store: SqliteStore = ctx.store  # type: ignore[assignment]
    gate = threading.Event()
    first = store.write(lambda tx: (gate.wait(10), _fill(store._writer, 8)))
    tries: list[str] = []

    def plant(tx: Any) -> None:
        tries.append("plant")
        if tries.count("plant") > 1:
            raise ValueError("changed its mind")
        streams.create(tx, ctx, alice, name="dogs", id_="dogs")

    def look(tx: Any) -> None:
        tries.append("look")
        if tries.count("look") == 1:
            assert "dogs" in ctx.state(tx, alice.account_id).tree

    planted, looked = store.write(plant), store.write(look)
    filled = store.write(lambda tx: tx.many(_SET, [(f"b{i}" + "x" * 999, i) for i in range(200)]))
    gate.set()
    first.result(10)
    looked.result(10)
    for future, error in ((planted, ValueError), (filled, Unavailable)):
        with pytest.raises(error):
            future.result(10)
    _free(store._writer)
    cases.plant(ctx, alice, "cats")
    tree = cases.read(ctx, streams.visible, alice)
    assert "cats" in tree
    assert "dogs" not in tree


@only_sqlite
def test_a_writer_survives_whatever_its_database_does(store: SqliteStore) -> None:
    """An error that is nobody's fault ends one write, not the thread that all wait for."""
    put(store, "n").result()
    store._writer.execute("PRAGMA query_only = ON").fetchall()  # BEGIN IMMEDIATE fails with this
    failing = [store.write(count_up) for _ in range(3)]
    for future in failing:
        with pytest.raises(Unavailable):
            future.result(10)
    store._writer.execute("PRAGMA query_only = OFF").fetchall()
    ending = store.write(lambda tx: store._writer.execute("ROLLBACK"))
    with pytest.raises(Unavailable):
        ending.result(10)
    assert store.write(count_up).result(10) == 1


# Two processes


OTHER = """
    import sys, time
    from diurnal.store.database import open_store
    from sqlalchemy import bindparam, update
    from diurnal.store.sql import Sql
    from diurnal.store.tables import counter
    add = Sql(update(counter).where(counter.c.name == bindparam("which"))
              .values(value=counter.c.value + 1).returning(counter.c.value))
    store = open_store(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    until, done, longest = time.monotonic() + float(sys.argv[2]), 0, 0.0
    while time.monotonic() < until:
        begun = time.monotonic()
        store.write(lambda tx: tx.execute(add, {"which": "n"}), bulk=True).result()
        done, longest = done + 1, max(longest, time.monotonic() - begun)
    store.close()
    print(done, longest, flush=True)
"""


def test_two_processes_take_turns_and_lose_no_step(store: Store, migrated_url: str) -> None:
    put(store, "n").result()
    seconds = 1.0
    other = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OTHER), migrated_url, str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert other.stdout is not None
    assert other.stdin is not None
    with other.stdout, other.stdin:
        assert other.stdout.readline() == "ready\n"
        store.foreign_commits()
        print(file=other.stdin, flush=True)
        until, mine, longest = time.monotonic() + seconds, 0, 0.0
        while time.monotonic() < until:
            begun = time.monotonic()
            store.write(count_up).result(20)
            mine, longest = mine + 1, max(longest, time.monotonic() - begun)
        told = other.stdout.readline().split()
    assert other.wait(20) == 0
    theirs, waited = int(told[0]), float(told[1])
    assert numbers(store) == {"n": mine + theirs}
    assert min(mine, theirs) >= 5
    assert max(longest, waited) < 5  # nobody starved
    assert store.foreign_commits()


@only_sqlite
def test_a_bulk_writer_lets_those_who_wait_go_first(store: SqliteStore) -> None:
    """A file lock alone gives the turn back to the one that has just let go of it."""
    turn = os.open(store.path.with_name("writer.lock"), os.O_RDWR)
    fcntl.flock(turn, fcntl.LOCK_EX)
    waits = put(store, "server")
    with pytest.raises(TimeoutError):
        waits.result(0.05)
    other = SqliteStore(store.path)
    bulk = other.write(lambda tx: tx.many(_SET, [("bulk", 0)]), bulk=True)
    queue = os.open(store.path.with_name("waiting.lock"), os.O_RDWR)
    with pytest.raises(BlockingIOError):  # somebody waits, and says so
        fcntl.flock(queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(queue, fcntl.LOCK_SH)
    os.close(turn)
    waits.result(10)
    put(store, "again").result(10)
    with pytest.raises(TimeoutError):
        bulk.result(0.05)
    os.close(queue)
    bulk.result(10)
    other.close()


@only_sqlite
def test_a_bulk_write_shares_its_turn_with_nobody(store: SqliteStore) -> None:
    """Its rows are as many as others may have to wait for."""
    began, go = threading.Event(), threading.Event()

    def first(_: Any) -> None:
        began.set()
        go.wait(10)

    held = store.write(first)
    assert began.wait(10)
    turns: list[int] = []
    begun = _commits(store)
    writes = [
        store.write(lambda _: turns.append(begun()), bulk=bulk)
        for bulk in (False, False, True, True, False)
    ]
    go.set()
    wait_all([held, *writes])
    assert [turns.index(n) for n in turns] == [0, 0, 2, 3, 4]


@only_sqlite
def test_a_process_notices_what_another_wrote(store: SqliteStore, migrated_url: str) -> None:
    store.foreign_commits()
    assert not store.foreign_commits()
    beside = open_store(migrated_url)
    put(beside, "n", 3).result()
    assert store.foreign_commits()
    assert not store.foreign_commits()
    assert numbers(store) == {"n": 3}
    beside.close()


# PostgreSQL


@only_postgres
def test_two_who_block_each_other_both_get_through(store: Store) -> None:
    for name in ("a", "b"):
        put(store, name).result()
    meet = threading.Barrier(2)
    through = threading.Event()
    runs: list[str] = []

    def both(first: str, second: str) -> Any:
        def write(tx: Any) -> None:
            runs.append(first)
            if len(runs) > 2:
                through.wait(10)  # else the victim may take its first row back and block again
            tx.execute(_ADD, {"which": first})
            if len(runs) <= 2:
                meet.wait(10)
            tx.execute(_ADD, {"which": second})
            through.set()

        return write

    futures = [store.write(both("a", "b")), store.write(both("b", "a"))]
    for future in futures:
        future.result(20)
    assert len(runs) == 3  # one was the victim, and ran again
    assert numbers(store) == {"a": 2, "b": 2}


@only_postgres
def test_a_lost_connection_is_told_and_heals(store: Store, migrated_url: str) -> None:
    put(store, "n").result()
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    def cut(tx: Any) -> None:
        count_up(tx)
        with psycopg.connect(migrated_url) as beside:
            beside.execute(kill)
        count_up(tx)

    with pytest.raises(Unavailable, match="away"):
        store.write(cut).result(20)
    assert store.write(count_up).result(20) == 1

    def cut_reading(tx: Any) -> None:
        with psycopg.connect(migrated_url) as beside:
            beside.execute(kill)
        tx.one(_GET, {"name": "n"})

    with pytest.raises(Unavailable, match="away"):
        store.read(cut_reading)
    assert numbers(store) == {"n": 1}


def test_a_database_that_is_not_there_is_told_plainly(data_dir: Any) -> None:
    with pytest.raises(Unavailable, match="cannot reach"):
        open_store("postgresql://nobody:x@127.0.0.1:1/none")
    with pytest.raises(Exception, match="no folder"):
        open_store(f"sqlite:///{data_dir / 'missing' / 'diurnal.db'}")


# Statements


def test_a_statement_names_its_parameters_in_order() -> None:
    with pytest.raises(TypeError, match="parameters"):
        ordered(("value", "name"), insert(counter))


def test_a_long_list_is_one_value_of_one_statement() -> None:
    from diurnal.store.sql import in_list

    sql = Sql(select(change.c.rev).where(in_list(change.c.id, "ids")))
    for engine, word in ((Engine.SQLITE, "json_each(?)"), (Engine.POSTGRES, "ANY(%s)")):
        text = sql.text(engine)
        assert word in text.text
        assert len(text.bind(engine, {"ids": [str(i) for i in range(10_000)]})) == 1


def test_counting_of_the_clock_is_one_row(store: Store) -> None:
    sql = Sql(select(func.count()).select_from(account_clock))
    assert store.read(lambda tx: tx.one(sql, {})) == (0,)


# The change log


def test_numbers_have_no_gap_whatever_fails_and_whoever_writes(ctx: Context, alice: Access) -> None:
    def some(i: int) -> None:
        try:
            if i % 7 == 0:
                cases.add(ctx, alice, cases.note(), cases.note("no-such-stream"))
            elif i % 5 == 0:
                cases.plant(ctx, alice, f"s{i}")
            elif i % 3 == 0:
                token, _ = cases.write(
                    ctx, accesses.create, alice, name="x", permissions=(), kind="personal"
                )
                cases.write(ctx, accesses.revoke, alice, token.access.id)
            else:
                made = cases.add(ctx, alice, *(cases.note() for _ in range(i % 4 + 1)))
                cases.write(ctx, events.delete, alice, made[0].id)
        except Exception:  # noqa: BLE001 - some are to fail
            return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(some, range(70)))
    log = cases.log(ctx, alice)
    assert [row[0] for row in log] == list(range(1, len(log) + 1))
    instants = [row[5] for row in log]
    assert all(a < b for a, b in pairwise(instants))
    assert ctx.store.read(lambda tx: changes.revs(tx, alice.account_id))[0] == len(log)


def test_instants_grow_even_when_the_clock_steps_back(
    ctx: Context, alice: Access, clock: Any
) -> None:
    for step in (0, -10_000_000, 1, -1, 60_000_000, 0, -3_600_000_000):
        clock.tick(step)
        cases.add(ctx, alice, cases.note(), cases.note())
    log = cases.log(ctx, alice)
    instants = [row[5] for row in log]
    assert instants == sorted(set(instants))
    for rev, at in ((row[0], row[5]) for row in log):
        for moment, expected in ((at, rev), (at - 1, None), (at + 1, None)):
            known = sum(1 for i in instants if i <= moment)
            assert expected in (None, known)
            assert ctx.store.read(lambda tx, m=moment: changes.rev_at(tx, alice.account_id, m)) == (
                known
            )


def test_accounts_count_their_own_changes(ctx: Context, alice: Access, charlie: Access) -> None:
    before = len(cases.log(ctx, charlie))
    cases.add(ctx, alice, cases.note())
    assert len(cases.log(ctx, charlie)) == before
    with pytest.raises(ValueError, match="gaps"):
        ctx.store.write(
            lambda tx: changes.append(
                tx, alice.account_id, changes.reserve(tx, alice.account_id, 2, 0), "x", []
            )
        ).result(10)
