"""What kind of day it is: what happens on it follows from this."""

from __future__ import annotations

import math
from datetime import date
from functools import lru_cache

import msgspec
import numpy as np

from diurnal.model import time

TRIP_DAYS = 10
TRIP_OVER = 30
"""Days that a trip must be over: nobody is to open their first page in a far zone."""
_TRIPS = ((5, "Asia/Tokyo"), (10, "America/Halifax"))
"""Month and zone; a trip begins on the month's first Saturday."""
_COLD = (2, 8, 5)
"""Month, day, days."""


class Plan(msgspec.Struct, frozen=True):
    """One day.

    Attributes:
        season: -1 in the middle of winter to 1 in the middle of summer.
        rain: mm/h, 0 for a dry day.
        asleep_min, bed_min: of the night that ended on this day; bed time counts from midnight
            before it, so that 23:00 is -60.
        workout: run, ride or strength, None for none.
    """

    day: int
    weekday: int
    season: float
    temperature: float
    rain: float
    clouds: float
    wind: float
    drinks: int
    coffees: int
    workout: str | None
    sick: bool
    bed_min: int
    asleep_min: int
    deep_share: float
    mood: int
    resting: float
    hrv: float
    steps: int
    productive_min: int
    screen_min: int

    @property
    def weekend(self) -> bool:
        """Saturday or Sunday."""
        return self.weekday >= 5

    @property
    def wakes_min(self) -> int:
        """When the night ended, minutes after midnight; some of it was spent awake."""
        return self.bed_min + self.asleep_min + 24


@lru_cache(maxsize=2_000)
def plan(seed: int, day: int, *, away: bool = False) -> Plan:
    """Return what kind of day `day` is.

    Args:
        away: whether it is a day of a trip: more steps, no work.
    """
    chance = np.random.default_rng([seed, day, 1])
    before = _evening(seed, day - 1)
    evening = _evening(seed, day)
    weekday = time.weekday(day)
    weekend = weekday >= 5 or away
    season = -math.cos(2 * math.pi * (day % 365.2425 - 15) / 365.2425)
    sick = _sick(day)
    rain = round(float(chance.exponential(0.9)) + 0.1, 1) if chance.random() < 0.34 else 0.0
    asleep = 428 + chance.normal(0, 38) + 32 * weekend - 12 * before.drinks
    asleep_min = int(np.clip(asleep, 250, 610))
    moved = None if sick or (evening.workout == "run" and rain > 0) else evening.workout
    workday = not weekend and not sick
    coffees = 1 + int(chance.poisson(1.3 if workday else 0.5))
    mood: float = 5.5 + (asleep_min - 430) / 60 + 0.5 * weekend + 0.3 * (moved is not None)
    mood += chance.normal(0, 0.8) - 1.5 * sick - 0.3 * (rain > 0)
    steps: float = 7_300 + 2_600 * (weekday == 5) - 900 * (weekday == 6) - 1_500 * (rain > 0)
    steps += 2_400 * (moved == "run") + 4_500 * away + chance.normal(0, 1_150)
    if sick:
        steps *= 0.4
    resting = 57.5 - 1.5 * season + 1.8 * before.drinks + 8 * sick + chance.normal(0, 1.1)
    hrv = 54 - 6.5 * before.drinks - 9 * sick + (asleep_min - 430) / 40 + chance.normal(0, 3.6)
    productive = 255 + 16 * coffees + chance.normal(0, 34) if workday else 0
    late = chance.normal(0, 24) + (48 if weekday >= 5 else 0)
    return Plan(
        day=day,
        weekday=weekday,
        season=season,
        temperature=round(9.8 + 8.9 * season + float(chance.normal(0, 2.8)), 1),
        rain=rain,
        clouds=round(float(np.clip(chance.normal(0.75 if rain else 0.4, 0.2), 0, 1)), 2),
        wind=round(float(chance.gamma(4, 1.1)), 1),
        drinks=0 if sick else evening.drinks,
        coffees=coffees,
        workout=moved,
        sick=sick,
        bed_min=int(np.clip(-48 + late, -150, 120)),
        asleep_min=asleep_min,
        deep_share=float(
            np.clip((72 + 20 * before.moved + chance.normal(0, 9)) / asleep_min, 0, 1)
        ),
        mood=int(np.clip(round(mood), 1, 9)),
        resting=round(float(resting), 1),
        hrv=round(float(max(hrv, 15)), 1),
        steps=int(max(steps, 900)),
        productive_min=int(max(productive, 0)),
        screen_min=int(max(135 + 40 * weekend + chance.normal(0, 28), 30)),
    )


class _Evening(msgspec.Struct, frozen=True):
    """What the next day depends on."""

    drinks: int
    workout: str | None

    @property
    def moved(self) -> bool:
        return self.workout is not None


@lru_cache(maxsize=2_000)
def _evening(seed: int, day: int) -> _Evening:
    chance = np.random.default_rng([seed, day, 2])
    weekday = time.weekday(day)
    if _sick(day):
        return _Evening(0, None)
    out = chance.random() < (0.62 if weekday in (4, 5) else 0.12)
    drinks = 1 + int(chance.poisson(0.9 if weekday in (4, 5) else 0.2)) if out else 0
    workout = None
    if chance.random() < {1: 0.85, 3: 0.75, 6: 0.8}.get(weekday, 0.06):
        workout = str(chance.choice(["run", "ride", "strength"], p=[0.5, 0.3, 0.2]))
    return _Evening(drinks, workout)


def _sick(day: int) -> bool:
    month, first, days = _COLD
    at = date.fromordinal(day + date(1970, 1, 1).toordinal())
    return at.month == month and first <= at.day < first + days


def trips(first: int, last: int) -> list[tuple[int, str]]:
    """Return (first day, zone) of the trips that lie within [first, last] and are long over."""
    epoch = date(1970, 1, 1).toordinal()
    found = []
    for year in range(
        date.fromordinal(first + epoch).year, date.fromordinal(last + epoch).year + 1
    ):
        for month, zone in _TRIPS:
            begun = date(year, month, 1).toordinal() - epoch
            begun += (5 - time.weekday(begun)) % 7
            if first < begun and begun + TRIP_DAYS + TRIP_OVER <= last:
                found.append((begun, zone))
    return found
