"""Every dialect can say every error, and answers recorded exchanges as they were recorded."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from diurnal import errors
from diurnal.app import dialects
from diurnal.dialects import Dialect
from diurnal.errors import AppError
from diurnal.model.access import Access
from diurnal.model.events import NewEvent
from diurnal.services import events
from diurnal.services.context import Context
from tests.dialects.client import Client, personal_token, simple_token, token

HERE = Path(__file__).parent
DIALECTS = dialects()
ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, AppError) and kind.__module__ == errors.__name__
]
EXCHANGES = sorted(HERE.glob("*/*.json"))
NEAREST_SUFFICES = {errors.UnknownReference, errors.HiddenReference}
"""Kinds of another error, which a dialect may word as that one."""


class Exchange(msgspec.Struct, forbid_unknown_fields=True):
    """A published example: what is asked, what is answered.

    Attributes:
        spec: where it was published.
        given: events that there are before.
        response: status, headers (those named here) and body; "<any>" masks what is left open.
    """

    spec: str
    request: dict[str, Any]
    response: dict[str, Any]
    given: list[dict[str, Any]] = []


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.code)
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_every_dialect_can_say_every_error(dialect: Dialect, kind: type[AppError]) -> None:
    known = set(dialect.statuses)
    assert kind in known or kind in NEAREST_SUFFICES
    status, words = next(dialect.statuses[k] for k in kind.__mro__ if k in known)
    assert 400 <= status < 600
    assert words


def differences(told: Any, recorded: Any, at: str = "") -> list[str]:
    """Return where an answer differs from what was recorded; extra members differ."""
    if recorded == "<any>":
        return []
    if isinstance(recorded, dict) and isinstance(told, dict):
        missing = [f"{at}/{k} is missing" for k in recorded.keys() - told.keys()]
        extra = [f"{at}/{k} is extra" for k in told.keys() - recorded.keys()]
        both = recorded.keys() & told.keys()
        return (
            missing
            + extra
            + [d for k in both for d in differences(told[k], recorded[k], f"{at}/{k}")]
        )
    if isinstance(recorded, list) and isinstance(told, list) and len(recorded) == len(told):
        return [
            d
            for i, pair in enumerate(zip(told, recorded, strict=True))
            for d in differences(*pair, f"{at}/{i}")
        ]
    # 1 and 1.0 are one number in JSON, true and 1 are not.
    same = told == recorded and isinstance(told, bool) == isinstance(recorded, bool)
    return [] if same else [f"{at} is {told!r}, not {recorded!r}"]


@pytest.mark.parametrize("path", EXCHANGES, ids=[f"{p.parent.name}/{p.stem}" for p in EXCHANGES])
def test_a_recorded_exchange_is_answered_as_recorded(
    path: Path, ctx: Context, alice: Access
) -> None:
    exchange = msgspec.json.decode(path.read_bytes(), type=Exchange)
    new = [msgspec.convert(e, NewEvent) for e in exchange.given]
    if new:
        ctx.store.write(lambda tx: events.create(tx, ctx, alice, new)).result()
    request = dict(exchange.request)
    headers = dict(request.get("headers", {}))
    for scheme, which in request.get("token", {}).items():
        made = {"simple": simple_token, "owner": personal_token, "app": token}[which](ctx, alice)
        headers["Authorization"] = f"{scheme} {made}".strip()
    answer = Client(ctx).request(
        request["method"],
        request["path"],
        headers=headers,
        **({"json": request["body"]} if "body" in request else {}),
    )
    assert answer.status_code == exchange.response["status"], answer.text
    assert not differences(answer.json(), exchange.response["body"]), json.dumps(
        answer.json(), indent=1
    )
    for name, value in exchange.response.get("headers", {}).items():
        assert not differences(answer.headers.get(name), value, name)


def test_a_difference_is_seen() -> None:
    recorded = {"a": 1, "b": "<any>", "c": [{"d": True}]}
    assert not differences({"a": 1.0, "b": {}, "c": [{"d": True}]}, recorded)
    assert differences({"a": 1, "b": 2, "c": [{"d": True}], "e": 0}, recorded) == ["/e is extra"]
    assert differences({"a": 1, "c": [{"d": 1}]}, recorded) == [
        "/b is missing",
        "/c/0/d is 1, not True",
    ]
