"""First run, sign-in and the overview, as a browser without JavaScript meets them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diurnal.model.access import Access
from diurnal.services import accounts, backups, first_run
from diurnal.services.context import Context
from diurnal.services.context import opened as opened_context
from diurnal.settings import load
from diurnal.web import pages
from tests.conftest import PASSWORD
from tests.dialects.native.client import Api, opened

NEW = {"username": "alice", "password": PASSWORD, "timezone": "Europe/Berlin"}
SIGN_IN = {"name": "alice", "password": PASSWORD, "next": "/"}


@pytest.fixture
def browser(ctx: Context) -> Iterator[Api]:
    with opened(ctx) as made:
        yield made


def goes(answer: Any, path: str) -> bool:
    return (answer.status_code, answer.headers.get("location")) == (303, path)


def test_the_first_visit_leads_to_an_account_and_in(browser: Api) -> None:
    assert goes(browser.page("GET", "/"), "/setup")
    assert goes(browser.page("GET", "/sign-in"), "/setup")
    form = browser.page("GET", "/setup")
    assert form.status_code == 200
    assert "One-time code" not in form.text
    assert "<option>Europe/Berlin</option>" in form.text
    assert goes(browser.page("POST", "/setup", data=NEW), "/")
    home = browser.page("GET", "/plain")
    assert "alice" in home.text
    assert "Europe/Berlin" in home.text
    assert "31 March 2026" in home.text
    assert goes(browser.page("GET", "/setup"), "/sign-in")
    assert goes(browser.page("POST", "/setup", data=NEW | {"username": "mallory"}), "/sign-in")


def test_what_is_wrong_stands_beside_its_field_and_the_rest_is_kept(browser: Api) -> None:
    again = browser.page("POST", "/setup", data=NEW | {"password": "short"})
    assert again.status_code == 400
    assert 'value="alice"' in again.text
    assert "<option selected>Europe/Berlin</option>" in again.text
    assert "short" not in again.text
    assert re.search(r'id="password-bad">a password has at least 8', again.text)
    assert 'aria-invalid="true"' in again.text


def test_from_elsewhere_the_form_asks_for_the_code(ctx: Context) -> None:
    with opened(ctx, address="192.0.2.7") as browser:
        assert "One-time code" in browser.page("GET", "/setup").text
        refused = browser.page("POST", "/setup", data=NEW | {"code": "2345"})
        assert refused.status_code == 403
        assert 'role="alert"' in refused.text
        code = first_run.issue_code(ctx.settings.data_dir)
        assert goes(browser.page("POST", "/setup", data=NEW | {"code": code}), "/")


def test_a_backup_comes_back_on_the_first_visit(
    ctx: Context, tmp_path: Path, sqlite_template: Path
) -> None:
    """From elsewhere: the code first, then the file; nobody fills the disk without it."""
    old = tmp_path / "old"
    old.mkdir()
    (old / "diurnal.db").write_bytes(sqlite_template.read_bytes())
    with opened_context(load(data_dir=old, environ={})) as before:
        accounts.create(before, username="alice", password=PASSWORD)
        sealed = before.keys.seal("a token", 1)
        made = backups.make(before, tmp_path / "x.backup", passphrase="seven crows")
    file = {"backup": ("x.backup", Path(made.path).read_bytes())}
    with opened(ctx, address="192.0.2.7") as browser:
        assert "/setup/restore" in browser.page("GET", "/setup").text
        assert "One-time code" in browser.page("GET", "/setup/restore").text
        assert browser.page("POST", "/setup/restore", data={"code": "1"}).status_code == 403
        assert browser.page("POST", "/setup/restore/file", files=file).status_code == 403
        code = first_run.issue_code(ctx.settings.data_dir)
        form = browser.page("POST", "/setup/restore", data={"code": code}).text
        found = re.search(r'action="(/setup/restore/file[^"]+)"', form)
        assert found
        wrong = browser.page("POST", found[1], files=file, data={"passphrase": "eight crows"})
        assert wrong.status_code == 400
        assert "passphrase is wrong" in wrong.text
        given = {"passphrase": "seven crows"}
        assert goes(browser.page("POST", found[1], files=file, data=given), "/sign-in")
        assert ctx.keys.open(sealed, 1) == "a token"
        signed_in = {"name": "alice", "password": PASSWORD}
        assert goes(browser.page("POST", "/sign-in", data=signed_in), "/")
        assert goes(browser.page("GET", "/setup/restore"), "/sign-in")
    assert not list(ctx.settings.data_dir.glob("restore-*"))


def test_signing_in_and_out(browser: Api, alice: Access) -> None:
    assert goes(browser.page("GET", "/"), "/sign-in")
    wrong = browser.page("POST", "/sign-in", data=SIGN_IN | {"password": "guess"})
    assert wrong.status_code == 401
    assert "guess" not in wrong.text
    answer = browser.page("POST", "/sign-in", data=SIGN_IN)
    assert goes(answer, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert browser.page("GET", "/").status_code == 200
    stolen = browser.cookies["diurnal_session"]
    assert goes(browser.page("POST", "/sign-out"), "/sign-in")
    again = browser.page("GET", "/", headers={"Cookie": f"diurnal_session={stolen}"})
    assert goes(again, "/sign-in")


def test_guessing_is_slowed_and_told_how_long(browser: Api, alice: Access) -> None:
    for _ in range(10):
        browser.page("POST", "/sign-in", data=SIGN_IN | {"password": "guess"})
    slowed = browser.page("POST", "/sign-in", data=SIGN_IN)
    assert slowed.status_code == 429
    assert int(slowed.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("next_", "path"),
    [
        ("/api/v1/account", "/api/v1/account"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_nowhere_else(browser: Api, alice: Access, next_: str, path: str) -> None:
    assert goes(browser.page("POST", "/sign-in", data=SIGN_IN | {"next": next_}), path)


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/setup"])
def test_another_site_posts_no_form(browser: Api, path: str) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = browser.page("POST", path, data=NEW | SIGN_IN, headers=headers)
        assert answer.status_code == 403
    same = {"Origin": "http://localhost:8400"}
    assert browser.page("POST", path, data=NEW | SIGN_IN, headers=same).status_code != 403


@pytest.mark.parametrize("path", ["/", "/plain", "/setup", "/sign-in", "/nowhere"])
def test_every_page_forbids_what_it_does_not_need(browser: Api, path: str) -> None:
    headers = browser.page("GET", path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    # With no-referrer a browser would send `Origin: null` and be taken for another site.
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_no_page_has_anything_inline(browser: Api, alice: Access) -> None:
    browser.page("POST", "/sign-in", data=SIGN_IN)
    for path in ("/plain", "/sign-in", "/security", "/reset", "/sign-up", "/nowhere"):
        text = browser.page("GET", path).text
        assert not re.search(r'<script(?! src="/static/)|<style|\sstyle=|\son[a-z]+=', text)
        for link in re.findall(r'(?:href|src)="(/static/[^"]+)"', text):
            assert browser.page("GET", link).status_code == 200


def test_what_is_typed_comes_back_as_text(browser: Api) -> None:
    typed = '"><script>alert(1)</script>'
    again = browser.page("POST", "/setup", data=NEW | {"username": typed})
    assert "<script" not in again.text
    assert "&lt;script&gt;" in again.text


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"name=%00", b"&" * 100, b"=" * 10_000, b"name=a&name=b", b"{}"],
)
def test_a_form_that_is_none_is_refused(browser: Api, alice: Access, content: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/sign-in", "/setup"):
        answer = browser.page("POST", path, content=content, headers=headers)
        assert answer.status_code in (303, 400, 401)
    huge = browser.page("POST", "/sign-in", content=b"name=" + b"x" * 20_000, headers=headers)
    assert huge.status_code == 413


def test_addresses_and_methods_that_are_not_there(browser: Api) -> None:
    assert browser.page("GET", "/nowhere").status_code == 404
    assert browser.page("GET", "/static/../pages.py").status_code == 404
    assert browser.page("GET", "/static/secret").status_code == 404
    refused = browser.page("GET", "/sign-in/code")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


def test_the_style_knows_dark_and_narrow() -> None:
    style = (Path(pages.__file__).parent / "static" / "pages.css").read_text()
    assert "prefers-color-scheme:dark" in style
    assert "max-width:480px" in style
