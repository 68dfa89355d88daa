"""Settings, the keys, the explorer, and coming in."""

from __future__ import annotations

import json
import re
import urllib.error
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import NAME, PASSWORD, ZONE, Server, Visit, visiting


@pytest.fixture(autouse=True)
def nothing_chosen(server: Server) -> Iterator[None]:
    """Begin with no choices, and leave none to the tests that share the server."""

    def forget() -> None:
        server.call("PATCH", "/account", {"settings": {"web": None}, "timezone": ZONE})
        server.call("PUT", "/account/zones", {"zones": []})

    forget()
    yield
    forget()


def test_units_are_shown_as_chosen_and_stored_as_they_were(visit: Visit) -> None:
    before = visit.server.call("GET", "/days?measures=weight")
    visit.go("/settings")
    visit.page.get_by_role("button", name="Imperial").click()
    expect(visit.page.get_by_label("Weight")).to_have_value("lb")
    visit.page.get_by_label("Weight").select_option("st")
    visit.go("/?calendar=weight")
    visit.page.get_by_role("button", name="Weight, five years: show as a table").click()
    region = visit.page.get_by_role("region", name="Weight, five years, as a table")
    expect(region).to_contain_text("st")
    assert visit.server.call("GET", "/days?measures=weight") == before


def test_a_zone_is_changed_and_the_history_kept(visit: Visit) -> None:
    visit.go("/settings")
    visit.page.get_by_label("Home").fill("Mars/Olympus")
    expect(visit.page.get_by_text("There is no such zone")).to_be_visible()
    expect(visit.page.get_by_role("button", name="Save")).to_be_disabled()
    visit.page.get_by_label("Home").fill("Asia/Tokyo")
    visit.page.get_by_role("button", name="Save").click()
    expect(visit.page.get_by_text("Home is now in Asia/Tokyo")).to_be_visible()
    visit.page.get_by_label("From the day").fill("2024-03-01")
    visit.page.get_by_label("I was in").fill("America/New_York")
    visit.page.locator("main").get_by_role("button", name="Add", exact=True).click()
    expect(visit.page.get_by_text("from 1 Mar 2024, 00:00")).to_be_visible()
    told = visit.server.call("GET", "/account/zones")
    assert told["home"] == "Asia/Tokyo"
    assert [z["timezone"] for z in told["zones"]] == ["America/New_York"]
    assert told["zones"][0]["from"] == 1709269200
    visit.page.get_by_role("button", name="Remove America/New_York").click()
    expect(visit.page.get_by_text("Always at home so far")).to_be_visible()


def test_a_token_is_made_shown_once_and_revoked(visit: Visit) -> None:
    visit.go("/settings")
    visit.page.get_by_role("button", name="Make a token").click()
    visit.page.get_by_label("Name", exact=True).fill("my script")
    assert visit.faults() == []
    visit.page.get_by_role("button", name="Make it").click()
    secret = visit.page.locator(".verbatim").inner_text()
    other = Server(visit.server.url, secret)
    assert other.call("GET", "/session")["name"] == "my script"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        other.call("PUT", "/days/mood/2026-01-01", {"value": 1})
    visit.page.get_by_role("button", name="Done").click()
    expect(visit.page.get_by_text(secret)).to_have_count(0)
    visit.page.get_by_role("button", name="Revoke my script").click()
    visit.page.get_by_role("button", name="Revoke it").click()
    expect(visit.page.get_by_text("my script opens nothing any more")).to_be_visible()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        other.call("GET", "/session")


def test_what_is_typed_is_still_there_after_a_reload(visit: Visit) -> None:
    visit.go("/settings")
    visit.page.get_by_role("button", name="Make a token").click()
    visit.page.get_by_label("Name", exact=True).fill("half a na")
    visit.page.reload()
    visit.page.get_by_role("button", name="Make a token").click()
    expect(visit.page.get_by_label("Name", exact=True)).to_have_value("half a na")


def test_the_theme_is_chosen_and_stays(visit: Visit) -> None:
    visit.go("/settings")
    visit.page.get_by_role("button", name="Dark", exact=True).last.click()
    expect(visit.page.locator("html")).to_have_attribute("data-theme", "dark")
    visit.page.reload()
    expect(visit.page.locator("html")).to_have_attribute("data-theme", "dark")


def test_keys_lead_everywhere_and_can_be_switched_off(visit: Visit) -> None:
    visit.go("/")
    visit.page.keyboard.press("g")
    visit.page.keyboard.press("e")
    expect(visit.page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
    visit.page.keyboard.press("Control+k")
    visit.page.keyboard.type("toda")
    visit.page.keyboard.press("Enter")
    expect(visit.page).to_have_url(f"{visit.server.url}/")
    visit.page.keyboard.press("?")
    expect(visit.page.get_by_role("dialog", name="Keys")).to_contain_text("Go to Settings")
    assert visit.faults() == []
    visit.page.keyboard.press("Escape")
    visit.go("/settings")
    visit.page.get_by_label("Single keys as shortcuts").uncheck()
    visit.page.keyboard.press("g")
    visit.page.keyboard.press("t")
    expect(visit.page.get_by_role("heading", name="Settings", level=1)).to_be_visible()


def test_the_keyboard_alone_skips_to_the_page(visit: Visit) -> None:
    visit.go("/")
    visit.page.keyboard.press("Tab")
    expect(visit.page.get_by_role("link", name="Skip to the page")).to_be_focused()
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator("main")).to_be_focused()


def test_the_explorer_asks_as_the_reader(visit: Visit) -> None:
    visit.go("/developer/api#tag/account/GET/account")
    visit.page.get_by_role("button", name="Test Request").first.wait_for()
    button = visit.page.locator("[id='tag/account/GET/account'], [id$='tag/account/GET/account']")
    button.first.get_by_role("button", name="Test Request").first.click()
    with visit.page.expect_response("**/api/v1/account") as waited:
        visit.page.get_by_role("button", name="Send").first.click()
    assert waited.value.status == 200
    assert json.loads(waited.value.text())["username"] == NAME
    assert visit.wrong == []


def test_who_is_signed_out_comes_back_to_where_they_were(chromium: Browser, server: Server) -> None:
    with visiting(chromium, server) as visit:
        visit.page.goto(f"{server.url}/settings")
        visit.page.wait_for_url("**/sign-in?next=**")
        visit.page.locator("[name=name]").fill(NAME)
        visit.page.get_by_label("Password").fill(PASSWORD)
        visit.page.get_by_role("button", name="Sign in", exact=True).click()
        visit.page.wait_for_url(f"{server.url}/settings")
        visit.settle()
        visit.page.get_by_role("button", name="Sign out").first.click()
        visit.page.wait_for_url(f"{server.url}/sign-in**")


def test_an_address_of_ours_that_is_none_says_so(visit: Visit) -> None:
    visit.go("/settings")
    visit.page.evaluate("history.pushState(null, '', '/nowhere')")
    visit.page.evaluate("dispatchEvent(new PopStateEvent('popstate'))")
    expect(visit.page.get_by_role("heading", name="There is no such page")).to_be_visible()


def test_the_password_is_changed_and_other_sessions_end(
    chromium: Browser, server: Server, visit: Visit
) -> None:
    new = "another battery staple"
    with visiting(chromium, server, "phone") as other:
        who = {"name": NAME, "password": PASSWORD}
        assert other.context.request.post(f"{server.url}/api/v1/session", data=who).ok
        other.go("/")
        mine = visit.context.request.post(f"{server.url}/api/v1/session", data=who)
        assert mine.ok
        visit.go("/settings")
        visit.page.get_by_role("button", name="Change password").click()
        form = visit.page.get_by_role("dialog")
        form.get_by_label("Password until now").fill("not this one")
        form.get_by_label("New password").fill(new)
        form.get_by_label("The new one again").fill("something else")
        expect(form.get_by_text("The two are not the same")).to_be_visible()
        assert visit.faults() == []
        form.get_by_label("The new one again").fill(new)
        form.get_by_role("button", name="Change it").click()
        expect(form.get_by_role("alert")).to_be_visible()
        for label, text in {
            "Password until now": PASSWORD,
            "New password": new,
            "The new one again": new,
        }.items():
            form.get_by_label(label).fill(text)
        form.get_by_role("button", name="Change it").click()
        expect(visit.page.get_by_text("The password is changed.")).to_be_visible()
        other.page.goto(f"{server.url}/settings")
        expect(other.page).to_have_url(re.compile("/sign-in"))
    back = {"current": new, "new": PASSWORD}
    assert server.call("PUT", "/account/password", back)["ended"] >= 1
    server.cookies.clear()


def test_an_address_is_given_and_taken_back(visit: Visit) -> None:
    visit.go("/settings")
    for address, shown in (("me@example.org", "me@example.org"), ("", "none; with one")):
        visit.page.get_by_role("button", name="Change e-mail").click()
        form = visit.page.get_by_role("dialog")
        form.get_by_label("E-mail address").fill(address)
        form.get_by_label("Password until now").fill(PASSWORD)
        form.get_by_role("button", name="Change it").click()
        region = visit.page.get_by_role("region", name="Signing in")
        expect(region).to_contain_text(shown)


def test_things_are_added_by_hand_from_the_palette(visit: Visit) -> None:
    visit.go("/settings")
    visit.page.keyboard.press("Control+k")
    visit.page.get_by_role("combobox", name="Search pages").fill("add")
    visit.page.keyboard.press("Enter")
    expect(visit.page.get_by_label("What to add")).to_be_visible()
