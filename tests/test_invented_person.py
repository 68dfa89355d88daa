"""A whole year of an invented person, imported and read back as days, against the diary."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from diurnal.model.access import Access
from diurnal.model.time import day_from_text
from diurnal.services import days, imports
from diurnal.services.context import Context

DATA = Path(__file__).parent / "data"
EXPORT = DATA / "apple_health" / "synthetic_export.zip"
DIARY = DATA / "csv" / "daily.csv"
CLOCK_CHANGES = ("2025-10-26", "2026-03-29")
TRIP = ("2026-05-10", "2026-05-11", "2026-05-24", "2026-05-25")


def diary() -> list[dict[str, str]]:
    with DIARY.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def bring_in(ctx: Context, owner: Access, path: Path) -> imports.Result:
    batch = ctx.store.write(
        lambda tx: imports.start(tx, ctx, owner, paths=[str(path)], name=path.name)
    ).result()
    return imports.run(ctx, owner.account_id, batch)


def told(ctx: Context, owner: Access, measure: str) -> list[days.Day]:
    rows = diary()
    first, last = day_from_text(rows[0]["date"]), day_from_text(rows[-1]["date"])
    return ctx.store.read(lambda tx: days.values(tx, ctx, owner, [measure], first, last))[measure]


def test_days_of_an_apple_export_are_the_days_of_the_diary(ctx: Context, alice: Access) -> None:
    bring_in(ctx, alice, EXPORT)
    rows = diary()
    steps = told(ctx, alice, "steps")
    off = {
        row["date"]: (row["steps"], day.value)
        for row, day in zip(rows, steps, strict=True)
        if abs(float(day.value or 0) - float(row["steps"])) > 0.005 * float(row["steps"])
    }
    assert off == {}
    known = {row["date"] for row in rows}
    assert {*CLOCK_CHANGES, *TRIP} <= known
    resting = told(ctx, alice, "heart_rate_resting")
    for row, day in zip(rows, resting, strict=True):
        assert day.value == pytest.approx(float(row["resting_hr"]), abs=0.5), row["date"]
    weighed = [day for day in told(ctx, alice, "weight") if day.value is not None]
    by_day = {day_from_text(row["date"]): row["weight_kg"] for row in rows}
    assert len(weighed) > 100
    for day in weighed:
        assert day.value == pytest.approx(float(by_day[day.day]), abs=0.05)


def test_the_same_export_again_brings_nothing_new(ctx: Context, alice: Access) -> None:
    first = bring_in(ctx, alice, EXPORT)
    before = told(ctx, alice, "steps")
    second = bring_in(ctx, alice, EXPORT)
    assert first.new > 0
    assert (second.new, second.changed) == (0, 0)
    assert second.same == first.new
    assert told(ctx, alice, "steps") == before


def test_an_undone_import_leaves_no_day_behind(ctx: Context, alice: Access) -> None:
    result = bring_in(ctx, alice, EXPORT)
    assert any(day.value for day in told(ctx, alice, "sleep"))
    imports.undo(ctx, alice, result.batch)
    for measure in ("steps", "sleep", "weight", "heart_rate_resting", "workout"):
        assert all(day.value is None for day in told(ctx, alice, measure)), measure
    again = bring_in(ctx, alice, EXPORT)
    assert again.new == result.new


def test_the_diary_itself_comes_in_without_questions(ctx: Context, alice: Access) -> None:
    bring_in(ctx, alice, DIARY)
    for column, measure in (("steps", "steps"), ("mood", "mood"), ("coffee", "coffee")):
        values = told(ctx, alice, measure)
        for row, day in zip(diary(), values, strict=True):
            expected = float(row[column]) if row[column] else None
            assert day.value == expected, (column, row["date"])
