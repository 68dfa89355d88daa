"""Changing what one signs in with."""

from __future__ import annotations

import pytest

from diurnal.model.access import Access
from diurnal.services import sessions
from diurnal.services.context import Context
from tests.conftest import PASSWORD
from tests.dialects.native.client import Api, opened

NEW = "another battery staple"


def signed_in(ctx: Context, password: str = PASSWORD, name: str = "alice") -> str:
    return sessions.sign_in(ctx, name=name, password=password, address="")[1]


@pytest.mark.usefixtures("alice")
def test_a_new_password_ends_the_other_sessions_and_opens_the_account(ctx: Context) -> None:
    mine, other = signed_in(ctx), signed_in(ctx)
    with opened(ctx, mine) as api:
        api.refused(400, "PUT", "/account/password", {"current": "no", "new": NEW})
        api.refused(400, "PUT", "/account/password", {"current": PASSWORD, "new": "short"})
        api.with_token(other).ok("GET", "/session")
        told = api.ok("PUT", "/account/password", {"current": PASSWORD, "new": NEW})
        assert told == {"ended": 1}
        api.ok("GET", "/session")
        api.with_token(other).refused(401, "GET", "/session")
        api.refused(401, "POST", "/session", {"name": "alice", "password": PASSWORD})
    assert signed_in(ctx, NEW)


def test_an_address_is_changed_by_who_knows_the_password_and_leads_to_the_account(
    api: Api, ctx: Context, charlie: Access
) -> None:
    with opened(ctx, signed_in(ctx, name="charlie")) as other:
        taken = {"email": "taken@example.org", "password": PASSWORD}
        assert other.ok("PUT", "/account/email", taken)["email"] == "taken@example.org"
    wrong = {"email": "me@example.org", "password": "guessed"}
    assert api.refused(400, "PUT", "/account/email", wrong)["field"] == "password"
    api.refused(400, "PUT", "/account/email", {"email": "nonsense", "password": PASSWORD})
    api.refused(409, "PUT", "/account/email", {"email": "Taken@example.org", "password": PASSWORD})
    good = {"email": "Me@example.org", "password": PASSWORD}
    assert api.ok("PUT", "/account/email", good)["email"] == "Me@example.org"
    assert signed_in(ctx, name="me@example.org")
    assert "email" not in api.ok("PUT", "/account/email", {"email": None, "password": PASSWORD})
    with opened(ctx, signed_in(ctx, name="charlie")) as other:
        other.ok("PUT", "/account/email", good)
