"""Accounts: made, signed in to, changed, and gone without a trace."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from diurnal import catalog
from diurnal.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from diurnal.model.access import Access, Level, Permission
from diurnal.services import accesses, accounts, days, events, series, streams
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from diurnal.store import accounts as store
from diurnal.store.sql import Sql
from diurnal.store.tables import metadata
from tests import cases
from tests.cases import note
from tests.clock import START
from tests.conftest import PASSWORD


def make(ctx: Context, name: str = "dora", **more: Any) -> Any:
    return accounts.create(ctx, **{"username": name, "password": PASSWORD, **more})


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_cannot_be_an_account(ctx: Context) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        *(
            ("username", {"username": name})
            for name in [
                "",
                "ab",
                "x" * 61,
                "Dora",
                "do ra",
                "döra",
                "a\n",
                "dora\n",
                "admin",
                "pryv",
            ]
        ),
        *(
            ("email", {"email": text})
            for text in ["", "x", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\0", "x" * 300 + "@b"]
        ),
        *(("password", {"password": text}) for text in ["", "short", "x" * 1_001]),
        *(("timezone", {"timezone": text}) for text in ["", "Mars/Base", "/etc/passwd"]),
    ]
    for field, given in wrong:
        with pytest.raises(InvalidInput) as refused:
            make(ctx, **given)
        assert refused.value.field == field, given
    assert ctx.store.read(store.all_of) == []


def test_a_name_and_an_address_are_one_accounts(ctx: Context) -> None:
    make(ctx, "dora", email="Dora@Example.org")
    for given in ({"name": "dora"}, {"name": "other", "email": "dora@EXAMPLE.org"}):
        with pytest.raises(Conflict):
            make(ctx, **given)
    assert [a.username for a in ctx.store.read(store.all_of)] == ["dora"]
    # A number that was drawn for one who failed is not missed.
    assert make(ctx, "other", email="other@example.org").email == "other@example.org"


def test_a_new_account_has_the_standard_streams_and_one_change(ctx: Context) -> None:
    made = make(ctx, timezone="Asia/Tokyo")
    who = accesses.personal(made.account_id, "dora")
    tree = cases.read(ctx, streams.visible, who)
    assert {s.id for s in tree} == {s.id for s in catalog.STANDARD_STREAMS}
    assert [row[:4] for row in cases.log(ctx, who)] == [
        (1, "account", "create", str(made.account_id))
    ]
    [event] = cases.add(ctx, who, note(time=START))
    assert event.offset == 540


def test_of_many_first_accounts_one_is_made(ctx: Context) -> None:
    def first(i: int) -> bool:
        try:
            make(ctx, f"first{i}", first_only=True)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(first, range(8))) == 1
    assert len(ctx.store.read(store.all_of)) == 1


def test_who_knows_the_password_comes_in(ctx: Context) -> None:
    made = make(ctx, email="dora@example.org")
    for name in ("dora", " Dora ", "dora@example.org", "DORA@example.org"):
        assert accounts.check_password(ctx, name, PASSWORD) == made
    for name, password in (
        ("dora", PASSWORD + " "),
        ("dora", ""),
        ("nobody", PASSWORD),
        ("nobody@example.org", PASSWORD),
        ("", PASSWORD),
    ):
        with pytest.raises(Unauthenticated, match="do not belong together"):
            accounts.check_password(ctx, name, password)


def test_settings_merge_and_show_at_once(ctx: Context, alice: Access) -> None:
    cases.write(ctx, accounts.update, alice, settings={"a": 1, "b": {"c": 2}})
    cases.write(ctx, accounts.update, alice, settings={"b": {"d": 3}, "a": None, "e": None})
    state = cases.read(ctx, lambda tx, ctx: ctx.state(tx, alice.account_id))
    assert state.settings == {"b": {"d": 3}}
    for bad in ({"x": "y" * 70_000}, {"x": "\ud800"}):
        with pytest.raises(InvalidInput):
            cases.write(ctx, accounts.update, alice, settings=bad)
    with pytest.raises(InvalidInput):
        cases.write(ctx, accounts.update, alice, timezone="Mars/Base")
    state = cases.read(ctx, lambda tx, ctx: ctx.state(tx, alice.account_id))
    assert (state.settings, state.zones.home) == ({"b": {"d": 3}}, "Europe/Berlin")


def test_a_change_that_failed_is_not_remembered(ctx: Context, alice: Access) -> None:
    """What a transaction saw before it failed is nobody else's to see."""

    def broken(tx: Any, ctx: Context, name: str) -> None:
        streams.create(tx, ctx, alice, name=name, id_=name)
        accounts.update(tx, ctx, alice, settings={"a": name})
        assert name in streams.visible(tx, ctx, alice)
        raise ValueError(name)

    for name in ("dogs", "cats"):
        with pytest.raises(ValueError, match=name):
            cases.write(ctx, broken, name)
    cases.plant(ctx, alice, "birds")
    tree = cases.read(ctx, streams.visible, alice)
    assert "birds" in tree
    assert not {"dogs", "cats"} & {s.id for s in tree}
    cases.add(ctx, alice, note("birds"))
    assert cases.read(ctx, lambda tx, ctx: ctx.state(tx, alice.account_id)).settings == {}


def _rows(ctx: Context, account_id: int) -> dict[str, int]:
    counted = {}
    for table in metadata.sorted_tables:
        if "account_id" in table.c:
            sql = Sql(
                select(func.count()).select_from(table).where(table.c.account_id == account_id)
            )
            counted[table.name] = ctx.store.read(lambda tx, sql=sql: tx.one(sql, {}))[0]
    return {name: n for name, n in counted.items() if n}


def test_a_deleted_account_leaves_nothing_and_harms_nobody(
    ctx: Context, alice: Access, charlie: Access
) -> None:
    from diurnal.model.series import columns

    for who in (alice, charlie):
        cases.plant(ctx, who, "mine")
        cases.share(ctx, who, Permission(Level.READ))
        gone, _ = cases.add(ctx, who, note(tags=("x",)), note(stream_ids=("mine", "diurnal-note")))
        cases.write(ctx, events.delete, who, gone.id)
        cases.write(ctx, days.write_rows, who, [NewDay("weight", 20513, 70, "scale")])
        cases.read(ctx, days.values, who, ["weight"], 20513, 20513)
        cases.write(ctx, series.write, who, "heart_rate", "watch", columns([START], [60.0]))
        ctx.blobs.put(who.account_id, [b"a file"], limit=100)
    kept = _rows(ctx, charlie.account_id)
    assert len(kept) >= 14
    accounts.delete(ctx, alice.account_id)
    assert _rows(ctx, alice.account_id) == {}
    assert ctx.blobs.usage(alice.account_id) == 0
    assert _rows(ctx, charlie.account_id) == kept
    assert ctx.blobs.usage(charlie.account_id) == 6
    for ask in (
        lambda: cases.add(ctx, alice, note()),
        lambda: cases.found(ctx, alice),
        lambda: ctx.store.read(lambda tx: accounts.find(tx, "alice")),
    ):
        with pytest.raises(NotFound):
            ask()
    assert make(ctx, "alice").account_id not in (alice.account_id, charlie.account_id)


def test_who_writes_while_an_account_is_deleted_leaves_nothing(ctx: Context, alice: Access) -> None:
    def insist(i: int) -> None:
        try:
            for _ in range(20):
                cases.add(ctx, alice, note(tags=("x",)))
        except NotFound:
            return

    with ThreadPoolExecutor(6) as pool:
        writing = [pool.submit(insist, i) for i in range(5)]
        accounts.delete(ctx, alice.account_id)
        for future in writing:
            future.result(60)
    assert _rows(ctx, alice.account_id) == {}
