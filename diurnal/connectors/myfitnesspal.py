"""MyFitnessPal: what was eaten, by day, from the nutrition summary of its export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry, _csv, _nutrients
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("MyFitnessPal", Kind.MANUAL)
# Vitamins, calcium and iron are percent of what somebody should eat, and are left out.
_COLUMNS = {
    "Calories": ("energy_intake", "kcal"),
    "Fat (g)": ("fat", "g"),
    "Saturated Fat": ("fat_saturated", "g"),
    "Cholesterol": ("cholesterol", "mg"),
    "Sodium (mg)": ("sodium", "mg"),
    "Potassium": ("potassium", "mg"),
    "Carbohydrates (g)": ("carbohydrates", "g"),
    "Fiber": ("fibre", "g"),
    "Sugar": ("sugar", "g"),
    "Protein (g)": ("protein", "g"),
}
_OWN = ("Date", "Meal", "Calories", "Polyunsaturated Fat", "Protein (g)")


def recognise(entry: Entry) -> float:
    """Return 0.95 for the nutrition summary."""
    return 0.95 if _csv.has(entry.head, *_OWN) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the nutrition summary."""
    return _nutrients.read(entry, SOURCE, _COLUMNS)


CONNECTOR = Connector(
    name="myfitnesspal",
    title="MyFitnessPal",
    docs="https://support.myfitnesspal.com/hc/en-us/articles/360032273352",
    emits=frozenset(key for key, _ in _COLUMNS.values()),
    recognise=recognise,
    parse=parse,
)
