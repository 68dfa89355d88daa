"""What a client of 2012 sees; 0.1 at /pryv0, 0.4 at /pryv04."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import msgspec
import pytest

from diurnal.errors import InvalidInput
from diurnal.model import time
from diurnal.model.access import Access
from diurnal.services import legacy
from diurnal.services.context import Context
from diurnal.settings import DialectSettings
from tests.cases import write
from tests.clock import START, Clock
from tests.conftest import PASSWORD
from tests.dialects.client import Client, personal_token

NOW = START / time.SECOND
HOUR = 3600


class App:
    """A client of one version with a token."""

    def __init__(
        self, ctx: Context, secret: str, root: str = "/pryv0", user: str = "alice"
    ) -> None:
        self.client = Client(ctx)
        self.secret = secret
        self.root = f"{root}/{user}"

    def call(self, method: str, path: str, body: Any = None, status: int = 200, **more: Any) -> Any:
        given = {"headers": {"Authorization": self.secret}, **more}
        if body is not None:
            given["json"] = body
        answer = self.client.request(method, self.root + path, **given)
        assert answer.status_code == status, answer.text
        assert float(answer.headers["server-time"]) > 0
        assert answer.headers["api-version"]
        return answer.json()

    def get(self, path: str, status: int = 200) -> Any:
        return self.call("GET", path, None, status)

    def post(self, path: str, body: Any, status: int = 201) -> Any:
        return self.call("POST", path, body, status)

    def put(self, path: str, body: Any, status: int = 200) -> Any:
        return self.call("PUT", path, body, status)

    def delete(self, path: str, status: int = 200) -> Any:
        return self.call("DELETE", path, None, status)

    def refused(self, method: str, path: str, id_: str, body: Any = None, status: int = 400) -> Any:
        told = self.call(method, path, body, status)
        assert told["id"] == id_, told
        assert told["message"]
        return told


@pytest.fixture
def secret(ctx: Context, alice: Access) -> str:
    return personal_token(ctx, alice, api="pryv0")


@pytest.fixture
def old(ctx: Context, secret: str) -> App:
    app = App(ctx, secret)
    app.post("/channels", {"id": "life", "name": "Life"})
    app.post("/life/folders", {"id": "work", "name": "Work"})
    app.post("/life/folders", {"id": "desk", "name": "Desk", "parentId": "work"})
    return app


@pytest.fixture
def later(ctx: Context, secret: str, old: App) -> App:
    return App(ctx, secret, "/pryv04")


def test_errors_are_the_object_itself(ctx: Context, old: App) -> None:
    bad = App(ctx, "bad-token")
    assert set(bad.refused("GET", "/channels", "INVALID_TOKEN", status=401)) == {"id", "message"}
    bad.root = "/pryv04/alice"
    bad.refused("GET", "/channels", "invalid-access-token", status=401)
    none = old.client.get("/pryv0/alice/channels")
    assert (none.status_code, none.json()["id"]) == (401, "INVALID_TOKEN")
    old.refused("GET", "/nothing/events", "UNKNOWN_CHANNEL", status=404)
    old.refused("PUT", "/life/folders/nothing", "UNKNOWN_FOLDER", {}, 404)
    old.refused("PUT", "/life/events/nothing", "UNKNOWN_EVENT", {}, 404)
    answer = old.client.post(
        "/pryv0/alice/life/events", content=b"{", headers={"Authorization": old.secret}
    )
    assert answer.json()["id"] == "INVALID_REQUEST_STRUCTURE"
    old.refused("POST", "/life/events", "INVALID_PARAMETERS_FORMAT", {"time": "x"})
    old.refused("POST", "/life/events", "INVALID_PARAMETERS_FORMAT", {"bogus": 1})


def test_the_root_sets_clocks(old: App) -> None:
    assert old.get("/") == {}


def test_channels(old: App) -> None:
    [life] = [c for c in old.get("/channels") if c["id"] == "life"]
    assert life == {"id": "life", "name": "Life", "strictMode": True}
    old.refused("POST", "/channels", "ITEM_NAME_ALREADY_EXISTS", {"name": "Life"})
    old.refused("POST", "/channels", "ITEM_ID_ALREADY_EXISTS", {"id": "life", "name": "Other"})
    assert old.put("/admin/channels/life", {"name": "My life", "strictMode": False}) == {}
    assert {"id": "life", "name": "My life", "strictMode": False} in old.get("/admin/channels")
    assert old.delete("/channels/life") == {}
    assert "life" not in [c["id"] for c in old.get("/channels")]
    assert [c["id"] for c in old.get("/channels?state=trashed")] == ["life"]
    told = old.refused("POST", "/life/events", "INVALID_OPERATION", {})
    assert told["data"] == {"trashed": "channel"}
    old.delete("/channels/life")
    old.refused("DELETE", "/channels/life", "UNKNOWN_CHANNEL", status=404)


def test_folders_are_a_tree(old: App, later: App) -> None:
    old.post("/life/folders", {"id": "secret", "name": "Away", "hidden": True})
    desk = {"id": "desk", "name": "Desk", "parentId": "work", "children": []}
    work = {"id": "work", "name": "Work", "parentId": None, "children": [desk]}
    assert old.get("/life/folders") == [work]
    assert [f["id"] for f in old.get("/life/folders?includeHidden=true")] == ["secret", "work"]
    assert [f["channelId"] for f in later.get("/life/folders?parentId=work")] == ["life"]
    old.refused("POST", "/life/folders", "ITEM_NAME_ALREADY_EXISTS", {"name": "Work"})
    old.refused("POST", "/life/folders", "UNKNOWN_FOLDER", {"name": "x", "parentId": "nothing"})
    old.put("/life/folders/desk", {"parentId": None})
    assert [f["id"] for f in old.get("/life/folders")] == ["desk", "work"]
    old.post("/life/events", {"folderId": "desk", "time": NOW})
    old.delete("/life/folders/desk")
    old.refused("DELETE", "/life/folders/desk", "MISSING_PARAMETER")
    old.delete("/life/folders/desk?mergeEventsWithParent=true")
    [moved] = old.get("/life/events")
    assert "folderId" not in moved


def test_an_event_of_the_seed(old: App) -> None:
    value = {"type": "position:WGS84", "value": "40.714728, -73.998672, 12.0"}
    given = {
        "time": NOW - 10,
        "folderId": "desk",
        "value": value,
        "comment": "here",
        "tags": [" a ", "", "b"],
        "clientData": {"my-app:colour": "red"},
    }
    made = old.post("/life/events", given)
    assert set(made) == {"id"}
    [found] = old.get("/life/events")
    modified = found.pop("modified")
    assert modified >= NOW
    assert found == {**given, "id": made["id"], "tags": ["a", "b"]}
    assert (
        old.put(f"/life/events/{made['id']}", {"value": {"type": "mass:kg", "value": 71.2}}) == {}
    )
    assert old.get("/life/events")[0]["value"] == {"type": "mass:kg", "value": 71.2}
    assert old.delete(f"/life/events/{made['id']}") == {}
    assert old.get("/life/events") == []
    assert old.get("/life/events?state=trashed")[0]["trashed"] is True
    old.delete(f"/life/events/{made['id']}")
    old.refused("DELETE", f"/life/events/{made['id']}", "UNKNOWN_EVENT", status=404)


def test_an_event_of_the_later_version(later: App, old: App) -> None:
    place = {"location": {"lat": 46.5, "lng": 6.6}}
    given = {
        "time": NOW - 10,
        "type": {"class": "position", "format": "wgs84"},
        "value": place,
        "description": "there",
    }
    id_ = later.post("/life/events", given)["id"]
    [found] = later.get("/life/events")
    del found["modified"]
    more = {"id": id_, "channelId": "life", "folderId": None, "tags": []}
    assert found == {**given, **more}
    assert old.get("/life/events")[0]["value"]["value"] == "46.5, 6.6"
    later.refused("POST", "/life/events", "invalid-parameters-format", {"value": 1})
    later.refused("GET", "/nothing/events", "unknown-channel", status=404)


def test_events_are_filtered(old: App) -> None:
    for n in range(30):
        folder = ("work", "desk", None)[n % 3]
        tags = ["even"] if n % 2 == 0 else ["odd"]
        tags += ["x"] if n < 4 else []
        old.post("/life/events", {"time": NOW - n * HOUR, "folderId": folder, "tags": tags})
    assert len(old.get("/life/events")) == 20
    assert len(old.get("/life/events?limit=25")) == 25
    assert len(old.get(f"/life/events?toTime={NOW}")) == 25
    assert len(old.get("/life/events?limit=99&onlyFolders[]=work")) == 20
    assert len(old.get("/life/events?limit=99&onlyFolders[]=desk,null")) == 20
    assert len(old.get("/life/events?limit=99&onlyFolders=desk")) == 10
    assert len(old.get("/life/events?limit=99&tags[]=even")) == 15
    assert len(old.get("/life/events?limit=99&tags[]=even,x")) == 2
    assert len(old.get("/life/events?limit=1&skip=1&tags[]=even&tags[]=x")) == 1
    oldest = old.get("/life/events?sortAscending=true&limit=1")
    assert oldest[0]["time"] == pytest.approx(NOW - 29 * HOUR)
    told = old.refused("GET", "/life/events?onlyFolders[]=work,no", "UNKNOWN_FOLDER")
    assert told["data"] == {"unknownIds": ["no"]}
    assert old.get(f"/life/events?modifiedSince={NOW + 99}") == []


def test_a_strict_channel_keeps_its_periods_apart(old: App, clock: Clock) -> None:
    lunch = old.post("/life/events", {"time": NOW - 4 * HOUR, "duration": HOUR})["id"]
    told = old.refused(
        "POST", "/life/events", "PERIODS_OVERLAP", {"time": NOW - 3.5 * HOUR, "duration": HOUR}
    )
    assert told["data"] == {"overlappedIds": [lunch]}
    old.post("/life/events", {"time": NOW - 3.5 * HOUR})  # a mark never is in the way
    told = old.refused(
        "POST",
        "/life/events/start",
        "INVALID_OPERATION",
        {"time": NOW - 5 * HOUR, "folderId": "work"},
    )
    assert told["data"] == {"conflictingPeriodId": lunch}
    old.refused("POST", "/life/events/start", "MISSING_FOLDER", {})
    first = old.post("/life/events/start", {"time": NOW - 2 * HOUR, "folderId": "work"})["id"]
    assert [e["id"] for e in old.get("/life/events/running")] == [first]
    assert old.get("/life/events/running")[0]["duration"] is None
    second = old.post("/life/events/start", {"time": NOW - HOUR, "folderId": "desk"})
    assert second["stoppedId"] == first
    stopped = [e for e in old.get("/life/events") if e["id"] == first]
    assert stopped[0]["duration"] == HOUR
    assert old.post("/life/events/stop", {"time": NOW}, 200) == {"stoppedId": second["id"]}
    assert old.post("/life/events/stop", {}, 200) == {"stoppedId": None}
    old.refused("POST", "/life/events/stop", "UNKNOWN_EVENT", {"id": "nothing"})
    old.refused("POST", "/life/events/stop", "INVALID_OPERATION", {"id": first})


def test_later_channels_are_strict_only_if_they_say_so(later: App) -> None:
    period = {"type": {"class": "activity", "format": "plain"}, "time": NOW - 9, "duration": 5}
    for _ in range(2):
        later.post("/life/events", period)
    later.refused("POST", "/life/events/stop", "missing-parameter", {})
    later.put("/channels/life", {"enforceNoEventsOverlap": True})
    later.refused("POST", "/life/events", "periods-overlap", period)


def test_a_batch_tells_by_reference(later: App) -> None:
    type_ = {"class": "note", "format": "txt"}
    told = later.post(
        "/life/events/batch",
        [
            {"tempRefId": "t1", "type": type_, "value": "a"},
            {"tempRefId": "t2", "type": type_, "folderId": "nothing"},
        ],
        200,
    )
    assert later.get("/life/events")[0]["id"] == told["t1"]["id"]
    assert told["t2"]["error"]["id"] == "unknown-folder"


def test_files_are_known_by_their_names(old: App) -> None:
    files = {"Photo": ("run.jpeg", b"\xff\xd8", "image/jpeg")}
    made = old.call(
        "POST", "/life/events", status=201, files=files, data={"event": json.dumps({"time": NOW})}
    )
    path = f"/life/events/{made['id']}"
    [event] = old.get("/life/events")
    assert event["attachments"]["run.jpeg"] == {
        "fileName": "run.jpeg",
        "type": "image/jpeg",
        "size": 2,
    }
    old.call("POST", path, files={"more": ("a b.txt", b"text", "text/plain")})
    headers = {"Authorization": old.secret}
    found = old.client.get(f"{old.root}{path}/a%20b.txt", headers=headers)
    assert (found.status_code, found.content) == (200, b"text")
    assert old.delete(f"{path}/a%20b.txt") == {}
    old.refused("GET", f"{path}/a%20b.txt", "UNKNOWN_ATTACHMENT", status=404)


def test_a_form_stands_for_any_method(later: App) -> None:
    form = {"_method": "PUT", "_auth": later.secret, "_json": json.dumps({"name": "Mine"})}
    answer = later.client.post("/pryv04/alice/channels/life", data=form)
    assert answer.json() == {}
    assert later.get("/channels")[-1]["name"] == "Mine"


def test_a_session_and_the_token_of_an_app(ctx: Context, old: App, clock: Clock) -> None:
    old.refused(
        "POST", "/admin/login", "INVALID_CREDENTIALS", {"userName": "alice", "password": "no"}, 401
    )
    session = old.post("/admin/login", {"userName": "alice", "password": PASSWORD}, 200)[
        "sessionID"
    ]
    admin = App(ctx, session)
    assert admin.get("/admin/user-info")["username"] == "alice"
    token = admin.post("/admin/get-my-token", {"applicationId": "my-app"}, 200)["id"]
    assert admin.post("/admin/get-my-token", {"applicationId": "my-app"}, 200)["id"] == token
    assert App(ctx, token).get("/channels")
    for _ in range(3):  # it lasts on while it is used
        clock.tick(13 * 24 * HOUR * time.SECOND)
        assert admin.get("/admin/who-am-i")["username"] == "alice"
    clock.tick(15 * 24 * HOUR * time.SECOND)
    admin.refused("GET", "/admin/who-am-i", "INVALID_TOKEN", status=401)
    assert App(ctx, token).get("/channels")


def test_a_session_ends(ctx: Context, old: App) -> None:
    body = {"username": "alice", "password": PASSWORD, "appId": "x"}
    admin = App(ctx, old.post("/admin/login", body, 200)["sessionID"])
    new = {"oldPassword": PASSWORD, "newPassword": "another good one"}
    admin.refused("POST", "/admin/change-password", "WRONG_PASSWORD", {**new, "oldPassword": "no"})
    admin.refused(
        "POST", "/admin/change-password", "INVALID_NEW_PASSWORD", {**new, "newPassword": "x"}
    )
    assert admin.post("/admin/change-password", new, 200) == {}
    assert admin.post("/admin/logout", {}, 200) == {}
    admin.refused("GET", "/admin/who-am-i", "INVALID_TOKEN", status=401)


def test_an_owner_keeps_passwords_and_addresses_out(ctx: Context, alice: Access, old: App) -> None:
    assert old.client.get(f"/pryv0/alice/channels?auth={old.secret}").status_code == 200
    for way in ("password_login", "token_in_url"):
        write(ctx, legacy.switch, alice, f"pryv0.{way}", on=False)
    body = {"userName": "alice", "password": PASSWORD}
    old.refused("POST", "/admin/login", "FORBIDDEN", body, 403)
    assert old.client.get(f"/pryv0/alice/channels?auth={old.secret}").status_code == 403


def test_a_shared_token_opens_what_it_says(ctx: Context, old: App) -> None:
    for folder, tags, at in (
        ("work", ["open"], NOW),
        ("work", [], NOW),
        ("work", ["open"], NOW - 99 * HOUR),
        (None, ["open"], NOW),
    ):
        old.post("/life/events", {"folderId": folder, "tags": tags, "time": at, "comment": "c"})
    permission = {
        "channelId": "life",
        "folderPermissions": [{"folderId": "work", "type": "read-only"}],
        "tags": ["open"],
        "timeFrame": {"fromTime": NOW - HOUR},
    }
    body = {"name": "For Bob", "permissions": [permission]}
    shared = App(ctx, old.post("/admin/tokens", body)["id"])
    [event] = shared.get("/life/events")
    assert (event["folderId"], event["tags"]) == ("work", ["open"])
    assert [c["id"] for c in shared.get("/channels")] == ["life"]
    assert [f["id"] for f in shared.get("/life/folders")] == ["work"]
    shared.refused("POST", "/life/events", "FORBIDDEN", {"folderId": "work"}, 403)
    shared.refused("GET", "/admin/user-info", "INVALID_CREDENTIALS", status=401)
    [told] = old.get("/admin/tokens")
    assert told == {"id": shared.secret, "name": "For Bob", "type": "shared", **body}
    old.refused("POST", "/admin/tokens", "ITEM_NAME_ALREADY_EXISTS", body)
    write_to = [{"channelId": "life", "folderPermissions": [{"folderId": None, "type": "manage"}]}]
    old.put(f"/admin/tokens/{shared.secret}", {"permissions": write_to})
    shared.post("/life/events", {"folderId": "work"})
    assert old.delete(f"/admin/tokens/{shared.secret}") == {}
    shared.refused("GET", "/channels", "INVALID_TOKEN", status=401)


def test_later_accesses(ctx: Context, later: App) -> None:
    permission = {"channelId": "life", "level": "contribute"}
    token = later.post("/accesses", {"name": "Bob", "permissions": [permission]})["token"]
    shared = App(ctx, token, "/pryv04")
    assert shared.get("/access-info") == {
        "name": "Bob",
        "type": "shared",
        "permissions": [permission],
    }
    later.refused("DELETE", "/accesses/nothing", "unknown-access", status=404)
    asked = {"requestingAppId": "app", "requestedPermissions": [permission]}
    assert later.post("/admin/accesses/check-app", asked, 200)["checkedPermissions"]
    assert later.put("/profile/private", {"a": 1}) == {"a": 1}
    assert later.get("/profile/private") == {"a": 1}


def test_a_share_within_the_app_tells_its_recipient(
    ctx: Context, old: App, charlie: Access
) -> None:
    permission = {
        "channelId": "life",
        "folderPermissions": [{"folderId": None, "type": "read-only"}],
    }
    body = {"name": "Life", "permissions": [permission], "recipient": "charlie"}
    token = old.post("/admin/tokens", body)["id"]
    theirs = App(ctx, personal_token(ctx, charlie, api="pryv0"), user="charlie")
    [offered] = theirs.get("/admin/bookmarks")
    assert (offered["name"], offered["sharedBy"], offered["accepted"]) == ("Life", "alice", False)
    assert theirs.put(f"/admin/bookmarks/{offered['id']}", {"accepted": True}) == {}
    [accepted] = theirs.get("/admin/bookmarks")
    assert accepted["tokenId"] == token
    assert App(ctx, accepted["tokenId"]).get("/channels")


def test_bookmarks(later: App) -> None:
    body = {"name": "Bob", "url": "https://bob.example/", "accessToken": "k"}
    id_ = later.post("/admin/bookmarks", body)["id"]
    later.refused("POST", "/admin/bookmarks", "item-name-already-exists", body)
    later.put(f"/admin/bookmarks/{id_}", {"name": "Robert"})
    assert later.get("/admin/bookmarks") == [{**body, "id": id_, "name": "Robert"}]
    later.delete(f"/admin/bookmarks/{id_}")
    later.refused("DELETE", f"/admin/bookmarks/{id_}", "unknown-bookmark", status=404)


def test_the_registration_service(ctx: Context, old: App) -> None:
    client = Client(ctx)
    assert client.get("/pryv0/reg/alice/check").json() == {"exists": "true"}
    assert client.get("/pryv0/reg/nobody1/check").json() == {"exists": "false"}
    assert client.post("/pryv0/reg/alice/server").json()["server"] == "localhost:8400"
    assert client.post("/pryv0/reg/nobody1/server").json()["id"] == "UNKOWN_USER_NAME"
    assert client.get("/pryv0/reg/no/server").json()["id"] == "INVALID_USER_NAME"
    told = client.post("/pryv0/reg/init", json={"userName": "x"}).json()
    assert told["id"] == "INVALID_DATA"
    ids = {e["id"] for e in told["errors"]}
    assert ids == {"INVALID_USER_NAME", "INVALID_PASSWORD", "INVALID_EMAIL"}
    assert client.get("/pryv0/reg/nothing/confirm").json()["id"] == "INVALID_CHALLENGE"
    asked = {
        "requestingAppId": "app",
        "requestedPermissions": [{"channelId": "life", "level": "read"}],
    }
    begun = client.post("/pryv0/reg/access", json=asked).json()
    assert begun["status"] == "NEED_SIGNIN"
    assert begun["requestedPermissions"] == asked["requestedPermissions"]  # in the app's words
    assert client.get(begun["poll"]).json()["key"] == begun["key"]
    assert client.get("/pryv0/reg/access/no").json()["id"] == "INVALID_KEY"


# Names of hosts


@pytest.fixture
def by_name(ctx: Context, old: App) -> Client:
    names = DialectSettings(host="old.test", later_host="later.test")
    settings = msgspec.structs.replace(ctx.settings, dialects={"pryv0": names})
    return Client(dataclasses.replace(ctx, settings=settings))


def at(client: Client, host: str, path: str, **given: Any) -> Any:
    return client.request(
        given.pop("method", "GET"),
        path,
        headers={"Host": host, **given.pop("headers", {})},
        **given,
    )


def test_each_version_has_a_host_name_and_each_account_one_below(
    by_name: Client, secret: str
) -> None:
    auth = {"headers": {"Authorization": secret}}
    note = {"type": {"class": "note", "format": "txt"}, "value": "x", "description": "here"}
    made: dict[str, dict[str, Any]] = {"old": {"comment": "here"}, "later": note}
    number = {"old": "0.1", "later": "0.4"}
    for version in ("old", "later"):
        for host, root in ((f"{version}.test", "/alice"), (f"alice.{version}.test", "")):
            told = at(by_name, host, f"{root}/channels", **auth)
            assert "life" in [c["id"] for c in told.json()]
            assert told.headers["api-version"].startswith(number[version])
            event = {"time": NOW, **made[version]}
            sent = at(by_name, host, f"{root}/life/events", method="POST", json=event, **auth)
            assert sent.status_code == 201, sent.text
            [found, *_] = at(by_name, host, f"{root}/life/events", **auth).json()
            assert made[version].items() <= found.items()
        # An account's own host takes its paths with its name before them, too.
        again = at(by_name, f"alice.{version}.test", "/alice/channels", **auth)
        assert again.status_code == 200


def test_each_host_name_refuses_in_its_version_s_words(by_name: Client) -> None:
    words = {"old": "INVALID_TOKEN", "later": "invalid-access-token"}
    for version, id_ in words.items():
        for host, path in (
            (f"alice.{version}.test", "/channels"),
            (f"{version}.test", "/alice/channels"),
        ):
            refused = at(by_name, host, path, headers={"Authorization": "bad"})
            assert (refused.status_code, refused.json()["id"]) == (401, id_)
        nobody = at(by_name, f"nobody.{version}.test", "/channels")
        assert nobody.status_code == 404


def test_signing_in_and_registering_by_host_name(by_name: Client) -> None:
    for version in ("old", "later"):
        given = {"userName": "alice", "username": "alice", "password": "wrong", "appId": "app-name"}
        refused = at(by_name, f"alice.{version}.test", "/admin/login", method="POST", json=given)
        assert refused.status_code == 401, refused.text
        told = at(by_name, f"reg.{version}.test", "/alice/check")
        assert told.json() == {"exists": "true"}
        server = at(by_name, f"reg.{version}.test", "/alice/server", method="POST")
        assert server.json()["server"] == f"{version}.test"


def test_a_dialect_without_a_later_version_has_no_name_for_it(ctx: Context) -> None:
    settings = msgspec.structs.replace(
        ctx.settings, dialects={"exist": DialectSettings(later_host="later.test")}
    )
    with pytest.raises(InvalidInput):
        Client(dataclasses.replace(ctx, settings=settings)).get("/")
