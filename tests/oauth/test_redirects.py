"""Where a browser may be sent: exactly where an application registered, and nowhere else."""

from __future__ import annotations

import pytest

from diurnal.auth.oauth2 import redirects
from diurnal.errors import InvalidInput
from tests.oauth.browser import answered
from tests.oauth.conftest import BACK, CHALLENGE, App, registered

REGISTERED = ("https://app.example.org/back", "http://127.0.0.1/cb", "com.example.app:/back")
GOOD = (
    "https://app.example.org/back",
    "http://127.0.0.1/cb",
    "http://127.0.0.1:49152/cb",
    "com.example.app:/back",
)
BAD = (
    "https://app.example.org/other",
    "https://app.example.org/back/",
    "https://app.example.org/back?x=1",
    "https://app.example.org/back#x",
    "https://APP.example.org/back",
    "https://app.example.org/BACK",
    "https://app.example.org/x/../back",
    "https://app.example.org/x/%2e%2e/back",
    "https://app.example.org@evil.example/back",
    "https://evil.example\\@app.example.org/back",
    "https://app.example.org\\.evil.example/back",
    "https://app.example.org.evil.example/back",
    "https://аpp.example.org/back",  # the first letter is Cyrillic
    "https://app.example.org:443/back",
    "https://app.example.org:8443/back",
    "http://app.example.org/back",
    "https://app.example.org",
    "https://app.example.org/",
    "//app.example.org/back",
    "javascript:alert(1)",
    "data:text/html,x",
    "http://[::1]/cb",
    "http://localhost/cb",
    "http://127.0.0.2/cb",
    "http://127.0.0.1:80@evil.example/cb",
    "http://127.0.0.1:x/cb",
    "http://127.0.0.1.evil.example/cb",
    "http://127.0.0.1:49152/cb2",
    "https://127.0.0.1:49152/cb",
    "com.example.app:/back2",
    "com.example.app://back",
    "",
    "https://app.example.org/back ",
    "https://app.example.org/back\n",
    "https://app.example.org/back%00",
)


def test_only_what_is_registered_matches() -> None:
    assert [u for u in GOOD if redirects.matching(REGISTERED, u) != u] == []
    assert [u for u in BAD if redirects.matching(REGISTERED, u) is not None] == []


@pytest.mark.parametrize(
    "uri",
    [
        "https://a.example.org/x#y",
        "https://user@a.example.org/",
        "https://a.example.org/../x",
        "https://a.example.org/%2E%2e/x",
        "http://a.example.org/x",
        "http://8.8.8.8/x",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https:///x",
        "https://a.example.org\\x",
        "https://аpp.example.org/",
        "https://a.example.org:99999/",
        "/back",
        "back",
        "",
        "https://a.example.org/" + "x" * 2_000,
    ],
)
def test_what_cannot_be_a_redirect_uri_is_not_registered(uri: str) -> None:
    with pytest.raises(InvalidInput):
        redirects.check(uri)


@pytest.mark.parametrize(
    "uri",
    [
        *REGISTERED,
        "http://localhost:8000/",
        "http://192.168.1.5:1880/cb",
        "http://hub.local:8123/auth",
        "http://[::1]:9/cb",
        "https://a.example.org/cb?x=1",
        "cursor://anysphere.cursor-retrieval/oauth/callback",
    ],
)
def test_what_applications_use_is_registered(uri: str) -> None:
    redirects.check(uri)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_browser_stays_here_when_the_address_is_not_registered(app: App) -> None:
    for uri in (*BAD, None):
        page = app.browser.request("GET", app.url(redirect_uri=uri or "https://evil.example/"))
        assert page.status_code == 400, uri
        assert "location" not in page.headers
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    twice = app.url(redirect_uri=[BACK, "https://evil.example/"])
    assert app.browser.request("GET", twice).status_code == 400
    assert app.browser.request("GET", app.url(client_id="nobody")).status_code == 400
    twice = app.url(client_id=[app.client.id, app.client.id])
    assert app.browser.request("GET", twice).status_code == 400
    # The control: what is registered goes on.
    assert app.browser.request("GET", app.url()).headers["location"].startswith("/consent?")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_errors_go_to_the_application_only_where_it_is_registered(app: App) -> None:
    cases = {
        "invalid_scope": {"scope": "everything"},
        "invalid_request": {"code_challenge": "x", "code_challenge_method": "S256"},
        "unsupported_response_type": {"response_type": "token"},
        "invalid_target": {"resource": "https://elsewhere.example/mcp"},
    }
    for error, wrong in cases.items():
        told = answered(app.browser.request("GET", app.url(**wrong)))
        assert (told["error"], told["state"]) == (error, "s1")
        assert told["iss"] == "http://localhost:8400"
        stays = app.browser.request("GET", app.url(**wrong, redirect_uri="https://evil.example/"))
        assert stays.status_code == 400


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_one_of_several_addresses_must_be_named(app: App, ctx, charlie) -> None:  # type: ignore[no-untyped-def]
    two = registered(ctx, charlie, redirect_uris=[BACK, f"{BACK}/2"])
    other = App(app.browser, *two)
    assert other.browser.request("GET", other.url(redirect_uri=None)).status_code == 400
    assert other.browser.request("GET", other.url()).is_redirect
    code = app.code(redirect_uri=None)  # there is but one
    assert app.redeem(code, redirect_uri=None).status_code == 200


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_scheme_that_others_may_claim_needs_pkce(app: App, ctx, charlie) -> None:  # type: ignore[no-untyped-def]
    uri = "com.example.app:/back"
    other = App(app.browser, *registered(ctx, charlie, redirect_uris=[uri]))
    told = answered(other.browser.request("GET", other.url(redirect_uri=uri)))
    assert told["error"] == "invalid_request"
    page = other.page(redirect_uri=uri, code_challenge=CHALLENGE, code_challenge_method="S256")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "form-action 'self' com.example.app:;" in policy
