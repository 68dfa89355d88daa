from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from diurnal.analysis import Days, MeasureInfo
from diurnal.model.measures import Daily

DATA = Path(__file__).parent.parent / "data" / "csv"
LEVELS = {"weight_kg", "resting_hr", "hrv_ms", "mood"}
WEATHER = {"temp_max_c", "rain_mm"}


@pytest.fixture(scope="session")
def invented_year() -> Days:
    with (DATA / "daily.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in ("date", "tz")]
    values = np.array([[float(row[n]) if row[n] else np.nan for n in names] for row in rows])
    infos = tuple(
        MeasureInfo(
            key=name,
            label=name,
            is_tag=name == "ill",
            kind=Daily.LAST if name in LEVELS else Daily.SUM,
            group="weather" if name in WEATHER else "",
        )
        for name in names
    )
    first = (date.fromisoformat(rows[0]["date"]) - date(1970, 1, 1)).days
    return Days(first, infos, values)
