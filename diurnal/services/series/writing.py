"""Write points, and take them away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from diurnal.errors import Forbidden, InvalidInput
from diurnal.model import time
from diurnal.model.access import Access
from diurnal.model.measures import Measure
from diurnal.model.sources import kind_of
from diurnal.services import audit, events, marks, sight
from diurnal.services.context import AccountState, Context
from diurnal.services.series.rights import numeric, windows
from diurnal.store import changes, source_days
from diurnal.store import series as store
from diurnal.store.database import WriteTx
from diurnal.store.series import Chunk

if TYPE_CHECKING:
    from diurnal.model.series import Columns

LONGEST = 32 * time.DAY
"""A point lasts at most this long; longer stretches are events."""
SOURCE_MAX = 200
POINTS_MAX = 2_000_000
"""Points of one call, written or read raw."""


class Counts(NamedTuple):
    """What became of the points of one call."""

    new: int
    same: int
    changed: int


class Prepared(msgspec.Struct, frozen=True):
    """One span's points, packed before the store's turn."""

    span_start: int
    cols: Columns
    agg: bytes
    data: bytes


def prepare(cols: Columns) -> list[Prepared]:
    """Split points by span and pack them; the slow part, done outside the store's turn.

    Raises:
        InvalidInput: a point lasts too long.
    """
    from diurnal.model import series

    if len(cols) and int((cols.end - cols.start).max()) > LONGEST:
        raise InvalidInput("a point lasts at most 32 days", field="end")
    return [
        Prepared(start, part, series.aggregate(part, start), series.encode(part))
        for start, part in series.split_spans(cols)
    ]


def write(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    measure: str,
    source: str,
    given: Columns | Sequence[Prepared],
    *,
    kind: str | None = None,
    batch_id: int = 0,
    replace: bool = True,
) -> Counts:
    """Store points of one measure and source.

    Args:
        given: columns, or what `prepare` made of them.
        kind: of the source (`model.sources.Kind`); guessed from its name where not given.
        batch_id: the import they belong to; its chunks are dropped when it is undone.
        replace: a point with a known start and end gets the new value; False keeps both, and
            only an identical point is the same.

    Raises:
        UnknownReference: no such measure.
        InvalidInput: not a measure of numbers, or a source without a name.
        Forbidden: the caller may not add data of this measure.
        HiddenReference: it may not even know of it.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    state = ctx.state(tx, caller.account_id)
    known = numeric(state, caller, measure)
    if not source or len(source) > SOURCE_MAX:
        raise InvalidInput(f"a source has 1 to {SOURCE_MAX} characters", field="source")
    events.check_json(source, "source")
    parts = list(given) if isinstance(given, list | tuple) else prepare(given)  # type: ignore[arg-type]
    if not parts:
        return Counts(0, 0, 0)
    audit.tell(tx, sum(len(p.cols) for p in parts), measure)
    may_change = _may_add(ctx, state, caller, known, parts)
    before: dict[int, list[Chunk]] = {}
    spans = [p.span_start for p in parts]
    for chunk in store.in_spans(tx, caller.account_id, measure, source, spans):
        before.setdefault(chunk.span_start, []).append(chunk)
    counts, made = Counts(0, 0, 0), []
    for part in parts:
        old = before.get(part.span_start)
        # Who may add but not change leaves what others wrote as it is, and is not told of it.
        others = not may_change and any(c.access_id != caller.id for c in old or ())
        fresh, counted = (
            _merged(part, old, batch_id, replace=replace and not others)
            if old
            else _first(part, measure, source, batch_id, replace=replace)
        )
        if others:
            counted = Counts(len(part.cols), 0, 0)
            kept_by = next((c.access_id for c in old or () if c.batch == batch_id), "")
            fresh = [msgspec.structs.replace(c, access_id=kept_by) for c in fresh]
        counts = Counts(*(a + b for a, b in zip(counts, counted, strict=True)))
        made += fresh
    if made:
        changed = {(c.span_start, c.batch) for c in made}
        was = [c for old in before.values() for c in old if (c.span_start, c.batch) in changed]
        _store(tx, ctx, state, caller, made, was, source, kind)
    return counts


def _store(
    tx: WriteTx,
    ctx: Context,
    state: AccountState,
    caller: Access,
    made: list[Chunk],
    before: list[Chunk],
    source: str,
    kind: str | None,
) -> None:
    stamp = changes.reserve(tx, caller.account_id, len(made), ctx.now())
    stamped = [
        msgspec.structs.replace(c, rev=stamp.rev + i, access_id=c.access_id or caller.id)
        for i, c in enumerate(made)
    ]
    emptied = [c for c in stamped if c.n == 0]
    store.put(tx, caller.account_id, [c for c in stamped if c.n])
    store.drop(
        tx,
        caller.account_id,
        [(c.measure, c.source, c.span_start, c.batch) for c in emptied],
    )
    changes.append(
        tx,
        caller.account_id,
        stamp,
        caller.id,
        [("series", "write", f"{c.measure}|{c.span_start}|{c.source}") for c in stamped],
    )
    marks.add_sources(tx, caller.account_id, {source: kind or kind_of(source)}, stamp.at)
    touch(tx, state, stamped, stamp.rev, before)


def touch(
    tx: WriteTx,
    state: AccountState,
    touched: Iterable[Chunk],
    rev: int,
    before: Iterable[Chunk] = (),
) -> None:
    """Mark the days that chunks count for.

    Args:
        touched: as they are now, empty ones where nothing is left.
        before: what stood in their places.
    """
    cells: set[tuple[str, int]] = set()
    there: set[tuple[str, str, int]] = set()
    was: set[tuple[str, str, int]] = set()
    for now, listed in ((True, touched), (False, before)):
        for c in listed:
            if not c.n:
                continue
            covered = source_days.covered(c.first, c.last, state.zones.day_at)
            # A point may carry an offset of its own, up to a day from the history's.
            cells.update((c.measure, d) for d in range(covered.start - 1, covered.stop + 1))
            (there if now else was).update((c.measure, c.source, d) for d in covered)
    marks.mark(tx, state.account_id, cells, rev)
    marks.see(tx, state, there, {(key, d) for key, _, d in was - there}, rev)


def _chunk(part: Prepared, measure: str, source: str, batch_id: int) -> Chunk:
    cols = part.cols
    return Chunk(
        measure,
        source,
        part.span_start,
        batch_id,
        len(cols),
        int(cols.start[0]) if len(cols) else 0,
        int(cols.end.max()) if len(cols) else 0,
        "",
        0,
        part.agg,
        part.data,
    )


def _packed(span_start: int, cols: Columns) -> Prepared:
    from diurnal.model import series

    return Prepared(span_start, cols, series.aggregate(cols, span_start), series.encode(cols))


def _first(
    part: Prepared, measure: str, source: str, batch_id: int, *, replace: bool
) -> tuple[list[Chunk], Counts]:
    """Return the chunk of a span that has none yet; no point stands in it twice."""
    from diurnal.model import series

    cols, n_new, n_same, _ = series.merge(series.EMPTY, part.cols, replace=replace)
    if n_same:
        part = _packed(part.span_start, cols)
    return [_chunk(part, measure, source, batch_id)], Counts(n_new, n_same, 0)


def _merged(
    part: Prepared, old: list[Chunk], batch_id: int, *, replace: bool
) -> tuple[list[Chunk], Counts]:
    """Merge new points into a span that has some; return the chunks that changed."""
    from diurnal.model import series

    measure, source = old[0].measure, old[0].source
    if any(c.data == part.data for c in old):
        return [], Counts(0, len(part.cols), 0)
    own = next((series.decode(c.data) for c in old if c.batch == batch_id), series.EMPTY)
    others = [(c, series.decode(c.data)) for c in old if c.batch != batch_id]
    elsewhere = series.union([cols for _, cols in others])
    fresh = series.difference(part.cols, elsewhere)
    same = len(part.cols) - len(fresh)
    made: list[Chunk] = []
    changed = 0
    if replace and len(fresh):
        for c, cols in others:
            left = series.without_times(cols, fresh)
            if len(left) < len(cols):
                made.append(_chunk(_packed(c.span_start, left), measure, source, c.batch))
        added = series.merge(series.EMPTY, series.without_times(fresh, own), replace=True)[0]
        changed = len(added) - len(series.without_times(added, elsewhere))
    merged, n_new, n_same, n_changed = series.merge(own, fresh, replace=replace)
    if n_new or n_changed:
        made.append(_chunk(_packed(part.span_start, merged), measure, source, batch_id))
    counts = Counts(n_new - changed, same + n_same, n_changed + changed)
    return made, counts


def _may_add(
    ctx: Context,
    state: AccountState,
    caller: Access,
    measure: Measure,
    parts: Sequence[Prepared],
) -> bool:
    """Refuse points that the caller may not add; return whether it may change what is there."""
    if caller.owner:
        return True
    sight.refuse_hidden(state, caller, measure, "measure")
    first, last = int(parts[0].cols.start[0]), int(parts[-1].cols.start[-1]) + 1
    if not _all_in(windows(ctx, state, caller, measure, first, last, to="creates"), parts):
        raise Forbidden(f"no right to add {measure.key}")
    return _all_in(windows(ctx, state, caller, measure, first, last, to="changes"), parts)


def _all_in(open_: Sequence[tuple[int, int]], parts: Sequence[Prepared]) -> bool:
    return all(
        sum(int(((p.cols.start >= low) & (p.cols.start < high)).sum()) for low, high in open_)
        >= len(p.cols)
        for p in parts
    )


def remove(
    tx: WriteTx, ctx: Context, caller: Access, measure: str, source: str, start: int, end: int
) -> int:
    """Delete the points of one source that begin in [start, end); return how many.

    Raises:
        UnknownReference: no such measure.
        Forbidden: the caller may not change what is there.
    """
    from diurnal.model import series

    changes.reserve(tx, caller.account_id, 0, ctx.now())
    state = ctx.state(tx, caller.account_id)
    known = numeric(state, caller, measure)
    spans = store.how_many(tx, caller.account_id, measure, start - series.SPAN, end)
    old = store.in_spans(tx, caller.account_id, measure, source, list(spans))
    made, was, gone = [], [], 0
    for chunk in old:
        cols = series.decode(chunk.data)
        inside = (cols.start >= start) & (cols.start < end)
        if not inside.any():
            continue
        part = _packed(chunk.span_start, cols.take(inside))
        if not _may_add(ctx, state, caller, known, [part]):
            raise Forbidden(f"no right to change {measure}")
        gone += int(inside.sum())
        left = cols.take(~inside)
        was.append(chunk)
        if len(left):
            made.append(_chunk(_packed(chunk.span_start, left), measure, source, chunk.batch))
        else:
            made.append(msgspec.structs.replace(chunk, n=0))
    if made:
        _store(tx, ctx, state, caller, made, was, source, None)
    return gone


def drop_batch(tx: WriteTx, ctx: Context, caller: Access, batch_id: int, most: int) -> int:
    """Delete up to `most` chunks that a batch wrote; return how many, 0 when none is left."""
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    rows = store.of_batch(tx, caller.account_id, batch_id, most)
    if not rows:
        return 0
    state = ctx.state(tx, caller.account_id)
    stamp = changes.reserve(tx, caller.account_id, len(rows), ctx.now())
    store.drop(tx, caller.account_id, [(m, s, span, batch_id) for m, s, span, _, _ in rows])
    changes.append(
        tx,
        caller.account_id,
        stamp,
        caller.id,
        [("series", "delete", f"{m}|{span}|{s}") for m, s, span, _, _ in rows],
    )
    gone = [
        Chunk(m, s, span, batch_id, 1, first, last, "", 0, b"", b"")
        for m, s, span, first, last in rows
    ]
    touch(tx, state, (), stamp.rev, gone)
    return len(rows)
