"""Assistants: they register themselves, ask for one address, and talk at the door for them."""

from __future__ import annotations

from typing import Any

from diurnal.services import clients
from diurnal.services.context import Context
from tests.oauth.browser import Browser
from tests.oauth.conftest import BACK, CHALLENGE, VERIFIER, App

BASE = "http://localhost:8400"
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


def granted(ctx: Context, browser: Browser, **given: Any) -> str:
    body = {
        "redirect_uris": [BACK],
        "client_name": "Assistant",
        "token_endpoint_auth_method": "none",
    }
    told = browser.client.post("/oauth2/register", json=body).json()
    client = ctx.store.read(lambda tx: clients.find(tx, ctx, told["client_id"]))
    assert client is not None
    app = App(browser, client, None)
    code = app.code(code_challenge=CHALLENGE, code_challenge_method="S256", **given)
    answer = app.redeem(code, code_verifier=VERIFIER).json()
    token: str = answer["access_token"]
    return token


def listed(browser: Browser, token: str) -> Any:
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
    }
    return browser.client.post("/mcp", json=LIST, headers=headers)


def test_an_assistant_gets_its_token_by_itself(ctx: Context, browser: Browser) -> None:
    where = browser.client.get("/.well-known/oauth-protected-resource/mcp").json()
    token = granted(ctx, browser, resource=where["resource"])
    answer = listed(browser, token)
    assert answer.status_code == 200
    assert "days" in {tool["name"] for tool in answer.json()["result"]["tools"]}


def test_a_token_for_another_address_is_not_let_in(ctx: Context, browser: Browser) -> None:
    token = granted(ctx, browser, resource=f"{BASE}/api/v1")
    assert browser.client.get(
        "/api/v1/days", headers={"Authorization": f"Bearer {token}"}
    ).is_success
    answer = listed(browser, token)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
