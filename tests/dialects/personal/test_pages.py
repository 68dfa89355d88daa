"""The Personal API's pages as their owner and a visitor see them."""

from __future__ import annotations

import re

import pytest

from diurnal.model.access import Access
from diurnal.services import accesses, days, personal
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from tests.clock import DAY, START
from tests.conftest import PASSWORD
from tests.dialects.client import Client

COOKIE = "diurnal_session"


@pytest.fixture
def session(ctx: Context, alice: Access) -> dict[str, str]:
    """A cookie of the owner's."""
    _, token = ctx.store.write(
        lambda tx: accesses.create(tx, ctx, alice, name="Browser", permissions=(), kind=alice.kind)
    ).result()
    return {"cookie": f"{COOKIE}={token}", "origin": "http://localhost:8400"}


def test_a_visitor_sees_what_is_published_and_how_to_ask(ctx: Context, alice: Access) -> None:
    client = Client(ctx)
    text = client.get("/personal/").text
    assert "Nothing is published yet" in text
    ctx.store.write(lambda tx: personal.publish(tx, ctx, alice, ["steps"])).result()
    text = client.get("/personal/").text
    token = re.search(r"dn_\w+", text)
    assert token is not None
    assert "/v1/steps" in text
    assert "/v1/mood" not in text
    assert client.get(f"/personal/v1/steps?token={token[0]}").status_code == 404  # no steps yet


def test_the_front_page_tells_where_the_data_come_from(ctx: Context, alice: Access) -> None:
    client = Client(ctx)
    ctx.store.write(lambda tx: personal.publish(tx, ctx, alice, ["steps", "places"])).result()
    assert "fed by" not in client.get("/personal/").text
    walked = NewDay("steps", START // DAY, 9_000, "Watch")
    ctx.store.write(lambda tx: days.write_rows(tx, ctx, alice, [walked])).result()
    personal_token = ctx.store.write(
        lambda tx: personal.make(tx, ctx, alice, "Reader", ("read",))
    ).result()
    token = personal.secret(ctx, personal_token)
    assert client.get(f"/personal/v1/steps?token={token}").status_code == 200  # numbers the day
    assert "fed by Watch. " in client.get("/personal/").text


def test_a_server_without_an_account_says_so(ctx: Context) -> None:
    answer = Client(ctx).get("/personal/")
    assert (answer.status_code, answer.text) == (500, "Personal API not yet installed.")


def test_the_pages_are_their_owners_alone(ctx: Context, alice: Access) -> None:
    client = Client(ctx)
    for page in ("", "index.php", "modules.php", "tokens.php", "user.php", "log.php", "docs.php"):
        answer = client.get(f"/personal/admin/{page}")
        assert answer.status_code == 303, page
        assert answer.headers["location"].startswith("/personal/admin/login.php")
    assert "Password" in client.get("/personal/admin/login.php").text
    wrong = client.post("/personal/admin/auth.php", data={"user": "alice", "pass": "wrong"})
    assert wrong.status_code == 401
    right = {"user": "alice", "pass": PASSWORD, "redirect": "tokens.php"}
    answer = client.post("/personal/admin/auth.php", data=right)
    assert answer.headers["location"] == "/personal/admin/tokens.php"
    assert COOKIE in answer.headers["set-cookie"]
    signed_in = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
    assert "<td>personal.auth</td>" in client.get("/personal/admin/log.php", headers=signed_in).text


def test_the_owner_publishes_makes_tokens_and_resources(
    ctx: Context, alice: Access, session: dict[str, str]
) -> None:
    client = Client(ctx)

    def ask(method: str, page: str, status: int = 200, **data: str) -> str:
        path = f"/personal/admin/{page}"
        answer = client.request(method, path, headers=session, data=data or None)
        assert answer.status_code == status, answer.text
        return answer.text

    assert "nothing" in ask("GET", "index.php")
    assert "Saved." in ask("POST", "modules_save.php", publish_steps="1", publish_mood="1")
    assert "steps, mood" in ask("GET", "index.php")
    ask("POST", "modules_save.php", publish_mood="1")
    assert "steps, mood" not in ask("GET", "index.php")
    assert "books is there." in ask("POST", "modules_save.php", new="books", columns="pages int")
    assert "no type" in ask("POST", "modules_save.php", 400, new="films", columns="pages colour")
    assert "Reader (0)" in ask("POST", "tokens.php", author="Reader", permissions="0100")
    assert "Ann Example" in ask("POST", "user.php", name="Ann Example", url="https://example.org")
    log = ask("GET", "log.php")
    assert "<td>access</td>" not in log
    assert "<td>personal.user</td>" in log
    assert "<td>personal.modules_save</td>" in log
    assert "books" in ask("GET", "docs.php")
    assert "Done." in ask("POST", "update.php", x="1")
    session["origin"] = "https://elsewhere.example"
    assert "another site" in ask("POST", "tokens.php", 400, author="B", permissions="0100")


def test_the_first_tokens_are_listed_before_any_page_was_opened(
    ctx: Context, alice: Access, session: dict[str, str]
) -> None:
    client = Client(ctx)

    def named() -> dict[str, str]:
        listed = client.get("/api/v1/tokens", headers=session).json()["tokens"]
        return {t["name"]: t["id"] for t in listed if t["api"] == "personal"}

    found = named()
    assert set(found) == {"master", "public"}
    client.request("DELETE", f"/api/v1/tokens/{found['master']}", headers=session)
    assert set(named()) == {"public"}  # what was revoked stays so


def test_a_cron_job_has_sources_look_for_news_by_the_master_token(
    ctx: Context, alice: Access
) -> None:
    client = Client(ctx)
    master, public = ctx.store.write(lambda tx: personal.master_and_public(tx, ctx, alice)).result()
    for token in ("", "wrong", personal.secret(ctx, public)):
        answer = client.get("/personal/update.php", params={"token": token})
        assert (answer.status_code, answer.text) == (401, "Update not authenticated.")
    answer = client.get("/personal/update.php", params={"token": personal.secret(ctx, master)})
    assert answer.text.startswith("Updating...")
    assert "Can't update Places: Module credentials missing." in answer.text
    assert answer.text.rstrip().endswith("Done.")
