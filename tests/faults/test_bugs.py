"""A bug of ours is answered in the dialect's words, tells nothing, and leaves nothing half done."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from diurnal.app import dialects
from diurnal.errors import AppError
from diurnal.model.access import Access
from diurnal.services import days, events
from diurnal.services.context import Context
from diurnal.store import changes
from tests.dialects.client import Client, personal_token, simple_token
from tests.faults import ledger

SECRET = "the secret of the bug"
DIALECTS = dialects()


class Request(NamedTuple):
    """A request of a dialect, the use case in which the bug is, and how the answer says it."""

    path: str
    scheme: str
    token: Any
    at: tuple[Any, str]
    says: dict[str, Any]


REQUESTS = {
    "native": Request(
        "/api/v1/events",
        "Bearer ",
        personal_token,
        (events, "find"),
        {"type": "urn:diurnal:error:error", "status": 500},
    ),
    "pryv": Request(
        "/pryv/alice/events",
        "",
        personal_token,
        (events, "find"),
        {"error": {"id": "unexpected-error"}},
    ),
    "exist": Request(
        "/exist/api/1/users/$self/attributes/",
        "Token ",
        simple_token,
        (days, "extent"),
        {"detail": "something went wrong on our side"},
    ),
}


def said(answer: Any, wanted: Any) -> bool:
    if not isinstance(wanted, dict):
        return bool(answer == wanted)
    return all(said(answer[key], value) for key, value in wanted.items())


def buggy(*_: object, **__: object) -> Any:
    raise ZeroDivisionError(SECRET)


def test_every_dialect_is_asked() -> None:
    assert REQUESTS.keys() == DIALECTS.keys()


@pytest.mark.parametrize("name", REQUESTS)
def test_a_bug_is_answered_in_the_words_of_the_dialect(
    name: str, ctx: Context, alice: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, client = REQUESTS[name], Client(ctx)
    headers = {"Authorization": asked.scheme + asked.token(ctx, alice)}
    assert client.get(asked.path, headers=headers).status_code == 200
    with monkeypatch.context() as planted:
        planted.setattr(*asked.at, buggy)
        answer = client.get(asked.path, headers=headers)
    assert answer.status_code == DIALECTS[name].statuses[AppError][0] == 500
    assert "json" in answer.headers["content-type"]
    assert said(answer.json(), asked.says)
    for told in (SECRET, "ZeroDivisionError", "Traceback", ".py"):
        assert told not in answer.text
    assert client.get(asked.path, headers=headers).status_code == 200


def test_a_bug_in_a_write_leaves_nothing_half_done(
    ctx: Context, alice: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(ctx)
    headers = {"Authorization": f"Bearer {personal_token(ctx, alice)}"}

    def write(what: str) -> int:
        event = {"streamIds": ["diurnal-weight"], "type": "mass/kg", "content": 70}
        body = {"events": [{**event, "description": f"{what}/{i}"} for i in range(3)]}
        return client.post("/api/v1/events", headers=headers, json=body).status_code

    assert write("before") == 201
    with monkeypatch.context() as planted:
        planted.setattr(changes, "append", buggy)
        assert write("within") == 500
    assert write("after") == 201
    assert set(ledger.stored(ctx)) == {f"{w}/{i}" for w in ("before", "after") for i in range(3)}
    assert not ledger.gaps(ctx)
