"""Five invented years of days, the same for the same last day."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from typing import Any

DAYS = 1826
_SELDOM = {"scale": 0.35, "diary": 0.2}


def days(last: date) -> list[dict[str, Any]]:
    """Return rows for POST /days."""
    dice = random.Random(20211121)
    made = []
    weight = 76.0
    for i in range(DAYS):
        day = last - timedelta(days=DAYS - 1 - i)
        weekend = day.weekday() >= 5
        season = math.sin(2 * math.pi * (day.timetuple().tm_yday - 100) / 365.25)
        slept = dice.gauss(465 if weekend else 430, 38)
        steps = max(200, dice.gauss(9_200 + 1_900 * season - (1_400 if weekend else 0), 2_600))
        mood = 5.2 + (steps - 9_000) / 4_200 + (slept - 440) / 90 + dice.gauss(0, 1.0)
        weight += dice.gauss(-0.002, 0.12)
        values = {
            ("phone", "steps"): round(steps),
            ("watch", "sleep"): round(slept),
            ("watch", "heart_rate_resting"): round(56 - 2 * season + dice.gauss(0, 1.4), 1),
            ("computer", "productive_time"): 0 if weekend else round(max(0, dice.gauss(265, 60))),
            ("scale", "weight"): round(weight, 1),
            ("diary", "mood"): min(9, max(1, round(mood))),
        }
        for (source, measure), value in values.items():
            # Today nobody has said yet how it was.
            if dice.random() < _SELDOM.get(source, 0.02) or (i == DAYS - 1 and source in _SELDOM):
                continue
            made.append(
                {"measure": measure, "date": day.isoformat(), "value": value, "source": source}
            )
    return made
