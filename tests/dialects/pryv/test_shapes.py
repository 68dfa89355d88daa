"""Reading what `events.create` is given: the short way and the long one say the same."""

from __future__ import annotations

from typing import Any

import pytest

from diurnal.dialects.pryv import event_types, shapes
from diurnal.errors import AppError

NOW = 1_700_000_000_000_000
GOOD: dict[str, Any] = {"type": "mass/kg", "streamId": "s", "time": 1_600_000_000, "content": 70}
GIVEN: list[dict[str, Any]] = [
    {},
    {"content": None},
    {"content": {"a": [1, 2.0, None]}, "type": "my/own"},
    {"content": "70"},
    {"content": True},
    {"type": "note/txt", "content": "text"},
    {"type": "note/txt", "content": 1},
    {"type": "Mass/kg"},
    {"type": "mass/kg\n"},
    {"type": "series:mass/kg"},
    {"type": 1},
    {"type": None},
    {"time": 1.5},
    {"time": None},
    {"time": True},
    {"time": "1"},
    {"time": -1e300},
    {"time": 1e300},
    {"time": 10**400},
    {"time": 253_402_300_800},
    {"duration": 0},
    {"duration": 0.5},
    {"duration": -3},
    {"duration": None},
    {"duration": False},
    {"duration": 1e300},
    {"duration": 10**400},
    {"description": "d"},
    {"description": None},
    {"description": 1},
    {"streamId": None},
    {"streamId": 1},
    {"streamId": ""},
    {"streamId": "a\0b"},
    {"streamIds": ["s"]},
    {"streamIds": None},
    {"streamId": ..., "streamIds": ["a", "b", "a"]},
    {"streamId": ..., "streamIds": []},
    {"streamId": ..., "streamIds": None},
    {"streamId": ..., "streamIds": "a"},
    {"streamId": ..., "streamIds": ["a\0"]},
    {"streamId": ..., "streamIds": ["a", 1]},
    {"streamId": None, "streamIds": ["a"]},
    {"streamId": ...},
    {"type": ...},
    {"time": ...},
    {"content": ...},
    {"tags": ["x", " x ", ""]},
    {"trashed": True},
    {"id": "c" + "0" * 24},
    {"clientData": {"a": 1}},
    {"unknown": 1},
    {"integrity": "x", "created": 1},
    {"type": "mass/kg", "content": "x", "unknown": 1, "time": "x"},
]


def outcome(given: dict[str, Any]) -> tuple[Any, ...]:
    try:
        made = shapes.read_event(given, NOW)
    except AppError as error:
        return type(error), error.message, error.data, getattr(error, "problems", None)
    # 1, 1.0 and True are equal, and are told apart by their text.
    return made, repr(made)


@pytest.mark.parametrize("change", GIVEN, ids=repr)
def test_the_short_way_says_what_the_long_one_says(
    change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {k: v for k, v in {**GOOD, **change}.items() if v is not ...}
    short = outcome(given)
    with monkeypatch.context() as patch:
        patch.setattr(shapes, "_plain", lambda _params: None)
        assert outcome(given) == short


def test_what_most_send_goes_the_short_way() -> None:
    assert shapes._plain(GOOD) is not None
    assert shapes._plain({**GOOD, "duration": 1.5, "description": "d"}) is not None


RIGHT = {
    "money/chf": 12.5,
    "volume/tsp": 2,
    "power/btu-min": 1,
    "mol/lb-mol": 1.0,
    "url/http": "https://example.org",
    "video/youtube": "x",
    "ratio/generic": {"value": 1, "relativeTo": 2},
    "note/webclip": {"url": "https://example.org"},
    "message/email": {"subject": "x"},
    "my/own": [1],
}
WRONG = {
    "money/chf": "12.50",
    "volume/tsp": True,
    "url/http": "example.org",
    "video/youtube": 1,
    "ratio/generic": {"value": 1},
    "note/webclip": {"url": "x"},
}


@pytest.mark.parametrize("type_", RIGHT)
def test_content_that_is_as_its_type_says_is_taken(type_: str) -> None:
    made = shapes.read_event({**GOOD, "type": type_, "content": RIGHT[type_]}, NOW)
    assert made.new.content == RIGHT[type_]


@pytest.mark.parametrize("type_", WRONG)
def test_content_that_is_not_as_its_type_says_is_refused(type_: str) -> None:
    with pytest.raises(event_types.BadContent):
        shapes.read_event({**GOOD, "type": type_, "content": WRONG[type_]}, NOW)


def test_the_published_number_types_are_known() -> None:
    assert len(event_types.known()) > 300
