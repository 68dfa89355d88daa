"""Series and day values through the native API."""

from __future__ import annotations

from typing import Any

import pytest

from diurnal.model.access import Access, Level
from diurnal.services.context import Context
from tests.clock import START
from tests.dialects.native.client import Api, app_token, on

NOW = START // 1_000_000
T0 = NOW - 7200


def test_columns_and_rows_are_the_same_points(api: Api) -> None:
    columns = {"t": [T0, T0 + 1, T0 + 2.5], "v": [60, 61, 62.5]}
    stored = api.ok("POST", "/series/heart_rate", {"source": "Watch", "points": columns})
    assert stored == {"new": 3, "same": 0, "changed": 0}
    rows = {"source": "Watch", "rows": [[T0, 60], [T0 + 1, 99], [T0 + 3, 70]]}
    assert api.ok("POST", "/series/heart_rate", rows) == {"new": 1, "same": 1, "changed": 1}
    told = api.ok("GET", f"/series/heart_rate?from={T0}&to={NOW}")
    assert told["measure"] == "heart_rate"
    [only] = told["series"]
    assert only == {
        "source": "Watch",
        "t": [T0, T0 + 1, T0 + 2.5, T0 + 3],
        "v": [60, 99, 62.5, 70],
    }


def test_intervals_keep_their_ends(api: Api) -> None:
    points = {"t": [T0, T0 + 60], "e": [T0 + 60, T0 + 120], "v": [10, 20], "o": 60}
    api.ok("POST", "/series/steps", {"source": "Phone", "points": points})
    [only] = api.ok("GET", "/series/steps")["series"]
    assert (only["e"], only["o"]) == ([T0 + 60, T0 + 120], [60, 60])
    [listed] = api.ok("GET", "/series")["series"]
    assert listed == {
        "measure": "steps",
        "source": "Phone",
        "unit": "1",
        "n": 2,
        "from": T0,
        "to": T0 + 120,
    }


@pytest.mark.parametrize("width", ["width=600", "width=600s", "width=10m", "buckets=12"])
def test_buckets_of_min_max_and_mean(api: Api, width: str) -> None:
    points = {"start": T0, "step": 60, "v": list(range(120))}
    api.ok("POST", "/series/heart_rate", {"source": "Watch", "points": points})
    [only] = api.ok("GET", f"/series/heart_rate?from={T0}&to={NOW}&{width}")["series"]
    assert only["n"] == [10] * 12
    assert only["min"] == [i * 10 for i in range(12)]
    assert only["max"] == [i * 10 + 9 for i in range(12)]
    assert only["mean"] == [i * 10 + 4.5 for i in range(12)]
    assert (only["t"][0], only["end"]) == (T0, NOW)


BAD: dict[str, tuple[Any, str]] = {
    "nothing": ({"source": "W"}, "points"),
    "both": ({"source": "W", "points": {"t": [], "v": []}, "rows": []}, "points"),
    "lengths": ({"source": "W", "points": {"t": [1], "v": []}}, "points"),
    "text": ({"source": "W", "points": {"t": [1], "v": ["x"]}}, "v"),
    "null": ({"source": "W", "points": {"t": [1], "v": [None]}}, "v"),
    "far": ({"source": "W", "points": {"t": [1e300], "v": [1]}}, "t"),
    "back": ({"source": "W", "points": {"t": [9], "e": [1], "v": [1]}}, "end"),
    "row": ({"source": "W", "rows": [[1]]}, "points"),
    "ragged": ({"source": "W", "rows": [[1, 2], [1, 2, 3]]}, "points"),
    "source": ({"source": "", "rows": [[1, 2]]}, "source"),
    "no source": ({"rows": [[1, 2]]}, "source"),
    "list": ([], "body"),
    "unknown": ({"source": "W", "rows": [], "x": 1}, "x"),
}


@pytest.mark.parametrize(("body", "field"), BAD.values(), ids=BAD)
def test_points_that_cannot_be(shared: Api, body: Any, field: str) -> None:
    assert shared.refused(400, "POST", "/series/heart_rate", body)["field"] == field
    assert shared.ok("GET", "/series")["series"] == []


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e400", b'"\\ud800"', b"[" * 9999])
def test_numbers_that_are_none(shared: Api, number: bytes) -> None:
    raw = b'{"source":"W","points":{"t":[1],"v":[' + number + b"]}}"
    shared.refused(400, "POST", "/series/heart_rate", content=raw)
    shared.refused(400, "POST", "/series/heart_rate", content=raw[:30])
    assert shared.ok("GET", "/series")["series"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=x", "from"),
        ("from=5&to=5", "from"),
        ("width=0", "width"),
        ("width=1w", "width"),
        ("width=-1", "width"),
        ("from=0&width=1", "width"),
        ("source=", "source"),
    ],
)
def test_a_question_for_points_that_cannot_be(shared: Api, query: str, field: str) -> None:
    assert shared.refused(400, "GET", f"/series/heart_rate?{query}")["field"] == field


def test_a_measure_that_is_not_there_is_not_found(shared: Api) -> None:
    shared.refused(404, "GET", "/series/nothing")
    shared.refused(404, "POST", "/series/nothing", {"source": "W", "rows": [[1, 2]]})
    shared.refused(404, "PUT", "/days/nothing/2026-03-01", {"value": 1})
    shared.refused(404, "DELETE", "/days/nothing/2026-03-01")
    assert shared.refused(400, "GET", "/days?measures=nothing")["field"] == "measures"


def test_an_app_reads_and_writes_only_its_measures(ctx: Context, alice: Access, api: Api) -> None:
    rows = {"source": "W", "rows": [[T0, 60], [T0 + 60, 61]]}
    api.ok("POST", "/series/heart_rate", rows)
    right = on("diurnal-heart", Level.CONTRIBUTE, start=(T0 + 30) * 1_000_000)
    app = api.with_token(app_token(ctx, alice, right)[1])
    [only] = app.ok("GET", f"/series/heart_rate?from={T0}&to={NOW}")["series"]
    assert only["v"] == [61]
    app.refused(403, "POST", "/series/heart_rate", rows)
    app.ok("POST", "/series/heart_rate", {"source": "W", "rows": [[T0 + 90, 62]]})
    app.refused(404, "GET", "/series/steps")
    app.refused(404, "POST", "/series/steps", rows)
    app.refused(400, "GET", "/days?measures=steps")


def test_days_come_from_points_at_once(api: Api) -> None:
    points = {"t": [T0, T0 + 60], "e": [T0 + 60, T0 + 120], "v": [10, 20]}
    api.ok("POST", "/series/steps", {"source": "Phone", "points": points})
    told = api.ok("GET", "/days?from=2026-02-28&to=2026-03-01&measures=steps,weight")
    assert told["days"] == ["2026-02-28", "2026-03-01"]
    assert told["values"] == {"steps": [None, 30], "weight": [None, None]}
    assert told["sources"]["steps"] == [None, "Phone"]
    assert "lineage" not in told
    assert api.ok("GET", "/days")["values"]["steps"] == [30]


def test_days_reach_from_the_first_to_the_last_that_has_data(api: Api) -> None:
    assert api.ok("GET", "/days/extent") == {"measures": {}}
    for date, value in (("2026-02-20", 7), ("2026-02-27", 4)):
        api.ok("PUT", f"/days/mood/{date}", {"value": value})
    span = {"from": "2026-02-20", "to": "2026-02-27"}
    assert api.ok("GET", "/days/extent")["measures"] == {"mood": span}


def test_the_persons_word_comes_first_until_it_is_taken_back(api: Api) -> None:
    points = {"t": [T0], "e": [T0 + 60], "v": [10]}
    api.ok("POST", "/series/steps", {"source": "Phone", "points": points})
    path = "/days/steps/2026-03-01"
    assert api.ok("PUT", path, {"value": 5000}) == {"measure": "steps", "date": "2026-03-01"}
    read = "/days?from=2026-03-01&to=2026-03-01&measures=steps&lineage=true"
    told = api.ok("GET", read)
    assert told["values"]["steps"] == [5000]
    assert told["lineage"]["steps"][0]
    api.ok("DELETE", path)
    assert api.ok("GET", read)["values"]["steps"] == [10]
    api.refused(404, "DELETE", path)


def test_many_days_of_a_source(api: Api) -> None:
    days = [
        {"measure": "weight", "date": f"2026-02-{d:02}", "value": 70 + d, "source": "Scale"}
        for d in range(1, 29)
    ]
    assert api.ok("POST", "/days", {"days": days}) == {"new": 28, "same": 0, "changed": 0}
    assert api.ok("POST", "/days", {"days": days})["same"] == 28
    told = api.ok("GET", "/days?from=2026-02-01&to=2026-02-28&measures=weight")
    assert told["values"]["weight"] == [70 + d for d in range(1, 29)]


BAD_DAYS: dict[str, tuple[dict[str, Any], str]] = {
    "date": ({"date": "2026-02-30"}, "days[1].date"),
    "date form": ({"date": "20260201"}, "days[1].date"),
    "value": ({"value": "heavy"}, "days[1].value"),
    "null": ({"value": None}, "days[1].value"),
    "measure": ({"measure": "nothing"}, "days[1].measure"),
    "unknown": ({"x": 1}, "days[1].x"),
}


@pytest.mark.parametrize(("change", "field"), BAD_DAYS.values(), ids=BAD_DAYS)
def test_a_day_that_cannot_be(shared: Api, change: dict[str, Any], field: str) -> None:
    good = {"measure": "weight", "date": "2026-02-01", "value": 70}
    problem = shared.refused(400, "POST", "/days", {"days": [good, good | change]})
    assert problem["field"] == field
    assert shared.ok("GET", "/days?to=2026-02-01&measures=weight")["values"]["weight"] == [None]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=x", "from"),
        ("from=2026-03-01&to=2026-02-01&measures=steps", "from"),
        ("from=0001-01-01&to=9999-12-31&measures=steps", "measures"),
        ("from=1900-01-01&to=2100-12-31&measures=steps", "to"),
        ("to=2026-13-01", "to"),
        ("lineage=maybe", "lineage"),
    ],
)
def test_a_question_for_days_that_cannot_be(shared: Api, query: str, field: str) -> None:
    assert shared.refused(400, "GET", f"/days?{query}")["field"] == field
