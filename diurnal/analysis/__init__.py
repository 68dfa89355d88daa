"""Pure functions on arrays of day values, one file per question; found by scanning for `ANALYSIS`.

Nothing here knows accounts, storage or clocks: a service loads `Days`, runs what it finds and
keeps the findings. Imported by the worker only, because SciPy alone costs 60 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from diurnal.model.measures import Daily

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

MEASURES_MAX = 1_000
DAYS_MAX = 36_600
"""A century; past either, `Days` refuses, because the products of matrices would not fit."""


class MeasureInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What an analysis may know of a column.

    Attributes:
        key: the measure's key, or the own attribute's name.
        unit: UCUM code of the values, or one of ours (`min:midday`, `min:midnight`, `scale:1-9`).
        kind: how a day is made; tells totals from levels and times of day.
        group: the family; two of one family that say the same are folded.
        is_tag: 0 and 1 only; missing is unknown.
        derived_from: key of the measure whose data it is computed from.
        name: what the Exist dialect calls it; the key where empty.
        more_is_better: True, False, or None where it is nobody's business.
    """

    key: str
    label: str
    unit: str = "1"
    kind: Daily = Daily.SUM
    group: str = ""
    is_tag: bool = False
    derived_from: str | None = None
    name: str = ""
    more_is_better: bool | None = None

    @property
    def wire_name(self) -> str:
        """The name on the wire of the Exist dialect."""
        return self.name or self.key

    @property
    def is_clock(self) -> bool:
        """Whether the values are times of day."""
        return self.unit in ("min:midday", "min:midnight")

    @property
    def is_total(self) -> bool:
        """Whether days add up to a week's total."""
        return self.kind in (Daily.SUM, Daily.COUNT, Daily.DURATION) and not self.is_tag


class Days(msgspec.Struct, frozen=True):
    """One account's days as a table.

    Attributes:
        first_day: days since 1970-01-01 of the first row; rows are consecutive.
        measures: one per column.
        values: float64[days, measures]; NaN is missing, which is not 0.
    """

    first_day: int
    measures: tuple[MeasureInfo, ...]
    values: Floats

    def __post_init__(self) -> None:
        """Refuse a table that does not fit its columns, or no machine's memory."""
        days, measures = self.values.shape
        if measures != len(self.measures):
            raise ValueError(f"{measures} columns for {len(self.measures)} measures")
        if days > DAYS_MAX or measures > MEASURES_MAX:
            raise ValueError(f"at most {DAYS_MAX} days and {MEASURES_MAX} measures")

    @property
    def last_day(self) -> int:
        """The day of the last row."""
        return self.first_day + len(self.values) - 1

    def weekdays(self) -> Ints:
        """Return 0 for Monday to 6 for Sunday, one per row."""
        # 1970-01-01 was a Thursday.
        return (np.arange(self.first_day, self.last_day + 1, dtype=np.int64) + 3) % 7

    def window(self, first: int, last: int) -> Days:
        """Return the rows from `first` to `last`, both included, as far as there are any."""
        start = min(max(first - self.first_day, 0), len(self.values))
        end = max(min(last - self.first_day + 1, len(self.values)), start)
        return Days(self.first_day + start, self.measures, self.values[start:end])

    def column(self, key: str) -> int:
        """Return the column of a measure; KeyError where it has none."""
        for at, measure in enumerate(self.measures):
            if measure.key == key:
                return at
        raise KeyError(key)


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """One question that is asked of all days.

    Attributes:
        name: the module's name.
        version: changes when the same days would give another answer; stored with findings.
        run: days and options -> findings, a list of frozen structs.
    """

    name: str
    version: int
    run: Callable[..., list[Any]]
    options: Mapping[str, str] = {}
    """What `run` takes beside the days, by name, in plain words."""
