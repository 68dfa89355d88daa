"""What the analyses found, as programs read it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diurnal.model.access import Access
from diurnal.services import analyse, days
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from diurnal.worker import handlers, step
from tests import cases
from tests.clock import DAY, Clock
from tests.dialects.native.client import Api, app_token, on

TODAY = 20513


@pytest.fixture
def found(ctx: Context, alice: Access) -> None:
    """A quarter of a year in which steps lift the mood, and one mistyped weight."""
    rng = np.random.default_rng(1)
    steps = rng.normal(8000, 2000, 90).round()
    mood = np.clip((5 + (steps - 8000) / 1500 + rng.normal(0, 0.3, 90)).round(), 1, 9)
    weight = (74 + 0.02 * np.arange(90) + rng.normal(0, 0.2, 90)).round(1)
    weight[70] /= 10
    given = []
    for i in range(90):
        day = TODAY - 90 + i
        given.append(NewDay("steps", day, float(steps[i]), "watch"))
        given.append(NewDay("mood", day, float(mood[i]), "watch"))
        given.append(NewDay("weight", day, float(weight[i]), "watch"))
    cases.write(ctx, days.write_rows, alice, given)
    analyse.run(ctx, alice.account_id)


@pytest.mark.usefixtures("found")
def test_a_link_is_told_with_what_it_rests_on(api: Api) -> None:
    [link] = api.ok("GET", "/links")["links"]
    assert {link["a"], link["b"]} == {"steps", "mood"}
    assert (link["lag"], link["sign"], link["n"], link["shape"]) == (0, 1, 90, "line")
    assert link["q"] < 0.001
    assert link["effect"]["low"] < link["effect"]["change"] < link["effect"]["high"]
    assert link["sentence"].startswith("With ")
    assert (link["from"], link["to"]) == ("2025-12-01", "2026-02-28")
    assert "feedback" not in link
    assert api.ok("GET", "/links?measures=steps")["links"] == [link]
    assert api.ok("GET", "/links?measures=weight")["links"] == []
    api.refused(400, "GET", "/links?measures=nothing_known")
    api.refused(400, "GET", "/links?limit=0")


@pytest.mark.usefixtures("found")
def test_what_one_thinks_of_a_link_stays_with_it(api: Api, ctx: Context, alice: Access) -> None:
    [link] = api.ok("GET", "/links")["links"]
    path = f"/links/{link['id']}/feedback"
    assert api.ok("PUT", path, {"opinion": "obvious"}) == {"id": link["id"], "opinion": "obvious"}
    analyse.run(ctx, alice.account_id, force=True)
    assert api.ok("GET", "/links")["links"][0]["feedback"] == "obvious"
    api.refused(400, "PUT", path, {"opinion": "great"})
    api.refused(404, "PUT", "/links/nowhere/feedback", {"opinion": "useful"})
    _, token = app_token(ctx, alice, on("diurnal"))
    [shown] = api.with_token(token).ok("GET", "/links")["links"]
    assert "feedback" not in shown
    api.ok("PUT", path, {"opinion": None})
    assert "feedback" not in api.ok("GET", "/links")["links"][0]


@pytest.mark.usefixtures("found")
def test_an_app_sees_findings_on_what_it_may_read_only(
    api: Api, ctx: Context, alice: Access
) -> None:
    _, token = app_token(ctx, alice, on("diurnal-steps"))
    app = api.with_token(token)
    assert app.ok("GET", "/links")["links"] == []
    for path, key in (
        ("/averages", "averages"),
        ("/goals", "goals"),
        ("/insights?every=true", "insights"),
        ("/trends", "trends"),
        ("/anomalies", "anomalies"),
    ):
        everything = api.ok("GET", path)[key]
        shown = app.ok("GET", path)[key]
        assert shown == [one for one in everything if one["measure"] == "steps"]
        assert len(shown) < len(everything)
    app.refused(400, "GET", "/averages?measures=mood")
    app.refused(403, "POST", "/analyses")


@pytest.mark.usefixtures("found")
def test_averages_trends_and_what_is_odd(api: Api, ctx: Context, alice: Access) -> None:
    [steps] = api.ok("GET", "/averages?measures=steps")["averages"]
    values = cases.read(ctx, days.values, alice, ["steps"], TODAY - 60, TODAY - 1)["steps"]
    assert steps["overall"] == np.median([day.value for day in values])
    assert (steps["n"], steps["date"], len(steps["weekdays"])) == (60, "2026-02-28", 7)
    assert steps["around"]["low"] < steps["overall"] < steps["around"]["high"]
    told = api.ok("GET", "/trends?measures=weight")
    assert [(t["measure"], t["to"]) for t in told["trends"]] == [("weight", "2026-02-28")]
    assert 0.015 < told["trends"][0]["perDay"] < 0.025
    [odd] = api.ok("GET", "/anomalies")["anomalies"]
    assert (odd["measure"], odd["kind"], odd["from"]) == ("weight", "typo", "2026-02-09")
    assert odd["instead"] == pytest.approx(10 * odd["value"])
    assert odd["excluded"]


@pytest.mark.usefixtures("found")
def test_insights_are_few_unless_all_are_asked_for(api: Api) -> None:
    few = api.ok("GET", "/insights")["insights"]
    every = api.ok("GET", "/insights?every=true")["insights"]
    assert 0 < len(few) <= 3
    assert len(few) < len(every)
    assert [one for one in every if one["shown"]] == few
    assert [one["surprise"] for one in every] == sorted(
        (one["surprise"] for one in every), reverse=True
    )
    assert len(api.ok("GET", "/insights?every=true&limit=1")["insights"]) == 1


@pytest.mark.usefixtures("found")
def test_a_goal_is_set_and_taken_back(api: Api) -> None:
    api.ok("PUT", "/days/steps/2026-03-01", {"value": 5000})
    [usual] = api.ok("GET", "/goals?measures=steps")["goals"]
    assert (usual["date"], usual["value"]) == ("2026-03-01", 5000)
    assert "goal" not in usual
    mine = api.ok("PUT", "/goals/steps", {"value": 4000})
    assert (mine["goal"], mine["end"], mine["share"], mine["reached"]) == (4000, 4000, 1.25, True)
    assert api.ok("GET", "/account")["settings"] == {"goals": {"steps": 4000}}
    assert api.ok("GET", "/goals?measures=steps")["goals"] == [mine]
    assert api.ok("PUT", "/goals/steps", {"value": None}) == usual
    api.refused(404, "PUT", "/goals/nothing_known", {"value": 1})
    api.refused(400, "PUT", "/goals/note", {"value": 1})
    assert api.ok("PUT", "/goals/floors", {"value": None})["streak"] == 0


def test_an_analysis_is_asked_for_and_followed(
    api: Api, ctx: Context, alice: Access, clock: Clock
) -> None:
    assert api.ok("GET", "/analyses") == {"analyses": []}
    assert api.ok("GET", "/links") == {"links": [], "looked": False}
    rows = [NewDay("steps", TODAY - i, 8000.0 + i, "watch") for i in range(1, 40)]
    cases.write(ctx, days.write_rows, alice, rows)
    asked = api("POST", "/analyses")
    assert asked.status_code == 202
    job: Any = asked.json()
    assert job["state"] == "waiting"
    assert api.ok("POST", "/analyses")["id"] == job["id"]
    assert step(ctx, {"analyse": handlers()["analyse"]}, owner="w")
    assert api.ok("GET", f"/analyses/{job['id']}")["state"] == "done"
    [run] = api.ok("GET", "/analyses")["analyses"]
    assert (run["from"], run["to"], run["measures"]) == ("2026-01-21", "2026-02-28", 1)
    assert run["found"]["average"] == 1
    api.refused(404, "GET", "/analyses/nowhere")


@pytest.mark.usefixtures("found")
def test_what_was_read_is_read_again_only_after_a_new_run(
    api: Api, ctx: Context, alice: Access, clock: Clock
) -> None:
    first = api("GET", "/links")
    known = {"If-None-Match": first.headers["etag"]}
    assert api("GET", "/links", headers=known).status_code == 304
    clock.tick(DAY)
    analyse.run(ctx, alice.account_id, force=True)
    assert api("GET", "/links", headers=known).status_code == 200


@pytest.mark.usefixtures("found")
def test_what_was_usual_in_past_weeks_is_told_oldest_first(api: Api) -> None:
    past = api.ok("GET", "/averages/history?measures=steps")["averages"]
    assert len(past) > 4
    assert [one["date"] for one in past] == sorted(one["date"] for one in past)
    assert {one["measure"] for one in past} == {"steps"}
    assert all(len(one["weekdays"]) == 7 for one in past)


def test_links_further_apart_are_found_when_somebody_asks(
    api: Api, ctx: Context, alice: Access
) -> None:
    rng = np.random.default_rng(5)
    load = rng.normal(60, 15, 200).round()
    sore = np.roll(load, 5) / 10 + rng.normal(0, 0.4, 200)
    given = []
    for i in range(200):
        day = TODAY - 200 + i
        given.append(NewDay("active_time", day, float(load[i]), "watch"))
        given.append(NewDay("mood", day, float(np.clip(sore[i], 1, 9)), "watch"))
    cases.write(ctx, days.write_rows, alice, given)
    analyse.run(ctx, alice.account_id)
    assert api.ok("GET", "/links") == {"links": [], "looked": True}
    assert api.ok("GET", "/links?lags=7") == {"links": [], "looked": False}
    api.refused(400, "POST", "/analyses?lags=8")
    job = api.ok("POST", "/analyses?lags=7")
    assert api.ok("POST", "/analyses?lags=7")["id"] == job["id"]
    while step(ctx, handlers(), owner="test"):
        pass
    [link] = api.ok("GET", "/links?lags=7")["links"]
    assert (link["a"], link["b"], link["lag"]) == ("active_time", "mood", 5)
    assert api.ok("GET", "/links")["links"] == []
    said = f"/links/{link['id']}/feedback"
    api.ok("PUT", said, {"opinion": "useful"})
    assert api.ok("GET", "/links?lags=5")["links"][0]["feedback"] == "useful"
