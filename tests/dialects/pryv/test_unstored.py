"""Streams that are no rows: the audit's, the account's, those of days; who asks, and how."""

from __future__ import annotations

import json
from typing import Any

import pytest

from diurnal.model import time
from diurnal.model.access import Access, Level, Permission
from diurnal.model.time import day_from_text
from diurnal.services import audit as audit_log
from diurnal.services import days, legacy
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from tests import cases
from tests.clock import Clock
from tests.conftest import PASSWORD
from tests.dialects.client import Client, personal_token, token
from tests.dialects.pryv.test_methods import App

FIRST = day_from_text("2026-01-30")


@pytest.fixture
def owner(ctx: Context, alice: Access) -> App:
    app = App(ctx, personal_token(ctx, alice))
    app.call("POST", "streams", 201, json={"id": "diary", "name": "Diary"})
    return app


def actions(app: App, query: Any, more: str = "") -> list[str]:
    found = app.call("GET", f"events?streams={json.dumps(query)}&limit=100{more}")["events"]
    return [e["content"]["action"] for e in found]


# The audit


def test_every_filter_narrows_the_audit(ctx: Context, owner: App) -> None:
    owner.note("one")
    owner.refused("GET", "events/nothing", 404)
    audit_log.flush(ctx)
    audit = {"any": [":_audit:"]}
    made = {"any": [":_audit:action-events.create"]}
    assert actions(owner, made) == ["events.create"]
    assert actions(owner, {**audit, "all": made["any"]}) == ["events.create"]
    assert "events.create" not in actions(owner, {**audit, "not": made["any"]})
    failed = '&content=[{"path":"id","eq":"unknown-resource"}]'
    assert actions(owner, audit, failed) == ["events.getOne"]
    for nothing in ("running=true", "state=trashed", "tags=a", "modifiedSince=99999999999"):
        assert actions(owner, audit, f"&{nothing}") == []


def test_the_oldest_lines_come_first_where_that_is_asked_for(owner: App) -> None:
    for n in range(5):
        owner.note(f"{n}")
    both = [":_audit:action-streams.create", ":_audit:action-events.create"]
    query = f"events?streams={json.dumps(both)}&limit=2"
    first, second = owner.call("GET", f"{query}&sortAscending=true")["events"]
    assert first["content"]["action"] == "streams.create"
    assert first["time"] <= second["time"]
    [newest, _] = owner.call("GET", query)["events"]
    assert newest["content"]["action"] == "events.create"
    [next_one, _] = owner.call("GET", f"{query}&skip=1&sortAscending=true")["events"]
    assert next_one == second


# Together with others


def test_streams_that_are_no_rows_are_asked_for_with_others(owner: App) -> None:
    owner.note("mine")
    query = f"events?limit=10&streams={json.dumps(['diary', ':_system:account'])}"
    found = owner.call("GET", query)["events"]
    assert {e["type"] for e in found} >= {"note/txt", "language/iso-639-1", "email/string"}
    assert len(owner.call("GET", f"{query}&skip=2")["events"]) == len(found) - 2
    [only] = owner.call("GET", f"{query}&types=note/txt")["events"]
    assert only["content"] == "mine"
    [both, _] = owner.batch(("events.get", {"streams": ["*", ":_system:language"]}), ("x.y", {}))
    assert {"mine", "en"} <= {e["content"] for e in both["events"]}


# They stay as they are


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "streams", {"id": ":_system:email", "name": "Mine"}),
        ("POST", "streams", {"id": ":_days:weight", "name": "Mine"}),
        ("POST", "streams", {"name": "Mine", "parentId": ":_system:account"}),
        ("PUT", "streams/:_audit:", {"name": "Mine"}),
        ("PUT", "streams/diary", {"parentId": ":_days:"}),
        ("DELETE", "streams/:_system:language", None),
        ("DELETE", "events/:_system:language", None),
        ("PUT", "events/:_system:dbDocuments", {"content": 1}),
        ("PUT", "events/:_system:language", {"content": "fr", "time": 1}),
    ],
)
def test_streams_and_events_that_are_no_rows_are_not_changed(
    owner: App, method: str, path: str, body: Any
) -> None:
    given = {} if body is None else {"json": body}
    assert owner.refused(method, path, 400, **given) == "invalid-operation"


def test_no_stream_of_ours_is_called_like_one_that_is_no_row(owner: App) -> None:
    wanted = [{"streamId": ":_days:weight", "level": "read", "defaultName": "Weight"}]
    share = {"name": "a", "permissions": wanted}
    assert owner.refused("POST", "accesses", 400, json=share) == "invalid-parameters-format"
    ids = [s["id"] for s in owner.call("GET", "streams?parentId=:_system:account")["streams"]]
    assert ids == [":_system:language", ":system:email", ":_system:storageUsed"]
    assert owner.call("GET", "streams?parentId=:_days:")["streams"] == []


def test_a_language_that_is_none_is_refused(owner: App) -> None:
    for path in ("events/:_system:language", "account"):
        for bad in ("", "much too long", "e\0"):
            body = {"language" if path == "account" else "content": bad}
            wrong = owner.refused("PUT", path, 400, json=body)
            assert wrong == "invalid-parameters-format"
    wrong = owner.call("PUT", "events/:system:email", 400, json={"content": "nobody"})
    assert wrong["error"]["data"][0]["path"] == "#/content"


# Fields of the account that others are given


def test_an_access_reads_the_fields_of_the_account_that_it_names(
    ctx: Context, alice: Access, owner: App
) -> None:
    owner.call("PUT", "account", json={"email": "alice@example.org"})

    def made(name: str, *wanted: tuple[str, str]) -> App:
        listed = [{"streamId": s, "level": level, "defaultName": "x"} for s, level in wanted]
        share = {"name": name, "type": "app", "permissions": listed}
        return App(ctx, owner.call("POST", "accesses", 201, json=share)["access"]["token"])

    account = "events?streams[]=:_system:account&limit=100"
    mail = made("mail", (":system:email", "read"), ("diary", "read"))
    [event] = mail.call("GET", account)["events"]
    assert (event["id"], event["content"]) == (":system:email", "alice@example.org")
    assert mail.call("GET", "events/:system:email")["event"]["content"] == "alice@example.org"
    assert mail.refused("GET", "events/:_system:language", 404) == "unknown-resource"
    assert mail.refused("GET", "events?streams[]=:_system:language", 403) == "forbidden"
    listed = [(s["id"], s["parentId"]) for s in mail.call("GET", "streams")["streams"]]
    assert listed == [("diary", None), (":system:email", None)]
    assert mail.refused("PUT", "events/:system:email", 403, json={"content": "x@y.z"})
    share = {"name": "on", "permissions": [{"streamId": ":system:email", "level": "read"}]}
    assert mail.refused("POST", "accesses", 403, json=share) == "forbidden"

    every = made("every", ("*", "manage"))
    assert every.refused("GET", account, 403) == "forbidden"
    assert every.refused("POST", "accesses", 403, json=share) == "forbidden"
    but = made("but", (":_system:account", "read"), (":system:email", "none"))
    assert ":system:email" not in {e["id"] for e in but.call("GET", account)["events"]}
    assert len(but.call("GET", account)["events"]) == 3
    for level in ("contribute", "manage", "create-only"):
        wrong = {"name": "w", "permissions": [{"streamId": ":system:email", "level": level}]}
        assert owner.refused("POST", "accesses", 400, json=wrong) == "invalid-parameters-format"
    asked = {"requestingAppId": "new", "requestedPermissions": share["permissions"]}
    [told] = owner.call("POST", "accesses/check-app", json=asked)["checkedPermissions"]
    assert told == {"streamId": ":system:email", "level": "read", "name": "E-mail"}


# Days


def test_a_sync_of_days_sees_what_changed(
    ctx: Context, alice: Access, owner: App, clock: Clock
) -> None:
    rows = [NewDay("weight", FIRST + n, 70 + n, "scale") for n in range(3)]
    cases.write(ctx, days.write_rows, alice, [*rows, NewDay("mood", FIRST, 7, "me")])
    path = "events?streams[]=:_days:&limit=100&state=all&includeDeletions=true"
    first = owner.call("GET", path)
    assert len(first["events"]) > 3
    seen = max(e["modified"] for e in first["events"])
    assert seen < clock.now() / time.SECOND + 1

    def fresh() -> list[tuple[str, Any]]:
        found = owner.call("GET", f"{path}&modifiedSince={seen!r}")
        assert found["eventDeletions"] == []
        return [(e["id"], e["content"]) for e in found["events"]]

    assert fresh() == []
    clock.tick(60 * time.SECOND)
    cases.write(ctx, days.write_rows, alice, [NewDay("weight", FIRST + 1, 99, "scale")])
    assert (":_days:weight:2026-01-31", 99) in fresh()
    assert ":_days:mood:2026-01-30" not in dict(fresh())
    assert ":_days:weight:2026-01-30" not in dict(fresh())
    cases.read(ctx, days.refresh, alice.account_id)
    assert (":_days:weight:2026-01-31", 99) in fresh()  # once it is computed, too


def test_who_sees_days_later_is_told_of_all(ctx: Context, alice: Access, owner: App) -> None:
    cases.write(ctx, days.write_rows, alice, [NewDay("weight", FIRST, 70, "scale")])
    home = Permission(Level.READ, "diurnal-weight", delay=3)
    late = App(ctx, token(ctx, alice, home, name="Late"))
    path = "events?streams[]=:_days:weight&limit=100&modifiedSince=9999999999"
    assert [e["content"] for e in late.call("GET", path)["events"]] == [70]
    assert owner.call("GET", path)["events"] == []


# What an owner has switched off


def test_an_owner_keeps_passwords_and_addresses_out(
    ctx: Context, alice: Access, owner: App
) -> None:
    client = Client(ctx)
    body = {"username": "alice", "password": PASSWORD, "appId": "app"}
    headers = {"Origin": "http://localhost:8400"}

    def login() -> Any:
        return client.post("/pryv/alice/auth/login", json=body, headers=headers)

    assert login().status_code == 200
    assert client.get(f"/pryv/alice/events?auth={owner.secret}").status_code == 200
    for way in ("password_login", "token_in_url"):
        told = {w.way.key: w for w in cases.read(ctx, legacy.listed, alice)}
        assert told[f"pryv.{way}"].uses == 1
        cases.write(ctx, legacy.switch, alice, f"pryv.{way}", on=False)
    for refused in (login(), client.get(f"/pryv/alice/events?auth={owner.secret}")):
        assert (refused.status_code, refused.json()["error"]["id"]) == (403, "forbidden")
        assert "owner of this account" in refused.json()["error"]["message"]
    assert owner.call("GET", "events")["events"] == []
