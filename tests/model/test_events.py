"""The stored JSON of an event: Pryv's shape, and with its tail the native one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diurnal.model import time
from diurnal.model.events import Event, body_json, native_json, seconds, tail_json

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
micros = st.integers(-(2**52), 2**52)


def event(**given: Any) -> Event:
    plain = {
        "id": "c1",
        "seq": 7,
        "stream_ids": ("a", "b"),
        "type": "note/txt",
        "time": 1_500_000,
        "duration": 0,
        "content": None,
        "tags": (),
        "description": None,
        "client_data": None,
        "trashed": False,
        "zone": None,
        "offset": 60,
        "day": 20513,
        "measure": None,
        "value": None,
        "source": "scale",
        "source_id": None,
        "files": (),
        "created": 1_000_000,
        "created_by": "me",
        "modified": 2_000_001,
        "modified_by": "you",
    }
    return Event(**{**plain, **given})


def told(e: Event) -> dict[str, Any]:
    read: dict[str, Any] = msgspec.json.decode(body_json(e))
    return read


def test_an_event_is_told_as_pryv_tells_it() -> None:
    assert told(event(content="hi")) == {
        "id": "c1",
        "streamIds": ["a", "b"],
        "streamId": "a",
        "time": 1.5,
        "type": "note/txt",
        "tags": [],
        "content": "hi",
        "created": 1,
        "createdBy": "me",
        "modified": 2.000001,
        "modifiedBy": "you",
        "integrity": "EVENT:0:sha256-NuXXQi7RlyL3cme8f5aZwfofTrOZ969Kgo34kXLHxxA=",
    }


@pytest.mark.parametrize(
    ("field", "value", "name", "said"),
    [
        ("duration", None, "duration", None),
        ("duration", 90_000_000, "duration", 90),
        ("duration", 1, "duration", 1e-06),
        ("description", "", "description", ""),
        ("client_data", {}, "clientData", {}),
        ("trashed", True, "trashed", True),
        ("content", False, "content", False),
        ("content", 0, "content", 0),
    ],
)
def test_what_is_there_is_told_and_what_is_not_is_not(
    field: str, value: Any, name: str, said: Any
) -> None:
    assert name not in told(event())
    assert told(event(**{field: value}))[name] == said


@given(json_values)
def test_content_is_told_as_it_was_written(content: Any) -> None:
    read = told(event(content=content)).get("content")
    assert read == content
    assert type(read) is type(content)


@given(micros)
def test_seconds_are_exact_to_the_microsecond(at: int) -> None:
    assert time.from_seconds(seconds(at)) == at
    assert isinstance(seconds(at), int) == (at % 1_000_000 == 0)


@given(json_values, st.none() | st.text(st.characters(codec="utf-8")))
def test_body_and_tail_are_one_object(content: Any, source_id: str | None) -> None:
    e = event(content=content, source_id=source_id, zone="Asia/Tokyo", measure="weight", value=70.0)
    body, tail = body_json(e).decode(), tail_json(e).decode()
    whole = msgspec.json.decode(native_json(body, tail))
    said = {k: v for k, v in told(e).items() if k != "integrity"}
    assert {k: v for k, v in whole.items() if k in said} == said
    more = {k: v for k, v in whole.items() if k not in said}
    expected = {
        "seq": 7,
        "localDate": "2026-03-01",
        "offset": 60,
        "source": "scale",
        "timezone": "Asia/Tokyo",
        "measure": "weight",
        "value": 70.0,
        **({} if source_id is None else {"sourceId": source_id}),
    }
    assert more == expected


def test_an_event_ends_after_its_duration() -> None:
    assert event(duration=5).end == 1_500_005
    assert event(duration=None).end is None
