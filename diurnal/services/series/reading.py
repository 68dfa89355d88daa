"""Read points, raw or as buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from diurnal.errors import UnknownReference
from diurnal.model import time
from diurnal.model.access import Access
from diurnal.services import audit
from diurnal.services.context import Context
from diurnal.services.series.rights import knows, numeric, windows
from diurnal.store import series as store
from diurnal.store.database import Tx

if TYPE_CHECKING:
    from diurnal.model.series import Buckets, Columns


class Listed(NamedTuple):
    """One series."""

    measure: str
    source: str
    n: int
    first: int
    last: int


def read(
    tx: Tx,
    ctx: Context,
    caller: Access,
    measure: str,
    start: int,
    end: int,
    *,
    source: str | None = None,
) -> list[tuple[str, Columns]]:
    """Return (source, points that begin in [start, end)) of a measure, by source.

    Raises:
        UnknownReference: no such measure, or not the caller's to read.
    """
    from diurnal.model import series

    state = ctx.state(tx, caller.account_id)
    known = numeric(state, caller, measure)
    allowed = windows(ctx, state, caller, known, start, end)
    if not allowed:
        reads = caller.rights_on_stream(state.tree, state.home(known)).reads
        # That the catalog has a measure is no secret; that the person made one is.
        if reads and (measure not in state.measures or knows(state, caller, known)):
            return []
        raise UnknownReference(f"unknown measure {measure!r}", field="measure")
    if state.home(known) in state.trashed_streams:
        return []
    by_source: dict[str, list[Columns]] = {}
    for low, high in allowed:
        for name, data in store.between(tx, caller.account_id, measure, low, high, time.DAY):
            if source in (None, name):
                part = series.decode(data).slice_time(low, high)
                by_source.setdefault(name, []).append(part)
    found = [(n, series.union(parts)) for n, parts in sorted(by_source.items())]
    audit.tell(tx, sum(len(cols) for _, cols in found), measure)
    return [(n, cols) for n, cols in found if len(cols)]


def buckets(
    tx: Tx,
    ctx: Context,
    caller: Access,
    measure: str,
    start: int,
    end: int,
    width: int,
    *,
    source: str | None = None,
) -> list[tuple[str, Buckets]]:
    """Return (source, `width` buckets of [start, end)) of a measure, by source.

    Wide buckets come from the 5-minute aggregates, narrow ones from the points.

    Raises:
        UnknownReference: no such measure, or not the caller's to read.
        InvalidInput: an empty range or a width out of range.
    """
    from diurnal.model import series

    state = ctx.state(tx, caller.account_id)
    known = numeric(state, caller, measure)
    whole = windows(ctx, state, caller, known, start, end) == [(start, end)]
    trashed = state.home(known) in state.trashed_streams
    if not whole or trashed or not series.from_aggregates_ok(start, end, width):
        points = read(tx, ctx, caller, measure, start, end, source=source)
        return [(n, series.buckets_exact(cols, start, end, width)) for n, cols in points]
    by_source: dict[str, dict[int, list[bytes]]] = {}
    for name, span, _batch, _n, agg in store.aggregates(
        tx, caller.account_id, measure, start, end, time.DAY
    ):
        if source in (None, name):
            by_source.setdefault(name, {}).setdefault(span, []).append(agg)
    found: list[tuple[str, Buckets]] = []
    for name, spans in sorted(by_source.items()):
        chunks = [(span, aggs[0]) for span, aggs in spans.items() if len(aggs) == 1]
        for span, aggs in spans.items():
            if len(aggs) > 1:  # several imports told of this day: their points may be the same
                data = store.of_span(tx, caller.account_id, measure, name, span)
                united = series.union([series.decode(d) for d in data])
                chunks.append((span, series.aggregate(united, span)))
        found.append((name, series.buckets(chunks, start, end, width)))
    audit.tell(tx, len(found), measure)
    return found


def listed(tx: Tx, ctx: Context, caller: Access) -> list[Listed]:
    """Return every series that the caller may read."""
    state = ctx.state(tx, caller.account_id)
    found = []
    for row in store.listed(tx, caller.account_id):
        known = state.measure(row[0])
        if known is None or state.home(known) in state.trashed_streams:
            continue
        if windows(ctx, state, caller, known, row[3], row[4] + 1):
            found.append(Listed(row[0], row[1], int(row[2]), row[3], row[4]))
    return found


def times(
    tx: Tx, caller: Access, measure: str, source: str, start: int, end: int
) -> set[tuple[int, int]]:
    """Return (start, end) of the points that a source has in [start, end).

    For writers that leave what is known as it is; it tells nothing of values.
    """
    from diurnal.model import series

    spans = store.how_many(tx, caller.account_id, measure, start - series.SPAN, end)
    found: set[tuple[int, int]] = set()
    for chunk in store.in_spans(tx, caller.account_id, measure, source, list(spans)):
        cols = series.decode(chunk.data).slice_time(start, end)
        found.update(zip(cols.start.tolist(), cols.end.tolist(), strict=True))
    return found
