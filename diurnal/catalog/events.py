"""The calendar."""

from __future__ import annotations

from diurnal.catalog._names import ev, family, named
from diurnal.model.measures import Daily, Derived, Measure, Shape, ValueKind

FAMILY = family("calendar", "Calendar")

MEASURES = (
    Measure(
        key="calendar_event",
        label="Calendar events",
        group="events",
        unit="1",
        shape=Shape.SESSION,
        daily=Daily.COUNT,
        value=ValueKind.OBJECT,
        low=0,
        high=1_000,
        names={
            "pryv": named("calendar/ical-event", "activity/plain", "note/txt"),
            "exist": named("events", unit="1"),
            "personicle": ev("CalendarEvent"),
        },
    ),
    Measure(
        key="events_duration",
        label="Time in calendar events",
        group="events",
        unit="min",
        shape=Shape.DAY,
        daily=Daily.DURATION,
        low=0,
        high=1440,
        names={
            "pryv": named("time/min", unit="min"),
            "exist": named("events_duration", unit="min"),
        },
        derived=Derived("calendar_event", Daily.DURATION),
    ),
)
