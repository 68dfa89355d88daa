"""A bug of ours is answered in the dialect's words, tells nothing, and leaves nothing half done."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

import pytest

from diurnal.app import dialects
from diurnal.auth import tokens
from diurnal.errors import AppError
from diurnal.model.access import RIGHTS, Access, Kind, Level, Permission
from diurnal.services import accesses, entries, events, oauth2, personal, streams
from diurnal.services.answers import Answers
from diurnal.services.context import Context
from diurnal.store import changes
from tests.dialects.client import Client, personal_token, simple_token, token
from tests.faults import ledger

SECRET = "the secret of the bug"
DIALECTS = dialects()


class Request(NamedTuple):
    """A request of a dialect, the use case in which the bug is, and how the answer says it."""

    path: str
    scheme: str
    token: Any
    at: tuple[Any, str]
    says: Any
    json: bool = True
    sound: int = 200


def old_token(ctx: Context, owner: Access) -> str:
    return token(ctx, owner, api="pryv0")


def personicle_token(ctx: Context, owner: Access) -> str:
    return personal_token(ctx, owner, api="personicle")


def master_token(ctx: Context, owner: Access) -> str:
    """Make a token of the Personal API that may do everything."""
    made = ctx.store.write(lambda tx: personal.make(tx, ctx, owner, "Mine", RIGHTS)).result()
    return personal.secret(ctx, made)


def key(ctx: Context, owner: Access) -> str:
    """Make a key of Personyze, as HTTP Basic carries it."""
    made = tokens.make_hex(owner.account_id, upper=True)
    ctx.store.write(
        lambda tx: accesses.issue(
            tx,
            ctx,
            account_id=owner.account_id,
            username=owner.username,
            kind=Kind.APP,
            name="Key",
            permissions=(Permission(Level.MANAGE),),
            api="personyze",
            token=made,
        )
    ).result()
    return base64.b64encode(f"api:{made}".encode()).decode()


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
        (Answers, "get"),
        {"detail": "something went wrong on our side"},
    ),
    "oauth2": Request(
        "/oauth2/userinfo",
        "Bearer ",
        personal_token,
        (oauth2, "userinfo"),
        {"error": "server_error"},
    ),
    "personal": Request(
        "/personal/v1/statuses?token={token}",
        "",
        master_token,
        (events, "find"),
        {"code": 500},
        sound=404,
    ),
    "personicle": Request(
        "/personicle/api/data/read/events?startTime=2026-01-01&endTime=2026-12-31",
        "Bearer ",
        personicle_token,
        (events, "find"),
        "something went wrong on our side",
    ),
    "personyze": Request(
        "https://localhost:8400/personyze/rest/users/1",
        "Basic ",
        key,
        (entries, "newest"),
        "something went wrong on our side",
        json=False,
    ),
    "pryv0": Request(
        "/pryv0/alice/channels",
        "",
        old_token,
        (streams, "listable"),
        {"id": "UNEXPECTED_ERROR"},
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
    opens = asked.token(ctx, alice)
    path, headers = asked.path.format(token=opens), {"Authorization": asked.scheme + opens}
    assert client.get(path, headers=headers).status_code == asked.sound
    with monkeypatch.context() as planted:
        planted.setattr(*asked.at, buggy)
        answer = client.get(path, headers=headers)
    assert answer.status_code == DIALECTS[name].statuses[AppError][0] == 500
    assert ("json" in answer.headers["content-type"]) is asked.json
    assert said(answer.json() if asked.json else answer.text, asked.says), answer.text
    for told in (SECRET, "ZeroDivisionError", "Traceback", ".py"):
        assert told not in answer.text
    assert client.get(path, headers=headers).status_code == asked.sound


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
