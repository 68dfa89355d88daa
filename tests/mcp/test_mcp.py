"""The door for assistants: by the SDK's client, and by hand."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
import pytest
from mcp.client import Client as SdkClient
from mcp.client.streamable_http import streamable_http_client

from diurnal.app import App
from diurnal.model.access import Access, Level, Permission
from diurnal.model.events import NewEvent
from diurnal.model.records import OwnMeasure
from diurnal.model.series import columns
from diurnal.model.time import DAY, HOUR, SECOND, day_text
from diurnal.services import accesses, analyse, days, events, measures, series
from diurnal.services.context import Context
from tests.dialects.client import BASE, Client, token

T = TypeVar("T")
N = 90
READ = {"overview", "days", "series", "events", "findings", "compare"}


@pytest.fixture
def life(ctx: Context, alice: Access) -> int:
    """Ninety days of two measures, a day of a third's points, a note; the last of the days."""
    today = ctx.now() // DAY
    chance, rows = random.Random(7), []
    for day in range(today - N + 1, today + 1):
        mood = chance.randint(1, 9)
        steps = 4_000 + 700 * mood + chance.randint(-900, 900)
        rows.append(days.NewDay(measure="steps", day=day, value=steps, source="watch"))
        rows.append(days.NewDay(measure="mood", day=day, value=mood, source="me"))
    times = [(today * DAY + i * 60 * SECOND) for i in range(300)]
    points = series.prepare(columns(times, [60 + i % 40 for i in range(300)]))
    note = NewEvent(
        stream_ids=("diurnal-note",), type="note/txt", time=ctx.now() - HOUR, content="Tea at Ada's"
    )
    write = ctx.store.write
    write(lambda tx: days.write_rows(tx, ctx, alice, rows)).result()
    write(lambda tx: series.write(tx, ctx, alice, "heart_rate", "watch", points)).result()
    write(lambda tx: events.create(tx, ctx, alice, [note])).result()
    return today


class Raw:
    """Says JSON-RPC by hand, with one token."""

    def __init__(self, ctx: Context, secret: str | None) -> None:
        self._client = Client(ctx)
        self._ids = itertools.count(1)
        self._headers = {"Accept": "application/json, text/event-stream"}
        if secret is not None:
            self._headers["Authorization"] = f"Bearer {secret}"

    def post(self, method: str, params: Any = None, **given: Any) -> httpx2.Response:
        message = {"jsonrpc": "2.0", "id": next(self._ids), "method": method}
        if params is not None:
            message["params"] = params
        headers = self._headers | given.pop("headers", {})
        return self._client.post("/mcp", json=message, headers=headers, **given)

    def ok(self, method: str, params: Any = None) -> Any:
        answer = self.post(method, params)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("application/json")
        return answer.json()["result"]

    def names(self) -> set[str]:
        return {tool["name"] for tool in self.ok("tools/list")["tools"]}

    def call(self, tool: str, **arguments: Any) -> Any:
        result = self.ok("tools/call", {"name": tool, "arguments": arguments})
        assert not result.get("isError"), result
        return result["structuredContent"]

    def fails(self, tool: str, **arguments: Any) -> str:
        result = self.ok("tools/call", {"name": tool, "arguments": arguments})
        assert result["isError"], result
        text: str = result["content"][0]["text"]
        return text


def talk(ctx: Context, secret: str, say: Callable[[SdkClient], Awaitable[T]]) -> T:
    """Say something by the SDK's client."""

    async def run() -> T:
        transport = httpx2.ASGITransport(app=App(ctx))
        headers = {"Authorization": f"Bearer {secret}"}
        async with (
            httpx2.AsyncClient(transport=transport, base_url=BASE, headers=headers) as http,
            SdkClient(streamable_http_client(f"{BASE}/mcp", http_client=http)) as client,
        ):
            return await say(client)

    return asyncio.run(run())


def test_the_sdks_client_finds_its_way(ctx: Context, alice: Access, life: int) -> None:
    async def say(client: SdkClient) -> tuple[Any, ...]:
        listed = await client.list_tools()
        there = await client.call_tool("overview", {})
        asked = {"measures": ["steps"], "from": day_text(life - 6), "to": day_text(life)}
        return listed, there, await client.call_tool("days", asked)

    listed, there, told = talk(ctx, token(ctx, alice, api="native"), say)
    assert {tool.name for tool in listed.tools} == READ | {"add_note"}
    assert {m["measure"] for m in there.structured_content["measures"]} >= {"steps", "heart_rate"}
    assert told.structured_content["measures"]["steps"]["summary"]["days"] == 7


def test_the_older_handshake_is_answered(ctx: Context, alice: Access) -> None:
    raw = Raw(ctx, token(ctx, alice, api="native"))
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "by hand", "version": "1"},
    }
    told = raw.ok("initialize", hello)
    assert told["serverInfo"]["name"] == "diurnal"
    assert told["protocolVersion"] == "2025-06-18"
    assert "tools" in told["capabilities"]
    version = {"Mcp-Protocol-Version": "2025-06-18"}
    assert raw.post("tools/list", headers=version).status_code == 200
    assert raw.post("resources/list", headers=version).json()["error"]["code"] == -32601


def test_totals_are_those_of_the_native_api(ctx: Context, alice: Access, life: int) -> None:
    secret = token(ctx, alice, api="native")
    raw, first, last = Raw(ctx, secret), day_text(life - N + 1), day_text(life)
    native = Client(ctx).get(
        f"/api/v1/days?measures=steps,mood&from={first}&to={last}",
        headers={"Authorization": f"Bearer {secret}"},
    )
    values = native.json()["values"]
    for by in ("day", "week", "month", "none"):
        asked = {"measures": ["steps", "mood"], "from": first, "to": last, "by": by}
        told = raw.call("days", **asked)["measures"]
        assert told["steps"]["summary"]["total"] == math.fsum(values["steps"])
        assert told["steps"]["summary"]["max"] == max(values["steps"])
        mean = math.fsum(values["mood"]) / N
        assert told["mood"]["summary"]["mean"] == pytest.approx(mean, abs=1e-4)
        assert "total" not in told["mood"]["summary"]  # moods do not add up to anything
        if by in ("week", "month"):
            rows = told["steps"]["rows"]
            assert sum(row[1] for row in rows) == N
            assert sum(row[2] for row in rows) == math.fsum(values["steps"])
    points = raw.call("series", measure="heart_rate", **{"from": last, "to": last})
    told = points["sources"]["watch"]
    assert told["points"] == 300 == sum(row[1] for row in told["rows"])
    assert (told["min"], told["max"]) == (60, 99)


def test_answers_stay_small(ctx: Context, alice: Access, life: int) -> None:
    raw = Raw(ctx, token(ctx, alice, api="native"))
    long = {"from": day_text(life - 3_000), "to": day_text(life)}
    answer = raw.post(
        "tools/call", {"name": "days", "arguments": {"measures": ["steps", "mood"], **long}}
    )
    assert len(answer.content) < 40_000
    told = answer.json()["result"]["structuredContent"]
    assert told["by"] == "month"
    assert told["measures"]["steps"]["summary"]["days"] == N


def test_two_stretches_are_compared(ctx: Context, alice: Access, life: int) -> None:
    raw = Raw(ctx, token(ctx, alice, api="native"))
    told = raw.call(
        "compare",
        measures=["steps"],
        first={"from": day_text(life - 59), "to": day_text(life - 30)},
        second={"from": day_text(life - 29), "to": day_text(life)},
    )["measures"]["steps"]
    assert told["first"]["days"] == told["second"]["days"] == 30
    assert told["difference"] == pytest.approx(
        told["second"]["mean"] - told["first"]["mean"], abs=1e-3
    )
    assert told["low"] < told["difference"] < told["high"]


def test_findings_are_those_of_the_last_run(ctx: Context, alice: Access, life: int) -> None:
    raw = Raw(ctx, token(ctx, alice, api="native"))
    assert raw.call("findings") == {"kind": "links", "total": 0, "looked": False, "findings": []}
    analyse.run(ctx, alice.account_id)
    told = raw.call("findings", kind="links")
    assert told["looked"]
    assert {told["findings"][0]["a"], told["findings"][0]["b"]} == {"steps", "mood"}
    for kind in ("trends", "changes", "anomalies", "averages"):
        raw.call("findings", kind=kind, measures=["steps"])


def test_a_token_without_a_measure_never_learns_of_it(
    ctx: Context, alice: Access, life: int
) -> None:
    analyse.run(ctx, alice.account_id)
    stream = ctx.store.read(lambda tx: ctx.state(tx, alice.account_id).measure("steps"))
    assert stream is not None
    secret = token(ctx, alice, Permission(Level.READ, stream.stream), api="native")
    raw = Raw(ctx, secret)
    assert raw.names() == READ
    there = raw.post("tools/call", {"name": "overview", "arguments": {}}).text
    assert "steps" in there
    for hidden in ("mood", "heart_rate", "note"):
        assert f'"{hidden}"' not in there
    said = raw.fails("days", measures=["mood"])
    assert said == raw.fails("days", measures=["nothing"]).replace("nothing", "mood")
    hidden = raw.fails("series", measure="heart_rate")
    assert hidden == raw.fails("series", measure="nothing").replace("nothing", "heart_rate")
    assert raw.call("events")["total"] == 0
    assert raw.call("findings")["total"] == 0
    assert "mood" in raw.fails("findings", measures=["mood"])
    assert "no" in raw.fails("add_note", text="not mine to write")


@pytest.mark.parametrize("value", ["text", "number"])
def test_a_measure_of_ones_own_is_unknown_to_a_token_without_it(
    ctx: Context, alice: Access, value: str
) -> None:
    own = OwnMeasure(key="my_secret", label="My secret", value=value)
    ctx.store.write(lambda tx: measures.ensure_own(tx, ctx, alice, own)).result()
    secret = token(ctx, alice, Permission(Level.READ, measures=("steps",)), api="native")
    raw = Raw(ctx, secret)
    said = raw.fails("series", measure="my_secret")
    assert said == raw.fails("series", measure="nothing").replace("nothing", "my_secret")


def test_who_may_only_write_is_offered_nothing_to_read(ctx: Context, alice: Access) -> None:
    secret = token(ctx, alice, Permission(Level.CREATE_ONLY, "diurnal-note"), api="native")
    raw = Raw(ctx, secret)
    assert raw.names() == {"add_note"}
    assert raw.call("overview")["measures"] == []
    made = raw.call("add_note", text="Rain all day", time="2026-01-02T23:30:00+01:00")
    assert made["day"] == "2026-01-02"


def test_a_note_is_there_at_every_door(ctx: Context, alice: Access) -> None:
    secret = token(ctx, alice, api="native")
    raw = Raw(ctx, secret)
    made = raw.call("add_note", text="Slept badly")
    bearer = {"Authorization": f"Bearer {secret}"}
    found = Client(ctx).get(f"/api/v1/events/{made['id']}", headers=bearer).json()
    assert (found["content"], found["type"]) == ("Slept badly", "note/txt")
    told = raw.call("events", search="BADLY")
    assert (told["total"], told["events"][0]["id"]) == (1, made["id"])
    assert raw.call("events", search="well")["total"] == 0


def test_each_call_is_one_line_of_the_audit(ctx: Context, alice: Access, life: int) -> None:
    secret = token(ctx, alice, api="native")
    raw = Raw(ctx, secret)
    raw.names()
    raw.call("days", measures=["steps"])
    raw.fails("days", measures=["nothing"])
    raw.call("add_note", text="x")
    answer = Client(ctx).get(
        "/api/v1/audit?doors=mcp", headers={"Authorization": f"Bearer {secret}"}
    )
    lines = answer.json()["lines"]
    # What was written is stored with its line, what was read within a second.
    assert sorted((line["action"], line["allowed"]) for line in lines) == [
        ("tools.add_note", True),
        ("tools.days", False),
        ("tools.days", True),
        ("tools.list", True),
    ]
    (shown,) = [line for line in lines if line["action"] == "tools.days" and line["allowed"]]
    assert (shown["target"], shown["n"]) == ("steps", 30)


def test_what_was_asked_for_is_in_the_audit_also_where_it_was_refused(
    ctx: Context, alice: Access, life: int
) -> None:
    secret = token(ctx, alice, api="native")
    raw = Raw(ctx, secret)
    week = {"from": "2026-01-05", "to": "2026-01-11"}
    raw.call("days", measures=["steps"], by="week", **week)
    raw.fails("days", measures=["nothing"], to="2026-01-11")
    raw.call("events", search="rain, snow", **week)
    raw.call("compare", measures=["steps"], first=week, second=week)
    raw.call("add_note", text="nobody's but mine")
    answer = Client(ctx).get(
        "/api/v1/audit?doors=mcp&actions=tools", headers={"Authorization": f"Bearer {secret}"}
    )
    held = {(one["action"], one["allowed"]): one["target"] for one in answer.json()["lines"]}
    assert held["tools.days", True] == "2026-01-05/2026-01-11,by:week,steps"
    assert held["tools.days", False] == "../2026-01-11,nothing"
    assert held["tools.events", True].startswith("2026-01-05/2026-01-11,search:rain  snow")
    assert held["tools.compare", True] == "2026-01-05/2026-01-11,steps"
    assert "mine" not in held["tools.add_note", True]


def test_without_a_token_the_way_to_one_is_told(ctx: Context, alice: Access) -> None:
    answer = Raw(ctx, None).post("tools/list")
    assert answer.status_code == 401
    where = f"{BASE}/.well-known/oauth-protected-resource/mcp"
    assert answer.headers["www-authenticate"] == f'Bearer resource_metadata="{where}"'
    told = Client(ctx).get(where).json()
    assert told["resource"] == f"{BASE}/mcp"
    assert told["authorization_servers"] == [BASE]
    server = Client(ctx).get("/.well-known/oauth-authorization-server").json()
    assert server["issuer"] == BASE
    assert server["registration_endpoint"].endswith("/oauth2/register")
    wrong = Raw(ctx, "no-token-of-ours").post("tools/list")
    assert wrong.status_code == 401
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]


def test_what_ended_is_let_in_no_more(ctx: Context, alice: Access) -> None:
    made, secret = ctx.store.write(
        lambda tx: accesses.create(
            tx, ctx, alice, name="Helper", permissions=(Permission(Level.MANAGE),), api="native"
        )
    ).result()
    raw = Raw(ctx, secret)
    assert raw.names()
    ctx.store.write(lambda tx: accesses.revoke(tx, ctx, alice, made.access.id)).result()
    assert raw.post("tools/list").status_code == 401


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("days", {}),
        ("days", {"measures": []}),
        ("days", {"measures": ["steps"], "from": "yesterday!"}),
        ("days", {"measures": ["steps"], "from": "2026-02-30"}),
        ("days", {"measures": ["steps"], "from": "2026-02-03", "to": "2026-02-02"}),
        ("days", {"measures": ["steps"], "from": "0001-01-01", "to": "2026-01-01"}),
        ("days", {"measures": ["steps"], "shape": "round"}),
        ("days", {"measures": "steps"}),
        ("series", {"measure": "steps", "buckets": 100_000}),
        ("series", {"measure": "note"}),
        ("events", {"limit": 0}),
        ("events", {"measures": [7]}),
        ("findings", {"kind": "wonders"}),
        ("compare", {"measures": ["steps"], "first": {}, "second": {}}),
        ("add_note", {"text": ""}),
        ("add_note", {"text": "nul \0"}),
        ("add_note", {"text": "when?", "time": "2026-01-02T10:00:00"}),
    ],
)
def test_wrong_arguments_are_told_in_words(
    ctx: Context, alice: Access, tool: str, arguments: dict[str, Any]
) -> None:
    said = Raw(ctx, token(ctx, alice, api="native")).fails(tool, **arguments)
    assert said
    assert "on our side" not in said


def test_broken_messages_are_refused(ctx: Context, alice: Access) -> None:
    secret = token(ctx, alice, api="native")
    client = Client(ctx)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    for body in (b"", b"{", b"[]", b'"tools/list"', b'{"jsonrpc":"1.0"}', b"\xff", b"[" * 5_000):
        answer = client.post("/mcp", content=body, headers=headers)
        assert 400 <= answer.status_code < 500, (body[:20], answer.status_code)
    assert client.post("/mcp", content=b" " * (1 << 20) + b"{}", headers=headers).status_code == 413
    for method in ("GET", "DELETE", "PUT"):
        assert client.request(method, "/mcp", headers=headers).status_code == 405
    raw = Raw(ctx, secret)
    assert raw.post("tools/call", {"name": "rm", "arguments": {}}).json()["error"]
    assert raw.post("no/such").json()["error"]["code"] == -32601
