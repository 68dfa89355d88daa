"""Mood and mind: how the person feels, in scales and words, and meditation."""

from __future__ import annotations

from diurnal.catalog._names import ev, family, hkc, named
from diurnal.model.measures import Daily, Measure, Shape, ValueKind

FAMILY = family("mind", "Mood and mind")

MEASURES = (
    Measure(
        key="mood",
        label="Mood",
        group="mood",
        unit="scale:1-9",
        shape=Shape.EVENT,
        daily=Daily.LAST,
        low=1,
        high=9,
        names={
            "pryv": named("mood/rating", unit="scale:0-1"),
            "exist": named("mood", unit="scale:1-9"),
            "personicle": ev("mood", unit="scale:1-9"),
            "personal": named("mood.mood", unit="scale:1-9"),
            "apple_health": named("HKStateOfMind", unit="scale:-1-1"),
        },
    ),
    Measure(
        key="mood_note",
        label="Mood note",
        group="mood",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.JOIN,
        value=ValueKind.TEXT,
        names={
            "pryv": named("note/txt"),
            "exist": named("mood_note"),
            "personicle": ev("mood_note"),
        },
    ),
    Measure(
        key="energy_level",
        label="Energy level",
        group="mood",
        unit="scale:1-9",
        shape=Shape.EVENT,
        daily=Daily.LAST,
        low=1,
        high=9,
        names={
            "pryv": named("scale/1-9", unit="scale:1-9"),
            "exist": named("energy_level", unit="scale:1-9"),
            "personicle": ev("energy_level", unit="scale:1-9"),
        },
    ),
    Measure(
        key="stress_level",
        label="Stress level",
        group="mood",
        unit="scale:1-9",
        shape=Shape.EVENT,
        daily=Daily.LAST,
        low=1,
        high=9,
        names={
            "pryv": named("scale/1-9", unit="scale:1-9"),
            "exist": named("stress_level", unit="scale:1-9"),
            "personicle": ev("stress_level", unit="scale:1-9"),
        },
    ),
    Measure(
        key="meditation",
        label="Meditation",
        group="mood",
        unit="min",
        shape=Shape.SESSION,
        daily=Daily.DURATION,
        low=0,
        high=1440,
        names={
            "pryv": named("activity/plain"),
            "exist": named("meditation_min", unit="min"),
            # Meditatation is how the dictionary spells it.
            "personicle": ev("Mindfulness", "Meditatation", "Meditation", "GuidedBreathing"),
            "apple_health": hkc("MindfulSession"),
            "health_connect": named("MindfulnessSession"),
        },
    ),
)
