"""The life of an access: made, given on, changed, ended; and never wider than its maker."""

from __future__ import annotations

from typing import Any

import pytest

from diurnal.auth import tokens
from diurnal.errors import (
    AppError,
    Conflict,
    Forbidden,
    HiddenReference,
    InvalidInput,
    NotFound,
    Unauthenticated,
    UnknownReference,
)
from diurnal.model.access import Access, Kind, Level, Permission, Place
from diurnal.services import accesses, authentication, events, streams
from diurnal.services.context import Context
from diurnal.store.accesses import Stored
from tests import cases
from tests.clock import DAY, HOUR, START, Clock

BODY, NOTES = "diurnal-body", "diurnal-notes"


def on(stream: str, level: Level = Level.MANAGE, **more: Any) -> Permission:
    return Permission(level, stream, **more)


def make(ctx: Context, who: Access, *given: Permission, **more: Any) -> tuple[Stored, str]:
    kind = Kind.APP if who.owner else Kind.SHARED
    wanted = {"name": "made", "permissions": given, "kind": kind, **more}
    stored: tuple[Stored, str] = cases.write(ctx, accesses.create, who, **wanted)
    return stored


def share(ctx: Context, who: Access, *given: Permission, **more: Any) -> Access:
    return make(ctx, who, *given, **more)[0].access


def resolve(ctx: Context, token: str) -> Access:
    found: Access = cases.read(ctx, authentication.resolve, token)
    return found


def listed(ctx: Context, who: Access) -> set[str]:
    return {s.access.id for s in ctx.store.read(lambda tx: accesses.listed(tx, who))}


# Who makes what


def test_an_app_shares_what_it_manages(ctx: Context, alice: Access) -> None:
    app = share(ctx, alice, on(BODY))
    stored, token = make(ctx, app, on("diurnal-weight", Level.READ), name="For my doctor")
    assert (stored.access.kind, stored.created_by) == (Kind.SHARED, app.id)
    assert resolve(ctx, token) == stored.access
    cases.add(ctx, alice, cases.weigh(70, START))
    assert len(cases.ids(ctx, stored.access)) == 1
    assert listed(ctx, app) == {app.id, stored.access.id}
    assert listed(ctx, stored.access) == {stored.access.id}


WIDER = [
    Permission(Level.READ),
    on(BODY, Level.READ),
    on("diurnal-weight", Level.CONTRIBUTE),
    on("diurnal-weight", Level.READ, measures=("weight", "body_fat")),
    on("diurnal-weight", Level.READ, measures=("weight",), start=START - 1),
    on("diurnal-weight", Level.READ, measures=("weight",), delay=1),
    on("diurnal-weight", Level.READ, measures=("weight",), days_only=True),
    on("diurnal-weight", Level.READ, measures=("weight",), place=Place.AREA),
    on("diurnal-weight", Level.CREATE_ONLY, measures=("weight",), start=START),
]


def test_no_share_reaches_further_than_its_maker(ctx: Context, alice: Access) -> None:
    held = on(
        "diurnal-weight",
        Level.MANAGE,
        measures=("weight",),
        rights=("read", "create", "update", "delete"),
        start=START,
        days_only=True,
        place=Place.AREA,
        delay=2,
    )
    app = share(ctx, alice, held)
    for wanted in WIDER:
        with pytest.raises((Forbidden, HiddenReference)):
            make(ctx, app, wanted)
    same = on(
        "diurnal-weight",
        Level.READ,
        measures=("weight",),
        start=START + 1,
        days_only=True,
        place=Place.NONE,
        delay=2,
    )
    assert share(ctx, app, same).permissions == (same,)


def test_an_app_that_only_reads_shares_nothing_save_where_a_contract_says_so(
    ctx: Context, alice: Access
) -> None:
    read = on(BODY, Level.READ)
    with pytest.raises(Forbidden):
        make(ctx, share(ctx, alice, read), read)
    assert share(ctx, share(ctx, alice, read, api="pryv"), read, api="pryv")


def test_nobody_else_makes_any(ctx: Context, alice: Access) -> None:
    app = share(ctx, alice, on(BODY))
    shared = share(ctx, alice, on(BODY), kind=Kind.SHARED)
    for who, kind in ((app, Kind.APP), (app, Kind.PERSONAL), (shared, Kind.SHARED)):
        with pytest.raises(Forbidden):
            make(ctx, who, on(BODY, Level.READ), kind=kind)


def test_a_share_names_no_stream_that_its_maker_may_not_know_of(
    ctx: Context, alice: Access
) -> None:
    app = share(ctx, alice, on(BODY))
    told = []
    for stream in (NOTES, "nowhere"):
        with pytest.raises(UnknownReference) as refused:
            make(ctx, app, on(stream, Level.READ))
        told.append(str(refused.value).replace(stream, "x"))
    assert told[0] == told[1]


def test_a_stream_moved_below_a_shared_one_stays_closed_where_it_was(
    ctx: Context, alice: Access
) -> None:
    cases.plant(ctx, alice, "open", "closed")
    app = share(ctx, alice, on("open"), on("closed", Level.NONE))
    shared = share(ctx, app, on("open", Level.READ))
    cases.write(ctx, streams.update, alice, "closed", {"parent_id": "open"})
    cases.add(ctx, alice, cases.note("closed"), cases.note("open"))
    assert len(cases.ids(ctx, app)) == len(cases.ids(ctx, shared)) == 1


def test_a_share_ends_with_the_app_that_made_it(ctx: Context, alice: Access, clock: Clock) -> None:
    app = share(ctx, alice, on(BODY), expires=START + DAY)
    assert share(ctx, app, on(BODY, Level.READ)).expires == START + DAY
    assert share(ctx, app, on(BODY, Level.READ), expires=START + HOUR).expires == START + HOUR
    with pytest.raises(Forbidden):
        make(ctx, app, on(BODY, Level.READ), expires=START + 2 * DAY)


# Change


def change(ctx: Context, who: Access, id_: str, **fields: Any) -> Stored:
    more = {k: fields.pop(k) for k in ("serial", "unique") if k in fields}
    changed: Stored = cases.write(ctx, accesses.update, who, id_, fields, **more)
    return changed


def test_a_change_takes_hold_at_once_and_what_was_is_kept(ctx: Context, alice: Access) -> None:
    stored, token = make(ctx, alice, on(BODY), name="one", client_data={"a": 1, "b": 2})
    assert resolve(ctx, token).permissions == (on(BODY),)
    id_ = stored.access.id
    new = change(
        ctx,
        alice,
        id_,
        name="two",
        permissions=(on(NOTES, Level.READ),),
        client_data={"a": None, "c": 3},
    )
    assert (new.serial, new.access.name, new.client_data) == (1, "two", {"b": 2, "c": 3})
    assert resolve(ctx, token).permissions == (on(NOTES, Level.READ),)
    [was] = ctx.store.read(lambda tx: accesses.versions(tx, alice, id_))
    assert (was.serial, was.name, was.permissions) == (0, "one", (on(BODY),))
    assert change(ctx, alice, id_, expires=START + HOUR, serial=1).serial == 2
    with pytest.raises(Conflict) as stale:
        change(ctx, alice, id_, name="three", serial=1)
    assert stale.value.data == {"provided": 1, "currentSerial": 2}


def test_who_may_change_an_access(ctx: Context, alice: Access, charlie: Access) -> None:
    app = share(ctx, alice, on(BODY))
    shared = share(ctx, app, on(BODY, Level.READ))
    assert change(ctx, app, shared.id, name="by its maker").serial == 1
    for who, id_, kind in (
        (app, app.id, Forbidden),
        (shared, shared.id, Forbidden),
        (shared, app.id, NotFound),
        (charlie, app.id, NotFound),
        (alice, "c" + "0" * 24, NotFound),
    ):
        with pytest.raises(kind):
            change(ctx, who, id_, name="x")
    with pytest.raises(Forbidden):
        change(ctx, app, shared.id, permissions=(Permission(Level.READ),))
    for wrong in (
        {"kind": "personal"},
        {"permissions": ()},
        {"permissions": (on("nowhere"),)},
        {"expires": START - 1},
        {"name": " "},
    ):
        with pytest.raises(InvalidInput):
            change(ctx, alice, app.id, **wrong)


def test_what_an_app_shared_shrinks_with_it(ctx: Context, alice: Access) -> None:
    app = share(ctx, alice, on(BODY), on(NOTES))
    body, token = make(ctx, app, on(BODY, Level.READ))
    notes, kept = make(ctx, app, on(NOTES, Level.READ))
    change(ctx, alice, app.id, permissions=(on(NOTES),), expires=START + DAY)
    with pytest.raises(Unauthenticated):
        resolve(ctx, token)
    assert resolve(ctx, kept).expires == START + DAY
    assert body.access.id not in listed(ctx, alice)
    assert notes.access.id in listed(ctx, alice)


def test_names_and_tokens_are_taken_once(ctx: Context, alice: Access, charlie: Access) -> None:
    make(ctx, alice, on(BODY), name="A", token="chosen", unique=True)
    with pytest.raises(Conflict) as refused:
        make(ctx, alice, on(BODY), name="B", token="chosen")
    assert "chosen" not in f"{refused.value} {refused.value.data}"
    with pytest.raises(Conflict):
        make(ctx, alice, on(BODY), name="A", unique=True)
    for fine in ({"device": "phone"}, {"kind": Kind.SHARED}):
        make(ctx, alice, on(BODY), name="A", unique=True, **fine)
    assert make(ctx, charlie, on(BODY), name="A", token="chosen", unique=True)
    for wrong in ("", "a b", "x" * 300, "\N{SNOWMAN}", "null"):
        with pytest.raises(InvalidInput):
            make(ctx, alice, on(BODY), name="C", token=wrong)


def test_a_token_is_shown_again_only_where_it_was_kept_for_that(
    ctx: Context, alice: Access
) -> None:
    sealed, token = make(ctx, alice, on(BODY), seal=True)
    plain, _ = make(ctx, alice, on(BODY))
    assert accesses.shown_token(ctx, sealed) == token
    assert accesses.shown_token(ctx, plain) is None


def test_an_app_finds_the_access_that_it_has(ctx: Context, alice: Access) -> None:
    asked = (on(BODY, Level.READ), on(NOTES))
    stored, _ = make(ctx, alice, *asked, name="app")

    def check(*given: Permission, **more: Any) -> accesses.Checked:
        wanted = {"name": "app", "permissions": given, **more}
        told: accesses.Checked = cases.read(ctx, accesses.check_app, alice, **wanted)
        return told

    assert check(*reversed(asked)).matching == stored
    assert check(asked[0]).mismatching == stored
    assert check(*asked, device="phone") == check(*asked, name="other") == (None, None)
    cases.write(ctx, accesses.revoke, alice, stored.access.id)
    assert check(*asked) == (None, None)


def test_what_everybody_may_read_needs_no_token(ctx: Context, alice: Access) -> None:
    def public(api: str) -> Access | None:
        return ctx.store.read(lambda tx: accesses.public(tx, ctx, alice.account_id, api))

    assert public("personal") is None
    made = share(ctx, alice, on(BODY, Level.READ), kind=Kind.PUBLIC, api="personal")
    assert public("personal") == made
    assert public("pryv") is None


# The end


def test_what_an_app_made_ends_with_it_and_what_a_session_made_does_not(
    ctx: Context, alice: Access
) -> None:
    session = share(ctx, alice, kind=Kind.PERSONAL)
    app, app_token = make(ctx, session, on(BODY))
    shared, token = make(ctx, app.access, on(BODY, Level.READ))
    cases.write(ctx, accesses.revoke, alice, session.id)
    assert resolve(ctx, app_token) == app.access
    assert cases.write(ctx, accesses.revoke, alice, app.access.id) == [shared.access.id]
    for gone in (app_token, token):
        with pytest.raises(Unauthenticated):
            resolve(ctx, gone)
    told = ctx.store.read(lambda tx: accesses.deletions(tx, alice, 0))
    assert {id_ for id_, _ in told} == {session.id, app.access.id, shared.access.id}


def test_an_access_gives_itself_up_unless_it_may_not(ctx: Context, alice: Access) -> None:
    app = share(ctx, alice, on(BODY))
    bound = share(ctx, alice, on(BODY), features={"selfRevoke": "forbidden"})
    other = share(ctx, alice, on(BODY))
    with pytest.raises(NotFound):
        cases.write(ctx, accesses.revoke, app, other.id)
    cases.write(ctx, accesses.revoke, app, app.id)
    with pytest.raises(Forbidden):
        cases.write(ctx, accesses.revoke, bound, bound.id)
    cases.write(ctx, accesses.revoke, alice, bound.id)


def test_who_works_on_in_an_access_name_sees_that_it_ended(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    def now(access: Access) -> Access | None:
        found: Access | None = cases.read(ctx, authentication.current, access)
        return found

    app = share(ctx, alice, on(BODY))
    brief = share(ctx, alice, on(BODY), expires=START + HOUR)
    assert (now(app), now(brief), now(alice)) == (app, brief, alice)
    change(ctx, alice, app.id, permissions=(on(BODY, Level.READ),))
    narrowed = now(app)
    assert narrowed is not None
    assert narrowed.permissions == (on(BODY, Level.READ),)
    clock.tick(2 * HOUR)
    assert now(brief) is None
    cases.write(ctx, accesses.revoke, alice, app.id)
    assert now(app) is None


def test_a_token_of_some_rights_does_no_more(ctx: Context, alice: Access) -> None:
    def may(ctx: Context, who: Access, fn: Any, *args: Any) -> bool:
        try:
            cases.write(ctx, fn, who, *args)
        except AppError:
            return False
        return True

    for rights in ((), ("read",), ("create", "read"), ("read", "update"), ("delete", "read")):
        app = share(ctx, alice, on("diurnal-note", rights=rights, level=Level.MANAGE))
        ids = [cases.add(ctx, alice, cases.note())[0].id for _ in range(2)]
        assert may(ctx, app, events.create, [cases.note()]) == ("create" in rights)
        assert may(ctx, app, events.update, ids[0], {"content": "x"}) == ("update" in rights)
        assert may(ctx, app, events.delete, ids[1]) == ("delete" in rights)
        assert bool(cases.ids(ctx, app)) == ("read" in rights)
        assert not may(ctx, app, streams.update, "diurnal-note", {"name": "x"})


def test_what_may_be_read_until_a_day_is_not_moved_past_it(ctx: Context, alice: Access) -> None:
    """An app that may change a stream's data for good, but read them until a day, lost its own."""
    writes = on("diurnal-weight", rights=("create", "update"))
    app = share(ctx, alice, on("diurnal-weight", Level.READ, end=START + DAY), writes)
    [weight] = cases.add(ctx, alice, cases.weigh(70, START))
    cases.write(ctx, events.update, app, weight.id, {"content": 71})
    with pytest.raises(Forbidden, match="where you may not read it"):
        cases.write(ctx, events.update, app, weight.id, {"time": START + 2 * DAY})
    assert [e["content"] for e in cases.found(ctx, app)] == [71]
    cases.write(ctx, events.update, alice, weight.id, {"time": START + 2 * DAY})
    assert cases.found(ctx, app) == []


def test_a_chosen_token_is_kept_as_a_hash(ctx: Context, alice: Access) -> None:
    stored, token = make(ctx, alice, on(BODY), token="chosen-by-the-client")
    assert token == "chosen-by-the-client"
    assert stored.token_hash == tokens.digest(token)
    assert stored.sealed is None
