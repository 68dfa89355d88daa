"""Coming in: attacks on sign-in, each beside a control that shows the test can fail."""

from __future__ import annotations

import contextlib
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyotp
import pytest

from diurnal.auth import one_time_codes, passwords
from diurnal.errors import Conflict, Forbidden, InvalidInput, TooMany, Unauthenticated
from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.services import (
    accesses,
    accounts,
    admin,
    attempts,
    audit,
    authentication,
    second_factor,
    sessions,
    sign_in,
)
from diurnal.services import passwords as password_cases
from diurnal.services.context import Context, Ids
from diurnal.services.sign_in import Pending, Proof
from diurnal.store import totp
from diurnal.store.blobs import Blobs
from tests.clock import DAY, HOUR, MINUTE, SECOND, Clock
from tests.conftest import PASSWORD
from tests.dialects.native.client import opened

HERE, THERE = "192.0.2.7", "198.51.100.9"


def begin(ctx: Context, name: str = "alice", password: str = PASSWORD, address: str = HERE) -> Any:
    return sign_in.begin(ctx, name=name, password=password, address=address)


def with_factor(ctx: Context, who: Access, clock: Clock) -> tuple[pyotp.TOTP, list[str]]:
    """Set a second factor up; return the app and the recovery codes."""
    made = second_factor.begin(ctx, who, password=PASSWORD, address=HERE)
    app = pyotp.TOTP(made.secret)
    code = app.at(clock.now() // SECOND)
    codes = ctx.store.write(lambda tx: second_factor.confirm(tx, ctx, who, code)).result()
    clock.tick(MINUTE)
    return app, codes


def code_now(app: pyotp.TOTP, clock: Clock) -> str:
    return app.at(clock.now() // SECOND)


def work_of(monkeypatch: pytest.MonkeyPatch, ctx: Context, name: str) -> list[str]:
    """Return the hashes that were computed for a wrong password."""
    done: list[str] = []
    hasher = passwords._hasher()

    class Counting:
        def verify(self, password: str, stored: str) -> bool:
            done.append(stored.rpartition("$")[0].rpartition("$")[0])
            return hasher.verify(password, stored)

        def hash(self, password: str) -> str:
            return hasher.hash(password)

    with monkeypatch.context() as patch:
        patch.setattr(passwords, "_hasher", Counting)
        with pytest.raises(Unauthenticated) as refused:
            begin(ctx, name, "a guess")
    assert refused.value.message == "the name and the password do not belong together"
    return done


def test_a_name_that_nobody_has_costs_the_same_work(
    ctx: Context, alice: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords._decoy.cache_clear()
    known, unknown = (work_of(monkeypatch, ctx, n) for n in ("alice", "nobody"))
    assert known == unknown
    assert len(known) == 1
    # Control: who looks first and hashes then is found out.
    look_first = lambda p, s: s is not None and passwords._hasher().verify(p, s)  # noqa: E731
    monkeypatch.setattr(passwords, "fits", look_first)
    assert work_of(monkeypatch, ctx, "nobody") == []


def test_guessing_at_one_account_is_stopped_for_who_guesses_alone(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    for _ in range(attempts.PAIR_MAX):
        with pytest.raises(Unauthenticated):
            begin(ctx, password="a guess")
    with pytest.raises(TooMany) as refused:
        begin(ctx)
    assert 0 < refused.value.retry_after_s <= attempts.WINDOW_S
    assert isinstance(begin(ctx, address=THERE), Proof)
    clock.tick(refused.value.retry_after_s * SECOND)
    assert isinstance(begin(ctx), Proof)


def test_one_address_guesses_at_few_accounts_and_an_account_is_guessed_at_seldom(
    ctx: Context, alice: Access
) -> None:
    for i in range(attempts.ADDRESS_MAX):
        ctx.attempts.failed(f"somebody{i}", HERE)
    with pytest.raises(TooMany):
        begin(ctx)
    assert isinstance(begin(ctx, address=THERE), Proof)
    for i in range(attempts.NAME_MAX):
        ctx.attempts.failed("alice", f"10.0.0.{i}")
    with pytest.raises(TooMany):
        begin(ctx, address=THERE)


def test_failures_are_counted_for_all_processes(ctx: Context, alice: Access, clock: Clock) -> None:
    other = Context(
        ctx.store,
        ctx.settings,
        ctx.keys,
        Blobs(ctx.settings.data_dir),
        clock.now,
        Ids(clock.now).new,
    )
    for i in range(attempts.PAIR_MAX):
        with pytest.raises(Unauthenticated):
            begin(ctx if i % 2 else other, password="a guess")
    for process in (ctx, other):
        with pytest.raises(TooMany):
            begin(process)


def test_who_knows_the_password_is_never_slowed(ctx: Context, alice: Access) -> None:
    for _ in range(3 * attempts.PAIR_MAX):
        assert isinstance(begin(ctx), Proof)


def test_the_password_alone_opens_nothing_where_a_code_is_asked_for(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    app, _ = with_factor(ctx, alice, clock)
    pending = begin(ctx)
    assert isinstance(pending, Pending)
    # The ticket is no token, and no other ticket does.
    with pytest.raises(Unauthenticated):
        ctx.store.read(lambda tx: authentication.resolve(tx, ctx, pending.ticket))
    with pytest.raises(Unauthenticated):
        sign_in.finish(ctx, ticket=pending.ticket, code="000000", address=HERE)
    with pytest.raises(Forbidden):
        sign_in.finish(ctx, ticket="dn_1_x_y", code=code_now(app, clock), address=HERE)
    proof = sign_in.finish(ctx, ticket=pending.ticket, code=code_now(app, clock), address=HERE)
    assert proof.method == "code"
    with pytest.raises(Forbidden):
        sign_in.finish(ctx, ticket=pending.ticket, code=code_now(app, clock), address=HERE)


def test_a_ticket_is_for_ten_minutes(ctx: Context, alice: Access, clock: Clock) -> None:
    app, _ = with_factor(ctx, alice, clock)
    ticket = begin(ctx).ticket
    clock.tick(sign_in.TICKET_LASTS_US)
    with pytest.raises(Forbidden):
        sign_in.finish(ctx, ticket=ticket, code=code_now(app, clock), address=HERE)


def test_of_many_who_bring_one_code_one_comes_in(
    ctx: Context, alice: Access, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, _ = with_factor(ctx, alice, clock)
    tickets = [begin(ctx).ticket for _ in range(8)]
    code, came_in = code_now(app, clock), []

    def bring(ticket: str) -> None:
        with contextlib.suppress(Unauthenticated, TooMany):
            came_in.append(sign_in.finish(ctx, ticket=ticket, code=code, address=HERE))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(bring, tickets))
    assert len(came_in) == 1
    # Control: without the memory of the last step a second one comes in.
    ctx.attempts.forget("second factor 1")
    monkeypatch.setattr(totp, "step", lambda *_: None)
    clock.tick(MINUTE)
    for _ in range(2):
        ticket = begin(ctx, address=THERE).ticket
        sign_in.finish(ctx, ticket=ticket, code=code_now(app, clock), address=THERE)


def test_guessing_codes_is_stopped_wherever_it_comes_from(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    app, _ = with_factor(ctx, alice, clock)
    ticket = begin(ctx).ticket
    for i in range(attempts.CODE_MAX):
        with pytest.raises(Unauthenticated):
            sign_in.finish(ctx, ticket=ticket, code="000000", address=f"10.0.0.{i}")
    with pytest.raises(TooMany):
        sign_in.finish(ctx, ticket=ticket, code=code_now(app, clock), address=THERE)


def test_a_recovery_code_works_once_in_place_of_a_code(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    _, codes = with_factor(ctx, alice, clock)
    assert len(set(codes)) == one_time_codes.RECOVERY_CODES
    typed = f" {codes[0].upper().replace('-', ' ')} "
    proof = sign_in.finish(ctx, ticket=begin(ctx).ticket, code=typed, address=HERE)
    assert proof.method == "recovery"
    with pytest.raises(Unauthenticated):
        sign_in.finish(ctx, ticket=begin(ctx).ticket, code=codes[0], address=HERE)
    state = ctx.store.read(lambda tx: second_factor.state(tx, alice))
    assert state.recovery_codes == one_time_codes.RECOVERY_CODES - 1


def test_a_factor_is_taken_away_by_who_has_password_and_code(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    app, codes = with_factor(ctx, alice, clock)
    for password, code in ((PASSWORD, "000000"), ("a guess", code_now(app, clock))):
        with pytest.raises(InvalidInput):
            second_factor.remove(ctx, alice, password=password, code=code, address=HERE)
    with pytest.raises(Conflict):
        second_factor.begin(ctx, alice, password=PASSWORD, address=HERE)
    second_factor.remove(ctx, alice, password=PASSWORD, code=codes[1], address=HERE)
    assert isinstance(begin(ctx), Proof)


def test_codes_fit_a_minute_around_now() -> None:
    secret = one_time_codes.make_secret()
    app = pyotp.TOTP(secret)
    now = 1_700_000_000
    fits = {
        off: one_time_codes.fitting_step(secret, app.at(now + off), now_s=now, after=0) is not None
        for off in (-90, -30, 0, 30, 90)
    }
    assert fits == {-90: False, -30: True, 0: True, 30: True, 90: False}
    for code in ("", "12345", "1234567", "12345x", "１２３４５６"):
        assert one_time_codes.fitting_step(secret, code, now_s=now, after=0) is None


def session(ctx: Context, who: Access, **given: Any) -> tuple[str, str]:
    account = ctx.store.read(lambda tx: accounts.find(tx, who.username))
    stored, token = sessions.begin(ctx, Proof(account, "password"), **given)
    return stored.access.id, token


def opens(ctx: Context, token: str) -> bool:
    try:
        ctx.store.read(lambda tx: authentication.resolve(tx, ctx, token))
    except Unauthenticated:
        return False
    return True


def test_sessions_say_where_they_came_from_and_end(
    ctx: Context, alice: Access, charlie: Access
) -> None:
    mine, _ = session(ctx, alice, address=HERE, device="Mozilla/5.0 Firefox/150.0")
    other, token = session(ctx, alice, address=THERE)
    his, _ = session(ctx, charlie)
    [one] = [s for s in ctx.store.read(lambda tx: sessions.listed(tx, ctx, alice)) if s.id == mine]
    assert (one.address, one.device, one.method) == (HERE, "Mozilla/5.0 Firefox/150.0", "password")
    ctx.store.write(lambda tx: sessions.end(tx, ctx, alice, other)).result()
    assert not opens(ctx, token)
    for gone in (other, his):
        with pytest.raises(accounts.NotFound):
            ctx.store.write(lambda tx, id_=gone: sessions.end(tx, ctx, alice, id_)).result()


def test_a_new_password_ends_sessions_and_apps_if_asked(ctx: Context, alice: Access) -> None:
    id_, mine = session(ctx, alice)
    caller = ctx.store.read(lambda tx: authentication.resolve(tx, ctx, mine))
    assert caller.id == id_
    _, other = session(ctx, alice)
    _, app = ctx.store.write(
        lambda tx: accesses.create(
            tx, ctx, alice, name="N", permissions=[Permission(Level.MANAGE)], kind=Kind.APP
        )
    ).result()
    maker = ctx.store.read(lambda tx: authentication.resolve(tx, ctx, app)).id
    _, made = ctx.store.write(
        lambda tx: accesses.issue(
            tx,
            ctx,
            account_id=alice.account_id,
            username="alice",
            kind=Kind.SHARED,
            name="M",
            made_by=maker,
        )
    ).result()
    change = {"address": HERE, "new": "another good one"}
    assert password_cases.change(ctx, caller, current=PASSWORD, **change) == 1
    assert [opens(ctx, t) for t in (mine, other, app, made)] == [True, False, True, True]
    change["new"] = PASSWORD
    password_cases.change(ctx, caller, current="another good one", revoke_apps=True, **change)
    assert [opens(ctx, t) for t in (mine, other, app, made)] == [True, False, False, False]


def test_of_two_who_change_the_password_at_once_one_does(ctx: Context, alice: Access) -> None:
    done: list[str] = []
    ready = threading.Barrier(4)

    def change(new: str) -> None:
        ready.wait()
        try:
            password_cases.change(ctx, alice, current=PASSWORD, new=new, address=HERE)
        except (Conflict, InvalidInput):
            return
        done.append(new)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(change, [f"a good one {i}" for i in range(4)]))
    assert len(done) == 1
    assert isinstance(begin(ctx, password=done[0]), Proof)


def test_a_closed_account_lets_nobody_in_and_opens_again(
    ctx: Context, alice: Access, charlie: Access
) -> None:
    _, token = session(ctx, charlie)
    held = ctx.store.read(lambda tx: authentication.resolve(tx, ctx, token))
    admin.change(ctx, alice, "charlie", disabled=True)
    assert not opens(ctx, token)
    assert not ctx.store.read(lambda tx: authentication.stands(tx, held))
    assert ctx.store.read(lambda tx: authentication.current(tx, ctx, held)) is None
    with pytest.raises(Forbidden):
        begin(ctx, "charlie")
    with pytest.raises(Unauthenticated):
        begin(ctx, "charlie", "a guess")
    admin.change(ctx, alice, "charlie", disabled=False)
    assert opens(ctx, token)


def test_only_admins_administer_and_not_themselves(
    ctx: Context, alice: Access, charlie: Access
) -> None:
    with pytest.raises(Forbidden):
        admin.change(ctx, charlie, "alice", disabled=True)
    with pytest.raises(Forbidden):
        ctx.store.read(lambda tx: admin.listed(tx, charlie))
    with pytest.raises(Conflict):
        admin.change(ctx, alice, "alice", disabled=True)
    admin.change(ctx, alice, "charlie", admin=True)
    admin.change(ctx, charlie, "alice", admin=False)
    with pytest.raises(Forbidden):
        ctx.store.read(lambda tx: admin.listed(tx, alice))
    shown = ctx.store.read(lambda tx: admin.listed(tx, charlie))
    assert [f.account.username for f in shown] == ["alice", "charlie"]


def test_attempts_of_long_ago_are_forgotten(ctx: Context, clock: Clock) -> None:
    for _ in range(attempts.PAIR_MAX):
        ctx.attempts.failed("x", HERE)
    with pytest.raises(TooMany):
        ctx.attempts.check("x", HERE)
    clock.tick(HOUR + DAY)
    ctx.attempts.check("x", HERE)
    ctx.attempts.tidy()
    clock.tick(-HOUR - DAY)
    ctx.attempts.check("x", HERE)


def lines(ctx: Context, who: Access) -> list[tuple[str, str, str, str]]:
    """Return (action, target, error, address) of what the audit holds."""
    audit.flush(ctx)
    found = ctx.store.read(lambda tx: audit.find(tx, who, audit.Query()))
    return [(e.line.action, e.line.target, e.line.error, e.line.address) for e in found]


def test_the_audit_tells_the_owner_who_came_in_and_who_was_refused(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    app, _ = with_factor(ctx, alice, clock)
    for name in ("alice", "nobody"):
        with pytest.raises(Unauthenticated):
            begin(ctx, name, "a guess")
    with pytest.raises(Unauthenticated):
        sign_in.finish(ctx, ticket=begin(ctx).ticket, code="000000", address=THERE)
    code = code_now(app, clock)
    proof = sign_in.finish(ctx, ticket=begin(ctx).ticket, code=code, address=HERE)
    sessions.begin(ctx, proof, address=HERE)
    assert sorted(lines(ctx, alice)) == [
        ("session.begin", "", "unauthenticated", HERE),
        ("session.begin", "", "unauthenticated", THERE),
        ("session.begin", "code", "", HERE),
    ]


def test_the_audit_tells_what_the_security_page_did(ctx: Context, alice: Access) -> None:
    with opened(ctx) as browser:
        browser.page("POST", "/sign-in", data={"name": "alice", "password": PASSWORD})
        for current in ("a guess", PASSWORD):
            form = {"current": current, "new": "another good one"}
            browser.page("POST", "/security/password", data=form)
    told = [(action, error) for action, _, error, _ in lines(ctx, alice)]
    assert ("security.password", "invalid-input") in told
    assert ("security.password", "") in told


def test_no_door_looks_at_passwords_by_itself() -> None:
    """Whoever did would lead past the second factor and the count of failures."""
    root = Path(sign_in.__file__).parents[1]
    known = {"services/sign_in.py", "services/accounts.py"}
    # Shares have passwords of their own; these are an account's.
    looking = re.compile(r"\bcheck_password\(|\baccount\.password_hash if\b")
    found = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if looking.search(path.read_text())
    }
    assert found == known
