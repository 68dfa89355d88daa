"""Short ways to write a measure's names in one API; the first name is the one we write."""

from __future__ import annotations

from diurnal.model.measures import Name
from diurnal.model.streams import ROOT, Stream

DATASTREAM = "com.personicle.individual.datastreams."
EVENT = "com.personicle.individual.events."
QUANTITY = "HKQuantityTypeIdentifier"
CATEGORY = "HKCategoryTypeIdentifier"
ASLEEP = "HKCategoryValueSleepAnalysis"


def family(key: str, name: str, parent: str | None = None) -> Stream:
    """Return the stream that holds the home streams of a family's measures."""
    return Stream(id=f"{ROOT}-{key}", name=name, parent_id=f"{ROOT}-{parent}" if parent else ROOT)


def named(*names: str, unit: str | None = None) -> tuple[Name, ...]:
    """Return plain names, all in `unit`."""
    return tuple(Name(name, unit) for name in names)


def ds(*names: str, unit: str | None = None) -> tuple[Name, ...]:
    """Return Personicle datastreams by the end of their names."""
    return tuple(Name(DATASTREAM + name, unit) for name in names)


def ev(*names: str, unit: str | None = None) -> tuple[Name, ...]:
    """Return Personicle events by the end of their names."""
    return tuple(Name(EVENT + name, unit) for name in names)


def hk(*names: str, unit: str) -> tuple[Name, ...]:
    """Return HealthKit quantities by the end of their identifiers."""
    return tuple(Name(QUANTITY + name, unit) for name in names)


def hkc(*names: str) -> tuple[Name, ...]:
    """Return HealthKit categories by the end of their identifiers."""
    return tuple(Name(CATEGORY + name) for name in names)
