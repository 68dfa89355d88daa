"""What watch, phone and scale tell: steps, heart, sleep, workouts, weight."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from diurnal.demo.life import (
    PHONE,
    SCALE,
    TRACKER,
    WATCH,
    WEATHER,
    Floats,
    Ints,
    Life,
    Stretch,
    key,
)
from diurnal.demo.plan import Plan
from diurnal.model.records import Datum, Source
from diurnal.model.time import HOUR, MINUTE, SECOND

_WORKDAY = np.array(
    [0, 0, 0, 0, 0, 0, 1, 6, 9, 4, 3, 3, 7, 5, 3, 3, 4, 8, 7, 5, 4, 3, 2, 1], np.float64
)
_FREE_DAY = np.array(
    [0, 0, 0, 0, 0, 0, 0, 1, 3, 6, 9, 9, 6, 5, 8, 9, 7, 5, 4, 4, 3, 2, 2, 1], np.float64
)
"""How steps spread over the hours."""
_CYCLES = 5
_DEEP = np.array([0.36, 0.3, 0.2, 0.1, 0.04])
_REM = np.array([0.07, 0.15, 0.2, 0.28, 0.3])
_REM_SHARE = 0.22
_AWAKE_MIN = 24
_SPEED = {"run": 2.75, "ride": 5.6, "strength": 0.0}
"""m/s."""
_KCAL = {"run": 11.0, "ride": 8.5, "strength": 5.5}
"""A minute."""


def series(life: Life, day: int) -> Iterator[Stretch]:
    """Yield the points of one day."""
    p = life.day(day)
    begin, end = life.span(day)
    yield from _steps(life, p, begin, end)
    yield from _heart(life, p, begin, end)
    yield from _night_values(life, p)
    yield from _screens(life, p)
    hours = np.arange(begin, end, HOUR, dtype=np.int64)
    turn = 2 * math.pi * (np.arange(len(hours)) - 9) / 24
    yield _instants("weather_temp", WEATHER, hours, np.round(p.temperature + 3.6 * np.sin(turn), 1))


def events(life: Life, day: int) -> Iterator[Datum]:
    """Yield the night, the workout and what is measured once a day."""
    p = life.day(day)
    start, asleep_s = _night(life, p)
    stages = _stages(p)
    yield Datum(
        source=WATCH,
        source_id=key("night", day),
        type="sleep/night",
        start=start,
        duration=asleep_s * SECOND,
        content={"stages": stages},
        measure="sleep",
    )
    woke = start + asleep_s * SECOND
    yield Datum(
        source=WATCH,
        source_id=key("resting", day),
        type="frequency/bpm",
        start=woke,
        content=p.resting,
        measure="heart_rate_resting",
    )
    workout = _workout(life, p)
    if workout is not None:
        yield workout
    if p.weekday == 6 or (p.weekday == 2 and day % 3 == 0):
        kg = 74.6 + 1.5 * math.sin(2 * math.pi * day / 365.2425 + 1)
        kg = round(kg + float(life.chance(day, 10).normal(0, 0.25)), 1)
        fat = round(19.4 + 0.9 * (kg - 74.6), 1)
        at = woke + 9 * MINUTE
        yield Datum(
            source=SCALE,
            source_id=key("weight", day),
            type="mass/kg",
            start=at,
            content=kg,
            measure="weight",
        )
        yield Datum(
            source=SCALE,
            source_id=key("fat", day),
            type="ratio/percent",
            start=at,
            content=fat,
            measure="body_fat",
        )


# Walking


def _steps(life: Life, p: Plan, begin: int, end: int) -> Iterator[Stretch]:
    chance = life.chance(p.day, 11)
    hours = np.arange(begin, end, HOUR, dtype=np.int64)
    until = np.minimum(hours + HOUR, end)
    clock = np.arange(len(hours))
    if not life.plain(p.day):
        offsets = np.array([life.zones.offset_at(int(t)) for t in hours])
        clock = (hours // MINUTE + offsets) // 60 % 24
    weights = (_FREE_DAY if p.weekend or p.day in life.away else _WORKDAY)[clock]
    weights = weights * chance.gamma(4, 0.25, len(hours))
    workout = _when(life, p)
    if workout is not None and p.workout == "run":
        weights[(hours <= workout[0]) & (until > workout[0])] += weights.sum() * 0.5
    steps = np.round(p.steps * weights / max(weights.sum(), 1e-9))
    worn = chance.random(len(hours)) > 0.03
    carried = (chance.random(len(hours)) > 0.22) | ~worn
    seen = np.round(steps * np.where(worn, chance.uniform(0.5, 0.85, len(hours)), 1.0))
    metres = 0.74 + 0.02 * float(chance.normal())
    for source, mask, counted in (
        (WATCH, worn & (steps > 0), steps),
        (PHONE, carried & (seen > 0), seen),
    ):
        yield Stretch("steps", source, hours[mask], until[mask], counted[mask])
        yield Stretch(
            "distance_walk_run",
            source,
            hours[mask],
            until[mask],
            np.round(counted[mask] * metres, 1),
        )
    mask = worn & (steps > 0)
    burned = np.round(steps * 0.041, 1)
    if workout is not None and p.workout in ("ride", "strength"):
        burned[(hours <= workout[0]) & (until > workout[0])] += _minutes(workout) * _KCAL[p.workout]
    yield Stretch("energy_active", WATCH, hours[mask], until[mask], burned[mask])
    active = np.round(np.minimum(steps / 105, 55) * (steps > 400))
    mask &= active > 0
    yield Stretch("active_time", WATCH, hours[mask], until[mask], active[mask])
    floors = chance.poisson(steps / 900).astype(np.float64)
    mask = carried & (floors > 0)
    yield Stretch("floors", PHONE, hours[mask], until[mask], floors[mask])


def _minutes(span: tuple[int, int]) -> float:
    return (span[1] - span[0]) / MINUTE


# Workouts


def _when(life: Life, p: Plan) -> tuple[int, int] | None:
    if p.workout is None:
        return None
    chance = life.chance(p.day, 12)
    minute = (10 * 60 + 20 if p.weekend else 18 * 60 + 5) + int(chance.integers(-25, 30))
    lasts = {"run": (32, 58), "ride": (60, 115), "strength": (38, 55)}[p.workout]
    start = life.at(p.day, minute)
    return start, start + int(chance.integers(*lasts)) * MINUTE


def _workout(life: Life, p: Plan) -> Datum | None:
    span = _when(life, p)
    if span is None or p.workout is None:
        return None
    beats = _effort(life, p, span)
    seconds = (span[1] - span[0]) // SECOND
    content: dict[str, Any] = {
        "activity": {"run": "running", "ride": "cycling", "strength": "strength_training"}[
            p.workout
        ],
        "energy": round(_minutes(span) * _KCAL[p.workout], 1),
        "moving": seconds,
        "heart_rate": round(float(beats.mean()), 1),
        "heart_rate_max": float(beats.max()),
        "indoor": p.workout == "strength",
    }
    if _SPEED[p.workout]:
        content["distance"] = _distance(life, p, span)
    return Datum(
        source=WATCH,
        source_id=key("workout", p.day),
        type="activity/workout",
        start=span[0],
        duration=span[1] - span[0],
        content=content,
        measure="workout",
    )


def _distance(life: Life, p: Plan, span: tuple[int, int]) -> float:
    speed = _SPEED[p.workout or ""] * (1 + 0.06 * float(life.chance(p.day, 13).normal()))
    return round((span[1] - span[0]) / SECOND * speed, 1)


def _effort(life: Life, p: Plan, span: tuple[int, int]) -> Floats:
    """Return heart rates, one a minute."""
    chance = life.chance(p.day, 14)
    n = (span[1] - span[0]) // MINUTE
    top = {"run": 154, "ride": 142, "strength": 118}[p.workout or "run"]
    warm = 1 - np.exp(-np.arange(n) / 4)
    waves = 7 * np.sin(np.arange(n) / 5) if p.workout == "strength" else 0
    beats = p.resting + 20 + (top - p.resting - 20) * warm + waves
    return np.asarray(np.round(beats + chance.normal(0, 2.5, n)), np.float64)


# Heart


def _heart(life: Life, p: Plan, begin: int, end: int) -> Iterator[Stretch]:
    chance = life.chance(p.day, 15)
    at = np.arange(begin, end, 5 * MINUTE, dtype=np.int64)
    slept, asleep_s = _night(life, p)
    next_night = life.at(p.day + 1, life.day(p.day + 1).bed_min)
    asleep = ((at >= slept) & (at < slept + asleep_s * SECOND)) | (at >= next_night)
    drift = np.convolve(chance.normal(0, 9, len(at) + 8), np.ones(9) / 9, "valid")
    jumps = chance.gamma(1.2, 7, len(at))
    beats = np.where(
        asleep,
        p.resting + 1 + 0.4 * drift + chance.normal(0, 1, len(at)),
        p.resting + 14 + drift + jumps,
    )
    beats = np.round(np.clip(beats, 42, 165))
    span = _when(life, p)
    if span is not None:
        kept = (at < span[0]) | (at >= span[1])
        minutes = np.arange(span[0], span[1], MINUTE, dtype=np.int64)
        at = np.concatenate([at[kept], minutes])
        beats = np.concatenate([beats[kept], _effort(life, p, span)])
        order = np.argsort(at, kind="stable")
        at, beats = at[order], beats[order]
    # Charging, or too loose: a watch misses some.
    seen = chance.random(len(at)) > 0.02
    yield _instants("heart_rate", WATCH, at[seen], beats[seen])
    if span is not None and p.workout == "ride":
        once = np.array([span[0]], np.int64), np.array([span[1]], np.int64)
        yield Stretch("distance_cycle", WATCH, *once, np.array([_distance(life, p, span)]))


def _night_values(life: Life, p: Plan) -> Iterator[Stretch]:
    chance = life.chance(p.day, 16)
    start, asleep_s = _night(life, p)
    # From midnight on: what is told before it counts for the day before.
    first = max(start + 20 * MINUTE, life.span(p.day)[0])
    at = np.arange(first, start + asleep_s * SECOND, 30 * MINUTE, dtype=np.int64)
    ripple = chance.normal(0, 3, len(at))
    # What is planted is the mean of the night.
    hrv = p.hrv + ripple - ripple.mean()
    yield _instants("hrv_rmssd", WATCH, at, np.round(hrv, 1))
    breaths = 14.2 + 1.6 * p.sick + chance.normal(0, 0.5, len(at))
    yield _instants("respiratory_rate", WATCH, at, np.round(breaths, 1))
    oxygen = np.clip(chance.normal(0.965, 0.008, len(at)), 0.9, 1)
    yield _instants("spo2", WATCH, at, np.round(oxygen, 3))


def _instants(measure: str, source: Source, at: Ints, value: Floats) -> Stretch:
    return Stretch(measure, source, at, at, np.asarray(value, np.float64))


# Sleep


def _night(life: Life, p: Plan) -> tuple[int, int]:
    """Return when the night that ended on this day began, and its seconds."""
    return life.at(p.day, p.bed_min), sum(int(s["duration"]) for s in _stages(p))


def _stages(p: Plan) -> list[dict[str, str | float]]:
    deep = p.asleep_min * p.deep_share * _DEEP
    rem = p.asleep_min * _REM_SHARE * _REM
    light = (p.asleep_min - deep.sum() - rem.sum()) / _CYCLES
    told: list[dict[str, str | float]] = []
    at = 0
    for cycle in range(_CYCLES):
        parts = (
            ("light", light * 0.6),
            ("deep", deep[cycle]),
            ("light", light * 0.4),
            ("rem", rem[cycle]),
            ("awake", _AWAKE_MIN / _CYCLES),
        )
        for stage, minutes in parts:
            # Watches tell in half minutes.
            seconds = round(float(minutes) * 2) * 30
            woken = (p.asleep_min >> cycle) & 1 and cycle < _CYCLES - 1
            if seconds and (stage != "awake" or woken):
                told.append({"stage": stage, "start": at, "duration": seconds})
                at += seconds
    return told


# Screens and work


def _screens(life: Life, p: Plan) -> Iterator[Stretch]:
    chance = life.chance(p.day, 17)
    slots = chance.permutation(np.arange(4 * 7, 4 * 22))
    spans: list[tuple[float, float]] = []
    left = p.screen_min
    for slot in slots:
        if left <= 0:
            break
        lasts = min(left, int(chance.integers(2, 14)))
        spans.append((15.0 * int(slot), lasts))
        left -= lasts
    yield _spans(life, p, "screen_mobile", PHONE, sorted(spans))
    if not p.productive_min or p.day in life.away:
        return
    kinds: dict[str, list[tuple[float, float]]] = {
        "productive_time": [],
        "neutral_time": [],
        "distracting_time": [],
    }
    at, left = 8 * 60 + 40 + float(chance.integers(0, 35)), p.productive_min
    while left > 0 and at < 20 * 60:
        lasts = min(left, int(chance.integers(18, 55)))
        kinds["productive_time"].append((at, lasts))
        at, left = at + lasts, left - lasts
        for kind, most in (("neutral_time", 16), ("distracting_time", 11)):
            short = int(chance.integers(0, most))
            if short > 2:
                kinds[kind].append((at, short))
            at += short
        at += 38 if 12 * 60 < at < 12 * 60 + 45 else 0
    for measure, found in kinds.items():
        yield _spans(life, p, measure, TRACKER, found)


def _spans(
    life: Life, p: Plan, measure: str, source: Source, spans: list[tuple[float, float]]
) -> Stretch:
    start = np.array([life.at(p.day, at) for at, _ in spans], np.int64)
    minutes = np.array([lasts for _, lasts in spans], np.float64)
    return Stretch(measure, source, start, start + (minutes * MINUTE).astype(np.int64), minutes)
