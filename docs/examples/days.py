"""Sleep against mood, week by week. Needs `DIURNAL_URL` and `DIURNAL_TOKEN`, and pandas."""

import os
from datetime import date, timedelta

from diurnal.client import Client

with Client(os.environ["DIURNAL_URL"], os.environ["DIURNAL_TOKEN"]) as client:
    today = date.fromisoformat(os.environ.get("DIURNAL_TODAY", date.today().isoformat()))
    days = client.days(["sleep", "mood", "steps"], today - timedelta(days=89), today)

frame = days.to_pandas().astype(float)
weeks = frame.resample("W").mean().round(1)
print(weeks)
print("Sleep and mood of the same day: r =", round(frame["sleep"].corr(frame["mood"]), 2))
