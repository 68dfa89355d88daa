"""Events: write, read, change, trash, delete. Permission checks live here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from diurnal import catalog
from diurnal.errors import (
    AppError,
    Conflict,
    Forbidden,
    HiddenReference,
    InvalidInput,
    NotFound,
    UnknownReference,
)
from diurnal.model import time
from diurnal.model.access import Access, Rights
from diurnal.model.events import (
    CONTENT_BYTES_MAX,
    DEPTH_MAX,
    STREAMS_PER_EVENT_MAX,
    TAGS_MAX,
    TEXT_MAX,
    Event,
    EventQuery,
    File,
    Json,
    NewEvent,
)
from diurnal.model.measures import Daily, Measure, Shape
from diurnal.services import audit, sight
from diurnal.services.context import AccountState, Context
from diurnal.services.marks import mark, see
from diurnal.store import changes
from diurnal.store import events as store
from diurnal.store.changes import Stamp
from diurnal.store.database import Tx, WriteTx
from diurnal.store.events import Found

BATCH_MAX = 10_000
"""Events of one call."""
TIME_MIN, TIME_MAX = time.TIME_MIN + time.DAY, time.TIME_MAX - time.DAY
"""A day from the ends of the calendar, so that every zone has a date for it."""
DURATION_MAX = 200 * 365 * time.DAY
SPAN_DAYS_MAX = 400
"""Days that one event marks; longer ones count on their first and last days' stretch."""
OPEN = EventQuery()
ID_MAX = 100
SOURCE_MAX = 200
SOURCE_ID_MAX = 400
"""Characters; with the source's they fit an index entry of PostgreSQL (2.7 kB)."""
OFFSET_MAX = 18 * 60
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
_FIXED = re.compile(r"UTC([+-])(\d\d):([0-5]\d)")


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
    batch = _placed(state, batch)
    audit.tell(tx, len(batch), *sorted({s for new in batch for s in new.stream_ids}))
    many = len(batch) > 1
    fit: set[tuple[tuple[str, ...], str]] = set()
    for i, new in enumerate(batch):
        # A batch is mostly of few kinds: what depends on stream and type alone is checked once.
        kind = (new.stream_ids, new.type)
        _check(new, f"events[{i}]." if many else "", known=kind in fit)
        if kind not in fit or not caller.owner:
            _may_create(state, caller, new, f"events[{i}]." if many else "")
            fit.add(kind)
    if plain:
        _refuse_taken(tx, caller, batch)
        made = [_event(ctx, state, caller, new, stamp, n, batch_id) for n, new in enumerate(batch)]
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
    made = [_event(ctx, state, caller, new, stamp, n, batch_id) for n, (_, new) in enumerate(fresh)]
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


def _placed(state: AccountState, batch: Sequence[NewEvent]) -> Sequence[NewEvent]:
    """Give events of which only a clock's time is known the time that follows from it."""
    if all(new.clock is None for new in batch):
        return batch
    return [
        new
        if new.clock is None
        else msgspec.structs.replace(new, time=at_clock(state, new.clock, new.duration))
        for new in batch
    ]


def at_clock(state: AccountState, clock: int, duration: int | None) -> int:
    """Return when something began that a clock on the wall dated; its end says where that hung.

    Raises:
        InvalidInput: no time that there can be.
    """
    if not TIME_MIN <= clock <= TIME_MAX:
        raise InvalidInput("time is out of range", field="time")
    return state.zones.instant_of(clock + (duration or 0)) - (duration or 0)


def create_each(
    tx: WriteTx, ctx: Context, caller: Access, given: Sequence[NewEvent]
) -> list[Found | AppError]:
    """Store events of several requests, each for itself; return what is stored, or why nothing is.

    Only for events without an id or source id of their own: none is looked up.
    """
    # Locks the clock; how many are good is known after the checks, which want the state under it.
    stamp = changes.reserve(tx, caller.account_id, 0, ctx.now())
    state = ctx.state(tx, caller.account_id, stamp.meta_rev)
    answers: list[AppError | None] = []
    good: list[NewEvent] = []
    for new in given:
        try:
            _check(new, "")
            _may_create(state, caller, new, "")
        except AppError as error:
            answers.append(error)
        else:
            answers.append(None)
            good.append(new)
    if good:
        stamp = changes.reserve(tx, caller.account_id, len(good), ctx.now())
    made = [_event(ctx, state, caller, new, stamp, n, None) for n, new in enumerate(good)]
    texts = _add(tx, state, caller, stamp, made, [], ())
    stored = (Found(e.id, e.time, *text, 0) for e, text in zip(made, texts, strict=True))
    return [next(stored) if error is None else error for error in answers]


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
    return Written(_event(ctx, state, caller, new, Stamp(0, 0, 0, 0), 0, None), "deleted")


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


def _may_create(state: AccountState, caller: Access, new: NewEvent, at: str) -> None:
    _refuse_streams(state, caller, new.stream_ids, f"{at}streamIds")
    if caller.owner:
        return
    for s in new.stream_ids:
        if not _rights(state, caller, s, new).creates:
            raise Forbidden(f"no right to add to stream {s!r}")


def _may_replace(
    ctx: Context, state: AccountState, caller: Access, old: Event, new: NewEvent
) -> None:
    """Refuse to answer with, or write over, what the caller could not read or change itself."""
    if caller.owner or (old.created_by == caller.id and _same(old, new)):
        return
    if sight.of(ctx, state, caller, old) is None:
        raise Conflict("this source and sourceId are taken", data={"sourceId": new.source_id})
    if not _same(old, new):
        _may_change(state, caller, old, new.stream_ids)


def _rights(state: AccountState, caller: Access, stream: str, e: NewEvent | Event) -> Rights:
    meaning = state.meaning(stream, e.type)
    return caller.rights_on(
        state.tree, stream, measure=meaning[0].key if meaning else None, tags=e.tags, at=e.time
    )


def _event(
    ctx: Context,
    state: AccountState,
    caller: Access,
    new: NewEvent,
    stamp: Stamp,
    n: int,
    batch_id: int | None,
) -> Event:
    at = stamp.at + n
    measure, value = _meaning(state, new.stream_ids, new.type, new.content)
    offset, day = dated(state, measure, new)
    return Event(
        id=new.id or ctx.new_id(),
        seq=stamp.rev + n,
        stream_ids=new.stream_ids,
        type=new.type,
        time=new.time,
        duration=new.duration,
        content=new.content,
        tags=new.tags,
        description=new.description,
        client_data=new.client_data,
        trashed=new.trashed,
        zone=_own_zone(new),
        offset=offset,
        day=day,
        measure=measure.key if measure else None,
        value=value,
        source=new.source or caller.name,
        source_id=new.source_id,
        files=new.files,
        created=at,
        created_by=caller.id,
        modified=at,
        modified_by=caller.id,
        batch=batch_id,
        clock=new.clock,
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
    fresh = _event(ctx, state, caller, new, stamp, n, old.batch)
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
        and old.zone == _own_zone(new)
        and set(old.stream_ids) == set(new.stream_ids)
        and old.description == new.description
        and set(old.tags) == set(new.tags)
        and old.client_data == new.client_data
    )


def _meaning(
    state: AccountState, streams: Sequence[str], type_: str, content: Json
) -> tuple[Measure | None, float | None]:
    for s in streams:
        meaning = state.meaning(s, type_)
        if meaning is not None:
            measure, unit = meaning
            return measure, catalog.number(measure, content, unit)
    return None, None


def _own_zone(e: NewEvent | Event) -> str | None:
    """Return the datum's own zone; an offset without a name is kept as `UTC+02:00`."""
    if e.zone is not None:
        return e.zone
    return _offset_name(e.offset) if isinstance(e, NewEvent) and e.offset is not None else None


def _offset_name(minutes: int) -> str:
    sign, rest = "-" if minutes < 0 else "+", abs(minutes)
    return f"UTC{sign}{rest // 60:02d}:{rest % 60:02d}"


def _fixed_offset(name: str) -> int | None:
    """Return the minutes of an own offset's name, None for the name of a zone."""
    told = _FIXED.fullmatch(name)
    if told is None:
        return None
    minutes = int(told[2]) * 60 + int(told[3])
    return -minutes if told[1] == "-" else minutes


def dated(state: AccountState, measure: Measure | None, e: NewEvent | Event) -> tuple[int, int]:
    """Return the offset at the start and the local day it counts for.

    A night counts for the day of waking up; one value told of a stretch (a resting heart rate
    from midnight to noon) for the day its middle is in; everything else for the day it began.
    """
    counted = e.time
    if measure is not None and measure.shape is Shape.SESSION and measure.group == "sleep":
        counted = e.time + (e.duration or 0)
    elif measure is not None and measure.daily is Daily.LAST and e.duration:
        counted = e.time + e.duration // 2
    if isinstance(e, NewEvent) and e.offset is not None:
        return e.offset, time.day_of(counted, e.offset)
    if e.zone is not None:
        fixed = _fixed_offset(e.zone)
        if fixed is not None:
            return fixed, time.day_of(counted, fixed)
        return time.offset_min(e.zone, e.time), time.day_of(
            counted, time.offset_min(e.zone, counted)
        )
    offset = state.zones.offset_at(e.time)
    if counted == e.time:
        return offset, time.day_of(counted, offset)
    return offset, state.zones.day_at(counted)


def _check(new: NewEvent, at: str, *, known: bool = False) -> None:
    if not known:
        _check_kind(new, at)
    if new.tags:
        if len(new.tags) > TAGS_MAX or any(len(t) > TEXT_MAX for t in new.tags):
            raise InvalidInput(
                f"at most {TAGS_MAX} tags of {TEXT_MAX} characters", field=f"{at}tags"
            )
        for tag in new.tags:
            _check_text(tag, f"{at}tags")
    if not TIME_MIN <= new.time <= TIME_MAX:
        raise InvalidInput("time is out of range", field=f"{at}time")
    if new.duration and not (
        -DURATION_MAX <= new.duration <= DURATION_MAX
        and TIME_MIN <= new.time + new.duration <= TIME_MAX
    ):
        raise InvalidInput("duration is out of range", field=f"{at}duration")
    if new.offset is not None and not -OFFSET_MAX <= new.offset <= OFFSET_MAX:
        raise InvalidInput("offset is out of range", field=f"{at}offset")
    if new.zone is not None:
        _check_zone(new.zone, f"{at}timezone")
    if new.id is not None:
        if not new.id or len(new.id) > ID_MAX:
            raise InvalidInput(f"an id has 1 to {ID_MAX} characters", field=f"{at}id")
        _check_text(new.id, f"{at}id")
    if new.description is not None:
        _check_text(new.description, f"{at}description")
    if new.source is not None:
        if len(new.source) > SOURCE_MAX:
            raise InvalidInput(f"at most {SOURCE_MAX} characters", field=f"{at}source")
        _check_text(new.source, f"{at}source")
    if new.source_id is not None:
        if len(new.source_id) > SOURCE_ID_MAX:
            raise InvalidInput(f"at most {SOURCE_ID_MAX} characters", field=f"{at}sourceId")
        _check_text(new.source_id, f"{at}sourceId")
    if new.content is not None and not isinstance(new.content, int):
        check_json(new.content, f"{at}content")
    if new.client_data is not None:
        check_json(new.client_data, f"{at}clientData")


def _check_zone(name: str, field: str) -> None:
    fixed = _fixed_offset(name)
    if fixed is not None and -OFFSET_MAX <= fixed <= OFFSET_MAX:
        return
    try:
        time.zone(name)
    except InvalidInput as error:
        raise InvalidInput(error.message, field=field) from None


def _check_kind(new: NewEvent, at: str) -> None:
    if not new.stream_ids:
        raise InvalidInput("an event is in at least one stream", field=f"{at}streamIds")
    if len(new.stream_ids) > STREAMS_PER_EVENT_MAX:
        raise InvalidInput(f"at most {STREAMS_PER_EVENT_MAX} streams", field=f"{at}streamIds")
    if len(set(new.stream_ids)) != len(new.stream_ids):
        raise InvalidInput("a stream is named twice", field=f"{at}streamIds")
    if len(new.type) > TEXT_MAX:
        raise InvalidInput(f"at most {TEXT_MAX} characters", field=f"{at}type")
    _check_text(new.type, f"{at}type")


def _check_text(text: str, field: str) -> None:
    if "\0" in text:
        raise InvalidInput("NUL is not text", field=field)
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise InvalidInput("a lone surrogate is not text", field=field)


def check_json(value: Json, field: str, depth: int = 0) -> None:
    """Refuse JSON that one of the engines cannot keep, or past its limits.

    Raises:
        InvalidInput: NUL, a lone surrogate or no finite number, too deep, too large.
    """
    if depth == 0:
        try:
            size = len(msgspec.json.encode(value))
        except (UnicodeEncodeError, RecursionError):
            raise InvalidInput("not valid text", field=field) from None
        if size > CONTENT_BYTES_MAX:
            raise InvalidInput(f"at most {CONTENT_BYTES_MAX} bytes", field=field)
    if depth > DEPTH_MAX:
        raise InvalidInput(f"at most {DEPTH_MAX} levels", field=field)
    if isinstance(value, str):
        _check_text(value, field)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput("not a finite number", field=field)
    elif isinstance(value, dict):
        for k, v in value.items():
            _check_text(k, field)
            check_json(v, field, depth + 1)
    elif isinstance(value, (list, tuple)):
        for v in value:
            check_json(v, field, depth + 1)


def touch(
    tx: WriteTx,
    state: AccountState,
    touched: Iterable[Event],
    rev: int,
    before: Iterable[Event] = (),
) -> None:
    """Mark the days that events count for, and keep up their sources.

    Args:
        touched: as they are now; those in the trash count nowhere.
        before: what they were.
    """
    cells: set[tuple[str, int]] = set()
    there: set[tuple[str, str, int]] = set()
    was: set[tuple[str, str, int]] = set()
    for now, listed in ((True, touched), (False, before)):
        for e in listed:
            if e.measure is None:
                continue
            if e.duration or e.zone:
                cells.update((e.measure, day) for day in _days(state, e))
            else:
                cells.add((e.measure, e.day))
            hidden = e.trashed or state.trashed_streams.issuperset(e.stream_ids)
            (there if now and not hidden else was).add((e.measure, e.source, e.day))
    mark(tx, state.account_id, cells, rev)
    see(tx, state, there, {(key, day) for key, _, day in was - there}, rev)


def _days(state: AccountState, e: Event) -> Iterable[int]:
    """Return the local days that an event may count for."""
    first = last = e.day
    # Where the datum's own clock is not that of the zone history, it counts by its own.
    shift = (e.offset - state.zones.offset_at(e.time)) * time.MINUTE if e.zone else 0
    edges = [e.time + shift] if shift or e.duration else []
    if e.duration:
        edges.append(e.time + min(e.duration, DURATION_MAX) + shift)
    for at in edges:
        day = state.zones.day_at(at)
        first, last = min(first, day), max(last, day)
    return range(first, min(last, first + SPAN_DAYS_MAX) + 1)


# Reading


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
    found = store.find(tx, caller.account_id, query, reach)
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
    return sight.shown(ctx, state, caller, _existing(tx, ctx, caller, id_))


def _existing(tx: Tx, ctx: Context, caller: Access, id_: str) -> Event:
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


# Changing


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
    old = _existing(tx, ctx, caller, id_)
    given = dict(fields)
    for name in given.keys() - CHANGEABLE:
        raise InvalidInput(f"{name} is not to be changed", field=name)
    if "client_data" in given and given["client_data"] is not None:
        merged = {**(old.client_data or {}), **given["client_data"]}
        given["client_data"] = {k: v for k, v in merged.items() if v is not None} or None
    now_in = tuple(given.get("stream_ids", old.stream_ids))
    _refuse_streams(state, caller, [s for s in now_in if s not in old.stream_ids], "streamIds")
    _may_change(state, caller, old, now_in)
    if given.get("trashed", old.trashed) != old.trashed:
        _may_delete(state, caller, old)
    if given.keys() & {"time", "duration", "zone"}:
        given["clock"] = None
    moved = msgspec.structs.replace(old, **given)
    _check(_as_new(moved), "")
    # A change must not carry a datum out of the measures, tags or times the caller is held to.
    _may_change(state, caller, moved, now_in)
    measure, value = _meaning(state, moved.stream_ids, moved.type, moved.content)
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
    _store(tx, ctx, state, caller, stamp, old, new, "update")
    return sight.shown(ctx, state, caller, new)


def changeable(tx: Tx, ctx: Context, caller: Access, id_: str, *, deleting: bool = False) -> Event:
    """Return one event that the caller may change, as it is stored.

    Args:
        deleting: that it may delete instead.

    Raises:
        NotFound: not there, or not the caller's to read.
        Forbidden: no right to change it.
    """
    event = _existing(tx, ctx, caller, id_)
    state = ctx.state(tx, caller.account_id)
    if deleting:
        _may_delete(state, caller, event)
    else:
        _may_change(state, caller, event, event.stream_ids)
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


def _refuse_streams(
    state: AccountState, caller: Access, streams: Sequence[str], field: str
) -> None:
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


def _may_change(state: AccountState, caller: Access, old: Event, now_in: Sequence[str]) -> None:
    if caller.owner:
        return
    if not any(_rights(state, caller, s, old).changes for s in old.stream_ids):
        raise Forbidden("no right to change this event")
    for s in set(old.stream_ids) ^ set(now_in):
        if not _rights(state, caller, s, old).changes:
            raise Forbidden(f"no right to change what is in stream {s!r}")


def _may_delete(state: AccountState, caller: Access, old: Event) -> None:
    if not caller.owner and not any(_rights(state, caller, s, old).deletes for s in old.stream_ids):
        raise Forbidden("no right to delete this event")


def _store(
    tx: WriteTx,
    ctx: Context,
    state: AccountState,
    caller: Access,
    stamp: Stamp,
    old: Event,
    new: Event,
    op: str,
) -> None:
    store.save(tx, caller.account_id, [new])
    changes.append(tx, caller.account_id, stamp, caller.id, [("event", op, new.id)])
    touch(tx, state, [new], stamp.rev, [old])
    if op != "update" or (new.measure, new.time, new.trashed) != (
        old.measure,
        old.time,
        old.trashed,
    ):
        _follow(tx, ctx, caller, old, new)


def _follow(tx: WriteTx, ctx: Context, caller: Access, old: Event, new: Event | None) -> None:
    """Let the points on an event count where it counts now."""
    from diurnal.services import tracks

    if tracks.holds(old):
        tracks.recount(tx, ctx, caller, old, new)


def set_trashed(tx: WriteTx, ctx: Context, caller: Access, id_: str, *, trashed: bool) -> Event:
    """Put an event into the trash, or back.

    Raises:
        NotFound: not there, or not the caller's to read.
        Forbidden: no right to change it.
    """
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    state = ctx.state(tx, caller.account_id, stamp.meta_rev)
    old = _existing(tx, ctx, caller, id_)
    _may_delete(state, caller, old)
    new = msgspec.structs.replace(old, trashed=trashed, modified=stamp.at, modified_by=caller.id)
    _store(tx, ctx, state, caller, stamp, old, new, "trash" if trashed else "restore")
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
    old = _existing(tx, ctx, caller, id_)
    _may_delete(state, caller, old)
    _follow(tx, ctx, caller, old, None)
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
        measure, value = _meaning(state, streams, old.type, old.content)
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
    changes.append(
        tx, caller.account_id, stamp, caller.id, [("event", "update", e.id) for e in fresh]
    )
    rev = stamp.rev if fresh else stamp.rev - 1
    touch(tx, state, [*fresh, *same], rev, [old for old, _ in pairs])
