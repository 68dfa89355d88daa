"""Who may make an account: closed, by invitation, open; the same at every door."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from diurnal.auth.passwords import Rule
from diurnal.errors import Conflict, Forbidden, InvalidInput, NotFound, TooMany
from diurnal.model.access import Access
from diurnal.services import accounts, admin, sign_up
from diurnal.services.context import Context
from diurnal.store import accounts as rows
from tests.clock import DAY, Clock
from tests.conftest import PASSWORD
from tests.dialects.native.client import opened, owner_token

HERE = "192.0.2.7"
NEW = {"username": "dora", "password": PASSWORD, "address": HERE}


def having(ctx: Context, mode: Any) -> Context:
    return replace(ctx, settings=msgspec.structs.replace(ctx.settings, sign_up=mode))


def invited(ctx: Context, who: Access, **given: Any) -> str:
    return ctx.store.write(lambda tx: sign_up.invite(tx, ctx, who, **given)).result()[1]


def count(ctx: Context) -> int:
    return ctx.store.read(rows.count)


def test_a_closed_server_takes_nobody(ctx: Context, alice: Access) -> None:
    token = invited(ctx, alice)
    for invitation in (None, token):
        with pytest.raises(Forbidden):
            sign_up.register(ctx, invitation=invitation, **NEW)
    assert count(ctx) == 1


def test_an_open_server_takes_anybody_and_makes_nobody_an_admin(ctx: Context) -> None:
    """Whoever comes first through this door did not show that the machine is theirs."""
    made = sign_up.register(having(ctx, "open"), email="dora@example.org", **NEW)
    assert not made.admin
    assert accounts.create(ctx, username="alice", password=PASSWORD).admin is False


def test_an_invitation_makes_one_account(ctx: Context, alice: Access) -> None:
    there = having(ctx, "invite")
    token = invited(ctx, alice, note="for Dora")
    with pytest.raises(Forbidden):
        sign_up.register(there, **NEW)
    # What cannot be does not use it up.
    with pytest.raises(InvalidInput):
        sign_up.register(there, invitation=token, **(NEW | {"password": "short"}))
    with pytest.raises(Conflict):
        sign_up.register(there, invitation=token, **(NEW | {"username": "alice"}))
    assert sign_up.check_invitation(there, token, HERE)
    assert sign_up.register(there, invitation=token, **NEW).username == "dora"
    assert not sign_up.check_invitation(there, token, HERE)
    with pytest.raises(Forbidden):
        sign_up.register(there, invitation=token, **(NEW | {"username": "dave"}))
    [shown] = ctx.store.read(lambda tx: sign_up.listed(tx, alice))
    assert shown.used is not None
    assert shown.note == "for Dora"


def test_of_many_who_bring_one_invitation_one_gets_an_account(ctx: Context, alice: Access) -> None:
    there, token = having(ctx, "invite"), invited(ctx, alice)

    def bring(name: str) -> bool:
        try:
            sign_up.register(there, invitation=token, **(NEW | {"username": name}))
        except Forbidden:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(bring, [f"guest{i}" for i in range(8)])) == 1
    assert count(ctx) == 2


def test_an_invitation_ends_with_its_time_and_with_its_admin(
    ctx: Context, alice: Access, charlie: Access, clock: Clock
) -> None:
    there = having(ctx, "invite")
    with pytest.raises(Forbidden):
        invited(ctx, charlie)
    old = invited(ctx, alice)
    clock.tick(14 * DAY)
    taken_back = invited(ctx, alice)
    last = ctx.store.read(lambda tx: sign_up.listed(tx, alice))[-1]
    ctx.store.write(lambda tx: sign_up.take_back(tx, ctx, alice, last.id)).result()
    with pytest.raises(NotFound):
        ctx.store.write(lambda tx: sign_up.take_back(tx, ctx, alice, last.id)).result()
    admins = invited(ctx, alice)
    admin.set_flags(ctx, alice.account_id, admin=False)
    for token in (old, taken_back, admins, "dn_9_x_y", "x", ""):
        with pytest.raises(Forbidden):
            sign_up.register(there, invitation=token, **NEW)
    assert count(ctx) == 2


def test_guessing_invitations_is_stopped(ctx: Context, alice: Access) -> None:
    there = having(ctx, "invite")
    for _ in range(10):
        with pytest.raises(Forbidden):
            sign_up.register(there, invitation="a guess", **NEW)
    with pytest.raises(TooMany):
        sign_up.register(there, invitation=invited(ctx, alice), **NEW)


def test_a_dialect_has_its_own_password_rule(ctx: Context) -> None:
    there = having(ctx, "open")
    short = NEW | {"password": "abcde"}
    with pytest.raises(InvalidInput):
        sign_up.register(there, **short)
    assert sign_up.register(there, rule=Rule(5, 100), **short)
    with pytest.raises(InvalidInput):
        sign_up.register(there, rule=Rule(5, 100), **(NEW | {"password": "x" * 101}))


@pytest.mark.parametrize("name", ["admin", "AB", "a b", "x", "reg", "ädora"])
def test_a_name_that_cannot_be_is_not_free(ctx: Context, name: str) -> None:
    assert not ctx.store.read(lambda tx: sign_up.free(tx, username=name))
    with pytest.raises(InvalidInput):
        sign_up.register(having(ctx, "open"), **(NEW | {"username": name}))


@pytest.mark.parametrize("email", ["a@b,c@d", "a;b@c", '"a"@b', "a b@c", "a@b\nBcc: x@y", "@", "a"])
def test_an_address_that_would_be_two_is_refused(ctx: Context, email: str) -> None:
    with pytest.raises(InvalidInput):
        sign_up.register(having(ctx, "open"), email=email, **NEW)


def test_the_page_and_the_api_obey_the_same_setting(ctx: Context, alice: Access) -> None:
    body = {"username": "dora", "password": PASSWORD}
    with opened(ctx) as nobody:
        assert nobody.ok("GET", "/sign-up")["signUp"] == "closed"
        nobody.refused(403, "POST", "/sign-up", body)
        assert "takes no new accounts" in nobody.page("GET", "/sign-up").text
        assert nobody.page("POST", "/sign-up", data=body).status_code == 403
        assert "/sign-up" not in nobody.page("GET", "/sign-in").text
    with opened(having(ctx, "invite")) as nobody:
        owner = nobody.with_token(owner_token(ctx, alice))
        link = owner.ok("POST", "/invitations", {"note": "Dora"})["link"]
        token = link.partition("invitation=")[2]
        assert "link" not in owner.ok("GET", "/invitations")["invitations"][0]
        nobody.refused(403, "POST", "/sign-up", body)
        wrong = nobody.page("GET", "/sign-up?invitation=dn_1_x")
        assert (wrong.status_code, "too old" in wrong.text) == (403, True)
        form = nobody.page("GET", f"/sign-up?invitation={token}")
        assert f'value="{token}"' in form.text
        came = nobody.page("POST", "/sign-up", data=body | {"invitation": token})
        assert (came.status_code, came.headers["location"]) == (303, "/")
        assert "dora" in nobody.page("GET", "/plain").text
    with opened(having(ctx, "open")) as nobody:
        made = nobody.ok("POST", "/sign-up", {"username": "emil", "password": PASSWORD})
        assert made["username"] == "emil"
        assert nobody.refused(409, "POST", "/sign-up", body)["data"] == {"username": "dora"}
