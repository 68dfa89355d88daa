"""The catalog as a whole: complete, unambiguous, and convertible both ways in every API."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diurnal import catalog
from diurnal.catalog._names import family
from diurnal.errors import InvalidInput, UnknownReference
from diurnal.model import units
from diurnal.model.measures import Daily, Measure, Name, Shape, ValueKind
from diurnal.model.streams import ROOT, Tree

DATA = Path(__file__).parent.parent / "data"
DOCS = Path(__file__).parent.parent.parent / "docs"
EXIST: list[dict[str, Any]] = json.loads((DATA / "exist_attributes.json").read_text())
EXIST_UNITS = {
    "min": "min",
    "km": "km",
    "kJ": "kJ",
    "kg": "kg",
    "g": "g",
    "mg": "mg",
    "ml": "mL",
    "fraction": "1",
    "degC": "Cel",
    "inch/h": "[in_i]/h",
    "km/h": "km/h",
    "min after midday": "min:midday",
    "min after midnight": "min:midnight",
    "local currency": "currency",
}
DICTIONARY = (
    "heartrate",
    "heart_intensity_minutes",
    "interval.heart_intensity_minutes",
    "active_minutes",
    "interval.active_minutes",
    "step.cumulative",
    "step.count",
    "interval.step.count",
    "step.cadence",
    "resting_calories",
    "active_calories",
    "total_calories",
    "interval.total_calories",
    "distance",
    "interval.distance",
    "weight",
    "height",
    "body_fat",
    "body_temperature",
    "blood_glucose",
    "blood_pressure.systolic",
    "blood_pressure.diastolic",
    "cycling.cadence",
    "cycling.cumulative_cadence",
    "interval.cycling.cumulative_cadence",
    "cycling.power",
    "speed",
    "location",
    "subjective.physician_questionnaire",
    "subjective.user_questionnaire",
    "subjective.image_uploads",
    "exposome.aqi",
    "exposome.co",
    "exposome.no",
    "exposome.no2",
    "exposome.03",
    "exposome.so2",
    "exposome.pm2_5",
    "exposome.pm10",
    "exposome.nh3",
    "exposome.temp",
    "exposome.feels_like",
    "exposome.pressure",
    "exposome.humidity",
    "exposome.uvi",
)
CONVERTIBLE = [
    (measure, name.unit)
    for measure in catalog.MEASURES.values()
    for names in measure.names.values()
    for name in names
    if name.unit is not None
]


@given(st.sampled_from(CONVERTIBLE), st.floats(0, 1))
def test_every_measure_converts_there_and_back_in_every_api(
    case: tuple[Measure, str], place: float
) -> None:
    measure, unit = case
    low, high = measure.low or 0, 1000 if measure.high is None else measure.high
    value = low + place * (high - low)
    if measure.value is ValueKind.INTEGER or unit.startswith("words:"):
        value = float(round(value))
    there = catalog.from_canonical(measure, value, unit)
    assert catalog.to_canonical(measure, there, unit) == pytest.approx(value, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("attribute", EXIST, ids=lambda a: a["name"])
def test_every_exist_attribute_is_one_measure_in_exists_unit(attribute: dict[str, Any]) -> None:
    measure = catalog.by_name("exist", attribute["name"])
    assert measure is not None
    name = next(n for n in measure.names["exist"] if n.name == attribute["name"])
    if attribute["unit"] == "lat,lng":
        assert name.unit is None
    elif attribute["unit"] is not None:
        assert name.unit == EXIST_UNITS[attribute["unit"]]
    elif attribute["value_type_v1"] == 2 or attribute["value_type_v2"] == 2:
        assert name.unit is None
    else:
        assert name.unit in {"1", "/min", "ms", "scale:1-9"}
    if attribute["range"] is not None:
        assert name.unit is not None
        assert measure.low is not None
        assert measure.high is not None
        low, high = attribute["range"]
        assert low <= catalog.from_canonical(measure, measure.low, name.unit)
        assert catalog.from_canonical(measure, measure.high, name.unit) <= high


def test_exist_has_no_attribute_that_we_made_up() -> None:
    assert set(catalog.names("exist")) == {a["name"] for a in EXIST}


def test_a_name_belongs_to_one_measure_unless_its_file_says_whose_it_is() -> None:
    shared = {
        (api, name)
        for api in catalog.APIS
        if api != "pryv"
        for name in catalog.names(api)
        if len(catalog.named(api, name)) > 1
    }
    assert shared == {
        ("exist", "heartrate_variability"),
        ("personal", "statuses.status"),
        ("personicle", "com.personicle.individual.datastreams.distance"),
        ("personicle", "com.personicle.individual.datastreams.interval.distance"),
    }
    assert [m.key for m in catalog.named("exist", "heartrate_variability")] == [
        "hrv_rmssd",
        "hrv_sdnn",
    ]


def test_the_personicle_dictionary_is_covered() -> None:
    prefix = "com.personicle.individual.datastreams."
    for stream in DICTIONARY:
        assert catalog.by_name("personicle", prefix + stream) is not None, stream


@pytest.mark.parametrize("measure", catalog.MEASURES.values(), ids=lambda m: m.key)
def test_a_measure_is_sound(measure: Measure) -> None:
    assert set(measure.names) <= set(catalog.APIS)
    assert measure.low is None or measure.high is None or measure.low < measure.high
    assert measure.unit in units.UNITS
    if measure.shape is Shape.SERIES:
        assert measure.value in (ValueKind.NUMBER, ValueKind.INTEGER)
    if measure.daily in (Daily.SUM, Daily.MEAN, Daily.MAX, Daily.MIN):
        assert measure.value in (ValueKind.NUMBER, ValueKind.INTEGER)
    if measure.derived is not None:
        assert measure.shape is Shape.DAY
        assert catalog.get(measure.derived.measure).derived is None
        assert measure in catalog.derived_from(measure.derived.measure)
    for name in measure.names.get("pryv", ()):
        assert re.fullmatch(r"[a-z0-9-]+/[A-Za-z0-9-]+", name.name)


@pytest.mark.parametrize("measure", catalog.MEASURES.values(), ids=lambda m: m.key)
def test_what_we_write_is_read_as_the_same_measure(measure: Measure) -> None:
    for type_ in (catalog.event_type(measure), catalog.day_type(measure)):
        assert re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", type_)
        found = catalog.select(measure.key, type_)
        assert found is not None
        assert found[0] is measure
    if catalog.day_kind(measure) in (ValueKind.NUMBER, ValueKind.INTEGER):
        found = catalog.select(measure.key, catalog.day_type(measure))
        assert found is not None
        unit = found[1]
        value = 3.0 if measure.high is None or measure.high >= 3 else measure.high
        assert catalog.number(measure, catalog.content(measure, value, unit), unit) == value


def test_each_measure_has_a_home_below_its_family() -> None:
    tree = Tree(catalog.STANDARD_STREAMS)
    seen: set[str] = set()
    for stream in catalog.STANDARD_STREAMS:
        assert stream.id not in seen
        assert stream.id == ROOT or stream.id.startswith(f"{ROOT}-")
        assert stream.parent_id is None or stream.parent_id in seen, "parents come first"
        assert stream.name
        seen.add(stream.id)
    for measure in catalog.MEASURES.values():
        assert measure.stream == f"{ROOT}-{measure.key.replace('_', '-')}"
        assert tree.measure_of(measure.stream) == measure.key
        assert not tree.below(measure.stream)[1:], "home streams are leaves"
        assert ROOT in tree.path(measure.stream)
    assert "diurnal-health" in tree.path("diurnal-weight")
    assert "diurnal-health" not in tree.path("diurnal-mood")


@pytest.mark.parametrize(
    ("declared", "type_", "expected"),
    [
        ("weight", "mass/kg", ("weight", "kg")),
        ("weight", "mass/g", ("weight", "g")),
        ("weight", "mass/lb", ("weight", "[lb_av]")),
        ("weight", "length/m", None),
        ("weight", "count/generic", None),
        ("weight", "note/txt", None),
        (None, "mass/kg", None),
        ("no_such_measure", "mass/kg", None),
        ("steps", "count/generic", ("steps", "1")),
        ("steps", "series:count/steps", ("steps", "1")),
        ("steps", "ratio/percent", None),
        ("body_fat", "ratio/percent", ("body_fat", "%")),
        ("body_fat", "count/generic", None),
        ("mood", "mood/rating", ("mood", "scale:0-1")),
        ("mood", "scale/1-9", ("mood", "scale:1-9")),
        ("mood", "count/generic", ("mood", "1")),
        ("mood", "mood/emoticon", None),
        ("mood_note", "note/txt", ("mood_note", "1")),
        ("mood_note", "count/generic", None),
        ("sleep", "activity/plain", ("sleep", "min")),
        ("sleep", "sleep/analysis", ("sleep", "min")),
        ("sleep", "time/h", ("sleep", "h")),
        ("meditation", "time/s", ("meditation", "s")),
        ("commit", "note/txt", ("commit", "1")),
        ("commit", "count/generic", ("commit", "1")),
        ("glucose", "concentration/mg-dl", ("glucose", "mg/dL")),
        ("glucose", "density/mmol-l", ("glucose", "mmol/L")),
        ("pm2_5", "concentration/mmol-l", None),
        ("temperature_body", "temperature/f", ("temperature_body", "[degF]")),
        ("temperature_skin_delta", "temperature/c", ("temperature_skin_delta", "delta:Cel")),
        ("blood_pressure", "blood-pressure/mmhg-bpm", ("blood_pressure", "mm[Hg]")),
        ("blood_pressure", "pressure/mmhg", None),
        ("money_spent", "money/eur", ("money_spent", "currency:EUR")),
        ("money_spent", "mass/kg", None),
        (None, "diurnal/heart-rate", ("heart_rate", "/min")),
        ("weight", "diurnal/nonsense", None),
    ],
)
def test_stream_and_type_select_the_measure(
    declared: str | None, type_: str, expected: tuple[str, str] | None
) -> None:
    found = catalog.select(declared, type_)
    assert (found and (found[0].key, found[1])) == expected


@pytest.mark.parametrize(
    ("key", "content", "unit", "expected"),
    [
        ("weight", 71.25, "kg", 71.25),
        ("weight", 71250, "g", 71.25),
        ("weight", 10, "[lb_av]", 4.5359237),
        ("weight", True, "kg", None),
        ("weight", "71", "kg", None),
        ("weight", None, "kg", None),
        ("weight", 10**400, "kg", None),
        ("weight", 1, "m", None),
        ("body_fat", 22.5, "%", 0.225),
        ("energy_active", 8368, "kJ", 2000),
        ("mood", 0.5, "scale:0-1", 5),
        ("mood", 7, "1", 7),
        ("bmi", 22.4, "1", 22.4),
        ("sleep_start", 660, "min:midday", 660),
        ("weather_precipitation", 1, "[in_i]/h", 25.4),
        ("wind_speed", 36, "km/h", 10),
        ("glucose", 99.088, "mg/dL", 5.5),
        ("location", {"latitude": 1, "longitude": 2}, "1", None),
        ("blood_pressure", {"systolic": 120, "diastolic": 80}, "mm[Hg]", None),
        ("mood_note", 5, "1", None),
        ("commit", 3, "1", 3),
        ("menstrual_flow", "medium", "words:menstrual-flow", 3),
        ("menstrual_flow", "purple", "words:menstrual-flow", None),
    ],
)
def test_the_number_of_a_content(key: str, content: Any, unit: str, expected: float | None) -> None:
    assert catalog.number(catalog.get(key), content, unit) == expected


def test_a_number_is_written_back_as_it_came() -> None:
    assert catalog.content(catalog.get("steps"), 5000.0, "1") == 5000
    assert isinstance(catalog.content(catalog.get("steps"), 5000.0, "1"), int)
    assert catalog.content(catalog.get("body_fat"), 0.225, "%") == 22.5
    assert catalog.content(catalog.get("menstrual_flow"), 4.0, "words:menstrual-flow") == "heavy"
    with pytest.raises(InvalidInput):
        catalog.content(catalog.get("menstrual_flow"), 9.0, "words:menstrual-flow")


def test_days_come_from_the_parts_of_nights_and_workouts() -> None:
    assert {m.key for m in catalog.derived_from("sleep")} == {
        "time_in_bed",
        "sleep_start",
        "sleep_end",
        "awakenings",
        "sleep_deep",
        "sleep_light",
        "sleep_rem",
    }
    assert {m.key for m in catalog.derived_from("workout")} == {
        "workouts_min",
        "workout_distance",
        "cycle_time",
    }
    assert catalog.derived_from("no_such_measure") == ()


def test_an_unknown_measure_is_named_in_the_error() -> None:
    assert catalog.find("wight") is None
    assert catalog.by_name("exist", "wight") is None
    assert catalog.by_name("no-such-api", "weight") is None
    with pytest.raises(UnknownReference, match="wight"):
        catalog.get("wight")


def test_a_format_that_many_measures_share_names_none_of_them() -> None:
    assert catalog.by_name("pryv", "mass/kg") is None
    steps = catalog.by_name("pryv", "count/steps")
    assert steps is not None
    assert steps.key == "steps"


def test_units_of_pryv_types_all_convert() -> None:
    for type_, unit in catalog.TYPE_UNITS.items():
        assert catalog.pryv_unit(type_) == unit
        assert units.dimension(unit) is not None, unit
    assert catalog.pryv_unit("money/chf") == "currency:CHF"
    assert catalog.pryv_unit("body/bmi") == "kg/m2"
    assert catalog.pryv_unit("note/txt") is None
    assert catalog.pryv_unit("no/such-type") is None


def _module(*measures: Measure) -> ModuleType:
    module = ModuleType("extra")
    vars(module).update(FAMILY=family("extra", "Extra"), MEASURES=measures)
    return module


def _measure(key: str, **more: Any) -> Measure:
    return Measure(
        key=key, label=key, group="g", unit="1", shape=Shape.EVENT, daily=Daily.SUM, **more
    )


def test_the_start_stops_when_two_measures_have_one_key_or_name() -> None:
    with pytest.raises(ValueError, match="taken"):
        catalog._gather([_module(_measure("a"), _measure("a"))])
    with pytest.raises(ValueError, match="malformed"):
        catalog._gather([_module(_measure("Bad Key"))])
    same = {"exist": (Name("x"),)}
    both = {"a": _measure("a", names=same), "b": _measure("b", names=same)}
    with pytest.raises(ValueError, match="'x' is a's and b's"):
        catalog._name_all(both, {})
    assert [m.key for m in catalog._name_all(both, {("exist", "x"): "b"})["exist"]["x"]] == [
        "b",
        "a",
    ]


def row(measure: Measure) -> str:
    """Return the line of `docs/measures.md` that says what this measure is."""
    exist = ", ".join(
        f"`{n.name}`" + (f" ({n.unit})" if n.unit not in (None, "1", measure.unit) else "")
        for n in measure.names.get("exist", ())
    )
    derived = f" of `{measure.derived.measure}`" if measure.derived else ""
    cells = (
        f"`{measure.key}`",
        measure.label,
        "text" if catalog.day_kind(measure) is ValueKind.TEXT else f"`{measure.unit}`",
        measure.shape.value,
        measure.daily.value + derived,
        f"`{catalog.event_type(measure)}`",
        exist,
    )
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def test_the_documents_list_every_measure_as_it_is() -> None:
    lines = (DOCS / "measures.md").read_text().splitlines()
    told = [line for line in lines if line.startswith("| `")]
    missing = [row(m) for m in catalog.MEASURES.values() if row(m) not in told]
    assert not missing, "docs/measures.md lacks:\n" + "\n".join(missing)
    assert len(told) == len(catalog.MEASURES), "docs/measures.md lists what is no measure"


def test_the_catalog_loads_no_heavy_library() -> None:
    code = (
        "import sys; from diurnal import catalog; "
        "print(sorted({'numpy', 'sqlalchemy', 'starlette', 'lxml'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
