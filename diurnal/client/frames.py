"""Answers, and the tables that they become; pandas and polars are imported when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas
    import polars


@dataclass(frozen=True)
class Days:
    """Day values: for each measure one entry a day, None where nothing is known."""

    days: Sequence[str]
    values: Mapping[str, Sequence[float | str | None]]
    sources: Mapping[str, Sequence[str | None]]

    def to_pandas(self) -> pandas.DataFrame:
        """Return a frame with a column for each measure, by day."""
        import pandas as pd

        index = pd.DatetimeIndex(self.days, name="day")
        return pd.DataFrame(dict(self.values), index=index)

    def to_polars(self) -> polars.DataFrame:
        """Return a frame with a column `day` and one for each measure."""
        import polars as pl

        told = [date.fromisoformat(day) for day in self.days]
        columns = {key: pl.Series(key, list(of), strict=False) for key, of in self.values.items()}
        return pl.DataFrame({"day": pl.Series("day", told, dtype=pl.Date), **columns})


@dataclass(frozen=True)
class Series:
    """Points of a measure by source, or buckets of them; times in Unix seconds."""

    measure: str
    parts: Sequence[Mapping[str, Any]]

    def rows(self) -> dict[str, list[Any]]:
        """Return columns: time, source, and value, or n, min, mean, max of buckets."""
        bucketed = any("n" in part for part in self.parts)
        names = ("n", "min", "mean", "max") if bucketed else ("v",)
        found: dict[str, list[Any]] = {"time": [], "source": [], **{name: [] for name in names}}
        for part in self.parts:
            found["time"] += [datetime.fromtimestamp(t, UTC) for t in part["t"]]
            found["source"] += [part["source"]] * len(part["t"])
            for name in names:
                found[name] += part[name]
        if not bucketed:
            found["value"] = found.pop("v")
        return found

    def to_pandas(self) -> pandas.DataFrame:
        """Return a frame of rows, by time."""
        import pandas as pd

        return pd.DataFrame(self.rows()).set_index("time")

    def to_polars(self) -> polars.DataFrame:
        """Return a frame of rows."""
        import polars as pl

        return pl.DataFrame(self.rows())


@dataclass(frozen=True)
class _Rows:
    rows: Sequence[Mapping[str, Any]]

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_pandas(self) -> pandas.DataFrame:
        """Return a frame with a column for each member."""
        import pandas as pd

        return pd.DataFrame([dict(row) for row in self.rows])

    def to_polars(self) -> polars.DataFrame:
        """Return a frame with a column for each member."""
        import polars as pl

        return pl.DataFrame([dict(row) for row in self.rows], infer_schema_length=None)


@dataclass(frozen=True)
class Events(_Rows):
    """Events, newest first; `next` is the cursor of the next page."""

    next: str | None = None


@dataclass(frozen=True)
class Links(_Rows):
    """What goes with what, strongest evidence first."""
