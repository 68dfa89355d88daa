"""Connections and push doors, as the pages of the web app and the senders use them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from diurnal import worker
from diurnal.cli.logs import redacted
from diurnal.model.access import Access
from diurnal.services import source_http
from diurnal.services.context import Context
from diurnal.store import upstreams as upstream_store
from tests.clock import DAY, HOUR, Clock
from tests.dialects.native.client import Api, opened, owner_token
from tests.services.syncing import Upstream, Weights, pointed, use
from tests.services.test_source_tokens import OAUTH, Service

LOCATION = {"_type": "location", "lat": 52.5, "lon": 13.4, "tst": 1_772_360_000, "tid": "al"}


@pytest.fixture
def engine() -> str:
    """What is stored is tested on both engines elsewhere."""
    return "sqlite"


@pytest.fixture
def service(ctx: Context) -> Service:
    return Service(Weights({i: (ctx.now() // DAY - i, 70.0) for i in range(5)}))


@pytest.fixture
def here(ctx: Context, service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """A context with a source to sign in to."""
    monkeypatch.setattr(source_http, "RETRY_FIRST_S", 0.01)
    use(monkeypatch, OAUTH)
    upstream = Upstream(service)
    yield pointed(ctx, upstream.url)
    upstream.close()


@pytest.fixture
def api(here: Context, alice: Access) -> Iterator[Api]:
    with opened(here, owner_token(here, alice)) as made:
        yield made


def work(ctx: Context) -> None:
    """Do what waits."""
    while worker.step(ctx, worker.handlers(), owner="w"):
        pass


def test_every_source_shows_its_form(api: Api) -> None:
    told = {c["name"]: c for c in api.ok("GET", "/connectors")["connectors"]}
    assert {"csv_file", "withings", "owntracks", "github", "nightscout"} <= told.keys()
    github = told["github"]
    assert (github["auth"], github["pull"], github["file"]) == ("key", True, True)
    form = {s["key"]: s for s in github["settings"]}
    assert form["user"]["required"] is True
    assert "since" in form
    assert told["withings"]["auth"] == "oauth2"
    assert told["withings"]["app"] is False
    assert told["withings"]["help"].startswith("Make a")
    assert told["owntracks"]["push"] is True
    assert told["apple_health"]["pull"] is False


def test_signing_in_in_the_browser_and_looking_how_it_stands(
    api: Api, here: Context, alice: Access, clock: Clock
) -> None:
    app = {"clientId": "our-id", "clientSecret": "our-secret"}
    made = api.ok("POST", "/connections", {"connector": "testing", "app": app})
    path = f"/connections/{made['id']}"
    assert made["state"] == "new"
    assert made["words"] == "Sign in at Testing to begin."
    assert made["has"] == ["app"]
    begun = api.ok("POST", f"{path}/authorize", {})
    state = parse_qs(urlsplit(begun["url"]).query)["state"][0]
    assert begun["state"] == state
    assert begun["redirectUri"].endswith("/api/v1/connections/callback")
    refused = api("GET", f"/connections/callback?error=access_denied&state={state}")
    assert "problem=the+source+refused" in refused.headers["location"]
    back = api("GET", f"/connections/callback?code=the-code&state={state}")
    assert back.status_code == 303
    assert back.headers["location"] == f"/sources?connection={made['id']}"
    assert "Looks again now" in api.ok("GET", path)["words"]
    work(here)
    seen = api.ok("GET", path)
    assert seen["state"] == "active"
    assert seen["words"].startswith("All is well; last looked just now. Looks again in ")
    assert seen["last"] < seen["next"]
    [strip] = api.ok("GET", f"{path}/coverage?first=2026-02-20&last=2026-03-01")["coverage"]
    assert strip["days"] == "d" * 9 + "p"
    assert strip["stretches"][0]["state"] == "done"
    [run] = api.ok("GET", f"{path}/runs")["runs"]
    assert run["result"]["new"] == 5
    assert api.ok("GET", "/imports")["imports"] == []
    clock.tick(HOUR)
    assert api.ok("POST", f"{path}/sync")["job"]
    work(here)
    paused = api.ok("PATCH", path, {"paused": True, "name": "Mine"})
    assert (paused["state"], paused["words"], paused["name"]) == ("paused", "Paused.", "Mine")
    api.refused(409, "POST", f"{path}/sync")
    assert api.ok("PATCH", path, {"paused": False})["state"] == "active"
    gone = api.ok("DELETE", f"{path}?data=delete")
    assert gone["undoing"] == 1
    work(here)
    assert api.ok("GET", "/connections")["connections"] == []
    assert api.ok("GET", "/events")["events"] == []


def test_a_code_is_pasted_where_no_address_leads_back(api: Api, here: Context) -> None:
    app = {"clientId": "our-id", "clientSecret": "our-secret"}
    made = api.ok("POST", "/connections", {"connector": "testing", "app": app})
    path = f"/connections/{made['id']}"
    wanted = {"redirectUri": "https://localhost/nothing"}
    begun = api.ok("POST", f"{path}/authorize", wanted)
    address = f"https://localhost/nothing?code=the-code&state={begun['state']}"
    api.refused(409, "POST", f"{path}/code", {"code": address.replace("state=", "state=x")})
    assert api.ok("POST", f"{path}/code", {"code": address})["state"] == "active"


@pytest.mark.parametrize(
    ("new", "field"),
    [
        ({"connector": "github"}, "settings.user"),
        ({"connector": "github", "settings": {"user": "a"}}, "key"),
        ({"connector": "github", "settings": {"user": "a", "x": 1}, "key": "k"}, "settings.x"),
        ({"connector": "github", "settings": {"user": 7}, "key": "k"}, "settings.user"),
        (
            {"connector": "github", "settings": {"user": "a", "since": "soon"}, "key": "k"},
            "settings.since",
        ),
        ({"connector": "nightscout", "settings": {"url": "http://169.254.169.254"}}, "url"),
        ({"connector": "nightscout", "settings": {"url": "ftp://example.org"}}, "url"),
        ({"connector": "csv_file"}, "connector"),
    ],
)
def test_a_form_that_cannot_be_right_names_the_field(
    api: Api, new: dict[str, Any], field: str
) -> None:
    assert api.refused(400, "POST", "/connections", new)["field"] == field


def test_an_unknown_source_is_not_there(api: Api) -> None:
    api.refused(404, "POST", "/connections", {"connector": "nobody"})
    api.refused(404, "POST", "/connections", {"connector": "../secrets"})


def pushing(api: Api, connector: str = "owntracks") -> tuple[str, str]:
    """Return the id and push token of a new connection."""
    made = api.ok("POST", "/connections", {"connector": connector})
    assert made["push"]["url"].endswith(f"/api/v1/push/{connector}")
    return made["id"], made["push"]["token"]


@pytest.mark.parametrize("how", ["bearer", "basic", "query", "key"])
def test_a_phone_delivers_with_its_own_token(api: Api, here: Context, how: str) -> None:
    id_, token = pushing(api)
    nobody = api.with_token(None)
    pair = base64.b64encode(f"alice:{token}".encode()).decode()
    headers = {
        "bearer": {"Authorization": f"Bearer {token}"},
        "basic": {"Authorization": f"Basic {pair}"},
        "key": {"X-API-Key": token},
    }.get(how, {})
    path = "/push/owntracks" + (f"?token={token}" if how == "query" else "")
    answer = nobody("POST", path, LOCATION, headers=headers)
    assert (answer.status_code, answer.text) == (200, "[]")
    assert api.ok("GET", f"/connections/{id_}")["waiting"] == 1
    assert nobody("POST", path, LOCATION, headers=headers).status_code == 200
    work(here)
    [event] = api.ok("GET", "/events")["events"]
    assert event["content"]["latitude"] == 52.5
    seen = api.ok("GET", f"/connections/{id_}")
    assert (seen["waiting"], seen["pushes"]) == (0, True)
    assert seen["words"] == "Waits for deliveries; the last was read just now."
    [run] = api.ok("GET", f"/connections/{id_}/runs")["runs"]
    assert (run["result"]["new"], run["result"]["same"]) == (1, 1)


def test_a_push_token_opens_nothing_else(api: Api) -> None:
    _, token = pushing(api)
    pushed = api.with_token(token)
    for method, path in (
        ("GET", "/events"),
        ("GET", "/connections"),
        ("POST", "/push/overland"),
        ("POST", "/push/nobody"),
    ):
        assert pushed(method, path).status_code in (401, 404)


def test_a_replaced_token_and_a_gone_connection_take_nothing(api: Api) -> None:
    id_, old = pushing(api)
    new = api.ok("POST", f"/connections/{id_}/push-token")["push"]["token"]
    assert api.with_token(old)("POST", "/push/owntracks", LOCATION).status_code == 401
    assert api.with_token(new)("POST", "/push/owntracks", LOCATION).status_code == 200
    api.ok("DELETE", f"/connections/{id_}")
    assert api.with_token(new)("POST", "/push/owntracks", LOCATION).status_code == 401


def test_what_cannot_be_read_is_set_aside_and_tried_again(api: Api, here: Context) -> None:
    id_, token = pushing(api)
    bad = {"_type": "location", "lat": "north", "lon": 1, "tst": 1}
    pushed = api.with_token(token)
    assert pushed("POST", "/push/owntracks", bad).status_code == 200
    assert pushed("POST", "/push/owntracks").status_code == 200  # to see whether we are there
    work(here)
    seen = api.ok("GET", f"/connections/{id_}")
    assert seen["setAside"] == 1
    page = api.ok("GET", f"/imports/{seen['batch']}/aside")["setAside"]
    assert page[0]["reason"]
    assert api("POST", f"/connections/{id_}/retry").status_code == 202
    work(here)


def test_too_large_a_delivery_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from diurnal.dialects.native import push

    monkeypatch.setattr(push, "BODY_BYTES_MAX", 1_000)
    _, token = pushing(api)
    answer = api.with_token(token)("POST", "/push/owntracks", {"x": "y" * 2_000})
    assert answer.status_code == 413


def test_webhooks_answer_challenges_and_name_what_changed(
    api: Api, here: Context, alice: Access
) -> None:
    made = api.ok("POST", "/connections", {"connector": "strava", "app": {"clientId": "a"}})
    url = urlsplit(made["push"]["urlWithToken"])
    nobody = api.with_token(None)
    challenge = "hub.mode=subscribe&hub.challenge=15f7d1a91c1f40f8a748fd134752feb3"
    answer = nobody("GET", f"/push/strava?{url.query}&{challenge}")
    assert answer.json() == {"hub.challenge": "15f7d1a91c1f40f8a748fd134752feb3"}
    told = {
        "object_type": "activity",
        "object_id": 1,
        "aspect_type": "update",
        "event_time": here.now() // 1_000_000,
        "owner_id": 2,
    }
    assert nobody("POST", f"/push/strava?{url.query}", told).status_code == 200


def test_tokens_are_blotted_out_of_logs(api: Api) -> None:
    _, token = pushing(api)
    line = f'127.0.0.1 - "POST /api/v1/push/owntracks?token={token} HTTP/1.1" 200'
    assert token not in redacted(line)


def test_nothing_secret_is_shown_again(api: Api) -> None:
    new = {"connector": "github", "settings": {"user": "a"}, "key": "very-secret"}
    made = api.ok("POST", "/connections", new)
    shown = json.dumps([api.ok("GET", "/connections"), api.ok("GET", f"/connections/{made['id']}")])
    assert "very-secret" not in shown
    assert made["has"] == ["key"]


def test_an_admin_gives_the_application_that_everybody_signs_in_with(
    api: Api, here: Context, alice: Access, charlie: Access
) -> None:
    told = api.ok("GET", "/admin/source-apps")
    assert told["redirectUri"].endswith("/api/v1/connections/callback")
    apps = {a["connector"]: a for a in told["apps"]}
    assert {"oura", "instapaper", "withings"} <= apps.keys()
    assert "github" not in apps
    assert apps["oura"]["help"]
    assert "clientId" not in apps["oura"]
    path = "/admin/source-apps/testing"
    app = {"clientId": "house-id", "clientSecret": "house-secret"}
    other = api.with_token(owner_token(here, charlie))
    other.refused(403, "GET", "/admin/source-apps")
    other.refused(403, "PUT", path, app)
    other.refused(403, "DELETE", path)
    api.refused(400, "PUT", "/admin/source-apps/github", app)
    api.refused(404, "PUT", "/admin/source-apps/nobodys", app)
    kept = api.ok("PUT", path, app)
    assert (kept["clientId"], kept["hasSecret"]) == ("house-id", True)
    again = api.ok("PUT", path, {"clientId": "house-id-2"})
    assert (again["clientId"], again["hasSecret"]) == ("house-id-2", True)
    sealed = here.store.read(lambda tx: upstream_store.get(tx, "testing")).app
    assert sealed is not None
    assert b"house-" not in sealed
    said = json.dumps([kept, again, api.ok("GET", "/audit"), api.ok("GET", "/connectors")])
    assert "house-secret" not in said
    made = other.ok("POST", "/connections", {"connector": "testing"})
    begun = other.ok("POST", f"/connections/{made['id']}/authorize", {})
    assert parse_qs(urlsplit(begun["url"]).query)["client_id"] == ["house-id-2"]
    assert "clientId" not in api.ok("DELETE", path)
    other.refused(400, "POST", f"/connections/{made['id']}/authorize", {})


def test_an_application_that_the_settings_name_is_changed_there(
    here: Context, alice: Access
) -> None:
    told = {"testing": msgspec.structs.replace(here.settings.connectors["testing"], client_id="x")}
    fixed = replace(here, settings=msgspec.structs.replace(here.settings, connectors=told))
    with opened(fixed, owner_token(fixed, alice)) as api:
        api.refused(409, "PUT", "/admin/source-apps/testing", {"clientId": "y"})
        api.refused(409, "DELETE", "/admin/source-apps/testing")
