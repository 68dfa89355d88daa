"""Values of days as Pryv's clients see them, below `:_days:`."""

from __future__ import annotations

from typing import Any

import pytest

from diurnal.dialects.pryv.methods import day_values
from diurnal.model.access import Access, Level, Permission
from diurnal.model.time import day_from_text
from diurnal.services import days
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from tests import cases
from tests.dialects.client import Client, personal_token, token

FIRST = day_from_text("2026-01-30")
DAYS = "events?streams[]=:_days:"
WEIGHT = "events?streams[]=:_days:weight"


class App:
    def __init__(self, ctx: Context, secret: str) -> None:
        self.client, self.secret = Client(ctx), secret

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.client.get(f"/pryv/alice/{path}", headers={"Authorization": self.secret})
        assert answer.status_code == status, answer.text
        return answer.json()

    def contents(self, path: str) -> list[Any]:
        return [e["content"] for e in self.get(path)["events"]]


@pytest.fixture
def owner(ctx: Context, alice: Access) -> App:
    rows = [NewDay("weight", FIRST + n, 70 + n, "scale") for n in range(5)]
    rows += [NewDay("mood_note", FIRST + 1, "fine", "me"), NewDay("mood", FIRST + 1, 7, "me")]
    cases.write(ctx, days.write_rows, alice, rows)
    return App(ctx, personal_token(ctx, alice))


def test_a_value_of_a_day_is_an_event_that_lasts_for_it(owner: App) -> None:
    [event] = owner.get(f"{WEIGHT}&limit=1")["events"]
    assert event["id"] == ":_days:weight:2026-02-03"
    assert (event["type"], event["content"], event["description"]) == (
        "diurnal/weight",
        74,
        "scale",
    )
    assert event["time"] == 1_770_073_200  # midnight in Berlin
    assert event["duration"] == 86_400
    assert owner.get(f"events/{event['id']}")["event"] == event
    assert owner.get("events?limit=100&state=all")["events"] == []


def test_days_come_in_order_and_in_pages(owner: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_values, "_TURN", 4)  # several looks
    assert owner.contents(WEIGHT) == [74, 73, 72, 71, 70]
    assert owner.contents(f"{WEIGHT}&sortAscending=true") == [70, 71, 72, 73, 74]
    assert owner.contents(f"{WEIGHT}&limit=2&skip=1") == [73, 72]
    start, end = "fromTime=1769800000", "toTime=1769900000"  # noon of the first two
    assert owner.contents(f"{WEIGHT}&{start}&{end}") == [71, 70]
    whole = "fromTime=-1.797e308&toTime=1.797e308"
    assert owner.contents(f"{DAYS}&{whole}") == [74, 73, 72, 71, "fine", 7, 70]
    assert owner.contents(f"{DAYS}&types=diurnal/mood") == [7]
    assert owner.contents(f"{DAYS}&types=mass/kg") == []
    assert owner.contents(f"{DAYS}&state=trashed") == []


def test_more_than_one_call_looks_at_is_refused(
    owner: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_values, "CELLS_MAX", 3)
    whole = "fromTime=-1.797e308&toTime=1.797e308"
    assert owner.get(f"{WEIGHT}&{whole}", 413)["error"]["id"] == "too-many-results"


@pytest.mark.parametrize("what", ["nothing", "", ":", "weight:x"])
def test_a_stream_of_no_measure_is_unknown(owner: App, what: str) -> None:
    if what:
        refused = owner.get(f"events?streams[]=:_days:{what}", 400)["error"]
        assert refused["id"] == "unknown-referenced-resource"
    for date in ("2026-02-30", "x", "2020-01-01", ""):
        owner.get(f"events/:_days:{what}:{date}", 404)
    owner.get("events/:_days:weight:2020-01-01", 404)


def test_each_access_reads_the_days_that_it_may(ctx: Context, alice: Access, owner: App) -> None:
    mood = Permission(Level.READ, "diurnal-mood")
    app = App(ctx, token(ctx, alice, mood))
    assert {e["streamId"] for e in app.get(DAYS)["events"]} <= {":_days:mood", ":_days:mood_note"}
    assert 7 in app.contents(DAYS)
    assert app.get(WEIGHT, 400)["error"]["id"] == "unknown-referenced-resource"
    app.get("events/:_days:weight:2026-02-03", 404)
    assert ":_days:" in [s["id"] for s in owner.get("streams")["streams"]]
