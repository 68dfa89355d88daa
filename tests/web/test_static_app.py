"""The built app as a browser gets it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from diurnal.model.access import Access
from diurnal.services.context import Context
from diurnal.web import static_app
from tests.conftest import PASSWORD
from tests.dialects.native.client import Api, opened

ROOT = Path(__file__).parents[2]
DIST = ROOT / "diurnal" / "web" / "dist"


@pytest.fixture
def browser(ctx: Context, alice: Access) -> Iterator[Api]:
    with opened(ctx) as made:
        yield made


@pytest.fixture
def signed_in(browser: Api) -> Api:
    sent = browser.page("POST", "/sign-in", data={"name": "alice", "password": PASSWORD})
    assert sent.status_code == 303
    return browser


def script() -> str:
    """The name of the largest hashed script."""
    return max((DIST / "assets").glob("*.js"), key=lambda p: p.stat().st_size).name


def test_every_address_of_the_app_is_served_and_no_other() -> None:
    routes = (ROOT / "web" / "src" / "routes.ts").read_text()
    paths = re.findall(r'^    path: "(.+?)",$', routes, re.MULTILINE)
    assert {re.sub(r":(\w+)", r"{\1}", path) for path in paths} == set(static_app.PAGES)


def test_a_page_is_for_who_is_signed_in(browser: Api) -> None:
    paths = ["/", "/settings", "/sources", "/day/2026-11-21", "/developer/api"]
    for path in paths:
        sent = browser.page("GET", f"{path}?x=1")
        assert sent.status_code == 303
        assert sent.headers["location"].startswith("/sign-in?next=%2F")
    browser.page("POST", "/sign-in", data={"name": "alice", "password": PASSWORD})
    for path in paths:
        page = browser.page("GET", path)
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["cache-control"] == "no-cache"
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "connect-src 'self';" in policy
        assert ("'unsafe-inline'" in policy) == (path == "/developer/api")
        assert "style=" not in page.text
        assert re.findall(r'(?:src|href)="(?![/#])', page.text) == []


def test_a_hashed_file_is_kept_for_good_and_comes_packed(browser: Api) -> None:
    name = script()
    plain = browser.page("GET", f"/assets/{name}", headers={"accept-encoding": "identity"})
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"
    assert plain.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in plain.headers
    assert plain.content == (DIST / "assets" / name).read_bytes()
    for asked, coding in (("gzip, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip", "gzip")):
        packed = browser.page("HEAD", f"/assets/{name}", headers={"accept-encoding": asked})
        assert packed.headers["content-encoding"] == coding
        assert int(packed.headers["content-length"]) < len(plain.content) / 2


def test_what_lies_packed_beside_a_file_is_that_file() -> None:
    packed = list(DIST.rglob("*.gz"))
    assert packed
    for path in packed:
        assert gzip.decompress(path.read_bytes()) == path.with_suffix("").read_bytes()


def test_other_names_lead_nowhere(signed_in: Api) -> None:
    for path in (
        "/assets/nothing.js",
        "/assets/..%2f..%2fpages.py",
        "/assets/../../pages.py",
        "/vendor/%2e%2e%2findex.html.gz",
        f"/assets/{script()}.gz",
        "/index.html",
        "/settings/more",
    ):
        assert signed_in.page("GET", path).status_code == 404, path
