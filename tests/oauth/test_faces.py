"""Doors of dialects: the same server with other paths, lifetimes and shapes."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import httpx2
import msgspec
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.discovery import OpenIDProviderMetadata
from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.auth import signing
from diurnal.auth.oauth2.face import CODE, REFRESH, Face
from diurnal.catalog import scopes
from diurnal.catalog.scopes import personicle
from diurnal.dialects.oauth2 import FACE
from diurnal.http import oauth
from diurnal.model.access import Access, Level
from diurnal.services import authentication, legacy
from diurnal.services.context import Context
from diurnal.settings import DialectSettings
from tests.clock import DAY, SECOND, Clock
from tests.oauth.browser import Browser, answered, session
from tests.oauth.conftest import BACK, App, registered

ONCE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
EXIST = Face(
    name="exist-test",
    api="exist",
    clients=("exist",),
    prefix="/oauth2",
    token="/access_token",
    token_s=31_535_999,
    refresh_s=None,
    hex_tokens=True,
    tolerant=True,
    iss=False,
    revoke=None,
    introspect=None,
    userinfo=None,
    keys=None,
    default_scopes=("read",),
)
PERSONICLE = Face(
    name="personicle-test",
    api="personicle",
    clients=("personicle",),
    issuer="/oauth2/{id}",
    prefix="/oauth2/{id}/v1",
    response_types=("code", "token", "id_token", "id_token token"),
    grants=(CODE, REFRESH),
    refresh_s=None,
    idle_s=7 * 86_400,
    offline_only=True,
    iss=False,
    beyond="access_denied",
    implicit_way="personicle.implicit",
)
HEART = "com.personicle.individual.datastreams.heartrate"


class Doors:
    """The application with two more doors."""

    def __init__(self, ctx: Context, app: Any) -> None:
        self.app = app
        self.doors = {
            f"/{face.name}": http.router(oauth.endpoints(ctx, face), _nowhere)
            for face in (EXIST, PERSONICLE)
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        for prefix, door in self.doors.items():
            if scope["type"] == "http" and scope["path"].startswith(prefix + "/"):
                await door(http.mounted(scope, prefix), receive, send)
                return
        await self.app(scope, receive, send)


async def _nowhere(_request: Request) -> Response:
    return Response(status_code=404)


@pytest.fixture
def doors(ctx: Context, alice: Access) -> Browser:
    browser = Browser(ctx, session(ctx, alice))
    browser.client.app = Doors(ctx, browser.client.app)  # type: ignore[assignment]
    return browser


def at(door: str, app: App) -> App:
    app.door = door
    return app


@pytest.fixture
def exist(ctx: Context, doors: Browser, charlie: Access) -> App:
    app = App(doors, *registered(ctx, charlie, api="exist", name="Tracker"))
    return at("/exist-test/oauth2", app)


@pytest.fixture
def watch(ctx: Context, doors: Browser, charlie: Access) -> App:
    app = App(doors, *registered(ctx, charlie, api="personicle", name="Watch"))
    return at("/personicle-test/oauth2/aus445/v1", app)


def test_exists_door_is_as_its_clients_know_it(exist: App, ctx: Context, clock: Clock) -> None:
    # Neither redirect_uri nor state; a literal plus in the scope; a slash at the end.
    code = exist.code(scope="read+write", redirect_uri=None, state=None)
    told = exist.post("/access_token/", grant_type="authorization_code", code=code).json()
    assert list(told) == ["access_token", "token_type", "expires_in", "refresh_token", "scope"]
    assert re.fullmatch("[0-9a-f]{40}", told["access_token"])
    assert re.fullmatch("[0-9a-f]{40}", told["refresh_token"])
    assert told["expires_in"] == 31_535_999
    assert told["scope"] == "read write"
    access = ctx.store.read(lambda tx: authentication.resolve(tx, ctx, told["access_token"]))
    assert (access.api, access.scopes) == ("exist", ("read", "write"))
    assert {p.level for p in access.permissions} == {Level.CONTRIBUTE}
    assert {p.stream for p in access.permissions} == {"*", "own"}
    clock.tick(300 * DAY)
    fields = {"grant_type": "refresh_token", "refresh_token": told["refresh_token"]}
    newer = exist.post("/access_token", basic=True, **fields).json()
    assert exist.opens(newer["access_token"])
    assert not exist.opens(told["access_token"])
    assert exist.post("/access_token", **fields).json()["error"] == "invalid_grant"
    assert not exist.opens(newer["access_token"])


@ONCE
def test_exists_door_answers_in_its_words(exist: App, app: App) -> None:
    told = answered(exist.browser.decide(exist.page(scope="read"), "deny"))
    assert told == {
        "error": "access_denied",
        "state": "s1",
        "error_description": "The owner refused.",
    }
    assert answered(exist.browser.request("GET", exist.url(scope="heal")))["error"]
    # Another API's application is none here.
    app.browser = exist.browser
    assert at(exist.door, app).page().status_code == 400
    assert (
        exist.post(
            "/access_token", code="x", grant_type="authorization_code", client_secret="y"
        ).json()["error"]
        == "invalid_client"
    )


def test_personicles_implicit_answer_stands_behind_the_hash(watch: App, ctx: Context) -> None:
    asked = {"response_type": "token", "scope": f"openid profile email events.read {HEART}"}
    away = watch.browser.decide(watch.page(**asked, nonce="n"))
    location = away.headers["location"]
    assert location.startswith(f"{BACK}#")
    told = answered(away)
    assert told["token_type"] == "Bearer"
    assert told["expires_in"] == "3600"
    assert told["state"] == "s1"
    assert told["scope"].split() == asked["scope"].split()
    assert "refresh_token" not in told
    info = watch.browser.client.get(
        f"{watch.door}/userinfo", headers={"Authorization": f"Bearer {told['access_token']}"}
    ).json()
    assert re.fullmatch("00u[0-9a-z]{17}", info["sub"])
    assert info["name"] == "alice"
    both = watch.browser.decide(
        watch.page(response_type="id_token token", scope=asked["scope"], nonce="n1")
    )
    claims = signing.load(ctx.settings.data_dir, 0).read(answered(both)["id_token"])
    assert claims is not None
    assert (claims["nonce"], claims["sub"]) == ("n1", info["sub"])
    assert claims["iss"] == "http://localhost:8400/personicle-test/oauth2/aus445"
    assert claims["exp"] - claims["iat"] == 3_600
    assert claims["iat"] == ctx.now() // SECOND


@ONCE
def test_personicles_errors_stand_where_its_clients_look(
    watch: App, ctx: Context, alice: Access, charlie: Access
) -> None:
    def told(**given: Any) -> tuple[str, bool]:
        answer = watch.browser.request("GET", watch.url(**given))
        return answered(answer)["error"], "#" in answer.headers["location"]

    assert told(response_type="token", scope="x") == ("invalid_scope", True)
    assert told(scope="x") == ("invalid_scope", False)
    assert told(response_type="id_token", scope="openid")[0] == "invalid_request"  # no nonce
    held = at(
        watch.door,
        App(
            watch.browser,
            *registered(
                ctx, charlie, api="personicle", name="Held", home=None, scope=["events.read"]
            ),
        ),
    )
    watch, whole = held, watch
    assert told(response_type="token", scope=HEART) == ("access_denied", True)
    watch = whole
    ctx.store.write(
        lambda tx: legacy.switch(tx, ctx, alice, "personicle.implicit", on=False)
    ).result()
    away = watch.browser.get(watch.url(response_type="token", scope="openid events.read"))
    assert answered(away)["error"] == "unsupported_response_type"
    assert answered(watch.browser.decide(watch.page(scope="openid events.read")))["code"]


def test_personicles_code_gives_what_was_asked(watch: App, ctx: Context, clock: Clock) -> None:
    plain = watch.tokens(scope=f"openid {HEART}")
    assert "refresh_token" not in plain
    assert "id_token" in plain
    kept = watch.tokens(scope=f"openid offline_access {HEART} {HEART}.write")
    access = ctx.store.read(lambda tx: authentication.resolve(tx, ctx, kept["access_token"]))
    [only] = access.permissions
    assert (only.level, only.measures) == (Level.CONTRIBUTE, ("heart_rate",))
    clock.tick(6 * DAY)
    newer = watch.refresh(kept["refresh_token"]).json()
    clock.tick(6 * DAY)
    newest = watch.refresh(newer["refresh_token"]).json()  # each use begins the week anew
    clock.tick(8 * DAY)
    assert watch.refresh(newest["refresh_token"]).json()["error"] == "invalid_grant"


@ONCE
def test_metadata_say_what_is_there(app: App, public: App) -> None:
    def get(path: str) -> httpx2.Response:
        return app.browser.client.get(path)

    told = get("/.well-known/oauth-authorization-server").json()
    AuthorizationServerMetadata({**told, "issuer": "https://x.example"}).validate_issuer()
    assert told == get("/.well-known/openid-configuration").json()
    for check in (
        "grant_types_supported",
        "response_types_supported",
        "scopes_supported",
        "token_endpoint_auth_methods_supported",
        "code_challenge_methods_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
    ):
        assert check in OpenIDProviderMetadata(told)
        assert isinstance(told[check], list), check
    assert told["issuer"] == "http://localhost:8400"
    assert told["authorization_response_iss_parameter_supported"] is True
    for name, address in told.items():
        if name.endswith(("_endpoint", "_uri")):
            status = get(address.removeprefix("http://localhost:8400")).status_code
            assert status in (200, 303, 400, 401, 405), name
    assert get("/.well-known/nothing").status_code == 404
    keys = get("/oauth2/keys").json()["keys"]
    assert [sorted(set(k) & {"d", "p", "q", "kid", "n"}) for k in keys] == [["kid", "n"]]


@ONCE
def test_pages_of_ours_are_on_a_dialects_own_host_too(ctx: Context, alice: Access) -> None:
    """A browser is led to sign in and consent on the host where it is: cookies go no further."""
    host = {"exist": DialectSettings(host="exist.example.org")}
    there = dataclasses.replace(ctx, settings=msgspec.structs.replace(ctx.settings, dialects=host))
    client, _ = registered(ctx, alice, api="exist")
    browser = Browser(there, session(ctx, alice))
    asked = f"/oauth2/authorize?client_id={client.id}&response_type=code&scope=read"
    headers = {"Host": "exist.example.org"}
    led = browser.request("GET", asked, headers=headers)
    assert led.headers["location"].startswith("/consent?")
    page = browser.request("GET", led.headers["location"], headers=headers)
    assert "Allow Moodgraph" in page.text
    assert browser.request("GET", "/static/pages.css", headers=headers).status_code == 200
    assert browser.request("GET", "/settings", headers=headers).status_code == 404


@ONCE
def test_a_resource_says_who_guards_it(ctx: Context) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(b"host", b"d.example")],
        "scheme": "https",
        "server": None,
        "query_string": b"",
    }
    told = oauth.protected_resource(
        ctx, Request(scope), path="/mcp", face=FACE, name="Diurnal for assistants"
    )
    said = json.loads(bytes(told.body))
    assert said["resource"] == "https://d.example/mcp"
    assert said["authorization_servers"] == ["https://d.example"]
    assert "read:heart" in said["scopes_supported"]


@ONCE
def test_an_id_token_is_the_owners_and_the_requests(app: App, ctx: Context) -> None:
    signer = signing.load(ctx.settings.data_dir, 0)
    claims = signer.read(app.tokens(scope="openid profile email", nonce="n7")["id_token"])
    assert claims is not None
    assert claims["nonce"] == "n7"
    assert claims["aud"] == app.client.id
    assert claims["iat"] == ctx.now() // SECOND
    assert claims["auth_time"] <= claims["iat"]
    assert claims["preferred_username"] == "alice"
    assert "email" not in claims  # she has none
    assert "id_token" not in app.tokens(scope="read:heart")
    none = app.browser.client.get(
        "/oauth2/userinfo",
        headers={"Authorization": f"Bearer {app.tokens(scope='read:heart')['access_token']}"},
    )
    assert none.status_code == 403
    assert app.browser.client.get("/oauth2/userinfo").status_code == 401


@ONCE
def test_a_resource_is_named_and_kept(app: App) -> None:
    here = "http://localhost:8400/mcp"
    code = app.code(resource=here)
    assert app.redeem(code, resource="http://localhost:8400/api").json()["error"] == (
        "invalid_target"
    )
    token = app.redeem(code, resource=here).json()["access_token"]
    assert app.post("/introspect", token=token).json()["aud"] == here
    assert not app.opens(token)  # which asks another


@pytest.mark.parametrize("api", scopes.apis())
def test_every_scope_has_words_and_opens_what_it_says(api: str) -> None:
    known = scopes.of(api)
    for scope in known.known.values():
        assert scope.words
        assert not scope.words.endswith(".")
        assert scope.title
        given = scopes.permissions([scope])
        assert bool(given) == scope.opens
        assert any(p.allows.reads for p in given) == scope.reads
        assert any(p.allows.creates for p in given) == (scope.writes or scope.adds)
        assert any(p.allows.changes for p in given) == scope.writes
    assert all(name in known.known for name in known.aliases.values())
    assert set(known.offered) <= set(known.known)


def test_dialects_offer_the_scopes_of_their_contracts() -> None:
    assert len(scopes.of("personicle").offered) == 40
    assert len([n for n in scopes.of("exist").offered if n.endswith(("_read", "_write"))]) == 34
    find = scopes.of("personicle").find
    for spelling in ("heartrate", "heartrate.read", HEART, f"{HEART}.read"):
        found = find(spelling)
        assert found is not None
        assert found.name == HEART
    base = "com.personicle.individual.datastreams."
    assert personicle.covers(f"{base}distance", f"{base}interval.distance")
    assert personicle.covers(f"{base}step.cumulative", f"{base}interval.step.count")
    assert not personicle.covers(f"{base}distance", f"{base}distance.write")
    assert not personicle.covers(f"{base}distance", f"{base}speed")
    assert scopes.of("exist").split("read+write, append") == ["read", "write", "append"]


def test_scopes_add_up_and_no_stream_hides_what_is_above_it() -> None:
    known = scopes.of("exist").known
    given = scopes.permissions([known["read"], known["append"]])
    own = [p for p in given if p.stream == "own"]
    assert any(p.allows.reads and p.allows.creates and not p.allows.changes for p in own)
    assert any(p.allows.reads and p.stream == "*" for p in given)
