"""An app of Pryv asks for access: the page in a real browser, from the request to the poll."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import MODES, NAME, PASSWORD, Server, visiting

ASKED = [
    {"streamId": "diurnal-weight", "level": "read", "defaultName": "Weight"},
    {"streamId": "diurnal-mood", "level": "manage", "defaultName": "Mood"},
    {"streamId": "run-club", "level": "contribute", "defaultName": "Run club"},
]


def asks(method: str, address: str, body: Any = None) -> tuple[int, Any]:
    request = urllib.request.Request(  # noqa: S310
        address,
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def begin(server: Server, **more: Any) -> dict[str, Any]:
    given = {"requestingAppId": "run-club", "requestedPermissions": ASKED, "languageCode": "en"}
    status, begun = asks("POST", f"{server.url}/pryv/reg/access", {**given, **more})
    assert (status, begun["status"]) == (201, "NEED_SIGNIN")
    assert asks("GET", begun["poll"]) == (201, begun)
    assert isinstance(begun, dict)
    return begun


def sign_in(page: Page) -> None:
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.mark.parametrize("mode", MODES)
def test_who_is_asked_signs_in_allows_and_the_poll_says_so(
    chromium: Browser, server: Server, mode: str
) -> None:
    begun = begin(server)
    with visiting(chromium, server, mode) as visit:
        page = visit.page
        page.goto(begun["authUrl"])
        visit.settle()
        visit.shoot("pryv-sign-in")
        assert visit.overflow() <= 0
        sign_in(page)
        page.get_by_role("button", name="Allow").wait_for()
        visit.settle()
        visit.shoot("pryv-ask")
        assert visit.faults() == []
        assert visit.overflow() <= 0
        expect(page.locator("main")).to_contain_text("run-club")
        for stream in ("Weight", "Mood", "Run club"):
            expect(page.locator("main")).to_contain_text(stream)
        closed = page.locator("p", has_text="It will not see").inner_text()
        assert "sleep" in closed
        assert not {"mood", "body"} & set(closed.rstrip(".").replace("your ", "").split(", "))
        assert asks("GET", begun["poll"])[0] == 201  # nothing is given before it is allowed
        page.get_by_role("button", name="Allow").click()
        expect(page.get_by_role("heading", name="You can close this page")).to_be_visible()
        visit.shoot("pryv-done")
        assert visit.faults() == []
        assert visit.overflow() <= 0
        assert visit.wrong == []
    status, told = asks("GET", begun["poll"])
    assert (status, told["status"], told["username"]) == (200, "ACCEPTED", NAME)
    info = f"{server.url}/pryv/{NAME}/access-info?auth={told['token']}"
    _, access = asks("GET", info)
    levels = {p["streamId"]: p["level"] for p in access["permissions"] if "streamId" in p}
    assert {k: levels.get(k) for k in ("diurnal-weight", "diurnal-mood", "run-club")} == {
        "diurnal-weight": "read",
        "diurnal-mood": "manage",
        "run-club": "contribute",
    }


@pytest.mark.parametrize(
    ("button", "status", "words"), [("Deny", 403, "REFUSED"), ("Allow", 200, "ACCEPTED")]
)
def test_who_has_answered_is_led_back_to_the_app(
    chromium: Browser, server: Server, button: str, status: int, words: str
) -> None:
    """Browsers hold a form to the page's policy on every redirect that follows it."""
    back = "http://127.0.0.1:9/back"
    begun = begin(server, returnURL=f"{back}?")
    with visiting(chromium, server) as visit:
        visit.sign_in()
        visit.page.goto(begun["authUrl"])
        visit.settle()
        expect(visit.page.locator("main")).to_contain_text(f"You go back to {back}")
        with visit.page.expect_request(f"{back}?*") as sent:
            visit.page.get_by_role("button", name=button).click()
        assert f"prYvkey={begun['key']}" in sent.value.url
        assert f"prYvstatus={words}" in sent.value.url
    told = asks("GET", begun["poll"])
    assert (told[0], told[1]["status"]) == (status, words)
