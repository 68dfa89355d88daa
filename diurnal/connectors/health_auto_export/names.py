"""What the app calls its metrics, and how it writes times and devices."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from diurnal.connectors import _said
from diurnal.model.records import Source
from diurnal.model.sources import Kind, kind_of
from diurnal.model.time import micros

SEVERAL = Source("Apple Health", Kind.DERIVED)
"""Where the app has added up several devices."""

NAMES = {
    "step_count": "steps",
    "walking_running_distance": "distance_walk_run",
    "cycling_distance": "distance_cycle",
    "swimming_distance": "distance_swim",
    "wheelchair_distance": "distance_wheelchair",
    "distance_downhill_snow_sports": "distance_snow",
    "push_count": "wheelchair_pushes",
    "flights_climbed": "floors",
    "active_energy": "energy_active",
    "basal_energy_burned": "energy_basal",
    "apple_exercise_time": "active_time",
    "apple_stand_hour": "stand_hours",
    "apple_stand_time": "stand_time",
    "swimming_stroke_count": "swim_strokes",
    "heart_rate": "heart_rate",
    "resting_heart_rate": "heart_rate_resting",
    "walking_heart_rate_average": "heart_rate_walking",
    "cardio_recovery": "heart_rate_recovery",
    "heart_rate_variability": "hrv_sdnn",
    "respiratory_rate": "respiratory_rate",
    "blood_oxygen_saturation": "spo2",
    "blood_glucose": "glucose",
    "insulin_delivery": "insulin",
    "body_temperature": "temperature_body",
    "basal_body_temperature": "temperature_basal",
    "apple_sleeping_wrist_temperature": "temperature_wrist",
    "vo2_max": "vo2max",
    "walking_speed": "speed",
    "running_speed": "speed",
    "cycling_speed": "speed",
    "running_power": "power",
    "cycling_power": "power",
    "cycling_cadence": "cadence_cycle",
    "walking_step_length": "step_length",
    "running_stride_length": "stride_length",
    "weight_body_mass": "weight",
    "body_mass_index": "bmi",
    "body_fat_percentage": "body_fat",
    "lean_body_mass": "lean_mass",
    "height": "height",
    "waist_circumference": "waist",
    "dietary_energy": "energy_intake",
    "dietary_water": "water",
    "dietary_caffeine": "caffeine",
    "carbohydrates": "carbohydrates",
    "protein": "protein",
    "total_fat": "fat",
    "saturated_fat": "fat_saturated",
    "fiber": "fibre",
    "dietary_sugar": "sugar",
    "sodium": "sodium",
    "cholesterol": "cholesterol",
    "potassium": "potassium",
    "calcium": "calcium",
    "iron": "iron",
    "magnesium": "magnesium",
    "zinc": "zinc",
    "vitamin_c": "vitamin_c",
    "alcohol_consumption": "alcoholic_drinks",
    "environmental_audio_exposure": "sound_environment",
    "headphone_audio_exposure": "sound_headphones",
    "uv_exposure": "uv_index",
    "time_in_daylight": "daylight_time",
    "mindful_minutes": "meditation",
}

_CLOCKS = ("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %I:%M:%S %p %z")


def time(text: Any) -> tuple[int, int]:
    """Return an instant and its offset; a phone may write a clock of 12 hours, with any space.

    Raises:
        ValueError: no time.
    """
    plain = " ".join(_said.text(text).split())
    for format_ in _CLOCKS:
        try:
            at = datetime.strptime(plain, format_)  # noqa: DTZ007 - both have %z
        except ValueError:
            continue
        return micros(at), round((at.utcoffset() or timedelta()).total_seconds() / 60)
    raise ValueError(f"no time: {plain[:40]!r}")


def source(name: Any) -> Source:
    """Return the device that a value names; devices that were added up have one name."""
    parts = {p for part in str(name or "").split("|") if (p := _said.name(part))}
    if len(parts) != 1:
        return SEVERAL
    return Source(only := parts.pop(), kind_of(only))
