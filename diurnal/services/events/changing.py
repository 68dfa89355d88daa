"""Changing events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from diurnal.errors import InvalidInput
from diurnal.model.access import Access
from diurnal.model.events import Event, NewEvent
from diurnal.services import sight
from diurnal.services.context import AccountState, Context
from diurnal.services.events.fields import check, dated, meaning
from diurnal.services.events.marking import touch
from diurnal.services.events.reading import existing
from diurnal.services.events.rights import may_change, may_delete, must_still_read, refuse_streams
from diurnal.services.events.versions import keep
from diurnal.store import changes
from diurnal.store import events as store
from diurnal.store.changes import Stamp
from diurnal.store.database import Tx, WriteTx

CHANGEABLE = frozenset(
    [
        "stream_ids",
        "type",
        "time",
        "duration",
        "content",
        "tags",
        "description",
        "client_data",
        "trashed",
        "zone",
        "files",
    ]
)
"""Fields that `update` takes."""


def update(tx: WriteTx, ctx: Context, caller: Access, id_: str, fields: Mapping[str, Any]) -> Event:
    """Change fields of an event; `client_data` merges at its top level, null drops a key.

    Args:
        fields: of `CHANGEABLE` -> values.

    Raises:
        InvalidInput: a field cannot be right, or is not to be changed.
        NotFound: not there, or not the caller's to read.
        Forbidden: no right to change it, or to add to or take from a stream.
    """
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    state = ctx.state(tx, caller.account_id, stamp.meta_rev)
    old = existing(tx, ctx, caller, id_)
    given = dict(fields)
    for name in given.keys() - CHANGEABLE:
        raise InvalidInput(f"{name} is not to be changed", field=name)
    if "client_data" in given and given["client_data"] is not None:
        merged = {**(old.client_data or {}), **given["client_data"]}
        given["client_data"] = {k: v for k, v in merged.items() if v is not None} or None
    now_in = tuple(given.get("stream_ids", old.stream_ids))
    refuse_streams(state, caller, [s for s in now_in if s not in old.stream_ids], "streamIds")
    may_change(state, caller, old, now_in)
    if given.get("trashed", old.trashed) != old.trashed:
        may_delete(state, caller, old)
    if given.keys() & {"time", "duration", "zone"}:
        given["clock"] = None
    moved = msgspec.structs.replace(old, **given)
    check(_as_new(moved), "")
    # A change must not carry a datum out of the measures, tags or times the caller is held to.
    may_change(state, caller, moved, now_in)
    measure, value = meaning(state, moved.stream_ids, moved.type, moved.content)
    offset, day = dated(state, measure, moved)
    new = msgspec.structs.replace(
        moved,
        measure=measure.key if measure else None,
        value=value,
        offset=offset,
        day=day,
        modified=stamp.at,
        modified_by=caller.id,
    )
    must_still_read(state, caller, new)
    store_changed(tx, ctx, state, caller, stamp, old, new, "update")
    return sight.shown(ctx, state, caller, new)


def changeable(tx: Tx, ctx: Context, caller: Access, id_: str, *, deleting: bool = False) -> Event:
    """Return one event that the caller may change, as it is stored.

    Args:
        deleting: that it may delete instead.

    Raises:
        NotFound: not there, or not the caller's to read.
        Forbidden: no right to change it.
    """
    event = existing(tx, ctx, caller, id_)
    state = ctx.state(tx, caller.account_id)
    if deleting:
        may_delete(state, caller, event)
    else:
        may_change(state, caller, event, event.stream_ids)
    return event


def _as_new(e: Event) -> NewEvent:
    return NewEvent(
        stream_ids=e.stream_ids,
        type=e.type,
        time=e.time,
        duration=e.duration,
        content=e.content,
        tags=e.tags,
        description=e.description,
        client_data=e.client_data,
        zone=e.zone,
        source=e.source,
        source_id=e.source_id,
    )


def store_changed(
    tx: WriteTx,
    ctx: Context,
    state: AccountState,
    caller: Access,
    stamp: Stamp,
    old: Event,
    new: Event,
    op: str,
) -> None:
    """Store a changed event, keep what it was, log it, mark the days it counts or counted for."""
    store.save(tx, caller.account_id, [new])
    keep(tx, ctx, caller.account_id, [(old, new, stamp.rev)])
    changes.append(tx, caller.account_id, stamp, caller.id, [("event", op, new.id)])
    touch(tx, state, [new], stamp.rev, [old])
    if op != "update" or (new.measure, new.time, new.trashed) != (
        old.measure,
        old.time,
        old.trashed,
    ):
        follow(tx, ctx, caller, old, new)


def follow(tx: WriteTx, ctx: Context, caller: Access, old: Event, new: Event | None) -> None:
    """Let the points on an event count where it counts now."""
    from diurnal.services import tracks

    if tracks.holds(old):
        tracks.recount(tx, ctx, caller, old, new)


def rehang(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    state: AccountState,
    moves: Sequence[tuple[Event, tuple[str, ...]]],
) -> None:
    """Put events into other streams and select their measures anew; checks no right.

    What stays as it was is not changed; its days are marked all the same, for its stream may
    have come into the trash or out of it.
    """
    pairs: list[tuple[Event, Event]] = []
    same: list[Event] = []
    for old, streams in moves:
        measure, value = meaning(state, streams, old.type, old.content)
        moved = msgspec.structs.replace(
            old, stream_ids=streams, measure=measure.key if measure else None, value=value
        )
        offset, day = dated(state, measure, moved)
        moved = msgspec.structs.replace(moved, offset=offset, day=day)
        if moved == old:
            same.append(old)
        else:
            pairs.append((old, moved))
    stamp = changes.reserve(tx, caller.account_id, len(pairs), ctx.now())
    fresh = [
        msgspec.structs.replace(new, modified=stamp.at + i, modified_by=caller.id)
        for i, (_, new) in enumerate(pairs)
    ]
    store.save(tx, caller.account_id, fresh)
    keep(
        tx,
        ctx,
        caller.account_id,
        [
            (old, new, stamp.rev + i)
            for i, ((old, _), new) in enumerate(zip(pairs, fresh, strict=True))
        ],
    )
    changes.append(
        tx, caller.account_id, stamp, caller.id, [("event", "update", e.id) for e in fresh]
    )
    rev = stamp.rev if fresh else stamp.rev - 1
    touch(tx, state, [*fresh, *same], rev, [old for old, _ in pairs])
