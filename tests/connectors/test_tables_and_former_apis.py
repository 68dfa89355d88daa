"""Gym and food tables, and answers of APIs that are gone."""

from __future__ import annotations

import pytest

from diurnal import plugins
from diurnal.connectors import Connector
from diurnal.connectors._lifting import seconds
from diurnal.model.records import Bad, Datum, DayDatum, Points
from diurnal.model.time import SECOND, to_datetime
from tests.connectors.reading import DATA, only, read

CONNECTORS = plugins.load("diurnal.connectors", "CONNECTOR", Connector)


def days(name: str) -> dict[str, float | str]:
    return {d.measure: d.value for d in only(DayDatum, read(CONNECTORS[name], DATA / name))}


def test_sets_become_the_workouts_they_belong_to() -> None:
    said = read(CONNECTORS["strong"], DATA / "strong")
    evening, morning = only(Datum, said, "workout")
    assert (evening.clock, evening.duration) == (True, 3_900 * SECOND)
    assert to_datetime(evening.start).strftime("%m-%d %H:%M") == "05-01 18:00"
    assert [s.get("weight") for s in evening.content["sets"]] == [80, 82.5]
    assert morning.content["sets"] == [{"exercise": "Plank", "set": "1", "seconds": 60}]
    assert len(only(Bad, said)) == 1


def test_pounds_and_miles_become_kilograms_and_kilometres() -> None:
    legs, row = only(Datum, read(CONNECTORS["hevy"], DATA / "hevy"), "workout")
    assert [s["weight_kg"] for s in legs.content["sets"]] == [45.3592, 90.7185]
    assert row.content["sets"][0]["distance_km"] == pytest.approx(4.989)
    assert to_datetime(row.start).strftime("%m-%d %H:%M") == "05-03 07:00"


@pytest.mark.parametrize(
    ("text", "expected"), [("1h 5m", 3_900), ("45m", 2_700), ("55s", 55), ("3600", 3_600)]
)
def test_lengths_are_read_as_the_app_writes_them(text: str, expected: int) -> None:
    assert seconds(text) == expected * SECOND


def test_meals_of_a_day_are_summed_and_an_empty_day_says_nothing() -> None:
    said = only(DayDatum, read(CONNECTORS["myfitnesspal"], DATA / "myfitnesspal"))
    assert {d.day for d in said} == {20_574}
    assert days("myfitnesspal")["energy_intake"] == 1_420
    assert days("myfitnesspal")["protein"] == 114
    said = only(DayDatum, read(CONNECTORS["cronometer"], DATA / "cronometer"))
    assert {d.day for d in said} == {20_574}
    assert days("cronometer")["caffeine"] == 95


def test_ihealth_times_are_of_the_clock_on_the_wall() -> None:
    said = read(CONNECTORS["ihealth"], DATA / "ihealth")
    weighed = only(Datum, said, "weight")
    # Eight seconds before it was changed, which is told in UTC.
    assert weighed[0].start == (1_442_520_257 - 8) * SECOND
    assert (weighed[0].offset, weighed[0].content) == (-480, 77.564388)
    [fat] = only(Datum, said, "body_fat")
    assert fat.content == 10
    assert {d.source.kind for d in only(Datum, said)} == {"dedicated", "manual"}
    nights = only(Datum, said, "sleep")
    assert nights[0].content["asleep"] == 345
    glucose = only(Points, said, "glucose")
    assert glucose[0].value[0] == pytest.approx(60 / 18.016, abs=0.001)


def test_misfit_stages_last_until_the_next() -> None:
    night = only(Datum, read(CONNECTORS["misfit"], DATA / "misfit"), "sleep")[0]
    stages = night.content["stages"]
    assert stages[0] == {"stage": "light", "start": 0, "duration": 1_140}
    assert sum(s["duration"] for s in stages) == (night.duration or 0) // SECOND
    walk = only(Datum, read(CONNECTORS["misfit"], DATA / "misfit"), "workout")[0]
    assert walk.content["distance"] == pytest.approx(1_508.1, abs=0.1)


def test_a_workout_without_an_offset_waits_for_where_the_person_was() -> None:
    said = only(Datum, read(CONNECTORS["runkeeper"], DATA / "runkeeper"), "workout")
    by_id = {d.source_id: d for d in said}
    old = by_id["/fitnessActivities/4928696"]
    assert (old.clock, to_datetime(old.start).hour) == (True, 10)
    ride = by_id["/fitnessActivities/465161536"]
    assert (ride.clock, ride.offset, to_datetime(ride.start).hour) == (False, 120, 11)


def test_pages_kept_elsewhere_move_in() -> None:
    pages = read(CONNECTORS["pocket"], DATA / "pocket")
    first, second = only(Datum, pages, "bookmark")
    assert (first.content, first.description) == ("https://example.com/c", "Hello, world")
    assert (first.tags, second.tags, second.description) == (("a", "b"), ("archive",), None)
    assert [b.reason for b in only(Bad, pages)] == ["there is no 'time_added'"]
    page = only(Datum, read(CONNECTORS["raindrop"], DATA / "raindrop"), "bookmark")[0]
    assert (page.source_id, page.tags) == ("1001", ("go", "reading"))
    marked = only(Datum, read(CONNECTORS["readwise"], DATA / "readwise"))
    assert marked[0].content == "A page read twice\nis a different page."
    assert marked[1].content == 'She said "hello".'
