"""Cronometer: what was eaten, by day, from the daily nutrition of its export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry, _csv, _nutrients
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("Cronometer", Kind.MANUAL)
# Its water counts what is in food, too, and is no drinking.
_COLUMNS = {
    "Energy (kcal)": ("energy_intake", "kcal"),
    "Caffeine (mg)": ("caffeine", "mg"),
    "Carbs (g)": ("carbohydrates", "g"),
    "Fiber (g)": ("fibre", "g"),
    "Sugars (g)": ("sugar", "g"),
    "Fat (g)": ("fat", "g"),
    "Saturated (g)": ("fat_saturated", "g"),
    "Cholesterol (mg)": ("cholesterol", "mg"),
    "Protein (g)": ("protein", "g"),
    "Sodium (mg)": ("sodium", "mg"),
    "Potassium (mg)": ("potassium", "mg"),
    "Calcium (mg)": ("calcium", "mg"),
    "Iron (mg)": ("iron", "mg"),
    "Magnesium (mg)": ("magnesium", "mg"),
    "Zinc (mg)": ("zinc", "mg"),
    "Vitamin C (mg)": ("vitamin_c", "mg"),
}
_OWN = ("Date", "Energy (kcal)", "Carbs (g)", "Protein (g)", "Completed")


def recognise(entry: Entry) -> float:
    """Return 0.95 for the daily nutrition."""
    return 0.95 if _csv.has(entry.head, *_OWN) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the daily nutrition; a day on which nothing was noted says nothing."""
    return _nutrients.read(
        entry, SOURCE, _COLUMNS, counts=lambda row: _nutrients.number(row["Energy (kcal)"]) > 0
    )


CONNECTOR = Connector(
    name="cronometer",
    title="Cronometer",
    docs="https://support.cronometer.com/hc/en-us/articles/360018239472",
    emits=frozenset(key for key, _ in _COLUMNS.values()),
    recognise=recognise,
    parse=parse,
)
