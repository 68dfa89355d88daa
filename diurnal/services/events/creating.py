"""New events, and what a source says again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from diurnal.errors import AppError, Conflict, InvalidInput
from diurnal.model.access import Access
from diurnal.model.events import Event, NewEvent
from diurnal.services import audit, sight
from diurnal.services.context import AccountState, Context
from diurnal.services.events.fields import at_clock, check, dated, meaning, own_zone
from diurnal.services.events.marking import touch
from diurnal.services.events.rights import may_change, may_create
from diurnal.store import changes
from diurnal.store import events as store
from diurnal.store.changes import Stamp
from diurnal.store.database import Tx, WriteTx
from diurnal.store.event_queries import Found

BATCH_MAX = 10_000
"""Events of one call."""


class Written(NamedTuple):
    """What became of one given event."""

    event: Event
    status: str
    """created, same, changed or deleted (deleted here for good before; not written)."""


def create(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    batch: Sequence[NewEvent],
    *,
    batch_id: int | None = None,
    update_known: bool = True,
) -> list[Written]:
    """Store events, all or none; what a source said before is the same datum.

    Args:
        batch_id: the import they belong to.
        update_known: whether a known (source, source_id) with other content is changed.

    Raises:
        Forbidden: the caller may not add to one of the streams.
        UnknownReference: a stream is not there.
        InvalidInput: a field cannot be right; `field` says which, with its index.
        Conflict: an id is taken.
    """
    if len(batch) > BATCH_MAX:
        raise InvalidInput(f"at most {BATCH_MAX} events a call", field="events")
    # The first statement locks the clock. What a source may have said before is looked up under
    # that lock, so its range is reserved once the rows are known; both happen inside one
    # transaction, so the numbers stay gap-free.
    plain = all(new.source_id is None for new in batch)
    stamp = changes.reserve(tx, caller.account_id, len(batch) if plain else 0, ctx.now())
    state = ctx.state(tx, caller.account_id, stamp.meta_rev)
    batch = placed(state, batch)
    audit.tell(tx, len(batch), *sorted({s for new in batch for s in new.stream_ids}))
    many = len(batch) > 1
    fit: set[tuple[tuple[str, ...], str]] = set()
    owner = caller.owner
    for i, new in enumerate(batch):
        # A batch is mostly of few kinds: what depends on stream and type alone is checked once.
        kind = (new.stream_ids, new.type)
        fits = kind in fit
        check(new, f"events[{i}]." if many else "", known=fits)
        if not (fits and owner):
            may_create(state, caller, new, f"events[{i}]." if many else "")
            fit.add(kind)
    if plain:
        _refuse_taken(tx, caller, batch)
        made = [
            event_of(ctx, state, caller, new, stamp, n, batch_id) for n, new in enumerate(batch)
        ]
        _add(tx, state, caller, stamp, made, [], ())
        return [Written(e, "created") for e in made]
    known, gone = _known(tx, caller, batch)
    fresh: list[tuple[int, NewEvent]] = []
    changed: list[tuple[int, NewEvent, Event]] = []
    result: list[Written | None] = [None] * len(batch)
    first_of: dict[tuple[str, str], int] = {}
    latest = {_key(caller, new): new for new in batch} if update_known else {}
    for i, given in enumerate(batch):
        new, key = given, _key(caller, given)
        if key is not None and key in gone:
            continue
        if key is not None and key in first_of:
            result[i] = None  # a repeat inside one call: answered as its first
            continue
        if key is not None:
            first_of[key] = i
            # As if they had come in two calls: what was said last counts.
            new = latest.get(key, given)
            if new is not given:
                new = msgspec.structs.replace(
                    new, id=given.id or new.id, trashed=given.trashed, files=given.files
                )
        old = known.get(key) if key is not None else None
        if old is not None:
            _may_replace(ctx, state, caller, old, new)
        if old is None:
            fresh.append((i, new))
        elif not update_known or _same(old, new):
            result[i] = Written(sight.shown(ctx, state, caller, old), "same")
        else:
            changed.append((i, new, old))
    _refuse_taken(tx, caller, [new for _, new in fresh])
    stamp = changes.reserve(tx, caller.account_id, len(fresh) + len(changed), ctx.now())
    made = [
        event_of(ctx, state, caller, new, stamp, n, batch_id) for n, (_, new) in enumerate(fresh)
    ]
    remade = [
        _replaced(ctx, state, caller, new, old, stamp, len(fresh) + n)
        for n, (_, new, old) in enumerate(changed)
    ]
    _add(tx, state, caller, stamp, made, remade, [old for *_, old in changed])
    for (i, _), e in zip(fresh, made, strict=True):
        result[i] = Written(e, "created")
    for (i, *_), e in zip(changed, remade, strict=True):
        result[i] = Written(sight.shown(ctx, state, caller, e), "changed")
    return [
        _answer(r, new, caller, first_of, result, state, ctx)
        for r, new in zip(result, batch, strict=True)
    ]


def placed(state: AccountState, batch: Sequence[NewEvent]) -> Sequence[NewEvent]:
    """Give events of which only a clock's time is known the time that follows from it."""
    if all(new.clock is None for new in batch):
        return batch
    return [
        new
        if new.clock is None
        else msgspec.structs.replace(new, time=at_clock(state, new.clock, new.duration))
        for new in batch
    ]


def create_each(
    tx: WriteTx, ctx: Context, caller: Access, given: Sequence[NewEvent]
) -> Sequence[Found | AppError]:
    """Store events of several requests, each for itself; return what is stored, or why nothing is.

    Only for events without an id or source id of their own: none is looked up.
    """
    # Locks the clock; the checks want the state under it. Most often all pass.
    stamp = changes.reserve(tx, caller.account_id, len(given), ctx.now())
    state = ctx.state(tx, caller.account_id, stamp.meta_rev)
    answers: list[AppError | None] = []
    good: list[NewEvent] = []
    fit: set[tuple[tuple[str, ...], str]] = set()
    owner = caller.owner
    for new in given:
        # As in `create`: what depends on stream and type alone is checked once.
        kind = (new.stream_ids, new.type)
        fits = kind in fit
        try:
            check(new, "", known=fits)
            if not (fits and owner):
                may_create(state, caller, new, "")
                fit.add(kind)
        except AppError as error:
            answers.append(error)
        else:
            answers.append(None)
            good.append(new)
    if len(good) < len(given):
        stamp = changes.release(tx, caller.account_id, stamp, len(given) - len(good))
    made = [event_of(ctx, state, caller, new, stamp, n, None) for n, new in enumerate(good)]
    texts = _add(tx, state, caller, stamp, made, [], ())
    stored = [Found(e.id, e.time, *text, 0) for e, text in zip(made, texts, strict=True)]
    if len(stored) == len(given):
        return stored
    rest = iter(stored)
    return [next(rest) if error is None else error for error in answers]


def _add(
    tx: WriteTx,
    state: AccountState,
    caller: Access,
    stamp: Stamp,
    made: Sequence[Event],
    remade: Sequence[Event],
    before: Sequence[Event],
) -> list[tuple[str, str]]:
    """Store new and changed events, log them and mark the days they count for and counted for.

    Return the stored (body, tail) of the new ones.
    """
    texts = store.insert_all(tx, caller.account_id, made) if made else []
    if remade:
        store.save(tx, caller.account_id, remade)
    log = [("event", "create", e.id) for e in made] + [("event", "update", e.id) for e in remade]
    if log:
        changes.append(tx, caller.account_id, stamp, caller.id, log)
        touch(tx, state, (*made, *remade), stamp.rev, before)
    return texts


def _key(caller: Access, new: NewEvent) -> tuple[str, str] | None:
    return (new.source or caller.name, new.source_id) if new.source_id is not None else None


def _answer(
    written: Written | None,
    new: NewEvent,
    caller: Access,
    first_of: Mapping[tuple[str, str], int],
    result: Sequence[Written | None],
    state: AccountState,
    ctx: Context,
) -> Written:
    if written is not None:
        return written
    first = first_of.get((new.source or caller.name, new.source_id or ""))
    repeated = result[first] if first is not None else None
    if repeated is not None:
        return Written(repeated.event, "same")
    return Written(event_of(ctx, state, caller, new, Stamp(0, 0, 0, 0), 0, None), "deleted")


def _known(
    tx: Tx, caller: Access, batch: Sequence[NewEvent]
) -> tuple[dict[tuple[str, str], Event], set[tuple[str, str]]]:
    by_source: dict[str, list[str]] = {}
    for new in batch:
        if new.source_id is not None:
            by_source.setdefault(new.source or caller.name, []).append(new.source_id)
    known: dict[tuple[str, str], Event] = {}
    gone: set[tuple[str, str]] = set()
    for source, ids in by_source.items():
        found = store.by_source(tx, caller.account_id, source, ids)
        known.update({(source, i): e for i, e in found.items()})
        gone |= {(source, i) for i in store.buried(tx, caller.account_id, source, ids)}
    return known, gone - known.keys()


def _refuse_taken(tx: Tx, caller: Access, batch: Sequence[NewEvent]) -> None:
    ids = [new.id for new in batch if new.id is not None]
    if not ids:
        return
    taken = store.known(tx, caller.account_id, ids)
    repeated = {i for i in ids if ids.count(i) > 1} if len(set(ids)) < len(ids) else set()
    for i in ids:
        if i in taken or i in repeated:
            raise Conflict(f'An event with id "{i}" already exists', data={"id": i})


def _may_replace(
    ctx: Context, state: AccountState, caller: Access, old: Event, new: NewEvent
) -> None:
    """Refuse to answer with, or write over, what the caller could not read or change itself."""
    if caller.owner or (old.created_by == caller.id and _same(old, new)):
        return
    if sight.of(ctx, state, caller, old) is None:
        raise Conflict("this source and sourceId are taken", data={"sourceId": new.source_id})
    if not _same(old, new):
        may_change(state, caller, old, new.stream_ids)


def event_of(
    ctx: Context,
    state: AccountState,
    caller: Access,
    new: NewEvent,
    stamp: Stamp,
    n: int,
    batch_id: int | None,
) -> Event:
    """Return a new event as it is stored, the `n`th of those that `stamp` is for."""
    at = stamp.at + n
    measure, value = meaning(state, new.stream_ids, new.type, new.content)
    offset, day = dated(state, measure, new)
    # By position, as `Event` has its fields: so many by name cost ten times as much.
    return Event(
        new.id or ctx.new_id(),
        stamp.rev + n,
        new.stream_ids,
        new.type,
        new.time,
        new.duration,
        new.content,
        new.tags,
        new.description,
        new.client_data,
        new.trashed,
        new.zone if new.offset is None else own_zone(new),
        offset,
        day,
        measure.key if measure else None,
        value,
        new.source or caller.name,
        new.source_id,
        new.files,
        at,
        caller.id,
        at,
        caller.id,
        batch_id,
        new.clock,
    )


def _replaced(
    ctx: Context,
    state: AccountState,
    caller: Access,
    new: NewEvent,
    old: Event,
    stamp: Stamp,
    n: int,
) -> Event:
    fresh = event_of(ctx, state, caller, new, stamp, n, old.batch)
    return msgspec.structs.replace(
        fresh,
        id=old.id,
        seq=old.seq,
        created=old.created,
        created_by=old.created_by,
        trashed=old.trashed,
        files=old.files,
    )


def _same(old: Event, new: NewEvent) -> bool:
    return (
        old.clock == new.clock
        and (old.time == new.time or new.clock is not None)
        and old.duration == new.duration
        and old.type == new.type
        and old.content == new.content
        and (type(old.content) is type(new.content) or not isinstance(old.content, (int, float)))
        and old.zone == own_zone(new)
        and set(old.stream_ids) == set(new.stream_ids)
        and old.description == new.description
        and set(old.tags) == set(new.tags)
        and old.client_data == new.client_data
    )
