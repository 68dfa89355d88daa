"""Sources: files dropped, sent in pieces, mapped, watched, undone; and entries by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Server, Visit, visiting
from tests.browser.test_today import until

TABLE = "Datum;Weight (lb);Stimmung\n01.03.2017;180,5;7\n02.03.2017;181,0;6\n03.03.2017;?;5\n"


def give(page: Page, file: Path) -> None:
    page.get_by_label("Files to import").set_input_files(file)


def day(server: Server, date: str, measure: str) -> object:
    told = server.call("GET", f"/days?from={date}&to={date}&measures={measure}")
    return told["values"][measure][0]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "log.csv"
    file.write_text(TABLE)
    return file


def test_a_table_is_mapped_imported_seen_and_undone(visit: Visit, table: Path) -> None:
    page, server = visit.page, visit.server
    visit.go("/sources")
    give(page, table)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Measure of Weight (lb)")).to_have_value("weight")
    assert visit.faults() == []
    visit.shoot("mapping")
    dialog.get_by_role("button", name="Import with this mapping").click()
    row = page.get_by_role("listitem").filter(has_text="log.csv")
    expect(row.get_by_text("5 read: 5 new; 1 set aside.")).to_be_visible(timeout=60_000)
    weight = day(server, "2017-03-01", "weight")
    assert isinstance(weight, float)
    assert round(weight, 2) == 81.87
    row.get_by_role("button", name="1 set aside").click()
    expect(page.get_by_role("dialog").get_by_text("No number")).to_be_visible()
    visit.shoot("aside")
    page.keyboard.press("Escape")
    row.get_by_role("link").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Friday, 3 March 2017")
    page.go_back()
    row.get_by_role("button", name="Undo log.csv").click()
    row.get_by_role("button", name="Yes, undo").click()
    expect(row.get_by_text("All that it wrote was taken back.")).to_be_visible(timeout=60_000)
    assert day(server, "2017-03-01", "weight") is None
    assert visit.wrong == []


def test_an_import_that_runs_is_followed_step_by_step(visit: Visit) -> None:
    page, steps = visit.page, iter(range(100, 1_000, 50))

    def running(route: Route) -> None:
        answer = route.fetch()
        done = next(steps)
        progress = {"phase": "reading", "done": done, "total": 1_000, "read": done}
        one = {"id": 1, "name": "export.zip", "state": "running", "created": 1_790_000_000}
        told = answer.json() | {"imports": [one | {"progress": progress, "result": {}}]}
        route.fulfill(response=answer, json=told)

    page.route("**/api/v1/imports", running)
    visit.go("/sources")
    row = page.get_by_role("listitem").filter(has_text="export.zip")
    expect(row.get_by_text("Now: reading and writing.")).to_be_visible()
    expect(row.get_by_text(re.compile(r"about \d+ \w+ left"))).to_be_visible(timeout=20_000)
    assert visit.wrong == []


def test_a_dry_run_counts_and_stores_nothing_until_it_is_meant(
    visit: Visit, tmp_path: Path
) -> None:
    file = tmp_path / "daily.csv"
    file.write_text("date,mood\n2019-03-01,7\n2019-03-02,6\n")
    visit.go("/sources")
    visit.page.get_by_label("Only try (dry run)").check()
    give(visit.page, file)
    row = visit.page.get_by_role("listitem").filter(has_text="daily.csv").last
    expect(row.get_by_text("2 read: 2 would be new. Nothing was stored.")).to_be_visible(
        timeout=60_000
    )
    assert day(visit.server, "2019-03-01", "mood") is None
    row.get_by_role("button", name="Import for real").click()
    done = visit.page.get_by_role("listitem").filter(has_text="daily.csv").filter(has_text="2 new.")
    expect(done).to_be_visible(timeout=60_000)
    assert day(visit.server, "2019-03-01", "mood") == 7


def test_an_upload_goes_on_after_a_reload_from_where_it_was(visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    rows = [f"2020-0{1 + i % 9}-{1 + i // 9 % 28:02d},{'word ' * 1_800}" for i in range(252)]
    file.write_text("date,note\n" + "\n".join(rows) + "\n")
    page = visit.page
    offsets: list[int] = []

    def broken(route: Route) -> None:
        offsets.append(int(route.request.headers.get("upload-offset", "0")))
        if offsets[-1] > 0:
            route.abort()
        else:
            route.continue_()

    pieces = re.compile(r"/api/v1/uploads/[^/]+$")
    page.route(pieces, lambda r: broken(r) if r.request.method == "PATCH" else r.continue_())
    visit.go("/sources")
    give(page, file)
    expect(page.get_by_text("it goes on by itself")).to_be_visible()
    assert visit.faults() == []
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    page.unroute_all()
    offsets.clear()
    expect(page.get_by_text("choose the same file again")).to_be_visible()
    visit.shoot("lost")
    page.on(
        "request",
        lambda r: offsets.append(int(r.headers["upload-offset"])) if r.method == "PATCH" else None,
    )
    give(page, file)
    row = page.get_by_role("listitem").filter(has_text="long.csv")
    expect(row.get_by_text("252 read")).to_be_visible(timeout=60_000)
    assert offsets[0] == 1 << 20


def test_whose_word_comes_first_is_changed_by_keys(visit: Visit) -> None:
    hour = 1_646_118_000
    for source in ("Watch A", "Watch B"):
        rows = [[hour, hour + 60, 100]]
        visit.server.call("POST", "/series/floors", {"source": source, "rows": rows})
    visit.go("/sources?order=floors")
    expect(visit.page.get_by_label("Measure", exact=True)).to_have_value("floors")
    visit.page.get_by_role("button", name="Watch B up").focus()
    visit.page.keyboard.press("Enter")

    def order() -> object:
        settings = visit.server.call("GET", "/account").get("settings") or {}
        return settings.get("sources", {}).get("floors")

    expect(visit.page.get_by_text("This order is yours.")).to_be_visible()
    expect(visit.page.locator("#order li").first).to_contain_text("Watch B")
    visit.page.get_by_role("button", name="Leave it to Diurnal again").click()
    expect(visit.page.get_by_text("You have not set an order")).to_be_visible()


def test_a_weight_is_added_by_hand_from_any_page(visit: Visit) -> None:
    visit.go("/settings")
    visit.page.keyboard.press("a")
    expect(visit.page.get_by_label("What to add")).to_be_focused()
    visit.page.keyboard.type("weig")
    visit.page.keyboard.press("Enter")
    dialog = visit.page.get_by_role("dialog")
    dialog.get_by_label("Value").fill("9000")
    dialog.get_by_label("Day", exact=True).fill("2021-06-01")
    dialog.get_by_label("Time", exact=True).fill("")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("That cannot be: Weight is")
    assert visit.faults() == []
    dialog.get_by_label("Value").fill("71,5")
    # A draft outlives a reload.
    visit.page.reload()
    visit.settle()
    visit.page.keyboard.press("a")
    expect(visit.page.get_by_label("Value")).to_have_value("71,5")
    visit.page.get_by_role("dialog").get_by_role("button", name="Add", exact=True).click()
    until(lambda: day(visit.server, "2021-06-01", "weight") == 71.5)


def test_a_note_and_a_photo_wait_until_the_server_is_back(visit: Visit, tmp_path: Path) -> None:
    picture = tmp_path / "sea.png"
    picture.write_bytes(PNG)
    page, server = visit.page, visit.server
    visit.go("/")
    page.route("**/api/v1/events**", lambda route: route.abort())
    page.keyboard.press("a")
    page.get_by_role("option", name="Photo").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Photos").set_input_files(picture)
    dialog.get_by_label("What is on it").fill("The sea")
    dialog.get_by_label("Day", exact=True).fill("2021-07-01")
    dialog.get_by_label("Time", exact=True).fill("12:00")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("One entry waits")).to_be_visible()
    page.reload()
    expect(page.get_by_text("One entry waits")).to_be_visible()
    page.unroute_all()
    page.get_by_role("button", name="Try now").click()

    def files() -> list[object]:
        told = server.call("GET", "/events?from=2021-06-30T00:00:00Z&to=2021-07-02T00:00:00Z")
        return [f for e in told["events"] for f in e.get("attachments", ())]

    until(lambda: len(files()) == 1, 30)
    visit.go("/day/2021-07-01")
    expect(page.locator("section[aria-label=Photos] img")).to_be_visible()


def test_a_tag_of_ones_own_is_made_while_adding_it(chromium: Browser, server: Server) -> None:
    with visiting(chromium, server, "phone") as visit:
        visit.sign_in()
        visit.go("/")
        visit.page.get_by_role("button", name="Add by hand").click()
        visit.page.get_by_label("What to add").fill("Cold shower")
        visit.page.get_by_role("option", name=re.compile("Cold shower")).click()
        visit.page.get_by_role("button", name="A tag: there or not").click()
        assert visit.faults() == []
        visit.shoot("add")
        visit.page.get_by_label("Day", exact=True).fill("2021-08-01")
        visit.page.get_by_role("dialog").get_by_role("button", name="Add", exact=True).click()
        until(lambda: "cold_shower" in _measures(server))
        until(lambda: day(server, "2021-08-01", "cold_shower") == 1)


def _measures(server: Server) -> set[str]:
    return {m["key"] for m in server.call("GET", "/measures")["measures"]}


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000"
    "00907753de0000000c4944415408d763f8cfc000000301010018dd8d"
    "b00000000049454e44ae426082"
)
