"""What is particular to single health sources: units that are not told, clocks, gaps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diurnal import plugins
from diurnal.connectors import (
    Connector,
    _blocks,
    dexcom_clarity,
    fitbit,
    garmin,
    google_activity,
    google_fit,
    google_health,
    google_timeline,
    health_connect,
    libre,
    nightscout,
    oura,
    polar,
    samsung_health,
    whoop,
    withings,
)
from diurnal.connectors._drop import drop
from diurnal.connectors._health import overlaid
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Datum, DayDatum, Points
from diurnal.model.time import HOUR, MINUTE, SECOND
from diurnal.store import foreign
from tests.connectors.reading import DATA, only, read


def written(folder: Path, name: str, said: Any) -> Path:
    path = folder / name
    path.write_text(said if isinstance(said, str) else json.dumps(said))
    return path


def test_a_weight_in_fitbit_s_takeout_is_in_the_profile_s_unit() -> None:
    said = read(fitbit.CONNECTOR, DATA / "fitbit" / "takeout_small.zip")
    weights = only(Datum, said, "weight")
    assert [w.content for w in weights] == [83.098122, 82.962044]
    assert [w.source.name for w in weights] == ["Fitbit Aria", "Fitbit (typed)"]


def test_a_weight_without_a_unit_is_not_guessed(tmp_path: Path) -> None:
    row = {"logId": 1, "weight": 183.2, "bmi": 25.6, "date": "03/02/26", "time": "06:30:00"}
    said = read(fitbit.CONNECTOR, written(tmp_path, "weight-2026-03-02.json", [row]))
    assert only(Datum, said) == []
    assert "unit is not told" in only(Bad, said)[0].reason


def test_a_weight_without_a_unit_is_in_the_one_that_fits_the_height(tmp_path: Path) -> None:
    row = {"logId": 1, "weight": 183.2, "bmi": 25.6, "date": "03/02/26", "time": "06:30:00"}
    written(tmp_path, "weight-2026-03-02.json", [row, {**row, "logId": 2, "bmi": 50}])
    profile = "id,weight_unit,height,timezone\nABC,,180.0,Europe/Berlin\n"
    written(tmp_path, "Profile.csv", profile)
    said = read(fitbit.CONNECTOR, tmp_path)
    assert [w.content for w in only(Datum, said, "weight")] == [83.098122]
    assert [b.where for b in only(Bad, said)] == ["weight-2026-03-02.json: item 2"]


def test_fitbit_s_kinds_that_look_alike_are_told_by_name_only(tmp_path: Path) -> None:
    rows = [{"dateTime": "03/02/26 06:30:00", "value": "12"}]
    connector = fitbit.CONNECTOR
    assert connector.recognise is not None
    for name, sure in (("steps-2026-03-02.json", 0.9), ("distance-2026-03-02.json", 0.0)):
        with drop(written(tmp_path, name, rows)) as dropped:
            assert connector.recognise(dropped.entries[name]) == sure


def test_short_wakings_cut_the_stage_they_lie_in() -> None:
    base = [("light", 0, 100), ("deep", 100, 200)]
    assert list(overlaid(base, [("awake", 40, 60), ("awake", 190, 210)])) == [
        ("light", 0, 40),
        ("light", 60, 100),
        ("deep", 100, 190),
        ("awake", 40, 60),
        ("awake", 190, 210),
    ]


def test_a_sleep_by_the_clock_keeps_its_true_length(tmp_path: Path) -> None:
    """On the night of the change to summer time the clock shows an hour more than was slept."""
    log = {
        "logId": 5,
        "startTime": "2026-03-28T23:00:00.000",
        "endTime": "2026-03-29T07:00:00.000",
        "duration": 7 * HOUR // 1000,
        "minutesAsleep": 400,
        "levels": {"data": []},
    }
    [night] = only(Datum, read(fitbit.CONNECTOR, written(tmp_path, "sleep.json", [log])))
    assert night.clock
    assert night.duration == 7 * HOUR
    assert night.content["asleep"] == 400


def test_fitbit_s_stages_follow_each_other_but_for_short_wakings(tmp_path: Path) -> None:
    log = {
        "logId": 6,
        "startTime": "2026-03-01T23:00:00.000",
        "endTime": "2026-03-02T00:00:00.000",
        "duration": HOUR // 1000,
        "minutesAsleep": 58,
        "levels": {
            "data": [{"level": "light", "seconds": 1200}, {"level": "deep", "seconds": 2400}],
            "shortData": [{"dateTime": "2026-03-01T23:10:00.000", "seconds": 120}],
        },
    }
    [night] = only(Datum, read(fitbit.CONNECTOR, written(tmp_path, "sleep.json", [log])))
    assert [(s["stage"], s["start"], s["duration"]) for s in night.content["stages"]] == [
        ("light", 0, 600),
        ("light", 720, 480),
        ("deep", 1200, 2400),
        ("awake", 600, 120),
    ]


def test_samsung_counts_all_devices_together_once() -> None:
    said = read(samsung_health.CONNECTOR, DATA / "samsung_health" / "synthetic_samsung_health.zip")
    steps = only(DayDatum, said, "steps")
    assert (len(steps), steps[0].value, steps[0].day) == (365, 8546.0, 20362)


def test_samsung_s_stages_come_from_the_file_beside(tmp_path: Path) -> None:
    sleep = (
        "com.samsung.shealth.sleep,1,2\ncom.samsung.health.sleep.start_time,"
        "com.samsung.health.sleep.end_time,com.samsung.health.sleep.time_offset,"
        "com.samsung.health.sleep.datauuid\n2026-03-01 22:00:00.000,2026-03-02 06:00:00.000,"
        "UTC+0530,id-1,\n"
    )
    stages = (
        "com.samsung.health.sleep_stage,1,2\nstart_time,end_time,sleep_id,stage\n"
        "2026-03-01 22:30:00.000,2026-03-01 23:30:00.000,id-1,40003,\n"
    )
    written(tmp_path, "com.samsung.shealth.sleep.1.csv", sleep)
    written(tmp_path, "com.samsung.health.sleep_stage.1.csv", stages)
    [night] = only(Datum, read(samsung_health.CONNECTOR, tmp_path))
    assert night.offset == 330
    assert night.content["stages"] == [{"stage": "deep", "start": 1800, "duration": 3600}]


def test_one_stage_without_a_time_does_not_lose_all_nights_of_samsung(tmp_path: Path) -> None:
    sleeps = (
        "com.samsung.shealth.sleep,1,2\nstart_time,end_time,datauuid\n"
        "2026-03-01 22:00:00.000,2026-03-02 06:00:00.000,id-1,\n"
        "2026-03-02 22:00:00.000,2026-03-03 06:00:00.000,id-2,\n"
    )
    stages = (
        "com.samsung.health.sleep_stage,1,2\nstart_time,end_time,sleep_id,stage\n"
        "2026-03-01 23:00:00.000,2026-03-01 23:30:00.000,id-1,40003,\n"
        "2026-03-01 22:30:00.000,long,id-1,40002,\n"
        "2026-03-01 22:00:00.000,2026-03-01 23:00:00.000,id-1,40002,\n"
        "2026-03-02 22:30:00.000,2026-03-02 23:30:00.000,id-2,40004,\n"
    )
    written(tmp_path, "sleep.csv", sleeps)
    written(tmp_path, "stages.csv", stages)
    said = read(samsung_health.CONNECTOR, tmp_path)
    assert [[s["stage"] for s in night.content["stages"]] for night in only(Datum, said)] == [
        ["light", "deep"],
        ["rem"],
    ]
    assert [(b.reason, b.where) for b in only(Bad, said)] == [("no time: 'long'", "stages.csv:4")]


SAMSUNG = {
    "weight": "start_time,time_offset,weight,body_fat,height,datauuid\nT,UTC-0530,80.5,20,0,a",
    "tracker.heart_rate": "start_time,time_offset,heart_rate,datauuid\nT,UTC+0100,70,a",
    "oxygen_saturation": "start_time,spo2,datauuid\nT,94,a",
    "blood_glucose": "start_time,glucose,datauuid\nT,5.5,a",
    "floors_climbed": "start_time,end_time,floor,datauuid\nT,E,3,a",
    "water_intake": "start_time,amount,datauuid\nT,250,a",
    "blood_pressure": "start_time,systolic,diastolic,pulse,datauuid\nT,120,80,61,a",
    "exercise": "start_time,end_time,distance,calorie,duration,exercise_type,datauuid\n"
    "T,E,1000.5,80,3600000,1002,a",
}


@pytest.mark.parametrize(
    ("type_", "told"),
    [
        ("weight", [("weight", 80.5, -330), ("body_fat", 20, -330)]),
        ("tracker.heart_rate", [("heart_rate", 70, 60)]),
        ("oxygen_saturation", [("spo2", 0.94, None)]),
        ("blood_glucose", [("glucose", 5.5, None)]),
        ("floors_climbed", [("floors", 3, None)]),
        ("water_intake", [("water", 250, None)]),
        (
            "blood_pressure",
            [("blood_pressure", {"systolic": 120, "diastolic": 80, "rate": 61}, None)],
        ),
        (
            "exercise",
            [
                (
                    "workout",
                    {"activity": "running", "distance": 1000.5, "energy": 80, "moving": 3600},
                    None,
                )
            ],
        ),
    ],
)
def test_samsung_s_types_are_read_and_a_row_without_its_value_is_told(
    tmp_path: Path, type_: str, told: list[Any]
) -> None:
    rows = SAMSUNG[type_].replace("T,", "2026-03-01 22:00:00.000,")
    rows = rows.replace("E,", "2026-03-01 23:00:00.000,")
    first = f"com.samsung.shealth.{type_},1,2\n"
    said = read(samsung_health.CONNECTOR, written(tmp_path, "a.csv", f"{first}{rows},\nx,,,,,,\n"))
    events = [(d.measure, d.content, d.offset) for d in only(Datum, said)]
    points = [(p.measure, p.value[0], p.offset and p.offset[0]) for p in only(Points, said)]
    assert events + points == told
    assert {d.start for d in only(Datum, said)} | {p.start[0] for p in only(Points, said)} == {
        1772402400 * SECOND
    }
    ends = {p.end[0] - p.start[0] for p in only(Points, said)}
    assert ends <= ({HOUR} if type_ == "floors_climbed" else {0})
    assert [b.where for b in only(Bad, said)] == ["a.csv:4"]


def test_an_app_of_health_connect_is_a_source() -> None:
    said = read(health_connect.CONNECTOR, DATA / "health_connect" / "synthetic_health_connect.zip")
    assert {p.source.name for p in only(Points, said, "steps")} == {"Fit", "Fitbit"}
    weight = only(Datum, said, "weight")[0]
    assert (weight.content, weight.offset) == (81.2, 120)
    assert only(Bad, said) == []


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    with drop(
        DATA / "health_connect" / "synthetic_health_connect.zip", tables=foreign.tables
    ) as dropped:
        [entry] = dropped.entries.values()
        with entry.open() as stream:
            whole = stream.read()
    cut = tmp_path / "health_connect_export.db"
    cut.write_bytes(whole[:200_000])
    with pytest.raises(InvalidInput, match="cannot be read"):
        read(health_connect.CONNECTOR, cut)


def test_whoop_leaves_what_is_not_scored_for_later() -> None:
    said = read(whoop.CONNECTOR, DATA / "whoop" / "synthetic_whoop.zip")
    assert len(only(Datum, said, "heart_rate_resting")) == 149
    assert only(Bad, said) == []
    [run] = only(Datum, read(whoop.CONNECTOR, DATA / "whoop" / "workout.json"))
    assert (run.content["energy"], run.offset) == (500, -300)


def test_oura_states_the_minutes_asleep() -> None:
    said = read(oura.CONNECTOR, DATA / "oura" / "synthetic_oura.zip")
    night = only(Datum, said, "sleep")[0]
    assert night.content["asleep"] == 459
    assert {s["stage"] for s in night.content["stages"]} == {"awake", "light", "deep", "rem"}
    ends = [s["start"] + s["duration"] for s in night.content["stages"]]
    assert max(ends) <= (night.duration or 0) / SECOND


def test_withings_leaves_goals_and_knows_powers_of_ten() -> None:
    folder = DATA / "withings"
    goals = read(withings.CONNECTOR, folder / "withings-body-measures-only-goal.json")
    assert only(Datum, goals) == []
    said = read(withings.CONNECTOR, folder / "withings-body-measures.json")
    assert [d.content for d in only(Datum, said, "weight")] == [74.126, 74.128]
    [pressure] = only(Datum, said, "blood_pressure")
    assert pressure.content == {"systolic": 104, "diastolic": 68, "rate": 41}
    # A pulse that was told with a pressure is no point of its own.
    [pulses] = only(Points, said, "heart_rate")
    assert list(pulses.value) == [51, 47]


def test_withings_parts_of_a_night_make_one() -> None:
    said = read(withings.CONNECTOR, DATA / "withings" / "withings-sleep-measures.json")
    [night] = only(Datum, said)
    assert night.source_id == "phases:1417550400"
    assert [s["stage"] for s in night.content["stages"]] == ["awake", "light", "rem"]


def test_a_withings_answer_of_another_kind_is_not_taken_for_one_of_minutes(tmp_path: Path) -> None:
    other = {"status": 0, "body": {"series": {"1434758640": {"mood": 1}}}}
    with drop(written(tmp_path, "a.json", other)) as dropped:
        assert withings.CONNECTOR.recognise is not None
        assert withings.CONNECTOR.recognise(dropped.entries["a.json"]) == 0.0


def test_polar_s_hypnogram_runs_over_midnight() -> None:
    [night] = only(Datum, read(polar.CONNECTOR, DATA / "polar" / "sample_sleep.json"))
    assert [(s["stage"], s["start"] / 60) for s in night.content["stages"]] == [
        ("awake", 0),
        ("light", 30),
        ("deep", 90),
        ("rem", 210),
        ("light", 300),
    ]


def test_a_night_that_polar_did_not_measure_has_no_values(tmp_path: Path) -> None:
    night = {"date": "2026-01-15", "ans_charge": 1.2, "breathing_rate_avg": 14.5}
    path = written(tmp_path, "a.json", {"recharges": [{**night, "heart_rate_variability_avg": 0}]})
    [breath] = only(DayDatum, read(polar.CONNECTOR, path))
    assert (breath.measure, breath.value) == ("respiratory_rate", 14.5)


def test_garmin_s_two_clocks_say_the_offset() -> None:
    [night] = only(Datum, read(garmin.CONNECTOR, DATA / "garmin" / "connect_sleep.json"))
    assert (night.offset, night.content["asleep"]) == (-300, 429)
    said = read(garmin.CONNECTOR, DATA / "garmin" / "export.zip")
    [run] = only(Datum, said, "workout")
    assert (run.offset, run.duration, run.content["distance"]) == (60, 30 * MINUTE, 5000)


def test_garmin_s_health_api_says_seconds_and_the_offset(tmp_path: Path) -> None:
    at = {"startTimeInSeconds": 1_705_273_200, "startTimeOffsetInSeconds": -18_000}
    night = {**at, "durationInSeconds": 28_800, "deepSleepDurationInSeconds": 7_200}
    path = written(tmp_path, "a.json", [{**night, "remSleepInSeconds": 600}])
    [slept] = only(Datum, read(garmin.CONNECTOR, path))
    assert (slept.offset, slept.content["asleep"], slept.duration) == (-300, 130, 8 * HOUR)
    epoch = {**at, "durationInSeconds": 900, "steps": 250, "intensity": "ACTIVE"}
    path = written(tmp_path, "b.json", [{**epoch, "meanHeartRateInBeatsPerMinute": 85}])
    [steps] = only(Points, read(garmin.CONNECTOR, path))
    assert (steps.measure, steps.value[0], steps.end[0] - steps.start[0]) == (
        "steps",
        250,
        15 * MINUTE,
    )
    weighed = {"weight": {"weight": 80_123, "timestampGMT": "2026-01-01T07:00:00.0"}}
    path = written(tmp_path, "c.json", [{**weighed, "metaData": {"calendarDate": "2026-01-01"}}])
    [weight] = only(Datum, read(garmin.CONNECTOR, path))
    assert (weight.content, weight.source.name) == (80.123, "Garmin Index")


def test_a_heart_that_was_not_measured_at_rest_has_no_rate(tmp_path: Path) -> None:
    day = {"calendarDate": "2026-01-07", "totalSteps": 0, "activeKilocalories": 9}
    said = read(garmin.CONNECTOR, written(tmp_path, "a.json", [{**day, "restingHeartRate": 0}]))
    assert [(d.measure, d.value) for d in only(DayDatum, said)] == [
        ("steps", 0),
        ("energy_active", 9),
    ]


def test_a_reading_beyond_the_sensor_is_told_and_no_number() -> None:
    said = read(dexcom_clarity.CONNECTOR, DATA / "dexcom_clarity" / "clarity.csv")
    assert len(only(Datum, said, "glucose")) == 2
    assert only(Bad, said)[0].reason == "beyond what the sensor measures: Low"


def test_libre_reads_days_and_months_as_the_file_has_them(tmp_path: Path) -> None:
    german = read(libre.CONNECTOR, DATA / "libre" / "libreview_de.csv")
    assert [d.content for d in only(Datum, german, "glucose")] == [5.4, 5.9, 6.1]
    american = (DATA / "libre" / "libreview_us.csv").read_text()
    unsure = american.replace(" AM", "").replace(" PM", "")
    with pytest.raises(InvalidInput, match="day or the month"):
        read(libre.CONNECTOR, written(tmp_path, "libre.csv", unsure))


def test_nightscout_says_the_offset_and_leaves_faults() -> None:
    said = read(nightscout.CONNECTOR, DATA / "nightscout" / "synthetic_nightscout.zip")
    points = only(Points, said, "glucose")
    assert sum(len(p.start) for p in points) == 3953
    assert {o for p in points for o in p.offset or ()} == {120}
    assert {p.source.kind for p in points} == {"dedicated"}


def test_google_fit_counts_what_lies_in_two_files_once() -> None:
    said = read(google_fit.CONNECTOR, DATA / "google_fit" / "takeout_de.zip")
    steps = only(Points, said, "steps")
    assert {p.source.name for p in steps} == {"Google Fit Google Pixel 9"}
    assert len({(s, e) for p in steps for s, e in zip(p.start, p.end, strict=True)}) == 2


def test_segments_of_google_fit_make_a_night(tmp_path: Path) -> None:
    parts = [
        {
            "dataTypeName": "com.google.sleep.segment",
            "originDataSourceId": "raw:com.google.sleep.segment:com.example.app:x",
            "startTimeNanos": start * HOUR * 1_000,
            "endTimeNanos": (start + 1) * HOUR * 1_000,
            "fitValue": [{"value": {"intVal": stage}}],
        }
        for start, stage in ((1, 4), (2, 5), (3, 3))
    ]
    said = read(google_fit.CONNECTOR, written(tmp_path, "a.json", {"Data Points": parts}))
    [night] = only(Datum, said)
    assert (night.source_id, night.duration) == ("segments:3600", 2 * HOUR)
    assert [s["stage"] for s in night.content["stages"]] == ["light", "deep"]


def test_places_of_the_timeline_that_ran_over_are_brought_back() -> None:
    said = read(google_timeline.CONNECTOR, DATA / "google_timeline" / "Records.json")
    assert [d.content["longitude"] for d in only(Datum, said)] == [13.4, -74.1]
    assert only(Bad, said)[0].where == "Records.json: item 22"


def test_records_of_any_order_of_members_are_read(tmp_path: Path) -> None:
    """Blocks are cut before `latitudeE7`; where it does not come first, fixes are read singly."""
    rows = [
        {"timestamp": f"2024-03-02T10:{i:02}:00Z", "latitudeE7": 525_000_000 + i, "longitudeE7": 1}
        for i in range(50)
    ]
    swapped = read(google_timeline.CONNECTOR, written(tmp_path, "a.json", {"locations": rows}))
    plain = [{k: row[k] for k in sorted(row)} for row in rows]
    usual = read(google_timeline.CONNECTOR, written(tmp_path, "b.json", {"locations": plain}))
    assert only(Datum, swapped) == only(Datum, usual)
    assert only(Datum, usual)[0].content["track"].count(";") == 49


@pytest.mark.parametrize(
    "odd",
    [
        {"timestamp": "2024-03-02T10:05:07Z"},
        {"timestamp": "2024-03-02T10:05:07.9Z"},
        {"timestamp": "2024-03-02T10:05:07.123999Z"},
        {"timestamp": "2024-03-02T10:05:07.123456789Z"},
        {"timestamp": "2024-03-02T12:05:07.250+02:00"},
        {"timestamp": "2024-03-02 10:05:07.250Z"},
        {"timestamp": "2024-W09-6T10:05:07.250Z"},
        {"timestamp": "2024-03-02T10:05:07.250"},
        {"timestamp": "2024-03-02T10:05:60.250Z"},
        {"timestamp": "2024-03-02T10:65:07.250Z"},
        {"timestamp": "2024-03-02T10:05:0x.250Z"},
        {"timestamp": "2024-03-02T10:05:07,250Z"},
        {"timestamp": "2024-03-02T10:05-07.250Z"},
        {"timestamp": "2024-13-02T10:05:07.250Z"},
        {"timestamp": "2024-03-02T10:05:07.25\u0660Z"},
        {"timestamp": "2024-03-02T10:05:07.2"},
        {"timestamp": "2024-03-02T10:05:07.250Z2024-03-02T10:05:08Z"},
        {"timestamp": ""},
        {"timestamp": None},
        {"accuracy": 12.75},
        {"accuracy": 1e300},
        {"accuracy": -1e300},
        {"accuracy": "near"},
        {"latitudeE7": 900_000_001},
        {"latitudeE7": 52.5},
        {"longitudeE7": 4_294_967_295},
        {"latitudeE7": -1, "longitudeE7": -1, "altitude": [{"latitudeE7": 3}]},
    ],
)
def test_an_odd_fix_among_many_is_read_as_if_it_were_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: dict[str, Any]
) -> None:
    """Most fixes are read many at once; what that makes of them is what each says by itself."""
    monkeypatch.setattr(_blocks, "BLOCK", 1_000)
    fixes: list[dict[str, Any]] = [
        {
            "latitudeE7": 525_000_000 + i,
            "longitudeE7": -1_340_000_000,
            "accuracy": 12,
            "timestamp": f"2024-03-{2 + i // 50:02}T{10 + i // 20:02}:{i % 60:02}:07.{i:03}Z",
        }
        for i in range(100)
    ]
    fixes[60] |= odd
    path = written(tmp_path, "Records.json", {"locations": fixes})
    many = read(google_timeline.CONNECTOR, path)
    monkeypatch.setattr(_blocks, "_border", lambda *_: 0)
    one_by_one = read(google_timeline.CONNECTOR, path)
    assert only(Datum, many) == only(Datum, one_by_one)
    assert [b.raw for b in only(Bad, many)] == [b.raw for b in only(Bad, one_by_one)]
    told = sum(d.content["track"].count(";") + 1 for d in only(Datum, many))
    assert told + len(only(Bad, many)) == len(fixes)


def test_a_fix_nested_without_end_costs_the_rest_but_not_what_came_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_blocks, "BLOCK", 1_000)
    fix = '{"latitudeE7": 525000000, "longitudeE7": 1, "timestamp": "2024-03-02T10:%02d:00Z"%s}'
    deep = ', "x": ' + "[" * 100_000 + "]" * 100_000
    fixes = ",".join(fix % (i, deep if i == 50 else "") for i in range(60))
    path = written(tmp_path, "Records.json", f'{{"locations": [{fixes}]}}')
    said = read(google_timeline.CONNECTOR, path)
    assert "nested deeper" in only(Bad, said)[-1].reason
    assert only(Datum, said)[0].content["track"].count(";") > 30


def test_google_s_html_is_read_in_the_account_s_language() -> None:
    said = read(google_activity.CONNECTOR, DATA / "google_activity" / "MeineAktivitaeten.html")
    [search] = only(Datum, said)
    assert search.clock
    assert search.content == {
        "title": "Gesucht nach: wetter",
        "url": "https://www.google.com/search?q=wetter",
    }
    assert "no date" in only(Bad, said)[0].reason


def test_each_reads_a_list_of_nothing_without_a_word(tmp_path: Path) -> None:
    """Empty lists and objects are nobody's: they are listed as unknown."""
    for connector in plugins.load("diurnal.connectors", "CONNECTOR", Connector).values():
        for said in ("[]", "{}", ""):
            with drop(written(tmp_path, "empty.json", said)) as dropped:
                for entry in dropped.entries.values():
                    assert connector.recognise is None or connector.recognise(entry) < 0.5


def test_94_percent_of_oxygen_at_google_health_is_0_94(tmp_path: Path) -> None:
    told = {"sampleTime": {"physicalTime": "2026-03-01T22:00:00Z"}, "percentage": 94}
    page = {"dataPoints": [{"dataSource": {"platform": "FITBIT"}, "oxygenSaturation": told}]}
    said = read(google_health.CONNECTOR, written(tmp_path, "a.json", page))
    assert [list(p.value) for p in only(Points, said, "spo2")] == [[0.94]]
