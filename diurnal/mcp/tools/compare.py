"""Two stretches of time beside each other."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec

from diurnal.errors import InvalidInput
from diurnal.mcp.tools import Asked, Date, Input, Key, Tool, distinct, rounded
from diurnal.mcp.tools.days import Summary, summary
from diurnal.model.time import day_from_text
from diurnal.services import days

MEASURES_MAX = 20
Z_95 = 1.96


class Stretch(Input):
    """Days from the first to the last."""

    start: Date = msgspec.field(name="from")
    to: Date


class Compare(Input):
    """Which measures, in which two stretches."""

    measures: Annotated[list[Key], msgspec.Meta(min_length=1, max_length=MEASURES_MAX)]
    first: Stretch
    second: Stretch


class Told(msgspec.Struct, omit_defaults=True):
    """Both stretches; `difference` of their means, the second's less the first's.

    Attributes:
        low, high: where the difference lies with 95 % probability if days were independent.
    """

    unit: str
    first: Summary
    second: Summary
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    percent: float | None = None


class Answer(msgspec.Struct):
    """Measures by key."""

    measures: dict[str, Told]


def run(asked: Asked, given: Compare) -> Answer:
    """Answer both stretches of each measure."""
    keys = distinct(given.measures, MEASURES_MAX)
    one = days.values(*asked, keys, *_days(given.first, "first"))
    two = days.values(*asked, keys, *_days(given.second, "second"))
    told = {}
    for key in keys:
        measure = asked.measure(key)
        told[key] = _told(measure.unit, summary(measure, one[key]), summary(measure, two[key]))
    return Answer(measures=told)


def _days(given: Stretch, field: str) -> tuple[int, int]:
    first = day_from_text(given.start, field=f"{field}.from")
    last = day_from_text(given.to, field=f"{field}.to")
    if first > last:
        raise InvalidInput("from is after to", field=f"{field}.from")
    return first, last


def _told(unit: str, one: Summary, two: Summary) -> Told:
    told = Told(unit=unit, first=one, second=two)
    if one.mean is None or two.mean is None:
        return told
    told.difference = rounded(two.mean - one.mean)
    if one.mean:
        told.percent = rounded(100 * (two.mean - one.mean) / abs(one.mean))
    if one.spread is not None and two.spread is not None:
        half = Z_95 * math.sqrt(one.spread**2 / one.days + two.spread**2 / two.days)
        told.low = rounded(two.mean - one.mean - half)
        told.high = rounded(two.mean - one.mean + half)
    return told


TOOL = Tool(
    title="Compare",
    description="Compares two stretches of days, measure by measure: totals, means, spread, and "
    "how far their means differ with a 95 % interval.",
    given=Compare,
    run=run,
)
