"""The data dictionary: every datastream with its type, unit and table.

Source: the schema-validation repository of Personicle, 2022-10-19.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from diurnal import catalog
from diurnal.model.measures import Measure

PREFIX = "com.personicle.individual.datastreams."
EVENTS = "com.personicle.individual.events."
INTEGER, NUMERIC, JSON = "Integer", "Numeric", "Json"
INTERVAL = "interval."

_TABLE = """
heartrate|I|bpm|heart_rate
heartrate.test|I|bpm|heart_rate
heart_intensity_minutes|N|minutes|heart_intensity_minutes
interval.heart_intensity_minutes|N|minutes|interval_heart_intensity_minutes
active_minutes|N|minutes|active_minutes
interval.active_minutes|N|minutes|interval_active_minutes
step.cumulative|I|count|steps_cumulative
step.count|I|stepsperminute|step_count
interval.step.count|I|stepsperminute|interval_step_count
step.cadence|N|stepsperminute|step_cadence
resting_calories|N|kilo_calories|calories_resting
active_calories|N|kilo_calories|calories_active
total_calories|N|kilo_calories|calories_total
interval.total_calories|N|kilo_calories|interval_calories_total
distance|N|meters|distance
interval.distance|N|meters|interval_distance
weight|N|kilogram|weight
height|N|cm|height
body_fat|N|percentage|body_fat
body_temperature|N|Celsius|body_temperature
blood_glucose|N||blood_glucose
blood_pressure.systolic|N|mm|blood_pressure_systolic
blood_pressure.diastolic|N|mm|blood_pressure_diastolic
cycling.cadence|N|rpm|cycling_cadence
cycling.cumulative_cadence|N|rpm|cumulative_cycling_cadence
interval.cycling.cumulative_cadence|N|rpm|interval_cumulative_cycling_cadence
cycling.power|N|watts|cycling_power
speed|N|kmph|speed
location|J|NA|locations
subjective.physician_questionnaire|J||physician_questionnaire
subjective.user_questionnaire|J||user_questionnaire
subjective.image_uploads|J||image_uploads
exposome.aqi|N||exposome_aqi
exposome.co|N|ug/cc|exposome_co
exposome.no|N|ug/cc|exposome_no
exposome.no2|N|ug/cc|exposome_no2
exposome.03|N|ug/cc|exposome_03
exposome.so2|N|ug/cc|exposome_so2
exposome.pm2_5|N|ug/cc|exposome_pm2_5
exposome.pm10|N|ug/cc|exposome_pm10
exposome.nh3|N|ug/cc|exposome_nh3
exposome.temp|N|C|exposome_temp
exposome.feels_like|N|C|exposome_feels_like
exposome.pressure|N|hPa|exposome_pressure
exposome.humidity|N|%|exposome_humidity
exposome.uvi|N|mwpscc|exposome_uvi
"""
_TYPES = {"I": INTEGER, "N": NUMERIC, "J": JSON}


class Datastream(msgspec.Struct, frozen=True, kw_only=True):
    """One entry.

    Attributes:
        name: the whole name.
        code: unit in which its values are, as a UCUM code; None for JSON.
    """

    name: str
    type: str
    unit: str
    table: str
    measure: Measure
    code: str | None

    @property
    def interval(self) -> bool:
        """Whether its rows have a start and an end."""
        return self.name.startswith(PREFIX + INTERVAL)


def _read() -> Mapping[str, Datastream]:
    found = {}
    for line in _TABLE.split():
        bare, type_, unit, table = line.split("|")
        name = PREFIX + bare
        measure = catalog.by_name("personicle", name)
        if measure is None:
            raise ValueError(f"no measure is called {name}")
        code = next(n.unit for n in measure.names["personicle"] if n.name == name)
        found[name] = Datastream(
            name=name, type=_TYPES[type_], unit=unit, table=table, measure=measure, code=code
        )
    return found


DATASTREAMS = _read()
MEASURES = frozenset(d.measure.key for d in DATASTREAMS.values())
"""Measures whose data are rows of datastreams, and no events."""
_LAST = re.compile(r"[^.]+\Z")


def find(name: str) -> Datastream | None:
    """Return a datastream by its name, with or without the prefix, in any case."""
    lower = name.strip().lower()
    return DATASTREAMS.get(lower) or DATASTREAMS.get(PREFIX + lower)


def measure_of_event(name: str, type_: str | None) -> Measure | None:
    """Return what an event of this name or type is, None for anything else.

    Names are free text: `sleep`, `Sleep:ASLEEP`, `Walking`, `exercise.Yoga`.
    """
    for told in (type_, name):
        if not told:
            continue
        bare = told.removeprefix(EVENTS).partition(":")[0].strip()
        for spelling in (told, EVENTS + bare, EVENTS + bare.lower()):
            found = catalog.by_name("personicle", spelling)
            if found is not None:
                return found
        if bare.lower().startswith("exercise.") or bare.lower() in _EXERCISES:
            return catalog.get("workout")
    return None


_EXERCISES = frozenset(
    {
        *("walking", "running", "biking", "jogging", "hiking", "swimming", "rowing", "yoga"),
        *("cycling", "pilates", "tennis", "badminton", "basketball", "golf", "dancing"),
        *("skiing", "treadmill", "snowboarding", "climbing", "elliptical", "boxing"),
    }
)
"""Names of activities that writers send without `exercise.` before them."""


def event_name(measure: Measure) -> str:
    """Return what an event of a measure is called where nothing else was said."""
    name = measure.name_in("personicle")
    told = name.name if name is not None else measure.label
    return told.removeprefix(EVENTS) if told.startswith(EVENTS) else told


def last_part(name: str) -> str:
    """Return the part of a dotted name after its last dot."""
    found = _LAST.search(name)
    return found[0] if found else name
