"""Accesses: what a token opens, from its first moment to its last."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from diurnal.auth import tokens
from diurnal.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.services import (
    access_use,
    accesses,
    accounts,
    attachments,
    authentication,
    days,
    events,
    series,
    simple_tokens,
    streams,
)
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from diurnal.store import accesses as store
from tests import cases
from tests.cases import note
from tests.clock import DAY, HOUR, START, Clock

READ = Permission(Level.READ)


def issue(ctx: Context, who: Access, *permissions: Permission, **more: Any) -> tuple[Access, str]:
    given = {"name": "app", "permissions": permissions or (READ,), **more}
    stored, token = cases.write(ctx, accesses.create, who, **given)
    return stored.access, token


def resolve(ctx: Context, token: str, **more: Any) -> Access:
    return cases.read(ctx, authentication.resolve, token, **more)


# Tokens


def test_a_token_opens_its_access_and_is_kept_as_a_hash(ctx: Context, alice: Access) -> None:
    access, token = issue(ctx, alice, expires=START + HOUR)
    assert resolve(ctx, token) == access
    assert resolve(ctx, token) == access
    assert (access.account_id, access.username, access.kind) == (alice.account_id, "alice", "app")
    [stored] = ctx.store.read(lambda tx: store.all_of(tx, alice.account_id))
    assert (stored.token_hash, stored.sealed) == (tokens.digest(token), None)


def test_what_opens_nothing(ctx: Context, alice: Access, charlie: Access) -> None:
    _, token = issue(ctx, alice)
    for wrong in ("", "x", tokens.make(alice.account_id), tokens.make(10**15), token[:-1] + "!"):
        with pytest.raises(Unauthenticated):
            resolve(ctx, wrong)
    with pytest.raises(Unauthenticated):
        resolve(ctx, token, account_id=charlie.account_id)
    assert resolve(ctx, token, account_id=alice.account_id)
    with pytest.raises(Unauthenticated):
        resolve(ctx, token, account_id=charlie.account_id)


def test_a_token_of_the_clients_own_is_found_by_whose_it_is(ctx: Context, alice: Access) -> None:
    def make(tx: Any, ctx: Context) -> Any:
        return accesses.issue(
            tx,
            ctx,
            account_id=alice.account_id,
            username="alice",
            kind=Kind.APP,
            name="x",
            token="my-own-token",
            seal=True,
        )

    stored, token = cases.write(ctx, make)
    assert token == "my-own-token"
    assert resolve(ctx, token, account_id=alice.account_id) == stored.access
    with pytest.raises(Unauthenticated):
        resolve(ctx, token)
    assert ctx.keys.open(stored.sealed, alice.account_id) == token
    cases.write(ctx, accesses.revoke, alice, stored.access.id)
    gone = ctx.store.read(lambda tx: store.by_id(tx, alice.account_id, stored.access.id))
    assert (gone.sealed, gone.deleted is not None) == (None, True)


def test_a_revoked_token_opens_nothing_from_that_moment(ctx: Context, alice: Access) -> None:
    access, token = issue(ctx, alice)
    _, other = issue(ctx, alice)
    resolve(ctx, token)
    cases.write(ctx, accesses.revoke, alice, access.id)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            resolve(ctx, token)
    assert authentication.remembered(ctx, token) is None
    assert resolve(ctx, other)
    with pytest.raises(NotFound):
        cases.write(ctx, accesses.revoke, alice, access.id)


def test_a_revocation_that_failed_revoked_nothing(ctx: Context, alice: Access) -> None:
    access, token = issue(ctx, alice)

    def broken(tx: Any, ctx: Context) -> None:
        accesses.revoke(tx, ctx, alice, access.id)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cases.write(ctx, broken)
    assert resolve(ctx, token) == access


def test_another_process_revokes_too(ctx: Context, alice: Access, migrated_url: str) -> None:
    from diurnal.store.database import open_store

    access, token = issue(ctx, alice)
    assert resolve(ctx, token) == access
    beside = open_store(migrated_url)
    beside.write(lambda tx: accesses.revoke(tx, ctx, alice, access.id)).result(20)
    beside.close()
    with pytest.raises(Unauthenticated):
        resolve(ctx, token)


def test_a_token_past_its_time_is_told_so(ctx: Context, alice: Access, clock: Clock) -> None:
    _, token = issue(ctx, alice, expires=clock.now() + HOUR)
    clock.tick(HOUR - 1)
    assert resolve(ctx, token)
    clock.tick(1)
    with pytest.raises(Unauthenticated) as refused:
        resolve(ctx, token)
    assert refused.value.expired
    with pytest.raises(InvalidInput) as bad:
        issue(ctx, alice, expires=clock.now())
    assert bad.value.field == "expires"


def test_uses_are_counted(ctx: Context, alice: Access, clock: Clock) -> None:
    access, token = issue(ctx, alice)
    for _ in range(3):
        resolve(ctx, token)
    counted = dict(ctx.uses)
    assert counted == {(alice.account_id, access.id): 3}
    for _ in range(2):
        cases.write(ctx, access_use.flush_uses, counted)
    [stored] = ctx.store.read(lambda tx: accesses.listed(tx, alice))
    assert (stored.calls, stored.used) == (6, clock.now())


def test_a_deleted_accounts_tokens_open_nothing(ctx: Context, alice: Access) -> None:
    _, token = issue(ctx, alice)
    resolve(ctx, token)
    accounts.delete(ctx, alice.account_id)
    with pytest.raises(Unauthenticated):
        resolve(ctx, token)


# Making


def test_a_permission_must_name_what_is_there(ctx: Context, alice: Access) -> None:
    wrong = [
        ("permissions[0].stream", Permission(Level.READ, "none")),
        ("permissions[0].measures", Permission(Level.READ, measures=("none",))),
        ("permissions[0].start", Permission(Level.READ, start=2, end=2)),
    ]
    for field, permission in wrong:
        with pytest.raises(InvalidInput) as refused:
            issue(ctx, alice, permission)
        assert refused.value.field == field
    for name in ("", "   ", "x" * 101):
        with pytest.raises(InvalidInput) as refused:
            issue(ctx, alice, name=name)
        assert refused.value.field == "name"
    for more in ({"name": "a\0"}, {"device": "a\0"}, {"name": "\ud800"}):
        with pytest.raises(InvalidInput):
            issue(ctx, alice, **more)
    with pytest.raises(InvalidInput):
        issue(ctx, alice, Permission(Level.READ, tags=("\0",)))
    with pytest.raises(InvalidInput) as refused:
        cases.write(ctx, accesses.create, alice, name="x", permissions=())
    assert refused.value.field == "permissions"
    with pytest.raises(InvalidInput):
        issue(ctx, alice, *[READ] * (accesses.PERMISSIONS_MAX + 1))
    assert ctx.store.read(lambda tx: accesses.listed(tx, alice)) == []


def test_only_the_owner_makes_tokens(ctx: Context, alice: Access) -> None:
    app, _ = issue(ctx, alice, Permission(Level.MANAGE))
    with pytest.raises(Forbidden):
        issue(ctx, app)
    with pytest.raises(Forbidden):
        cases.write(ctx, simple_tokens.simple_token, app)
    with pytest.raises(Forbidden):
        accesses.must_own(app)
    accesses.must_own(alice)


def test_an_app_sees_and_ends_itself_alone(ctx: Context, alice: Access) -> None:
    app, token = issue(ctx, alice, Permission(Level.MANAGE))
    other, _ = issue(ctx, alice)
    [listed] = ctx.store.read(lambda tx: accesses.listed(tx, app))
    assert listed.access == app
    with pytest.raises(NotFound):
        cases.write(ctx, accesses.revoke, app, other.id)
    cases.write(ctx, accesses.revoke, app, app.id)
    with pytest.raises(Unauthenticated):
        resolve(ctx, token)
    assert len(ctx.store.read(lambda tx: accesses.listed(tx, alice))) == 1


def test_two_who_ask_for_the_simple_token_get_one(ctx: Context, alice: Access) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(
            pool.map(lambda _: cases.write(ctx, simple_tokens.simple_token, alice), range(8))
        )
    [token] = set(made)
    access = resolve(ctx, token)
    assert simple_tokens.is_simple(access)
    assert access.permissions == (READ,)
    cases.write(ctx, accesses.revoke, alice, access.id)
    assert cases.write(ctx, simple_tokens.simple_token, alice) != token


def test_sources_that_are_accesses_go_by_their_names(ctx: Context, alice: Access) -> None:
    app, _ = issue(ctx, alice, name="My phone")
    named = ctx.store.read(
        lambda tx: accesses.source_names(tx, alice, [app.id, "scale", "c" + "0" * 24])
    )
    assert named == {app.id: "My phone", "scale": "scale", "c" + "0" * 24: "c" + "0" * 24}


# Levels


def test_who_may_only_add_never_sees(ctx: Context, alice: Access) -> None:
    [before] = cases.add(ctx, alice, cases.weigh(70, START, source="scale", source_id="w1"))
    app, _ = issue(ctx, alice, Permission(Level.CREATE_ONLY))
    [made] = cases.add(ctx, app, note(source_id="own"))
    assert cases.found(ctx, app, state="all") == []
    for id_ in (before.id, made.id):
        with pytest.raises(NotFound):
            cases.read(ctx, events.get, app, id_)
        with pytest.raises(NotFound):
            cases.write(ctx, events.delete, app, id_)
    with pytest.raises(Forbidden):
        cases.read(ctx, events.subtree, app, ["diurnal-note"])
    with pytest.raises(Exception, match="unknown measure"):
        cases.read(ctx, days.values, app, ["weight"], 20513, 20513)
    with pytest.raises(Exception, match="unknown measure"):
        cases.read(ctx, series.read, app, "heart_rate", 0, START)
    assert cases.read(ctx, days.extent, app) == {}
    assert cases.read(ctx, series.listed, app) == []
    # What it said itself is the same again; what another said is neither told nor written over.
    again = cases.write(ctx, events.create, app, [note(source_id="own")])
    assert [w.status for w in again] == ["same"]
    for content in (70, 71):
        with pytest.raises(Exception, match="taken"):
            cases.add(ctx, app, cases.weigh(content, START, source="scale", source_id="w1"))


def test_who_may_only_read_changes_nothing(ctx: Context, alice: Access) -> None:
    [made] = cases.add(ctx, alice, note(source_id="s", source="x"))
    app, _ = issue(ctx, alice, READ)
    log = cases.log(ctx, alice)
    for ask in (
        lambda: cases.add(ctx, app, note()),
        lambda: cases.write(ctx, events.update, app, made.id, {"content": 1}),
        lambda: cases.write(ctx, events.set_trashed, app, made.id, trashed=True),
        lambda: cases.write(ctx, events.delete, app, made.id),
        lambda: cases.plant(ctx, app, "mine"),
        lambda: cases.write(ctx, streams.update, app, "diurnal-note", {"name": "x"}),
        lambda: cases.write(ctx, streams.delete, app, "diurnal-note", merge=True),
        lambda: cases.write(ctx, days.write_rows, app, [NewDay("weight", 1, 70, "x")]),
        lambda: cases.write(ctx, days.remove_row, app, "weight", 1, "x"),
    ):
        with pytest.raises(Forbidden):
            ask()
    assert cases.log(ctx, alice) == log


def test_a_frame_of_days_tells_of_none_beside_it(ctx: Context, alice: Access) -> None:
    rows = [NewDay("weight", day, 70, "scale") for day in (20500, 20512, 20520)]
    cases.write(ctx, days.write_rows, alice, rows)
    frame = Permission(Level.READ, start=START - 5 * DAY, end=START + DAY)
    app = cases.share(ctx, alice, frame)
    assert cases.read(ctx, days.extent, alice)["weight"] == (20500, 20520)
    first, last = cases.read(ctx, days.extent, app)["weight"]
    assert (first, last) == (20508, 20514)
    told = cases.read(ctx, days.values, app, ["weight"], 20490, 20530)["weight"]
    assert [d.day for d in told if d.value is not None] == [20512]


def test_a_time_frame_has_a_first_and_no_last_moment(ctx: Context, alice: Access) -> None:
    made = cases.add(ctx, alice, *(note(time=START + i) for i in range(4)))
    app, _ = issue(ctx, alice, Permission(Level.READ, start=START + 1, end=START + 3))
    assert cases.ids(ctx, app, ascending=True) == [made[1].id, made[2].id]


def test_what_is_another_accounts_is_not_there(
    ctx: Context, alice: Access, charlie: Access
) -> None:
    """Every use case that takes an id answers as for one that nobody has."""
    cases.plant(ctx, alice, "mine")
    cases.write(ctx, streams.update, alice, "mine", {"trashed": True})
    [made] = cases.add(ctx, alice, note(tags=("x",), source="s", source_id="s"))
    access, _ = issue(ctx, alice)
    cases.write(ctx, days.write_rows, alice, [NewDay("weight", 20513, 70, "scale")])
    app = cases.share(ctx, charlie, Permission(Level.MANAGE))
    log = cases.log(ctx, alice)

    reads = (events.get, events.changeable)

    def said(who: Access, fn: Any, id_: str, *more: Any, **named: Any) -> tuple[Any, str]:
        run = cases.read if fn in reads else cases.write
        with pytest.raises(Exception) as refused:
            run(ctx, fn, who, id_, *more, **named)
        return type(refused.value), str(refused.value).replace(repr(id_), "?")

    asked: list[tuple[Any, str, tuple[Any, ...], dict[str, Any]]] = [
        *((fn, made.id, (), {}) for fn in reads),
        (events.update, made.id, ({"content": 1},), {}),
        (events.set_trashed, made.id, (), {"trashed": True}),
        (events.set_trashed, made.id, (), {"trashed": False}),
        (events.delete, made.id, (), {}),
        (streams.update, "mine", ({"name": "x"},), {}),
        (streams.delete, "mine", (), {"merge": None}),
        (accesses.revoke, access.id, (), {}),
    ]
    for who in (charlie, app):
        for fn, id_, more, named in asked:
            theirs = said(who, fn, id_, *more, **named)
            nobodys = said(who, fn, id_[:-1] + "~", *more, **named)
            assert theirs == nobodys, fn
            assert theirs[0] is NotFound, fn
        assert cases.found(ctx, who, state="all") == []
        assert "mine" not in cases.read(ctx, streams.visible, who, trashed=True)
        assert "weight" not in cases.read(ctx, days.extent, who)
        [day] = cases.read(ctx, days.values, who, ["weight"], 20513, 20513)["weight"]
        assert day.value is None
        with pytest.raises(Exception, match="unknown stream"):
            cases.add(ctx, who, note("mine"))
        with pytest.raises(Exception, match="unknown parent"):
            cases.plant(ctx, who, "below", parent="mine")
        with pytest.raises(Exception, match="unknown stream"):
            cases.read(ctx, events.subtree, who, ["mine"])
        with pytest.raises(NotFound):
            cases.read(ctx, attachments.find, who, made.id, "f")
        with pytest.raises(NotFound):
            cases.write(ctx, attachments.remove, who, made.id, "f")
    [theirs] = cases.add(ctx, charlie, note(source="s", source_id="s"))
    assert theirs.id != made.id
    assert cases.log(ctx, alice) == log
