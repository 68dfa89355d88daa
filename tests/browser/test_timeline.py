"""Timeline: a day in lanes, closer and wider, and what one can do with what is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import MODES, Server, Visit, visiting
from tests.browser.test_today import until

DAY = "2025-10-26"
"""The clocks went back."""
MIDNIGHT = 1_761_429_600
MANY = 10_000
MANY_DAY = "2024-05-05"
MANY_NOON = 1_714_903_200


@pytest.fixture(scope="module", autouse=True)
def lived(server: Server) -> None:
    """A night, a walk, a course of the heart and steps of two devices."""
    points = {"start": MIDNIGHT, "step": 60, "v": [60 + (i % 90) / 3 for i in range(25 * 60)]}
    server.call("POST", "/series/heart_rate", {"source": "Watch", "points": points})
    for source, scale in (("Watch", 400), ("Phone", 310)):
        hours = [[MIDNIGHT + h * 3600, MIDNIGHT + h * 3600 + 3540, scale + h] for h in range(8, 20)]
        server.call("POST", "/series/steps", {"source": source, "rows": hours})
    night = {"stages": [{"stage": "core", "start": 0, "duration": 14_000}]}
    server.call(
        "POST",
        "/events",
        {
            "events": [
                {
                    "streamIds": ["diurnal-sleep"],
                    "type": "sleep/night",
                    "time": MIDNIGHT + 1800,
                    "duration": 28_800,
                    "content": night,
                    "source": "Watch",
                },
                {
                    "streamIds": ["diurnal-note"],
                    "type": "note/txt",
                    "time": MIDNIGHT + 50_400,
                    "content": "A long walk by the river",
                    "source": "Diary",
                },
            ]
        },
    )
    thoughts: list[dict[str, object]] = [
        {
            "streamIds": ["diurnal-note"],
            "type": "note/txt",
            "time": MANY_NOON + i,
            "content": f"Thought number {i}",
        }
        for i in range(MANY)
    ]
    server.call("POST", "/events", {"events": thoughts})


def walk(page: Page) -> Locator:
    """The note in the list of events."""
    listed = page.get_by_role("region", name="Events")
    return listed.get_by_role("button", name=re.compile("A long walk"))


@pytest.fixture
def day(visit: Visit) -> Iterator[Page]:
    visit.go(f"/day/{DAY}")
    expect(walk(visit.page)).to_be_visible()
    yield visit.page
    assert visit.wrong == []


def note(server: Server) -> dict[str, object]:
    """Return the one note of the day; nothing while it is in the trash."""
    told = server.call("GET", f"/events?from={MIDNIGHT}&to={MIDNIGHT + 90_000}&types=note/txt")
    assert len(told["events"]) <= 1
    return dict(told["events"][0]) if told["events"] else {}


def test_a_day_without_data_fits_a_phone_too(server: Server, chromium: Browser) -> None:
    with visiting(chromium, server, "phone") as visit:
        visit.sign_in()
        visit.go("/day/2026-11-18")
        expect(visit.page.get_by_text("Go to the last day with data")).to_be_visible()
        assert visit.overflow() <= 0


@pytest.mark.parametrize("mode", MODES)
def test_a_day_with_data_is_whole_and_readable(
    server: Server, chromium: Browser, mode: str
) -> None:
    with visiting(chromium, server, mode) as visit:
        visit.sign_in()
        visit.go(f"/day/{DAY}")
        expect(visit.page.get_by_role("heading", name="Heart rate")).to_be_visible()
        visit.shoot("day")
        assert visit.faults() == []
        assert visit.overflow() <= 0
        visit.page.get_by_role("button", name=re.compile("^Steps")).click()
        expect(visit.page.get_by_text("Why this number")).to_be_visible()
        visit.shoot("why")
        assert visit.faults() == []
        assert visit.wrong == []


def test_a_day_of_25_hours_says_so_and_shows_the_hour_twice(day: Page) -> None:
    expect(day.get_by_text("The clocks went back; this day has 25 hours.")).to_be_visible()
    expect(day.get_by_role("slider").get_by_text("02:00", exact=True)).to_have_count(2)


def test_keys_turn_days_zoom_and_read_values_out(day: Page) -> None:
    day.keyboard.press("ArrowRight")
    expect(day.get_by_role("heading", level=1)).to_have_text("Monday, 27 October 2025")
    day.keyboard.press("ArrowLeft")
    expect(day.get_by_role("heading", level=1)).to_have_text("Sunday, 26 October 2025")
    day.get_by_role("slider").focus()
    day.keyboard.press("ArrowRight")
    expect(day.locator("[aria-live=polite]", has_text="Heart rate")).to_contain_text("bpm")
    asked: list[str] = []
    day.on("request", lambda r: asked.append(r.url) if "/series/heart_rate" in r.url else None)
    for zoom in ("6 hours", "Hour", "10 min", "Minute"):
        day.keyboard.press("+")
        expect(day.get_by_role("button", name=zoom, exact=True)).to_have_attribute(
            "aria-pressed", "true"
        )
    for zoom in ("10 min", "Hour", "6 hours", "Day", "Week", "Month", "Year"):
        day.keyboard.press("-")
        expect(day.get_by_role("button", name=zoom, exact=True)).to_have_attribute(
            "aria-pressed", "true"
        )
    expect(day.get_by_role("heading", level=1)).to_have_text("2025")
    assert asked
    assert all("width=" in url for url in asked)


def test_why_a_number_is_what_it_is_down_to_its_points(day: Page) -> None:
    day.get_by_role("button", name=re.compile("^Steps")).click()
    drawer = day.get_by_role("dialog")
    expect(drawer.get_by_text("Added up from 12 data of Watch.")).to_be_visible()
    expect(drawer.get_by_text("Watch already covers the same time")).to_be_visible()
    drawer.get_by_role("button", name="All points of the day").click()
    expect(day.get_by_role("dialog").get_by_text("24 points.")).to_be_visible()
    day.get_by_role("dialog").get_by_role("button", name=re.compile("^07:00:00")).first.click()
    expect(day.get_by_label("Raw row")).to_contain_text('"measure": "steps"')


def test_an_event_is_edited_trashed_and_brought_back(day: Page, server: Server) -> None:
    walk(day).click()
    day.get_by_role("button", name="Edit").click()
    day.get_by_label("Text").fill("A long walk by the sea")
    # What is typed outlives a reload.
    day.reload()
    walk(day).click()
    day.get_by_role("button", name="Go on editing").click()
    expect(day.get_by_label("Text")).to_have_value("A long walk by the sea")
    day.get_by_label("Tags, with commas between").fill("sea, far")
    day.get_by_role("button", name="Save").click()
    until(lambda: note(server).get("content") == "A long walk by the sea")
    assert note(server)["tags"] == ["sea", "far"]
    day.get_by_role("button", name="Move to trash").click()
    expect(day.get_by_text("is in the trash")).to_be_visible()
    expect(walk(day)).to_have_count(0)
    day.get_by_role("button", name="Trash", exact=True).click()
    expect(walk(day)).to_be_visible()
    day.get_by_role("button", name="Undo").click()
    until(lambda: note(server).get("content") == "A long walk by the sea")
    day.get_by_role("button", name="Kept", exact=True).click()
    expect(walk(day)).to_be_visible()


def test_ten_thousand_events_are_a_list_of_few_rows(visit: Visit) -> None:
    visit.go(f"/day/{MANY_DAY}")
    expect(visit.page.get_by_role("heading", name="Events 10,000")).to_be_visible()
    rows = visit.page.locator("section[aria-label=Events] li")
    expect(rows.first).to_be_visible()
    assert rows.count() < 60
    visit.page.locator("section[aria-label=Events] .box").evaluate("box => box.scrollTop = 1e9")
    expect(rows.last).to_contain_text("Thought number 9999")
    assert rows.count() < 60
    visit.page.get_by_label("Find in these events").fill("number 4321")
    expect(visit.page.get_by_role("heading", name="Events 1", exact=True)).to_be_visible()
