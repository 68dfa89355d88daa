"""A source that is signed in to: its page, the way back, and what came in."""

from __future__ import annotations

import html
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import NAME, PASSWORD, ZONE, command, served, visiting
from tests.upstream import Asked, Said, Upstream

CONNECTOR = """
from diurnal.connectors import Connector, OAuth2, Pull
from diurnal.model.records import Datum, Source
from diurnal.model.time import DAY, day_from_text

def fetch(http, window, options):
    for row in http.get("/weights", {"from": window.first_day, "to": window.last_day})["rows"]:
        at = day_from_text(row["day"]) * DAY
        yield Datum(source=Source("Scale", "dedicated"), source_id=row["day"], type="mass/kg",
                    measure="weight", start=at, content=row["kg"])

CONNECTOR = Connector(
    name="scale_next_door", title="Scale next door", docs="https://example.org/",
    auth=OAuth2(authorize_url="URL/authorize", token_url="URL/token", pkce=True),
    base_url="URL", pulls=(Pull(name="weights", fetch=fetch, history_days=5),),
)
"""
ENTRY = "[diurnal.connectors]\nscale_next_door = scale_next_door:CONNECTOR\n"


class Service:
    """Asks whether the person allows it, and gives one weight to whoever has its token."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def __call__(self, asked: Asked) -> Said:
        self.asked.append(asked)
        if asked.path == "/authorize":
            back = urlencode({"code": "the-code", "state": asked.query["state"]})
            to = html.escape(f"{asked.query['redirect_uri']}?{back}")
            page = f'<!doctype html><title>Scale</title><a href="{to}">Allow it</a>'
            return Said(page.encode(), headers={"Content-Type": "text/html"})
        if asked.path == "/token":
            good = asked.form["code"] == "the-code" and "code_verifier" in asked.form
            told = {"access_token": "a", "refresh_token": "r", "expires_in": 3600}
            return Said(told) if good else Said({"error": "invalid_grant"}, 400)
        if asked.path == "/favicon.ico":
            return Said(status=204)
        if asked.headers.get("authorization") != "Bearer a":
            return Said({"error": "expired"}, 401)
        day = asked.query["to"]
        return Said({"rows": [{"day": day, "kg": 71.25}]})


def test_an_admin_gives_the_application_and_a_person_signs_in_with_it(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service()
    vendor = Upstream(service)
    held = tmp_path / "plugins"
    (held / "scale_next_door-1.dist-info").mkdir(parents=True)
    (held / "scale_next_door-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: scale_next_door\nVersion: 1\n"
    )
    (held / "scale_next_door-1.dist-info" / "entry_points.txt").write_text(ENTRY)
    (held / "scale_next_door.py").write_text(CONNECTOR.replace("URL", vendor.url))
    monkeypatch.setenv("PYTHONPATH", str(held), prepend=":")
    home = tmp_path / "home"
    home.mkdir()
    command(home, "account", "create", NAME, "--password-stdin", "--timezone", ZONE, stdin=PASSWORD)
    try:
        with served(home) as server, visiting(chromium, server) as visit:
            visit.sign_in()
            page = visit.page
            visit.go("/admin")
            page.get_by_role("button", name="Give one for Scale next door").click()
            page.get_by_label("Client ID").fill("our-id")
            page.get_by_label("Client secret").fill("our-secret")
            assert visit.faults() == []
            page.get_by_role("button", name="Keep it").click()
            expect(page.get_by_text("our-id, with its secret")).to_be_visible()
            visit.go("/sources")
            page.get_by_role("button", name="Connect a source").click()
            page.get_by_label("Search", exact=True).fill("next door")
            page.get_by_role("button", name="Scale next door").click()
            page.get_by_role("button", name="Sign in at Scale next door").click()
            page.get_by_role("link", name="Allow it").click()
            row = page.get_by_role("listitem").filter(has_text="Scale next door").first
            expect(row.get_by_text("connected", exact=True)).to_be_visible(timeout=30_000)
            strip = row.get_by_role("img", name="weights")
            expect(row.locator("rect.c-d").first).to_be_visible(timeout=30_000)
            assert "fetched" in (strip.get_attribute("aria-label") or "")
            token = next(one for one in service.asked if one.path == "/token")
            assert "our-id" in token.body.decode() or "authorization" in token.headers
            assert [w for w in visit.wrong if not w.startswith(f"asked {vendor.url}")] == []
    finally:
        vendor.close()
