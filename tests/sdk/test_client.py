"""The client library, against a server that listens."""

from __future__ import annotations

import asyncio
import runpy
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import uvicorn

from diurnal.app import App
from diurnal.client import AsyncClient, Client, Refused
from diurnal.client.operations import OPERATIONS
from diurnal.dialects.native import ENDPOINTS
from diurnal.model.access import Access
from diurnal.model.time import DAY, day_text
from diurnal.services import days
from diurnal.services.context import Context
from tests.dialects.client import personal_token

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def url(ctx: Context) -> Iterator[str]:
    """A server of these data."""
    config = uvicorn.Config(App(ctx), port=0, lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def token(ctx: Context, alice: Access) -> str:
    """The owner's, who has ninety days of three measures."""
    today = ctx.now() // DAY
    rows = [
        days.NewDay(measure=key, day=today - i, value=value, source="watch")
        for i in range(90)
        for key, value in (("sleep", 400 + i % 60), ("mood", 1 + i % 9), ("steps", 5_000 + i))
    ]
    ctx.store.write(lambda tx: days.write_rows(tx, ctx, alice, rows)).result()
    return personal_token(ctx, alice, api="native")


def test_days_become_tables(url: str, token: str, ctx: Context) -> None:
    today = date.fromisoformat(day_text(ctx.now() // DAY))
    with Client(url, token) as client:
        told = client.days(["steps", "mood", "weight"], date(2026, 1, 1), today)
    frame = told.to_pandas()
    assert frame["steps"].dropna().sum() == sum(v for v in told.values["steps"] if v is not None)
    assert frame.index[-1].date() == today
    assert frame["weight"].isna().all()
    table = told.to_polars()
    assert table.columns == ["day", "steps", "mood", "weight"]
    assert table["steps"].sum() == frame["steps"].sum()


def test_events_and_series_are_written_and_read(url: str, token: str, ctx: Context) -> None:
    now = ctx.now() // 1_000_000
    with Client(url, token) as client:
        note = {"streamIds": ["diurnal-note"], "type": "note/txt"}
        at = datetime.fromtimestamp(now, UTC)
        client.add_events([{**note, "time": at, "content": str(i)} for i in range(5)])
        found = list(client.every_event(measures=["note"], limit=2))
        assert sorted(e["content"] for e in found) == list("01234")
        assert client.add_points("heart_rate", "strap", [(now - 60 + i, 60 + i) for i in range(9)])
        points = client.series("heart_rate", now - 100, now + 100)
        assert points.to_pandas()["value"].sum() == points.to_polars()["value"].sum() == 576
        buckets = client.series("heart_rate", now - 100, now + 100, buckets=1).to_polars()
        assert buckets["n"].to_list() == [9]
        client.say_day("mood", "2026-03-01", 9)
        assert client.days(["mood"], "2026-03-01", "2026-03-01").values["mood"] == [9]
        assert "steps" in client.measures()
        assert len(client.links()) == 0
        assert client.call("events.get", id=found[0]["id"])["content"] == found[0]["content"]


def test_refusals_say_why(url: str, token: str) -> None:
    with Client(url, token) as client:
        with pytest.raises(Refused) as refused:
            client.days(["no_such"])
        assert (refused.value.status, refused.value.field) == (400, "measures")
        with pytest.raises(TypeError, match="id"):
            client.call("events.get")
        with pytest.raises(ValueError, match="zone"):
            client.events(datetime(2026, 1, 1))  # noqa: DTZ001
    with Client(url, "nobody's") as client, pytest.raises(Refused, match="401"):
        client.measures()


def test_the_async_client_says_the_same(url: str, token: str) -> None:
    async def ask() -> None:
        async with AsyncClient(url, token) as client:
            told, there = await asyncio.gather(client.days(["steps"]), client.measures())
            assert told.values["steps"] == [5_000]
            assert there["steps"]["unit"] == "1"
            assert [e async for e in client.every_event()] == []

    asyncio.run(ask())
    own = {name for name in vars(Client) if not name.startswith("_")}
    assert own == {name for name in vars(AsyncClient) if not name.startswith("_")}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run(
    example: Path,
    url: str,
    token: str,
    ctx: Context,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DIURNAL_URL", url)
    monkeypatch.setenv("DIURNAL_TOKEN", token)
    monkeypatch.setenv("DIURNAL_TODAY", day_text(ctx.now() // DAY))
    with Client(url, token) as client:
        start = ctx.now() // DAY * 86_400
        client.add_points("heart_rate", "strap", [(start + 60 * i, 60 + i % 30) for i in range(60)])
    runpy.run_path(str(example), run_name="__main__")
    said = capsys.readouterr().out
    expected = {"days": "r =", "heart_rate": "Highest: 89", "notes": "Refused: not-found"}
    assert expected[example.stem] in said


def test_every_operation_is_known(engine: str) -> None:
    assert dict(OPERATIONS) == {e.name: (e.method, e.path) for e in ENDPOINTS}, (
        "run scripts/client-operations"
    )


def test_it_needs_nothing_of_the_server(engine: str) -> None:
    code = (
        "import sys, diurnal.client; "
        "print([m for m in sys.modules if m.split('.')[0] in ('starlette', 'pandas', 'polars', "
        "'sqlalchemy') or m.startswith('diurnal.') and not m.startswith('diurnal.client')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
