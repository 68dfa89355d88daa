"""Account, zones, change log, streams and measures through the native API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from diurnal.model import unit_choices
from diurnal.model.access import Access, Level
from diurnal.services.context import Context
from tests.clock import START
from tests.dialects.native.client import Api, app_token, on

NOW = START // 1_000_000
NOTE = {"streamIds": ["diurnal-notes"], "type": "note/txt", "content": "x"}


def test_settings_merge_and_an_app_does_not_see_them(ctx: Context, alice: Access, api: Api) -> None:
    api.ok("PATCH", "/account", {"settings": {"theme": "dark", "units": {"mass": "kg"}}})
    told = api.ok("PATCH", "/account", {"settings": {"theme": None, "x": 1}})
    assert told["settings"] == {"units": {"mass": "kg"}, "x": 1}
    assert api.ok("GET", "/account") == told
    app = api.with_token(app_token(ctx, alice, on("diurnal-notes", Level.MANAGE))[1])
    assert app.ok("GET", "/account") == {"username": "alice", "timezone": "Europe/Berlin"}
    app.refused(403, "PATCH", "/account", {"settings": {}})
    app.refused(403, "GET", "/account/zones")
    app.refused(403, "GET", "/changes")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"timezone": "Mars/Crater"}, "timezone"),
        ({"timezone": None}, "timezone"),
        ({"settings": []}, "settings"),
        ({"settings": {"a": "x" * 70_000}}, "settings"),
        ({"settings": {"a": "\0"}}, "settings.a"),
        ({"username": "bob"}, "username"),
    ],
)
def test_settings_that_cannot_be(shared: Api, body: dict[str, Any], field: str) -> None:
    assert shared.refused(400, "PATCH", "/account", body)["field"] == field


@pytest.mark.parametrize(
    ("units", "field"),
    [
        ("imperial", "settings.units"),
        (["kg"], "settings.units"),
        ({"mass": "stone"}, "settings.units.mass"),
        ({"mass": "km"}, "settings.units.mass"),
        ({"mass": ["kg"]}, "settings.units.mass"),
        ({"distance": "mi", "speed": "kn"}, "settings.units.speed"),
    ],
)
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_units_that_cannot_be(api: Api, units: Any, field: str) -> None:
    good = {kind: choices[-1] for kind, choices in unit_choices.CHOICES.items()}
    api.ok("PATCH", "/account", {"settings": {"units": good}})
    told = api.refused(400, "PATCH", "/account", {"settings": {"units": units, "theme": "dark"}})
    assert told["field"] == field
    assert api.ok("GET", "/account")["settings"] == {"units": good}


def test_the_pages_offer_the_units_that_are_taken() -> None:
    source = (Path(__file__).parents[3] / "web/src/lib/units.ts").read_text()
    part = source.partition("CHOICES:")[2].partition("\n};")[0]
    offered: dict[str, list[str]] = {}
    for kind, unit in re.findall(r"^  (\w+): {|unit: \"([^\"]+)\"", part, re.MULTILINE):
        if kind:
            offered[kind] = []
        else:
            offered[next(reversed(offered))].append(unit)
    assert {kind: tuple(units) for kind, units in offered.items()} == dict(unit_choices.CHOICES)


def test_settings_nested_beyond_reason(shared: Api) -> None:
    deep = b'{"settings":' + b'{"a":' * 500 + b"1" + b"}" * 501
    assert shared.refused(400, "PATCH", "/account", content=deep)["field"] == "settings"


def test_a_new_home_and_a_journey_date_anew(api: Api) -> None:
    late = api.ok("POST", "/events", NOTE | {"time": "2026-02-10T23:30:00Z"})
    assert late["localDate"] == "2026-02-11"
    api.ok("PATCH", "/account", {"timezone": "America/New_York"})
    path = f"/events/{late['id']}"
    assert api.ok("GET", path)["localDate"] == "2026-02-10"
    zones = {"zones": [{"from": "2026-02-01T00:00:00Z", "timezone": "Asia/Tokyo"}]}
    told = api.ok("PUT", "/account/zones", zones)
    assert told["home"] == "America/New_York"
    assert told["zones"] == [{"from": 1_769_904_000, "timezone": "Asia/Tokyo"}]
    assert api.ok("GET", "/account/zones") == told
    assert api.ok("GET", path)["localDate"] == "2026-02-11"
    assert api.ok("GET", path)["offset"] == 540
    api.ok("PUT", "/account/zones", {"zones": []})
    assert api.ok("GET", path)["localDate"] == "2026-02-10"


@pytest.mark.parametrize(
    ("zone", "field"),
    [
        ({"from": 0, "timezone": "x/y"}, "zones[1].timezone"),
        ({"from": "x", "timezone": "UTC"}, "zones[1].from"),
        ({"from": 1, "timezone": "UTC"}, "zones[1].from"),
        ({"timezone": "UTC"}, "zones[1].from"),
    ],
)
def test_a_zone_that_cannot_be(shared: Api, zone: dict[str, Any], field: str) -> None:
    zones = {"zones": [{"from": 1, "timezone": "UTC"}, zone]}
    assert shared.refused(400, "PUT", "/account/zones", zones)["field"] == field
    assert shared.ok("GET", "/account/zones")["zones"] == []


def test_the_change_log_has_no_gap_and_goes_on(api: Api) -> None:
    start = api.ok("GET", "/changes")["rev"]
    ids = [api.ok("POST", "/events", NOTE)["id"] for _ in range(3)]
    api.ok("DELETE", f"/events/{ids[0]}")
    first = api.ok("GET", f"/changes?since={start}&limit=3")
    assert [c["rev"] for c in first["changes"]] == [start + 1, start + 2, start + 3]
    assert (first["rev"], first["more"]) == (start + 3, True)
    rest = api.ok("GET", f"/changes?since={first['rev']}")
    assert [(c["kind"], c["op"], c["id"]) for c in rest["changes"]] == [("event", "trash", ids[0])]
    assert rest["more"] is False
    assert api.ok("GET", f"/changes?since={rest['rev']}")["changes"] == []


def test_the_tree_begins_with_the_standard_set(api: Api) -> None:
    streams = api.ok("GET", "/streams")["streams"]
    seen: set[str | None] = {None}
    for stream in streams:
        assert stream.get("parentId") in seen
        seen.add(stream["id"])
    assert {"diurnal", "diurnal-weight", "diurnal-notes"} <= seen


def test_a_stream_is_made_moved_and_deleted(api: Api) -> None:
    api.ok("POST", "/streams", {"id": "a", "name": "A", "clientData": {"x": 1}})
    made = api.ok("POST", "/streams", {"name": "B", "parentId": "a"})
    assert api.ok("GET", f"/streams/{made['id']}") == made
    b = f"/streams/{made['id']}"
    moved = api.ok("PATCH", b, {"parentId": None, "name": "B2", "clientData": {"y": 2}})
    assert "parentId" not in moved
    assert api.ok("GET", b)["name"] == "B2"
    api.ok("PATCH", b, {"parentId": "a"})
    event = api.ok("POST", "/events", NOTE | {"streamIds": [made["id"]]})
    assert api.ok("DELETE", b)["trashed"] is True
    assert made["id"] not in {s["id"] for s in api.ok("GET", "/streams")["streams"]}
    assert made["id"] in {s["id"] for s in api.ok("GET", "/streams?state=all")["streams"]}
    assert api.ok("GET", "/events")["events"] == []
    api.ok("PATCH", b, {"trashed": False})
    assert len(api.ok("GET", "/events")["events"]) == 1
    api.ok("DELETE", b)
    assert api.refused(400, "DELETE", b)["field"] == "mergeEventsWithParent"
    gone = api.ok("DELETE", f"{b}?mergeEventsWithParent=true")
    assert gone["events"] == [{"id": event["id"], "outcome": "mergedToParent"}]
    api.refused(404, "GET", b)
    assert api.ok("GET", f"/events/{event['id']}")["streamIds"] == ["a"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": ""}, 400, "name"),
        ({"name": " "}, 400, "name"),
        ({"name": "A", "id": "*"}, 400, "id"),
        ({"name": "A", "id": "diurnal-mine"}, 400, "id"),
        ({"name": "A", "parentId": "nowhere"}, 400, "parentId"),
        ({"name": "A", "measure": "nothing"}, 400, "measure"),
        ({"name": "A", "clientData": "x"}, 400, "clientData"),
        ({"name": "A", "children": []}, 400, "children"),
        ({"name": "A", "id": "diurnal"}, 409, None),
        ({"id": "a"}, 400, "name"),
    ],
)
def test_a_stream_that_cannot_be(
    shared: Api, body: dict[str, Any], status: int, field: str | None
) -> None:
    assert shared.refused(status, "POST", "/streams", body).get("field") == field


def test_a_stream_never_lies_below_itself(api: Api) -> None:
    api.ok("POST", "/streams", {"id": "a", "name": "A"})
    api.ok("POST", "/streams", {"id": "b", "name": "B", "parentId": "a"})
    assert api.refused(400, "PATCH", "/streams/a", {"parentId": "b"})["field"] == "parentId"


def test_an_app_sees_its_part_of_the_tree(ctx: Context, alice: Access, api: Api) -> None:
    app = api.with_token(app_token(ctx, alice, on("diurnal-body", Level.MANAGE))[1])
    shown = app.ok("GET", "/streams")["streams"]
    assert shown[0]["id"] == "diurnal-body"
    assert "parentId" not in shown[0]
    app.refused(404, "GET", "/streams/diurnal-notes")
    app.refused(404, "PATCH", "/streams/diurnal-notes", {"name": "x"})
    app.refused(404, "DELETE", "/streams/diurnal-notes")
    app.refused(403, "POST", "/streams", {"name": "Root"})
    app.ok("POST", "/streams", {"name": "Mine", "parentId": "diurnal-body"})


def test_measures_are_the_catalogs_and_own(ctx: Context, alice: Access, api: Api) -> None:
    known = {m["key"]: m for m in api.ok("GET", "/measures")["measures"]}
    assert known["weight"]["unit"] == "kg"
    assert known["weight"]["names"]["exist"] == ["weight"]
    made = api.ok("POST", "/measures", {"key": "pushups", "label": "Push-ups", "value": "integer"})
    assert made["own"] is True
    assert api.ok("GET", f"/streams/{made['stream']}")["measure"] == "pushups"
    event = {"streamIds": [made["stream"]], "type": made["type"], "content": 30}
    assert api.ok("POST", "/events", event)["measure"] == "pushups"
    api.refused(409, "POST", "/measures", {"key": "pushups", "label": "P"})
    api.refused(409, "POST", "/measures", {"key": "weight", "label": "W"})
    assert api.refused(400, "POST", "/measures", {"key": "Push", "label": "P"})["field"] == "key"
    app = api.with_token(app_token(ctx, alice, on("diurnal-body"))[1])
    assert "pushups" not in {m["key"] for m in app.ok("GET", "/measures")["measures"]}
    app.refused(403, "POST", "/measures", {"key": "x", "label": "X"})
