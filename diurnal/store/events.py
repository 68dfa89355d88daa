"""Rows of `event` and what hangs on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
)

from diurnal.model.events import Event, File, body_json, tail_json
from diurnal.model.time import SECOND
from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, edges, in_list, ordered
from diurnal.store.tables import (
    LONG,
    RUNNING,
    change,
    event,
    event_stream,
    event_tag,
    event_version,
    file,
    tombstone,
    track,
)

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
_VERSION_DROP = ordered(
    ("account", "event"),
    delete(event_version).where(
        event_version.c.account_id == bindparam("account"),
        event_version.c.event_id == bindparam("event"),
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
OWN_ZONE, _CLOCK = 1, 2
"""Values of `own_zone`: it carries its own zone or offset; only a clock's time is known."""


class Whole(NamedTuple):
    """What an event is read from, under the names of the columns."""

    id: str
    seq: int
    offset_min: int
    own_zone: int
    day: int
    measure: str | None
    value: float | None
    source: str
    source_id: str | None
    batch_id: int | None
    time_us: int
    end_us: int
    modified_us: int
    body: str
    tail: str
    files: int


_WHOLE = tuple(event.c[name] for name in Whole._fields)
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
_EDGES = edges(event, event.c.day)
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
        event.c.own_zone != OWN_ZONE,
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
        OWN_ZONE if e.zone is not None else _CLOCK if e.clock is not None else 0,
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


def from_row(row: Row, files: tuple[File, ...]) -> Event:
    """Return an event from what `Whole` names."""
    body = _decode_body(row[13])
    tail = _decode_tail("{" + row[14]) if row[3] else _UNTOLD
    # By position, as `Event` has its fields: so many by name cost ten times as much.
    return Event(
        row[0],
        row[1],
        body.stream_ids,
        body.type,
        row[10],
        None if row[11] == RUNNING else row[11] - row[10],
        body.content,
        body.tags,
        body.description,
        body.client_data,
        body.trashed,
        tail.timezone,
        row[2],
        row[4],
        row[5],
        row[6],
        row[7],
        row[8],
        files,
        round(body.created * SECOND),
        body.created_by,
        row[12],
        body.modified_by,
        row[9],
        None if tail.clock is None else round(tail.clock * SECOND),
    )


def _events(tx: Tx, account_id: int, rows: list[Row]) -> list[Event]:
    with_files = [r[0] for r in rows if r[15]]
    files = files_of(tx, account_id, with_files) if with_files else {}
    return [from_row(r, files.get(r[0], ())) for r in rows]


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
    """Delete events and what hangs on them, what they were before too."""
    keys = [(account_id, i) for i in ids]
    for sql in (
        _REPLACE_DELETE,
        _STREAM_DROP,
        _TAG_DROP,
        _FILE_DROP,
        _TRACK_DROP,
        _VERSION_DROP,
    ):
        tx.many(sql, keys)


def _hang(tx: WriteTx, account_id: int, events: Sequence[Event]) -> None:
    events = [e for e in events if e.tags or e.files or len(e.stream_ids) > 1]
    if not events:
        return
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


def newest_days(tx: Tx, account_id: int) -> dict[str, int]:
    """Return the newest day that events of each measure begin on, those in the trash too."""
    return {row[0]: row[2] for row in tx.execute(_EDGES, {"account": account_id})}


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
