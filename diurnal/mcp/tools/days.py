"""Day values, summed up: by day, week or month, with totals over all days asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Literal

import msgspec

from diurnal.mcp.tools import Asked, Date, Input, Key, Tool, distinct, rounded
from diurnal.model.measures import Daily, Measure
from diurnal.model.time import day_text, weekday
from diurnal.services import days
from diurnal.services.days import Day

MEASURES_MAX = 20
ROWS_MAX = 400
"""Rows of all measures together; more days go together in weeks or months."""
SUMMED = frozenset({Daily.SUM, Daily.DURATION, Daily.COUNT, Daily.ANY})
"""Rules whose days add up to something."""
WORDS_MAX = 300

Row = tuple[str | float | int | None, ...]
By = Literal["day", "week", "month", "none"]


class Days(Input):
    """Which days of which measures; left out: the last 30 days."""

    measures: Annotated[list[Key], msgspec.Meta(min_length=1, max_length=MEASURES_MAX)]
    start: Date | None = msgspec.field(name="from", default=None)
    to: Date | None = None
    by: Annotated[
        By | None,
        msgspec.Meta(
            description="Rows by day, by week (they begin on Mondays), by month, or none but the "
            "totals. Left out: as fine as is short."
        ),
    ] = None


class Summary(msgspec.Struct, omit_defaults=True):
    """Of the days with a number: how many, what they come to, lowest and highest."""

    days: int
    total: float | None = None
    mean: float | None = None
    spread: float | None = None
    min: float | None = None
    min_on: str | None = None
    max: float | None = None
    max_on: str | None = None


class Told(msgspec.Struct, omit_defaults=True):
    """One measure; a row is [day, value] or [first day, days with a value, total or mean]."""

    unit: str
    summary: Summary
    rows: list[Row] = []


class Answer(msgspec.Struct, rename={"start": "from"}):
    """Measures by key."""

    start: str
    to: str
    by: By
    measures: dict[str, Told]


def run(asked: Asked, given: Days) -> Answer:
    """Answer days."""
    keys = distinct(given.measures, MEASURES_MAX)
    first, last = asked.window(given.start, given.to)
    found = days.values(*asked, keys, first, last)
    by = given.by or _fitting(len(keys) * (last - first + 1))
    return Answer(
        start=day_text(first),
        to=day_text(last),
        by=by,
        measures={
            key: Told(
                unit=asked.measure(key).unit,
                summary=summary(asked.measure(key), of),
                rows=_rows(asked.measure(key), of, by)[:ROWS_MAX],
            )
            for key, of in found.items()
        },
    )


def _fitting(cells: int) -> By:
    if cells <= ROWS_MAX // 2:
        return "day"
    return "week" if cells <= 7 * ROWS_MAX // 2 else "month"


def summary(measure: Measure, of: Sequence[Day]) -> Summary:
    """Sum up days; those without a number count nowhere."""
    numbers = [(float(d.value), d.day) for d in of if isinstance(d.value, int | float)]
    if not numbers:
        return Summary(days=sum(d.value is not None for d in of))
    total = math.fsum(value for value, _ in numbers)
    mean = total / len(numbers)
    low, high = min(numbers), max(numbers)
    square = math.fsum((value - mean) ** 2 for value, _ in numbers)
    return Summary(
        days=len(numbers),
        total=rounded(total) if measure.daily in SUMMED else None,
        mean=rounded(mean),
        spread=rounded(math.sqrt(square / (len(numbers) - 1))) if len(numbers) > 1 else None,
        min=rounded(low[0]),
        min_on=day_text(low[1]),
        max=rounded(high[0]),
        max_on=day_text(high[1]),
    )


def _rows(measure: Measure, of: Sequence[Day], by: By) -> list[Row]:
    if by == "none":
        return []
    if by == "day":
        return [(day_text(d.day), _short(d.value)) for d in of if d.value is not None]

    def begin(one: Day) -> str:
        if by == "month":
            return day_text(one.day)[:7]
        return day_text(one.day - weekday(one.day))

    made: list[Row] = []
    for start, some in groupby(of, key=begin):
        summed = summary(measure, list(some))
        if summed.days:
            made.append((start, summed.days, summed.mean if summed.total is None else summed.total))
    return made


def _short(value: float | str | None) -> float | str | None:
    return value[:WORDS_MAX] if isinstance(value, str) else rounded(value)


TOOL = Tool(
    title="Days",
    description="Values of local days for up to 20 measures: totals, means, lowest and highest "
    "over all days asked for, and rows by day, week or month.",
    given=Days,
    run=run,
)
