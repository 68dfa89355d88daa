"""A day's heart rate in quarters of an hour, with polars and asyncio."""

import asyncio
import os
from datetime import datetime, timedelta

from diurnal.client import AsyncClient


async def main() -> None:
    async with AsyncClient(os.environ["DIURNAL_URL"], os.environ["DIURNAL_TOKEN"]) as client:
        start = datetime.fromisoformat(os.environ["DIURNAL_TODAY"] + "T00:00:00+00:00")
        series = await client.series("heart_rate", start, start + timedelta(days=1), width="15m")
    frame = series.to_polars().drop_nulls("mean")
    print(frame.select("time", "min", "mean", "max"))
    print("Highest:", frame["max"].max())


asyncio.run(main())
