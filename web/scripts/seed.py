"""Fill an account with five invented years through the API, to look at the pages with.

Usage: seed.py http://127.0.0.1:8400 TOKEN [YYYY-MM-DD, the last day]
"""

import json
import math
import random
import sys
import urllib.request
from datetime import date, timedelta

DAYS = 1826
CALL = 5_000


def rows(last: date) -> list[dict[str, object]]:
    """Return day values of several sources, the same for the same last day."""
    dice = random.Random(20211121)
    made: list[dict[str, object]] = []
    weight = 76.0
    for i in range(DAYS):
        day = last - timedelta(days=DAYS - 1 - i)
        weekend = day.weekday() >= 5
        season = math.sin(2 * math.pi * (day.timetuple().tm_yday - 100) / 365.25)
        slept = dice.gauss(465 if weekend else 430, 38)
        steps = max(200, dice.gauss(9_200 + 1_900 * season - (1_400 if weekend else 0), 2_600))
        worked = 0 if weekend else max(0, dice.gauss(265, 60))
        mood = 5.2 + (steps - 9_000) / 4_200 + (slept - 440) / 90 + dice.gauss(0, 1.0)
        weight += dice.gauss(-0.002, 0.12)
        values = {
            ("phone", "steps"): round(steps),
            ("watch", "sleep"): round(slept),
            ("watch", "heart_rate_resting"): round(56 - 2 * season + dice.gauss(0, 1.4), 1),
            ("computer", "productive_time"): round(worked),
            ("scale", "weight"): round(weight, 1),
            ("phone", "distance_walk_run"): round(steps * 0.74),
            ("watch", "energy_active"): round(steps * 0.045 + dice.gauss(40, 20), 1),
            ("diary", "mood"): min(9, max(1, round(mood))),
            ("weather", "weather_temp_max"): round(14 + 11 * season + dice.gauss(0, 3), 1),
        }
        for (source, measure), value in values.items():
            seldom = {"scale": 0.35, "diary": 0.2}.get(source, 0.02)
            today = i == DAYS - 1 and source in ("diary", "scale")
            if dice.random() < seldom or today:
                continue
            made.append(
                {"measure": measure, "date": day.isoformat(), "value": value, "source": source}
            )
    return made


def main() -> None:
    """Send everything."""
    base, token = sys.argv[1:3]
    last = date.fromisoformat(sys.argv[3]) if len(sys.argv) > 3 else date.today()  # noqa: DTZ011, TID251
    all_rows = rows(last)
    for start in range(0, len(all_rows), CALL):
        call = urllib.request.Request(  # noqa: S310
            f"{base}/api/v1/days",
            json.dumps({"days": all_rows[start : start + CALL]}).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(call) as answer:  # noqa: S310
            sys.stderr.write(f"{answer.read().decode()}\n")


if __name__ == "__main__":
    main()
