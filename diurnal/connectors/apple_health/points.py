"""The points of one type, source and unit, while an export is read."""

from __future__ import annotations

import math
from array import array

from diurnal.model import units
from diurnal.model.measures import Measure
from diurnal.model.records import Points, Source

_STAND = {"HKCategoryValueAppleStandHourStood": 1.0, "HKCategoryValueAppleStandHourIdle": 0.0}


class Series:
    """The points of one type, source and unit."""

    __slots__ = ("_factor", "_measure", "_plus", "_source", "end", "start", "value")

    def __init__(self, measure: Measure, source: Source, unit: str) -> None:
        self._measure, self._source = measure.key, source
        self._factor, self._plus = units.linear(unit, measure.unit, molar=measure.molar)
        self.start, self.end, self.value = array("q"), array("q"), array("d")

    def take(self, start: int, end: int, a: dict[str, str]) -> None:
        """Take a record.

        Raises:
            ValueError: its value is no number.
        """
        value = float(a["value"])
        if not math.isfinite(value):
            raise ValueError(f"no number: {a['value'][:40]!r}")
        self.start.append(start)
        self.end.append(end)
        self.value.append(value)

    def take_hour(self, start: int, end: int, a: dict[str, str]) -> None:
        """Take an hour stood or idled."""
        value = _STAND[a["value"]]
        self.start.append(start)
        self.end.append(end)
        self.value.append(value)

    def flush(self) -> Points:
        """Return what was taken and begin anew."""
        value = self.value
        if self._factor != 1.0 or self._plus:
            value = array("d", [v * self._factor + self._plus for v in value])
        points = Points(self._measure, self._source, self.start, self.end, value)
        self.start, self.end, self.value = array("q"), array("q"), array("d")
        return points
