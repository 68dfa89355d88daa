"""What an Apple Health export becomes."""

from __future__ import annotations

import io
import subprocess
import sys
import time
import zipfile
from collections import Counter
from itertools import groupby
from pathlib import Path

import pytest

from bench.make_apple_export import write
from diurnal.connectors.apple_health import CONNECTOR, elements, nights, pressures, routes
from diurnal.errors import AppError, InvalidInput
from diurnal.model.records import Bad, Datum, DayDatum, Points, Progress, Source, ZoneSeen
from diurnal.model.time import HOUR, MINUTE, SECOND, day_from_text, to_datetime
from tests.connectors.reading import DATA, only, read

SAMPLES = DATA / "apple_health"
SPAN = 'startDate="2026-05-10 06:12:00 +0200" endDate="2026-05-10 06:22:00 +0200"'
INSTANT = 'startDate="2026-05-10 06:12:00 +0200" endDate="2026-05-10 06:12:00 +0200"'
AT = 1_778_386_320 * SECOND
STEPS = f'<Record type="HKQuantityTypeIdentifierStepCount" sourceName="iPhone" unit="count" {SPAN}'
LONG_AGO = 'startDate="2001-01-01 00:00:00 +0000" endDate="2001-01-01 00:00:00 +0000"'


def export(tmp_path: Path, *body: str, head: str = "", tail: str = "</HealthData>") -> Path:
    path = tmp_path / "export.xml"
    text = "\n".join(('<?xml version="1.0"?>', head, "<HealthData>", *body, tail))
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def hk(type_: str, value: str, unit: str = "", span: str = INSTANT, source: str = "Watch") -> str:
    said = f'unit="{unit}" ' if unit else ""
    return f'<Record type="HK{type_}" sourceName="{source}" {said}{span} value="{value}"/>'


def asleep(stage: str, start: str, end: str, source: str = "Watch", zone: str = "") -> str:
    child = f'<MetadataEntry key="HKTimeZone" value="{zone}"/>' if zone else ""
    return (
        f'<Record type="HKCategoryTypeIdentifierSleepAnalysis" sourceName="{source}"'
        f' startDate="{start} +0000" endDate="{end} +0000"'
        f' value="HKCategoryValueSleepAnalysis{stage}">{child}</Record>'
    )


# -- the synthetic person -----------------------------------------------------------------------


def test_the_synthetic_export_comes_in_whole() -> None:
    said = read(CONNECTOR, SAMPLES / "synthetic_export.zip")
    assert only(Bad, said) == []
    counts = Counter(d.measure for d in only(Datum, said))
    assert counts == {"sleep": 730, "heart_rate_resting": 365, "weight": 104, "workout": 103}
    points: Counter[tuple[str, str]] = Counter()
    for p in only(Points, said):
        points[p.measure, p.source.name] += len(p.start)
        assert len(p.start) == len(p.end) == len(p.value)
        assert p.offset is None  # Apple's offset is the phone's at export
    assert points == {
        ("heart_rate", "Alex’s Apple Watch"): 10_920,
        ("steps", "Alex’s Apple Watch"): 6_570,
        ("steps", "Alex’s iPhone"): 6_570,
        ("hrv_sdnn", "Alex’s Apple Watch"): 365,
        ("energy_active", "Alex’s Apple Watch"): 365,
    }
    assert len(only(DayDatum, said)) == 3 * 365


def test_steps_of_the_watch_add_up_to_the_truth() -> None:
    said = read(CONNECTOR, SAMPLES / "synthetic_export.zip")
    header, *rows = (DATA / "csv/daily.csv").read_text().splitlines()
    assert header.split(",")[2] == "steps"
    truth = sum(int(row.split(",")[2]) for row in rows)
    steps = sum(
        sum(p.value) for p in only(Points, said, "steps") if p.source.name == "Alex’s Apple Watch"
    )
    assert steps == pytest.approx(truth, rel=0.001)


def test_the_trip_shows_in_the_zones() -> None:
    said = only(ZoneSeen, read(CONNECTOR, SAMPLES / "synthetic_export.zip"))
    assert [s.at for s in said] == sorted(s.at for s in said)
    places = [zone for zone, _ in groupby(s.zone for s in said)]
    assert places == ["Europe/Berlin", "America/New_York", "Europe/Berlin"]
    first = next(s for s in said if s.zone == "America/New_York")
    assert first.night_end is not None
    woke = to_datetime(first.night_end, "America/New_York")
    assert (woke.date().isoformat(), 4 < woke.hour < 12) == ("2026-05-10", True)


def test_every_day_of_the_diary_ends_one_night_of_each_device() -> None:
    said = read(CONNECTOR, SAMPLES / "synthetic_export.zip")
    rows = [r.split(",") for r in (DATA / "csv/daily.csv").read_text().splitlines()[1:]]
    for kind in ("wrist", "phone"):
        ends = [
            d.start + (d.duration or 0) for d in only(Datum, said, "sleep") if d.source.kind == kind
        ]
        woken = [
            to_datetime(end, zone).date().isoformat()
            for end, (_, zone, *_) in zip(sorted(ends), rows, strict=True)
        ]
        assert woken == [row[0] for row in rows]


def test_pounds_become_kilograms() -> None:
    weights = only(Datum, read(CONNECTOR, SAMPLES / "synthetic_export.zip"), "weight")
    assert weights[0].type == "mass/kg"
    assert weights[0].content == pytest.approx(84.26, abs=0.01)
    assert weights[0].source == Source("Withings", "dedicated")


def test_a_route_is_read_through_the_archive() -> None:
    said = read(CONNECTOR, SAMPLES / "synthetic_export.zip")
    with_route = [d for d in only(Datum, said, "workout") if "route" in d.content]
    assert len(with_route) == 9
    route = with_route[0].content["route"]
    assert route["file"] == "route_2026-06-02_5.30pm.gpx"
    assert route["points"][0][0] == 0
    assert route["points"][0][1:3] == pytest.approx([52.52, 13.4], abs=0.01)
    assert with_route[0].zone == "Europe/Berlin"


def test_reading_tells_how_far_it_is() -> None:
    said = only(Progress, read(CONNECTOR, SAMPLES / "synthetic_export.zip"))
    assert list(dict.fromkeys(p.phase for p in said)) == ["reading", "nights", "routes"]
    for _, steps in groupby(said, key=lambda p: p.phase):
        done = [p.done / p.total for p in steps]
        assert done == sorted(done)
        assert done[-1] == 1


# -- other people's fixtures --------------------------------------------------------------------


def test_the_older_shape_of_a_workout_is_read() -> None:
    said = read(CONNECTOR, SAMPLES / "healthkit-to-sqlite_export.xml")
    [workout] = only(Datum, said, "workout")
    assert workout.content["activity"] == "running"
    assert workout.content["distance"] == pytest.approx(800.13, abs=0.01)
    assert workout.content["energy"] == pytest.approx(48.745)
    assert workout.content["route"]["points"][0] == [3.0, 37.7777, -122.426, 21.3]
    [bmi] = only(Datum, said, "bmi")
    assert (bmi.type, bmi.content) == ("body/bmi", 22.5312)
    days = {(d.measure, d.day): d.value for d in only(DayDatum, said)}
    assert days["stand_hours", day_from_text("2016-11-15")] == 13
    assert days["energy_active", day_from_text("2016-11-16")] == 323.513


def test_records_without_a_source_or_unit_are_read() -> None:
    said = read(CONNECTOR, SAMPLES / "paulstaab_export.zip")
    [rates] = only(Points, said)
    assert rates.source.name == "Apple Health"
    assert list(rates.value) == [150, 152, 160, 162, 170]
    workouts = only(Datum, said, "workout")
    assert len(workouts) == 8
    by_start = {to_datetime(w.start).date().isoformat(): w.content for w in workouts}
    assert by_start["2023-12-28"]["distance"] == 2500  # statistics count before totals
    assert by_start["2023-12-28"]["energy"] == pytest.approx(900 / 4.184, abs=1e-4)
    assert by_start["2024-01-05"]["distance"] == pytest.approx(5000, abs=0.1)
    assert sum("route" in c for c in by_start.values()) == 4


def test_a_single_segment_is_a_night() -> None:
    [night] = only(Datum, read(CONNECTOR, SAMPLES / "tagbug_example.xml"), "sleep")
    assert night.type == "sleep/night"
    assert night.content == {"stages": [{"stage": "core", "start": 0, "duration": 26_400}]}


# -- what it is and what it is not --------------------------------------------------------------


def test_it_is_known_by_its_content_in_any_language(tmp_path: Path) -> None:
    inside = (SAMPLES / "tagbug_export.xml").read_bytes()
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("apple_health_export/导出.xml", inside)
        archive.writestr(
            "apple_health_export/export_cda.xml",
            b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><HealthData x=""/>',
        )
    assert len(only(Points, read(CONNECTOR, tmp_path / "x.zip"))) == 2
    assert CONNECTOR.members is not None
    for path, through in (
        ("apple_health_export/export_cda.xml", True),
        ("apple_health_export/workout-routes/route_1.gpx", True),
        ("apple_health_export/electrocardiograms/ecg_1.csv", False),
        ("elsewhere/route.gpx", False),
    ):
        assert CONNECTOR.members(path) is through


def test_spaces_of_every_kind_in_a_name_are_one_source(tmp_path: Path) -> None:
    body = [
        hk("QuantityTypeIdentifierStepCount", "1", "count", source=f"Alex’s{space}Watch")
        for space in (" ", "\u00a0", "\u202f", " \u00a0")
    ]
    points = only(Points, read(CONNECTOR, export(tmp_path, *body)))
    assert {p.source for p in points} == {Source("Alex’s Watch", "wrist")}


def test_units_follow_the_users_settings(tmp_path: Path) -> None:
    q = "QuantityTypeIdentifier"
    said = read(
        CONNECTOR,
        export(
            tmp_path,
            hk(q + "BodyFatPercentage", "0.215", "%"),
            hk(q + "BodyTemperature", "98.6", "degF"),
            hk(q + "BloodGlucose", "90.08", "mg/dL"),
            hk(q + "BloodGlucose", "5.5", "mmol&lt;180.1558800000541&gt;/L"),
            hk(q + "OxygenSaturation", "0.97", "%"),
            hk(q + "DistanceWalkingRunning", "1", "mi", span=SPAN),
            hk(q + "DietaryEnergyConsumed", "418.4", "kJ"),
            hk(q + "VO2Max", "42.5", "mL/min·kg"),
        ),
    )
    assert only(Bad, said) == []
    events = {d.measure: (d.type, d.content) for d in only(Datum, said)}
    series = {p.measure: sorted(p.value) for p in only(Points, said)}
    assert events["body_fat"] == ("ratio/percent", 21.5)
    assert events["energy_intake"] == ("energy/kcal", 100)
    assert events["vo2max"] == ("gas-consumption/mlpkgmin", 42.5)
    glucose = sorted(v for p in only(Points, said, "glucose") for v in p.value)
    assert glucose == pytest.approx([5.0, 5.5], abs=1e-3)
    assert series["spo2"] == [0.97]
    assert series["distance_walk_run"] == pytest.approx([1609.344])
    temperature = events.get("temperature_body", ("", series.get("temperature_body", [0])[0]))[1]
    assert temperature == pytest.approx(37.0)


def test_a_blood_pressure_counts_once(tmp_path: Path) -> None:
    q = "QuantityTypeIdentifierBloodPressure"
    pair = [hk(q + "Systolic", "121", "mmHg"), hk(q + "Diastolic", "79", "mmHg")]
    correlation = (
        '<Correlation type="HKCorrelationTypeIdentifierBloodPressure" sourceName="Watch"'
        f" {INSTANT}>" + "".join(pair) + "</Correlation>"
    )
    later = SPAN.replace("06:22", "06:12").replace("06:12", "09:12")
    lone = hk(q + "Systolic", "130", "mmHg", span=later)
    said = read(CONNECTOR, export(tmp_path, correlation, *pair, lone))
    assert only(Bad, said) == []
    together, alone = only(Datum, said)
    assert (together.measure, together.type) == ("blood_pressure", "blood-pressure/mmhg-bpm")
    assert together.content == {"systolic": 121, "diastolic": 79}
    assert (alone.measure, alone.content) == ("blood_pressure_systolic", 130)


def test_a_meal_keeps_its_name_and_its_parts_count_once(tmp_path: Path) -> None:
    part = hk("QuantityTypeIdentifierDietaryEnergyConsumed", "350", "kcal")
    meal = (
        f'<Correlation type="HKCorrelationTypeIdentifierFood" sourceName="Lunchbox" {INSTANT}>'
        f'<MetadataEntry key="HKFoodType" value="Soup"/>{part}</Correlation>'
    )
    said = only(Datum, read(CONNECTOR, export(tmp_path, part, meal)))
    assert sorted((d.measure, d.content) for d in said) == [
        ("energy_intake", 350),
        ("meal", "Soup"),
    ]


def test_categories_become_what_they_mean(tmp_path: Path) -> None:
    c = "CategoryTypeIdentifier"
    protected = hk(c + "SexualActivity", "HKCategoryValueNotApplicable").replace(
        "/>", '><MetadataEntry key="HKSexualActivityProtectionUsed" value="1"/></Record>'
    )
    said = read(
        CONNECTOR,
        export(
            tmp_path,
            hk(c + "MindfulSession", "HKCategoryValueNotApplicable", span=SPAN),
            hk(c + "MenstrualFlow", "HKCategoryValueMenstrualFlowLight"),
            hk(c + "MenstrualFlow", "HKCategoryValueVaginalBleedingHeavy", span=LONG_AGO),
            protected,
            hk(c + "AppleStandHour", "HKCategoryValueAppleStandHourStood", span=SPAN),
            hk(c + "AppleStandHour", "HKCategoryValueAppleStandHourIdle", span=LONG_AGO),
        ),
    )
    assert only(Bad, said) == []
    [session] = only(Datum, said, "meditation")
    assert session.duration == 10 * MINUTE
    assert [d.content for d in only(Datum, said, "menstrual_flow")] == ["light", "heavy"]
    assert [d.content for d in only(Datum, said, "sexual_activity")] == ["protected"]
    assert [list(p.value) for p in only(Points, said, "stand_hours")] == [[1, 0]]


def test_what_the_person_typed_is_theirs(tmp_path: Path) -> None:
    typed = hk("QuantityTypeIdentifierBodyMass", "80", "kg", source="Health").replace(
        "/>", '><MetadataEntry key="HKWasUserEntered" value="1"/></Record>'
    )
    [weight] = only(Datum, read(CONNECTOR, export(tmp_path, typed)))
    assert weight.source == Source("Health (typed)", "manual")


def test_an_unknown_type_is_counted_and_said_once(tmp_path: Path) -> None:
    body = [hk("QuantityTypeIdentifierMoonPhase", "1", "count")] * 30 + ["<Audiogram/>"] * 2
    said = only(Bad, read(CONNECTOR, export(tmp_path, *body)))
    assert [b.reason for b in said] == [
        "unknown type HKQuantityTypeIdentifierMoonPhase: 30 left out",
        "unknown type Audiogram: 2 left out",
    ]


# -- nights -------------------------------------------------------------------------------------


def test_segments_far_apart_and_out_of_order_are_one_night(tmp_path: Path) -> None:
    said = read(
        CONNECTOR,
        export(
            tmp_path,
            asleep("AsleepDeep", "2026-01-02 01:00:00", "2026-01-02 02:00:00"),
            *[hk("QuantityTypeIdentifierStepCount", "1", "count")] * 50,
            asleep("AsleepREM", "2026-01-02 02:10:00", "2026-01-02 05:00:00"),
            asleep("AsleepCore", "2026-01-01 23:00:00", "2026-01-02 01:00:00"),
            asleep("AsleepCore", "2026-01-01 23:00:00", "2026-01-02 01:00:00"),
            asleep("AsleepUnspecified", "2026-01-02 13:00:00", "2026-01-02 13:30:00"),
            asleep("InBed", "2026-01-01 22:50:00", "2026-01-02 05:10:00", source="iPhone"),
        ),
    )
    by_source = {(d.source.name, d.start): d for d in only(Datum, said, "sleep")}
    assert len(by_source) == 3
    watch = sorted((d for (n, _), d in by_source.items() if n == "Watch"), key=lambda d: d.start)
    assert watch[0].duration == 6 * HOUR
    assert [s["stage"] for s in watch[0].content["stages"]] == ["core", "deep", "rem"]
    assert watch[0].content["stages"][2] == {"stage": "rem", "start": 11_400, "duration": 10_200}
    assert [s["stage"] for s in watch[1].content["stages"]] == ["asleep"]


def test_a_later_export_with_more_of_the_night_is_the_same_night(tmp_path: Path) -> None:
    first = asleep("AsleepCore", "2026-01-01 23:00:00", "2026-01-02 01:00:00")
    more = asleep("AsleepDeep", "2026-01-02 01:00:00", "2026-01-02 03:00:00")
    [short] = only(Datum, read(CONNECTOR, export(tmp_path, first)))
    [long] = only(Datum, read(CONNECTOR, export(tmp_path, first, more)))
    assert short.source_id == long.source_id
    assert short.duration != long.duration


def test_the_offset_of_the_phone_at_export_changes_no_identity(tmp_path: Path) -> None:
    summer = hk("QuantityTypeIdentifierBodyMass", "80", "kg")
    winter = summer.replace("06:12:00 +0200", "05:12:00 +0100")
    [one] = only(Datum, read(CONNECTOR, export(tmp_path, summer)))
    [two] = only(Datum, read(CONNECTOR, export(tmp_path, winter)))
    assert one == two
    assert one.start == AT


def test_one_night_never_grows_past_a_day() -> None:
    segments = nights.Segments()
    for hour in range(100):
        segments.start.append(hour * HOUR)
        segments.end.append((hour + 1) * HOUR)
        segments.stage.append(3)
        segments.zone.append(-1)
    found = list(nights.build(segments))
    assert len(found) == 5
    assert all(n.end - n.start <= nights.NIGHT_MAX for n in found)


# -- broken and hostile files -------------------------------------------------------------------


def test_a_malformed_dtd_does_no_harm(tmp_path: Path) -> None:
    head = "<!DOCTYPE HealthData [\n<!ELEMENT HealthData (a,(b|)>\n<!ATTLIST x\n startDate\n]>"
    said = read(CONNECTOR, export(tmp_path, f'{STEPS} value="5"/>', head=head))
    assert [list(p.value) for p in only(Points, said)] == [[5]]
    assert only(Bad, said) == []


@pytest.mark.parametrize(
    "broken",
    [
        f'{STEPS} value="1" value="2"/>',
        f'{STEPS} value="1/>',
        f"{STEPS} value=1/>",
        f'{STEPS} value="&bomb;"/>',
        f'{STEPS} value="\udcff\udcfe"/>',
        f'{STEPS} value="1"></Wrong>',
        f'{STEPS} value="1"/></Stray>',
        f'{STEPS} value="\x00"/>',
        "<!DOCTYPE late>",
    ],
)
def test_a_broken_record_is_set_aside_and_the_rest_goes_on(tmp_path: Path, broken: str) -> None:
    good = [f'{STEPS} value="{i}"/>' for i in (10, 20)]
    said = read(CONNECTOR, export(tmp_path, good[0], broken, good[1]))
    bad = only(Bad, said)[0]
    assert bad.where.startswith("export.xml:5") or bad.where == "export.xml:6"
    values = [v for p in only(Points, said) for v in p.value]
    assert (values[0], values[-1]) == (10, 20)
    assert len(only(Bad, said)) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (f'{STEPS} value="many"/>', "could not convert string to float: 'many'"),
        (f'{STEPS} value="nan"/>', "no number: 'nan'"),
        (f'{STEPS} value="1e999"/>', "no number: '1e999'"),
        (f"{STEPS}/>", "'value' is missing or unknown"),
        (STEPS.replace("06:12:00", "06:61:00") + ' value="1"/>', "no time"),
        (STEPS.replace("06:22:00 +0200", "soon") + ' value="1"/>', "no time: '2026-05-10 soon'"),
        (STEPS.replace("06:22", "05:22") + ' value="1"/>', "it ends before it starts"),
        (STEPS.replace('"count"', '"bananas"') + ' value="1"/>', "unknown unit 'bananas'"),
        (STEPS.replace('"count"', '"kg"') + ' value="1"/>', "'kg' cannot be converted to '1'"),
        ('<ActivitySummary dateComponents="2026-13-01" appleStandHours="3"/>', "no day's summary"),
        ('<Workout workoutActivityType="HKWorkoutActivityTypeRunning"/>', "no workout"),
    ],
)
def test_what_cannot_be_right_is_set_aside_with_its_line(
    tmp_path: Path, body: str, reason: str
) -> None:
    said = read(CONNECTOR, export(tmp_path, f'{STEPS} value="5"/>', body, f'{STEPS} value="6"/>'))
    [bad] = only(Bad, said)
    assert bad.reason.startswith(reason)
    assert bad.where == "export.xml:5"
    assert sum(sum(p.value) for p in only(Points, said)) == 11


def test_a_file_that_ends_early_gives_what_it_has() -> None:
    with zipfile.ZipFile(SAMPLES / "synthetic_export.zip") as archive:
        whole = archive.read("apple_health_export/export.xml")
    for keep in (len(whole) // 2, len(whole) - 3):
        said, broken = _elements(whole[:keep])
        assert broken == ["the file ends before it is complete"]
        assert said > 40_000 * keep / len(whole)


def _elements(data: bytes) -> tuple[int, list[str]]:
    counts: list[str] = []
    broken: list[str] = []
    reader = elements.Elements(
        io.BytesIO(data),
        lambda tag, a: counts.append(tag),
        lambda tag: None,
        lambda reason, line, raw: broken.append(reason),
    )
    for _ in reader.read():
        pass
    return len(counts), broken


def test_entities_are_never_expanded_or_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    laughs = "".join(
        f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol" * 100}">' for i in range(10)
    )
    head = (
        f'<!DOCTYPE HealthData [{laughs}<!ENTITY x SYSTEM "file://{secret}">'
        f'<!ENTITY % p SYSTEM "http://127.0.0.1:9/evil.dtd"> %p;]>'
    )
    body = [f'{STEPS} value="1"/>', f"{STEPS} value='&l9;'/>", f'{STEPS} device="&x;" value="3"/>']
    said = read(CONNECTOR, export(tmp_path, *body, "<Me>&l9;&x;</Me>", head=head))
    assert sum(sum(p.value) for p in only(Points, said)) == 1
    assert "hidden" not in repr(said)
    assert len(only(Bad, said)) == 3


def test_depth_and_long_tags_end_in_a_clear_word(tmp_path: Path) -> None:
    deep = "<Record>" * 100_000
    long = f'{STEPS} device="{"x" * 3_000_000}" value="7"/>'
    said = read(CONNECTOR, export(tmp_path, deep, long, f'{STEPS} value="9"/>'))
    reasons = {b.reason for b in only(Bad, said)}
    assert "elements too deep in each other" in reasons
    assert "a tag is longer than 1 MB" in reasons
    assert sum(sum(p.value) for p in only(Points, said)) == 9


def test_endless_errors_come_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "BROKEN_MAX", 200)
    said = read(CONNECTOR, export(tmp_path, *['<Record a="1" a="2"/>'] * 1_000))
    bad = only(Bad, said)
    assert len(bad) == 201
    assert "too many errors" in bad[-1].reason


def test_many_faults_in_a_row_do_not_grow_the_stack(tmp_path: Path) -> None:
    said = read(CONNECTOR, export(tmp_path, *['<Record a="1" a="2"/>'] * 3_000))
    assert len(only(Bad, said)) == 3_000


def test_a_route_with_a_document_type_is_left_out(tmp_path: Path) -> None:
    workout = (
        f'<Workout workoutActivityType="HKWorkoutActivityTypeRunning" sourceName="Watch" {SPAN}>'
        '<WorkoutRoute><FileReference path="/workout-routes/r.gpx"/></WorkoutRoute></Workout>'
    )
    export(tmp_path, workout)
    (tmp_path / "workout-routes").mkdir()
    (tmp_path / "workout-routes/r.gpx").write_text(
        '<!DOCTYPE gpx [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]><gpx>&b;</gpx>'
    )
    said = read(CONNECTOR, tmp_path)
    assert [b.reason for b in only(Bad, said)] == [
        "the route has a document type; that is not read"
    ]
    assert "route" not in only(Datum, said, "workout")[0].content


def test_a_path_in_a_route_leads_nowhere_else(tmp_path: Path) -> None:
    workout = (
        f'<Workout workoutActivityType="HKWorkoutActivityTypeRunning" {SPAN}>'
        '<WorkoutRoute><FileReference path="../../../../etc/passwd"/></WorkoutRoute></Workout>'
    )
    said = read(CONNECTOR, export(tmp_path, workout))
    assert [b.reason for b in only(Bad, said)] == ["1 routes are not in what was given"]


def test_a_long_route_is_thinned_evenly() -> None:
    points = [(i * SECOND, 50.0, 10.0, None) for i in range(100_001)]
    thin = routes.thin(points)
    assert len(thin) == routes.POINTS_MAX
    assert (thin[0], thin[-1]) == (points[0], points[-1])


def test_a_hostile_route_is_refused() -> None:
    for data in (b"<a>" * 100_000, b"<gpx " + b"x" * 5_000_000, b"\0\0", b"<gpx>"):
        with pytest.raises(InvalidInput):
            routes.read_gpx(io.BytesIO(data))


def test_a_file_without_the_root_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.xml"
    path.write_text("<!DOCTYPE HealthData []>" + "x" * 100)
    with pytest.raises(AppError, match="no HealthData"):
        read(CONNECTOR, path)


def test_nothing_else_is_taken_for_an_export(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<gpx/>")
    (tmp_path / "b.xml").write_text("<HealthDataset/>")
    assert read(CONNECTOR, tmp_path) == []


# -- size ---------------------------------------------------------------------------------------

_MEASURED = """
import resource, sys
from pathlib import Path
from diurnal.connectors._drop import drop
from diurnal.connectors.apple_health import CONNECTOR
from diurnal.model.records import Points
n = 0
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with drop(Path(sys.argv[1])) as dropped:
    for entry in dropped.entries.values():
        for item in CONNECTOR.parse(entry, {}):
            n += len(item.start) if isinstance(item, Points) else 0
print(n, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Fifty megabytes; the columns that are held and the parser are all that is kept."""
    path = tmp_path / "export.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("apple_health_export/export.xml", "w") as out,
    ):
        counts = write(out, 50_000_000)
    ran = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(path)], capture_output=True, text=True, check=True
    )
    points, grown = map(int, ran.stdout.split())
    series = ("HeartRate", "StepCount", "DistanceWalkingRunning", "ActiveEnergyBurned")
    assert points == sum(counts[f"HKQuantityTypeIdentifier{s}"] for s in series)
    assert grown < 60


def test_the_made_export_is_the_same_for_the_same_seed() -> None:
    made = []
    for seed in (1, 1, 2):
        out = io.BytesIO()
        write(out, 300_000, seed)
        made.append(out.getvalue())
    assert made[0] == made[1] != made[2]
    assert 300_000 <= len(made[0]) < 2_000_000
    assert _elements(made[0])[1] == []


def test_pressures_without_their_other_half_do_not_take_for_ever() -> None:
    """Fifteen thousand of each, two minutes apart: none is compared with all the others."""
    high = {4 * i * MINUTE: 120.0 for i in range(15_000)}
    low = {(4 * i + 2) * MINUTE: 80.0 for i in range(15_000)}
    begun = time.process_time()
    found = pressures.paired({"Cuff": (high, low)}, lambda name: Source(name, "dedicated"))
    assert len(found) == 30_000
    assert time.process_time() - begun < 3
    low = {(4 * i * MINUTE) + 30 * SECOND: 80.0 for i in range(100)}
    found = pressures.paired({"Cuff": (high, low)}, lambda name: Source(name, "dedicated"))
    assert [d.measure for d in found].count("blood_pressure") == 100
