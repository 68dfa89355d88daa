"""Small writes that wait together run as one, and each is answered for itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from diurnal.errors import AppError, Unavailable, UnknownReference
from diurnal.model.access import Access
from diurnal.model.events import NewEvent
from diurnal.services import events
from diurnal.services.context import Context
from diurnal.store import changes, sqlite_writer
from diurnal.store.database import WriteTx
from diurnal.store.event_queries import Found
from tests.faults import ledger

STREAM, TYPE = "diurnal-weight", "mass/kg"


def new(ctx: Context, n: int, stream: str = STREAM) -> NewEvent:
    return NewEvent(
        stream_ids=(stream,), type=TYPE, time=ctx.now() + n, content=60, description=f"{n}"
    )


def joined(ctx: Context, caller: Access, given: Sequence[NewEvent]) -> list[Found | BaseException]:
    def create(tx: WriteTx, waiting: Sequence[NewEvent]) -> list[Found | AppError]:
        return events.create_each(tx, ctx, caller, waiting)

    async def at_once() -> list[Found | BaseException]:
        writes = [ctx.store.join("create", create, one) for one in given]
        return await asyncio.gather(*writes, return_exceptions=True)

    return asyncio.run(at_once())


def test_events_that_come_together_are_stored_as_one_by_one(ctx: Context, alice: Access) -> None:
    made = joined(ctx, alice, [new(ctx, n) for n in range(20)])
    assert all(
        isinstance(m, Found) and f'"description":"{n}"' in m.body for n, m in enumerate(made)
    )
    assert set(ledger.stored(ctx)) == {str(n) for n in range(20)}
    assert not ledger.gaps(ctx)
    found = ctx.store.read(lambda tx: events.find(tx, ctx, alice))
    assert {(f.id, f.body, f.tail) for f in found} == {
        (m.id, m.body, m.tail) for m in made if isinstance(m, Found)
    }


def test_one_bad_event_among_others_is_refused_alone(ctx: Context, alice: Access) -> None:
    given = [new(ctx, n, "nowhere" if n == 5 else STREAM) for n in range(10)]
    made = joined(ctx, alice, given)
    assert [n for n, m in enumerate(made) if isinstance(m, BaseException)] == [5]
    assert isinstance(made[5], UnknownReference)
    assert set(ledger.stored(ctx)) == {str(n) for n in range(10) if n != 5}
    assert not ledger.gaps(ctx)


def test_numbers_reserved_for_what_is_refused_are_given_back(ctx: Context, alice: Access) -> None:
    before = ctx.store.read(lambda tx: changes.revs(tx, alice.account_id))
    refused = joined(ctx, alice, [new(ctx, n, "nowhere") for n in range(5)])
    assert all(isinstance(one, UnknownReference) for one in refused)
    assert ctx.store.read(lambda tx: changes.revs(tx, alice.account_id)) == before
    joined(ctx, alice, [new(ctx, n, "nowhere" if n % 2 else STREAM) for n in range(5)])
    joined(ctx, alice, [new(ctx, 5)])
    assert not ledger.gaps(ctx)


def test_a_bug_that_one_brings_out_does_not_take_the_others_down(
    ctx: Context, alice: Access
) -> None:
    def create(tx: WriteTx, waiting: Sequence[NewEvent]) -> list[Found | AppError]:
        made = events.create_each(tx, ctx, alice, waiting)
        if any(one.description == "3" for one in waiting):
            raise ZeroDivisionError
        return made

    async def at_once() -> list[Found | BaseException]:
        writes = [ctx.store.join("create", create, new(ctx, n)) for n in range(6)]
        return await asyncio.gather(*writes, return_exceptions=True)

    made = asyncio.run(at_once())
    assert [isinstance(m, ZeroDivisionError) for m in made] == [n == 3 for n in range(6)]
    assert set(ledger.stored(ctx)) == {str(n) for n in range(6) if n != 3}
    assert not ledger.gaps(ctx)


def test_different_keys_do_not_join(ctx: Context) -> None:
    def seen(tx: WriteTx, waiting: Sequence[str]) -> list[tuple[str, ...]]:
        return [tuple(waiting)] * len(waiting)

    async def at_once() -> list[tuple[str, ...]]:
        # The first holds the writer while the others gather behind it.
        first = ctx.store.join("z", seen, "z")
        rest = [ctx.store.join(key, seen, f"{key}{n}") for n in range(3) for key in "ab"]
        return [await first, *(await asyncio.gather(*rest))]

    for told in asyncio.run(at_once()):
        assert len({name[0] for name in told}) == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_writes_of_one_turn_of_the_loop_share_a_commit(ctx: Context) -> None:
    groups: list[int] = []

    def seen(tx: WriteTx, waiting: Sequence[int]) -> list[int]:
        groups.append(len(waiting))
        return list(waiting)

    async def arrive(n: int) -> int:
        done = ctx.store.join("key", seen, n)
        time.sleep(0.002)  # the writer could begin meanwhile, without the others
        return await done

    async def at_once() -> list[int]:
        return await asyncio.gather(*(arrive(n) for n in range(20)))

    assert asyncio.run(at_once()) == list(range(20))
    assert groups == [20]


def pausing(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(sqlite_writer, "SIBLINGS_SHARE", 1e9)
    monkeypatch.setattr(sqlite_writer, "SIBLINGS_MAX_S", seconds)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_those_who_were_answered_together_share_the_next_commit_too(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    pausing(monkeypatch, 1.0)
    groups: list[int] = []

    def seen(tx: WriteTx, waiting: Sequence[int]) -> list[int]:
        groups.append(len(waiting))
        return list(waiting)

    async def ask_twice() -> None:
        await asyncio.gather(
            *(ctx.store.join("key", seen, n) for n in range(sqlite_writer.SIBLINGS))
        )
        early = ctx.store.join("key", seen, 1)
        await asyncio.sleep(0.1)
        await asyncio.gather(early, ctx.store.join("key", seen, 2))

    asyncio.run(ask_twice())
    assert groups == [sqlite_writer.SIBLINGS, 2]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_few_are_not_kept_waiting_for_others(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    pausing(monkeypatch, 60)

    async def alone() -> None:
        for _ in range(3):
            await asyncio.gather(*(ctx.store.submit(lambda _tx: 1) for _ in range(3)))

    asyncio.run(asyncio.wait_for(alone(), 30))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_write_that_arrives_as_the_store_closes_is_refused(ctx: Context) -> None:
    async def late() -> None:
        waits = ctx.store.submit(lambda _tx: 1)
        ctx.store.close()
        with pytest.raises(Unavailable):
            await waits
        with pytest.raises(Unavailable):
            ctx.store.submit(lambda _tx: 1)

    asyncio.run(late())
