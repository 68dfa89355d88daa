"""What events were before they were changed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from diurnal.model.access import Access
from diurnal.model.events import Event
from diurnal.services import sight
from diurnal.services.context import Context
from diurnal.services.events.reading import existing
from diurnal.store import event_versions as store
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
