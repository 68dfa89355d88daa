"""The consent page in a real browser: readable, usable without a script, and it leads back."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import MODES, Server, visiting

BACK = "http://127.0.0.1:9/back"


@pytest.fixture(scope="module")
def asked(server: Server) -> str:
    """Where an application sends its user."""
    client = server.call(
        "POST",
        "/clients",
        {
            "api": "native",
            "name": "Moodgraph",
            "redirectUris": [BACK],
            "home": "https://moodgraph.example",
        },
    )
    fields = {
        "response_type": "code",
        "client_id": client["id"],
        "redirect_uri": BACK,
        "scope": "openid profile read:mood read:activity read:location write:own",
        "state": "s",
    }
    return f"/oauth2/authorize?{urlencode(fields)}"


@pytest.mark.parametrize("mode", MODES)
def test_the_consent_page_is_readable(
    chromium: Browser, server: Server, asked: str, mode: str
) -> None:
    with visiting(chromium, server, mode) as visit:
        visit.sign_in()
        visit.go(asked)
        visit.shoot("consent")
        assert visit.faults() == []
        assert visit.overflow() <= 0
        assert visit.page.get_by_role("button", name="Allow").is_visible()
        assert visit.wrong == []
        visit.go("/device")
        assert visit.faults() == []


def test_allow_leads_back_to_the_application(chromium: Browser, server: Server, asked: str) -> None:
    """Browsers hold a form to the page's policy on every redirect that follows it."""
    with visiting(chromium, server) as visit:
        visit.sign_in()
        visit.go(asked)
        assert "It will not see your" in visit.page.locator("main").inner_text()
        visit.page.get_by_label("Location").uncheck()
        visit.page.get_by_label("Until").select_option(label="7 days from now")
        visit.page.get_by_label("From when").select_option(value="today")
        with visit.page.expect_request(f"{BACK}?*") as sent:
            visit.page.get_by_role("button", name="Allow").click()
        assert "code=" in sent.value.url
        assert "state=s" in sent.value.url
    client = parse_qs(urlsplit(asked).query)["client_id"][0]
    known = server.call("GET", "/consents")["consents"]
    [receipt] = [one for one in known if one.get("clientId") == client]
    [purpose] = receipt["consent"]["pii_processing"][0]["purposes"]
    assert "read:mood" in purpose["scopes"]
    assert "read:location" not in purpose["scopes"]
    assert purpose["retention_period"] is not None
