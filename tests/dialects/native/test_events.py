"""Events through the native API."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from diurnal.dialects.native.event_shapes import EventOut, EventsOut
from diurnal.model.access import Access, Level
from diurnal.services.context import Context
from tests.clock import START, Clock
from tests.dialects.native.client import Api, app_token, on

NOW = START // 1_000_000


def weight(**more: Any) -> dict[str, Any]:
    return {"streamIds": ["diurnal-weight"], "type": "mass/kg", "content": 72.5, **more}


def strictly(raw: bytes, kind: Any) -> Any:
    """Read an answer as the shape that is documented, with nothing left over."""

    class Strict(kind, forbid_unknown_fields=True, rename="camel", kw_only=True):  # type: ignore[misc]
        pass

    return msgspec.json.decode(raw, type=Strict)


def test_what_is_written_reads_back(api: Api) -> None:
    sent = weight(
        time="2026-02-28T07:30:00.25+01:00",
        duration=1.5,
        tags=["home", "scale"],
        description="after a run",
        clientData={"app:x": {"y": [1, 2.5, None]}},
        timezone="Europe/Paris",
        source="My scale",
        sourceId="w-1",
    )
    made = api.ok("POST", "/events", sent)
    assert made["time"] == 1_772_260_200.25
    assert made["localDate"] == "2026-02-28"
    assert (made["measure"], made["value"], made["offset"]) == ("weight", 72.5, 60)
    answer = api("GET", f"/events/{made['id']}")
    assert answer.json() == made
    assert strictly(answer.content, EventOut).source_id == "w-1"
    for name, value in sent.items():
        if name != "time":
            assert made[name] == value, name


def test_an_event_without_a_time_is_now_and_created_once(api: Api) -> None:
    first = api("POST", "/events", weight(source="s", sourceId="1"))
    assert first.status_code == 201
    assert first.json()["time"] == NOW
    again = api("POST", "/events", weight(source="s", sourceId="1", time=NOW))
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert len(api.ok("GET", "/events")["events"]) == 1


def test_a_datum_that_is_said_anew_changes(api: Api) -> None:
    api.ok("POST", "/events", weight(source="s", sourceId="1"))
    changed = api("POST", "/events", weight(source="s", sourceId="1", content=73))
    assert (changed.status_code, changed.json()["content"]) == (200, 73)


def test_a_datum_deleted_for_good_does_not_come_back(api: Api) -> None:
    made = api.ok("POST", "/events", weight(source="s", sourceId="1"))
    assert api.ok("DELETE", f"/events/{made['id']}?final=true") == {"deleted": made["id"]}
    api.refused(409, "POST", "/events", weight(source="s", sourceId="1"))
    told = api.ok("POST", "/events", {"events": [weight(source="s", sourceId="1"), weight()]})
    assert [e["status"] for e in told["events"]] == ["deleted", "created"]
    assert (told["created"], told["deleted"]) == (1, 1)


def test_many_are_stored_all_or_none(api: Api) -> None:
    good = [weight(time=NOW - i, content=70 + i) for i in range(50)]
    bad = [*good, weight(streamIds=["nowhere"])]
    problem = api.refused(400, "POST", "/events", {"events": bad})
    assert problem["type"] == "urn:diurnal:error:unknown-reference"
    assert api.ok("GET", "/events")["events"] == []
    told = api.ok("POST", "/events", {"events": good})
    assert (told["created"], len(told["events"])) == (50, 50)
    assert len({e["id"] for e in told["events"]}) == 50


def test_no_event_at_all_is_fine_and_stores_nothing(api: Api) -> None:
    assert api.ok("POST", "/events", {"events": []})["created"] == 0


def test_a_page_leads_to_the_next_until_all_are_read(api: Api) -> None:
    times = [NOW - i // 2 for i in range(25)]  # several at one instant
    api.ok("POST", "/events", {"events": [weight(time=t) for t in times]})
    for sort in ("descending", "ascending"):
        seen: list[dict[str, Any]] = []
        path = f"/events?limit=7&sort={sort}"
        cursor = ""
        while True:
            answer = api("GET", path + cursor)
            page = strictly(answer.content, EventsOut)
            seen += answer.json()["events"]
            if page.next is None:
                assert "link" not in answer.headers
                break
            assert 'rel="next"' in answer.headers["link"]
            assert page.next in answer.headers["link"]
            cursor = f"&cursor={page.next}"
        assert len({e["id"] for e in seen}) == 25
        told = [e["time"] for e in seen]
        assert told == sorted(told, reverse=sort == "descending")


def test_the_link_header_leads_to_the_next_page(api: Api) -> None:
    api.ok("POST", "/events", {"events": [weight(time=NOW - i) for i in range(3)]})
    link = api("GET", "/events?limit=2").headers["link"]
    path = link[link.index("<") + 1 : link.index(">")]
    assert path.startswith("/api/v1/events?")
    assert len(api("GET", f"http://localhost:8400{path}").json()["events"]) == 1


@pytest.fixture(scope="module")
def five(shared: Api) -> Api:
    api = shared
    api.ok("POST", "/streams", {"id": "parcels", "name": "Parcels"})
    api.ok(
        "POST",
        "/events",
        {
            "events": [
                weight(time=NOW - 500, tags=["a"], source="scale"),
                weight(time=NOW - 400, tags=["b"], source="scale"),
                weight(time=NOW - 300, streamIds=["parcels"], content=4),
                {"streamIds": ["diurnal-notes"], "type": "note/txt", "content": "n"}
                | {"time": NOW - 200, "duration": 100},
                {"streamIds": ["diurnal-notes", "parcels"], "type": "note/txt", "content": "m"}
                | {"time": NOW - 100, "duration": None},
            ]
        },
    )
    return api


@pytest.mark.parametrize(
    ("query", "ages"),
    [
        ("", [100, 200, 300, 400, 500]),
        ("sort=ascending", [500, 400, 300, 200, 100]),
        ("streams=parcels", [100, 300]),
        ("streams=diurnal", [100, 200, 400, 500]),
        ("streams=parcels&streams=diurnal-weight", [100, 300, 400, 500]),
        ("streams=parcels,diurnal-weight", [100, 300, 400, 500]),
        ("types=mass/kg", [300, 400, 500]),
        ("types=note/*", [100, 200]),
        ("measures=weight", [400, 500]),
        ("tags=a", [500]),
        ("tags=a&tags=b", [400, 500]),
        ("sources=scale", [400, 500]),
        ("running=true", [100]),
        (f"from={NOW - 400}&to={NOW - 300}", [300, 400]),
        (f"from={NOW - 150}", [100, 200]),
        (f"to={NOW - 450}", [500]),
        ("from=2026-03-01T11:58:00Z", [100, 200]),
        ("state=trashed", []),
        ("limit=2", [100, 200]),
    ],
)
def test_every_filter_finds_what_it_says(five: Api, query: str, ages: list[int]) -> None:
    found = five.ok("GET", f"/events?{query}")["events"]
    assert [NOW - e["time"] for e in found] == ages


def test_modified_since_finds_what_changed(api: Api, clock: Clock) -> None:
    api.ok("POST", "/events", {"events": [weight(time=NOW - i) for i in range(3)]})
    oldest = api.ok("GET", "/events?sort=ascending&limit=1")["events"][0]
    clock.tick(60_000_000)
    api.ok("PATCH", f"/events/{oldest['id']}", {"description": "seen"})
    found = api.ok("GET", f"/events?modifiedSince={NOW + 30}")["events"]
    assert [e["id"] for e in found] == [oldest["id"]]


def test_trash_restore_and_delete(api: Api) -> None:
    id_ = api.ok("POST", "/events", weight())["id"]
    assert api.ok("DELETE", f"/events/{id_}")["trashed"] is True
    assert api.ok("GET", "/events")["events"] == []
    assert [e["id"] for e in api.ok("GET", "/events?state=trashed")["events"]] == [id_]
    assert "trashed" not in api.ok("POST", f"/events/{id_}/restore")
    assert len(api.ok("GET", "/events")["events"]) == 1
    api.ok("DELETE", f"/events/{id_}")
    assert api.ok("DELETE", f"/events/{id_}?final=true") == {"deleted": id_}
    api.refused(404, "GET", f"/events/{id_}")
    api.refused(404, "DELETE", f"/events/{id_}")


def test_a_deletion_sent_again_destroys_nothing(api: Api) -> None:
    id_ = api.ok("POST", "/events", weight())["id"]
    first = api.ok("DELETE", f"/events/{id_}")
    assert api.ok("DELETE", f"/events/{id_}") == first
    assert "trashed" not in api.ok("POST", f"/events/{id_}/restore")


def test_a_change_touches_only_what_is_sent(api: Api) -> None:
    made = api.ok("POST", "/events", weight(tags=["a"], clientData={"x": 1, "y": 2}))
    changed = api.ok(
        "PATCH",
        f"/events/{made['id']}",
        {"content": 80, "clientData": {"x": None, "z": 3}, "time": NOW - 86_400},
    )
    assert (changed["content"], changed["value"], changed["tags"]) == (80, 80, ["a"])
    assert changed["clientData"] == {"y": 2, "z": 3}
    assert changed["localDate"] == "2026-02-28"
    assert changed["created"] == made["created"]
    moved = api.ok("PATCH", f"/events/{made['id']}", {"streamIds": ["diurnal-notes"]})
    assert "measure" not in moved
    problem = api.refused(400, "PATCH", f"/events/{made['id']}", {"created": 1})
    assert problem["field"] == "created"


def test_the_same_key_gets_the_same_answer_and_stores_once(api: Api) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = api("POST", "/events", weight(), headers=key)
    again = api("POST", "/events", weight(), headers=key)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(api.ok("GET", "/events")["events"]) == 1
    problem = api.refused(409, "POST", "/events", weight(content=1), headers=key)
    assert "Idempotency-Key" in problem["detail"]


def test_a_refused_request_may_be_sent_again_with_its_key(api: Api) -> None:
    key = {"Idempotency-Key": "k-1"}
    api.refused(400, "POST", "/events", weight(streamIds=["later"]), headers=key)
    api.ok("POST", "/streams", {"id": "later", "name": "Later"})
    assert api("POST", "/events", weight(streamIds=["later"]), headers=key).status_code == 201


def test_a_key_is_forgotten_after_two_days(api: Api, clock: Clock) -> None:
    key = {"Idempotency-Key": "k-1"}
    api.ok("POST", "/events", weight(), headers=key)
    clock.tick(3 * 86_400_000_000)
    api.ok("POST", "/events", weight(), headers={"Idempotency-Key": "k-2"})
    again = api("POST", "/events", weight(), headers=key)
    assert "idempotent-replayed" not in again.headers


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9 au lait", "a b"])
def test_a_key_that_is_none_is_refused(shared: Api, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    problem = shared.refused(400, "POST", "/events", weight(), headers=headers)
    assert problem["field"] == "Idempotency-Key"


def test_nothing_is_sent_again_until_something_changes(api: Api) -> None:
    first = api("GET", "/events")
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    same = api("GET", "/events", headers={"If-None-Match": f'"x", {tag}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    api.ok("POST", "/events", weight())
    fresh = api("GET", "/events", headers={"If-None-Match": tag})
    assert fresh.status_code == 200
    assert len(fresh.json()["events"]) == 1


def test_another_token_has_another_tag(ctx: Context, alice: Access, api: Api) -> None:
    _, secret = app_token(ctx, alice, on("diurnal-notes"))
    tag = api("GET", "/events").headers["etag"]
    assert (
        api.with_token(secret)("GET", "/events", headers={"If-None-Match": tag}).status_code == 200
    )


def test_an_app_cannot_write_over_what_it_may_not_see(
    ctx: Context, alice: Access, api: Api
) -> None:
    """(source, sourceId) is one datum for the account; a guess must not reach another stream's."""
    _, secret = app_token(ctx, alice, on("diurnal-notes", Level.CONTRIBUTE))
    app = api.with_token(secret)
    api.ok("POST", "/events", weight(source="scale", sourceId="1"))
    note = {"streamIds": ["diurnal-notes"], "type": "note/txt", "content": "x"}
    app.refused(409, "POST", "/events", {**note, "source": "scale", "sourceId": "1"})
    [kept] = api.ok("GET", "/events")["events"]
    assert kept["content"] == 72.5


def test_an_app_that_may_only_add_sends_twice_and_changes_nothing(
    ctx: Context, alice: Access, api: Api
) -> None:
    _, secret = app_token(ctx, alice, on("diurnal-notes", Level.CREATE_ONLY))
    app = api.with_token(secret)
    note = {"streamIds": ["diurnal-notes"], "type": "note/txt", "content": "x"}
    first = app("POST", "/events", {**note, "sourceId": "1", "time": NOW})
    assert first.status_code == 201
    assert app("POST", "/events", {**note, "sourceId": "1", "time": NOW}).status_code == 200
    changed = {**note, "sourceId": "1", "time": NOW, "content": "y"}
    app.refused(409, "POST", "/events", changed)
    assert api.ok("GET", "/events")["events"][0]["content"] == "x"
    assert app.ok("GET", "/events")["events"] == []


def test_an_app_cannot_carry_a_datum_out_of_its_measures(
    ctx: Context, alice: Access, api: Api
) -> None:
    right = on("diurnal", Level.CONTRIBUTE, measures=("weight",))
    _, secret = app_token(ctx, alice, right)
    app = api.with_token(secret)
    made = app.ok("POST", "/events", weight())
    app.refused(403, "PATCH", f"/events/{made['id']}", {"type": "note/txt", "content": "x"})
    assert app.ok("PATCH", f"/events/{made['id']}", {"content": 71})["content"] == 71
