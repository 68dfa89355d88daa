"""The page of who runs the server, as a browser without scripts meets it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from diurnal.model.access import Access
from diurnal.services.context import Context
from tests.conftest import PASSWORD
from tests.dialects.native.client import Api, opened


@pytest.fixture
def browser(ctx: Context, alice: Access, charlie: Access) -> Iterator[Api]:
    with opened(ctx) as made:
        yield made


def enter(browser: Api, name: str) -> int:
    who = {"name": name, "password": PASSWORD}
    return browser.page("POST", "/sign-in", data=who).status_code


def test_an_admin_sees_names_and_sizes_and_closes_and_opens(browser: Api) -> None:
    assert browser.page("GET", "/plain/admin").headers["location"] == "/sign-in?next=/plain/admin"
    enter(browser, "alice")
    shown = browser.page("GET", "/plain/admin").text
    assert "alice" in shown
    assert "charlie" in shown
    flag = {"username": "charlie", "disabled": "yes"}
    assert browser.page("POST", "/plain/admin/change", data=flag).status_code == 303
    assert "closed" in browser.page("GET", "/plain/admin").text
    browser.page("POST", "/sign-out")
    assert enter(browser, "charlie") == 403
    enter(browser, "alice")
    browser.page("POST", "/plain/admin/change", data=flag | {"disabled": "no"})
    mine = browser.page(
        "POST", "/plain/admin/change", data={"username": "alice", "disabled": "yes"}
    )
    assert (mine.status_code, "another admin" in mine.text) == (409, True)
    typo = browser.page("POST", "/plain/admin/delete", data={"username": "charlie", "typed": "x"})
    assert typo.status_code == 400
    gone = {"username": "charlie", "typed": "charlie"}
    assert browser.page("POST", "/plain/admin/delete", data=gone).status_code == 303
    assert "charlie" not in browser.page("GET", "/plain/admin").text


def test_an_invitation_is_shown_once_and_taken_back(browser: Api) -> None:
    enter(browser, "alice")
    made = browser.page("POST", "/plain/admin/invite", data={"note": "<Dora>"}).text
    assert re.search(r"/sign-up\?invitation=dn_", made)
    again = browser.page("GET", "/plain/admin").text
    assert "invitation=dn_" not in again
    assert "&lt;Dora&gt;" in again
    [id_] = re.findall(r'name="id" value="(\w+)"', again)
    browser.page("POST", "/plain/admin/take-back", data={"id": id_})
    assert "Dora" not in browser.page("GET", "/plain/admin").text
    assert browser.page("POST", "/plain/admin/take-back", data={"id": id_}).status_code == 404


def test_nobody_else_sees_or_does_anything(browser: Api) -> None:
    enter(browser, "charlie")
    assert browser.page("GET", "/plain/admin").status_code == 403
    for path in ("invite", "take-back", "change", "delete"):
        form = {"username": "alice", "typed": "alice", "disabled": "yes", "id": "x"}
        assert browser.page("POST", f"/plain/admin/{path}", data=form).status_code == 403
    assert "/admin" not in browser.page("GET", "/security").text
    assert "/plain/admin" not in browser.page("GET", "/plain").text
    browser.page("POST", "/sign-out")
    assert enter(browser, "alice") == 303
    assert 'href="/admin"' in browser.page("GET", "/security").text
    assert 'href="/plain/admin"' in browser.page("GET", "/plain").text
