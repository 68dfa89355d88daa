"""What phones and programs push: read as they send it, and the same again does no harm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from diurnal import plugins
from diurnal.connectors import Connector, Delivery
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Datum, DayDatum, Item, OwnMeasure, Points
from diurnal.model.time import HOUR, MINUTE
from tests.connectors.reading import DATA, only, read

CONNECTORS = plugins.load("diurnal.connectors", "CONNECTOR", Connector)
NOW = 1_777_622_400_000_000
"""2026-05-01 08:00 UTC."""


def send(
    name: str,
    body: Any,
    *,
    options: Mapping[str, Any] | None = None,
    type_: str = "application/json",
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> list[Item]:
    """Return what a door reads of a delivery."""
    receive = CONNECTORS[name].receive
    assert receive is not None
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = Delivery(
        method="POST",
        headers={"content-type": type_, **(headers or {})},
        query=query or {},
        body=text,
        at=NOW,
    )
    if receive.check is not None:
        receive.check(said, options or {})
    return list(receive.read(said, options or {}))


DOORS = {
    "owntracks": ("owntracks/2026-05.rec", b"[]"),
    "overland": ("overland/batch.json", b'{"result":"ok"}'),
    "health_auto_export": ("health_auto_export/daily_2026-05.json", b"{}"),
    "micropub": ("micropub/entries.json", b"{}"),
    "home_assistant": ("home_assistant/history.json", b"{}"),
}


@pytest.mark.parametrize("name", DOORS)
def test_a_door_and_a_file_tell_the_same_rows(name: str) -> None:
    path, reply = DOORS[name]
    connector = CONNECTORS[name]
    assert connector.receive is not None
    assert connector.receive.reply.body == reply
    from_file = [i for i in read(connector, DATA / path) if isinstance(i, Datum | DayDatum)]
    text = (DATA / path).read_bytes()
    bodies = [text]
    if name == "owntracks":
        bodies = [line.rpartition(b"\t")[2] for line in text.splitlines()]
    elif name == "micropub":
        entries = json.loads(text)["items"]
        # What a file does not date is of now when it is pushed.
        bodies = [json.dumps(e).encode() for e in entries if "published" in e["properties"]]
    pushed = [i for body in bodies for i in send(name, body)]
    rows = [i for i in pushed if isinstance(i, Datum | DayDatum)]
    assert rows == from_file


@pytest.mark.parametrize("name", sorted(n for n, c in CONNECTORS.items() if c.receive))
@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"[[]]", b'"x"', b"\xff\xfe", b"{}"])
def test_no_body_breaks_a_door(name: str, body: bytes) -> None:
    try:
        assert only(Datum, send(name, body)) == []
    except (InvalidInput, KeyError, TypeError, ValueError, AttributeError):
        # The host sets these aside; see `Receive.read`.
        return


def test_owntracks_speed_is_in_metres_a_second() -> None:
    message = {"_type": "location", "lat": 52.5, "lon": 13.4, "tst": 1_777_622_400, "vel": 36}
    [fix] = only(Datum, send("owntracks", {**message, "tid": "AS"}))
    assert fix.content == {"latitude": 52.5, "longitude": 13.4, "speed": 10}
    assert (fix.source.name, fix.start) == ("OwnTracks AS", NOW)


def test_an_encrypted_message_says_what_to_do() -> None:
    [bad] = only(Bad, send("owntracks", {"_type": "encrypted", "data": "…"}))
    assert "switch that off" in bad.reason
    assert send("owntracks", {"_type": "transition", "event": "enter"}) == []


@pytest.mark.parametrize(
    ("body", "type_", "query"),
    [
        (b"lat=52.5&lon=13.4&time=2026-05-01T08:00:00Z", "application/x-www-form-urlencoded", {}),
        (b"", "", {"lat": "52.5", "longitude": "13.4", "timestamp": "1777622400"}),
        (b'{"lat": 52.5, "lon": "13.4", "time": "2026-05-01T10:00:00+02:00"}', "", {}),
    ],
)
def test_gpslogger_is_understood_however_its_address_is_written(
    body: bytes, type_: str, query: dict[str, str]
) -> None:
    [fix] = only(Datum, send("gpslogger", body, type_=type_, query=query))
    assert (fix.start, fix.source_id) == (NOW, "1777622400")
    assert fix.content == {"latitude": 52.5, "longitude": 13.4}


def test_the_hour_that_runs_is_told_again_and_the_last_word_counts() -> None:
    def told(steps: int) -> Datum:
        row = {"qty": steps, "date": "2026-05-01 9:00:00\u202fAM +0200", "source": "Watch"}
        metric = {"name": "step_count", "units": "count", "data": [row]}
        [datum] = only(Datum, send("health_auto_export", {"data": {"metrics": [metric]}}))
        return datum

    first, second = told(100), told(250)
    assert (first.source_id, first.start, first.duration) == (
        second.source_id,
        second.start,
        HOUR,
    )
    assert (first.content, second.content) == (100, 250)


def test_a_clock_of_twelve_hours_goes_on_after_noon() -> None:
    path = DATA / "health_auto_export/intraday_2026-06-02_12h_clock.json"
    hours = only(Datum, read(CONNECTORS["health_auto_export"], path), "steps")
    assert [h.start - hours[0].start for h in hours] == [n * HOUR for n in range(18)]


def test_minutes_are_points_and_days_are_days() -> None:
    def rows(*dates: str) -> list[Item]:
        data = [{"qty": 10, "date": f"{d} +0200", "source": "A|B"} for d in dates]
        metric = {"name": "active_energy", "units": "kJ", "data": data}
        return send("health_auto_export", {"data": {"metrics": [metric]}})

    [points] = only(Points, rows("2026-05-01 09:00:00", "2026-05-01 09:01:00"))
    assert (points.measure, points.source.name) == ("energy_active", "Apple Health")
    assert list(points.value) == pytest.approx([2.39006] * 2, abs=1e-4)
    assert [b - a for a, b in zip(points.start, points.end, strict=True)] == [MINUTE, MINUTE]
    days = only(DayDatum, rows("2026-05-01 00:00:00", "2026-05-02 00:00:00"))
    assert [d.day for d in days] == [20_574, 20_575]


def test_a_night_in_hours_says_how_long_it_was() -> None:
    said = read(CONNECTORS["health_auto_export"], DATA / "health_auto_export/daily_2026-05.json")
    night = only(Datum, said, "sleep")[0]
    assert night.content["asleep"] == pytest.approx((3.8 + 2.3 + 1.0167) * 60, abs=0.01)
    deep = next(d for d in only(DayDatum, said, "sleep_deep") if d.day == 20_574)
    assert deep.value == 138


def test_stages_become_the_night_of_the_health_export() -> None:
    rows = [
        {
            "startDate": f"2026-05-01 0{h}:00:00 +0200",
            "endDate": f"2026-05-01 0{h + 1}:00:00 +0200",
            "value": stage,
            "source": "Alex\u2019s\xa0Apple\xa0Watch",
        }
        for h, stage in enumerate(["Core", "Deep", "REM", "Awake"])
    ]
    metric = {"name": "sleep_analysis", "units": "hr", "data": rows}
    [night] = only(Datum, send("health_auto_export", {"data": {"metrics": [metric]}}))
    assert night.source.name == "Alex\u2019s Apple Watch"
    assert [s["stage"] for s in night.content["stages"]] == ["core", "deep", "rem", "awake"]
    from diurnal.connectors.apple_health.values import identity

    assert night.source_id == identity("sleep", night.source.name, night.start)


def test_a_workout_of_the_phone_has_its_totals_its_way_and_its_heart_rates() -> None:
    at = "2026-05-01 07:0{}:00 +0200".format
    workout = {
        "name": "Outdoor Run", "start": at(0), "end": at(9), "source": "Watch",
        "activeEnergyBurned": {"qty": 418.4, "units": "kJ"},
        "distance": {"qty": 1.5, "units": "km"},
        "elevationUp": {"qty": 3, "units": "parsec"}, "maxHeartRate": {"qty": 170, "units": "bpm"},
        "route": [
            {"timestamp": at(2), "lat": 52.6, "lon": 13.5, "altitude": 34},
            {"timestamp": at(1), "latitude": 52.5, "longitude": 13.4},
        ],
        "heartRateData": [{"date": at(3), "Avg": 120, "source": "Watch"},
                          {"date": at(4), "qty": 121}],
    }  # fmt: skip
    said = send("health_auto_export", {"data": {"workouts": [workout]}})
    [run] = only(Datum, said)
    assert (run.duration, run.offset, run.source.name) == (9 * MINUTE, 120, "Watch")
    assert run.content == {
        "activity": "outdoor_run",
        "energy": 100,
        "distance": 1500,
        "heart_rate_max": 170,
        "route": {"file": "", "points": [[60, 52.5, 13.4, None], [120, 52.6, 13.5, 34]]},
    }
    rates = {p.source.name: list(p.value) for p in only(Points, said, "heart_rate")}
    assert rates == {"Watch": [120], "Apple Health": [121]}


def test_one_heart_rate_that_is_wrong_does_not_lose_those_of_the_workout() -> None:
    at = "2026-05-01 07:0{}:00 +0200".format
    beats = [{"date": at(1), "Avg": 120}, {"date": "soon", "Avg": 121}, {"date": at(3), "Avg": 122}]
    workout = {"name": "Run", "start": at(0), "end": at(9), "heartRateData": beats}
    said = send("health_auto_export", {"data": {"workouts": [workout]}})
    [points] = only(Points, said)
    assert list(points.value) == [120, 122]
    assert [b.where for b in only(Bad, said)] == ["heart rates of a workout: item 2"]


def test_a_point_of_a_route_that_is_wrong_does_not_lose_the_workout() -> None:
    at = "2026-05-01 07:0{}:00 +0200".format
    route = [
        {"timestamp": at(1), "latitude": 52.5, "longitude": 13.4, "altitude": 34},
        {"timestamp": "soon", "latitude": 52.5, "longitude": 13.4},
        {"timestamp": at(2), "latitude": None, "longitude": 13.4},
        {"timestamp": at(3), "latitude": 152.5, "longitude": 13.4},
        "lost",
        {"timestamp": at(4), "latitude": 52.6, "longitude": 13.4},
    ]
    workout = {"name": "Run", "start": at(0), "end": at(9), "route": route}
    said = send("health_auto_export", {"data": {"workouts": [workout]}})
    [run] = only(Datum, said)
    assert run.content["route"]["points"] == [[60, 52.5, 13.4, 34], [240, 52.6, 13.4, None]]
    aside = [b.where for b in only(Bad, said)]
    assert aside == [f"route of a workout: item {n}" for n in (2, 3, 4, 5)]


def test_a_place_of_a_route_told_with_and_without_its_height_does_not_lose_the_workout() -> None:
    at = "2026-05-01 07:0{}:00 +0200".format
    place = {"timestamp": at(1), "latitude": 52.5, "longitude": 13.4}
    workout = {
        "name": "Run",
        "start": at(0),
        "end": at(9),
        "route": [place, {**place, "altitude": 34}],
    }
    [run] = send("health_auto_export", {"data": {"workouts": [workout]}})
    assert run.content["route"]["points"] == [[60, 52.5, 13.4, None], [60, 52.5, 13.4, 34]]


def test_a_pressure_a_meditation_and_a_day_s_highest_pulse_are_told() -> None:
    def told(name: str, unit: str, **row: Any) -> list[Item]:
        metric = {"name": name, "units": unit, "data": [{"source": "Watch", **row}]}
        return send("health_auto_export", {"data": {"metrics": [metric]}})

    date = "2026-05-01 07:03:00 +0200"
    [cuff] = only(Datum, told("blood_pressure", "mmHg", date=date, systolic=120, diastolic=80.5))
    assert (cuff.content, cuff.offset) == ({"systolic": 120, "diastolic": 80.5}, 120)
    [calm] = only(Datum, told("mindful_minutes", "min", date=date, qty=10.5))
    assert (calm.measure, calm.content) == ("meditation", None)
    assert (calm.start, calm.duration) == (cuff.start, 10.5 * MINUTE)
    midnight = "2026-05-01 00:00:00 +0200"
    days = only(DayDatum, told("heart_rate", "bpm", date=midnight, Min=50, Avg=60, Max=90))
    assert [(d.measure, d.value) for d in days] == [("heart_rate", 60), ("heart_rate_max", 90)]


def test_one_stretch_of_sleep_that_is_wrong_does_not_lose_the_night() -> None:
    def stretch(start: str, end: str, value: str) -> dict[str, str]:
        return {
            "startDate": f"2026-05-{start} +0200",
            "endDate": f"2026-05-{end} +0200",
            "value": value,
            "source": "Watch",
        }

    rows = [
        stretch("01 01:00:00", "01 02:00:00", "Core"),
        stretch("01 02:00:00", "01 03:00:00", "Snoring"),
        stretch("01 03:00:00", "later", "Core"),
        stretch("01 04:00:00", "01 03:00:00", "REM"),
        stretch("01 04:00:00", "03 04:00:00", "REM"),
        stretch("01 03:00:00", "01 04:00:00", "Deep"),
    ]
    metric = {"name": "sleep_analysis", "units": "hr", "data": rows}
    said = send("health_auto_export", {"data": {"metrics": [metric]}})
    [night] = only(Datum, said)
    assert [s["stage"] for s in night.content["stages"]] == ["core", "deep"]
    assert night.duration == 3 * HOUR
    assert [b.where for b in only(Bad, said)] == [
        f"metric sleep_analysis: item {n}" for n in (2, 3, 4, 5)
    ]


@pytest.mark.parametrize(
    ("body", "type_", "options"),
    [
        (b"71.2", "text/plain", {"measure": "weight", "unit": "kg"}),
        (b'{"weight": 71.2}', "application/json", {}),
        (b'{"measure": "weight", "value": "71.2", "unit": "kg"}', "application/json", {}),
        (b"value=71.2&name=weight", "application/x-www-form-urlencoded", {}),
        (b"2026-05-01T08:00:00Z,weight,71.2,kg", "text/csv", {}),
        # What curl says of everything.
        (b"71.2", "application/x-www-form-urlencoded", {"measure": "weight", "unit": "kg"}),
        (b"2026-05-01T08:00:00Z,weight,71.2,kg", "application/x-www-form-urlencoded", {}),
        (b"2026-05-01T10:00:00+02:00,71.2", "text/csv", {"measure": "weight"}),
        (b'[{"weight": 71.2, "timestamp": 1777622400000}]', "application/json", {}),
    ],
)
def test_a_weight_is_understood_in_any_form(
    body: bytes, type_: str, options: dict[str, Any]
) -> None:
    [datum] = only(Datum, send("generic", body, type_=type_, options=options))
    assert (datum.measure, datum.type, datum.content) == ("weight", "mass/kg", 71.2)
    assert datum.start == NOW


@pytest.mark.parametrize(
    ("topic", "label"),
    [
        ("home/scale/weight/state", "weight"),
        ("zigbee2mqtt/Bath", "Bath"),
        ("a/b/value/status", "b"),
        ("state", "state"),
    ],
)
def test_a_topic_names_what_a_number_is(topic: str, label: str) -> None:
    said = send("generic", b"71.5", type_="", headers={"x-topic": topic})
    if label == "weight":
        assert only(Datum, said)[0].measure == "weight"
    else:
        assert [o.label for o in only(OwnMeasure, said)] == [label]
    given = send("generic", b"7", type_="", headers={"x-topic": topic}, options={"measure": "mood"})
    assert only(Datum, given)[0].measure == "mood"


def test_units_are_converted_and_wrong_ones_refused() -> None:
    [datum] = only(Datum, send("generic", {"measure": "weight", "value": 157, "unit": "lb"}))
    assert datum.content == pytest.approx(71.214, abs=0.001)
    [bad] = only(Bad, send("generic", {"measure": "weight", "value": 1, "unit": "km"}))
    assert "converted" in bad.reason


def test_a_day_is_a_day_and_a_name_of_ones_own_is_made() -> None:
    said = send("generic", [{"date": "2026-05-01", "Pages of the diary": 3, "steps": 9_000}])
    assert [(d.measure, d.value, d.day) for d in only(DayDatum, said)] == [
        ("pages_of_the_diary", 3.0, 20_574),
        ("steps", 9_000.0, 20_574),
    ]
    assert [o.label for o in only(OwnMeasure, said)] == ["Pages of the diary"]


def test_the_same_key_of_the_sender_names_the_same_datum() -> None:
    def sent(key: str) -> str | None:
        said = send("generic", {"mood": 7}, headers={"idempotency-key": key})
        return only(Datum, said)[0].source_id

    assert sent("a") == sent("a") != sent("b")


def test_a_line_of_influx_is_a_measure_where_its_name_is_one() -> None:
    said = read(CONNECTORS["influx"], DATA / "influx/telegraf.lp")
    [weight] = only(Datum, said, "weight")
    assert (weight.content, weight.source.name, weight.start) == (71.25, "Withings", NOW)
    own = {o.label for o in only(OwnMeasure, said)}
    assert own == {
        "cpu cpu0 usage_idle",
        "cpu cpu0 usage_user",
        "bath_temperature",
        "temperature kitchen north",
    }
    [steps] = only(Points, said, "steps")
    assert (list(steps.value), steps.source.kind) == ([120.0], "phone")


@pytest.mark.parametrize(
    ("precision", "stamp"), [("s", 1_777_622_400), ("ms", 1_777_622_400_000), ("ns", NOW * 1_000)]
)
def test_influx_stamps_are_read_in_the_precision_said(precision: str, stamp: int) -> None:
    line = f"weight value=71 {stamp}\nweight value=72".encode()
    said = only(Datum, send("influx", line, query={"precision": precision}))
    assert [d.start for d in said] == [NOW, NOW]
    assert said[0].source_id == said[1].source_id


def test_what_home_assistant_measures_can_be_said() -> None:
    state = {
        "entity_id": "sensor.scale_weight",
        "state": "157",
        "attributes": {"unit_of_measurement": "lb"},
        "last_changed": "2026-05-01T08:00:00+00:00",
    }
    options = {"map": ["sensor.scale_weight = weight"]}
    [datum] = only(Datum, send("home_assistant", state, options=options))
    assert (datum.measure, round(datum.content, 2)) == ("weight", 71.21)
    assert only(OwnMeasure, send("home_assistant", state))[0].label == "sensor.scale_weight"
    for nothing in ("unknown", "unavailable", "on"):
        assert send("home_assistant", {**state, "state": nothing}) == []


def test_a_form_and_json_of_micropub_are_one_entry() -> None:
    form = b"h=entry&content=Hello&category[]=a&category[]=b&published=2026-05-01T10:00:00%2B02:00"
    [by_form] = send("micropub", form, type_="application/x-www-form-urlencoded")
    entry = {
        "type": ["h-entry"],
        "properties": {
            "content": ["Hello"],
            "category": ["a", "b"],
            "published": ["2026-05-01T10:00:00+02:00"],
        },
    }
    assert send("micropub", entry) == [by_form]
    assert isinstance(by_form, Datum)
    assert (by_form.measure, by_form.tags, by_form.start) == ("status_post", ("a", "b"), NOW)
    with pytest.raises(InvalidInput):
        send("micropub", {"action": "delete", "url": "https://example.org/1"})
