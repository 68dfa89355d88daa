"""Today: the mood, the tiles, the years, and a server that is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import PASSWORD, Server, Visit, served, today, visiting


def until(true: Callable[[], Any], seconds: float = 40) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not come to pass"
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def nothing_said(server: Server) -> None:
    """Nobody has said yet how today was, and nothing is chosen."""
    if server.mood()[1] == "manual":
        server.call("DELETE", f"/days/mood/{today()}")
    server.call("PATCH", "/account", {"settings": {"web": None}})


def test_a_digit_says_how_today_was_and_undo_takes_it_back(visit: Visit) -> None:
    visit.go("/")
    visit.page.keyboard.press("7")
    expect(visit.page.get_by_role("button", name="7 of 9")).to_have_attribute(
        "aria-pressed", "true"
    )
    until(lambda: visit.server.mood() == (7, "manual"))
    visit.page.get_by_role("button", name="Undo").click()
    until(lambda: visit.server.mood() == (None, None))
    expect(visit.page.get_by_role("button", name="7 of 9")).to_have_attribute(
        "aria-pressed", "false"
    )


def test_what_is_said_while_the_server_is_away_survives_a_reload(visit: Visit) -> None:
    visit.go("/")
    away = "**/api/v1/days/mood/*"
    visit.page.route(away, lambda route: route.abort())
    visit.page.get_by_role("button", name="4 of 9").click()
    expect(visit.page.get_by_text("One entry waits")).to_be_visible()
    assert visit.server.mood() == (None, None)
    visit.page.reload()
    expect(visit.page.get_by_text("One entry waits")).to_be_visible()
    visit.page.unroute(away)
    visit.page.get_by_role("button", name="Try now").click()
    until(lambda: visit.server.mood() == (4, "manual"))
    expect(visit.page.get_by_text("One entry waits")).to_have_count(0)


def test_a_change_elsewhere_shows_without_a_reload(visit: Visit) -> None:
    visit.go("/")
    visit.server.call("PUT", f"/days/mood/{today()}", {"value": 3})
    expect(visit.page.get_by_role("button", name="3 of 9")).to_have_attribute(
        "aria-pressed", "true", timeout=5_000
    )


def chosen(visit: Visit) -> dict[str, Any]:
    """What the app keeps in the account's settings."""
    return dict(visit.server.call("GET", "/account")["settings"].get("web", {}))


def test_tiles_are_chosen_and_ordered_by_keyboard_and_stay(visit: Visit) -> None:
    visit.go("/")
    names = visit.page.locator(".tiles h3")
    expect(names).to_have_text(["Steps", "Time asleep", "Resting heart rate", "Productive time"])
    visit.page.get_by_role("button", name="Choose tiles").click()
    visit.page.get_by_role("button", name="Steps, 1 of 4").focus()
    visit.page.keyboard.press("ArrowDown")
    expect(visit.page.get_by_role("button", name="Steps, 2 of 4")).to_be_focused()
    visit.page.get_by_label("Add a tile").select_option("weight")
    visit.page.get_by_role("button", name="Remove Productive time").click()
    wanted = ["Time asleep", "Steps", "Resting heart rate", "Weight"]
    expect(names).to_have_text(wanted)
    assert visit.faults() == []
    keys = ["sleep", "steps", "heart_rate_resting", "weight"]
    until(lambda: chosen(visit).get("tiles") == keys)
    visit.page.reload()
    expect(names).to_have_text(wanted)


def test_a_choice_that_a_reload_cut_off_stays(visit: Visit) -> None:
    visit.go("/")
    names = visit.page.locator(".tiles h3")
    expect(names).to_have_text(["Steps", "Time asleep", "Resting heart rate", "Productive time"])
    cut = "**/api/v1/account"
    visit.page.route(
        cut, lambda route: route.abort() if route.request.method == "PATCH" else route.continue_()
    )
    visit.page.get_by_role("button", name="Choose tiles").click()
    visit.page.get_by_role("button", name="Remove Time asleep").click()
    wanted = ["Steps", "Resting heart rate", "Productive time"]
    expect(names).to_have_text(wanted)
    visit.page.reload()
    expect(names).to_have_text(wanted)  # while it still waits
    visit.page.unroute(cut)
    visit.page.get_by_role("button", name="Try now").click()
    until(lambda: len(chosen(visit).get("tiles", [])) == len(wanted))
    expect(names).to_have_text(wanted)


def test_tiles_are_ordered_by_dragging(visit: Visit) -> None:
    visit.go("/")
    visit.page.get_by_role("button", name="Choose tiles").click()
    lines = visit.page.locator("dialog[open] li")
    lines.nth(0).drag_to(lines.nth(2))
    expect(visit.page.locator(".tiles h3")).to_have_text(
        ["Time asleep", "Resting heart rate", "Steps", "Productive time"]
    )


def test_the_calendar_speaks_each_day_and_has_a_table_and_a_file(visit: Visit) -> None:
    visit.go("/")
    calendar = visit.page.get_by_label("Steps, five years", exact=True)
    calendar.focus()
    visit.page.keyboard.press("End")
    visit.page.keyboard.press("ArrowUp")
    [value] = visit.server.call("GET", f"/days?measures=steps&from={today()}&to={today()}")[
        "values"
    ]["steps"]
    card = visit.page.locator("section", has=calendar)
    expect(card.locator("[aria-live] strong")).to_contain_text(":")
    visit.page.keyboard.press("ArrowDown")
    said = "no data" if value is None else f"{value:,.0f}"
    expect(card.locator("[aria-live] strong")).to_contain_text(said)
    visit.page.get_by_label("Measure of the calendar").select_option("weight")
    table = visit.page.get_by_role("button", name="Weight, five years: show as a table")
    table.click()
    expect(visit.page.get_by_role("region", name="Weight, five years, as a table")).to_contain_text(
        "kg"
    )
    with visit.page.expect_download() as waited:
        visit.page.get_by_role("button", name="Weight, five years: download").click()
    lines = Path(waited.value.path()).read_text().splitlines()
    assert lines[0] == 'date,"Weight, five years"'
    assert len(lines) > 4 * 365


def test_the_chart_speaks_each_point_and_has_a_table(visit: Visit) -> None:
    visit.go("/")
    visit.page.get_by_role("button", name="30 days").click()
    chart = visit.page.get_by_label("Mood and steps, last 30 days", exact=True)
    chart.focus()
    visit.page.keyboard.press("End")
    visit.page.keyboard.press("ArrowLeft")
    expect(visit.page.locator(".chart p[aria-live]")).to_contain_text("Steps")
    visit.page.get_by_role("button", name="last 30 days: show as a table").click()
    rows = visit.page.get_by_role("region", name="last 30 days, as a table").locator("tbody tr")
    expect(rows).to_have_count(30)


def test_a_new_account_is_led_to_its_first_data(chromium: Browser, data_dir: Path) -> None:
    with served(data_dir) as fresh, visiting(chromium, fresh) as visit:
        visit.page.goto(fresh.url)
        visit.page.wait_for_url("**/setup")
        visit.page.locator("[name=username]").fill("ada")
        visit.page.locator("[name=password]").fill(PASSWORD)
        visit.page.locator("form button[type=submit]").first.click()
        visit.page.wait_for_url(f"{fresh.url}/")
        expect(visit.page.get_by_role("heading", name="Your record begins here")).to_be_visible()
        visit.shoot("empty")
        assert visit.faults() == []
        assert visit.wrong == []
        visit.page.keyboard.press("8")
        expect(visit.page.get_by_text("Day 1 of your record")).to_be_visible()
