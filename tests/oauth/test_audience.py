"""A token that was made for one resource (RFC 8707) opens nothing at any other, in any API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx2
import msgspec
import pytest

from diurnal.services.context import Context
from diurnal.settings import DialectSettings
from tests.dialects.client import BASE, Client
from tests.oauth.browser import answered
from tests.oauth.conftest import App

SCOPE = "openid read:all"
INITIALIZE = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
DOORS: dict[str, dict[str, Any]] = {
    "/api/v1": {"url": "/api/v1/events"},
    "/exist": {"url": "/exist/api/2/attributes/"},
    "/pryv": {"url": "/pryv/alice/events", "scheme": ""},
    "/pryv0": {"url": "/pryv0/alice/channels", "scheme": ""},
    "/pryv04": {"url": "/pryv04/alice/channels", "scheme": ""},
    # Known, and then asked for a scope of its own: another token's answer is 401.
    "/personicle": {"url": "/personicle/api/data/read/metadata/events", "status": 403},
    "/mcp": {"url": "/mcp", "method": "POST", "json": INITIALIZE},
}
"""A request to each place that takes an application's token, by its base.

Personal API and Personyze take none but those that were made for them.
"""


def knock(client: Client, base: str, token: str) -> int:
    door = dict(DOORS[base])
    scheme, method = door.pop("scheme", "Bearer"), door.pop("method", "GET")
    door.pop("status", None)
    given = {
        "Accept": "application/json, text/event-stream",
        "Authorization": f"{scheme} {token}".strip(),
    }
    answer: httpx2.Response = client.request(method, door.pop("url"), headers=given, **door)
    return answer.status_code


def opened(client: Client, token: str) -> set[str]:
    found = {base: knock(client, base, token) for base in DOORS}
    assert set(found.values()) <= {200, 401, 403}, found
    return {base for base, status in found.items() if status == DOORS[base].get("status", 200)}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_token_is_good_at_its_resource_alone(app: App) -> None:
    client = app.browser.client
    for whole in (None, BASE + "/"):
        token = app.tokens(scope=SCOPE, resource=whole)["access_token"]
        assert opened(client, token) == set(DOORS), whole  # the control: each door takes it
    for base in DOORS:
        tokens = app.tokens(scope=SCOPE, resource=BASE + base)
        assert opened(client, tokens["access_token"]) == {base}
    # Its successor is for the same, and so is what has been changed by the owner since.
    after = app.refresh(tokens["refresh_token"]).json()["access_token"]
    assert opened(client, after) == {base}
    part = app.tokens(scope=SCOPE, resource=f"{BASE}/api/v1/days")["access_token"]
    assert opened(client, part) == set()
    beside = app.tokens(scope=SCOPE, resource=f"{BASE}/api/v")["access_token"]
    assert opened(client, beside) == set()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_whose_the_token_is_is_told_whatever_it_is_for(app: App) -> None:
    token = app.tokens(scope=SCOPE, resource=f"{BASE}/exist")["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert app.browser.client.get("/oauth2/userinfo", headers=headers).json()["sub"]
    refused = app.browser.client.get("/api/v1/events", headers=headers)
    assert refused.status_code == 401
    lines = app.browser.get("/api/v1/audit?actions=events").json()["lines"]
    assert [line["error"] for line in lines] == ["unauthenticated"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_host_name_of_its_own_is_the_same_resource(app: App, ctx: Context) -> None:
    token = app.tokens(scope=SCOPE, resource=f"{BASE}/exist")["access_token"]
    settings = msgspec.structs.replace(
        ctx.settings, public_url=BASE, dialects={"exist": DialectSettings(host="exist.test")}
    )
    there = Client(replace(ctx, settings=settings))
    headers = {"Authorization": f"Bearer {token}", "Host": "exist.test"}
    assert there.get("/api/2/attributes/", headers=headers).status_code == 200
    other = app.tokens(scope=SCOPE, resource=f"{BASE}/pryv")["access_token"]
    headers["Authorization"] = f"Bearer {other}"
    assert there.get("/api/2/attributes/", headers=headers).status_code == 401


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "resource",
    [
        "https://elsewhere.example/mcp",
        f"{BASE}.evil.example/mcp",
        f"{BASE}@evil.example/",
        f"{BASE}/mcp#x",
        f"{BASE}/mcp?x",
        [f"{BASE}/mcp", f"{BASE}/exist"],
    ],
)
def test_a_resource_is_one_plain_address_of_this_server(app: App, resource: object) -> None:
    told = answered(app.browser.request("GET", app.url(resource=resource)))
    assert told["error"] == "invalid_target"
