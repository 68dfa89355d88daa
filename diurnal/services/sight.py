"""Sight: how much of a datum a caller is shown, in one place for every reader."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from diurnal.errors import Forbidden, HiddenReference
from diurnal.model import places
from diurnal.model.access import Access, Place, Until
from diurnal.model.events import Event, body_json, tail_json
from diurnal.model.measures import Measure
from diurnal.services.context import AccountState, Context
from diurnal.store import events as store
from diurnal.store.database import Tx
from diurnal.store.event_queries import Found


def of(ctx: Context, state: AccountState, caller: Access, event: Event) -> Place | None:
    """Return how exactly an event is shown, None for not at all: any of its streams suffices."""
    return Place.EXACT if caller.owner else _seen(state, caller, event, state.until(ctx.now()))


def ever(state: AccountState, caller: Access, event: Event) -> bool:
    """Return whether an event is shown at all, as if all delays were over."""
    return _seen(state, caller, event, None) is not None


def _seen(state: AccountState, caller: Access, event: Event, until: Until | None) -> Place | None:
    return caller.sight(
        state.tree,
        event.stream_ids,
        measure=event.measure,
        tags=event.tags,
        at=event.time,
        end=event.end,
        until=until,
    )


def shown(ctx: Context, state: AccountState, caller: Access, event: Event) -> Event:
    """Return the event as the caller may see it, which it has been found to do.

    Without the streams that it may not know of, and with places as exact as it may know them.
    """
    if caller.owner:
        return event
    if len(event.stream_ids) > 1:
        event = msgspec.structs.replace(event, stream_ids=listable(state, caller, event.stream_ids))
    if not any(p.place is not Place.EXACT for p in caller.permissions):
        return event
    place = of(ctx, state, caller, event)
    return event if place is Place.EXACT else blurred(state, event, place or Place.NONE)


def blurred(state: AccountState, event: Event, place: Place) -> Event:
    """Return an event that says less exactly where it was.

    Its files are left out, since pictures and tracks say it too, and so is what describes a place
    in words.
    """
    measure = state.measure(event.measure) if event.measure else None
    if not places.bears(event.type, measure.group if measure else None, event.content):
        return msgspec.structs.replace(
            event, client_data=places.coarse(event.client_data, place) or None, files=()
        )
    return msgspec.structs.replace(
        event,
        content=places.coarse(event.content, place, bare=True),
        description=None,
        client_data=None,
        files=(),
    )


def listable(state: AccountState, caller: Access, streams: Sequence[str]) -> tuple[str, ...]:
    """Return those of some streams that the caller may know of."""
    return tuple(s for s in streams if caller.rights_on_stream(state.tree, s).knows)


class _Streams(msgspec.Struct, rename="camel"):
    stream_ids: tuple[str, ...]


_streams_of = msgspec.json.Decoder(_Streams).decode


def veiled(
    tx: Tx,
    ctx: Context,
    state: AccountState,
    caller: Access,
    found: Sequence[Found],
    *,
    blurs: bool,
) -> list[Found]:
    """Return found events as the caller may see them; written anew where that is less.

    Args:
        blurs: whether some places are shown less exactly.
    """
    if blurs:
        hidden = [row.id for row in found]
    else:
        hidden = [row.id for row in found if _names_hidden(state, caller, row)]
    if not hidden:
        return list(found)
    whole = store.get(tx, caller.account_id, hidden)
    return [
        _written(row, shown(ctx, state, caller, whole[row.id])) if row.id in whole else row
        for row in found
    ]


def _names_hidden(state: AccountState, caller: Access, row: Found) -> bool:
    streams = _streams_of(row.body.encode()).stream_ids
    return len(streams) > 1 and len(listable(state, caller, streams)) < len(streams)


def _written(row: Found, event: Event) -> Found:
    return msgspec.structs.replace(
        row,
        body=body_json(event).decode(),
        tail=tail_json(event).decode(),
        files=row.files if event.files else 0,
    )


def refuse_hidden(state: AccountState, caller: Access, measure: Measure, field: str) -> None:
    """Refuse to write data of a measure that the caller may not know of.

    Raises:
        HiddenReference: no right at all where they lie.
    """
    if not caller.owner and not caller.rights_on_stream(state.tree, state.home(measure)).knows:
        raise HiddenReference(f"unknown measure {measure.key!r}", field=field)


def refuse_delayed(caller: Access) -> None:
    """Refuse to tell of changes to one who sees data later: it would tell of them too early.

    Raises:
        Forbidden: part of what the caller reads is delayed.
    """
    if caller.delayed:
        raise Forbidden("a delayed access follows no changes")
