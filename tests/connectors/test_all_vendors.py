"""One invented person's data from every vendor, in any order and twice, against the diary."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from diurnal.model.access import Access
from diurnal.model.time import day_from_text, day_text
from diurnal.services import days, events, imports, series
from diurnal.services.context import Context
from tests.connectors.reading import DATA
from tests.test_invented_person import EXPORT as APPLE
from tests.test_invented_person import bring_in, diary

VENDORS = {
    name: DATA / name / f"synthetic_{name}.zip"
    for name in (
        "fitbit",
        "google_health",
        "health_connect",
        "nightscout",
        "oura",
        "samsung_health",
        "strava",
        "whoop",
    )
}
STATED = ("steps", "sleep", "sleep_start", "heart_rate_resting", "weight", "workout", "glucose")
TRIP = ("2026-05-10", "2026-05-11", "2026-05-17", "2026-05-24", "2026-05-25")


def told(ctx: Context, owner: Access, measure: str) -> dict[str, Any]:
    rows = diary()
    first, last = day_from_text(rows[0]["date"]), day_from_text(rows[-1]["date"])
    found = ctx.store.read(lambda tx: days.values(tx, ctx, owner, [measure], first, last))
    return {day_text(d.day): d.value for d in found[measure] if d.value is not None}


def off(found: dict[str, Any], column: str, within: float, *, share: bool) -> dict[str, Any]:
    """Return the days that differ from the diary by more than they may."""
    said = {row["date"]: float(row[column]) for row in diary()}
    return {
        day: (value, said[day])
        for day, value in found.items()
        if abs(value - said[day]) > (within * said[day] if share else within + 1e-9)
    }


def everything(ctx: Context, owner: Access, measures: Iterable[str] = STATED) -> dict[str, Any]:
    """Return what the store says, but for ids and for when it was written."""
    told_events = []
    for found in ctx.store.read(lambda tx: events.find(tx, ctx, owner)):
        e = json.loads(f"{found.body[:-1]},{found.tail}")
        for name in ("id", "seq", "created", "modified", "batch", "integrity"):
            e.pop(name, None)
        told_events.append(json.dumps(e, sort_keys=True))
    return {
        "events": sorted(told_events),
        "series": [
            (s.measure, s.source, s.n, s.first, s.last)
            for s in ctx.store.read(lambda tx: series.listed(tx, ctx, owner))
        ],
        "days": {measure: told(ctx, owner, measure) for measure in measures},
    }


def all_of(ctx: Context, owner: Access, paths: Iterable[Path]) -> list[imports.Result]:
    return [bring_in(ctx, owner, path) for path in paths]


@pytest.mark.parametrize(
    "engine",
    ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow])],
)
def test_all_vendors_in_any_order_tell_the_diary(
    ctx: Context, alice: Access, charlie: Access
) -> None:
    order = [APPLE, *VENDORS.values()]
    random.Random(7).shuffle(order)
    first = all_of(ctx, alice, order)
    assert all(r.read > 0 for r in first)
    assert [path for r in first for path in r.unknown] == []
    assert off(told(ctx, alice, "steps"), "steps", 0.005, share=True) == {}
    assert off(told(ctx, alice, "sleep"), "sleep_min", 0.01, share=True) == {}
    assert off(told(ctx, alice, "heart_rate_resting"), "resting_hr", 0.5, share=False) == {}
    assert off(told(ctx, alice, "weight"), "weight_kg", 0.05, share=False) == {}
    assert {len(told(ctx, alice, m)) for m in ("steps", "sleep", "heart_rate_resting")} == {365}
    assert len(told(ctx, alice, "weight")) > 100
    assert set(TRIP) <= told(ctx, alice, "sleep").keys()
    before = everything(ctx, alice)

    again = all_of(ctx, alice, order)
    assert [(r.new, r.changed) for r in again] == [(0, 0)] * len(order)
    assert everything(ctx, alice) == before

    all_of(ctx, charlie, reversed(order))
    assert everything(ctx, charlie) == before


@pytest.mark.parametrize(
    ("vendor", "measure", "column", "within", "share", "n"),
    [
        ("oura", "sleep", "sleep_min", 0.01, True, 365),
        ("fitbit", "sleep", "sleep_min", 0.01, True, 62),
        ("whoop", "heart_rate_resting", "resting_hr", 0.5, False, 149),
        ("health_connect", "heart_rate_resting", "resting_hr", 0.5, False, 91),
        ("health_connect", "weight", "weight_kg", 0.05, False, 26),
    ],
)
@pytest.mark.parametrize("engine", ["sqlite"])
def test_what_a_vendor_states_is_the_diary(
    ctx: Context,
    alice: Access,
    vendor: str,
    measure: str,
    column: str,
    within: float,
    share: bool,
    n: int,
) -> None:
    bring_in(ctx, alice, VENDORS[vendor])
    found = told(ctx, alice, measure)
    assert len(found) == n
    assert off(found, column, within, share=share) == {}


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_night_by_the_clock_follows_the_traveller(ctx: Context, alice: Access) -> None:
    """Fitbit's sleeps have no zone: they move when another source tells where one was."""
    bring_in(ctx, alice, VENDORS["fitbit"])
    at_home = told(ctx, alice, "sleep_start")
    bring_in(ctx, alice, APPLE)
    nights = ctx.store.read(lambda tx: events.find(tx, ctx, alice))
    told_there = [
        json.loads(f"{e.body[:-1]},{e.tail}")
        for e in nights
        if '"source":"Fitbit"' in e.tail and '"localDate":"2026-05-17"' in e.tail
    ]
    assert [e["offset"] for e in told_there] == [-240]
    assert at_home["2026-05-17"] == told(ctx, alice, "sleep_start")["2026-05-17"]
