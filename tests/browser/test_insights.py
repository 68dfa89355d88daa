"""Insights, Explore, experiments and goals, as their owner uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Server, Visit, today
from tests.browser.test_today import until


@pytest.fixture(scope="module")
def looked(server: Server) -> Server:
    """The five years have been looked through."""
    job = server.call("POST", "/analyses")["id"]
    until(lambda: server.call("GET", f"/analyses/{job}")["state"] == "done", 120)
    return server


@pytest.fixture(autouse=True)
def nothing_left(server: Server) -> Iterator[None]:
    yield
    server.call("PATCH", "/account", {"settings": {"web": None}})
    for one in server.call("GET", "/experiments")["experiments"]:
        server.call("DELETE", f"/experiments/{one['id']}")


@pytest.mark.usefixtures("looked")
def test_links_are_sentences_with_what_they_rest_on_and_may_be_put_away(visit: Visit) -> None:
    page = visit.page
    visit.go("/insights")
    links = page.get_by_role("region", name="What goes with what").get_by_role("listitem")
    first = links.first
    expect(first).to_contain_text("A link is not a cause")
    expect(first).to_contain_text(re.compile(r"q (< )?0\.\d+"))
    expect(first).to_contain_text(re.compile(r"\d+ days, \d+ \w+ \d{4} to"))
    before = links.count()
    sentence = first.locator("p").first.inner_text()
    first.get_by_role("button", name="Too obvious").click()
    expect(links).to_have_count(before - 1)
    expect(page.get_by_text(sentence)).to_have_count(0)
    page.get_by_role("button", name="Show 1 you put away").click()
    put = links.filter(has_text=sentence)
    expect(put.get_by_role("button", name="Too obvious")).to_have_attribute("aria-pressed", "true")
    put.get_by_role("button", name="Too obvious").click()
    expect(page.get_by_role("button", name="you put away")).to_have_count(0)


@pytest.mark.usefixtures("looked")
def test_the_matrix_is_walked_by_keys_and_leads_to_the_sentence(visit: Visit) -> None:
    page = visit.page
    visit.go("/insights")
    page.get_by_role("button", name="Matrix").click()
    visit.shoot("matrix")
    assert visit.faults() == []
    cell = page.get_by_role("grid").get_by_role("button").first
    cell.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(cell).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("li.chosen")).to_be_visible()


def test_links_a_week_apart_are_looked_for_when_asked(looked: Server, visit: Visit) -> None:
    visit.go("/insights?lags=7")
    visit.page.get_by_role("button", name="Look for them").click()
    expect(visit.page.get_by_text("Everything has been looked at.")).to_be_visible(timeout=120_000)
    assert looked.call("GET", "/links?lags=7")["looked"]
    expect(visit.page.get_by_role("button", name="Look for them")).to_have_count(0)


def test_a_view_is_parted_compared_saved_and_copied(visit: Visit) -> None:
    page = visit.page
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.go("/explore?m=steps")
    page.get_by_label("Add a measure").select_option("mood")
    page.get_by_label("Part by").select_option("weekday")
    page.get_by_label("Compare with").select_option("year")
    page.get_by_role("button", name="1 year").click()
    expect(page).to_have_url(re.compile(r"m=steps,mood&range=365&compare=year&split=weekday"))
    mood = page.get_by_role("region", name="Mood", exact=True)
    expect(mood.get_by_role("row", name=re.compile("Saturday"))).to_contain_text("days")
    expect(page.get_by_role("img", name=re.compile("^Mood against Steps"))).to_be_visible()
    page.get_by_label("Name of this view").fill("My year")
    page.get_by_role("button", name="Save this view").click()
    expect(page.get_by_text("“My year” is saved")).to_be_visible()
    page.get_by_role("button", name="Python").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "measures=steps,mood" in copied
    compile(copied, "copied", "exec")
    visit.go("/explore")
    page.get_by_role("link", name="My year").click()
    expect(page.get_by_label("Part by")).to_have_value("weekday")


def test_an_experiment_is_planned_drawn_told_on_today_and_ended(visit: Visit) -> None:
    page = visit.page
    visit.go("/experiments")
    page.get_by_role("button", name="Plan the first one").click()
    form = page.get_by_role("dialog")
    form.get_by_label("What do you want to know?").fill("Does coffee cost me sleep?")
    form.get_by_label("A: what you do").fill("No coffee")
    form.get_by_label("B: and in the other").fill("Coffee")
    form.get_by_label("First day").fill(today())
    form.get_by_label("Days a block").fill("3")
    assert visit.faults() == []
    page.reload()
    page.get_by_role("button", name="Plan the first one").click()
    expect(form.get_by_label("B: and in the other")).to_have_value("Coffee")
    form.get_by_role("button", name="Plan it").click()
    trial = page.get_by_role("listitem").filter(has_text="Does coffee cost me sleep?")
    schedule = trial.get_by_role("img", name=re.compile("^Schedule: [AB] from"))
    expect(schedule).to_be_visible(timeout=30_000)
    assert visit.faults() == []
    visit.shoot("experiment")
    last = date.fromisoformat(today()) + timedelta(days=23)
    expect(trial).to_contain_text(str(last.year))
    visit.go("/")
    expect(page.get_by_text(re.compile("From today: (No coffee|Coffee)"))).to_be_visible()
    visit.go("/experiments")
    trial.get_by_role("button", name="End it").click()
    trial.get_by_role("button", name="Yes, end it").click()
    expect(trial.get_by_text("ended before its time")).to_be_visible()
    trial.get_by_role("button", name="Delete").click()
    trial.get_by_role("button", name="Yes, delete it").click()
    expect(page.get_by_role("button", name="Plan the first one")).to_be_visible()


@pytest.mark.usefixtures("looked")
def test_a_goal_is_set_and_today_is_measured_by_it(visit: Visit) -> None:
    page = visit.page
    visit.go("/")
    page.get_by_role("button", name="Set goals").click()
    assert visit.faults() == []
    page.get_by_role("dialog").get_by_label("Steps").fill("20000")
    page.get_by_role("button", name="Keep them").click()
    goals = page.get_by_role("region", name="How far today is")
    expect(goals).to_contain_text("goal 20,000")
    expect(goals.get_by_role("meter", name="Steps")).to_be_visible()
    page.get_by_role("button", name="Set goals").click()
    page.get_by_role("dialog").get_by_label("Steps").fill("")
    page.get_by_role("button", name="Keep them").click()
    expect(goals).not_to_contain_text("goal 20,000")
