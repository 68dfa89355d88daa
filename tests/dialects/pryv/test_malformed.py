"""Calls that are wrong in one member: each is refused in the contract's words, none is a bug."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from diurnal.dialects.pryv.endpoints import BY_PATH
from diurnal.dialects.pryv.methods import METHODS
from diurnal.model.access import Access
from diurnal.services.context import Context
from tests.dialects.client import Client, personal_token, token
from tests.dialects.pryv.test_methods import App

IDS = frozenset(
    {
        "api-unavailable",
        "forbidden",
        "invalid-access-token",
        "invalid-credentials",
        "invalid-event-type",
        "invalid-item-id",
        "invalid-method",
        "invalid-operation",
        "invalid-parameters",
        "invalid-parameters-format",
        "invalid-request-structure",
        "item-already-exists",
        "removed-method",
        "stale-resource",
        "too-many-results",
        "unknown-access-key",
        "unknown-email",
        "unknown-referenced-resource",
        "unknown-resource",
        "unknown-user",
        "unsupported-content-type",
    }
)
"""What a refusal may be called."""
DEEP: Any = "x"
for _ in range(70):
    DEEP = [DEEP]
WRONG: list[Any] = [
    None,
    True,
    0,
    -1,
    1e300,
    2**63,
    "",
    "x",
    "\0",
    "a\0b",
    "x" * 20_000,
    "null",
    ":_audit:",
    ":_days:weight!",
    "*",
    [],
    [None],
    [1],
    ["\0"],
    ["x"] * 300,
    [{}],
    {},
    {"a\0": 1},
    {"any": ["x"]},
    {"any": [":_audit:"], "not": [1]},
    [{"path": "$", "in": [[]]}],
    [{"path": "a.0.-1", "gt": None}],
    [{"streamId": "diary", "level": "read", "defaultName": "\0"}],
    [{"streamId": "\0", "level": "read", "defaultName": "x"}],
    [{"feature": [], "setting": {}}],
    DEEP,
]

NOTE = {"type": "note/txt", "streamIds": ["diary"], "content": "x"}
SHARE = {"name": "x", "type": "app", "permissions": [{"streamId": "diary", "level": "read"}]}
QUERY = dict.fromkeys(
    (
        "fromTime",
        "toTime",
        "streams",
        "types",
        "tags",
        "running",
        "sortAscending",
        "skip",
        "limit",
        "state",
        "modifiedSince",
        "includeDeletions",
        "content",
        "clientData",
    )
)
EVENT = {
    **NOTE,
    **dict.fromkeys(
        ("id", "streamId", "time", "duration", "description", "tags", "clientData", "trashed")
    ),
}
UPDATE = {"id": "x", "update": {}}
RIGHT: dict[str, dict[str, Any]] = {
    "getAccessInfo": {},
    "accesses.get": {"includeExpired": None, "includeDeletions": None},
    "accesses.getOne": {"id": "x", "includeHistory": None},
    "accesses.create": {
        **SHARE,
        **dict.fromkeys(("deviceName", "token", "expireAfter", "clientData")),
    },
    "accesses.update": UPDATE,
    "accesses.delete": {"id": "x"},
    "accesses.checkApp": {
        "requestingAppId": "x",
        "requestedPermissions": SHARE["permissions"],
        "deviceName": None,
        "clientData": None,
    },
    "profile.getPublic": {},
    "profile.updatePublic": {"update": {}},
    "profile.getPrivate": {},
    "profile.updatePrivate": {"update": {}},
    "profile.getApp": {},
    "profile.updateApp": {"update": {}},
    "profile.get": {"id": "private"},
    "profile.update": {"id": "private", "update": {}},
    "service.info": {},
    "account.get": {},
    "account.update": {"update": {}},
    "account.changePassword": {"oldPassword": "x", "newPassword": "y"},
    "events.get": QUERY,
    "events.getOne": {"id": "x", "includeHistory": None},
    "events.create": EVENT,
    "events.update": UPDATE,
    "events.delete": {"id": "x"},
    "events.deleteAttachment": {"id": "x", "fileId": "y"},
    "events.start": NOTE,
    "events.stop": {"id": "x"},
    "auditLogs.get": QUERY,
    "webhooks.get": {},
    "webhooks.getOne": {"id": "x"},
    "webhooks.create": {"url": "http://127.0.0.1:1/", "state": None},
    "webhooks.update": UPDATE,
    "webhooks.delete": {"id": "x"},
    "webhooks.test": {"id": "x"},
    "followedSlices.get": {},
    "followedSlices.create": {"name": "x", "url": "y", "accessToken": "z"},
    "followedSlices.update": UPDATE,
    "followedSlices.delete": {"id": "x"},
    "streams.get": {"parentId": None, "state": None, "includeDeletionsSince": None},
    "streams.create": {
        "name": "x",
        **dict.fromkeys(("id", "parentId", "clientData", "trashed", "singleActivity")),
    },
    "streams.update": UPDATE,
    "streams.delete": {"id": "x", "mergeEventsWithParent": None},
}
"""Members of each method's parameters, with values that are right; None: may be left out."""
NESTED = {
    "events.update": EVENT,
    "streams.update": RIGHT["streams.create"],
    "accesses.update": {**RIGHT["accesses.create"], "expires": None},
    "account.update": {"email": None, "language": None},
    "webhooks.update": {"state": None},
    "followedSlices.update": {"name": None},
    "profile.updatePrivate": {"a": None},
}
OF_APPS = ("accesses.create", "events.", "profile.", "webhooks.")
"""What an app does otherwise than the owner."""
SLOW = frozenset({"account.changePassword", "webhooks.create"})
"""A hash or a look-up of a name each."""


def calls(method: str, known: dict[str, str]) -> Iterator[Any]:
    """Return parameters of a method, each wrong in one place."""
    right = {k: v for k, v in RIGHT[method].items() if v is not None}
    if "id" in right:
        right["id"] = known.get(method.partition(".")[0], right["id"])
    wrong = WRONG[:12] if method in SLOW else WRONG
    yield from wrong
    for name in [*RIGHT[method], "bogus"]:
        yield {k: v for k, v in right.items() if k != name}
        for value in wrong:
            yield right | {name: value}
    for name in NESTED.get(method, ()):
        for value in wrong:
            yield right | {"update": {name: value}}


def told(result: Any) -> str:
    """Return the id of a refusal, "" where there is none."""
    return str(result["error"]["id"]) if "error" in result else ""


@pytest.fixture
def owner(ctx: Context, alice: Access) -> App:
    app = App(ctx, personal_token(ctx, alice))
    app.call("POST", "streams", 201, json={"id": "diary", "name": "Diary"})
    return app


def test_every_method_is_looked_at() -> None:
    assert RIGHT.keys() == METHODS.keys()


def test_no_method_takes_what_is_malformed_for_a_bug(
    ctx: Context, alice: Access, owner: App
) -> None:
    app = App(ctx, token(ctx, alice))
    for method in RIGHT:
        for who in (owner, app) if method.startswith(OF_APPS) else (owner,):
            stream = {"id": f"{method}.{who is app}", "name": f"{method} {who is app}"}
            owner.call("POST", "streams", 201, json=stream)
            known = {
                "events": owner.note("x"),
                "streams": stream["id"],
                "accesses": who.call("GET", "access-info")["id"],
            }
            if method.startswith("accesses."):
                share = {**SHARE, "name": f"{method}{who is app}", "type": "shared"}
                known["accesses"] = who.call("POST", "accesses", 201, json=share)["access"]["id"]
            asked = [{"method": method, "params": p} for p in calls(method, known)]
            for i in range(0, len(asked), 200):
                body = json.dumps(asked[i : i + 200], allow_nan=False)
                sent = who.client.request(
                    "POST",
                    "/pryv/alice",
                    content=body,
                    headers={"Authorization": who.secret},
                )
                assert sent.status_code == 200, sent.text[:300]
                for call, result in zip(asked[i : i + 200], sent.json()["results"], strict=True):
                    assert told(result) in IDS | {""}, (str(call)[:300], result)


def test_no_address_takes_what_is_malformed_for_a_bug(
    ctx: Context, alice: Access, owner: App
) -> None:
    odd = ("%00", "%FF", "x" * 3_000, ":_audit:", "é", "*", "a%2Fb")
    texts = ("", "x", "%00", "%FF", "[", "{", "NaN", "1e999")
    paths = [f"/pryv{p}".replace("{username}", "alice") for p in BY_PATH]
    for name in ("al%00ice", "\u00e9l\u00e8ve", "x" * 3_000):
        _refused(owner.client, "GET", f"/pryv/{name}/events", owner.secret)
        _refused(owner.client, "GET", f"/pryv/reg/cores?username={name}", owner.secret)
        for what in ("check_username", "check_email", "server", "uid", "username"):
            _refused(owner.client, "GET", f"/pryv/reg/{name}/{what}", owner.secret)
            _refused(owner.client, "GET", f"/pryv/reg/{name}@a.bc/{what}", owner.secret)
    for path in paths:
        for value in odd if "{" in path else ():
            at = path
            for name in ("{id}", "{fileId}", "{fileName:path}"):
                at = at.replace(name, value)
            for verb in ("GET", "PUT", "POST", "DELETE"):
                _refused(owner.client, verb, at, owner.secret, content=b"{}")
    for path in paths:
        if "{" not in path:
            for name in (*QUERY, "includeDeletionsSince", "parentId", "id", "auth", "streams[]"):
                for text in texts:
                    _refused(owner.client, "GET", f"{path}?{name}={text}", owner.secret)


def test_no_door_takes_what_is_malformed_for_a_bug(ctx: Context, alice: Access, owner: App) -> None:
    access = {"requestingAppId": "x", "requestedPermissions": SHARE["permissions"]}
    login = {"username": "alice", "password": "x", "appId": "x"}
    points = {"format": "flatJSON", "fields": ["deltaTime", "value"], "points": [[0, 1]]}
    made = {"type": "series:mass/kg", "streamIds": ["diary"]}
    id_ = owner.call("POST", "events", 201, json=made)["event"]["id"]
    doors: dict[str, dict[str, Any]] = {
        "/pryv/reg/access": {
            **access,
            **dict.fromkeys(("returnURL", "languageCode", "clientData", "expireAfter")),
        },
        "/pryv/alice/auth/login": login,
        "/pryv/alice/mfa/verify": {"code": "x"},
        "/pryv/alice/mfa/recover": {**login, "recoveryCode": "x"},
        "/pryv/alice/account/reset-password": {"resetToken": "x", "newPassword": "y", "appId": "x"},
        "/pryv/alice/account/request-password-reset": {"appId": "x"},
        "/pryv/reg/users": {**login, "email": "a@b.c", "language": None, "invitationToken": None},
        "/pryv/reg/access/invitationtoken/check": {"invitationtoken": "x"},
        f"/pryv/alice/events/{id_}/series": points,
        "/pryv/alice/series/batch": {
            "format": "seriesBatch",
            "data": [{"eventId": id_, "data": points}],
        },
    }
    for path, members in doors.items():
        right = {k: v for k, v in members.items() if v is not None}
        wrong = [*WRONG, *({k: v for k, v in right.items() if k != name} for name in right)]
        wrong += [
            right | {name: value} for name in members for value in WRONG if name != "password"
        ]
        for body in wrong:
            content = json.dumps(body).encode()
            _refused(owner.client, "POST", path, owner.secret, content=content)
        for raw in (
            b"",
            b"{",
            b"\xff",
            b"[" * 5_000,
            b"NaN",
            b'{"a":1e999}',
            b'"\\ud800"',
            b'{"\\ud800":1}',
        ):
            _refused(owner.client, "POST", path, owner.secret, content=raw)


def _refused(client: Client, verb: str, path: str, secret: str, **given: Any) -> None:
    headers = {"Authorization": secret, "Origin": "http://localhost:8400"}
    answer = client.request(verb, path, headers=headers, **given)
    where = (verb, path[:200], str(given)[:300], answer.text[:300])
    assert answer.status_code < 500, where
    if answer.status_code >= 400:
        said = answer.json()
        assert said.get("status") in ("REFUSED", "ERROR") or told(said) in IDS, where
