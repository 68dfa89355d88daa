"""Every endpoint of every API, as its clients ask and as it answers; see `stories`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.routing import compile_path

from diurnal.app import dialects
from diurnal.dialects.personyze import derived, lists, methods, stored
from diurnal.dialects.pryv.methods import METHODS
from diurnal.model.access import Access
from diurnal.services.context import Context
from tests.clock import Clock
from tests.dialects import recording, stories
from tests.dialects.recording import Recorder
from tests.dialects.stories import FORMS, PLACE, Answer, Known, Step, Story

DIALECTS = dialects()
STORIES = stories.every()
RECORD = os.environ.get("RECORD") == "yes"
TOLD = ("exist", "personal", "personicle", "personyze", "pryv", "pryv0")
"""Dialects whose every route has a story; the native API and OAuth have their own suites."""
REFUSING = frozenset(
    {
        "POST /v1/{resource}/{id}",
        "POST /{username}/events/start",
        "POST /{username}/events/stop",
        "GET /{username}/auth/who-am-i",
        "GET /reg/apps/{name}",
        "DELETE /v1/{resource}",
        *(f"{verb} /v1/{{resource}}/{{id}}/{{rest:path}}" for verb in ("GET", "POST", "DELETE")),
    }
)
"""Routes that are there to refuse: a refusal is their answer."""


@pytest.mark.parametrize("path", STORIES, ids=[f"{p.parts[-3]}/{p.stem}" for p in STORIES])
def test_a_story_goes_as_it_is_told(path: Path, ctx: Context, clock: Clock, alice: Access) -> None:
    story = stories.read(path)
    with stories.staged(ctx, clock, alice, DIALECTS[path.parts[-3]], story.given) as stage:
        for number, step in enumerate(story.steps):
            told = stage.ask(step)
            if RECORD and (step.answer is None or not step.answer.status):
                step.answer = Recorder(stage.known, story).answer(step, told)
                step.keep = None
            assert step.answer is not None, (
                f"step {number} has no answer: see tests/dialects/stories"
            )
            found = stage.differences(told, step.answer)
            assert not found, f"step {number}, {step.ask}:\n" + "\n".join(found) + f"\n{told.text}"
    if RECORD:
        path.write_text(recording.written(story), encoding="utf-8")


@cache
def _patterns(dialect: str) -> list[tuple[str, Any, str]]:
    """Return (method, expression, route), the most literal first, as the router finds them."""
    routes = sorted(DIALECTS[dialect].routes, key=lambda r: (r.count("{"), "path}" in r))
    return [(r.split()[0], compile_path(r.split()[1].rstrip("/") or "/")[0], r) for r in routes]


def route_of(dialect: str, ask: str) -> str | None:
    """Return the route that a question goes to, None where it goes to another room."""
    method, _, path = ask.partition(" ")
    if path.startswith("//"):
        mounts = (DIALECTS[dialect].prefix, *DIALECTS[dialect].also_at)
        path = next((path[1:].removeprefix(m) for m in mounts if path[1:].startswith(f"{m}/")), "")
    plain = path.partition("?")[0].rstrip("/") or "/"
    return next((r for m, p, r in _patterns(dialect) if m == method and p.match(plain)), None)


def answered(paths: Iterable[Path]) -> dict[str, set[str]]:
    """Return which routes of each dialect a story has an answer of, and no refusal."""
    found: dict[str, set[str]] = {}
    for path in paths:
        name = path.parts[-3]
        for step in stories.read(path).steps:
            route = route_of(name, step.ask)
            fine = step.answer is not None and step.answer.status < 400
            if route and (fine or route in REFUSING):
                found.setdefault(name, set()).add(route)
    return found


@pytest.mark.parametrize("dialect", TOLD)
def test_every_route_is_in_a_story(dialect: str) -> None:
    told = answered(STORIES).get(dialect, set())
    without = sorted(set(DIALECTS[dialect].routes) - told)
    assert not without, f"no story in tests/dialects/{dialect}/stories gets an answer of {without}"


OBJECTS = {
    "users",
    "do",
    lists.MEMBERS,
    methods.DONE,
    methods.DAILY,
    methods.TOTAL,
    methods.NOTIFICATION,
    *stored.OBJECTS,
    *derived.OBJECTS_READ,
}
"""Every object of Personyze's grammar."""


def test_every_verb_of_every_object_of_personyze_is_in_a_story() -> None:
    """What is not served is refused in a story, too."""
    asked = {
        (method, path.removeprefix("/rest/").partition("/")[0])
        for story in STORIES
        if story.parts[-3] == "personyze"
        for method, _, path in (s.ask.partition(" ") for s in stories.read(story).steps)
    }
    whole = {(verb, name) for verb in ("GET", "POST", "PUT", "DELETE") for name in OBJECTS}
    assert not sorted(whole - asked)


def test_every_method_of_pryv_is_in_a_batch() -> None:
    called = {
        call.get("method")
        for story in STORIES
        if story.parts[-3] == "pryv"
        for step in stories.read(story).steps
        if isinstance(step.json, list)
        for call in step.json
    }
    assert not sorted(set(METHODS) - called)


def test_a_route_is_known_by_its_path() -> None:
    assert route_of("exist", "GET /api/1/attributes/owned/?x=1") == "GET /api/1/attributes/owned"
    assert route_of("exist", "GET /api/1/users/$self/today") == "GET /api/1/users/{username}/today"
    assert route_of("exist", "GET //exist/api/2/insights") == "GET /api/2/insights"
    assert route_of("exist", "PUT /api/2/insights") is None


WHOLE = {"a": 1, "b": "${id:mood}", "c": [{"d": True}], "e": 0.1}
MOOD = "c" + "0" * 24


def test_a_difference_is_seen() -> None:
    known = Known()
    told: dict[str, Any] = {"a": 1.0, "b": MOOD, "c": [{"d": True}], "e": 0.1 + 1e-12}
    assert not list(known.differences(told, WHOLE))
    assert known.said == {"mood": MOOD}
    assert list(known.differences({**told, "f": 0}, WHOLE)) == ["/f is extra: 0"]
    for changed in (
        {"a": True},
        {"a": "1"},
        {"b": "mood"},
        {"b": MOOD + "0"},
        {"c": []},
        {"c": [{"d": 1}]},
        {"c": [{"d": True}, None]},
        {"e": None},
    ):
        assert list(Known().differences({**told, **changed}, WHOLE)), changed
    assert list(Known().differences({k: told[k] for k in "abc"}, WHOLE)) == ["/e is missing"]


def test_what_was_kept_is_asked_for_again() -> None:
    known = Known(mood=MOOD)
    known.said["count"] = 3
    assert known.fill(["/events/${mood}", "${count}"]) == [f"/events/{MOOD}", 3]
    assert not list(known.differences({MOOD: "", "n": 3}, {"${mood}": "", "n": "${count}"}))
    assert list(known.differences(MOOD.replace("0", "1"), "${mood}"))
    assert not list(known.differences(7, "${number:n}"))
    assert list(known.differences(8, "${n}"))
    assert list(known.differences(True, "${number}"))
    assert not list(known.differences(1_772_366_400.000_004, "${now}"))
    assert list(known.differences(1_772_366_399.9, "${now}"))
    assert list(known.differences(1_772_366_402, "${now}"))


def test_what_is_recorded_leaves_open_what_varies() -> None:
    asked = Step(ask="POST /events", json={"id": MOOD}, keep={"made": "event.id"})
    story = Story(tells="", spec="", steps=[asked])
    body = {"event": {"id": MOOD[:-1] + "1", "of": MOOD, "at": 1_772_366_400.5, "n": 3}}
    known = Known()
    told = httpx2.Response(201, json=body, headers={"location": f"/x/{MOOD[:-1]}1", "x-other": "1"})
    recorded = Recorder(known, story).answer(asked, told)
    assert recorded == Answer(
        status=201,
        headers={"content-type": "application/json", "location": "/x/${id:made}"},
        body={"event": {"id": "${made}", "of": MOOD, "at": "${now}", "n": 3}},
    )
    assert not list(known.differences(body, recorded.body))


@pytest.mark.parametrize("path", STORIES, ids=[f"{p.parts[-3]}/{p.stem}" for p in STORIES])
def test_a_story_is_written_as_it_would_be_recorded(path: Path) -> None:
    story: Story = stories.read(path)
    text = path.read_text(encoding="utf-8")
    assert text == recording.written(story)
    for form, name in PLACE.findall(text):
        assert not name or (form in FORMS and name not in FORMS) or form == "totp", (form, name)
    for step in story.steps:
        assert step.keep is None
        assert step.answer is not None
        assert step.answer.status
