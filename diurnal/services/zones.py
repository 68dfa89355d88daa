"""Zone history: where the person was, and what follows for the days of what is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from diurnal.model import time
from diurnal.model.access import Access
from diurnal.model.events import Event
from diurnal.model.time import ZoneHistory
from diurnal.services import events, jobs, marks
from diurnal.services.context import AccountState, Context
from diurnal.services.jobs import Lease, LeaseLost, Stopped
from diurnal.store import accounts, changes
from diurnal.store import days as day_store
from diurnal.store import events as event_store
from diurnal.store.database import ROWS_PER_TURN, Tx, WriteTx

NIGHT = 2 * time.DAY
"""What began this long before may count for a day of the changed stretch: a night, a trip."""
NEAR = time.DAY
"""What only a clock dated may come to lie in the changed stretch from as far behind it."""
INLINE_MAX = 1_000
"""Events and days of series that are dated in the transaction that gives rise to it."""


class _Place(NamedTuple):
    """Where a page of the work begins; events come first, then the series by measure."""

    at: int
    event: str = ""
    measure: str | None = None


def listed(tx: Tx, ctx: Context, caller: Access) -> tuple[str, list[tuple[int, str, int]]]:
    """Return the home zone and the changes since, as (instant, zone, batch; 0: the owner's own)."""
    home = ctx.state(tx, caller.account_id).zones.home
    found = accounts.zones(tx, caller.account_id)
    return home, [(int(at), str(name), int(batch)) for at, name, batch in found]


def replace(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    batch_id: int,
    found: Sequence[tuple[int, str]],
    *,
    home: str | None = None,
) -> str | None:
    """Set the zone changes that one batch tells (0: the owner's own) and date anew.

    Args:
        found: (instant, zone), in force from the instant on.
        home: becomes the home zone of an account that has none.

    Returns:
        The job that dates what is too much for one turn, None when all is done.
    """
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
    before = ctx.state(tx, caller.account_id).zones
    if home is not None:
        account = accounts.get(tx, caller.account_id)
        if account is not None and account.timezone is None:
            accounts.save(tx, msgspec.structs.replace(account, timezone=home))
    accounts.set_zones(tx, caller.account_id, batch_id, list(found))
    changes.append(
        tx, caller.account_id, stamp, caller.id, [("account", "zones", str(caller.account_id))]
    )
    ctx.states.pop(caller.account_id, None)
    return date_anew(tx, ctx, caller.account_id, before, caller.id)


def date_anew(
    tx: WriteTx, ctx: Context, account_id: int, before: ZoneHistory, access_id: str
) -> str | None:
    """Date anew the data that carry no zone of their own, where the history has changed.

    What is more than one turn's work is left to a job, so that the server's writes go on.

    Returns:
        That job's id, None when all is done.
    """
    ctx.states.pop(account_id, None)
    state = ctx.state(tx, account_id)
    spans = changed_spans(before, state.zones)
    done = 0
    for i, span in enumerate(spans):
        place: _Place | None = _Place(span[0] - NIGHT)
        while place is not None and done < INLINE_MAX:
            place, worked = _turn(tx, ctx, state, access_id, span, place)
            done += worked
        if place is not None:
            args = {"spans": spans[i:], "access": access_id}
            return jobs.enqueue(tx, ctx, account_id, "date", args)
    return None


def run(
    ctx: Context,
    lease: Lease,
    *,
    stopping: Callable[[], bool] = lambda: False,
    told: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Do the job that `date_anew` left, turn by turn.

    Args:
        told: is called with the stretches done and all there are.

    Raises:
        LeaseLost: another worker has it now.
        Stopped: `stopping` said so; the job begins again later.
    """
    spans = [(int(start), int(end)) for start, end in lease.args["spans"]]
    access_id = str(lease.args["access"])
    for i, span in enumerate(spans):
        place: _Place | None = _Place(span[0] - NIGHT)
        while place is not None:
            if stopping():
                raise Stopped

            def turn(
                tx: WriteTx, place: _Place = place, span: tuple[int, int] = span
            ) -> _Place | None:
                if not jobs.renew(tx, ctx, lease):
                    raise LeaseLost("another worker has taken this over")
                state = ctx.state(tx, lease.account_id)
                return _turn(tx, ctx, state, access_id, span, place)[0]

            place = ctx.store.write(turn, bulk=True).result()
        told(i + 1, len(spans))
    ctx.store.write(lambda tx: jobs.finish(tx, ctx, lease)).result()


def _turn(
    tx: WriteTx,
    ctx: Context,
    state: AccountState,
    access_id: str,
    span: tuple[int, int],
    place: _Place,
) -> tuple[_Place | None, int]:
    """Date a page of events or mark the days of a page of series; return the next, and how much."""
    start, end = span
    if place.measure is None:
        page = event_store.adrift(
            tx, state.account_id, place.at, end + NEAR, after=place.event, most=ROWS_PER_TURN
        )
        _date(tx, ctx, state, access_id, page)
        if len(page) == ROWS_PER_TURN:
            return _Place(page[-1].time, page[-1].id), len(page)
        return _series(tx, state.account_id, "", start), len(page)
    cells, further = day_store.series_cells(
        tx, state.account_id, place.measure, place.at, end + time.DAY
    )
    revs = changes.revs(tx, state.account_id)
    rev = revs[0] if revs else 0
    marks.mark(tx, state.account_id, cells, rev)
    marks.see(tx, state, (), cells, rev)
    if further is not None:
        return _Place(further, "", place.measure), len(cells)
    return _series(tx, state.account_id, place.measure, start), len(cells)


def _series(tx: Tx, account_id: int, after: str, start: int) -> _Place | None:
    """Return where the series of the next measure begin."""
    following = (m for m in day_store.series_measures(tx, account_id) if m > after)
    measure = next(following, None)
    return None if measure is None else _Place(start - day_store.LONGEST, "", measure)


def _date(
    tx: WriteTx, ctx: Context, state: AccountState, access_id: str, page: Sequence[Event]
) -> None:
    moved = []
    for e in page:
        measure = state.measure(e.measure) if e.measure else None
        placed = e
        if e.clock is not None:
            at = events.at_clock(state, e.clock, e.duration)
            placed = msgspec.structs.replace(e, time=at)
        offset, day = events.dated(state, measure, placed)
        if (placed.time, offset, day) != (e.time, e.offset, e.day):
            moved.append((e, msgspec.structs.replace(placed, offset=offset, day=day)))
    if not moved:
        return
    stamp = changes.reserve(tx, state.account_id, len(moved), ctx.now())
    fresh = [
        msgspec.structs.replace(new, modified=stamp.at + i, modified_by=access_id)
        for i, (_, new) in enumerate(moved)
    ]
    event_store.save(tx, state.account_id, fresh)
    changes.append(
        tx, state.account_id, stamp, access_id, [("event", "update", e.id) for e in fresh]
    )
    events.touch(tx, state, fresh, stamp.rev, [old for old, _ in moved])


def changed_spans(before: ZoneHistory, after: ZoneHistory) -> list[tuple[int, int]]:
    """Return the stretches [start, end) for which two histories name different zones."""
    edges = sorted({time.TIME_MIN, time.TIME_MAX, *before.starts, *after.starts})
    spans: list[tuple[int, int]] = []
    for start, end in pairwise(edges):
        if before.zone_at(start) == after.zone_at(start):
            continue
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans
