"""Finding and reading events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from diurnal.errors import Forbidden, HiddenReference, NotFound, UnknownReference
from diurnal.model.access import Access
from diurnal.model.events import Event, EventQuery, File
from diurnal.services import audit, sight
from diurnal.services.context import AccountState, Context
from diurnal.store import event_queries
from diurnal.store import events as store
from diurnal.store.database import Tx
from diurnal.store.event_queries import Found

OPEN = EventQuery()


def find(tx: Tx, ctx: Context, caller: Access, query: EventQuery = OPEN) -> list[Found]:
    """Return the events that match and that the caller may read, as stored text.

    Raises:
        UnknownReference: `any_of` names no stream of this account.
        Forbidden: what changed since, of a caller that sees data later.
    """
    if query.modified_since is not None:
        sight.refuse_delayed(caller)
    state = ctx.state(tx, caller.account_id)
    reach = caller.reach(state.tree, state.until(ctx.now()) if caller.delayed else None)
    if query.state == "default":
        dead = state.trashed_streams
        if dead:
            wanted = query.any_of if query.any_of is not None else state.all_streams
            query = msgspec.structs.replace(query, any_of=wanted - dead)
    found = event_queries.find(tx, caller.account_id, query, reach)
    audit.tell(tx, len(found), *query.measures, *query.types)
    if reach.everything:
        return found
    return sight.veiled(tx, ctx, state, caller, found, blurs=reach.blurs)


def subtree(
    tx: Tx, ctx: Context, caller: Access, ids: Iterable[str], *, field: str = "streams"
) -> frozenset[str]:
    """Return streams with all below them, for a query.

    Raises:
        UnknownReference: one is not there, or not the caller's to know of (HiddenReference).
        Forbidden: one may be seen but not read (create-only).
    """
    state = ctx.state(tx, caller.account_id)
    ids = list(ids)
    audit.tell(tx, 0, *ids)
    found: set[str] = set()
    for id_ in ids:
        rights = caller.rights_on_stream(state.tree, id_)
        if id_ not in state.tree:
            raise UnknownReference(f"unknown stream {id_!r}", field=field, data={field: [id_]})
        if not (rights.knows or _reads_below(state, caller, id_)):
            raise HiddenReference(f"unknown stream {id_!r}", field=field, data={field: [id_]})
        if rights.creates and not rights.reads:
            raise Forbidden(f"no right to read stream {id_!r}")
        found.update(state.tree.below(id_))
    return frozenset(found)


def _reads_below(state: AccountState, caller: Access, stream: str) -> bool:
    return any(caller.rights_on_stream(state.tree, s).reads for s in state.tree.below(stream))


def get(tx: Tx, ctx: Context, caller: Access, id_: str) -> Event:
    """Return one event.

    Raises:
        NotFound: not there, or not the caller's to read.
    """
    state = ctx.state(tx, caller.account_id)
    return sight.shown(ctx, state, caller, existing(tx, ctx, caller, id_))


def existing(tx: Tx, ctx: Context, caller: Access, id_: str) -> Event:
    """Return an event that the caller may read, as it is stored."""
    audit.tell(tx, 1, id_)
    event = store.get(tx, caller.account_id, [id_]).get(id_)
    if event is None or not readable(ctx, ctx.state(tx, caller.account_id), caller, event):
        raise NotFound(f"no event {id_!r}")
    return event


def numbered(tx: Tx, ctx: Context, caller: Access, seq: int) -> Event:
    """Return an event by its integer id.

    Raises:
        NotFound: not there, or not the caller's to read.
    """
    found = store.by_seq(tx, caller.account_id, seq)
    if found is None:
        raise NotFound(f"no event {seq}")
    return get(tx, ctx, caller, found.id)


def files_of(tx: Tx, caller: Access, ids: Sequence[str]) -> dict[str, tuple[File, ...]]:
    """Return the attachments of events that the caller was found to read, by event id."""
    return store.files_of(tx, caller.account_id, ids)


def readable(ctx: Context, state: AccountState, caller: Access, event: Event) -> bool:
    """Return whether the caller may read an event: any of its streams suffices."""
    return sight.of(ctx, state, caller, event) is not None
