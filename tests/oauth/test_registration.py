"""Applications that register themselves, and those that people register."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from diurnal.dialects.oauth2 import FACE
from diurnal.errors import Conflict, Forbidden, InvalidInput
from diurnal.model.access import Access, Kind
from diurnal.services import clients, documents
from diurnal.services.context import Context
from diurnal.services.registrations import SHARE_MAX
from diurnal.store.clients import Client
from tests.clock import DAY, HOUR, Clock
from tests.oauth.browser import Browser
from tests.oauth.conftest import BACK, CHALLENGE, VERIFIER, App, registered


def register(browser: Browser, **given: Any) -> httpx2.Response:
    body = {"redirect_uris": [BACK], "client_name": "Assistant", **given}
    return browser.client.post("/oauth2/register", json=body)


def test_an_application_registers_itself_and_comes_in(browser: Browser, ctx: Context) -> None:
    made = register(browser, token_endpoint_auth_method="none", logo_uri="https://x.example/")
    assert made.status_code == 201, made.text
    told = made.json()
    assert "client_secret" not in told
    client = ctx.store.read(lambda tx: clients.find(tx, ctx, told["client_id"]))
    assert client is not None
    app = App(browser, client, None)
    pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    assert "not verified" in app.page(**pkce).text
    assert app.redeem(app.code(**pkce), code_verifier=VERIFIER).status_code == 200
    secret = register(browser).json()
    assert len(secret["client_secret"]) == 40
    assert secret["client_secret_expires_at"] == 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_is_never_used_is_forgotten(browser: Browser, ctx: Context, clock: Clock) -> None:
    used, unused = (register(browser, token_endpoint_auth_method="none").json() for _ in range(2))
    client = ctx.store.read(lambda tx: clients.find(tx, ctx, used["client_id"]))
    assert client is not None
    pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    App(browser, client, None).redeem(
        App(browser, client, None).code(**pkce), code_verifier=VERIFIER
    )
    clock.tick(7 * DAY)
    found = [
        ctx.store.read(lambda tx, i=i: clients.find(tx, ctx, i["client_id"])) is not None
        for i in (used, unused)
    ]
    assert found == [True, False]
    register(browser)
    left = ctx.store.read(lambda tx: clients.clients.all_of(tx, clients.NOBODY))
    assert unused["client_id"] not in {c.id for c in left}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_registrations_are_bounded_and_checked(browser: Browser) -> None:
    wrong: dict[str, Any] = {
        "redirect_uris": ["javascript:alert(1)"],
        "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["password"],
        "response_types": ["token"],
        "client_name": 7,
        "client_uri": "javascript:x",
    }
    for name, value in wrong.items():
        answer = register(browser, **{name: value})
        assert answer.status_code == 400, name
        assert answer.json()["error"].startswith("invalid_"), name
    assert register(browser, redirect_uris=[]).json()["error"] == "invalid_redirect_uri"
    assert browser.client.post("/oauth2/register", content=b"{").status_code == 400
    tries = [register(browser).status_code for _ in range(SHARE_MAX)]
    assert tries[0] == 201
    assert tries[-1] == 429


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_people_register_applications(ctx: Context, alice: Access, charlie: Access) -> None:
    def create(owner: Access, **given: Any) -> Any:
        return registered(ctx, owner, **given)

    made, secret = create(
        alice, api="exist", scope=["read", "write"], attributes=["mood", "mood", "my_own"]
    )
    assert made.attributes == ("mood", "my_own")
    assert clients.writable(made) == ("mood", "my_own")
    assert secret is not None
    for wrong in (
        {"api": "nothing"},
        {"name": " "},
        {"name": "x" * 101},
        {"redirect_uris": []},
        {"redirect_uris": ["http://elsewhere.example/"]},
        {"scope": ["everything"]},
        {"home": "javascript:x"},
    ):
        with pytest.raises(InvalidInput):
            create(alice, **wrong)
    app = Access(id="x", account_id=alice.account_id, username="alice", kind=Kind.APP, name="a")
    with pytest.raises(Forbidden):
        create(app)
    # Personicle's names and addresses are one application's; others' are not.
    create(alice, api="personicle", name="Watch", home="https://watch.example")
    for taken in ({"name": "wATCH"}, {"name": "Other", "home": "https://watch.example/"}):
        with pytest.raises(Conflict):
            create(charlie, **{"api": "personicle", "home": "https://else.example", **taken})
    create(charlie, name="Watch", home="https://watch.example")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_an_application_keeps_to_its_registered_scopes(
    browser: Browser, ctx: Context, charlie: Access
) -> None:
    app = App(browser, *registered(ctx, charlie, scope=["read:heart"]))
    assert app.tokens(scope="read:heart openid")["scope"] == "read:heart openid"
    assert app.tokens(scope=None)["scope"] == "read:heart"
    told = browser.request("GET", app.url(scope="read:heart read:body"))
    assert "error=invalid_scope" in told.headers["location"]


DOCUMENT = "https://assistant.example/oauth/client.json"


def document(**given: Any) -> bytes:
    said = {"client_id": DOCUMENT, "client_name": "Reading Room", "redirect_uris": [BACK], **given}
    return json.dumps(said).encode()


def test_an_application_may_be_the_address_of_a_document(
    browser: Browser, ctx: Context, clock: Clock
) -> None:
    def keep(body: bytes) -> Client:
        return ctx.store.write(
            lambda tx: documents.keep(tx, ctx, FACE, DOCUMENT, body, "")
        ).result()

    app = App(browser, keep(document()), None)
    pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    page = app.page(**pkce)
    assert "Reading Room" in page.text
    assert "not verified" in page.text
    token = app.redeem(app.code(**pkce), code_verifier=VERIFIER).json()["access_token"]
    assert app.opens(token)
    assert not ctx.store.read(lambda tx: documents.wanted(tx, ctx, DOCUMENT))
    clock.tick(HOUR)
    assert ctx.store.read(lambda tx: documents.wanted(tx, ctx, DOCUMENT))
    assert keep(document(client_name="Renamed")).name == "Renamed"
    for wrong in (
        document(client_id="https://other.example/oauth/client.json"),
        document(client_secret="x"),
        document(token_endpoint_auth_method="client_secret_basic"),
        document(redirect_uris=["javascript:alert(1)"]),
        document(redirect_uris="x"),
        b"<html>",
    ):
        with pytest.raises(InvalidInput):
            keep(wrong)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_documents_address_reaches_no_private_network(browser: Browser, ctx: Context) -> None:
    assert documents.is_address(DOCUMENT)
    for odd in (
        "http://assistant.example/client.json",
        "https://assistant.example",
        "https://assistant.example/",
        "https://user@assistant.example/client.json",
        "https://assistant.example/a/../client.json",
        "https://assistant.example/client.json#x",
        "https://assistant.example:x/client.json",
        f"https://assistant.example/{'x' * 200}",
    ):
        assert not documents.is_address(odd), odd
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.2)
        address = f"https://127.0.0.1:{trap.getsockname()[1]}/client.json"
        page = browser.request("GET", f"/oauth2/authorize?client_id={quote(address, safe='')}")
        assert page.status_code == 400
        assert "document cannot be read" in page.text
        with pytest.raises(TimeoutError):
            trap.accept()
