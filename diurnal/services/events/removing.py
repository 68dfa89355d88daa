"""The trash, and deleting for good."""

from __future__ import annotations

import msgspec

from diurnal.model.access import Access
from diurnal.model.events import Event
from diurnal.services import sight
from diurnal.services.context import Context
from diurnal.services.events.changing import follow, store_changed
from diurnal.services.events.marking import touch
from diurnal.services.events.reading import existing
from diurnal.services.events.rights import may_delete
from diurnal.store import changes
from diurnal.store import events as store
from diurnal.store.database import Tx, WriteTx


def set_trashed(tx: WriteTx, ctx: Context, caller: Access, id_: str, *, trashed: bool) -> Event:
    """Put an event into the trash, or back.

    Raises:
        NotFound: not there, or not the caller's to read.
        Forbidden: no right to change it.
    """
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    state = ctx.state(tx, caller.account_id, stamp.meta_rev)
    old = existing(tx, ctx, caller, id_)
    may_delete(state, caller, old)
    new = msgspec.structs.replace(old, trashed=trashed, modified=stamp.at, modified_by=caller.id)
    store_changed(tx, ctx, state, caller, stamp, old, new, "trash" if trashed else "restore")
    return sight.shown(ctx, state, caller, new)


def delete(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> Event:
    """Delete an event for good; a tombstone keeps the next import from bringing it back.

    The bytes of its files are removed by `blobs.sweep` once no event holds them.

    Raises:
        NotFound: not there, or not the caller's to read.
        Forbidden: no right to change it.
    """
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    state = ctx.state(tx, caller.account_id, stamp.meta_rev)
    old = existing(tx, ctx, caller, id_)
    may_delete(state, caller, old)
    follow(tx, ctx, caller, old, None)
    store.remove(tx, caller.account_id, [id_])
    store.bury(
        tx,
        caller.account_id,
        "event",
        [(id_, old.source if old.source_id else None, old.source_id, stamp.at, stamp.rev)],
    )
    changes.append(tx, caller.account_id, stamp, caller.id, [("event", "delete", id_)])
    touch(tx, state, [msgspec.structs.replace(old, trashed=True)], stamp.rev)
    return sight.shown(ctx, state, caller, old)


def deletions(tx: Tx, caller: Access, modified_since: int) -> list[tuple[str, int]]:
    """Return (id, deleted at) of events deleted after an instant; to the owner only.

    Others get none: what a deleted event was, and so whether it was theirs to see, is gone.
    """
    if not caller.owner:
        return []
    rev = changes.rev_at(tx, caller.account_id, modified_since)
    return [(r[0], r[1]) for r in store.dead(tx, caller.account_id, "event", rev)]
