"""What comes before a method is called: registering, signing in, asking for access."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pyotp
import pytest

from diurnal.model.access import Access
from diurnal.model.time import DAY, HOUR
from diurnal.services import sessions
from diurnal.services.context import Context
from diurnal.settings import DialectSettings
from tests.clock import Clock
from tests.conftest import PASSWORD
from tests.dialects.client import BASE, Client
from tests.oauth.browser import Form

ORIGIN = {"Origin": BASE}
NEW = {
    "appId": "my-test-app",
    "username": "Dora-1",
    "password": "dora-pass",
    "email": "dora@example.org",
    "language": "fr",
}


def opened(ctx: Context, **given: Any) -> Client:
    return Client(replace(ctx, settings=msgspec.structs.replace(ctx.settings, **given)))


def post(client: Client, path: str, body: Any, **headers: str) -> Any:
    return client.post(f"/pryv/{path}", json=body, headers={**ORIGIN, **headers})


def login(client: Client, password: str = PASSWORD, **given: str) -> Any:
    body = {"username": "alice", "password": password, "appId": "my-test-app", **given}
    return post(client, "alice/auth/login", body)


# Registering


def test_an_account_is_made_and_found(ctx: Context, alice: Access) -> None:
    client = opened(ctx, sign_up="open")
    made = post(client, "reg/users", NEW)
    assert made.status_code == 201
    assert made.json()["username"] == "dora-1"
    token, rest = made.json()["apiEndpoint"].removeprefix("http://").split("@")
    assert rest == "localhost:8400/pryv/dora-1/"
    account = client.get("/pryv/dora-1/account", headers={"Authorization": token}).json()
    assert account["account"]["language"] == "fr"
    again = post(client, "users", NEW)
    assert again.status_code == 409
    assert again.json()["error"]["data"] == {"username": "dora-1", "email": NEW["email"]}
    for path, told in (
        ("dora-1/check_username", {"reserved": True}),
        ("free-name/check_username", {"reserved": False}),
        ("reg/check_username", {"reserved": True}),
        ("dora@example.org/check_email", {"exists": True}),
        ("dora@example.org/uid", {"uid": "dora-1"}),
        ("dora@example.org/username", {"username": "dora-1"}),
    ):
        answer = client.get(f"/pryv/reg/{path}").json()
        assert {k: answer[k] for k in told} == told
    assert post(client, "reg/nobody-1/server", {}).status_code == 404
    assert "server" in post(client, "reg/dora-1/server", {}).json()
    old = {"appid": "old-app-1", "username": "emil5", "password": "emil-pass"}
    old |= {"email": "e@example.org", "languageCode": "en", "invitationtoken": "enjoy"}
    assert post(client, "reg/user", old).json()["username"] == "emil5"


BAD: dict[str, list[Any]] = {
    "username": ["x", "a b c d e", 5, None],
    "password": ["short", 5, None],
    "email": ["nobody", None],
    "appId": ["", None],
    "language": ["much too long"],
}


def test_what_is_wrong_with_a_registration_is_told(ctx: Context) -> None:
    client = opened(ctx, sign_up="open")
    for name, values in BAD.items():
        for value in values:
            answer = post(client, "reg/users", {**NEW, name: value})
            assert answer.status_code == 400, (name, value)
            error = answer.json()["error"]
            assert error["id"] == "invalid-parameters-format"
            assert [p["param"] for p in error["data"]] == [name]


def test_who_may_register_is_the_servers_to_say(ctx: Context) -> None:
    assert post(Client(ctx), "reg/users", NEW).status_code == 403
    client = opened(ctx, sign_up="invite")
    assert post(client, "reg/users", {**NEW, "invitationToken": "enjoy"}).status_code == 403
    check = post(client, "reg/access/invitationtoken/check", {"invitationtoken": "enjoy"})
    assert check.text == "false"


# Signing in


def test_signing_in_gives_the_same_token_while_it_lives(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    client = Client(ctx)
    first = login(client).json()
    assert login(client).json()["token"] == first["token"]
    assert login(client, appId="another-app").json()["token"] != first["token"]
    headers = {"Authorization": first["token"]}
    for _ in range(3):  # each use lets it last on
        clock.tick(10 * DAY)
        assert client.get("/pryv/alice/events", headers=headers).status_code == 200
    assert post(client, "alice/auth/logout", {}, **headers).status_code == 200
    gone = client.get("/pryv/alice/events", headers=headers)
    assert gone.json()["error"]["message"] == "Cannot find access from token."
    fresh = login(client).json()["token"]
    clock.tick(15 * DAY)
    late = client.get("/pryv/alice/events", headers={"Authorization": fresh})
    assert late.status_code == 403


def test_wrong_passwords_and_strange_apps_are_refused(ctx: Context, alice: Access) -> None:
    client = Client(ctx)
    wrong = login(client, "wrong")
    assert wrong.status_code == 401
    assert wrong.json()["error"] == {
        "id": "invalid-credentials",
        "message": "The given username/password pair is invalid.",
    }
    body = {"username": "alice", "password": PASSWORD, "appId": "my-test-app"}
    for headers in ({}, {"Origin": "https://evil.example.org"}):
        answer = client.post("/pryv/alice/auth/login", json=body, headers=headers)
        assert answer.status_code == 401
        assert "not trusted" in answer.json()["error"]["message"]
    assert client.get("/pryv/alice/auth/who-am-i").json()["error"]["id"] == "removed-method"


def test_a_second_step_is_set_up_asked_for_and_taken_away(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    client = Client(ctx)
    headers = {"Authorization": login(client).json()["token"]}
    early = post(client, "alice/mfa/confirm", {"code": "000000"}, **headers)
    assert (early.status_code, early.json()["error"]["id"]) == (400, "invalid-operation")
    begun = post(client, "alice/mfa/activate", {"password": PASSWORD}, **headers)
    assert begun.status_code == 302
    code = pyotp.TOTP(begun.json()["secret"])

    def now() -> str:
        clock.tick(60_000_000)
        return code.at(ctx.now() // 1_000_000)

    codes = post(client, "alice/mfa/confirm", {"code": now()}, **headers).json()["recoveryCodes"]
    assert len(codes) == 10
    ticket = {"Authorization": login(client).json()["mfaToken"]}
    assert post(client, "alice/mfa/challenge", {}, **ticket).status_code == 200
    assert post(client, "alice/mfa/verify", {"code": "000000"}, **ticket).status_code == 401
    done = post(client, "alice/mfa/verify", {"code": now()}, **ticket).json()
    assert done["token"] == headers["Authorization"]
    assert post(client, "alice/mfa/verify", {"code": now()}, **ticket).status_code == 403
    recover = {"username": "alice", "password": PASSWORD, "appId": "my-test-app"}
    other = {**recover, "username": "bob", "recoveryCode": codes[0]}
    assert post(client, "alice/mfa/recover", other).status_code == 401
    done = post(client, "alice/mfa/recover", {**recover, "recoveryCode": codes[0]})
    assert done.status_code == 200
    assert "token" in login(client).json()


def test_a_password_is_changed(ctx: Context, alice: Access) -> None:
    client = Client(ctx)
    headers = {"Authorization": login(client).json()["token"]}
    path = "alice/account/change-password"
    wrong = post(client, path, {"oldPassword": "x", "newPassword": "other-pass"}, **headers)
    assert wrong.json()["error"] == {
        "id": "invalid-operation",
        "message": "The given password does not match.",
    }
    new = {"oldPassword": PASSWORD, "newPassword": "other-pass"}
    assert post(client, path, new, **headers).status_code == 200
    assert client.get("/pryv/alice/account", headers=headers).status_code == 200
    assert login(client, "other-pass").status_code == 200
    asked = {"appId": "my-test-app", "username": "alice"}
    assert post(client, "alice/account/request-password-reset", asked).status_code == 200
    bad = {"appId": "my-test-app", "resetToken": "x", "newPassword": "third-pass"}
    answer = post(client, "alice/account/reset-password", bad)
    assert (answer.status_code, answer.json()["error"]["id"]) == (403, "invalid-access-token")


# Asking for access

ASKED = {
    "requestingAppId": "diary-app",
    "requestedPermissions": [
        {"streamId": "diary", "level": "contribute", "defaultName": "Diary"},
        {"feature": "selfRevoke", "setting": "forbidden"},
    ],
    "clientData": {"app": 1},
    "languageCode": "en",
}


class Browser:
    """Somebody who is signed in at our own pages."""

    def __init__(self, ctx: Context, client: Client) -> None:
        self.client = client
        made = sessions.sign_in(ctx, name="alice", password=PASSWORD, address="")
        assert isinstance(made, tuple)
        self.headers = {"Cookie": f"diurnal_session={made[1]}", "Origin": BASE}

    def answer(self, url: str, decision: str) -> Any:
        """Go where a request leads, press a button there, and go on to the end."""
        led = self.client.get(url, headers=self.headers)
        page = self.client.get(led.headers["location"], headers=self.headers)
        form = Form(page.text)
        fields = [*form.fields, ("decision", decision)]
        sent = self.client.post(
            form.action,
            content="&".join(f"{k}={re.sub('[^A-Za-z0-9_.-]', _quoted, v)}" for k, v in fields),
            headers={**self.headers, "Content-Type": "application/x-www-form-urlencoded"},
        )
        assert sent.headers["location"].startswith("/pryv/auth/done?")
        return self.client.get(sent.headers["location"], headers=self.headers)


def _quoted(found: re.Match[str]) -> str:
    return "".join(f"%{b:02X}" for b in found[0].encode())


@pytest.fixture
def browser(ctx: Context, alice: Access) -> Browser:
    return Browser(ctx, Client(ctx))


def start(client: Client, **given: Any) -> Any:
    begun = client.post("/pryv/reg/access", json={**ASKED, **given})
    assert begun.status_code == 201
    return begun.json()


def test_an_app_asks_and_gets_what_its_person_allows(ctx: Context, browser: Browser) -> None:
    begun = start(browser.client)
    assert begun["status"] == "NEED_SIGNIN"
    assert begun["url"] == begun["authUrl"]
    waiting = browser.client.get(begun["poll"])
    assert (waiting.status_code, waiting.json()["status"]) == (201, "NEED_SIGNIN")
    assert browser.answer(begun["authUrl"], "allow").status_code == 200
    done = browser.client.get(begun["poll"])
    assert done.status_code == 200
    told = done.json()
    assert (told["status"], told["username"]) == ("ACCEPTED", "alice")
    headers = {"Authorization": told["token"]}
    access = browser.client.get("/pryv/alice/access-info", headers=headers).json()
    assert access["permissions"] == [
        {"streamId": "diary", "level": "contribute"},
        {"feature": "selfRevoke", "setting": "forbidden"},
    ]
    assert (access["name"], access["clientData"]) == ("diary-app", {"app": 1})
    again = start(browser.client)
    browser.answer(again["authUrl"], "allow")
    assert browser.client.get(again["poll"]).json()["token"] == told["token"]


def test_the_page_says_what_of_the_account_is_asked_for(ctx: Context, browser: Browser) -> None:
    wanted = [{"streamId": ":system:email", "level": "read", "defaultName": "Mail"}]
    begun = start(browser.client, requestedPermissions=wanted)
    led = browser.client.get(begun["authUrl"], headers=browser.headers)
    page = browser.client.get(led.headers["location"], headers=browser.headers)
    assert "Read “E-mail” of your account" in page.text
    assert browser.answer(begun["authUrl"], "allow").status_code == 200
    told = browser.client.get(begun["poll"]).json()
    headers = {"Authorization": told["token"]}
    access = browser.client.get("/pryv/alice/access-info", headers=headers).json()
    assert access["permissions"] == [{"streamId": ":system:email", "level": "read"}]


def test_refusing_is_told_and_gives_nothing(browser: Browser) -> None:
    begun = start(browser.client, returnURL="https://app.example.org/back?")
    back = browser.answer(begun["authUrl"], "refuse")
    query = parse_qs(urlsplit(back.headers["location"]).query)
    assert query["prYvstatus"] == ["REFUSED"]
    assert query["prYvkey"] == query["pryvKey"] == [begun["key"]]
    told = browser.client.get(begun["poll"])
    assert told.status_code == 403
    assert told.json()["status"] == "REFUSED"
    assert told.json()["reasonID"] == told.json()["reasonId"]


def test_a_page_elsewhere_may_answer_with_a_token_that_opens(
    ctx: Context, browser: Browser
) -> None:
    begun = start(browser.client)
    token = login(browser.client).json()["token"]
    for given in (
        {"status": "ACCEPTED"},
        {"status": "ACCEPTED", "username": "alice", "token": "x"},
        {"status": "DONE"},
    ):
        assert browser.client.post(begun["poll"], json=given).status_code == 400
    given = {"status": "ACCEPTED", "username": "alice", "token": token}
    assert browser.client.post(begun["poll"], json=given).status_code == 200
    refused = browser.client.post(begun["poll"], json={"status": "REFUSED"})
    assert refused.json()["token"] == token  # the first answer stands
    begun = start(browser.client)
    given = {"status": "ERROR", "id": "unknown-user", "message": "Nobody."}
    assert browser.client.post(begun["poll"], json=given).status_code == 403
    failed = browser.client.get(begun["poll"])
    assert (failed.status_code, failed.json()) == (403, given | {"code": 403})


BAD_REQUESTS: list[dict[str, Any]] = [
    {"requestingAppId": None},
    {"requestingAppId": ""},
    {"requestedPermissions": None},
    {"requestedPermissions": [{"streamId": "a", "level": "bogus"}]},
    {"returnURL": "javascript:alert(1)"},
    {"returnURL": 5},
    {"clientData": "x"},
    {"expireAfter": -1},
    {"deviceName": 5},
    {"languageCode": 5},
    {"requestingAppId": "a\0"},
    {"clientData": {"a\0": 1}},
]


def test_requests_that_cannot_be_right_and_keys_that_nobody_has(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    client = Client(ctx)
    for given in BAD_REQUESTS:
        answer = client.post("/pryv/reg/access", json={**ASKED, **given})
        assert answer.status_code == 400, given
        assert answer.json()["error"]["id"] == "invalid-parameters"
    unknown = client.get("/pryv/reg/access/nothing")
    assert unknown.status_code == 400
    assert unknown.json()["id"] == "INVALID_KEY"
    assert unknown.json()["error"]["id"] == "unknown-access-key"
    begun = start(client)
    clock.tick(HOUR + 1)
    assert client.get(begun["poll"]).status_code == 400


# Names of hosts


def test_each_account_has_a_host_name_of_its_own(ctx: Context, alice: Access) -> None:
    client = opened(ctx, dialects={"pryv": DialectSettings(host="pryv.test")})

    def get(host: str, path: str) -> Any:
        return client.get(path, headers={"Host": host})

    assert get("alice.pryv.test", "/events").json()["error"]["id"] == "invalid-access-token"
    assert get("alice.pryv.test", "/").json()["cheersFrom"] == "Pryv API"
    assert get("alice.pryv.test", "/alice/access-info").status_code == 401
    assert get("bob.pryv.test", "/events").status_code == 404
    assert get("reg.pryv.test", "/hostings").json()["regions"]
    info = get("alice.pryv.test", "/service/info").json()
    assert info["api"] == "http://pryv.test/{username}/"
    assert get("alice.other.test", "/events").status_code == 421
