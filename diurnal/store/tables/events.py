"""Events, their streams, tags, files and earlier versions; files by content; what was deleted."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Integer, SmallInteger

from diurnal.store.tables.columns import LONG, Text, flag, id_, index, table, us

event = table(
    "event",
    id_(),
    Column("seq", BigInteger, nullable=False),
    id_("stream_id"),
    flag("more_streams"),
    us("time_us"),
    us("end_us"),
    Column("day", Integer, nullable=False),
    Column("offset_min", SmallInteger, nullable=False),
    Column("own_zone", SmallInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("measure", Text),
    Column("value", Float),
    Column("source", Text, nullable=False),
    Column("source_id", Text),
    Column("batch_id", BigInteger),
    flag("trashed"),
    flag("tagged"),
    flag("files"),
    us("modified_us"),
    Column("body", Text, nullable=False),
    Column("tail", Text, nullable=False),
    key=("id",),
)

# The id too: pages are ordered by (time, id), and a sort of that last term costs as much again
# as reading the rows.
index("event_time", event.c.account_id, event.c.time_us, event.c.id)

index("event_stream_time", event.c.account_id, event.c.stream_id, event.c.time_us, event.c.id)

index(
    "event_measure_day",
    event.c.account_id,
    event.c.measure,
    event.c.day,
    where="measure IS NOT NULL",
)

index(
    "event_span",
    event.c.account_id,
    event.c.end_us,
    event.c.time_us,
    where="end_us > time_us",
)

index(
    "event_source",
    event.c.account_id,
    event.c.source,
    event.c.source_id,
    where="source_id IS NOT NULL",
    unique=True,
)

index("event_long", event.c.account_id, event.c.measure, event.c.day, where=LONG)

index("event_batch", event.c.account_id, event.c.batch_id, where="batch_id IS NOT NULL")

index("event_seq", event.c.account_id, event.c.seq)

event_stream = table(
    "event_stream", id_("stream_id"), id_("event_id"), key=("stream_id", "event_id"), clustered=True
)

index("event_stream_event", event_stream.c.account_id, event_stream.c.event_id)

event_tag = table(
    "event_tag",
    Column("tag", Text, nullable=False),
    id_("event_id"),
    key=("tag", "event_id"),
    clustered=True,
)

index("event_tag_event", event_tag.c.account_id, event_tag.c.event_id)

# What an event was before a change; `rev` is the change that ended it.
event_version = table(
    "event_version",
    id_("event_id"),
    Column("rev", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("tail", Text, nullable=False),
    Column("files", Text),
    key=("event_id", "rev"),
)

file = table(
    "file",
    id_("event_id"),
    id_(),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    key=("event_id", "id"),
)

index("file_hash", file.c.account_id, file.c.hash)

blob = table(
    "blob",
    Column("hash", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    us("created_us"),
    key=("hash",),
)

tombstone = table(
    "tombstone",
    Column("kind", Text, nullable=False),
    id_(),
    Column("source", Text),
    Column("source_id", Text),
    us("deleted_us"),
    Column("rev", BigInteger, nullable=False),
    key=("kind", "id"),
)

index(
    "tombstone_source",
    tombstone.c.account_id,
    tombstone.c.source,
    tombstone.c.source_id,
    where="source_id IS NOT NULL",
)

index("tombstone_rev", tombstone.c.account_id, tombstone.c.rev)
