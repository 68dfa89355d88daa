"""Health that is neither a number of the body nor of the heart."""

from __future__ import annotations

from diurnal.catalog._names import ds, ev, family, hkc, named
from diurnal.model.measures import Daily, Measure, Name, Shape, ValueKind

FAMILY = family("health", "Health")

WORDS = {
    "words:menstrual-flow": {"none": 0, "unspecified": 1, "light": 2, "medium": 3, "heavy": 4},
}
"""Pryv has no word for spotting: 1 is written as unspecified."""

MEASURES = (
    Measure(
        key="menstrual_flow",
        label="Menstrual flow",
        group="health",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.MAX,
        value=ValueKind.INTEGER,
        low=0,
        high=4,
        names={
            "pryv": (
                Name("reproductive-health/menstrual-flow", "words:menstrual-flow"),
                # The spelling of the type list that is built into servers before 2.0.
                Name("reproductive-health/menstrualFlow", "words:menstrual-flow"),
            ),
            "exist": named("menstrual_flow", unit="1"),
            "personicle": ev("menstrual_flow", unit="1"),
            "apple_health": hkc("MenstrualFlow"),
            "health_connect": named("MenstruationFlow"),
        },
    ),
    Measure(
        key="sexual_activity",
        label="Sexual activity",
        group="health",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.COUNT,
        value=ValueKind.TEXT,
        low=0,
        high=50,
        names={
            "pryv": named(
                "reproductive-health/sexual-activity", "reproductive-health/sexualActivity"
            ),
            "exist": named("sexual_activity", unit="1"),
            "personicle": ev("sexual_activity"),
            "apple_health": hkc("SexualActivity"),
            "health_connect": named("SexualActivity"),
        },
    ),
    Measure(
        key="questionnaire",
        label="Questionnaires",
        group="health",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.NONE,
        value=ValueKind.OBJECT,
        names={
            "pryv": named("numset/questionnaire", "note/txt"),
            "personicle": ds("subjective.user_questionnaire", "subjective.physician_questionnaire"),
        },
    ),
)
