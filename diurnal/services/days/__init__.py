"""Days: day rows as they are given, and day values as they follow from everything."""

from __future__ import annotations

from diurnal.services.days.rows import (
    MANUAL,
    ROWS_MAX,
    NewDay,
    drop_batch,
    remove_row,
    sources_of_rows,
    write_each,
    write_rows,
)
from diurnal.services.days.values import (
    WINDOW_MAX,
    Day,
    changed,
    changed_since,
    extent,
    may_read,
    reads_all,
    refresh,
    runs,
    values,
)
from diurnal.services.series import Counts

__all__ = [
    "MANUAL",
    "ROWS_MAX",
    "WINDOW_MAX",
    "Counts",
    "Day",
    "NewDay",
    "changed",
    "changed_since",
    "drop_batch",
    "extent",
    "may_read",
    "reads_all",
    "refresh",
    "remove_row",
    "runs",
    "sources_of_rows",
    "values",
    "write_each",
    "write_rows",
]
