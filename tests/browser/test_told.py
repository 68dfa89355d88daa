"""What goes out, and what runs it: webhooks, assistants, exports, the server itself."""

from __future__ import annotations

import json
import urllib.request
import zipfile
from typing import Any

from playwright.sync_api import Browser, expect

from tests.browser.conftest import Server, Visit, visiting
from tests.upstream import Asked, Said, Upstream


def test_a_webhook_is_made_hears_is_sent_again_stopped_and_deleted(visit: Visit) -> None:
    taken: list[Asked] = []

    def answer(asked: Asked) -> Said:
        taken.append(asked)
        return Said(status=204)

    other = Upstream(answer)
    page, server = visit.page, visit.server
    try:
        visit.go("/developer/webhooks")
        page.get_by_role("button", name="New webhook").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Address").fill(f"{other.url}/changed")
        dialog.get_by_label("Name").fill("My dashboard")
        dialog.get_by_label("any change").uncheck()
        dialog.get_by_label("Values of days").check()
        assert visit.faults() == []
        visit.shoot("webhook-new")
        dialog.get_by_role("button", name="Make it").click()
        secret = page.locator(".verbatim").inner_text()
        assert secret.startswith("whsec_")
        page.get_by_role("button", name="Done").click()
        expect(page.get_by_text(secret)).to_have_count(0)
        card = page.get_by_role("region", name="My dashboard")
        card.get_by_role("button", name="Test").click()
        expect(page.get_by_text("took the test message: it answered 204")).to_be_visible()
        server.call("PUT", "/days/mood/2026-01-01", {"value": 6})
        card.get_by_role("button", name="What it was told").click()
        log = page.get_by_role("dialog")
        expect(log.get_by_text("taken: 204")).to_be_visible()
        assert visit.faults() == []
        visit.shoot("webhook-log")
        before = len(taken)
        ids = {one.headers["webhook-id"] for one in taken[1:]}
        log.get_by_role("button", name="Send again").first.click()
        expect(page.get_by_text("with the id it had")).to_be_visible()
        expect(log.get_by_text("2 tries")).to_be_visible()
        assert {one.headers["webhook-id"] for one in taken[before:]} <= ids
        page.keyboard.press("Escape")
        card.get_by_role("button", name="New secret").click()
        page.get_by_role("button", name="Make a new one").click()
        expect(page.locator(".verbatim")).not_to_have_text(secret)
        page.get_by_role("button", name="Done").click()
        card.get_by_role("button", name="Stop").click()
        expect(card.get_by_text("Stopped")).to_be_visible()
        card.get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Delete it").click()
        expect(page.get_by_text("is told nothing any more")).to_be_visible()
        assert server.call("GET", "/webhooks")["webhooks"] == []
        assert visit.wrong == []
    finally:
        other.close()


def _ask(server: Server, token: str, tool: str, **given: Any) -> Any:
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": given},
    }
    request = urllib.request.Request(  # noqa: S310
        f"{server.url}/mcp",
        json.dumps(message).encode(),
        {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)["result"]


def test_what_an_assistant_asked_and_was_given_is_told_also_when_it_has_ended(
    visit: Visit,
) -> None:
    server, page = visit.server, visit.page
    only = [{"level": "read", "stream": "*", "measures": ["steps"]}]
    made = server.call("POST", "/tokens", {"name": "Kitchen assistant", "permissions": only})
    week = {"from": "2026-01-05", "to": "2026-01-11"}
    assert not _ask(server, made["token"], "days", measures=["steps"], **week).get("isError")
    assert _ask(server, made["token"], "days", measures=["mood"])["isError"]
    server.call("DELETE", f"/tokens/{made['id']}")
    visit.go("/assistants")
    card = page.get_by_role("region", name="Kitchen assistant")
    shown = card.get_by_role("listitem").filter(has_text="Steps")
    expect(shown).to_contain_text("Values of days Steps · 5 Jan 2026 to 11 Jan 2026")
    expect(shown).to_contain_text("7 data")
    expect(card.get_by_role("listitem").filter(has_text="Mood")).to_contain_text("refused")
    expect(card.get_by_text("ended just now")).to_be_visible()
    card.get_by_role("link", name="In the audit log").click()
    lines = page.get_by_role("region", name="The log").get_by_role("row")
    expect(lines.filter(has_text="Kitchen assistant (ended)")).to_have_count(2)
    assert visit.wrong == []


def test_the_audit_without_oneself_is_filled_by_the_server(visit: Visit) -> None:
    visit.server.call("GET", "/streams")
    visit.go("/audit")
    visit.page.get_by_label("Leave out what you do in this app").check()
    region = visit.page.get_by_role("region", name="The log")
    expect(region.get_by_text("You, signed in")).to_have_count(0)
    expect(region.get_by_text("streams.list").first).to_be_visible()


def test_everything_is_taken_out_as_a_file(visit: Visit) -> None:
    page = visit.page
    visit.go("/settings")
    page.get_by_label("As", exact=True).select_option("gpx")
    page.get_by_role("button", name="Make the file").click()
    ready = page.get_by_role("link", name="Download Tracks (GPX)")
    expect(ready).to_be_visible(timeout=60_000)
    with page.expect_download() as loading:
        ready.click()
    with zipfile.ZipFile(loading.value.path()) as file:
        assert file.testzip() is None
        assert any(name.endswith(".gpx") for name in file.namelist())
    page.get_by_role("button", name="Remove Tracks (GPX)").click()
    expect(ready).to_have_count(0)
    assert visit.server.call("GET", "/exports")["exports"] == []
    assert visit.wrong == []


def test_pages_of_what_goes_out_in_every_look(chromium: Browser, server: Server) -> None:
    for mode in ("light", "dark", "phone"):
        with visiting(chromium, server, mode) as visit:
            visit.sign_in()
            for path in ("/assistants", "/developer/webhooks", "/admin"):
                visit.go(path)
                visit.shoot(path.strip("/").replace("/", "-"))
                assert visit.faults() == [], (mode, path)
                assert visit.overflow() <= 0, (mode, path)
            assert visit.wrong == []


def test_an_admin_invites_closes_an_account_and_sees_that_a_backup_is_whole(
    visit: Visit, chromium: Browser
) -> None:
    server, page = visit.server, visit.page
    server.call("POST", "/admin/accounts", {"username": "erin", "password": "another good one"})
    try:
        visit.go("/admin")
        page.get_by_label("Whom it is for").fill("Dora")
        page.get_by_role("button", name="Make an invitation").click()
        expect(page.locator(".verbatim", has_text="/sign-up?invitation=")).to_be_visible()
        page.get_by_role("button", name="Take back Dora").click()
        expect(page.get_by_text("Dora")).to_have_count(0)
        page.get_by_role("button", name="Close erin").click()
        expect(page.get_by_text("erin is closed")).to_be_visible()
        who = {"name": "erin", "password": "another good one"}
        with visiting(chromium, server) as other:
            path = f"{server.url}/api/v1/session"
            assert other.context.request.post(path, data=who).status == 403
        page.get_by_role("button", name="Make one now").click()
        page.get_by_role("button", name="Verify").click(timeout=60_000)
        expect(page.get_by_text("Whole, bit for bit")).to_be_visible(timeout=60_000)
        jobs = page.get_by_role("region", name="Jobs")
        jobs.get_by_label("Kind of job").select_option("backup")
        expect(jobs.get_by_role("listitem").filter(has_text="Backup of alice")).to_contain_text(
            "done"
        )
        page.get_by_label("With the text").fill("no line has this")
        expect(page.get_by_text("Nothing fits.")).to_be_visible()
        page.get_by_label("With the text").fill("")
        logs = page.get_by_role("region", name="Logs", exact=True)
        expect(logs.get_by_role("listitem").first).to_be_visible()
        page.get_by_role("button", name="Room of erin").click()
        page.get_by_label("At most").fill("1.5 GB")
        page.get_by_role("button", name="Set it").click()
        expect(page.get_by_text("of 1.5 GB in files, a limit of its own")).to_be_visible()
        rooms = {one["username"]: one for one in server.call("GET", "/admin/storage")["accounts"]}
        assert rooms["erin"]["attachmentQuota"] == 1_500_000_000
        page.get_by_role("button", name="Delete erin").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name="Delete it for good")).to_be_disabled()
        dialog.get_by_label("Type its name").fill("erin")
        assert visit.faults() == []
        dialog.get_by_role("button", name="Delete it for good").click()
        expect(page.get_by_role("button", name="Close erin")).to_have_count(0)
        page.get_by_role("button", name="Remove diurnal-").first.click()
        page.get_by_role("button", name="Remove it").click()
        expect(page.get_by_text("There is none yet.")).to_be_visible()
        assert visit.wrong == []
    finally:
        names = [one["username"] for one in server.call("GET", "/admin/accounts")["accounts"]]
        if "erin" in names:
            server.call("DELETE", "/admin/accounts/erin")
