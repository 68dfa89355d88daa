"""Tracks: points on an event that was made to hold them, written and read by time.

Where the event means a measure, points of one number count for its days: they are kept as a
series of that measure, too, under a source of the event's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from diurnal import catalog
from diurnal.errors import Forbidden, InvalidInput, NotFound
from diurnal.model.access import Access, Kind
from diurnal.model.events import Event
from diurnal.model.time import TIME_MAX, TIME_MIN
from diurnal.services import audit, events, series
from diurnal.services.context import Context
from diurnal.store import changes
from diurnal.store import tracks as store
from diurnal.store.database import Tx, WriteTx

if TYPE_CHECKING:
    from diurnal.model.tracks import Track

PREFIX = "series:"
VALUE = "value"
SOURCE = "track:"
_EVER = 2**62


def holds(event: Event) -> bool:
    """Return whether an event was made to hold points."""
    return event.type.startswith(PREFIX)


def source_of(event_id: str) -> str:
    """Return under which source an event's points count."""
    return f"{SOURCE}{event_id}"


def holder(tx: Tx, ctx: Context, caller: Access, event_id: str, *, writing: bool = False) -> Event:
    """Return an event whose points may be read, or written.

    Raises:
        NotFound: no such event, or not the caller's to read.
        Forbidden: no right to change it.
        InvalidInput: it holds no points, or is in the trash.
    """
    event = (_to_write if writing else events.get)(tx, ctx, caller, event_id)
    if not holds(event):
        raise InvalidInput("this event holds no series")
    if event.trashed:
        raise InvalidInput("this event is in the trash")
    return event


def _to_write(tx: Tx, ctx: Context, caller: Access, event_id: str) -> Event:
    """Return an event to which the caller may add points: who only adds, to what it made itself."""
    try:
        return events.changeable(tx, ctx, caller, event_id)
    except (Forbidden, NotFound):
        event = events.get(tx, ctx, _keeper(caller), event_id)
        state = ctx.state(tx, caller.account_id)
        if event.created_by == caller.id and events.may_add(state, caller, event):
            return event
        raise


def write(tx: WriteTx, ctx: Context, caller: Access, event_id: str, points: Track) -> None:
    """Store points on an event, in place of those at the same times.

    Raises:
        NotFound, Forbidden, InvalidInput: as `holder`.
    """
    from diurnal.model import tracks

    changes.reserve(tx, caller.account_id, 0, ctx.now())
    event = holder(tx, ctx, caller, event_id, writing=True)
    audit.tell(tx, len(points), event_id)
    parts = dict(tracks.spans(points))
    known = store.get(tx, caller.account_id, event_id, parts)
    fresh = {}
    for span, part in parts.items():
        old = known.get(span)
        whole = part if old is None else tracks.merged(tracks.decode(old), part)
        fresh[span] = (len(whole), tracks.encode(whole))
    store.put(tx, caller.account_id, event_id, fresh)
    events.update(tx, ctx, _keeper(caller), event_id, {})
    _count(tx, ctx, caller, event, points)


def read(
    tx: Tx, ctx: Context, caller: Access, event_id: str, start: int | None, end: int | None
) -> Track:
    """Return the points of an event in [start, end), nanoseconds from its time.

    Raises:
        NotFound, InvalidInput: as `holder`.
    """
    from diurnal.model import tracks

    holder(tx, ctx, caller, event_id)
    low = -_EVER if start is None else start - tracks.SPAN_NS
    high = _EVER if end is None else end
    found = store.between(tx, caller.account_id, event_id, low, high)
    points = tracks.united([tracks.decode(data) for data in found]).between(start, end)
    audit.tell(tx, len(points), event_id)
    return points


def recount(tx: WriteTx, ctx: Context, caller: Access, old: Event, new: Event | None) -> None:
    """Let the points of a changed event count where it means them to now."""
    from diurnal.model import tracks

    keeper = _keeper(caller)
    if old.measure is not None and _counts(ctx, tx, keeper, old.measure):
        source = source_of(old.id)
        series.remove(tx, ctx, keeper, old.measure, source, TIME_MIN, TIME_MAX)
    if new is not None and not new.trashed:
        found = store.between(tx, caller.account_id, old.id, -_EVER, _EVER)
        _count(tx, ctx, caller, new, tracks.united([tracks.decode(d) for d in found]))


def _keeper(caller: Access) -> Access:
    """Return who keeps the second copy: the right to write is that on the event."""
    return msgspec.structs.replace(caller, kind=Kind.PERSONAL)


def _counts(ctx: Context, tx: Tx, caller: Access, measure: str) -> bool:
    known = ctx.state(tx, caller.account_id).measure(measure)
    return known is not None and series.is_numeric(known)


def _count(tx: WriteTx, ctx: Context, caller: Access, event: Event, points: Track) -> None:
    """Keep points as a series of the measure that the event means, if it means one."""
    import numpy as np

    from diurnal.model import series as columns
    from diurnal.model.tracks import NS

    column = points.fields.get(VALUE)
    if event.measure is None or column is None or column.dtype == object or not len(points):
        return
    if not _counts(ctx, tx, caller, event.measure):
        return
    state = ctx.state(tx, caller.account_id)
    meaning = next(
        (m for m in (state.meaning(s, event.type) for s in event.stream_ids) if m is not None),
        None,
    )
    if meaning is None:
        return
    measure, unit = meaning
    zero, one = catalog.number(measure, 0, unit), catalog.number(measure, 1, unit)
    if zero is None or one is None:
        return
    kept = ~np.isnan(column)
    at = event.time + np.rint(points.delta[kept] / (NS / 1_000_000)).astype(np.int64)
    values = zero + (one - zero) * column[kept]
    inside = (at >= events.TIME_MIN) & (at <= events.TIME_MAX)
    cols = columns.columns(at[inside], values[inside], last_wins=True)
    series.write(tx, ctx, _keeper(caller), measure.key, source_of(event.id), cols)
