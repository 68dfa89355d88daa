"""Series: dense numeric points as columns, their chunks, aggregates and arithmetic.

A chunk holds the points of one (account, measure, source, batch) that start within one span of
`SPAN` microseconds; a point belongs to the span of its start, however long it lasts.
"""

from __future__ import annotations

from collections.abc import Iterator

from diurnal.model.series.aggregates import (
    BUCKETS_MAX,
    SLOT,
    Buckets,
    Slots,
    aggregate,
    buckets,
    buckets_exact,
    decode_aggregate,
    from_aggregates_ok,
)
from diurnal.model.series.chunk import POINTS_MAX, decode, encode
from diurnal.model.series.points import (
    EMPTY,
    NO_OFFSET,
    SPAN,
    Columns,
    columns,
    concat,
    difference,
    merge,
    span_of,
    split_spans,
    union,
    without_times,
)
from diurnal.model.series.text import (
    Unit,
    buckets_to_json,
    cut_arrays,
    from_json,
    rows_from_json,
    to_json,
)

__all__ = [
    "BUCKETS_MAX",
    "EMPTY",
    "NO_OFFSET",
    "POINTS_MAX",
    "SLOT",
    "SPAN",
    "Buckets",
    "Columns",
    "Slots",
    "Unit",
    "aggregate",
    "buckets",
    "buckets_exact",
    "buckets_to_json",
    "columns",
    "concat",
    "cut_arrays",
    "decode",
    "decode_aggregate",
    "difference",
    "encode",
    "from_aggregates_ok",
    "from_json",
    "merge",
    "pack",
    "rows_from_json",
    "span_of",
    "split_spans",
    "to_json",
    "union",
    "without_times",
]


def pack(cols: Columns, span: int = SPAN) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (start of the span, chunk, its aggregates) for every span that holds points."""
    for span_start, part in split_spans(cols, span):
        yield span_start, encode(part), aggregate(part, span_start, span)
