"""What must not work at the token endpoint, each beside what does."""

from __future__ import annotations

import base64

import httpx2
import pytest

from diurnal.model.access import Access
from diurnal.services import accounts, admin
from diurnal.services.context import Context
from tests.clock import DAY, SECOND, Clock
from tests.oauth.browser import Browser, answered, session
from tests.oauth.conftest import BACK, CHALLENGE, VERIFIER, App, registered

PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


def error(answer: httpx2.Response) -> str:
    assert 400 <= answer.status_code < 500, answer.text
    assert "no-store" in answer.headers["cache-control"]
    return str(answer.json()["error"])


def test_a_code_is_good_once_and_its_reuse_ends_what_it_opened(app: App, clock: Clock) -> None:
    code = app.code()
    first = app.redeem(code).json()
    assert app.opens(first["access_token"])
    clock.tick(30 * SECOND)
    assert error(app.redeem(code)) == "invalid_grant"
    assert not app.opens(first["access_token"])
    assert error(app.refresh(first["refresh_token"])) == "invalid_grant"


def test_a_code_is_good_for_its_application_its_address_and_its_time(
    app: App, ctx: Context, charlie: Access, clock: Clock
) -> None:
    other = App(app.browser, *registered(ctx, charlie, name="Other"))
    code = app.code()
    assert error(other.redeem(code)) == "invalid_grant"
    assert error(app.redeem(code, redirect_uri=f"{BACK}2")) == "invalid_grant"
    assert error(app.redeem(code, redirect_uri=None)) == "invalid_grant"
    assert error(app.redeem(code[:-1] + "x")) == "invalid_grant"
    assert error(app.redeem("x" * 200)) == "invalid_grant"
    assert app.redeem(code).status_code == 200  # none of these used it up
    late = app.code()
    clock.tick(601 * SECOND)
    assert error(app.redeem(late)) == "invalid_grant"


def test_a_stolen_code_is_worth_nothing_without_its_verifier(app: App, public: App) -> None:
    for one in (app, public):
        code = one.code(**PKCE)
        assert error(one.redeem(code)) == "invalid_request"
        assert error(one.redeem(code, code_verifier="w" * 43)) == "invalid_grant"
        assert error(one.redeem(code, code_verifier="v" * 42)) == "invalid_request"
        assert error(one.redeem(code, code_verifier="v" * 129)) == "invalid_request"
        assert one.redeem(code, code_verifier=VERIFIER).status_code == 200


def test_pkce_cannot_be_stripped_or_weakened(app: App, public: App) -> None:
    told = answered(public.browser.request("GET", public.url()))
    assert told["error"] == "invalid_request"  # who has no secret must use it
    for weak in ({"code_challenge": CHALLENGE}, {**PKCE, "code_challenge_method": "plain"}):
        assert answered(public.browser.request("GET", public.url(**weak)))["error"]
    # Stripped on the way: a verifier without a challenge tells that somebody did.
    assert error(app.redeem(app.code(), code_verifier=VERIFIER)) == "invalid_request"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_an_application_shows_its_secret(app: App, public: App) -> None:
    code = app.code()
    id_, secret = app.client.id, app.secret or ""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}

    def post(path: str = "/oauth2/token", **given: object) -> httpx2.Response:
        return app.browser.client.post(path, **given)  # type: ignore[arg-type]

    def basic(text: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(text.encode("latin-1")).decode()}

    wrong = [
        post(data={**form, "client_id": id_, "client_secret": "x" * 40}),
        post(data={**form, "client_id": id_, "client_secret": ""}),
        post(data={**form, "client_id": id_}),  # `none` for one with a secret
        post(data={**form, "client_id": "nobody", "client_secret": secret}),
        post(data=form),
        post(data=form, headers=basic(f"{id_}:x")),
        post(data=form, headers=basic(f"{id_}:")),
        post(data=form, headers=basic(id_)),
        post(data=form, headers=basic("\xff\xfe:x")),
        post(data=form, headers={"Authorization": "Basic !!!"}),
        post(f"/oauth2/token?client_id={id_}&client_secret={secret}", data=form),
        post(data={**form, "client_id": id_, "client_secret": secret.upper()}),
    ]
    assert [error(a) for a in wrong] == ["invalid_client"] * len(wrong)
    assert {a.status_code for a in wrong} <= {400, 401}
    assert wrong[5].headers["www-authenticate"].startswith("Basic")
    twice = post(
        content=f"client_id={id_}&client_id={id_}&client_secret={secret}&code={code}"
        "&grant_type=authorization_code",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert error(twice) == "invalid_request"
    assert (
        error(
            post(data={**form, "grant_type": "password", "client_id": id_, "client_secret": secret})
        )
        == "unsupported_grant_type"
    )
    assert error(post(data={"client_id": id_, "client_secret": secret})) == "unsupported_grant_type"
    assert post("/oauth2/token", content=b"\0").status_code in (400, 401)
    assert app.browser.request("GET", "/oauth2/token").status_code == 405
    percent = "".join(f"%{ord(c):02x}" for c in secret)
    assert post(data=form, headers=basic(f"{id_}:{percent}")).status_code == 200
    # Who has no secret is not asked for one, and none will do.
    other = public.code(**PKCE)
    assert error(public.redeem(other, code_verifier=VERIFIER, client_secret="x")) == (
        "invalid_client"
    )
    assert public.redeem(other, code_verifier=VERIFIER).status_code == 200


def test_refreshing_rotates_and_an_old_token_ends_the_family(app: App) -> None:
    first = app.tokens()
    second = app.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert not app.opens(first["access_token"])
    assert app.opens(second["access_token"])
    third = app.refresh(second["refresh_token"]).json()
    assert error(app.refresh(first["refresh_token"])) == "invalid_grant"
    assert not app.opens(third["access_token"])
    assert error(app.refresh(third["refresh_token"])) == "invalid_grant"


def test_a_refresh_token_is_its_applications_and_grows_no_scope(
    app: App, ctx: Context, charlie: Access, clock: Clock
) -> None:
    other = App(app.browser, *registered(ctx, charlie, name="Other"))
    tokens = app.tokens()
    refresh = tokens["refresh_token"]
    assert error(other.refresh(refresh)) == "invalid_grant"
    assert error(app.refresh(refresh, scope="read:heart write:heart")) == "invalid_scope"
    assert error(app.refresh(refresh, scope="*")) == "invalid_scope"
    assert error(app.refresh(tokens["access_token"])) == "invalid_grant"
    less = app.refresh(refresh, scope="read:heart").json()
    assert less["scope"] == "read:heart"
    whole = app.refresh(less["refresh_token"]).json()
    assert whole["scope"] == tokens["scope"]  # what was granted stands
    clock.tick(90 * DAY)  # however often it was used meanwhile
    assert error(app.refresh(whole["refresh_token"])) == "invalid_grant"


def test_what_is_revoked_is_dead_at_once(app: App, ctx: Context, charlie: Access) -> None:
    other = App(app.browser, *registered(ctx, charlie, name="Other"))
    tokens = app.tokens()
    for token in (tokens["access_token"], tokens["refresh_token"], "x"):
        assert other.post("/revoke", token=token).status_code == 200  # tells nothing
        assert other.post("/introspect", token=token).json() == {"active": False}
    assert app.opens(tokens["access_token"])
    told = app.post("/introspect", token=tokens["access_token"]).json()
    assert told["active"]
    assert told["scope"] == tokens["scope"]
    assert told["username"] == "alice"
    assert app.post("/introspect", token=tokens["refresh_token"], basic=True).json()["active"]
    assert error(app.post("/introspect", token="x", client_secret="y")) == "invalid_client"
    assert app.post("/revoke", token=tokens["refresh_token"]).status_code == 200
    assert not app.opens(tokens["access_token"])
    assert app.post("/introspect", token=tokens["refresh_token"]).json() == {"active": False}
    assert error(app.refresh(tokens["refresh_token"])) == "invalid_grant"


def test_withdrawing_an_application_ends_its_tokens(app: App) -> None:
    tokens = app.tokens()
    listed = app.browser.get("/api/v1/tokens").json()["tokens"]
    [mine] = [t for t in listed if t.get("clientId") == app.client.id]
    assert mine["name"] == "Moodgraph"
    app.browser.request("DELETE", f"/api/v1/tokens/{mine['id']}")
    assert not app.opens(tokens["access_token"])
    assert error(app.refresh(tokens["refresh_token"])) == "invalid_grant"


def test_deleting_an_application_ends_what_everybody_granted_it(
    app: App, ctx: Context, charlie: Access
) -> None:
    tokens = app.tokens()
    theirs = Browser(ctx, session(ctx, charlie))
    gone = theirs.request("DELETE", f"/api/v1/clients/{app.client.id}")
    assert gone.status_code == 200, gone.text
    assert not app.opens(tokens["access_token"])
    assert error(app.refresh(tokens["refresh_token"])) == "invalid_client"
    assert app.browser.request("GET", app.url()).status_code == 400
    last = App(app.browser, *registered(ctx, charlie))
    token = last.tokens()["access_token"]
    accounts.delete(ctx, charlie.account_id)
    assert not app.opens(token)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_new_secret_replaces_the_old_one(app: App, ctx: Context, charlie: Access) -> None:
    theirs = Browser(ctx, session(ctx, charlie))
    code = app.code()
    made = theirs.request("POST", f"/api/v1/clients/{app.client.id}/secret").json()
    assert error(app.redeem(code)) == "invalid_client"
    app.secret = made["secret"]
    assert app.redeem(code).status_code == 200


def test_what_the_owner_has_changed_stays_when_an_application_refreshes(
    app: App, clock: Clock
) -> None:
    tokens = app.tokens()
    [mine] = [t for t in app.browser.get("/api/v1/tokens").json()["tokens"] if t.get("clientId")]
    narrow = [{"level": "read", "stream": "*", "measures": ["heart_rate"]}]
    ends = clock.now() // SECOND + 2 * DAY // SECOND
    changed = app.browser.request(
        "PATCH", f"/api/v1/tokens/{mine['id']}", json={"permissions": narrow, "expires": ends}
    )
    assert changed.status_code == 200, changed.text
    tokens = app.refresh(tokens["refresh_token"]).json()
    [now] = [t for t in app.browser.get("/api/v1/tokens").json()["tokens"] if t.get("clientId")]
    assert now["id"] == mine["id"]
    assert [p.get("measures") for p in now["permissions"]] == [["heart_rate"]]
    clock.tick(2 * DAY)
    assert error(app.refresh(tokens["refresh_token"])) == "invalid_grant"


def test_the_owner_finds_it_in_the_log(app: App) -> None:
    first = app.tokens()
    app.refresh(first["refresh_token"])
    app.refresh(first["refresh_token"])
    app.browser.decide(app.page(), "deny")
    lines = app.browser.get("/api/v1/audit").json()["lines"]
    told = [(e["action"], e.get("error", "")) for e in lines]
    for one in (
        ("consent.allow", ""),
        ("oauth.token", ""),
        ("oauth.token", "invalid_grant"),
        ("consent.refuse", ""),
    ):
        assert one in told


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_closed_account_gives_no_tokens(app: App, ctx: Context, alice: Access) -> None:
    code, tokens = app.code(), app.tokens()
    admin.set_flags(ctx, alice.account_id, disabled=True)
    assert not app.opens(tokens["access_token"])
    assert error(app.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert error(app.redeem(code)) == "invalid_grant"
    admin.set_flags(ctx, alice.account_id, disabled=False)
    assert app.refresh(tokens["refresh_token"]).status_code == 200
