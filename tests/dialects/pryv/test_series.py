"""High-frequency series: points on events, and imported series as such events."""

from __future__ import annotations

from typing import Any

import pytest

from diurnal.model import series as columns
from diurnal.model.access import Access, Level, Permission
from diurnal.services import series
from diurnal.services.context import Context
from tests.clock import START
from tests.dialects.client import Client, token

HOME = "/pryv/alice"
SECOND = 1_000_000


class App:
    """A client of Pryv's API with its token."""

    def __init__(self, ctx: Context, secret: str) -> None:
        self.client, self.headers = Client(ctx), {"Authorization": secret}

    def call(self, method: str, path: str, status: int = 200, **given: Any) -> Any:
        answer = self.client.request(method, f"{HOME}/{path}", headers=self.headers, **given)
        assert answer.status_code == status, answer.text
        return answer.json()

    def holder(self, type_: str = "series:mass/kg", stream: str = "diurnal-weight") -> str:
        event = {"type": type_, "streamIds": [stream], "time": START / SECOND}
        made = self.call("POST", "events", 201, json=event)["event"]
        found: str = made["id"]
        return found

    def add(self, id_: str, points: Any, *fields: str, status: int = 200) -> Any:
        flat = {"format": "flatJSON", "fields": fields or ("deltaTime", "value"), "points": points}
        return self.call("POST", f"events/{id_}/series", status, json=flat)

    def points(self, id_: str, query: str = "") -> Any:
        told = self.call("GET", f"events/{id_}/series?{query}")
        assert told["format"] == "flatJSON"
        assert "serverTime" in told["meta"]
        return told["points"]


@pytest.fixture
def app(ctx: Context, alice: Access) -> App:
    return App(ctx, token(ctx, alice))


def test_points_come_back_in_order_and_each_time_once(app: App) -> None:
    id_ = app.holder()
    assert app.add(id_, [[10, 72.5], [0, 72], [20.000000001, 71]])["status"] == "ok"
    app.add(id_, [[10, 73], [700, 70]])
    assert app.points(id_) == [[0, 72], [10, 73], [20.000000001, 71], [700, 70]]
    assert app.points(id_, "fromDeltaTime=10&toDeltaTime=700") == [[10, 73], [20.000000001, 71]]
    backwards = app.call("GET", f"events/{id_}/series?fromDeltaTime=2&toDeltaTime=1", 400)
    assert backwards["error"]["id"] == "invalid-parameters-format"


def test_a_holder_says_what_its_points_are(app: App) -> None:
    id_ = app.holder("series:position/wgs84")
    content = app.call("GET", f"events/{id_}")["event"]["content"]
    assert content["elementType"] == "position/wgs84"
    assert content["fields"][:3] == ["deltaTime", "latitude", "longitude"]
    assert content["required"] == ["deltaTime", "latitude", "longitude"]
    fields = ("timestamp", "latitude", "longitude", "altitude")
    app.add(id_, [[START / SECOND + 5, 46.5, "6.6", None]], *fields)
    assert app.points(id_) == [[5, 46.5, 6.6]]


BAD = [
    ("deltaTime", [[1]]),
    (("deltaTime", "value", "value"), [[1, 2, 3]]),
    (("deltaTime", "nothing"), [[1, 2]]),
    (("value",), [[2]]),
    (("deltaTime", "value"), [[1]]),
    (("deltaTime", "value"), [[1, None]]),
    (("deltaTime", "value"), [[1, "heavy"]]),
    (("deltaTime", "value"), [[1, True]]),
    (("deltaTime", "value"), "points"),
]


def test_bad_points_are_refused_whole(app: App, subtests: pytest.Subtests) -> None:
    id_ = app.holder()
    for fields, points in BAD:
        with subtests.test(f"{fields} {points}"):
            refused = app.add(id_, points, *fields, status=400)
            assert refused["error"]["id"] == "invalid-request-structure"
    assert app.points(id_) == []
    note = {"type": "note/txt", "streamIds": ["diurnal-weight"], "content": "x"}
    other = app.call("POST", "events", 201, json=note)["event"]["id"]
    assert app.add(other, [[0, 1]], status=400)["error"]["id"] == "invalid-operation"


def test_points_are_of_the_kind_that_their_field_is(app: App) -> None:
    yes = app.holder("series:boolean/bool")
    for bad in (1, "true", None):
        refused = app.add(yes, [[0, bad]], status=400)
        assert refused["error"]["id"] == "invalid-request-structure"
    app.add(yes, [[0, True], [1, False]])
    said = app.points(yes)
    assert said == [[0, True], [1, False]]
    assert [type(v) for _, v in said] == [bool, bool]
    note = app.holder("series:note/txt")
    assert app.add(note, [[0, "a"], [1, None]], status=400)["error"]["id"]
    app.add(note, [[0, "a"]])
    assert app.points(note) == [[0, "a"]]


def test_a_batch_is_all_or_nothing(app: App) -> None:
    one, two = app.holder(), app.holder()

    def given(*ids: str) -> Any:
        flat = {"format": "flatJSON", "fields": ["deltaTime", "value"], "points": [[0, 1]]}
        data = [{"eventId": i, "data": flat} for i in ids]
        return {"format": "seriesBatch", "data": data}

    app.call("POST", "series/batch", 404, json=given(one, "c" + "0" * 24))
    assert app.points(one) == []
    app.call("POST", "series/batch", json=given(one, two))
    assert app.points(one) == app.points(two) == [[0, 1]]


def weights(ctx: Context, alice: Access) -> list[float]:
    found = ctx.store.read(
        lambda tx: series.read(tx, ctx, alice, "weight", START - SECOND, START + 100 * SECOND)
    )
    return [round(v, 3) for _, cols in found for v in cols.value.tolist()]


def test_points_count_for_the_measure_of_their_stream(
    ctx: Context, alice: Access, app: App
) -> None:
    id_ = app.holder("series:mass/g")
    app.add(id_, [[0, 72_000], [10, 73_000]])
    assert weights(ctx, alice) == [72, 73]
    app.add(id_, [[10, 74_000]])
    assert weights(ctx, alice) == [72, 74]
    app.call("DELETE", f"events/{id_}")
    assert weights(ctx, alice) == []
    app.call("PUT", f"events/{id_}", json={"trashed": False})
    assert weights(ctx, alice) == [72, 74]
    for _ in range(2):
        app.call("DELETE", f"events/{id_}")
    assert weights(ctx, alice) == []
    assert app.call("GET", f"events/{id_}/series", 404)["error"]["id"] == "unknown-resource"


def test_what_was_imported_shows_as_series(ctx: Context, alice: Access, app: App) -> None:
    cols = columns.columns([START, START + 5 * SECOND], [61.0, 62.0])
    ctx.store.write(lambda tx: series.write(tx, ctx, alice, "heart_rate", "Watch", cols)).result()
    [event] = app.call("GET", "events?types=series:frequency/*&limit=10")["events"]
    assert event["description"] == "Watch"
    assert app.points(event["id"]) == [[0, 61], [5, 62]]
    assert app.call("GET", f"events/{event['id']}")["event"]["type"] == "series:frequency/bpm"
    stranger = App(ctx, token(ctx, alice, Permission(Level.READ, "diurnal-weight"), name="Else"))
    assert stranger.call("GET", "events?types=series:frequency/*")["events"] == []
    assert stranger.call("GET", f"events/{event['id']}/series", 404)
