"""Places: where the person is and checks in."""

from __future__ import annotations

from diurnal.catalog._names import ds, ev, family, named
from diurnal.model.measures import Daily, Measure, Shape, ValueKind

FAMILY = family("places", "Places")

MEASURES = (
    Measure(
        key="location",
        label="Location",
        group="location",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.LAST,
        value=ValueKind.OBJECT,
        names={
            "pryv": named("position/wgs84"),
            "exist": named("location"),
            "personicle": ds("location"),
            "apple_health": named("CLLocation", "HKWorkoutRoute"),
            "health_connect": named("ExerciseRoute"),
        },
    ),
    Measure(
        key="checkin",
        label="Check-ins",
        group="location",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.COUNT,
        value=ValueKind.OBJECT,
        low=0,
        high=1_000,
        names={
            "pryv": named("position/wgs84"),
            "exist": named("checkins", unit="1"),
            "personicle": ev("Checkin"),
            "personal": named("places.place"),
        },
    ),
)
