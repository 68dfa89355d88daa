"""Periods of a strict channel: they do not lie on each other, and at most one runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from diurnal.dialects.pryv0 import channels
from diurnal.dialects.pryv0.table import Call
from diurnal.dialects.pryv0.words import BadOperation, PeriodsOverlap
from diurnal.errors import Forbidden, NotFound
from diurnal.model import time
from diurnal.model.events import EventQuery
from diurnal.services import accesses, events
from diurnal.services.context import Context
from diurnal.store.database import Tx, WriteTx

PAGE = 500
PAGES_MAX = 40


class Period(NamedTuple):
    """A period; `end` is None while it runs."""

    id: str
    start: int
    end: int | None


def running(tx: Tx, ctx: Context, call: Call, channel: str) -> list[Period]:
    """Return the running periods of a channel, latest first, whoever may see them."""
    return sorted(
        (p for p in _periods(tx, ctx, call, channel, EventQuery(running=True)) if p.end is None),
        key=lambda p: p.start,
        reverse=True,
    )


def _periods(tx: Tx, ctx: Context, call: Call, channel: str, query: EventQuery) -> Iterator[Period]:
    # The rule is the channel's, so what the caller may not read counts, too.
    owner = accesses.personal(call.access.account_id, call.access.username)
    below = frozenset(channels.tree_of(tx, ctx, call).below(channel))
    query = msgspec.structs.replace(query, any_of=below, ascending=True, limit=PAGE)
    for _ in range(PAGES_MAX):
        found = events.find(tx, ctx, owner, query)
        for f in found:
            body: dict[str, Any] = msgspec.json.decode(f.body)
            if "duration" in body:
                span = body["duration"]
                end = None if span is None else f.time + round(span * time.SECOND)
                yield Period(f.id, f.time, end)
        if len(found) < PAGE:
            return
        query = msgspec.structs.replace(query, skip=query.skip + PAGE)


def keep_apart(tx: WriteTx, ctx: Context, call: Call, channel: str, new: Period) -> str | None:
    """Check a new or changed period against the others; return the one that it stops.

    Raises:
        BadOperation: it runs, and a later one exists.
        PeriodsOverlap: it lies on others.
    """
    if new.end is None:
        later = _periods(tx, ctx, call, channel, EventQuery(start=new.start + 1))
        first = next((p for p in later if p.start > new.start and p.id != new.id), None)
        if first is not None:
            raise BadOperation(
                "At least one period exists after this one.",
                data=_named(tx, ctx, call, "conflictingPeriodId", [first.id], one=True),
            )
    else:
        near = _periods(tx, ctx, call, channel, EventQuery(start=new.start, end=new.end))
        on = [p.id for p in near if p.id != new.id and _overlap(ctx, p, new.start, new.end)]
        if on:
            raise PeriodsOverlap(
                "The period overlaps others.", data=_named(tx, ctx, call, "overlappedIds", on)
            )
    before = [p for p in running(tx, ctx, call, channel) if p.start < new.start and p.id != new.id]
    return stop(tx, ctx, call, before[0], new.start) if before else None


def _overlap(ctx: Context, p: Period, start: int, end: int) -> bool:
    if start <= p.start < end:
        return p.end is not None
    return p.start < start and p.end is not None and start < p.end <= ctx.now()


def _named(
    tx: Tx, ctx: Context, call: Call, name: str, ids: list[str], *, one: bool = False
) -> dict[str, Any]:
    """Return which periods are in the way, as far as they are the caller's to know."""
    shown = []
    for id_ in ids:
        try:
            shown.append(events.get(tx, ctx, call.access, id_).id)
        except NotFound:
            continue
    if one:
        return {name: shown[0]} if shown else {}
    return {name: shown}


def stop(tx: WriteTx, ctx: Context, call: Call, period: Period, at: int) -> str | None:
    """End a running period; None where it is not the caller's to change.

    Raises:
        BadOperation: it would end before it begins.
    """
    if at < period.start:
        raise BadOperation("A period does not end before it begins.")
    try:
        events.update(tx, ctx, call.access, period.id, {"duration": at - period.start})
    except (Forbidden, NotFound):
        return None
    return period.id
