"""Nights: one session each, and the days made of its parts.

Parts of a session are called asleep (stage not told), light, deep, rem, awake, and in_bed for
the time between lying down and getting up.
"""

from __future__ import annotations

from diurnal.catalog._names import ASLEEP, ev, family, hkc, named
from diurnal.model.measures import Daily, Derived, Measure, Shape, ValueKind

FAMILY = family("rest", "Sleep", "health")

MEASURES = (
    Measure(
        key="sleep",
        label="Time asleep",
        group="sleep",
        unit="min",
        shape=Shape.SESSION,
        daily=Daily.DURATION,
        low=0,
        high=1440,
        names={
            "pryv": named(
                "sleep/analysis", "activity/plain", "sleep/night", "time/min", unit="min"
            ),
            "exist": named("sleep", unit="min"),
            "personicle": (
                *ev("sleep"),
                *named("org.personicle.individual.events.sleep"),
            ),
            "personal": named("sleep.duration", unit="min"),
            "apple_health": (
                *hkc("SleepAnalysis"),
                *named(ASLEEP + "Asleep", ASLEEP + "AsleepUnspecified"),
            ),
            "health_connect": named("SleepSession", "SleepSession.STAGE_TYPE_SLEEPING"),
        },
        loinc="93832-4",
        source="https://loinc.org/93832-4",
    ),
    Measure(
        key="time_in_bed",
        label="Time in bed",
        group="sleep",
        unit="min",
        shape=Shape.DAY,
        daily=Daily.DURATION,
        low=0,
        high=1440,
        names={
            "pryv": named("time/min", "sleep/analysis", unit="min"),
            "exist": named("time_in_bed", unit="min"),
            "personicle": ev("sleep.time_in_bed", unit="min"),
            "apple_health": named(ASLEEP + "InBed"),
        },
        derived=Derived("sleep", Daily.DURATION, "in_bed"),
    ),
    Measure(
        key="sleep_start",
        label="Bedtime",
        group="sleep",
        unit="min:midday",
        shape=Shape.DAY,
        daily=Daily.SLEEP_START,
        value=ValueKind.INTEGER,
        low=0,
        high=1439,
        names={
            "exist": named("sleep_start", unit="min:midday"),
            "personal": named("sleep.start"),
        },
        derived=Derived("sleep", Daily.SLEEP_START),
    ),
    Measure(
        key="sleep_end",
        label="Wake time",
        group="sleep",
        unit="min:midnight",
        shape=Shape.DAY,
        daily=Daily.SLEEP_END,
        value=ValueKind.INTEGER,
        low=0,
        high=1439,
        names={
            "exist": named("sleep_end", unit="min:midnight"),
            "personal": named("sleep.end"),
        },
        derived=Derived("sleep", Daily.SLEEP_END),
    ),
    Measure(
        key="awakenings",
        label="Awakenings",
        group="sleep",
        unit="1",
        shape=Shape.DAY,
        daily=Daily.COUNT,
        value=ValueKind.INTEGER,
        low=0,
        high=200,
        names={
            "pryv": named("count/generic", unit="1"),
            "exist": named("sleep_awakenings", unit="1"),
            "personicle": ev("sleep.stages.wake", "Awake"),
            "apple_health": named(ASLEEP + "Awake"),
            "health_connect": named("SleepSession.STAGE_TYPE_AWAKE"),
        },
        derived=Derived("sleep", Daily.COUNT, "awake"),
    ),
    Measure(
        key="sleep_deep",
        label="Deep sleep",
        group="sleep",
        unit="min",
        shape=Shape.DAY,
        daily=Daily.DURATION,
        low=0,
        high=1440,
        names={
            "pryv": named("time/min", "sleep/stage", unit="min"),
            "exist": named("sleep_deep", unit="min"),
            "personicle": ev("sleep.stages.deep", "Deep Sleep"),
            "apple_health": named(ASLEEP + "AsleepDeep"),
            "health_connect": named("SleepSession.STAGE_TYPE_DEEP"),
        },
        derived=Derived("sleep", Daily.DURATION, "deep"),
    ),
    Measure(
        key="sleep_light",
        label="Light sleep",
        group="sleep",
        unit="min",
        shape=Shape.DAY,
        daily=Daily.DURATION,
        low=0,
        high=1440,
        names={
            "pryv": named("time/min", "sleep/stage", unit="min"),
            "exist": named("sleep_light", unit="min"),
            "personicle": ev("sleep.stages.light", "Light Sleep"),
            "apple_health": named(ASLEEP + "AsleepCore"),
            "health_connect": named("SleepSession.STAGE_TYPE_LIGHT"),
        },
        derived=Derived("sleep", Daily.DURATION, "light"),
    ),
    Measure(
        key="sleep_rem",
        label="REM sleep",
        group="sleep",
        unit="min",
        shape=Shape.DAY,
        daily=Daily.DURATION,
        low=0,
        high=1440,
        names={
            "pryv": named("time/min", "sleep/stage", unit="min"),
            "exist": named("sleep_rem", unit="min"),
            "personicle": ev("sleep.stages.rem", "REM"),
            "apple_health": named(ASLEEP + "AsleepREM"),
            "health_connect": named("SleepSession.STAGE_TYPE_REM"),
        },
        derived=Derived("sleep", Daily.DURATION, "rem"),
    ),
)
