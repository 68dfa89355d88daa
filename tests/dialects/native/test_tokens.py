"""Tokens and sessions through the native API."""

from __future__ import annotations

from typing import Any

import pytest

from diurnal.model.access import Access
from diurnal.services import first_run
from diurnal.services.context import Context
from tests.clock import START, Clock
from tests.conftest import PASSWORD
from tests.dialects.native.client import Api, opened

NOW = START // 1_000_000
SIGN_IN = {"name": "alice", "password": PASSWORD}


@pytest.fixture
def nobody(api: Api) -> Api:
    return api.with_token(None)


def test_a_token_reaches_what_it_was_made_for(api: Api) -> None:
    made = api.ok(
        "POST",
        "/tokens",
        {
            "name": "Scale app",
            "permissions": [
                {"stream": "diurnal-body", "level": "contribute", "measures": ["weight"]},
                {"stream": "diurnal-notes", "level": "read", "from": NOW - 100, "to": NOW},
            ],
            "expires": NOW + 3600,
        },
    )
    assert made["permissions"][1] == {
        "level": "read",
        "stream": "diurnal-notes",
        "from": NOW - 100,
        "to": NOW,
    }
    app = api.with_token(made["token"])
    assert app.ok("GET", "/session")["id"] == made["id"]
    weight = {"streamIds": ["diurnal-weight"], "type": "mass/kg", "content": 70}
    app.ok("POST", "/events", weight)
    app.refused(403, "POST", "/events", weight | {"streamIds": ["diurnal-notes"]})
    note = {"streamIds": ["diurnal-notes"], "type": "note/txt", "content": "x"}
    api.ok("POST", "/events", {"events": [note | {"time": NOW - t} for t in (0, 50, 200)]})
    seen = app.ok("GET", "/events")["events"]
    assert sorted((e["type"], NOW - e["time"]) for e in seen) == [("mass/kg", 0), ("note/txt", 50)]


def test_a_token_is_shown_once_and_its_use_is_counted(api: Api) -> None:
    made = api.ok("POST", "/tokens", {"name": "Mine", "kind": "personal"})
    app = api.with_token(made["token"])
    for _ in range(3):
        app.ok("GET", "/account")
    listed = {t["id"]: t for t in api.ok("GET", "/tokens")["tokens"]}
    assert listed[made["id"]]["calls"] == 3
    assert made["token"] not in str(listed)


def test_a_revoked_token_opens_nothing_at_once(api: Api) -> None:
    made = api.ok("POST", "/tokens", {"name": "Mine", "kind": "personal"})
    app = api.with_token(made["token"])
    app.ok("GET", "/account")
    assert api.ok("DELETE", f"/tokens/{made['id']}") == {"revoked": made["id"]}
    problem = app("GET", "/account")
    assert problem.status_code == 401
    assert problem.headers["www-authenticate"] == 'Bearer realm="diurnal", error="invalid_token"'
    api.refused(404, "DELETE", f"/tokens/{made['id']}")


def test_a_token_ends_when_it_expires(api: Api, clock: Clock) -> None:
    made = api.ok("POST", "/tokens", {"name": "M", "kind": "personal", "expires": NOW + 60})
    app = api.with_token(made["token"])
    app.ok("GET", "/account")
    clock.tick(60_000_000)
    app.refused(401, "GET", "/account")


def test_an_app_sees_and_revokes_only_itself(api: Api) -> None:
    made = api.ok(
        "POST", "/tokens", {"name": "A", "permissions": [{"stream": "*", "level": "manage"}]}
    )
    app = api.with_token(made["token"])
    assert [t["id"] for t in app.ok("GET", "/tokens")["tokens"]] == [made["id"]]
    other = api.ok("GET", "/session")["id"]
    app.refused(404, "DELETE", f"/tokens/{other}")
    app.refused(403, "POST", "/tokens", {"name": "B", "kind": "personal"})
    assert app.ok("DELETE", "/session") == {"revoked": made["id"]}
    app.refused(401, "GET", "/session")


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no permission": ({}, "permissions"),
    "level": ({"permissions": [{"level": "own"}]}, "permissions[0].level"),
    "stream": ({"permissions": [{"level": "read", "stream": "x"}]}, "permissions[0].stream"),
    "measure": (
        {"permissions": [{"level": "read", "measures": ["x"]}]},
        "permissions[0].measures",
    ),
    "time": ({"permissions": [{"level": "read", "from": "x"}]}, "permissions[0].from"),
    "frame": ({"permissions": [{"level": "read", "from": 2, "to": 1}]}, "permissions[0].start"),
    "past": ({"kind": "personal", "expires": NOW - 1}, "expires"),
    "kind": ({"kind": "public"}, "kind"),
    "name": ({"kind": "personal", "name": " "}, "name"),
    "own token": ({"kind": "personal", "token": "chosen"}, "token"),
    "201 permissions": ({"permissions": [{"level": "read"}] * 201}, "permissions"),
}


@pytest.mark.parametrize(("change", "field"), BAD.values(), ids=BAD)
def test_what_is_wrong_with_a_token_is_named(
    shared: Api, change: dict[str, Any], field: str
) -> None:
    before = shared.ok("GET", "/tokens")
    assert shared.refused(400, "POST", "/tokens", {"name": "A"} | change)["field"] == field
    assert len(shared.ok("GET", "/tokens")["tokens"]) == len(before["tokens"])


def test_the_session_is_a_cookie_that_no_script_reads(nobody: Api) -> None:
    answer = nobody("POST", "/session", SIGN_IN)
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"].lower()
    for part in ("diurnal_session=", "httponly", "samesite=lax", "path=/", "max-age=2592000"):
        assert part in cookie
    assert "secure" not in cookie
    assert answer.json()["kind"] == "personal"
    assert "token" not in answer.json()
    assert nobody.ok("GET", "/account")["username"] == "alice"


def test_over_https_the_cookie_is_secure(nobody: Api) -> None:
    answer = nobody("POST", "https://localhost:8400/api/v1/session", SIGN_IN)
    assert "secure" in answer.headers["set-cookie"].lower()


def test_signing_out_ends_the_session_for_good(nobody: Api) -> None:
    nobody.ok("POST", "/session", SIGN_IN)
    stolen = nobody.cookies["diurnal_session"]
    answer = nobody("DELETE", "/session")
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    nobody.refused(401, "GET", "/account", headers={"Cookie": f"diurnal_session={stolen}"})


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost:8400", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_another_site_cannot_write_with_the_cookie(nobody: Api, headers: dict[str, str]) -> None:
    nobody.refused(403, "POST", "/session", SIGN_IN, headers=headers)
    nobody.ok("POST", "/session", SIGN_IN)
    note = {"streamIds": ["diurnal-notes"], "type": "note/txt", "content": "x"}
    nobody.refused(403, "POST", "/events", note, headers=headers)
    nobody.refused(403, "DELETE", "/session", headers=headers)
    assert nobody.ok("GET", "/events")["events"] == []
    nobody.ok("POST", "/events", note, headers={"Origin": "http://localhost:8400"})
    nobody.ok("POST", "/events", note, headers={"Sec-Fetch-Site": "same-origin"})


def test_another_site_reads_nothing_with_the_cookie(nobody: Api) -> None:
    """It may call with a token of its own; the browser must not lend it the session."""
    nobody.ok("POST", "/session", SIGN_IN)
    answer = nobody("GET", "/account", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_session_ends_after_thirty_days(nobody: Api, clock: Clock) -> None:
    nobody.ok("POST", "/session", SIGN_IN)
    clock.tick(30 * 86_400_000_000 - 1)
    nobody.ok("GET", "/account")
    clock.tick(1)
    nobody.refused(401, "GET", "/account")


def test_a_wrong_name_and_a_wrong_password_look_the_same(nobody: Api) -> None:
    wrong = nobody("POST", "/session", {"name": "alice", "password": "x"})
    unknown = nobody("POST", "/session", {"name": "nobody", "password": "x"})
    assert wrong.status_code == 401
    assert wrong.content == unknown.content


def test_guessing_is_slowed_and_the_owner_elsewhere_is_not(ctx: Context, alice: Access) -> None:
    with opened(ctx, address="192.0.2.7") as thief:
        for _ in range(10):
            thief.refused(401, "POST", "/session", {"name": "Alice", "password": "guess"})
        answer = thief("POST", "/session", SIGN_IN)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 900
        thief.refused(401, "POST", "/session", {"name": "charlie", "password": "guess"})
    with opened(ctx, address="192.0.2.8") as owner:
        for _ in range(20):
            owner.ok("POST", "/session", SIGN_IN)


def test_one_address_may_not_try_all_names(ctx: Context, alice: Access) -> None:
    with opened(ctx, address="2001:db8::1") as thief:
        for i in range(100):
            thief.refused(401, "POST", "/session", {"name": f"name{i}", "password": "guess"})
    with opened(ctx, address="2001:db8::2") as thief:
        thief.refused(429, "POST", "/session", {"name": "name", "password": "guess"})


def test_the_first_account_is_made_once(ctx: Context) -> None:
    new = {"username": "alice", "password": PASSWORD, "timezone": "Europe/Berlin"}
    with opened(ctx) as api:
        api.refused(400, "POST", "/setup", new | {"password": "short"})
        api.refused(400, "POST", "/setup", new | {"username": "Alice!"})
        api.refused(400, "POST", "/setup", new | {"timezone": "Mars/Crater"})
        assert api("POST", "/setup", new).status_code == 201
        assert api.ok("GET", "/account")["timezone"] == "Europe/Berlin"
        api.refused(409, "POST", "/setup", new | {"username": "mallory"})


def test_from_elsewhere_the_first_account_needs_the_code(ctx: Context) -> None:
    new = {"username": "alice", "password": PASSWORD}
    with opened(ctx, address="192.0.2.7") as api:
        api.refused(403, "POST", "/setup", new)
        first = first_run.issue_code(ctx.settings.data_dir)
        code = first_run.issue_code(ctx.settings.data_dir)
        kept = ctx.settings.data_dir / first_run.CODE_FILE
        assert kept.stat().st_mode & 0o777 == 0o600
        assert code.replace("-", "") not in kept.read_text()
        api.refused(403, "POST", "/setup", new | {"code": first})
        assert api("POST", "/setup", new | {"code": code.upper()}).status_code == 201
        assert not kept.exists()


def test_the_code_cannot_be_guessed(ctx: Context) -> None:
    code = first_run.issue_code(ctx.settings.data_dir)
    new = {"username": "alice", "password": PASSWORD}
    with opened(ctx, address="192.0.2.7") as api:
        for _ in range(10):
            api.refused(403, "POST", "/setup", new | {"code": "2222"})
        api.refused(429, "POST", "/setup", new | {"code": code})


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "192.0.2.7"},
        {"Forwarded": "for=192.0.2.7"},
        {"Host": "[2001:db8::1]:8400"},
        {"Host": "192.0.2.1"},
    ],
)
def test_a_hint_at_another_machine_needs_the_code(ctx: Context, headers: dict[str, str]) -> None:
    new = {"username": "alice", "password": PASSWORD}
    with opened(ctx) as api:
        api.refused(403, "POST", "/setup", new, headers=headers)


def test_without_a_token_nothing_opens(nobody: Api) -> None:
    answer = nobody("GET", "/events")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="diurnal"'
    nobody.refused(401, "GET", "/events", headers={"Authorization": "Basic YTpi"})
    nobody.refused(401, "GET", "/events", headers={"Authorization": "Bearer "})
