"""Dexcom Clarity: its CSV export. The first rows tell of person and device; times are local."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry
from diurnal.connectors import _csv as tables
from diurnal.connectors._health import clock, value_event
from diurnal.connectors._said import number
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import SECOND

SENSOR = Source("Dexcom", Kind.DEDICATED)

_GLUCOSE = re.compile(r"Glucose Value \((mg/dL|mmol/L)\)")
_LIMITS = {"low", "high"}
"""What stands for a value beyond what the sensor measures."""
_TIME = "Timestamp (YYYY-MM-DDThh:mm:ss)"
_DOSES = (
    ("Insulin Value (u)", "insulin", "[iU]"),
    ("Carb Value (grams)", "carbohydrates", "g"),
)


def recognise(entry: Entry) -> float:
    """Return how sure it is."""
    names = tables.header(entry.head)
    return 0.95 if _TIME in names and any(_GLUCOSE.fullmatch(n) for n in names) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the readings, and the insulin and food that were noted beside."""
    yield from tables.read(entry, _row)


def _row(row: Mapping[str, str]) -> Iterator[Item]:
    if _TIME not in row:
        return  # of the person or the device
    at = clock(row[_TIME])
    if row.get("Event Type") == "EGV":
        column = next((n for n in row if _GLUCOSE.fullmatch(n)), None)
        if column is None:
            return
        said, unit = row[column], column[len("Glucose Value (") : -1]
        if said.casefold() in _LIMITS:
            raise ValueError(f"beyond what the sensor measures: {said}")
        id_ = f"glucose:{at // SECOND}"
        yield value_event("glucose", SENSOR, id_, at, number(said), unit, clock=True)
    for name, measure, unit in _DOSES:
        if row.get(name):
            id_ = f"{measure}:{at // SECOND}"
            yield value_event(measure, SENSOR, id_, at, number(row[name]), unit, clock=True)


CONNECTOR = Connector(
    name="dexcom_clarity",
    title="Dexcom Clarity",
    docs="https://clarity.dexcom.eu/",
    emits=frozenset({"glucose", "insulin", "carbohydrates"}),
    recognise=recognise,
    parse=parse,
)
