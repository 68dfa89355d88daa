"""The door for assistants over a made-up year: every measure, by SDKs of two languages."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
import uvicorn

from diurnal.app import App
from diurnal.auth import keys
from diurnal.model.access import Access, Level, Permission
from diurnal.model.time import DAY, HOUR, day_from_text, day_text
from diurnal.services import accesses, accounts, analyse, demo, imports
from diurnal.services.context import Context, Ids
from diurnal.settings import load
from diurnal.store import migrate
from diurnal.store.blobs import Blobs
from diurnal.store.database import open_store
from tests import postgres
from tests.clock import Clock
from tests.conftest import PASSWORD
from tests.dialects.client import token
from tests.mcp.test_mcp import Raw

pytestmark = pytest.mark.slow
NPM = Path(__file__).parent / "npm"
EVENING = day_from_text("2026-11-21") * DAY + 22 * HOUR
LAST = day_from_text("2026-11-21")
FIRST = LAST - 364
WINDOW = {"from": day_text(FIRST), "to": day_text(LAST)}


class Year(NamedTuple):
    """An account with a made-up year, served at `base`."""

    ctx: Context
    owner: Access
    base: str

    def native(self, secret: str, path: str, **params: Any) -> Any:
        """Ask the native API."""
        answer = httpx2.get(
            f"{self.base}/api/v1{path}",
            params=params,
            headers={"Authorization": f"Bearer {secret}"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def year(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Year]:
    home, clock = tmp_path_factory.mktemp("year"), Clock(EVENING)
    url = f"sqlite:///{home / 'diurnal.db'}"
    if request.param == "postgres":
        server: postgres.Postgres = request.getfixturevalue("postgres_server")
        name = server.create(server.template("schema", migrate.ensure))
        url = server.url(name)
    store = open_store(url)
    settings = load(data_dir=home, database_url=url, environ={})
    ctx = Context(store, settings, keys.load(home), Blobs(home), clock.now, Ids(clock.now).new)
    made = accounts.create(ctx, username="alice", password=PASSWORD)
    owner = accesses.personal(made.account_id, "alice")
    batch = ctx.store.write(lambda tx: demo.start(tx, ctx, owner)).result()
    imports.run(ctx, owner.account_id, batch, bulk=False)
    analyse.run(ctx, owner.account_id)
    config = uvicorn.Config(App(ctx), host="127.0.0.1", port=0, log_config=None, lifespan="off")
    serving = uvicorn.Server(config)
    thread = threading.Thread(target=serving.run)
    thread.start()
    while not serving.started:
        time.sleep(0.01)
    port = serving.servers[0].sockets[0].getsockname()[1]
    yield Year(ctx, owner, f"http://127.0.0.1:{port}")
    serving.should_exit = True
    thread.join()
    store.close()
    if request.param == "postgres":
        server.drop(name)


def by_npm(year: Year, secret: str, measures: list[str]) -> dict[str, Any]:
    node = shutil.which("node")
    if node is None or not (NPM / "node_modules" / "@modelcontextprotocol").is_dir():
        pytest.skip("needs node, and `npm ci` in tests/mcp/npm, which scripts/test does")
    asked = [f"{year.base}/mcp", secret, *WINDOW.values(), *measures]
    ran = subprocess.run(
        [node, "client.mjs", *asked], cwd=NPM, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def check(summary: dict[str, Any], values: list[Any], key: str) -> None:
    """Compare the figures of one measure with the values of the native API."""
    numbers = [v for v in values if isinstance(v, int | float)]
    if not numbers:
        assert summary["days"] == sum(v is not None for v in values), key
        return
    assert summary["days"] == len(numbers), key
    close = {"rel": 1e-4, "abs": 1e-4}
    total = math.fsum(numbers)
    if "total" in summary:
        assert summary["total"] == pytest.approx(total, **close), key
    assert summary["mean"] == pytest.approx(total / len(numbers), **close), key
    assert summary["min"] == pytest.approx(min(numbers), **close), key
    assert summary["max"] == pytest.approx(max(numbers), **close), key


def test_totals_of_every_measure_are_those_of_the_native_api(year: Year) -> None:
    secret = token(year.ctx, year.owner, api="native")
    raw = Raw(year.ctx, secret)
    there = [m["measure"] for m in raw.call("overview")["measures"] if "from" in m]
    assert len(there) > 30
    values: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for i in range(0, len(there), 20):
        some = there[i : i + 20]
        asked = {"measures": some, **WINDOW}
        values |= year.native(secret, "/days", **asked)["values"]
        told |= raw.call("days", measures=some, by="none", **WINDOW)["measures"]
    assert sorted(told) == sorted(values) == sorted(there)
    assert sum(any(v is not None for v in of) for of in values.values()) > 30
    for key in there:
        check(told[key]["summary"], values[key], key)
    assert any("total" in one["summary"] for one in told.values())
    by_other = by_npm(year, secret, there)
    assert by_other["server"]["name"] == "diurnal"
    assert {t["name"] for t in by_other["tools"]} == raw.names()
    assert by_other["days"] == told
    assert by_other["overview"] == raw.call("overview")


def test_a_token_for_one_measure_learns_of_no_other(year: Year) -> None:
    """Neither names nor counts, in answers, refusals or the shapes of tools."""
    everything = Raw(year.ctx, token(year.ctx, year.owner, api="native"))
    there = [m["measure"] for m in everything.call("overview")["measures"]]
    state = year.ctx.store.read(lambda tx: year.ctx.state(tx, year.owner.account_id))
    seen = Permission(Level.READ, measures=("steps",))
    secret = token(year.ctx, year.owner, seen, api="native", name="Steps")
    raw = Raw(year.ctx, secret)
    hidden = sorted({*there, *state.measures} - {"steps"})
    told = by_npm(year, secret, ["steps"])
    assert [m["measure"] for m in told["overview"]["measures"]] == ["steps"]
    check(
        told["days"]["steps"]["summary"],
        year.native(secret, "/days", measures="steps", **WINDOW)["values"]["steps"],
        "steps",
    )
    answers = [
        json.dumps(told),
        raw.post("tools/call", {"name": "events", "arguments": dict(WINDOW)}).text,
        raw.post("tools/call", {"name": "findings", "arguments": {}}).text,
        raw.post("tools/call", {"name": "overview", "arguments": {}}).text,
    ]
    own = set(state.measures)
    for key in hidden:
        # A word of the language, as `mood`, may stand in a description; a name in quotes may not.
        assert not [a for a in answers if f'"{key}"' in a], key
    for key in [*sorted(own), *hidden[:20]]:
        for tool, asked in (
            ("days", {"measures": [key]}),
            ("series", {"measure": key}),
            ("findings", {"measures": [key]}),
        ):
            said = raw.ok("tools/call", {"name": tool, "arguments": asked})
            if tool == "series" and key not in own and not said.get("isError"):
                # Of the catalog, whose measures everybody knows: nothing is there.
                assert said["structuredContent"]["sources"] == {}
                continue
            made_up = json.loads(json.dumps(asked).replace(f'"{key}"', '"nothing_at_all"'))
            refused = raw.fails(tool, **asked)
            assert refused == raw.fails(tool, **made_up).replace("nothing_at_all", key)
