"""What a client of the Personal API sees."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from diurnal import catalog
from diurnal.dialects.personal import wire
from diurnal.model.access import RIGHTS, Access
from diurnal.model.events import NewEvent
from diurnal.services import days, events, legacy, personal
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from tests import cases
from tests.clock import DAY, START, Clock
from tests.dialects.client import Client

TODAY = START // DAY


class Caller:
    """A client with a token."""

    def __init__(self, ctx: Context, owner: Access, *rights: str) -> None:
        self.client = Client(ctx)
        made = ctx.store.write(
            lambda tx: personal.make(tx, ctx, owner, "test", rights or RIGHTS)
        ).result()
        self.token = personal.secret(ctx, made)

    def ask(self, method: str, path: str, status: int = 200, **given: Any) -> Any:
        params = {"token": self.token, **given.pop("params", {})}
        answer = self.client.request(method, f"/personal/v1/{path}", params=params, **given)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def get(self, path: str, status: int = 200, **params: Any) -> Any:
        return self.ask("GET", path, status, params=params)


@pytest.fixture
def caller(ctx: Context, alice: Access) -> Caller:
    return Caller(ctx, alice)


NIGHT = "2026-02-01 00:00:00"
SENT: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "statuses",
        {
            "date": "2026-02-01 10:00:00",
            "status": "Snow & ice",
            "org_service": "Twitter",
            "org_id": "7",
        },
        {"status": "Thaw"},
    ),
    (
        "places",
        {"date": "2026-02-01 11:00:00", "place": "Station", "lat": "50.94303", "lng": "6.95873"},
        {"comment": "Late again"},
    ),
    ("steps", {"date": "2026-02-01 00:00:00", "steps": "9120"}, {"steps": "9500"}),
    (
        "bookmarks",
        {
            "date": "2026-02-01 12:00:00",
            "url": "https://example.org/",
            "title": "A page",
            "tags": "a b",
        },
        {"title": "The page"},
    ),
    (
        "weight",
        {"date": "2026-02-01 07:00:00", "weight": "71.25", "fat": "20.5"},
        {"weight": "71.50"},
    ),
    (
        "sleep",
        {
            "date": "2026-02-01 00:00:00",
            "duration": "450",
            "start": "2026-01-31 23:10:00",
            "end": "2026-02-01 06:55:00",
        },
        {"duration": "460"},
    ),
    ("heartrate", {"date": "2026-02-01 13:00:00", "bpm": "61"}, {"bpm": "62"}),
    (
        "tracks",
        {"date": "2026-02-01 14:00:00", "title": "Song", "artist": "Band"},
        {"title": "Air"},
    ),
    ("commits", {"date": "2026-02-01 15:00:00", "message": "Fix it"}, {"message": "Mend it"}),
    ("mood", {"date": "2026-02-01 16:00:00", "mood": "7"}, {"mood": "3"}),
]


@pytest.mark.parametrize(("resource", "sent", "changed"), SENT, ids=[s[0] for s in SENT])
def test_each_resource_is_made_read_changed_and_deleted(
    caller: Caller, resource: str, sent: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert caller.get(resource, 404)["description"].startswith("This collection or element")
    made = caller.ask("POST", resource, 201, data=sent)
    id_ = int(made["description"].split("/")[1].partition("'")[0])
    assert made == {
        "code": 201,
        "message": "Created",
        "description": f"Element '{resource}/{id_}' successfully created.",
    }
    [row] = caller.get(resource)
    assert caller.get(f"{resource}/{id_}") == [row]
    assert caller.get(resource, date="2026-02-01") == [row]
    caller.get(resource, 404, date="2026-02-02")
    assert row["id"] == id_
    assert {k: str(row[k]) for k in sent if k not in ("lat", "lng")} == {
        k: v for k, v in sent.items() if k not in ("lat", "lng")
    }
    updated = caller.ask("PUT", f"{resource}/{id_}", data=changed)
    assert updated["description"] == f"Element '{resource}/{id_}' successfully updated."
    [again] = caller.get(resource)
    expected = {**sent, **changed}
    assert {k: str(again[k]) for k in expected if k not in ("lat", "lng")} == {
        k: v for k, v in expected.items() if k not in ("lat", "lng")
    }
    gone = caller.ask("DELETE", f"{resource}/{id_}")
    assert gone["description"] == f"Item '{id_}' deleted successfully."
    caller.get(f"{resource}/{id_}", 404)
    caller.ask("DELETE", f"{resource}/{id_}", 404)
    caller.ask("PUT", f"{resource}/{id_}", 404, data=changed)


@pytest.mark.parametrize(
    ("method", "path", "given", "status", "says"),
    [
        ("GET", "nothing", {}, 404, "doesn't exist"),
        ("GET", "steps/x", {}, 404, "doesn't exist"),
        ("GET", "steps/1/2", {}, 404, "doesn't exist"),
        ("GET", "steps", {"params": {"date": "yesterday"}}, 400, "YYYY-MM-DD"),
        ("GET", "steps", {"params": {"date": "2026-02-30"}}, 400, ""),
        ("GET", "steps", {"params": {"format": "yaml"}}, 400, "json or xml"),
        ("GET", "steps.atom", {}, 400, "json or xml"),
        ("POST", "steps/1", {"data": {"steps": "1"}}, 400, ""),
        ("POST", "steps", {}, 400, "No POST parameters sent."),
        ("POST", "steps", {"data": {"date": "2026-02-01 00:00:00"}}, 400, "not allowed to be NULL"),
        (
            "POST",
            "steps",
            {"data": {"date": "2026-02-01 00:00:00", "steps": "x"}},
            400,
            "Wrong data",
        ),
        *(
            ("POST", name, {"json": {"date": NIGHT, column: 10**400}}, 400, "Wrong data type")
            for name, column in (("mood", "mood"), ("weight", "weight"), ("steps", "steps"))
        ),
        ("POST", "steps", {"data": {"date": "1st of May", "steps": "1"}}, 400, "Wrong data type"),
        ("POST", "mood", {"json": {"date": "2026-02-01 10:00:00", "mood": None}}, 400, "NULL"),
        (
            "POST",
            "steps",
            {"content": b"{", "headers": {"content-type": "application/json"}},
            400,
            "",
        ),
        ("DELETE", "steps", {}, 400, "You can't delete a whole collection."),
    ],
)
def test_what_cannot_be_is_told_in_a_status_body(
    caller: Caller, method: str, path: str, given: dict[str, Any], status: int, says: str
) -> None:
    said = caller.ask(method, path, status, **given)
    assert (said["code"], said["message"]) == (status, wire.MESSAGES[status])
    assert says in said["description"]


def test_a_put_that_changes_nothing_is_not_modified(caller: Caller) -> None:
    caller.ask("PUT", "steps", 304, data={"steps": "1"})
    caller.ask("PUT", "steps/1", 304)


def test_a_token_that_opens_nothing_is_refused(ctx: Context, caller: Caller) -> None:
    said = {
        "code": 401,
        "message": "Unauthorized",
        "description": "Your token is missing or not valid.",
    }
    for token in ("", "wrong", "12345678905f0c1d2e3f4a5"):
        answer = caller.client.get("/personal/v1/steps", params={"token": token})
        assert (answer.status_code, answer.json()) == (401, said)
    answer = caller.client.get("/personal/v1/steps.xml")
    assert answer.status_code == 401
    assert etree.fromstring(answer.content).findtext("code") == "401"


def test_an_owner_keeps_tokens_in_addresses_out(
    ctx: Context, alice: Access, caller: Caller
) -> None:
    way = "personal.token_in_url"
    caller.ask("POST", "statuses", 201, data=SENT[0][1])
    [told] = [w for w in cases.read(ctx, legacy.listed, alice) if w.way.key == way]
    assert told.uses == 1
    cases.write(ctx, legacy.switch, alice, way, on=False)
    assert caller.get("statuses", 401)["message"] == "Unauthorized"


def test_each_right_opens_its_own_verb(ctx: Context, alice: Access, caller: Caller) -> None:
    made = caller.ask("POST", "steps", 201, data={"date": "2026-02-01 00:00:00", "steps": "1"})
    id_ = made["description"].split("/")[1].partition("'")[0]
    asked = {
        "read": ("GET", f"steps/{id_}", {}),
        "create": ("POST", "steps", {"data": {"date": "2026-02-02 00:00:00", "steps": "2"}}),
        "update": ("PUT", f"steps/{id_}", {"data": {"steps": "3"}}),
        "delete": ("DELETE", f"steps/{id_}", {}),
    }
    one = Caller(ctx, alice, "create", "read")
    for right, (method, path, sent) in asked.items():
        if right in ("create", "read"):
            one.ask(method, path, 201 if right == "create" else 200, **sent)
        else:
            said = one.ask(method, path, 401, **sent)
            assert said["description"] == f"No permission to {right} elements."


def test_the_public_token_reads_what_is_published_and_nothing_else(
    ctx: Context, alice: Access, caller: Caller
) -> None:
    caller.ask("POST", "steps", 201, data={"date": "2026-02-01 00:00:00", "steps": "1"})
    caller.ask("POST", "mood", 201, data={"date": "2026-02-01 00:00:00", "mood": "7"})
    _, public = ctx.store.write(lambda tx: personal.master_and_public(tx, ctx, alice)).result()
    caller.token = personal.secret(ctx, public)
    for resource in ("steps", "mood"):
        caller.get(resource, 404)
    ctx.store.write(lambda tx: personal.publish(tx, ctx, alice, ["steps"])).result()
    assert caller.get("steps")[0]["steps"] == 1
    caller.get("mood", 404)
    caller.ask("POST", "steps", 401, data={"date": "2026-02-01 00:00:00", "steps": "5"})
    ctx.store.write(lambda tx: personal.publish(tx, ctx, alice, ["steps"], take_back=True)).result()
    caller.get("steps", 404)


def test_what_came_another_way_is_listed_with_a_number_that_stays(
    ctx: Context, alice: Access, caller: Caller, clock: Clock
) -> None:
    rows = [NewDay("steps", TODAY - n, 1000 + n, "Fitbit") for n in (5, 4, 3, 2, 1)]
    ctx.store.write(lambda tx: days.write_rows(tx, ctx, alice, rows)).result()
    listed = caller.get("steps")
    assert [row["steps"] for row in listed] == [1001, 1002, 1003, 1004, 1005]
    assert listed[0]["org_service"] == "Fitbit"
    assert [row["id"] for row in listed] == sorted((r["id"] for r in listed), reverse=True)
    late = [NewDay("steps", TODAY - 9, 1009, "Fitbit")]
    ctx.store.write(lambda tx: days.write_rows(tx, ctx, alice, late)).result()
    # Its order is that of arrival: what came late stands first.
    assert [row["steps"] for row in caller.get("steps", count=2)] == [1009, 1001]
    assert caller.get("steps", count=9, order="asc")[:5] == listed[::-1]
    assert len(caller.get("steps", count="x")) == 6


@pytest.mark.parametrize(
    ("measure", "resource", "column"),
    [("checkin", "places", "comment"), ("bookmark", "bookmarks", "description")],
)
def test_what_another_api_noted_in_a_form_of_its_own_is_left_out(
    ctx: Context,
    alice: Access,
    caller: Caller,
    measure: str,
    resource: str,
    column: str,
) -> None:
    where = {"latitude": 50.9, "longitude": 6.9}
    new = NewEvent(
        stream_ids=(catalog.get(measure).stream,),
        type=catalog.event_type(catalog.get(measure)),
        time=START,
        content=where if resource == "places" else "https://example.org/",
        client_data={"foursquare": "x", "pinboard": ["x"], "personal": 3},
    )
    ctx.store.write(lambda tx: events.create(tx, ctx, alice, [new])).result()
    assert [row[column] for row in caller.get(resource)] == [None]


def test_the_older_form_answers_dates_and_values(caller: Caller) -> None:
    caller.ask("POST", "steps", 201, data={"date": "2026-02-01 00:00:00", "steps": "12"})
    answer = caller.client.get("/personal/v0/steps", params={"at": caller.token})
    assert answer.json() == [{"date": "2026-02-01", "value": 12}]


def test_a_resource_of_ones_own_is_like_the_others(
    ctx: Context, alice: Access, caller: Caller
) -> None:
    columns = {"title": "text", "pages": "int"}
    ctx.store.write(lambda tx: personal.define(tx, ctx, alice, "books", columns)).result()
    sent = {"date": "2026-02-01 10:00:00", "title": "Emma", "pages": 474}
    caller.ask("POST", "books", 201, json=sent)
    [row] = caller.get("books")
    assert {k: row[k] for k in sent} == sent
    assert caller.ask("PUT", f"books/{row['id']}", json={"pages": 480})
    assert caller.get("books")[0]["pages"] == 480


def test_an_xml_answer_is_as_the_page_shows_it(caller: Caller) -> None:
    caller.ask(
        "POST", "statuses", 201, data={"date": "2026-02-01 10:00:00", "status": "a<b & c\x01"}
    )
    answer = caller.client.get("/personal/v1/statuses.xml", params={"token": caller.token})
    assert answer.headers["content-type"] == "application/xml; charset=utf-8"
    node = etree.fromstring(answer.content).find("node")
    assert node is not None
    assert node.findtext("status") == "a<b & c\ufffd"
    assert node.findtext("org_id") == ""


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\t\n\r"))


@given(
    rows=st.lists(st.dictionaries(st.sampled_from(["a", "b_c"]), st.none() | st.integers() | TEXT))
)
def test_xml_says_what_json_says(rows: list[dict[str, Any]]) -> None:
    body = bytes(wire.answer(rows, "xml").body)
    nodes = etree.fromstring(body).findall("node")
    told = [{child.tag: child.text or "" for child in node} for node in nodes]
    want = [
        {
            k: "" if v is None else str(v).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
            for k, v in row.items()
        }
        for row in rows
    ]
    assert told == want
