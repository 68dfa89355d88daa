"""Rows of `event` and what hangs on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import starmap
from typing import Any

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    text,
    true,
)

from diurnal.model.access import Reach
from diurnal.model.events import Event, EventQuery, File, body_json, tail_json
from diurnal.model.time import SECOND
from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, in_list, ordered, shaped
from diurnal.store.tables import (
    LONG,
    RUNNING,
    change,
    event,
    event_stream,
    event_tag,
    file,
    tombstone,
    track,
)

PAGE_MAX = 1_000_000
"""Rows of one query; a backstop, far above what doors allow."""


class Found(msgspec.Struct, frozen=True, gc=False):
    """A stored event as text: Pryv's JSON and the native shape's tail.

    Attributes:
        files: not 0 where attachments must be added (`files_of`).
    """

    id: str
    time: int
    body: str
    tail: str
    files: int


_COLUMNS = tuple(c.name for c in event.columns)
_INSERT = ordered(_COLUMNS, insert(event))
_REPLACE_DELETE = ordered(
    ("account", "event"),
    delete(event).where(
        event.c.account_id == bindparam("account"), event.c.id == bindparam("event")
    ),
)
_STREAM_ADD = ordered(("account_id", "stream_id", "event_id"), insert(event_stream))
_STREAM_DROP = ordered(
    ("account", "event"),
    delete(event_stream).where(
        event_stream.c.account_id == bindparam("account"),
        event_stream.c.event_id == bindparam("event"),
    ),
)
_TAG_ADD = ordered(("account_id", "tag", "event_id"), insert(event_tag))
_TAG_DROP = ordered(
    ("account", "event"),
    delete(event_tag).where(
        event_tag.c.account_id == bindparam("account"), event_tag.c.event_id == bindparam("event")
    ),
)
_FILE_ADD = ordered(("account_id", "event_id", "id", "name", "type", "size", "hash"), insert(file))
_FILE_DROP = ordered(
    ("account", "event"),
    delete(file).where(
        file.c.account_id == bindparam("account"), file.c.event_id == bindparam("event")
    ),
)
_TRACK_DROP = ordered(
    ("account", "event"),
    delete(track).where(
        track.c.account_id == bindparam("account"), track.c.event_id == bindparam("event")
    ),
)
_FILES = Sql(
    select(file.c.event_id, file.c.id, file.c.name, file.c.type, file.c.size, file.c.hash)
    .where(file.c.account_id == bindparam("account"), in_list(file.c.event_id, "ids"))
    .order_by(file.c.event_id, file.c.id)
)
_HASH_USED = Sql(
    select(file.c.event_id)
    .where(file.c.account_id == bindparam("account"), file.c.hash == bindparam("hash"))
    .limit(1)
)
_OWN, _CLOCK = 1, 2
"""Values of `own_zone`: it carries its own zone or offset; only a clock's time is known."""
_WHOLE = (
    event.c.id,
    event.c.seq,
    event.c.offset_min,
    event.c.own_zone,
    event.c.day,
    event.c.measure,
    event.c.value,
    event.c.source,
    event.c.source_id,
    event.c.batch_id,
    event.c.time_us,
    event.c.end_us,
    event.c.modified_us,
    event.c.body,
    event.c.tail,
    event.c.files,
)
_GET = Sql(
    select(*_WHOLE).where(event.c.account_id == bindparam("account"), in_list(event.c.id, "ids"))
)
_BY_SOURCE = Sql(
    select(*_WHOLE).where(
        event.c.account_id == bindparam("account"),
        event.c.source == bindparam("source"),
        in_list(event.c.source_id, "ids"),
    )
)
_BY_SEQ = Sql(
    select(*_WHOLE).where(
        event.c.account_id == bindparam("account"), event.c.seq == bindparam("seq")
    )
)
_OF_BATCH = Sql(
    select(*_WHOLE)
    .where(
        event.c.account_id == bindparam("account"),
        event.c.batch_id == bindparam("batch"),
        event.c.id > bindparam("after"),
    )
    .order_by(event.c.id)
    .limit(bindparam("most"))
)
_KNOWN = Sql(
    select(event.c.id).where(event.c.account_id == bindparam("account"), in_list(event.c.id, "ids"))
)
_BURIED = Sql(
    select(tombstone.c.source_id).where(
        tombstone.c.account_id == bindparam("account"),
        tombstone.c.source == bindparam("source"),
        in_list(tombstone.c.source_id, "ids"),
    )
)
_BURY = ordered(
    ("account_id", "kind", "id", "source", "source_id", "deleted_us", "rev"), insert(tombstone)
)
_UNEARTH = Sql(
    delete(tombstone).where(
        tombstone.c.account_id == bindparam("account"),
        tombstone.c.kind == bindparam("kind"),
        in_list(tombstone.c.id, "ids"),
    )
)
_DEAD = Sql(
    select(tombstone.c.id, tombstone.c.deleted_us)
    .where(
        tombstone.c.account_id == bindparam("account"),
        tombstone.c.kind == bindparam("kind"),
        tombstone.c.rev > bindparam("rev"),
    )
    .order_by(tombstone.c.rev)
)
_TOLD = (
    event.c.id,
    event.c.day,
    event.c.time_us,
    event.c.end_us,
    event.c.value,
    event.c.source,
    event.c.body,
    event.c.offset_min,
)
_OF_DAYS = Sql(
    select(*_TOLD)
    .where(
        event.c.account_id == bindparam("account"),
        event.c.measure == bindparam("measure"),
        event.c.day >= bindparam("first"),
        event.c.day <= bindparam("last"),
        event.c.trashed == 0,
    )
    .order_by(event.c.time_us, event.c.id)
)
# Few last so long; a partial index holds them alone.
_LONG_OF_DAYS = Sql(
    select(*_TOLD).where(
        event.c.account_id == bindparam("account"),
        event.c.measure == bindparam("measure"),
        event.c.day >= bindparam("floor"),
        event.c.day < bindparam("first"),
        event.c.trashed == 0,
        text(LONG),
        event.c.end_us >= bindparam("start"),
        event.c.end_us < RUNNING,
    )
)
_ADRIFT = Sql(
    select(*_WHOLE)
    .where(
        event.c.account_id == bindparam("account"),
        event.c.own_zone != _OWN,
        event.c.time_us >= bindparam("start"),
        event.c.time_us < bindparam("end"),
        or_(event.c.time_us > bindparam("start"), event.c.id > bindparam("after")),
    )
    .order_by(event.c.time_us, event.c.id)
    .limit(bindparam("most"))
)
_IN_STREAMS = Sql(
    select(*_WHOLE)
    .where(
        event.c.account_id == bindparam("account"),
        or_(
            in_list(event.c.stream_id, "streams"),
            event.c.id.in_(
                select(event_stream.c.event_id).where(
                    event_stream.c.account_id == bindparam("account"),
                    in_list(event_stream.c.stream_id, "streams"),
                )
            ),
        ),
    )
    .order_by(event.c.id)
)


_SAMPLE = 500
_SIZES = Sql(
    select(func.avg(text("size"))).select_from(
        select(func.length(event.c.body).label("size"))
        .where(event.c.account_id == bindparam("account"))
        .order_by(event.c.time_us.desc())
        .limit(_SAMPLE)
        .subquery()
    )
)


class _Body(msgspec.Struct, rename="camel"):
    stream_ids: tuple[str, ...]
    type: str
    created: float
    created_by: str
    modified_by: str
    tags: tuple[str, ...] = ()
    content: Any = None
    description: str | None = None
    client_data: dict[str, Any] | None = None
    trashed: bool = False


class _Tail(msgspec.Struct):
    timezone: str | None = None
    clock: float | None = None


_UNTOLD = _Tail()

_decode_body = msgspec.json.Decoder(_Body).decode
_decode_tail = msgspec.json.Decoder(_Tail).decode


def _row(account_id: int, e: Event) -> Row:
    return (
        account_id,
        e.id,
        e.seq,
        e.stream_ids[0],
        1 if len(e.stream_ids) > 1 else 0,
        e.time,
        RUNNING if e.duration is None else e.time + e.duration,
        e.day,
        e.offset,
        _OWN if e.zone is not None else _CLOCK if e.clock is not None else 0,
        e.type,
        e.measure,
        e.value,
        e.source,
        e.source_id,
        e.batch,
        1 if e.trashed else 0,
        1 if e.tags else 0,
        1 if e.files else 0,
        e.modified,
        body_json(e).decode(),
        tail_json(e).decode(),
    )


def _event(row: Row, files: tuple[File, ...]) -> Event:
    body = _decode_body(row[13])
    tail = _decode_tail("{" + row[14]) if row[3] else _UNTOLD
    return Event(
        id=row[0],
        seq=row[1],
        stream_ids=body.stream_ids,
        type=body.type,
        time=row[10],
        duration=None if row[11] == RUNNING else row[11] - row[10],
        content=body.content,
        tags=body.tags,
        description=body.description,
        client_data=body.client_data,
        trashed=body.trashed,
        zone=tail.timezone,
        clock=None if tail.clock is None else round(tail.clock * SECOND),
        offset=row[2],
        day=row[4],
        measure=row[5],
        value=row[6],
        source=row[7],
        source_id=row[8],
        files=files,
        created=round(body.created * SECOND),
        created_by=body.created_by,
        modified=row[12],
        modified_by=body.modified_by,
        batch=row[9],
    )


def _events(tx: Tx, account_id: int, rows: list[Row]) -> list[Event]:
    with_files = [r[0] for r in rows if r[15]]
    files = files_of(tx, account_id, with_files) if with_files else {}
    return [_event(r, files.get(r[0], ())) for r in rows]


def insert_all(tx: WriteTx, account_id: int, events: Sequence[Event]) -> list[tuple[str, str]]:
    """Insert new events; return the stored (body, tail) of each."""
    rows = [_row(account_id, e) for e in events]
    tx.many(_INSERT, rows)
    _hang(tx, account_id, events)
    return [row[-2:] for row in rows]


def save(tx: WriteTx, account_id: int, events: Sequence[Event]) -> None:
    """Store changed events in place of what was there."""
    keys = [(account_id, e.id) for e in events]
    for sql in (_REPLACE_DELETE, _STREAM_DROP, _TAG_DROP, _FILE_DROP):
        tx.many(sql, keys)
    insert_all(tx, account_id, events)


def remove(tx: WriteTx, account_id: int, ids: Iterable[str]) -> None:
    """Delete events and what hangs on them."""
    keys = [(account_id, i) for i in ids]
    for sql in (_REPLACE_DELETE, _STREAM_DROP, _TAG_DROP, _FILE_DROP, _TRACK_DROP):
        tx.many(sql, keys)


def _hang(tx: WriteTx, account_id: int, events: Sequence[Event]) -> None:
    streams = [(account_id, s, e.id) for e in events for s in e.stream_ids[1:]]
    tags = [(account_id, t, e.id) for e in events for t in dict.fromkeys(e.tags)]
    files = [
        (account_id, e.id, f.id, f.name, f.type, f.size, f.hash) for e in events for f in e.files
    ]
    for sql, rows in ((_STREAM_ADD, streams), (_TAG_ADD, tags), (_FILE_ADD, files)):
        if rows:
            tx.many(sql, rows)


def files_of(tx: Tx, account_id: int, ids: Sequence[str]) -> dict[str, tuple[File, ...]]:
    """Return the attachments of events, by event id."""
    found: dict[str, tuple[File, ...]] = {}
    for event_id, id_, name, type_, size, hash_ in tx.execute(
        _FILES, {"account": account_id, "ids": ids}
    ):
        one = File(id=id_, name=name, type=type_, size=size, hash=hash_)
        found[event_id] = (*found.get(event_id, ()), one)
    return found


def hash_used(tx: Tx, account_id: int, hash_: str) -> bool:
    """Return whether an attachment with this content is left."""
    return tx.one(_HASH_USED, {"account": account_id, "hash": hash_}) is not None


def get(tx: Tx, account_id: int, ids: Sequence[str]) -> dict[str, Event]:
    """Return the events with these ids, by id."""
    rows = tx.execute(_GET, {"account": account_id, "ids": ids})
    return {e.id: e for e in _events(tx, account_id, rows)}


def by_source(tx: Tx, account_id: int, source: str, ids: Sequence[str]) -> dict[str, Event]:
    """Return the events of one source with these source ids, by source id."""
    rows = tx.execute(_BY_SOURCE, {"account": account_id, "source": source, "ids": ids})
    return {e.source_id: e for e in _events(tx, account_id, rows) if e.source_id is not None}


def by_seq(tx: Tx, account_id: int, seq: int) -> Event | None:
    """Return the event with this integer id."""
    rows = tx.execute(_BY_SEQ, {"account": account_id, "seq": seq})
    return _events(tx, account_id, rows)[0] if rows else None


def of_batch(tx: Tx, account_id: int, batch: int, after: str, most: int) -> list[Event]:
    """Return the events that a batch created, by id, after `after`."""
    values = {"account": account_id, "batch": batch, "after": after, "most": most}
    return _events(tx, account_id, tx.execute(_OF_BATCH, values))


def adrift(
    tx: Tx, account_id: int, start: int, end: int, *, after: str = "", most: int
) -> list[Event]:
    """Return events in [start, end) that carry no zone or offset of their own, by time and id.

    Args:
        after: id of the last one of the page before, which began at `start`.
    """
    values = {"account": account_id, "start": start, "end": end, "after": after, "most": most}
    return _events(tx, account_id, tx.execute(_ADRIFT, values))


def in_streams(tx: Tx, account_id: int, streams: Sequence[str]) -> list[Event]:
    """Return every event, trashed ones too, that is in one of these very streams."""
    rows = tx.execute(_IN_STREAMS, {"account": account_id, "streams": streams})
    return _events(tx, account_id, rows)


def known(tx: Tx, account_id: int, ids: Sequence[str]) -> set[str]:
    """Return which of these ids are taken."""
    return {row[0] for row in tx.execute(_KNOWN, {"account": account_id, "ids": ids})}


def of_days(
    tx: Tx, account_id: int, measure: str, first: int, last: int, *, floor: int, start: int
) -> list[Row]:
    """Return live (id, day, time, end, value, source, body, offset) of a measure, by time.

    Args:
        first, last: the days that they count for.
        floor: also the long ones since this day that end at or after instant `start`.
    """
    values = {"account": account_id, "measure": measure, "first": first, "last": last}
    rows = tx.execute(_OF_DAYS, values)
    long = tx.execute(_LONG_OF_DAYS, {**values, "floor": floor, "start": start})
    return sorted(long + rows, key=lambda row: (row[2], row[0])) if long else rows


def buried(tx: Tx, account_id: int, source: str, ids: Sequence[str]) -> set[str]:
    """Return which source ids were deleted for good: no import brings them back."""
    rows = tx.execute(_BURIED, {"account": account_id, "source": source, "ids": ids})
    return {row[0] for row in rows}


def bury(tx: WriteTx, account_id: int, kind: str, rows: Sequence[Row]) -> None:
    """Leave tombstones: (id, source, source_id, deleted_us, rev)."""
    tx.execute(_UNEARTH, {"account": account_id, "kind": kind, "ids": [r[0] for r in rows]})
    tx.many(_BURY, [(account_id, kind, *r) for r in rows])


def dead(tx: Tx, account_id: int, kind: str, rev: int) -> list[Row]:
    """Return (id, deleted_us) of what was deleted after change `rev`, in order."""
    return tx.execute(_DEAD, {"account": account_id, "kind": kind, "rev": rev})


# Reading by query: one statement per shape; values are bound, never written into the text.


def find(tx: Tx, account_id: int, query: EventQuery, reach: Reach) -> list[Found]:
    """Return matching events as stored text, newest first unless asked otherwise.

    `reach` is what the caller may read and has no default; without a clause nothing is found.
    """
    if not reach.clauses or query.any_of == frozenset():
        return []
    values: dict[str, Any] = {"account": account_id, "running": RUNNING}
    _fill(values, query, reach)
    rows = tx.execute(shaped(_find_statement, *_shape(query, reach)), values)
    if query.start is not None and _may_span(tx, account_id, query, values):
        rows = tx.execute(shaped(_find_statement, *_shape(query, reach, spans=True)), values)
    return list(starmap(Found, rows))


_SPANNING = Sql(
    select(func.min(event.c.time_us)).where(
        event.c.account_id == bindparam("account"),
        event.c.end_us >= bindparam("start"),
        event.c.end_us > event.c.time_us,
        event.c.time_us < bindparam("start"),
    )
)


def _may_span(tx: Tx, account_id: int, query: EventQuery, values: dict[str, Any]) -> bool:
    """Whether an event began before the window and reaches into it; sets its floor.

    A window by time alone can use the time index; only where something spans its start does
    the query have to look further back.
    """
    row = tx.one(_SPANNING, {"account": account_id, "start": query.start})
    if row is None or row[0] is None:
        return False
    values["floor"] = row[0]
    return True


_Shape = tuple[Any, ...]


def _shape(query: EventQuery, reach: Reach, *, spans: bool = False) -> _Shape:
    clauses = tuple(
        (
            c.streams is not None,
            c.measures is not None,
            c.tags is not None,
            c.start is not None,
            c.end is not None,
            c.until is not None,
        )
        for c in reach.clauses
    )
    return (
        () if reach.everything else clauses,
        query.start is not None,
        query.end is not None,
        query.any_of is not None,
        len(query.all_of),
        query.none_of is not None,
        tuple(t.endswith("/*") for t in query.types),
        bool(query.measures),
        bool(query.tags),
        bool(query.sources),
        query.batch is not None,
        query.running,
        query.state,
        query.ascending,
        query.modified_since is not None,
        query.after is not None,
        query.running_before,
        query.by_arrival,
        spans,
    )


def _fill(values: dict[str, Any], query: EventQuery, reach: Reach) -> None:
    values["limit"] = PAGE_MAX if query.limit is None else min(query.limit, PAGE_MAX)
    values["skip"] = query.skip
    plain = {
        "start": query.start,
        "end": query.end,
        "any_of": query.any_of,
        "none_of": query.none_of,
        "measures": query.measures,
        "tags": query.tags,
        "sources": query.sources,
        "batch": query.batch,
        "modified": query.modified_since,
    }
    values.update(plain)
    for i, group in enumerate(query.all_of):
        values[f"all_of_{i}"] = group
    for i, type_ in enumerate(query.types):
        if type_.endswith("/*"):
            values[f"type_{i}"] = type_[:-1]
            values[f"type_end_{i}"] = type_[:-2] + "0"  # "0" follows "/" in both collations used
        else:
            values[f"type_{i}"] = type_
    if query.after is not None:
        values["after_time"], values["after_id"] = query.after
    for i, c in enumerate(reach.clauses):
        values[f"r{i}_streams"] = c.streams
        values[f"r{i}_measures"] = c.measures
        values[f"r{i}_tags"] = c.tags
        values[f"r{i}_start"] = c.start
        values[f"r{i}_end"] = c.end
        values[f"r{i}_until"] = c.until


def _in_streams(name: str) -> ColumnElement[bool]:
    more = exists(
        select(event_stream.c.event_id).where(
            event_stream.c.account_id == bindparam("account"),
            event_stream.c.event_id == event.c.id,
            in_list(event_stream.c.stream_id, name),
        )
    )
    return or_(in_list(event.c.stream_id, name), and_(event.c.more_streams == 1, more))


def _has_tag(name: str) -> ColumnElement[bool]:
    return and_(
        event.c.tagged == 1,
        exists(
            select(event_tag.c.event_id).where(
                event_tag.c.account_id == bindparam("account"),
                event_tag.c.event_id == event.c.id,
                in_list(event_tag.c.tag, name),
            )
        ),
    )


def _clause(i: int, shape: tuple[bool, ...]) -> ColumnElement[bool]:
    streams, measures, tags, start, end, until = shape
    parts: list[ColumnElement[bool]] = [true()]
    if streams:
        parts.append(_in_streams(f"r{i}_streams"))
    if measures:
        parts.append(in_list(event.c.measure, f"r{i}_measures"))
    if tags:
        parts.append(_has_tag(f"r{i}_tags"))
    if start:
        parts.append(event.c.time_us >= bindparam(f"r{i}_start"))
    if end:
        parts.append(event.c.time_us < bindparam(f"r{i}_end"))
    if until:
        # What runs has an end far away.
        at: BindParameter[int] = bindparam(f"r{i}_until")
        parts += [event.c.time_us < at, event.c.end_us <= at]
    return and_(*parts)


def _find_statement(
    clauses: tuple[tuple[bool, ...], ...],
    start: bool,
    end: bool,
    any_of: bool,
    all_of: int,
    none_of: bool,
    types: tuple[bool, ...],
    measures: bool,
    tags: bool,
    sources: bool,
    batch: bool,
    running: bool,
    state: str,
    ascending: bool,
    modified: bool,
    after: bool,
    running_before: bool,
    by_arrival: bool,
    spans: bool,
) -> Select[Any]:
    time, id_ = event.c.time_us, event.c.id
    where: list[ColumnElement[bool]] = [event.c.account_id == bindparam("account")]
    if clauses:
        where.append(or_(*[_clause(i, shape) for i, shape in enumerate(clauses)]))
    if start and spans:
        where += [time >= bindparam("floor"), event.c.end_us >= bindparam("start")]
        if not running_before:
            ended = event.c.end_us < bindparam("running")
            where.append(or_(time >= bindparam("start"), ended))
    elif start:
        where.append(time >= bindparam("start"))
    if end:
        where.append(time <= bindparam("end"))
    if any_of:
        where.append(_in_streams("any_of"))
    where += [_in_streams(f"all_of_{i}") for i in range(all_of)]
    if none_of:
        where.append(~_in_streams("none_of"))
    if types:
        where.append(or_(false(), *[_of_type(i, whole) for i, whole in enumerate(types)]))
    if measures:
        where.append(in_list(event.c.measure, "measures"))
    if tags:
        where.append(_has_tag("tags"))
    if sources:
        where.append(in_list(event.c.source, "sources"))
    if batch:
        where.append(event.c.batch_id == bindparam("batch"))
    if running:
        where.append(event.c.end_us == bindparam("running"))
    if state != "all":
        where.append(event.c.trashed == (1 if state == "trashed" else 0))
    if modified:
        where.append(event.c.modified_us > bindparam("modified"))
    if after:
        at: BindParameter[int] = bindparam("after_time")
        last: BindParameter[str] = bindparam("after_id")
        if ascending:
            where += [time >= at, or_(time > at, id_ > last)]
        else:
            where += [time <= at, or_(time < at, id_ < last)]
    columns = (event.c.seq,) if by_arrival else (time, id_)
    order = [c.asc() if ascending else c.desc() for c in columns]
    return (
        select(id_, time, event.c.body, event.c.tail, event.c.files)
        .where(*where)
        .order_by(*order)
        .limit(bindparam("limit"))
        .offset(bindparam("skip"))
    )


def _of_type(i: int, whole_class: bool) -> ColumnElement[bool]:
    if whole_class:
        return and_(
            event.c.type >= bindparam(f"type_{i}"), event.c.type < bindparam(f"type_end_{i}")
        )
    return event.c.type == bindparam(f"type_{i}")


_CHANGED = Sql(
    select(change.c.id)
    .where(
        change.c.account_id == bindparam("account"),
        change.c.rev > bindparam("rev"),
        change.c.kind == "event",
    )
    .distinct()
)


def changed_since(tx: Tx, account_id: int, rev: int) -> list[str]:
    """Return the ids of events that changed after `rev`."""
    return [row[0] for row in tx.execute(_CHANGED, {"account": account_id, "rev": rev})]


def mean_size(tx: Tx, account_id: int) -> float:
    """Return the bytes that one of the account's latest events takes in the mean."""
    row = tx.one(_SIZES, {"account": account_id})
    return float(row[0] or 0) if row else 0.0
