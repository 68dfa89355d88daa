"""The page on which an owner answers an application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from diurnal.auth import signing
from diurnal.model.access import Access, Level, Permission, Place
from diurnal.services import authentication, consents, sessions
from diurnal.services.consents import AccessAsk
from diurnal.services.context import Context
from diurnal.store import accesses as rows
from tests.clock import DAY, HOUR, MINUTE, Clock
from tests.conftest import PASSWORD
from tests.oauth.browser import Browser, Form, answered, session
from tests.oauth.conftest import BACK, CHALLENGE, VERIFIER, App, registered

ONCE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def granted(ctx: Context, token: str) -> Access:
    return ctx.store.read(lambda tx: authentication.resolve(tx, ctx, token))


def test_nothing_changed_grants_exactly_what_was_asked(app: App, ctx: Context) -> None:
    access = granted(ctx, app.tokens()["access_token"])
    assert access.scopes == ("openid", "read:heart", "write:food")
    assert access.client_id == app.client.id
    assert all(p.start is None and not p.reduced for p in access.permissions)
    assert {(p.level, p.rights) for p in access.permissions} == {
        (Level.READ, None),
        (Level.CONTRIBUTE, ("create", "update", "delete")),
    }
    heart = next(p for p in access.permissions if p.level is Level.READ)
    assert "heart_rate" in (heart.measures or ())
    assert "weight" not in (heart.measures or ())
    assert access.expires == ctx.now() + HOUR


def test_an_owner_may_grant_less(app: App, ctx: Context, clock: Clock) -> None:
    page = app.page()
    chosen = {
        "item": ["read:heart"],
        "from": "today",
        "until": "7",
        "detail": "days",
        "place": "area",
        "delay": "1",
    }
    code = answered(app.browser.decide(page, **chosen))["code"]
    told = app.redeem(code).json()
    assert told["scope"] == "openid read:heart"
    [only] = granted(ctx, told["access_token"]).permissions
    assert only.level is Level.READ
    assert (only.days_only, only.place, only.delay) == (True, Place.AREA, 1)
    assert only.start is not None
    assert 0 <= ctx.now() - only.start <= DAY
    refreshed = app.refresh(told["refresh_token"]).json()
    assert granted(ctx, refreshed["access_token"]).permissions == (only,)
    clock.tick(7 * DAY)
    assert app.refresh(refreshed["refresh_token"]).status_code == 400
    assert not app.opens(refreshed["access_token"])


@ONCE
def test_the_page_says_what_is_asked_and_what_stays_closed(app: App) -> None:
    text = app.page().text
    for words in (
        "Allow Moodgraph to use your data?",
        "not verified",
        "signed in as <strong>alice</strong>",
        "Read your heart rate",
        "It will not see</strong> your",
        "location",
        f'<strong class="where">{BACK}</strong>',
    ):
        assert words in text
    assert "heart, " not in text.partition("will not see")[2].partition("</p>")[0]
    assert "<script" not in text
    fields = dict(Form(text).fields)
    assert (fields["from"], fields["until"], fields["detail"]) == ("all", "asked", "full")


@ONCE
def test_refusing_tells_the_application_and_grants_nothing(app: App, ctx: Context) -> None:
    told = answered(app.browser.decide(app.page(), "deny"))
    assert told["error"] == "access_denied"
    assert (told["state"], told["iss"]) == ("s1", "http://localhost:8400")
    assert "code" not in told
    none = app.browser.decide(app.page(), item=[])
    assert none.status_code == 400
    assert "at least one line" in none.text


@ONCE
def test_only_this_sessions_form_counts(app: App, ctx: Context, charlie: Access) -> None:
    page = app.page()
    fields = dict(Form(page.text).fields)
    other = Browser(ctx, session(ctx, charlie))
    again = Browser(ctx, session_of_alice(ctx))
    refused = [
        app.browser.decide(page, csrf=""),
        app.browser.decide(page, csrf=None),
        app.browser.decide(page, csrf="x" * 43),
        other.decide(page),  # another account's session
        again.decide(page),  # another session of the same account
        app.browser.decide(app.page(scope="read:all"), csrf=fields["csrf"]),  # another request
    ]
    assert [r.status_code for r in refused] == [403] * 6
    from_elsewhere = app.browser.request(
        "POST",
        "/consent",
        data=fields | {"decision": "allow"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert from_elsewhere.status_code == 403
    # A request that was changed on its way is none of ours.
    body, _, mac = fields["request"].partition(".")
    for changed in (body[:-2] + "AA." + mac, body, f"{body}.", "", f"{body}.{mac[:-2]}AA"):
        assert app.browser.decide(page, request=changed).status_code == 400
        assert app.browser.get(f"/consent?request={changed}").status_code == 400
    # The control.
    assert "code" in answered(app.browser.decide(page))


def session_of_alice(ctx: Context) -> str:
    found = sessions.sign_in(ctx, name="alice", password=PASSWORD, address="")
    return str(found[1])  # type: ignore[index]


@ONCE
def test_the_page_is_in_no_frame_and_leads_only_to_the_application(app: App) -> None:
    page = app.page()
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://app.example.org;" in policy
    assert "default-src 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    away = app.browser.decide(page)
    assert away.status_code == 303
    assert away.headers["referrer-policy"] == "no-referrer"  # the address holds a code


@ONCE
def test_who_is_not_signed_in_signs_in_and_comes_back(app: App, ctx: Context) -> None:
    app.browser.cookie = None
    page = app.page()
    form = Form(page.text)
    assert form.action == "/sign-in"
    fields = dict(form.fields) | {"name": "alice", "password": PASSWORD}
    inside = app.browser.request("POST", "/sign-in", data=fields)
    app.browser.cookie = inside.cookies["diurnal_session"]
    assert "Allow Moodgraph" in app.browser.get(inside.headers["location"]).text


@ONCE
def test_an_old_page_is_answered_no_more(app: App, clock: Clock) -> None:
    page = app.page()
    clock.tick(59 * MINUTE)
    assert app.browser.decide(page, "deny").is_redirect
    clock.tick(2 * MINUTE)
    assert app.browser.decide(page).status_code == 400


@ONCE
def test_no_page_no_consent(app: App, public: App, ctx: Context, clock: Clock) -> None:
    """`prompt=none` gives what stands to who can prove who they are, and nothing else."""
    pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}

    def silently(one: App, **given: Any) -> dict[str, str]:
        return answered(one.page(prompt="none", **given))

    assert silently(app)["error"] == "consent_required"
    app.code(choose={"item": ["read:heart"]})
    assert silently(app)["error"] == "consent_required"  # a code that nobody took grants nothing
    app.tokens(choose={"item": ["read:heart"], "from": "today"})
    assert silently(app)["error"] == "consent_required"  # that was less
    told = silently(app, scope="openid read:heart")
    [only] = granted(ctx, app.redeem(told["code"]).json()["access_token"]).permissions
    assert only.start is not None  # what was narrowed stays narrow
    assert public.redeem(public.code(**pkce), code_verifier=VERIFIER).status_code == 200
    assert silently(public, **pkce)["error"] == "consent_required"  # others can pass for it
    clock.tick(HOUR)
    assert silently(app, scope="openid read:heart", max_age="60")["error"] == "login_required"
    assert (
        "/sign-in"
        in app.browser.request(
            "GET", app.browser.request("GET", app.url(prompt="login")).headers["location"]
        ).headers["location"]
    )
    app.browser.cookie = None
    assert silently(app)["error"] == "login_required"


@ONCE
def test_who_was_granted_all_before_is_asked_shortly(app: App) -> None:
    app.tokens()
    text = app.page().text
    assert "You have allowed this before" in text
    assert "Continue" in text
    assert "You have allowed this before" not in app.page(scope="read:all").text


def test_every_consent_leaves_a_signed_receipt(app: App, ctx: Context, charlie: Access) -> None:
    tokens = app.tokens(choose={"until": "30"})
    [told] = app.browser.get("/api/v1/consents").json()["consents"]
    signer = signing.load(ctx.settings.data_dir, 0)
    claims = signer.read(told["receipt"])
    assert claims is not None
    assert claims["consent"] == told["consent"]
    record = told["consent"]
    assert record["schema_version"] == "ISO/IEC TS 27560:2023"
    assert record["pii_principal_id"] == "alice"
    assert record["event"][0]["event_state"] == "consent given"
    purpose = record["pii_processing"][0]["purposes"][0]
    assert purpose["scopes"] == ["openid", "read:heart", "write:food"]
    assert "heart_rate" in purpose["pii_information"][0]["pii_attribute_id"]
    assert purpose["retention_period"].startswith("20")
    assert signer.read(told["receipt"][:-4] + "AAAA") is None
    assert "withdrawal" not in told
    app.post("/revoke", token=tokens["access_token"])
    one = app.browser.get(f"/api/v1/consents/{told['id']}").json()
    withdrawal = signer.read(one["withdrawal"])
    assert withdrawal is not None
    assert withdrawal["event"]["event_state"] == "consent withdrawn"
    assert one["ended"] >= one["given"]
    theirs = Browser(ctx, session(ctx, charlie))
    assert theirs.get("/api/v1/consents").json() == {"consents": []}


Ask = Callable[..., AccessAsk]


@pytest.fixture
def ask(ctx: Context) -> Ask:
    def make(**given: Any) -> AccessAsk:
        fields: dict[str, Any] = {
            "api": "pryv",
            "name": "my-app",
            "permissions": (
                Permission(Level.READ, "diurnal-body"),
                Permission(Level.CONTRIBUTE, "diary"),
            ),
            "streams": {"diary": "Diary"},
            "return_to": "/pryv/reg/access/k1/done",
            "key": "k1",
            "device": "Phone",
            "at": ctx.now(),
        }
        return AccessAsk(**{**fields, **given})

    return make


def test_permissions_are_asked_one_by_one(app: App, ctx: Context, ask: Ask) -> None:
    page = app.browser.get(consents.page(ctx, ask()))
    assert "Read what is in “Body”" in page.text
    assert "“Diary”, a new stream" in page.text
    away = app.browser.decide(page).headers["location"]
    parts = urlsplit(away)
    assert parts.path == "/pryv/reg/access/k1/done"
    found = consents.outcome(ctx, parse_qs(parts.query)["outcome"][0])
    assert found.key == "k1"

    def look(tx: Any) -> Any:
        return rows.by_id(tx, found.account_id, found.access_id or "")

    stored = ctx.store.read(look)
    assert stored.access.permissions == ask().permissions
    assert (stored.access.api, stored.access.name, stored.device) == ("pryv", "my-app", "Phone")
    token = ctx.keys.open(stored.sealed, found.account_id)
    assert granted(ctx, token or "").id == found.access_id
    assert app.browser.get("/api/v1/streams/diary").json()["name"] == "Diary"
    [receipt] = app.browser.get("/api/v1/consents").json()["consents"]
    assert receipt["token"] == found.access_id


@ONCE
def test_permissions_may_be_refused_or_be_for_somebody_else(
    app: App, ctx: Context, ask: Ask
) -> None:
    page = app.browser.get(consents.page(ctx, ask()))
    away = app.browser.decide(page, "deny").headers["location"]
    text = parse_qs(urlsplit(away).query)["outcome"][0]
    assert consents.outcome(ctx, text).access_id is None
    part = app.browser.decide(page, item=["0"]).headers["location"]
    assert consents.outcome(ctx, parse_qs(urlsplit(part).query)["outcome"][0]).access_id
    assert app.browser.get("/api/v1/streams/diary").status_code == 404
    page = app.browser.get(consents.page(ctx, ask(username="charlie")))
    assert app.browser.decide(page).status_code == 403
    with pytest.raises(Exception, match="not ours"):
        consents.outcome(ctx, Form(page.text).fields[0][1])  # an ask is no outcome


@ONCE
def test_an_application_that_writes_some_attributes_writes_no_others(
    app: App, ctx: Context, charlie: Access
) -> None:
    one = App(
        app.browser, *registered(ctx, charlie, name="Held", attributes=["weight"], api="native")
    )
    tokens = one.tokens(scope="read:body write:body")
    access = granted(ctx, tokens["access_token"])
    writing = [p for p in access.permissions if p.allows.creates]
    assert [p.measures for p in writing] == [("weight",)]
    assert any(p.allows.reads and "body_fat" in (p.measures or ()) for p in access.permissions)
