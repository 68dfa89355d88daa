"""Series: write points, read them raw or as buckets.

The points of a measure lie in its home stream; whoever may read that stream with this measure
may read them.
"""

from __future__ import annotations

from diurnal.services.series.reading import Listed, buckets, listed, read, times
from diurnal.services.series.rights import is_numeric, windows
from diurnal.services.series.writing import (
    LONGEST,
    POINTS_MAX,
    Counts,
    Prepared,
    drop_batch,
    prepare,
    remove,
    touch,
    write,
)

__all__ = [
    "LONGEST",
    "POINTS_MAX",
    "Counts",
    "Listed",
    "Prepared",
    "buckets",
    "drop_batch",
    "is_numeric",
    "listed",
    "prepare",
    "read",
    "remove",
    "times",
    "touch",
    "windows",
    "write",
]
