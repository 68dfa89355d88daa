"""Who may add, change and delete: the permission checks of events."""

from __future__ import annotations

from collections.abc import Sequence

from diurnal.errors import Forbidden, HiddenReference, InvalidInput, UnknownReference
from diurnal.model.access import Access, Rights
from diurnal.model.events import Event, NewEvent
from diurnal.services import sight
from diurnal.services.context import AccountState


def may_create(state: AccountState, caller: Access, new: NewEvent, at: str) -> None:
    """Refuse a new event in a stream that is not there or that the caller may not add to."""
    refuse_streams(state, caller, new.stream_ids, f"{at}streamIds")
    if caller.owner:
        return
    for s in new.stream_ids:
        if not _rights(state, caller, s, new).creates:
            raise Forbidden(f"no right to add to stream {s!r}")


def may_add(state: AccountState, caller: Access, event: Event) -> bool:
    """Return whether the caller may add to one of an event's streams, as it is."""
    return any(_rights(state, caller, s, event).creates for s in event.stream_ids)


def _rights(state: AccountState, caller: Access, stream: str, e: NewEvent | Event) -> Rights:
    meaning = state.meaning(stream, e.type)
    return caller.rights_on(
        state.tree, stream, measure=meaning[0].key if meaning else None, tags=e.tags, at=e.time
    )


def refuse_streams(state: AccountState, caller: Access, streams: Sequence[str], field: str) -> None:
    """Refuse streams that are not there, are not the caller's to know of, or are in the trash."""
    unknown = [s for s in streams if s not in state.tree]
    hidden = [] if caller.owner else [s for s in streams if not _known_to(state, caller, s)]
    if unknown or hidden:
        # In one breath and in their order: which of them are there is not told.
        missed = [s for s in streams if s in unknown or s in hidden]
        kind = UnknownReference if unknown else HiddenReference
        raise kind(f"unknown stream {missed[0]!r}", field=field, data={"streamIds": missed})
    dead = state.trashed_streams
    for s in streams:
        if s in dead:
            raise InvalidInput(
                f"stream {s!r} is in the trash", field=field, data={"trashedReference": "streamIds"}
            )


def _known_to(state: AccountState, caller: Access, stream: str) -> bool:
    return stream in state.tree and caller.rights_on_stream(state.tree, stream).knows


def may_change(state: AccountState, caller: Access, old: Event, now_in: Sequence[str]) -> None:
    """Refuse a change to who may not change the event where it is, or the streams that differ."""
    if caller.owner:
        return
    if not any(_rights(state, caller, s, old).changes for s in old.stream_ids):
        raise Forbidden("no right to change this event")
    for s in set(old.stream_ids) ^ set(now_in):
        if not _rights(state, caller, s, old).changes:
            raise Forbidden(f"no right to change what is in stream {s!r}")


def must_still_read(state: AccountState, caller: Access, changed: Event) -> None:
    """Refuse a change after which its maker could not read the event any more.

    What it may read and what it may change can be said by permissions that end at different times.
    """
    if not sight.ever(state, caller, changed):
        raise Forbidden("this change would put the event where you may not read it")


def may_delete(state: AccountState, caller: Access, old: Event) -> None:
    """Refuse who may delete in none of the event's streams."""
    if not caller.owner and not any(_rights(state, caller, s, old).deletes for s in old.stream_ids):
        raise Forbidden("no right to delete this event")
