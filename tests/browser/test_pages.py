"""Every page, in both themes, at a desk and on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import MODES, Server, visiting

PAGES = {
    "today": "/",
    "timeline": "/day/today",
    "insights": "/insights",
    "method": "/insights/method",
    "explore": "/explore?m=steps,mood&split=weekday&compare=before",
    "experiments": "/experiments",
    "sources": "/sources",
    "settings": "/settings",
    "explorer": "/developer/api",
    "plain": "/plain",
    "nowhere": "/nowhere",
}
EXPECTED = {"nowhere": ["Failed to load resource: the server responded with a status of 404"]}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_readable_and_asks_nobody_else(
    chromium: Browser, server: Server, name: str, mode: str
) -> None:
    with visiting(chromium, server, mode) as visit:
        visit.sign_in()
        visit.go(PAGES[name])
        if name == "explorer":
            visit.page.get_by_role("heading", name="Read events").first.wait_for()
        visit.shoot(name)
        assert visit.faults() == []
        assert visit.overflow() <= 0
        allowed = EXPECTED.get(name, [])
        assert [w for w in visit.wrong if not any(w.startswith(a) for a in allowed)] == []


@pytest.mark.parametrize("mode", ["light", "dark-phone"])
def test_the_sign_in_page_is_whole_too(chromium: Browser, server: Server, mode: str) -> None:
    with visiting(chromium, server, mode) as visit:
        visit.go("/sign-in")
        visit.shoot("sign-in")
        assert visit.faults() == []
        assert visit.overflow() <= 0
        assert visit.wrong == []
