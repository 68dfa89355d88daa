"""What events were before they were changed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from diurnal.errors import InvalidInput
from diurnal.model.access import Access
from diurnal.model.events import Event, NewEvent
from diurnal.services import sight
from diurnal.services.context import Context
from diurnal.services.events.creating import event_of, placed
from diurnal.services.events.fields import check
from diurnal.services.events.reading import existing
from diurnal.store import batches, changes
from diurnal.store import event_versions as store
from diurnal.store import events as event_store
from diurnal.store.database import Tx, WriteTx
from diurnal.store.event_versions import Version


def keep(
    tx: WriteTx, ctx: Context, account_id: int, changed: Sequence[tuple[Event, Event, int]]
) -> None:
    """Keep what changed events were.

    Args:
        changed: (as it was, as it is, number of the change); nothing is kept of one that says the
            same as before.
    """
    most = ctx.settings.event_versions
    if not most:
        return
    ended = [(old, rev) for old, new, rev in changed if _said(old) != _said(new)]
    if ended:
        store.keep(tx, account_id, ended, most=most)


def restore(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    given: Sequence[tuple[NewEvent, int, int]],
    *,
    batch_id: int,
) -> tuple[int, int, list[tuple[str, NewEvent]]]:
    """Add what events were, from the owner's own export; what is known is the same.

    Each counts as a change of its event now: numbers of changes are a server's own.

    Args:
        given: (as it was, when it was created, when it became so), the oldest of an event first.

    Returns:
        How many are new, how many the same, and why others cannot be.
    """
    account_id, most = caller.account_id, ctx.settings.event_versions
    changes.reserve(tx, account_id, 0, ctx.now())
    state = ctx.state(tx, account_id)
    there = _there(tx, account_id, [new for new, *_ in given])
    known = {e.id: {v.event.modified for v in store.of(tx, account_id, e.id)} for e in there if e}
    bad: list[tuple[str, NewEvent]] = []
    fresh: list[tuple[NewEvent, Event, int, int]] = []
    for (new, created, modified), event in zip(given, there, strict=True):
        if event is None:
            bad.append(("what an event was that is not here", new))
        elif most and modified not in known[event.id]:
            try:
                check(new, "")
                [new] = placed(state, [new])
            except InvalidInput as error:
                bad.append((error.message, new))
                continue
            known[event.id].add(modified)
            fresh.append((new, event, created, modified))
    if fresh:
        stamp = changes.reserve(tx, account_id, len(fresh), ctx.now())
        ended = [
            (
                msgspec.structs.replace(
                    event_of(ctx, state, caller, new, stamp, i, event.batch),
                    id=event.id,
                    seq=event.seq,
                    created=created,
                    modified=modified,
                ),
                stamp.rev + i,
            )
            for i, (new, event, created, modified) in enumerate(fresh)
        ]
        store.keep(tx, account_id, ended, most=most)
        keys = [msgspec.json.encode([was.id, rev]).decode() for was, rev in ended]
        batches.brought(tx, account_id, batch_id, [("event_version", key) for key in keys])
        told = [("event", "update", was.id) for was, _ in ended]
        changes.append(tx, account_id, stamp, caller.id, told)
    return len(fresh), len(given) - len(fresh) - len(bad), bad


def _there(tx: Tx, account_id: int, given: Sequence[NewEvent]) -> list[Event | None]:
    """Return the events that these were: by id, or, where it got another here, by its source."""
    by_id = event_store.get(tx, account_id, [new.id for new in given if new.id is not None])
    found: list[Event | None] = []
    for new in given:
        event = by_id.get(new.id or "")
        if new.source is not None and new.source_id is not None:
            told = event_store.by_source(tx, account_id, new.source, [new.source_id])
            event = told.get(new.source_id, event)
        found.append(event)
    return found


def _said(e: Event) -> Event:
    """Return an event without what follows from the rest, and who changed it when."""
    return msgspec.structs.replace(
        e, measure=None, value=None, offset=0, day=0, modified=0, modified_by=""
    )


def versions(tx: Tx, ctx: Context, caller: Access, id_: str) -> list[Version]:
    """Return what an event was before, the oldest first.

    A version that the caller could not have read, because it was in other streams or meant
    something else, is left out; the others are shown as exactly as the event.

    Raises:
        NotFound: not there, or not the caller's to read.
    """
    existing(tx, ctx, caller, id_)
    state = ctx.state(tx, caller.account_id)
    return [
        Version(v.rev, sight.shown(ctx, state, caller, v.event))
        for v in store.of(tx, caller.account_id, id_)
        if sight.of(ctx, state, caller, v.event) is not None
    ]
