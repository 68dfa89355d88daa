"""An application's whole way with Exist's OAuth2, as its documentation tells it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from diurnal.model.access import Access
from diurnal.services import clients
from diurnal.services.context import Context
from tests.oauth.browser import Browser, session

BACK = "https://example.org/back"
OAUTH = "/exist/oauth2"


@pytest.mark.parametrize("scope", ["read+write", "read%2Bwrite"])
def test_an_application_is_let_in_reads_writes_and_refreshes(
    ctx: Context, alice: Access, scope: str
) -> None:
    client, secret = ctx.store.write(
        lambda tx: clients.create(
            tx, ctx, alice, api="exist", name="My Tracker", redirect_uris=[BACK]
        )
    ).result()
    browser = Browser(ctx, session(ctx, alice))
    page = browser.get(
        f"{OAUTH}/authorize?response_type=code&client_id={client.id}"
        f"&scope={scope}&state=s&redirect_uri={BACK}"
    )
    assert "My Tracker" in page.text
    back = urlsplit(browser.decide(page).headers["location"])
    said = parse_qs(back.query)
    assert said["state"] == ["s"]
    form = {
        "grant_type": "authorization_code",
        "code": said["code"][0],
        "client_id": client.id,
        "client_secret": secret,
    }
    answer = browser.client.post(f"{OAUTH}/access_token/", data=form)
    tokens = answer.json()
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == (
        "Bearer",
        31_535_999,
        "read write",
    )
    assert len(tokens["access_token"]) == 40

    def acquire(token: str) -> int:
        return browser.client.post(
            "/exist/api/1/attributes/acquire/",
            headers={"Authorization": f"Bearer {token}"},
            json=[{"name": "steps", "active": True}],
        ).status_code

    assert acquire(tokens["access_token"]) == 200
    again = {
        "grant_type": "refresh_token",
        "refresh_token": tokens["refresh_token"],
        "client_id": client.id,
        "client_secret": secret,
    }
    newer = browser.client.post(f"{OAUTH}/access_token", data=again).json()
    assert acquire(newer["access_token"]) == 200
    assert acquire(tokens["access_token"]) == 401
    refused = browser.client.post(f"{OAUTH}/access_token", data=again)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
