"""Apps push as they do: with their media types and their ways to name a token."""

from __future__ import annotations

import json
from typing import Any

import pytest

from diurnal.model.access import Access
from diurnal.services import syncs
from diurnal.services.context import Context
from tests.connectors.reading import DATA
from tests.dialects.native.client import Api

# What the doors keep is tested on both engines elsewhere.
pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)

FORM = "application/x-www-form-urlencoded"
OWNTRACKS = b'{"_type":"location","lat":52.5,"lon":13.4,"tst":1772360000,"tid":"AS"}'


def data(path: str) -> bytes:
    return (DATA / path).read_bytes()


@pytest.mark.parametrize(
    ("connector", "body", "type_", "how", "answer", "rows"),
    [
        ("owntracks", OWNTRACKS, "application/json", "basic", b"[]", 1),
        ("overland", data("overland/batch.json"), "application/json", "bearer",
         b'{"result":"ok"}', 3),
        ("gpslogger", b"lat=52.5&lon=13.4&time=2026-03-01T08:00:00Z", FORM, "query", b"OK", 1),
        ("health_auto_export", data("health_auto_export/intraday_2026-06-02_12h_clock.json"),
         "application/json", "key", b"{}", 19),
        ("influx", b"weight value=71 1772360000000000000", "text/plain; charset=utf-8", "bearer",
         b"", 1),
        ("generic", b'{"weight": 71.2}', "application/json", "bearer", b"{}", 1),
        ("generic", b"71.2", "text/plain", "query", b"{}", 1),
        ("micropub", b"h=entry&content=Hello", FORM, "bearer", b"{}", 1),
        ("home_assistant", json.dumps(
            {"entity_id": "person.me", "state": "home", "last_changed": "2026-03-01T08:00:00+00:00",
             "attributes": {"latitude": 52.5, "longitude": 13.4}}).encode(),
         "application/json", "bearer", b"{}", 1),
    ],
)  # fmt: skip
def test_an_app_pushes_and_its_data_are_there(
    api: Api, ctx: Context, alice: Access,
    connector: str, body: bytes, type_: str, how: str, answer: bytes, rows: int,
) -> None:  # fmt: skip
    options: dict[str, Any] = {"generic": {"measure": "weight", "unit": "kg"}}.get(connector, {})
    made = api.ok("POST", "/connections", {"connector": connector, "settings": options})
    url, token = made["push"]["url"], made["push"]["token"]
    headers = {"Content-Type": type_}
    given: dict[str, Any] = {}
    if how == "bearer":
        headers["Authorization"] = f"Bearer {token}"
    elif how == "key":
        headers["X-API-Key"] = token
    elif how == "query":
        given["params"] = {"token": token}
    else:
        given["auth"] = ("alice", token)
    for _ in range(2):
        sent = api.with_token(None)("POST", url, content=body, headers=headers, **given)
        assert sent.status_code < 300, sent.text
        assert sent.content == answer
    outcome = syncs.run(ctx, alice.account_id, made["id"])
    assert outcome.problem is None
    assert outcome.result is not None
    assert outcome.result.set_aside == 0
    found = api.ok("GET", "/events?limit=100")
    events = found["events"] if isinstance(found, dict) else found
    assert len(events) == (1 if connector == "micropub" else rows)
