"""What a provider of OpenID Connect must do, by the modules of its conformance suite (Basic OP).

`MODULES` names each with the test that stands for it, or says why it is not offered. The dynamic
set of redirect addresses is `test_redirects.py`. Some of what FAPI 2 forbids is in
`test_attack_list.py`; its modules have no list here.
"""

from __future__ import annotations

import base64
import importlib
from typing import Any

import jwt
import pytest

from tests.clock import MINUTE, Clock
from tests.oauth.browser import answered
from tests.oauth.conftest import BACK, CHALLENGE, VERIFIER, App
from tests.oauth.test_signing_keys import verified

ONCE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
HERE = "test_conformance"
REUSE = "test_attacks.test_a_code_is_good_once_and_its_reuse_ends_what_it_opened"
MODULES = {
    "server": f"{HERE}.test_the_whole_way",
    "response-type-missing": f"{HERE}.test_requests_that_are_not_right",
    "idtoken-signature": f"{HERE}.test_the_whole_way",
    "idtoken-unsigned": "not offered: ID tokens are always signed",
    "userinfo-get": f"{HERE}.test_the_whole_way",
    "userinfo-post-header": f"{HERE}.test_the_whole_way",
    "userinfo-post-body": "not offered: a token is read from the header alone (RFC 6750, 2.2)",
    "ensure-request-without-nonce-succeeds-for-code-flow": f"{HERE}.test_what_is_asked_besides",
    "scope-profile": f"{HERE}.test_scopes_tell_what_they_say",
    "scope-email": f"{HERE}.test_scopes_tell_what_they_say",
    "scope-address": "not offered: no account has one",
    "scope-phone": "not offered: no account has one",
    "scope-all": f"{HERE}.test_scopes_tell_what_they_say",
    "ensure-other-scope-order-succeeds": f"{HERE}.test_scopes_tell_what_they_say",
    "display-page": f"{HERE}.test_what_is_asked_besides",
    "display-popup": f"{HERE}.test_what_is_asked_besides",
    "prompt-login": "test_consent.test_no_page_no_consent",
    "prompt-none-not-logged-in": "test_consent.test_no_page_no_consent",
    "prompt-none-logged-in": "test_consent.test_no_page_no_consent",
    "max-age-1": "test_consent.test_no_page_no_consent",
    "max-age-10000": f"{HERE}.test_what_is_asked_besides",
    "ensure-request-with-unknown-parameter-succeeds": f"{HERE}.test_what_is_asked_besides",
    "id-token-hint": f"{HERE}.test_what_is_asked_besides",
    "login-hint": f"{HERE}.test_what_is_asked_besides",
    "ui-locales": f"{HERE}.test_what_is_asked_besides",
    "claims-locales": f"{HERE}.test_what_is_asked_besides",
    "ensure-request-with-acr-values-succeeds": f"{HERE}.test_what_is_asked_besides",
    "codereuse": REUSE,
    "codereuse-30seconds": REUSE,
    "ensure-registered-redirect-uri": "test_redirects."
    "test_the_browser_stays_here_when_the_address_is_not_registered",
    "ensure-post-request-succeeds": f"{HERE}.test_a_request_may_be_posted",
    "server-client-secret-post": f"{HERE}.test_the_whole_way",
    "request-uri-unsigned-supported-correctly-or-rejected-as-unsupported": (
        f"{HERE}.test_requests_that_are_not_right"
    ),
    "unsigned-request-object-supported-correctly-or-rejected-as-unsupported": (
        f"{HERE}.test_requests_that_are_not_right"
    ),
    "claims-essential": f"{HERE}.test_what_is_asked_besides",
    "ensure-request-object-with-redirect-uri": f"{HERE}.test_requests_that_are_not_right",
    "refresh-token": "test_attacks.test_refreshing_rotates_and_an_old_token_ends_the_family",
    "ensure-request-with-valid-pkce-succeeds": f"{HERE}.test_the_whole_way",
}


def test_every_module_has_its_test() -> None:
    assert len(MODULES) == 38
    for name, stands in MODULES.items():
        if stands.startswith("not offered: "):
            continue
        module, _, test = stands.partition(".")
        assert hasattr(importlib.import_module(f"tests.oauth.{module}"), test), name


@ONCE
def test_the_whole_way(app: App) -> None:
    for basic in (True, False):
        code = app.code(
            scope="openid", nonce="n1", code_challenge=CHALLENGE, code_challenge_method="S256"
        )
        told = app.post(
            "/token",
            basic=basic,
            grant_type="authorization_code",
            code=code,
            redirect_uri=BACK,
            code_verifier=VERIFIER,
        ).json()
        claims = verified(app, told["id_token"])
        assert (claims["iss"], claims["nonce"]) == ("http://localhost:8400", "n1")
        headers = {"Authorization": f"Bearer {told['access_token']}"}
        for method in ("GET", "POST"):
            shown = app.browser.client.request(method, "/oauth2/userinfo", headers=headers)
            assert shown.json()["sub"] == claims["sub"]
    assert jwt.get_unverified_header(told["id_token"])["alg"] == "RS256"


@ONCE
def test_scopes_tell_what_they_say(app: App) -> None:
    def shown(scope: str) -> set[str]:
        token = app.tokens(scope=scope)["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return set(app.browser.client.get("/oauth2/userinfo", headers=headers).json())

    assert shown("openid") == {"sub"}
    whole = shown("openid profile email")
    assert {"sub", "preferred_username", "zoneinfo"} <= whole
    assert shown("email profile openid") == whole


@ONCE
@pytest.mark.parametrize(
    "given",
    [
        {"nonce": None},
        {"display": "page"},
        {"display": "popup"},
        {"max_age": "10000"},
        {"extra": "foobar"},
        {"id_token_hint": "x.y.z"},
        {"login_hint": "somebody"},
        {"ui_locales": "de se"},
        {"claims_locales": "se"},
        {"acr_values": "1 2"},
        {"claims": '{"userinfo": {"name": {"essential": true}}}'},
    ],
    ids=lambda given: next(iter(given)),
)
def test_what_is_asked_besides(app: App, clock: Clock, given: dict[str, Any]) -> None:
    clock.tick(MINUTE)
    claims = verified(app, app.tokens(scope="openid", **given)["id_token"])
    assert claims["aud"] == app.client.id
    assert "nonce" not in claims
    if "max_age" in given:
        assert 0 < claims["iat"] - claims["auth_time"] <= 10_000


@ONCE
def test_requests_that_are_not_right(app: App) -> None:
    missing = app.browser.request("GET", app.url(response_type=None))
    assert missing.status_code == 400 or answered(missing)["error"]
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    claims = base64.urlsafe_b64encode(b'{"redirect_uri":"https://evil.example/"}').rstrip(b"=")
    for name, value in (
        ("request", f"{none}.{claims.decode()}."),
        ("request_uri", "https://app.example.org/request.jwt"),
    ):
        told = answered(app.browser.request("GET", app.url(**{name: value})))
        assert told["error"] == f"{name}_not_supported"
    known = app.browser.client.get("/.well-known/openid-configuration").json()
    assert known["request_parameter_supported"] is False
    assert known["request_uri_parameter_supported"] is False


@ONCE
def test_a_request_may_be_posted(app: App) -> None:
    path, _, query = app.url(scope="openid").partition("?")
    answer = app.browser.request(
        "POST", path, content=query, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    page = app.browser.get(answer.headers["location"])
    assert "code" in answered(app.browser.decide(page))
