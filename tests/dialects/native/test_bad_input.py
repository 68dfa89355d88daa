"""Whatever is sent: a clear error that names the field, within limits, and nothing half-written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clock import START
from tests.dialects.native.client import Api

NOW = START // 1_000_000
NOTE = b'"streamIds":["diurnal-notes"],"type":"note/txt"'

RAW = {
    "empty": (b"", "body"),
    "blank": (b"  \n", "body"),
    "cut off": (b'{"streamIds":["diurnal-notes"', "body"),
    "array": (b"[]", "body"),
    "array of events": (b"[{" + NOTE + b"}]", "body"),
    "null": (b"null", "body"),
    "text": (b'"event"', "body"),
    "number": (b"12", "body"),
    "two documents": (b"{" + NOTE + b"} {}", "body"),
    "comment": (b"{/* */" + NOTE + b"}", "body"),
    "not UTF-8": (b'{"description":"\xff",' + NOTE + b"}", "body"),
    "not UTF-8 in a key": (b'{"\xff":1,' + NOTE + b"}", "body"),
    "UTF-16": ('{"a":1}'.encode("utf-16"), "body"),
    "lone surrogate": (b'{"description":"\\ud800",' + NOTE + b"}", "body"),
    "lone surrogate in content": (b'{"content":{"a":["\\udfff x"]},' + NOTE + b"}", "body"),
    "NUL": (b'{"description":"a\\u0000b",' + NOTE + b"}", "description"),
    "NUL in content": (b'{"content":{"a":["\\u0000"]},' + NOTE + b"}", "content.a[0]"),
    "NUL in a key": (b'{"content":{"a\\u0000":1},' + NOTE + b"}", "content"),
    "NUL in a stream": (b'{"type":"a/b","streamIds":["\\u0000"]}', "streamIds[0]"),
    "raw NUL": (b'{"description":"a\x00b",' + NOTE + b"}", "body"),
    "NaN": (b'{"content":NaN,' + NOTE + b"}", "body"),
    "Infinity": (b'{"time":Infinity,' + NOTE + b"}", "body"),
    "1e400": (b'{"content":1e400,' + NOTE + b"}", "content"),
    "time 1e400": (b'{"time":1e400,' + NOTE + b"}", "time"),
    "time 2**70": (b'{"time":1180591620717411303424,' + NOTE + b"}", "time"),
    "time 1e300": (b'{"time":1e300,' + NOTE + b"}", "time"),
    "a number of 5000 digits": (b'{"content":' + b"9" * 5000 + b"," + NOTE + b"}", "content"),
    "duration 1e300": (b'{"duration":1e300,' + NOTE + b"}", "duration"),
    "negative duration": (b'{"duration":-1,' + NOTE + b"}", "duration"),
    "deep": (b'{"content":' + b"[" * 100_000 + b"]" * 100_000 + b"," + NOTE + b"}", "body"),
    "deeper than kept": (b'{"content":' + b"[" * 200 + b"]" * 200 + b"," + NOTE + b"}", "content"),
    "deep objects": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, ""),
}


@pytest.mark.parametrize(("raw", "field"), RAW.values(), ids=RAW)
def test_a_body_that_cannot_be_right_is_refused_whole(shared: Api, raw: bytes, field: str) -> None:
    problem = shared.refused(400, "POST", "/events", content=raw)
    assert problem["field"].startswith(field), problem
    assert problem["detail"]
    many = b'{"events":[{' + NOTE + b"}," + raw + b"]}"
    shared.refused(400, "POST", "/events", content=many)
    assert shared.ok("GET", "/events")["events"] == []


FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "no streams": ({"streamIds": None}, "streamIds"),
    "streams empty": ({"streamIds": []}, "streamIds"),
    "streams text": ({"streamIds": "diurnal-notes"}, "streamIds"),
    "stream number": ({"streamIds": [1]}, "streamIds[0]"),
    "stream twice": ({"streamIds": ["diurnal-notes", "diurnal-notes"]}, "streamIds"),
    "101 streams": ({"streamIds": [f"s{i}" for i in range(101)]}, "streamIds"),
    "type missing": ({"type": None}, "type"),
    "type form": ({"type": "mass"}, "type"),
    "type newline": ({"type": "mass/kg\n"}, "type"),
    "type long": ({"type": "a/" + "b" * 500}, "type"),
    "time text": ({"time": "yesterday"}, "time"),
    "time without offset": ({"time": "2026-03-01T12:00:00"}, "time"),
    "time of no day": ({"time": "2026-02-30T12:00:00Z"}, "time"),
    "time object": ({"time": {}}, "time"),
    "time boolean": ({"time": True}, "time"),
    "duration text": ({"duration": "1"}, "duration"),
    "id form": ({"id": "1"}, "id"),
    "id upper": ({"id": "C" + "a" * 24}, "id"),
    "tags object": ({"tags": {}}, "tags"),
    "tag number": ({"tags": [1]}, "tags[0]"),
    "tag empty": ({"tags": [""]}, "tags[0]"),
    "101 tags": ({"tags": [str(i) for i in range(101)]}, "tags"),
    "description number": ({"description": 1}, "description"),
    "client data array": ({"clientData": []}, "clientData"),
    "zone unknown": ({"timezone": "Europe/Atlantis"}, "timezone"),
    "zone path": ({"timezone": "../../etc/passwd"}, "timezone"),
    "offset far": ({"offset": 2000}, "offset"),
    "offset fraction": ({"offset": 1.5}, "offset"),
    "source empty": ({"source": ""}, "source"),
    "unknown member": ({"streamid": "x"}, "streamid"),
    "account": ({"accountId": 2}, "accountId"),
    "author": ({"createdBy": "me"}, "createdBy"),
    "content large": ({"content": "x" * 1_000_001}, "content"),
}


@pytest.mark.parametrize(("change", "field"), FIELDS.values(), ids=FIELDS)
def test_the_field_that_is_wrong_is_named(shared: Api, change: dict[str, Any], field: str) -> None:
    good = {"streamIds": ["diurnal-notes"], "type": "note/txt"}
    event = {k: v for k, v in (good | change).items() if v is not None}
    assert shared.refused(400, "POST", "/events", event)["field"] == field
    problem = shared.refused(400, "POST", "/events", {"events": [good, event]})
    assert problem["field"].startswith("events[1]."), problem
    assert shared.ok("GET", "/events")["events"] == []


QUERIES = {
    "from=": "from",
    "from=yesterday": "from",
    "from=2026-03-01": "from",
    "from=nan": "from",
    "from=1e400": "from",
    "to=999999999999999": "to",
    "from=1&from=2": "from",
    "limit=0": "limit",
    "limit=-1": "limit",
    "limit=10001": "limit",
    "limit=1.5": "limit",
    "limit=ten": "limit",
    "limit=99999999999999999999999": "limit",
    "limit=%D9%A1": "limit",
    "running=yes": "running",
    "state=deleted": "state",
    "sort=up": "sort",
    "cursor=x": "cursor",
    "cursor=%00": "cursor",
    "cursor=MS54LjE!": "cursor",
    "cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5LmE": "cursor",
    "tags=%00": "tags",
    "streams=%00": "streams",
    "streams=nowhere": "streams",
    "streams=": "streams[...]",
    "batch=99999999999999999999": "batch",
    "what=1": "what",
    "modifiedSince=soon": "modifiedSince",
    "&".join(f"types=a/b{i}" for i in range(101)): "types",
}


@pytest.mark.parametrize(("query", "field"), QUERIES.items(), ids=[q[:40] for q in QUERIES])
def test_a_parameter_that_is_wrong_is_named(shared: Api, query: str, field: str) -> None:
    problem = shared.refused(400, "GET", f"/events?{query}")
    assert problem["field"].partition("[")[0] == field.partition("[")[0], problem


def test_a_plus_that_the_client_did_not_escape_is_an_offset(shared: Api) -> None:
    assert shared("GET", "/events?from=2026-03-01T12:00:00+01:00").status_code == 200


def test_2_to_the_70_is_kept_as_it_was_written(api: Api) -> None:
    for content in (2**70, 10**300, -(2**63), 5e-324, 1.7976931348623157e308):
        weight = {"streamIds": ["diurnal-weight"], "type": "mass/kg", "content": content}
        made = api.ok("POST", "/events", weight)
        assert api.ok("GET", f"/events/{made['id']}")["content"] == content


def test_text_that_looks_like_an_escaped_nul_is_text(api: Api) -> None:
    raw = b'{"content":"C:\\\\u0000",' + NOTE + b"}"
    assert api.ok("POST", "/events", content=raw)["content"] == "C:\\u0000"


def test_a_huge_body_is_refused_before_it_is_read(shared: Api) -> None:
    async def endless() -> Any:
        for _ in range(10_000):
            yield b" " * 65_536

    answer = shared("POST", "/events", content=endless())
    assert answer.status_code == 413
    assert answer.json()["data"]["limit"] == 16 << 20
    shared.refused(413, "POST", "/streams", content=b" " * (2 << 20))
    told = {"Content-Length": str(1 << 40)}
    shared.refused(413, "POST", "/events", content=b"{}", headers=told)


def test_too_many_events_are_refused(shared: Api) -> None:
    event = {"streamIds": ["diurnal-notes"], "type": "note/txt"}
    problem = shared.refused(400, "POST", "/events", {"events": [event] * 10_001})
    assert problem["field"] == "events"


def test_a_name_that_is_taken_clashes(api: Api) -> None:
    event = {"streamIds": ["diurnal-notes"], "type": "note/txt", "id": "c" + "a" * 24}
    api.ok("POST", "/events", event)
    assert api.refused(409, "POST", "/events", event)["data"] == {"id": event["id"]}


@pytest.mark.parametrize("path", ["/nowhere", "/events/x/y", "/", "", "/events/", "/v2/events"])
def test_a_path_that_is_not_there(shared: Api, path: str) -> None:
    shared.refused(404, "GET", path)


def test_a_method_that_a_path_does_not_have(shared: Api) -> None:
    answer = shared("PUT", "/events")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert shared("OPTIONS", "/events").status_code == 204
    head = shared("HEAD", "/events")
    assert (head.status_code, head.headers["etag"][:3]) == (200, 'W/"')


@pytest.mark.parametrize("id_", ["x", "%00", "c" * 500, "%ff", "..", "'; drop table event; --"])
def test_an_id_that_cannot_be_is_not_found(shared: Api, id_: str) -> None:
    for path in (f"/events/{id_}", f"/streams/{id_}", f"/series/{id_}", f"/imports/{id_}"):
        if id_ != "..":
            shared.refused(404, "GET", path)
