"""Sessions, passkeys, the second factor and legacy ways through the native API."""

from __future__ import annotations

from typing import Any

import pyotp
import pytest

from diurnal.model.access import Access
from diurnal.services import accesses, audit, legacy
from diurnal.services.context import Context
from tests.authenticator import Authenticator
from tests.clock import MINUTE, SECOND, Clock
from tests.conftest import PASSWORD
from tests.dialects.native.client import Api, app_token, on, opened, owner_token

SIGN_IN = {"name": "alice", "password": PASSWORD}


def passkey(api: Api, name: str = "Phone") -> Authenticator:
    held = Authenticator()
    asked = api.ok("POST", "/passkeys/options", {"password": PASSWORD})["options"]
    made = api("POST", "/passkeys", {"name": name, "credential": held.make(asked)})
    assert made.status_code == 201, made.text
    return held


def shown(nobody: Api, held: Authenticator, **given: Any) -> Any:
    options = nobody.ok("POST", "/session/passkey/options")["options"]
    return nobody("POST", "/session/passkey", {"credential": held.answer(options, **given)})


def test_a_passkey_is_made_named_used_and_removed(ctx: Context, alice: Access, api: Api) -> None:
    held = passkey(api)
    [listed] = api.ok("GET", "/passkeys")["passkeys"]
    assert (listed["name"], listed.get("used")) == ("Phone", None)
    nobody = api.with_token(None)
    came = shown(nobody, held)
    assert came.json()["username"] == "alice"
    assert "diurnal_session" in came.headers["set-cookie"]
    path = f"/passkeys/{listed['id']}"
    assert api.ok("PATCH", path, {"name": "Key"})["name"] == "Key"
    assert api.ok("GET", "/passkeys")["passkeys"][0]["used"] > 0
    assert api.ok("GET", "/sessions")["sessions"][0]["method"] == "passkey"
    api.ok("DELETE", path)
    assert shown(nobody, held).status_code == 401
    assert api.ok("GET", "/passkeys")["passkeys"] == []


def test_a_passkey_is_two_factors_in_one(
    ctx: Context, alice: Access, api: Api, clock: Clock
) -> None:
    factor(api, clock)
    assert shown(api.with_token(None), passkey(api)).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [{"origin": "https://evil.example"}, {"flags": 0x01}, {"flags": 0x04}],
    ids=["from elsewhere", "without its person", "without a touch"],
)
def test_a_passkey_answers_here_and_for_its_person(
    ctx: Context, alice: Access, api: Api, wrong: dict[str, Any]
) -> None:
    held = passkey(api)
    refused = shown(api.with_token(None), held, **wrong)
    assert refused.status_code == 401
    assert "set-cookie" not in refused.headers
    assert shown(api.with_token(None), held).status_code == 200


def test_an_answer_of_a_passkey_works_once_and_not_late(
    ctx: Context, alice: Access, api: Api, clock: Clock
) -> None:
    held, nobody = passkey(api), api.with_token(None)
    options = nobody.ok("POST", "/session/passkey/options")["options"]
    answer = {"credential": held.answer(options)}
    assert nobody("POST", "/session/passkey", answer).status_code == 200
    assert nobody("POST", "/session/passkey", answer).status_code == 401
    options = nobody.ok("POST", "/session/passkey/options")["options"]
    clock.tick(11 * MINUTE)
    late = {"credential": held.answer(options)}
    assert nobody("POST", "/session/passkey", late).status_code == 401
    # One that counts backwards is a copy.
    held.count = 0
    assert shown(nobody, held).status_code == 401


def test_a_challenge_is_for_what_it_was_made(
    ctx: Context, alice: Access, charlie: Access, api: Api
) -> None:
    held, nobody = Authenticator(), api.with_token(None)
    asked = nobody.ok("POST", "/session/passkey/options")["options"]
    made = held.make({"rp": {"id": asked["rpId"]}, "challenge": asked["challenge"]})
    assert api("POST", "/passkeys", {"name": "x", "credential": made}).status_code == 400
    other = api.with_token(owner_token(ctx, charlie))
    asked = other.ok("POST", "/passkeys/options", {"password": PASSWORD})["options"]
    made = held.make(asked)
    assert api("POST", "/passkeys", {"name": "x", "credential": made}).status_code == 400
    assert other("POST", "/passkeys", {"name": "x", "credential": made}).status_code == 201
    # The same credential is not another account's, too.
    asked = api.ok("POST", "/passkeys/options", {"password": PASSWORD})["options"]
    again = {"name": "x", "credential": held.make(asked)}
    assert api("POST", "/passkeys", again).status_code == 409


@pytest.mark.parametrize(
    "credential",
    [{}, {"id": "x"}, {"id": 5, "response": 7}, {"response": {"clientDataJSON": "AAAA"}}],
)
def test_what_is_no_answer_is_refused(shared: Api, credential: dict[str, Any]) -> None:
    body = {"credential": credential}
    assert shared.with_token(None)("POST", "/session/passkey", body).status_code in (401, 429)
    assert shared("POST", "/passkeys", body | {"name": "x"}).status_code == 400


def factor(api: Api, clock: Clock) -> tuple[pyotp.TOTP, list[str]]:
    made = api.ok("POST", "/second-factor", {"password": PASSWORD})
    assert made["picture"].startswith("<svg")
    app = pyotp.parse_uri(made["uri"])
    assert isinstance(app, pyotp.TOTP)
    wrong = api.refused(400, "POST", "/second-factor/confirm", {"code": "000000"})
    assert wrong["field"] == "code"
    code = {"code": app.at(clock.now() // SECOND)}
    codes = api.ok("POST", "/second-factor/confirm", code)["recoveryCodes"]
    clock.tick(MINUTE)
    return app, codes


def test_signing_in_takes_two_steps_with_a_second_factor(
    ctx: Context, alice: Access, api: Api, clock: Clock
) -> None:
    app, codes = factor(api, clock)
    assert api.ok("GET", "/second-factor")["recoveryCodes"] == len(codes) == 10
    nobody = api.with_token(None)
    half = nobody("POST", "/session", SIGN_IN)
    assert half.status_code == 202
    assert "set-cookie" not in half.headers
    ticket = half.json()["ticket"]
    api.with_token(ticket).refused(401, "GET", "/session")
    wrong = nobody("POST", "/session/second", {"ticket": ticket, "code": "000000"})
    assert wrong.status_code == 401
    assert "set-cookie" not in wrong.headers
    right = {"ticket": ticket, "code": app.at(clock.now() // SECOND)}
    came = nobody("POST", "/session/second", right)
    assert came.status_code == 200
    assert "diurnal_session" in came.headers["set-cookie"]
    shown = {"password": PASSWORD, "code": codes[0]}
    fresh = api.ok("POST", "/second-factor/recovery-codes", shown)["recoveryCodes"]
    assert not {*fresh} & {*codes}
    api.refused(400, "DELETE", "/second-factor", {"password": PASSWORD, "code": codes[1]})
    api.ok("DELETE", "/second-factor", {"password": PASSWORD, "code": fresh[0]})
    assert nobody("POST", "/session", SIGN_IN).status_code == 200


def test_the_pages_ask_for_the_second_step(
    ctx: Context, alice: Access, api: Api, clock: Clock
) -> None:
    app, _ = factor(api, clock)
    with opened(ctx) as browser:
        half = browser.page("POST", "/sign-in", data=SIGN_IN | {"next": "/plain"})
        assert half.status_code == 200
        assert "diurnal_session" not in browser.cookies
        ticket = half.text.partition('name="ticket" value="')[2].partition('"')[0]
        form = {"ticket": ticket, "next": "/plain", "code": "000000"}
        again = browser.page("POST", "/sign-in/code", data=form)
        assert again.status_code == 401
        assert ticket in again.text
        form["code"] = app.at(clock.now() // SECOND)
        came = browser.page("POST", "/sign-in/code", data=form)
        assert (came.status_code, came.headers["location"]) == (303, "/plain")
        assert browser.page("GET", "/plain").status_code == 200
        stale = browser.page("POST", "/sign-in/code", data=form)
        assert stale.status_code == 403
        assert 'action="/sign-in"' in stale.text


def test_a_cookie_from_before_is_never_the_session(ctx: Context, alice: Access) -> None:
    """Whoever plants a cookie does not come in with the one who signs in by it."""
    planted = "dn_1_planted"
    with opened(ctx) as nobody:
        headers = {"Cookie": f"diurnal_session={planted}"}
        first = nobody("POST", "/session", SIGN_IN, headers=headers)
        second = nobody("POST", "/session", SIGN_IN, headers=headers)
        tokens = {
            a.headers["set-cookie"].partition("=")[2].partition(";")[0] for a in (first, second)
        }
        assert len(tokens) == 2
        assert planted not in tokens
        nobody.with_token(planted).refused(401, "GET", "/session")
        flags = first.headers["set-cookie"].lower()
        assert "httponly" in flags
        assert "samesite=lax" in flags
        assert "secure" not in flags  # plain http
        https = nobody("POST", "https://localhost:8400/api/v1/session", SIGN_IN)
        assert "secure" in https.headers["set-cookie"].lower()


def test_another_site_signs_nobody_in(ctx: Context, alice: Access) -> None:
    with opened(ctx) as nobody:
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            refused = nobody("POST", "/session", SIGN_IN, headers=headers)
            assert refused.status_code == 403
            assert "set-cookie" not in refused.headers


def test_sessions_are_listed_and_ended(ctx: Context, alice: Access, api: Api) -> None:
    with opened(ctx, address="192.0.2.9") as elsewhere:
        agent = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/150.0"}
        elsewhere.ok("POST", "/session", SIGN_IN, headers=agent)
        [listed] = elsewhere.ok("GET", "/sessions")["sessions"]
        assert listed["current"] is True
        assert listed["address"] == "192.0.2.9"
        assert "Firefox" in listed["device"]
        assert api.ok("DELETE", f"/sessions/{listed['id']}") == {"revoked": listed["id"]}
        elsewhere.refused(401, "GET", "/session")
        elsewhere.ok("POST", "/session", SIGN_IN)
        assert api.ok("DELETE", "/sessions") == {"ended": 1}
        elsewhere.refused(401, "GET", "/session")


def test_a_legacy_way_is_counted_and_switched_off(ctx: Context, alice: Access, api: Api) -> None:
    way = "exist.simple_token"

    def told() -> dict[str, Any]:
        [found] = [w for w in api.ok("GET", "/legacy")["ways"] if w["key"] == way]
        return dict(found)

    def allowed() -> bool:
        return ctx.store.read(lambda tx: legacy.allowed(tx, ctx, alice.account_id, way))

    assert (told()["on"], told()["uses"], "used" in told()) == (True, 0, False)
    assert allowed()
    for _ in range(3):
        legacy.used(ctx, alice.account_id, way)
    assert told()["uses"] == 3
    counted = dict(ctx.ways)
    ctx.ways.clear()
    ctx.store.write(lambda tx: legacy.flush(tx, ctx, counted | {(999, way): 1})).result()
    assert (told()["uses"], told()["used"] > 0) == (3, True)
    api.ok("PUT", f"/legacy/{way}", {"on": False})
    assert not allowed()
    assert told()["on"] is False
    assert ctx.store.read(lambda tx: legacy.allowed(tx, ctx, alice.account_id, "pryv.token_in_url"))
    api.refused(404, "PUT", "/legacy/pryv.nothing", {"on": False})
    changed = {"settings": {"legacy": {way: True}}}
    assert api.refused(400, "PATCH", "/account", changed)["field"] == "settings.legacy"
    api.ok("PUT", f"/legacy/{way}", {"on": True})
    assert allowed()


PNG = b"\x89PNG\r\n\x1a\nnot much of a picture"


def test_a_profile_and_its_picture(ctx: Context, alice: Access, api: Api) -> None:
    api.ok("PATCH", "/profile", {"firstName": "Alice", "url": "https://example.org", "bio": "a\nb"})
    shown = api.ok("PUT", "/profile/avatar", content=PNG)
    picture = api("GET", shown["avatar"].removeprefix("/api/v1"))
    assert picture.content == PNG
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["x-content-type-options"] == "nosniff"
    app = api.with_token(app_token(ctx, alice, on("diurnal-notes"))[1])
    assert app.ok("GET", "/profile") == api.ok("GET", "/profile")
    api.ok("PATCH", "/profile", {"private": True})
    assert app.ok("GET", "/profile") == {"private": True}
    app.refused(404, "GET", "/profile/avatar")
    app.refused(403, "PATCH", "/profile", {"bio": "x"})
    assert "avatar" not in api.ok("DELETE", "/profile/avatar")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "https://"}, "url"),
        ({"bio": "x" * 2_001}, "bio"),
        ({"firstName": "a\u202eb"}, "firstName"),
        ({"admin": True}, "admin"),
        ({"avatar": "x"}, "avatar"),
    ],
)
def test_a_profile_that_cannot_be(shared: Api, body: dict[str, Any], field: str) -> None:
    assert shared.refused(400, "PATCH", "/profile", body)["field"] == field


@pytest.mark.parametrize("picture", [b"<svg onload=alert(1)>", b"GIF88a", b"", b"RIFFxxxxWAVE"])
def test_a_picture_that_is_none_is_refused(shared: Api, picture: bytes) -> None:
    shared.refused(400, "PUT", "/profile/avatar", content=picture)


def test_the_picture_outlives_the_sweep(ctx: Context, alice: Access, api: Api) -> None:
    from diurnal.services import attachments, profile

    api.ok("PUT", "/profile/avatar", content=PNG)
    attachments.sweep(ctx, alice.account_id, before=2**62)
    assert api("GET", "/profile/avatar").content == PNG
    api.ok("PUT", "/profile/avatar", content=PNG + b"2")
    assert attachments.sweep(ctx, alice.account_id, before=2**62) == 1
    owner = accesses.personal(alice.account_id, "alice")
    assert ctx.store.read(lambda tx: profile.avatar(tx, owner)).size == len(PNG) + 1


def test_a_proxy_is_believed_about_its_client_and_nobody_else_is(
    ctx: Context, alice: Access
) -> None:
    token = owner_token(ctx, alice)
    said = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    for address in ("127.0.0.1", "198.51.100.7"):
        with opened(ctx, token, address=address) as api:
            api.ok("GET", "/account", headers=said)
            base = {
                name: api.page(
                    "GET", "/.well-known/oauth-authorization-server", headers={name: value}
                ).json()["issuer"]
                for name, value in said.items()
            }
        believed = address == "127.0.0.1"
        assert base["X-Forwarded-Proto"].startswith("https://" if believed else "http://")
        assert base["X-Forwarded-For"].startswith("http://")
    audit.flush(ctx)
    found = ctx.store.read(lambda tx: audit.find(tx, alice, audit.Query(actions=("account.get",))))
    assert [e.line.address for e in found] == ["198.51.100.7", "203.0.113.9"]
