"""Ids in bodies, in batches and where the table of routes aims at nothing: another's are not there.

Each field is sent three ids: the caller's own, another account's, and nobody's. The last two must
be answered alike; the first otherwise, or else the field was not looked at.
"""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_network
from typing import Any, NamedTuple

import httpx2
import msgspec
import pytest

from diurnal.model.access import Access
from diurnal.services.context import Context
from tests.authorization.world import NO_ID
from tests.clock import SECOND, START
from tests.dialects.client import Client, personal_token, token

NATIVE, PRYV, OLD = "/api/v1", "/pryv/{user}", "/pryv0/{user}"
NOTE = {"type": "note/txt", "content": "x", "time": START // SECOND}
SEE = [{"level": "read", "stream": "{id}"}]
SHARED = {"type": "shared", "permissions": [{"streamId": "diurnal-notes", "level": "read"}]}

MAKERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "stream": (f"{NATIVE}/streams", {"name": "{n}", "parentId": "diurnal-notes"}, "id"),
    "event": (f"{NATIVE}/events", {"streamIds": ["diurnal-notes"], **NOTE}, "id"),
    "token": (f"{NATIVE}/tokens", {"name": "{n}", "permissions": [SEE[0] | {"stream": "*"}]}, "id"),
    "export": (f"{NATIVE}/exports", {"format": "csv"}, "id"),
    "upload": (f"{NATIVE}/uploads", {"name": "a", "size": 1}, "id"),
    "access": (f"{PRYV}/accesses", {"name": "{n}", **SHARED}, "access.id"),
    "slice": (
        f"{PRYV}/followed-slices",
        {"name": "{n}", "url": "https://x.example/", "accessToken": "{n}"},
        "followedSlice.id",
    ),
    "webhook": (f"{PRYV}/webhooks", {"url": "http://127.0.0.1:9/{n}"}, "webhook.id"),
    "bookmark": (
        f"{OLD}/admin/bookmarks",
        {"name": "{n}", "url": "https://x.example/", "accessToken": "{n}"},
        "id",
    ),
}
"""Kind -> how its owner makes one, and where the answer has the id."""


class Field(NamedTuple):
    """A request with an id in it."""

    kind: str
    call: str
    body: Any = None


FIELDS = (
    Field("export", f"GET {NATIVE}/exports/{{id}}"),
    Field("export", f"DELETE {NATIVE}/exports/{{id}}"),
    Field("stream", f"POST {NATIVE}/tokens", {"name": "N", "permissions": SEE}),
    Field("stream", f"POST {NATIVE}/shares", {"name": "N", "permissions": SEE}),
    Field("stream", f"POST {NATIVE}/events", {"streamIds": ["diurnal-notes", "{id}"], **NOTE}),
    Field("stream", f"POST {NATIVE}/events", {"events": [{"streamIds": ["{id}"], **NOTE}]}),
    Field("stream", f"PATCH {NATIVE}/events/{{mine}}", {"streamIds": ["{id}"]}),
    Field("stream", f"POST {NATIVE}/streams", {"name": "N", "parentId": "{id}"}),
    Field("stream", f"PATCH {NATIVE}/tokens/{{token}}", {"permissions": SEE}),
    Field("upload", f"POST {NATIVE}/imports", {"uploadId": "{id}"}),
    Field("access", f"GET {PRYV}/accesses/{{id}}"),
    Field("access", f"PUT {PRYV}/accesses/{{id}}", {"name": "N2"}),
    Field("access", f"DELETE {PRYV}/accesses/{{id}}"),
    Field("slice", f"PUT {PRYV}/followed-slices/{{id}}", {"name": "N2"}),
    Field("slice", f"DELETE {PRYV}/followed-slices/{{id}}"),
    Field("webhook", f"GET {PRYV}/webhooks/{{id}}"),
    Field("webhook", f"PUT {PRYV}/webhooks/{{id}}", {"state": "inactive"}),
    Field("webhook", f"DELETE {PRYV}/webhooks/{{id}}"),
    Field("event", f"POST {PRYV}", [{"method": "events.getOne", "params": {"id": "{id}"}}]),
    Field("event", f"POST {PRYV}", [{"method": "events.delete", "params": {"id": "{id}"}}]),
    Field("stream", f"POST {PRYV}", [{"method": "streams.delete", "params": {"id": "{id}"}}]),
    Field("stream", f"POST {PRYV}/events", {"streamIds": ["{id}"], **NOTE}),
    Field("access", f"POST {PRYV}", [{"method": "accesses.delete", "params": {"id": "{id}"}}]),
    Field("bookmark", f"PUT {OLD}/admin/bookmarks/{{id}}", {"name": "N2"}),
    Field("bookmark", f"DELETE {OLD}/admin/bookmarks/{{id}}"),
    Field("token", f"DELETE {OLD}/admin/accesses/{{id}}"),
)


class Person:
    """An account, and what it makes."""

    def __init__(self, ctx: Context, client: Client, owner: Access) -> None:
        self.client, self.user, self.made = client, owner.username, 0
        self.tokens = {
            api: personal_token(ctx, owner, api=api) for api in ("native", "pryv", "pryv0")
        }
        self.tokens["app"] = token(ctx, owner, api="pryv")

    def send(self, call: str, body: Any, **known: str) -> httpx2.Response:
        method, _, path = filled(call, {"user": self.user, **known}).partition(" ")
        api = {"/api": "native", "/pry": "pryv"}[path[:4]]
        door = "pryv0" if path.startswith("/pryv0/") else api
        if door == "pryv" and "/webhooks" in path:
            door = "app"  # whose hooks are its own
        held = self.tokens[door]
        given = {"Authorization": f"Bearer {held}" if api == "native" else held}
        more = {} if body is None else {"json": filled(body, known)}
        return self.client.request(method, path, headers=given, **more)

    def make(self, kind: str) -> str:
        self.made += 1
        path, body, where = MAKERS[kind]
        answer = self.send(f"POST {path}", body, n=f"{self.user}-{kind}-{self.made}")
        assert answer.status_code in (200, 201, 202), (kind, answer.text)
        found = answer.json()
        for part in where.split("."):
            found = found[part]
        return str(found)


def filled(given: Any, known: dict[str, str]) -> Any:
    text = json.dumps(given)
    for name, value in known.items():
        text = text.replace(f"{{{name}}}", value)
    return json.loads(text)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_another_accounts_id_in_any_field_is_like_none(
    ctx: Context, alice: Access, charlie: Access
) -> None:
    reach = msgspec.structs.replace(ctx.settings, outbound_allow=(ip_network("127.0.0.0/8"),))
    ctx = replace(ctx, settings=reach)
    client = Client(ctx)
    mine, theirs = Person(ctx, client, alice), Person(ctx, client, charlie)
    known = {"mine": mine.make("event"), "token": mine.make("token")}
    wrong = []
    for field in FIELDS:
        told = []
        nowhere = "nowhere" if field.kind == "stream" else NO_ID
        for id_ in (theirs.make(field.kind), nowhere, mine.make(field.kind)):
            answer = mine.send(field.call, field.body, id=id_, **known)
            text = answer.text.replace(id_, "<id>").partition('"meta"')[0]
            told.append((answer.status_code, text))
        other, none, own = told
        if other != none or own == none:
            wrong.append((field.kind, field.call, told))
    assert not wrong, "\n\n".join(map(str, wrong))
