"""What was eaten on a day, from the tables that food diaries export."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from diurnal import catalog
from diurnal.connectors import Entry, _csv, _said
from diurnal.model.records import DayDatum, Item, Source
from diurnal.model.time import day_from_text

Columns = Mapping[str, tuple[str, str]]
"""Name of a column -> measure and unit."""


def read(
    entry: Entry,
    source: Source,
    columns: Columns,
    *,
    counts: Callable[[Mapping[str, str]], bool] = lambda _row: True,
) -> Iterator[Item]:
    """Yield the sum of each day; a day's meals stand in rows of their own.

    Args:
        counts: whether a row says anything.
    """
    days: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))

    def one(row: Mapping[str, str]) -> Iterator[Item]:
        day = day_from_text(row["Date"][:10])
        if not counts(row):
            return iter(())
        told = {
            key: catalog.to_canonical(catalog.get(key), number(row[name]), unit)
            for name, (key, unit) in columns.items()
            if row.get(name)
        }
        for key, value in told.items():
            days[day][key] += value
        return iter(())

    yield from _csv.read(entry, one)
    for day, found in days.items():
        for key, value in found.items():
            yield DayDatum(source=source, measure=key, day=day, value=round(value, 4))


def number(text: str) -> float:
    """Return a number whose thousands may be grouped by commas."""
    return _said.number(text.replace(",", ""))
