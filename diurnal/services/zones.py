"""Zone history: where the person was, and what follows for the days of what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from diurnal.model import time
from diurnal.model.access import Access
from diurnal.model.time import ZoneHistory
from diurnal.services import events
from diurnal.services.context import Context
from diurnal.store import accounts, changes
from diurnal.store import days as day_store
from diurnal.store import events as event_store
from diurnal.store.database import WriteTx


def replace(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    batch_id: int,
    found: Sequence[tuple[int, str]],
) -> None:
    """Set the zone changes that one batch tells (0: the owner's own) and date anew.

    Args:
        found: (instant, zone), in force from the instant on.
    """
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
    before = ctx.state(tx, caller.account_id).zones
    accounts.set_zones(tx, caller.account_id, batch_id, list(found))
    changes.append(
        tx, caller.account_id, stamp, caller.id, [("account", "zones", str(caller.account_id))]
    )
    ctx.states.pop(caller.account_id, None)
    date_anew(tx, ctx, caller.account_id, before, caller.id)


def date_anew(
    tx: WriteTx, ctx: Context, account_id: int, before: ZoneHistory, access_id: str
) -> None:
    """Date anew the data that carry no zone of their own, where the history has changed."""
    ctx.states.pop(account_id, None)
    state = ctx.state(tx, account_id)
    cells: set[tuple[str, int]] = set()
    for start, end in changed_spans(before, state.zones):
        moved = []
        for e in event_store.adrift(tx, account_id, start, end):
            measure = state.measure(e.measure) if e.measure else None
            offset, day = events.dated(state, measure, e)
            if (offset, day) != (e.offset, e.day):
                moved.append((e, msgspec.structs.replace(e, offset=offset, day=day)))
        if moved:
            stamp = changes.reserve(tx, account_id, len(moved), ctx.now())
            fresh = [
                msgspec.structs.replace(new, modified=stamp.at + i, modified_by=access_id)
                for i, (_, new) in enumerate(moved)
            ]
            event_store.save(tx, account_id, fresh)
            changes.append(
                tx, account_id, stamp, access_id, [("event", "update", e.id) for e in fresh]
            )
            events.touch(tx, state, [*(old for old, _ in moved), *fresh], stamp.rev)
        cells |= day_store.series_cells(tx, account_id, start - time.DAY, end + time.DAY)
    revs = changes.revs(tx, account_id)
    events.mark(tx, account_id, cells, revs[0] if revs else 0)


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
