"""Pryv's methods beyond reading and creating events: each over HTTP, some in batches."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.services import accesses, audit, streams
from diurnal.services.context import Context
from tests.clock import SECOND, Clock
from tests.dialects.client import Client, personal_token, token

HOME = "/pryv/alice"


class App:
    """A client of Pryv's API with its token."""

    def __init__(self, ctx: Context, secret: str) -> None:
        self.client, self.secret = Client(ctx), secret

    def call(self, method: str, path: str, status: int = 200, **given: Any) -> Any:
        headers = {"Authorization": self.secret, **given.pop("headers", {})}
        answer = self.client.request(method, f"{HOME}/{path}", headers=headers, **given)
        assert answer.status_code == status, f"{answer.status_code} {answer.text}"
        assert "serverTime" in answer.json()["meta"]
        return answer.json()

    def refused(self, method: str, path: str, status: int, **given: Any) -> str:
        return str(self.call(method, path, status, **given)["error"]["id"])

    def batch(self, *calls: tuple[str, Any]) -> list[Any]:
        body = [{"method": method, "params": params} for method, params in calls]
        results: list[Any] = self.call("POST", "", json=body)["results"]
        assert len(results) == len(calls)
        return results

    def note(self, content: str, *ids: str) -> str:
        event = {"type": "note/txt", "content": content, "streamIds": list(ids) or ["diary"]}
        made: str = self.call("POST", "events", 201, json=event)["event"]["id"]
        return made

    def contents(self) -> list[str]:
        return sorted(e["content"] for e in self.call("GET", "events?limit=100")["events"])


@pytest.fixture
def owner(ctx: Context, alice: Access) -> App:
    """The owner, in an account with the streams diary > dreams, and work."""
    for id_, parent in (("diary", None), ("dreams", "diary"), ("work", None)):
        ctx.store.write(
            lambda tx, id_=id_, parent=parent: streams.create(
                tx, ctx, alice, name=id_.title(), id_=id_, parent_id=parent
            )
        ).result()
    return App(ctx, personal_token(ctx, alice))


# History


def test_an_event_s_history_is_told_where_it_is_asked_for(owner: App) -> None:
    id_ = owner.note("one")
    first = owner.call("GET", f"events/{id_}?includeHistory=true")
    assert first["history"] == []
    for content in ("two", "three"):
        owner.call("PUT", f"events/{id_}", json={"content": content})
    told = owner.call("GET", f"events/{id_}?includeHistory=true")
    assert told["event"]["content"] == "three"
    assert [v["content"] for v in told["history"]] == ["one", "two"]
    assert [v["headId"] for v in told["history"]] == [id_, id_]
    assert len({id_, *(v["id"] for v in told["history"])}) == 3
    was = {**told["history"][0], "id": id_}
    del was["headId"]
    assert was == first["event"]
    assert "history" not in owner.call("GET", f"events/{id_}")
    assert len(owner.call("GET", "events")["events"]) == 1
    [again] = owner.batch(("events.getOne", {"id": id_, "includeHistory": True}))
    assert again["history"] == told["history"]


def test_a_version_names_its_attachments_for_its_reader(owner: App) -> None:
    id_ = owner.note("one")
    file = {"file": ("a.txt", b"bytes", "text/plain")}
    [hung] = owner.call("POST", f"events/{id_}", files=file)["event"]["attachments"]
    owner.call("DELETE", f"events/{id_}/{hung['id']}")
    bare, with_file = owner.call("GET", f"events/{id_}?includeHistory=true")["history"]
    assert "attachments" not in bare
    assert with_file["attachments"] == [hung]


def test_a_series_stays_one_and_nothing_else_becomes_one(owner: App) -> None:
    event = {"type": "series:mass/kg", "streamIds": ["diary"]}
    made = owner.call("POST", "events", 201, json=event)["event"]
    series, note = f"events/{made['id']}", f"events/{owner.note('one')}"
    for path, change in (
        (series, {"type": "note/txt", "content": "x"}),
        (series, {"type": "series:count/steps"}),
        (series, {"content": {"x": 1}}),
        (note, {"type": "series:mass/kg"}),
    ):
        assert owner.refused("PUT", path, 400, json=change) == "invalid-operation"
    same = {"content": made["content"], "description": "scale"}
    assert owner.call("PUT", series, json=same)["event"]["description"] == "scale"


def test_who_may_only_add_adds_files_and_points_to_what_it_made(
    ctx: Context, alice: Access, owner: App
) -> None:
    adding = App(ctx, token(ctx, alice, Permission(Level.CREATE_ONLY, "diary")))
    event = {"type": "picture/attached", "streamIds": ["diary"]}
    made = adding.call(
        "POST", "events", 201, data={"event": json.dumps(event)}, files={"f": ("a.txt", b"a")}
    )["event"]
    [file] = made["attachments"]
    assert file["fileName"] == "a.txt"
    assert adding.refused("POST", f"events/{made['id']}", 404, files={"f": ("b.txt", b"b")})
    series = {"type": "series:mass/kg", "streamIds": ["diary"]}
    own, other = (
        app.call("POST", "events", 201, json=series)["event"]["id"] for app in (adding, owner)
    )
    points = {"format": "flatJSON", "fields": ["deltaTime", "value"], "points": [[0, 70]]}
    adding.call("POST", f"events/{own}/series", json=points)
    assert owner.call("GET", f"events/{own}/series")["points"] == [[0, 70]]
    for path in (f"events/{other}/series", f"events/{own}/series"):
        assert adding.refused("GET", path, 404) == "unknown-resource"
    assert adding.refused("POST", f"events/{other}/series", 404, json=points) == "unknown-resource"


def test_a_form_stands_for_any_request(owner: App) -> None:
    client, path = owner.client, f"{HOME}/events"
    event = {"type": "note/txt", "content": "é", "streamId": "diary"}
    made = client.post(path, data={"_auth": owner.secret, "_json": json.dumps(event)})
    assert made.status_code == 201
    assert made.headers["pryv-access-id"] == made.json()["event"]["createdBy"]
    one = f"{path}/{made.json()['event']['id']}"

    def sent(method: str, **more: str) -> Any:
        return client.post(one, data={"_auth": owner.secret, "_method": method, **more})

    assert sent("PUT", _json='{"content": "new"}').json()["event"]["content"] == "new"
    assert sent("GET").json()["event"]["content"] == "new"
    assert sent("DELETE").json()["event"]["trashed"] is True
    assert sent("PATCH").status_code == 404
    assert client.post(one, data={"_method": "GET"}).status_code == 401
    plain = client.post(path, data={"type": "note/txt"}, headers={"Authorization": owner.secret})
    assert plain.json()["error"]["id"] == "unsupported-content-type"
    bad = client.post(path, data={"_auth": owner.secret, "_json": "{"})
    assert bad.json()["error"]["id"] == "invalid-request-structure"


# Batches


def test_a_batch_does_each_call_and_undoes_only_what_failed(owner: App) -> None:
    note = {"type": "note/txt", "streamIds": ["diary"], "content": "one"}
    results = owner.batch(
        ("events.create", note),
        ("events.create", {**note, "content": "two"}),
        ("events.create", {**note, "streamIds": ["nowhere"]}),
        ("events.create", {"type": "note/txt"}),
        ("no.such", {}),
        ("streams.create", {"id": "new", "name": "New"}),
        ("events.create", {**note, "content": "three", "streamIds": ["new"]}),
        ("streams.create", {"id": "new", "name": "Other"}),
        ("events.get", {"streams": ["new"]}),
    )
    ids = [r["error"]["id"] if "error" in r else next(iter(r)) for r in results]
    assert ids == [
        "event",
        "event",
        "unknown-referenced-resource",
        "invalid-parameters-format",
        "invalid-method",
        "stream",
        "event",
        "item-already-exists",
        "events",
    ]
    assert [e["content"] for e in results[-1]["events"]] == ["three"]
    assert owner.contents() == ["one", "three", "two"]


def test_a_batch_leaves_a_line_for_each_call(owner: App) -> None:
    note = {"type": "note/txt", "streamIds": ["diary"], "content": "x"}
    owner.batch(("events.create", note), ("events.create", note), ("no.such", {}))
    owner.call("GET", "events")
    told = owner.call("GET", "audit/logs?limit=50")["auditLogs"]
    made = [e for e in told if e["content"]["action"] == "events.create"]
    assert [e["type"] for e in made] == ["audit-log/pryv-api"] * 2
    assert [e["content"]["action"] for e in told if e["type"].endswith("-error")] == ["no.such"]
    named = owner.call("GET", "events?streams=:_audit:action-events.create")["events"]
    assert [e["id"] for e in named] == [e["id"] for e in made]
    assert owner.call("GET", f"events/{made[0]['id']}")["event"] == made[0]


def test_the_audit_tells_a_refusal_by_the_id_that_the_client_was_told(
    ctx: Context, owner: App
) -> None:
    said = [
        owner.refused("GET", f"events/c{'0' * 24}", 404),
        owner.refused("POST", "events", 400, json={"streamIds": ["no"], "type": "note/txt"}),
    ]
    audit.flush(ctx)
    told = [e["content"]["id"] for e in owner.call("GET", "audit/logs?limit=2")["auditLogs"]]
    assert sorted(told) == sorted(said) == ["unknown-referenced-resource", "unknown-resource"]


BAD_BATCHES = [{}, [1], [{}], [{"method": "events.get"}], [{"params": {}}], "x"]


def test_a_batch_of_no_calls_and_one_that_is_none(owner: App) -> None:
    assert owner.batch() == []
    for body in BAD_BATCHES:
        assert owner.refused("POST", "", 400, json=body) == "invalid-parameters-format"
    assert owner.batch(("events.get", "text"))[0]["error"]["id"] == "invalid-parameters-format"


# Events


def test_an_event_is_changed_trashed_and_deleted(owner: App) -> None:
    id_ = owner.note("old")
    path = f"events/{id_}"
    given = {"content": "new", "clientData": {"a": 1, "b": 2}, "duration": None, "tags": ["t"]}
    changed = owner.call("PUT", path, json=given)["event"]
    assert {k: changed[k] for k in given} == given
    changed = owner.call("PUT", path, json={"clientData": {"a": None}})["event"]
    assert changed["clientData"] == {"b": 2}
    assert changed["modified"] > changed["created"]
    earlier = owner.call("GET", f"{path}?includeHistory=true")["history"]
    assert [v.get("clientData") for v in earlier] == [None, {"a": 1, "b": 2}]
    assert owner.refused("PUT", path, 403, json={"id": "x", "created": 1}) == "forbidden"
    assert owner.refused("PUT", path, 400, json={"nothing": 1}) == "invalid-parameters-format"
    assert owner.refused("PUT", path, 400, json={"type": "mass/kg"}) == "invalid-parameters-format"
    assert owner.call("DELETE", path)["event"]["trashed"] is True
    assert owner.call("DELETE", path)["eventDeletion"] == {"id": id_}
    assert owner.refused("DELETE", path, 404) == "unknown-resource"
    assert owner.refused("POST", "events/start", 410, json={}) == "removed-method"


def test_content_is_as_its_type_says(owner: App) -> None:
    def given(type_: str, content: Any) -> dict[str, Any]:
        return {"type": type_, "content": content, "streamIds": ["diary"]}

    for type_, content in (("mass/kg", "72"), ("note/txt", 1), ("position/wgs84", {"latitude": 1})):
        told = owner.call("POST", "events", 400, json=given(type_, content))["error"]
        assert told["message"] == "The event content's format is invalid."
        assert told["data"]
    owner.call("POST", "events", 201, json=given("mine/own", {"any": "thing"}))


def test_what_is_inside_of_events_can_be_asked_for(owner: App) -> None:
    for n in range(4):
        event = {"type": "mine/own", "streamIds": ["diary"], "content": {"a": {"n": n}}}
        owner.call("POST", "events", 201, json=event)

    def found(*conditions: dict[str, Any]) -> list[int]:
        asked = {"content": json.dumps(conditions)}
        events = owner.call("GET", "events", params=asked)["events"]
        return sorted(e["content"]["a"]["n"] for e in events)

    assert found({"path": "a.n", "gte": 2}) == [2, 3]
    assert found({"path": "a.n", "in": [0, 3]}, {"path": "a.n", "neq": 0}) == [3]
    assert found({"path": "$.a.m", "exists": True}) == []


FILE = b"\x89PNG not really"
EVENT = json.dumps({"type": "picture/attached", "streamIds": ["diary"]})
PARTS = [("event", (None, EVENT)), ("file", ("a photo é.png", FILE, "image/png"))]


def test_files_come_in_any_order_and_go_out_again(ctx: Context, alice: Access, owner: App) -> None:
    for parts in (PARTS, PARTS[::-1], [("x", PARTS[0][1]), ("event", PARTS[1][1])]):
        made = owner.call("POST", "events", 201, files=parts)["event"]
        [file] = made["attachments"]
        assert (file["fileName"], file["type"], file["size"]) == ("a photo é.png", "image/png", 15)
    path = f"{HOME}/events/{made['id']}/{file['id']}"
    digest = base64.b64encode(hashlib.sha256(FILE).digest()).decode()
    assert file["integrity"] == f"sha256-{digest}"
    for url in (path, f"{path}/any-name.png"):
        sent = owner.client.get(url, headers={"Authorization": owner.secret})
        assert sent.content == FILE
        assert sent.headers["content-type"] == "image/png"
        assert sent.headers["digest"] == f"SHA-256={digest}"
        assert sent.headers["content-disposition"].startswith("attachment; filename*=UTF-8''a%20")
    assert owner.client.get(f"{path}?auth={owner.secret}").status_code == 401
    assert owner.client.get(f"{path}?readToken={file['readToken']}").content == FILE
    assert owner.client.get(f"{path}?readToken={file['readToken']}x").status_code == 403
    other = App(ctx, token(ctx, alice, Permission(Level.READ, "diary"), name="Reader"))
    [theirs] = other.call("GET", f"events/{made['id']}")["event"]["attachments"]
    assert theirs["readToken"] != file["readToken"]
    moved = {"streamIds": ["work"]}
    owner.call("PUT", f"events/{made['id']}", json=moved)
    assert owner.client.get(f"{path}?readToken={theirs['readToken']}").status_code == 404
    more = owner.call("POST", f"events/{made['id']}", files=[PARTS[1]])["event"]["attachments"]
    assert len(more) == 2
    left = owner.call("DELETE", f"events/{made['id']}/{file['id']}")["event"]["attachments"]
    assert [f["id"] for f in left] == [f["id"] for f in more if f["id"] != file["id"]]
    bad = {"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}
    assert owner.refused("POST", "events", 400, **bad) == "invalid-request-structure"


# Streams


def test_a_stream_is_made_changed_and_deleted(owner: App) -> None:
    made = owner.call("POST", "streams", 201, json={"id": "Bad Id!é", "name": "Mine"})["stream"]
    assert (made["id"], made["parentId"]) == ("Bad-Ide", None)
    assert "children" not in made
    path = f"streams/{made['id']}"
    changed = owner.call("PUT", path, json={"name": "Ours", "parentId": "work"})["stream"]
    assert (changed["name"], changed["parentId"]) == ("Ours", "work")
    for body, status, id_ in (
        ({"id": "null", "name": "N"}, 400, "invalid-item-id"),
        ({"id": "diary", "name": "N"}, 409, "item-already-exists"),
        ({"name": "Diary"}, 409, "item-already-exists"),
        ({"name": "N", "parentId": "none"}, 400, "unknown-referenced-resource"),
        ({}, 400, "invalid-parameters-format"),
    ):
        assert owner.refused("POST", "streams", status, json=body) == id_
    bad_updates: list[tuple[Any, int, str]] = [
        ({"parentId": made["id"]}, 400, "invalid-operation"),
        ({"created": 1}, 403, "forbidden"),
    ]
    for given, status, id_ in bad_updates:
        assert owner.refused("PUT", path, status, json=given) == id_
    assert owner.call("DELETE", path)["stream"]["trashed"] is True
    assert owner.call("DELETE", path)["streamDeletion"] == {"id": made["id"]}
    assert owner.refused("DELETE", path, 404) == "unknown-resource"


def test_events_of_a_deleted_stream_go_where_it_is_said(owner: App) -> None:
    only, both = owner.note("only", "dreams"), owner.note("both", "dreams", "work")
    owner.call("DELETE", "streams/dreams")
    assert owner.refused("DELETE", "streams/dreams", 400) == "invalid-parameters-format"
    done = owner.call("DELETE", "streams/dreams?mergeEventsWithParent=true")
    actions = {u["id"]: u["action"] for u in done["updatedEvents"]}
    assert actions == {only: "mergedToParent", both: "mergedToParent"}
    assert owner.call("GET", f"events/{only}")["event"]["streamIds"] == ["diary"]
    owner.call("DELETE", "streams/diary")
    wrong = owner.refused("DELETE", "streams/diary?mergeEventsWithParent=true", 400)
    assert wrong == "invalid-operation"


def test_the_account_is_streams_too(owner: App) -> None:
    listed = {s["id"]: s for s in owner.call("GET", "streams")["streams"]}
    assert ":_audit:" in listed
    assert [s["id"] for s in listed[":_system:account"]["children"]][:2] == [
        ":_system:language",
        ":system:email",
    ]
    [event] = owner.call("GET", "events?streams=:_system:language")["events"]
    assert (event["type"], event["content"]) == ("language/iso-639-1", "en")
    owner.call("PUT", "events/:_system:language", json={"content": "fr"})
    assert owner.call("GET", "account")["account"]["language"] == "fr"


# Accesses


def test_accesses_are_made_changed_and_revoked(ctx: Context, owner: App) -> None:
    permissions = [
        {"streamId": "diary", "level": "contribute"},
        {"streamId": "sport", "level": "read", "defaultName": "Sport"},
        {"feature": "selfRevoke", "setting": "forbidden"},
    ]
    asked = {"name": "App", "type": "app", "permissions": permissions, "deviceName": "Phone"}
    made = owner.call("POST", "accesses", 201, json=asked)["access"]
    assert made["deviceName"] == "Phone"
    assert made["apiEndpoint"] == f"http://{made['token']}@localhost:8400/pryv/alice/"
    assert made["permissions"][-1] == permissions[-1]
    assert "sport" in {s["id"] for s in owner.call("GET", "streams")["streams"]}
    assert owner.refused("POST", "accesses", 409, json=asked) == "item-already-exists"
    app = App(ctx, made["token"])
    assert app.refused("DELETE", f"accesses/{made['id']}", 403) == "forbidden"
    share = {"name": "Share", "permissions": [{"streamId": "diary", "level": "read"}]}
    shared = app.call("POST", "accesses", 201, json=share)["access"]
    far = {"name": "Far", "permissions": [{"streamId": "work", "level": "read"}]}
    told = app.call("POST", "accesses", 403, json=far)["error"]
    assert told["id"] == "forbidden"
    assert [a["id"] for a in app.call("GET", "accesses")["accesses"]] == [shared["id"]]
    assert App(ctx, shared["token"]).refused("GET", "accesses", 403) == "forbidden"
    assert len(owner.call("GET", "accesses")["accesses"]) == 3
    changed = owner.call("PUT", f"accesses/{made['id']}", json={"clientData": {"a": 1}})["access"]
    assert changed["id"] == f"{made['id']}:1"
    stale = owner.call("PUT", f"accesses/{made['id']}", 409, json={"name": "Late"})["error"]
    assert (stale["id"], stale["data"]["currentSerial"]) == ("stale-resource", 1)
    kept = owner.call("GET", f"accesses/{changed['id']}?includeHistory=true")
    assert [v["id"] for v in kept["history"]] == [made["id"]]
    gone = owner.call("DELETE", f"accesses/{changed['id']}")
    assert gone["accessDeletion"] == {"id": made["id"]}
    assert gone["relatedDeletions"] == [{"id": shared["id"]}]
    assert app.refused("GET", "events", 403) == "invalid-access-token"


def test_an_app_is_checked_before_it_gets_what_it_asks(owner: App) -> None:
    def check(*permissions: dict[str, str]) -> Any:
        asked = {"requestingAppId": "my-app", "requestedPermissions": permissions}
        return owner.call("POST", "accesses/check-app", json=asked)

    diary = {"streamId": "diary", "level": "read", "defaultName": "My diary"}
    told = check(diary, {"streamId": "new", "level": "read", "defaultName": "Work"})
    assert told["checkedPermissions"] == [
        {"streamId": "diary", "level": "read", "name": "Diary"},
        {"streamId": "new", "level": "read", "defaultName": "Work (1)"},
    ]
    assert told["error"]["id"] == "item-already-exists"
    asked = {"name": "my-app", "type": "app", "permissions": [diary]}
    made = owner.call("POST", "accesses", 201, json=asked)["access"]
    assert check(diary)["matchingAccess"]["token"] == made["token"]
    other = check({"streamId": "work", "level": "read"})
    assert other["mismatchingAccess"]["id"] == made["id"]


BAD_PERMISSIONS: list[Any] = [
    "x",
    [1],
    [{"streamId": "diary"}],
    [{"streamId": "diary", "level": "bogus"}],
    [{"level": "read"}],
    [{"streamId": 1, "level": "read"}],
    [{"feature": "fly", "setting": "forbidden"}],
    [{"feature": "selfRevoke", "setting": "maybe"}],
]


def test_an_access_with_another_feature_or_data_is_another(owner: App) -> None:
    wanted = [{"streamId": "diary", "level": "read"}]
    share = {"name": "app", "type": "app", "permissions": wanted, "clientData": {"a": 1}}
    owner.call("POST", "accesses", 201, json=share)

    def found(**more: Any) -> set[str]:
        asked = {"requestingAppId": "app", "requestedPermissions": wanted, **more}
        told = owner.call("POST", "accesses/check-app", json=asked)
        return told.keys() - {"meta", "checkedPermissions"}

    assert found() == found(clientData={"a": 1}) == {"matchingAccess"}
    assert found(clientData={"a": 2}) == {"mismatchingAccess"}
    feature = {"feature": "selfRevoke", "setting": "forbidden"}
    assert found(requestedPermissions=[*wanted, feature]) == {"mismatchingAccess"}


def test_the_times_of_an_access_are_in_range(owner: App, clock: Clock) -> None:
    share = {"name": "app", "permissions": [{"streamId": "diary", "level": "read"}]}
    made = owner.call("POST", "accesses", 201, json={**share, "expireAfter": 0})["access"]
    clock.tick(2 * SECOND)
    ended = owner.client.get(f"{HOME}/events", headers={"Authorization": made["token"]})
    assert (ended.status_code, ended.json()["error"]["id"]) == (403, "forbidden")
    id_ = owner.call("POST", "accesses", 201, json={**share, "name": "b"})["access"]["id"]
    for field, value in (
        ("expires", 1e300),
        ("expires", -1),
        ("expireAfter", 1e300),
        ("expireAfter", -1),
    ):
        wrong = owner.call("PUT", f"accesses/{id_}", 400, json={field: value})["error"]
        assert wrong["data"][0]["path"] == f"#/{field}"
        assert wrong["id"] == "invalid-parameters-format"


def test_what_is_refused_to_an_app_is_said_the_same_way(
    ctx: Context, alice: Access, owner: App
) -> None:
    app = App(ctx, token(ctx, alice, Permission(Level.READ, "diary")))
    for stream in ("work", "*"):
        share = {"name": "a", "permissions": [{"streamId": stream, "level": "read"}]}
        wrong = app.call("POST", "accesses", 403, json=share)["error"]["message"]
        assert wrong.startswith("Your access token has insufficient permissions")


def test_permissions_that_cannot_be_right(owner: App) -> None:
    for permissions in BAD_PERMISSIONS:
        asked = {"name": "Bad", "permissions": permissions}
        assert owner.refused("POST", "accesses", 400, json=asked) == "invalid-parameters-format"


# What is beside the data


def test_profile_sets_merge_and_are_whose_they_are(ctx: Context, alice: Access, owner: App) -> None:
    app = App(ctx, token(ctx, alice, Permission(Level.READ, "diary"), name="Reader"))
    owner.call("PUT", "profile/public", json={"a": 1, "b": 2})
    assert owner.call("PUT", "profile/public", json={"a": None})["profile"] == {"b": 2}
    assert app.call("GET", "profile/public")["profile"] == {"b": 2}
    assert app.refused("PUT", "profile/public", 403, json={}) == "forbidden"
    assert app.refused("GET", "profile/private", 403) == "forbidden"
    assert app.call("PUT", "profile/app", json={"x": {"y": 1}})["profile"] == {"x": {"y": 1}}
    assert owner.refused("GET", "profile/app", 400) == "invalid-operation"


def test_what_2_0_calls_otherwise_is_called_so_too(owner: App) -> None:
    told, made, found, none = owner.batch(
        ("service.info", {}),
        ("profile.update", {"id": "private", "update": {"a": 1}}),
        ("profile.get", {"id": "private"}),
        ("profile.get", {"id": "nothing"}),
    )
    over_http = owner.client.get("/pryv/service/info").json()
    assert told == {k: v for k, v in over_http.items() if k != "meta"}
    assert made == found == {"profile": {"a": 1}}
    assert none["error"]["id"] == "unknown-resource"


def test_followed_slices(owner: App) -> None:
    slice_ = {"name": "Bob", "url": "https://bob.example.org/", "accessToken": "t"}
    made = owner.call("POST", "followed-slices", 201, json=slice_)["followedSlice"]
    assert made == {"id": made["id"], **slice_}
    assert owner.refused("POST", "followed-slices", 409, json=slice_) == "item-already-exists"
    path = f"followed-slices/{made['id']}"
    assert owner.call("PUT", path, json={"name": "B"})["followedSlice"]["name"] == "B"
    assert owner.refused("PUT", path, 403, json={"url": "x"}) == "forbidden"
    assert len(owner.call("GET", "followed-slices")["followedSlices"]) == 1
    assert owner.call("DELETE", path)["followedSliceDeletion"] == {"id": made["id"]}
    assert owner.refused("DELETE", path, 404) == "unknown-resource"


def test_a_batch_cannot_hold_what_no_answer_could(
    ctx: Context, owner: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diurnal.dialects.pryv.methods import calling

    monkeypatch.setattr(calling, "RESULTS_MAX", 1)
    owner.note("a")
    owner.note("b")
    [many, one] = owner.batch(("events.get", {}), ("events.get", {"limit": 1}))
    assert (many["error"]["id"], many["error"]["data"]) == ("too-many-results", {"limit": 1})
    assert len(one["events"]) == 1


def test_a_shared_access_makes_no_others(ctx: Context, alice: Access, owner: App) -> None:
    _, secret = ctx.store.write(
        lambda tx: accesses.create(
            tx,
            ctx,
            alice,
            name="S",
            permissions=[Permission(Level.READ, "diary")],
            kind=Kind.SHARED,
            api="pryv",
        )
    ).result()
    share = {"name": "T", "permissions": [{"streamId": "diary", "level": "read"}]}
    assert App(ctx, secret).refused("POST", "accesses", 403, json=share) == "forbidden"
