"""Workouts with weights, from the tables that apps export: a row a set, grouped to workouts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC
from typing import Any

from diurnal.connectors import Entry, _csv, _dates, _json, _said
from diurnal.connectors._health import workout
from diurnal.model import units
from diurnal.model.records import Bad, Item, Source
from diurnal.model.time import SECOND, micros

SETS_MAX = 500
"""Of one workout."""
ROWS_MAX = 500_000
POUND = 0.45359237
MILE = 1.609344


def clock(text: str) -> int:
    """Return what a clock showed, as if it were UTC.

    Raises:
        ValueError: in no known way.
    """
    return micros(_dates.written(text).replace(tzinfo=UTC))


def amount(row: Mapping[str, str], *names: tuple[str, float]) -> float | None:
    """Return the first of some columns that says a number other than 0, in our unit."""
    for name, factor in names:
        said = row.get(name)
        if said and _said.number(said):
            return units.plain(round(_said.number(said) * factor, 4))
    return None


class Workouts:
    """Takes sets, and tells the workouts they belong to.

    Args:
        whole: returns start, end, name and notes of the workout that a row belongs to.
        one: returns what a row says of its set.
    """

    def __init__(
        self,
        source: Source,
        whole: Callable[[Mapping[str, str]], tuple[int, int, str, str]],
        one: Callable[[Mapping[str, str]], dict[str, Any]],
    ) -> None:
        self._source, self._whole, self._one = source, whole, one
        self._found: dict[tuple[int, int, str, str], list[dict[str, Any]]] = {}
        self._rows = 0

    def read(self, entry: Entry) -> Iterator[Item]:
        """Yield the workouts of a table."""
        yield from _csv.read(entry, self._take)
        yield from _json.each(self._told, self._found.items(), entry.path)

    def _take(self, row: Mapping[str, str]) -> Iterator[Bad]:
        self._rows += 1
        if self._rows > ROWS_MAX:
            raise ValueError(f"more than {ROWS_MAX} sets")
        sets = self._found.setdefault(self._whole(row), [])
        said = self._one(row)
        if said and len(sets) < SETS_MAX:
            sets.append(said)
        return iter(())

    def _told(self, found: Any) -> Iterator[Item]:
        (start, end, name, notes), sets = found
        yield workout(
            self._source,
            _said.key(start, name),
            start,
            max(end, start),
            "strength_training",
            _said.some(name=name, notes=notes, sets=sets),
            clock=True,
        )


def seconds(text: str) -> int:
    """Return microseconds of a length like `1h 5m`, `45m`, `55s` or `3600`.

    Raises:
        ValueError: no such length.
    """
    total = 0
    for part in text.split():
        unit = {"h": 3_600, "m": 60, "s": 1}.get(part[-1].lower(), 0)
        total += int(part[:-1]) * unit if unit else int(part)
    return total * SECOND
