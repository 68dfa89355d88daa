"""The way in for devices without a browser."""

from __future__ import annotations

import pytest

from diurnal.model.access import Access
from diurnal.services.context import Context
from tests.clock import MINUTE, SECOND, Clock
from tests.oauth.browser import Form
from tests.oauth.conftest import App

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def begin(app: App) -> dict[str, str]:
    answer = app.post("/device_authorization", scope="read:heart offline_access")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ask(app: App, device: dict[str, str]) -> dict[str, str]:
    return dict(app.post("/token", grant_type=GRANT, device_code=device["device_code"]).json())


def typed(app: App, code: str) -> str:
    """Type a code on the device page; return the page that follows."""
    form = Form(app.browser.get("/device").text)
    answer = app.browser.request("POST", form.action, data={"user_code": code})
    return app.browser.get(answer.headers["location"]).text if answer.is_redirect else answer.text


def test_a_device_waits_for_its_owner(app: App, public: App, clock: Clock) -> None:
    for one in (app, public):
        device = begin(one)
        assert device["verification_uri"] == "http://localhost:8400/device"
        assert ask(one, device)["error"] == "authorization_pending"
        assert ask(one, device)["error"] == "slow_down"  # sooner than it was told
        page = typed(one, device["user_code"].lower())
        assert f"code <strong>{device['user_code']}</strong>" in page
        form = dict(Form(page).fields)
        done = one.browser.request("POST", "/consent", data={**form, "decision": "allow"})
        assert "is connected" in done.text
        clock.tick(11 * SECOND)
        tokens = ask(one, device)
        assert tokens["scope"] == "read:heart offline_access"
        assert one.opens(tokens["access_token"])
        clock.tick(11 * SECOND)
        assert ask(one, device)["error"] == "invalid_grant"  # good once
        assert not one.opens(tokens["access_token"])
        again = one.browser.request("POST", "/consent", data={**form, "decision": "allow"})
        assert again.status_code == 400


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_device_may_be_refused_or_come_too_late(
    app: App, public: App, ctx: Context, clock: Clock, charlie: Access
) -> None:
    device = begin(app)
    assert ask(public, device)["error"] == "unauthorized_client"
    form = dict(Form(typed(app, device["user_code"])).fields)
    done = app.browser.request("POST", "/consent", data={**form, "decision": "deny"})
    assert "was refused" in done.text
    assert ask(app, device)["error"] == "access_denied"
    late = begin(app)
    clock.tick(16 * MINUTE)
    assert ask(app, late)["error"] == "expired_token"
    assert "No device shows this code" in typed(app, late["user_code"])
    assert app.post("/token", grant_type=GRANT, device_code="x").json()["error"] == "invalid_grant"
    assert app.post("/token", grant_type=GRANT).status_code == 400
    wrong = app.post("/device_authorization", scope="everything")
    assert wrong.json()["error"] == "invalid_scope"
    assert app.post("/device_authorization", client_secret="x").json()["error"] == "invalid_client"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_codes_of_devices_cannot_be_guessed(app: App) -> None:
    device = begin(app)
    for _ in range(10):
        assert "No device shows this code" in typed(app, "BBBB-BBBB")
    stopped = app.browser.request("POST", "/device", data={"user_code": device["user_code"]})
    assert stopped.status_code == 429
