"""Signing out at an application's wish, as RP-Initiated Logout 1.0 has it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from diurnal.model.access import Access
from diurnal.services.context import Context
from tests.clock import HOUR, Clock
from tests.oauth.browser import Browser, Form, session
from tests.oauth.conftest import BACK, App, registered

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def wished(app: App, *, method: str = "GET", **given: Any) -> httpx2.Response:
    """Go where the application sends its user, and follow as far as that stays here."""
    text = urlencode([(k, v) for k, v in given.items() if v is not None], doseq=True)
    if method == "GET":
        return app.browser.get(f"{app.door}/logout?{text}")
    sent = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = app.browser.request("POST", f"{app.door}/logout", content=text, headers=sent)
    assert answer.status_code == 303
    return app.browser.get(answer.headers["location"])


def is_in(app: App) -> bool:
    return app.browser.request("GET", "/api/v1/account").status_code == 200


def press(app: App, page: httpx2.Response) -> httpx2.Response:
    form = Form(page.text)
    return app.browser.request("POST", form.action, data=dict(form.fields))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_whom_the_id_token_names_is_signed_out_and_led_back(app: App, method: str) -> None:
    hint = app.tokens()["id_token"]
    assert is_in(app)
    answer = wished(
        app, method=method, id_token_hint=hint, post_logout_redirect_uri=BACK, state="a b"
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{BACK}?state=a+b"
    assert "diurnal" in answer.headers["set-cookie"]
    assert not is_in(app)


def test_an_id_token_past_its_time_still_says_whose_it_was(app: App, clock: Clock) -> None:
    hint = app.tokens()["id_token"]
    clock.tick(30 * HOUR)
    wished(app, id_token_hint=hint)
    assert not is_in(app)


def test_others_are_asked_first(app: App) -> None:
    for given in ({}, {"client_id": app.client.id, "post_logout_redirect_uri": BACK}):
        page = wished(app, **given)
        assert page.status_code == 200
        assert "Sign out?" in page.text
        assert is_in(app)
    policy = page.headers["content-security-policy"]
    assert "form-action 'self' https://app.example.org;" in policy
    assert app.client.name in page.text
    answer = press(app, page)
    assert (answer.status_code, answer.headers["location"]) == (303, BACK)
    assert not is_in(app)


def test_the_user_of_somebody_elses_id_token_is_asked(
    ctx: Context, app: App, charlie: Access
) -> None:
    hint = app.tokens()["id_token"]
    app.browser = Browser(ctx, session(ctx, charlie))
    assert "Sign out?" in wished(app, id_token_hint=hint).text
    assert is_in(app)


def test_who_is_signed_out_already_goes_straight_on(ctx: Context, app: App) -> None:
    hint = app.tokens()["id_token"]
    app.browser = Browser(ctx)
    assert "You are signed out" in wished(app, id_token_hint=hint).text
    there = wished(app, id_token_hint=hint, post_logout_redirect_uri=BACK)
    assert there.headers["location"] == BACK


@pytest.mark.parametrize(
    "wrong",
    [
        {"post_logout_redirect_uri": "https://evil.example/"},
        {"post_logout_redirect_uri": f"{BACK}/../x"},
        {"post_logout_redirect_uri": BACK, "id_token_hint": None},
        {"id_token_hint": "x.y.z"},
        {"client_id": "another"},
        {"state": ["1", "2"]},
    ],
)
def test_a_wish_that_cannot_be_right_leads_nowhere(app: App, wrong: dict[str, Any]) -> None:
    given = {"id_token_hint": app.tokens()["id_token"], **wrong}
    answer = wished(app, **given)
    assert answer.status_code == 400
    assert "This request cannot be right" in answer.text
    assert is_in(app)


def test_an_id_token_of_another_door_signs_nobody_out(ctx: Context, alice: Access) -> None:
    client, secret = registered(ctx, alice, api="personicle", name="Watch")
    watch = App(Browser(ctx, session(ctx, alice)), client, secret)
    watch.door = "/personicle/oauth2/default/v1"
    heart = "com.personicle.individual.datastreams.heartrate"
    hint = watch.tokens(scope=f"openid {heart}")["id_token"]
    watch.door = "/oauth2"
    assert wished(watch, id_token_hint=hint).status_code == 400
    watch.door = "/personicle/oauth2/default/v1"
    assert is_in(watch)
    wished(watch, id_token_hint=hint)
    assert not is_in(watch)


@pytest.mark.parametrize("text", ["", "x.y", "x"])
def test_a_page_that_was_not_asked_for_signs_nobody_out(app: App, text: str) -> None:
    assert app.browser.get(f"/sign-out?request={text}").status_code == 400
    assert app.browser.request("POST", "/sign-out", data={"request": text}).status_code == 400
    assert is_in(app)


def test_a_wish_is_answered_within_an_hour(app: App, clock: Clock) -> None:
    page = wished(app)
    clock.tick(2 * HOUR)
    assert press(app, page).status_code == 400
    assert is_in(app)


@pytest.mark.parametrize(
    "named",
    [
        "/.well-known/openid-configuration",
        "/personicle/oauth2/default/.well-known/openid-configuration",
    ],
)
def test_the_metadata_say_where_to_sign_out(app: App, named: str) -> None:
    told = app.browser.client.get(named).json()
    assert told["end_session_endpoint"].endswith("/logout")
    page = app.browser.get(told["end_session_endpoint"].removeprefix("http://localhost:8400"))
    assert "Sign out?" in page.text
