"""Workouts: sessions of exercise, and the days made of them."""

from __future__ import annotations

from diurnal.catalog._names import ev, family, named
from diurnal.model.measures import Daily, Derived, Measure, Shape

FAMILY = family("workouts", "Workouts", "health")

MEASURES = (
    Measure(
        key="workout",
        label="Workouts",
        group="workouts",
        unit="1",
        shape=Shape.SESSION,
        daily=Daily.COUNT,
        low=0,
        high=50,
        names={
            "pryv": named("activity/plain", "activity/workout"),
            "exist": named("workouts", unit="1"),
            # Kinds of exercise are events of their own there: exercise.Running, Biking, …
            "personicle": ev("exercise", "exercise.running", "activity", "Biking"),
            "apple_health": named("HKWorkout"),
            "health_connect": named("ExerciseSession"),
        },
    ),
    Measure(
        key="workouts_min",
        label="Workout time",
        group="workouts",
        unit="min",
        shape=Shape.DAY,
        daily=Daily.DURATION,
        low=0,
        high=1440,
        names={
            "pryv": named("time/min", unit="min"),
            "exist": named("workouts_min", unit="min"),
        },
        derived=Derived("workout", Daily.DURATION),
    ),
    Measure(
        key="workout_distance",
        label="Workout distance",
        group="workouts",
        unit="m",
        shape=Shape.DAY,
        daily=Daily.SUM,
        low=0,
        high=1_000_000,
        names={
            "pryv": named("length/m", unit="m"),
            "exist": named("workouts_distance", unit="km"),
        },
        derived=Derived("workout", Daily.SUM, "distance"),
    ),
)
