"""Who may see what, as its owner, a guest and another account meet it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Browser, expect

from tests.browser.conftest import Server, Visit, visiting

PAGES = ("/sharing", "/apps", "/tokens", "/audit", "/developer", "/developer/placeholders")


def _share(server: Server, **given: Any) -> Any:
    body = {"name": "Body", "permissions": [{"level": "contribute", "stream": "*"}], **given}
    return server.call("POST", "/shares", body)


def test_the_pages_of_access_in_every_look(chromium: Browser, server: Server) -> None:
    share = _share(server, name="For my doctor", password="open up")
    app = {"name": "Clock face", "permissions": [{"level": "read", "stream": "*", "delay": 1}]}
    token = server.call("POST", "/tokens", app)
    client = {
        "api": "exist",
        "name": "A bridge",
        "redirectUris": ["https://app.example.org/back"],
        "attributes": ["steps"],
    }
    made = server.call("POST", "/clients", client)
    place = server.call("POST", "/placeholders", {"name": "Steps", "htmlId": "steps"})
    connection = server.call("POST", "/connections", {"connector": "owntracks", "name": "Phone"})
    try:
        for mode in ("light", "dark", "phone"):
            with visiting(chromium, server, mode) as visit:
                visit.sign_in()
                for path in (*PAGES, "/settings", "/sources"):
                    visit.go(path)
                    visit.page.wait_for_timeout(300)
                    visit.shoot(path.strip("/").replace("/", "-"))
                    assert visit.faults() == [], (mode, path)
                    assert visit.overflow() <= 0, (mode, path)
                assert visit.wrong == []
    finally:
        server.call("DELETE", f"/shares/{share['id']}")
        server.call("DELETE", f"/tokens/{token['id']}")
        server.call("DELETE", f"/clients/{made['id']}")
        server.call("DELETE", f"/placeholders/{place['id']}")
        server.call("DELETE", f"/connections/{connection['id']}")


def test_a_link_is_made_opened_by_a_guest_and_ended(
    visit: Visit, chromium: Browser, server: Server
) -> None:
    page = visit.page
    visit.go("/sharing")
    page.get_by_role("button", name="Share something").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("For a friend")
    dialog.get_by_label("Everything").check()
    dialog.get_by_label("They may").select_option("contribute")
    dialog.locator("#share-place").select_option("area")
    dialog.get_by_label("Password").fill("open up")
    assert visit.faults() == []
    visit.shoot("sharing-make")
    dialog.get_by_role("button", name="Share it").click()
    expect(page.get_by_alt_text("QR code of the link")).to_be_visible()
    [share] = server.call("GET", "/shares")["shares"]
    expect(page.locator(".verbatim")).to_have_text(share["url"])
    visit.shoot("sharing-link")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text("places to about 10 km").first).to_be_visible()
    with visiting(chromium, server, "phone") as guest:
        path = share["url"].removeprefix(server.url)
        guest.page.goto(server.url + path)
        guest.page.get_by_label("Password").fill("wrong")
        guest.page.get_by_role("button", name="Open").click()
        expect(guest.page.get_by_role("alert")).to_contain_text("not the password")
        guest.page.get_by_label("Password").fill("open up")
        guest.page.get_by_role("button", name="Open").click()
        expect(guest.page.get_by_role("heading", name="For a friend")).to_be_visible()
        expect(guest.page.locator("strong", has_text="Steps").first).to_be_visible()
        guest.page.get_by_label("Note", exact=True).fill("hello from a guest")
        guest.page.get_by_role("button", name="Add the note").click()
        expect(guest.page.get_by_text("hello from a guest")).to_be_visible()
        assert guest.faults() == []
        assert guest.overflow() <= 0
        guest.shoot("share-guest")
        visit.go("/sharing")
        expect(page.get_by_text("opened once")).to_be_visible()
        page.get_by_role("button", name="End For a friend").click()
        page.get_by_role("button", name="End it").click()
        expect(page.get_by_text("is not shared any more")).to_be_visible()
        guest.page.goto(server.url + path)
        expect(guest.page.get_by_text("this share has ended")).to_be_visible()


def test_what_another_account_shares_stands_beside_ones_own(visit: Visit, server: Server) -> None:
    answer = visit.context.request.post(
        f"{server.url}/api/v1/admin/accounts",
        data=json.dumps({"username": "charlie", "password": "another good one"}),
        headers={"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"},
    )
    assert answer.ok, answer.text()
    whose = visit.context.request.post(
        f"{server.url}/api/v1/session",
        data={"name": "charlie", "password": "another good one"},
    )
    assert whose.ok
    cookies = visit.context.cookies()
    token = next(c["value"] for c in cookies if c["name"] == "diurnal_session")
    visit.context.clear_cookies()
    visit.sign_in()
    other = Server(server.url, token)
    note = {"streamIds": ["diurnal-notes"], "type": "note/txt", "time": 1_772_366_400}
    other.call("POST", "/events", {**note, "content": "charlie was here"})
    notes = [{"level": "contribute", "stream": "diurnal-notes"}]
    visit.go("/sharing")
    share = _share(other, name="Notes of charlie", permissions=notes, to="alice")
    page = visit.page
    # Nobody reloads: the offer comes by itself.
    page.get_by_role("button", name="Accept Notes of charlie").click()
    expect(page.get_by_text("charlie was here")).to_be_visible()
    page.get_by_label("Note", exact=True).fill("and alice too")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("and alice too")).to_be_visible()
    assert visit.faults() == []
    visit.shoot("shared")
    other.call("DELETE", f"/shares/{share['id']}")
    visit.go(f"/shared/{share['id']}")
    expect(page.get_by_text("This share has ended")).to_be_visible()
    visit.wrong.clear()  # the browser itself notes the 404


def test_an_app_is_shown_less_and_then_nothing(visit: Visit, server: Server) -> None:
    app = {"name": "Clock face", "permissions": [{"level": "contribute", "stream": "diurnal-body"}]}
    token = server.call("POST", "/tokens", app)
    visit.go("/apps")
    page = visit.page
    card = page.get_by_role("region", name="Clock face")
    expect(card.get_by_text("See, add and change “Body”")).to_be_visible()
    card.get_by_role("button", name="Change").click()
    page.get_by_label("Detail").select_option("days")
    page.get_by_label("How soon").select_option("7")
    page.get_by_role("button", name="Change it").click()
    expect(card.get_by_text("See “Body”, only one value a day, 7 days later")).to_be_visible()
    told = server.call("GET", f"/tokens/{token['id']}")["permissions"]
    assert told[0]["daysOnly"] is True
    assert told[1]["rights"] == ["create", "update", "delete"]
    card.get_by_role("button", name="Take back").click()
    page.get_by_role("button", name="Take it back").click()
    expect(card).to_have_count(0)
    page.goto(f"{server.url}/audit?access={token['id']}")
    visit.settle()
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text("Nobody has changed it")).to_be_visible()
    page.get_by_label("Who").select_option("")
    page.get_by_role("textbox", name="What").fill("tokens.update")
    expect(page.get_by_role("row").nth(1)).to_contain_text("tokens.update")


def test_an_application_and_a_placeholder_are_made_and_deleted(
    visit: Visit, server: Server
) -> None:
    page = visit.page
    visit.go("/developer")
    page.get_by_role("button", name="New application").click()
    page.get_by_role("textbox", name="Name").fill("My bridge")
    page.get_by_label("For", exact=True).select_option("exist")
    page.get_by_label("Redirect addresses").fill("https://app.example.org/back")
    page.get_by_label("It may write only some attributes").check()
    page.get_by_label("Attributes", exact=False).last.fill("steps mood")
    assert visit.faults() == []
    visit.shoot("developer-form")
    page.get_by_role("button", name="Register it").click()
    expect(page.get_by_role("dialog").locator(".verbatim")).to_have_count(2)
    page.get_by_role("button", name="Done").click()
    [client] = [c for c in server.call("GET", "/clients")["clients"] if c["name"] == "My bridge"]
    assert client["attributes"] == ["steps", "mood"]
    page.get_by_role("button", name="Delete My bridge").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("My bridge is deleted")).to_be_visible()
    page.get_by_role("button", name="Make one").click()
    expect(page.locator(".verbatim").first).to_contain_text("dn_")
    visit.go("/developer/placeholders")
    page.get_by_role("button", name="New placeholder").click()
    page.get_by_label("Name").fill("Steps")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("cell", name="Steps", exact=True)).to_be_visible()
    page.get_by_role("button", name="Delete Steps").click()
    expect(page.get_by_text("Steps is deleted")).to_be_visible()
    assert server.call("GET", "/placeholders")["placeholders"] == []


def test_a_phone_is_connected_told_its_address_and_disconnected(
    visit: Visit, server: Server
) -> None:
    page = visit.page
    visit.go("/sources")
    page.get_by_role("button", name="Connect a source").click()
    page.get_by_role("searchbox", name="Search").fill("owntr")
    page.get_by_role("button", name="OwnTracks").click()
    assert visit.faults() == []
    page.get_by_role("button", name="Connect it").click()
    expect(page.get_by_text("/api/v1/push/owntracks").first).to_be_visible()
    visit.shoot("sources-push")
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Pause OwnTracks").click()
    expect(page.get_by_text("OwnTracks is paused")).to_be_visible()
    page.get_by_role("button", name="Disconnect OwnTracks").click()
    page.get_by_role("button", name="Keep the data").click()
    expect(page.get_by_text("is gone; what it brought stays")).to_be_visible()
    assert server.call("GET", "/connections")["connections"] == []


def _let_in_to_fill_steps(visit: Visit, name: str) -> None:
    """Let an application of Exist's API in, which then says that it fills steps."""
    back = "http://127.0.0.1:9/back"
    asked = {"api": "exist", "name": name, "redirectUris": [back]}
    made = visit.server.call("POST", "/clients", asked)
    fields = {
        "response_type": "code",
        "client_id": made["id"],
        "redirect_uri": back,
        "scope": "activity_read activity_write",
    }
    visit.go(f"/exist/oauth2/authorize?{urlencode(fields)}")
    # The application's own page: one that is not there would still be loading at the next address.
    visit.page.route(f"{back}?*", lambda route: route.fulfill(body="Welcome back"))
    visit.page.get_by_role("button", name="Allow").click()
    visit.page.wait_for_url(f"{back}?*")
    code = parse_qs(urlsplit(visit.page.url).query)["code"][0]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": made["id"],
        "client_secret": made["secret"],
        "redirect_uri": back,
    }
    server = visit.server.url
    told = visit.context.request.post(f"{server}/exist/oauth2/access_token", form=form)
    assert told.ok, told.text()
    secret = told.json()["access_token"]
    taken = visit.context.request.post(
        f"{server}/exist/api/2/attributes/acquire/",
        data=[{"name": "steps"}],
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert taken.ok, taken.text()


def test_the_owner_says_which_of_two_apps_fills_a_measure(visit: Visit) -> None:
    server, page = visit.server, visit.page
    for name in ("Step bridge", "Other bridge"):
        _let_in_to_fill_steps(visit, name)
    ids = {one["name"]: one["id"] for one in server.call("GET", "/clients")["clients"]}

    def fills() -> object:
        rows = server.call("GET", "/ownership")["measures"]
        return next(row.get("clientId") for row in rows if row["measure"] == "steps")

    try:
        visit.go("/apps")
        chosen = page.get_by_label("Steps", exact=True)
        for name in ("Other bridge", "Step bridge"):
            chosen.select_option(name)
            expect(page.get_by_text(f"{name} fills Steps now.")).to_be_visible()
            assert fills() == ids[name]
        assert visit.faults() == []
        visit.shoot("apps-owned")
        chosen.select_option("No app")
        expect(page.get_by_text("No app fills Steps any more.")).to_be_visible()
        assert fills() is None
    finally:
        for name in ("Step bridge", "Other bridge"):
            server.call("DELETE", f"/clients/{ids[name]}")
