"""The schema, one for both engines.

Every table is keyed by account first (`KINDS` names the exceptions); a lint test enforces it,
so that PostgreSQL can be sharded by account without a rewrite. Instants are bigint microseconds
UTC, days are integers since 1970-01-01, booleans are smallint, JSON is text. Ids are made by
the application; there are no triggers, sequences, foreign keys or server-side clocks: every
writer locks the account's clock row first, and deleting an account walks this module's tables.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    text,
)
from sqlalchemy import Text as _Text

metadata = MetaData()

Text = _Text().with_variant(_Text(collation="C"), "postgresql")
"""Compares by code point on both engines, whatever the database's language."""

DIRECTORY = frozenset({"directory"})
"""Keyed by the name that is looked up; leads to the account."""
LOCAL = frozenset({"counter", "alembic_version"})
"""Of this database alone."""
GLOBAL_INDEXES = frozenset({"job_run_at"})
"""The one index that does not begin with the account: a worker takes what is due next."""

RUNNING = 2**62
"""`end_us` of an event that still runs."""
LONG = "end_us - time_us > 2764800000000"
"""Condition on events of more than 32 days, running ones too."""


def _id(name: str = "id", *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _us(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def _flag(name: str) -> Column[int]:
    return Column(name, SmallInteger, nullable=False, server_default=text("0"))


def _account() -> Column[int]:
    # Not left to the engine: PostgreSQL would make a sequence for a key of one column.
    return Column("account_id", BigInteger, nullable=False, autoincrement=False)


def _table(name: str, *rest: Any, key: tuple[str, ...], clustered: bool = False) -> Table:
    """Describe an account-keyed table; `clustered` stores SQLite's rows in key order."""
    primary = PrimaryKeyConstraint("account_id", *key)
    return Table(name, metadata, _account(), *rest, primary, sqlite_with_rowid=not clustered)


def _index(name: str, *columns: Any, where: str | None = None, unique: bool = False) -> Index:
    condition = text(where) if where else None
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


directory = Table(
    "directory",
    metadata,
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    _account(),
    _us("created_us"),
    PrimaryKeyConstraint("kind", "key"),
    sqlite_with_rowid=False,
)

counter = Table(
    "counter",
    metadata,
    Column("name", Text, nullable=False),
    Column("value", BigInteger, nullable=False),
    PrimaryKeyConstraint("name"),
)

account = _table(
    "account",
    _id("username"),
    Column("email", Text),
    Column("password_hash", Text),
    Column("timezone", Text),
    Column("settings", Text, nullable=False),
    _us("created_us"),
    key=(),
)

account_clock = _table(
    "account_clock",
    Column("rev", BigInteger, nullable=False),
    _us("last_us"),
    Column("meta_rev", BigInteger, nullable=False),
    key=(),
)

zone = _table(
    "zone",
    _us("start_us"),
    Column("batch_id", BigInteger, nullable=False),
    Column("zone", Text, nullable=False),
    key=("start_us", "batch_id"),
    clustered=True,
)

stream = _table(
    "stream",
    _id(),
    Column("parent_id", Text),
    Column("name", Text, nullable=False),
    Column("measure", Text),
    Column("client_data", Text),
    _flag("trashed"),
    _us("created_us"),
    _id("created_by"),
    _us("modified_us"),
    _id("modified_by"),
    key=("id",),
)

event = _table(
    "event",
    _id(),
    Column("seq", BigInteger, nullable=False),
    _id("stream_id"),
    _flag("more_streams"),
    _us("time_us"),
    _us("end_us"),
    Column("day", Integer, nullable=False),
    Column("offset_min", SmallInteger, nullable=False),
    Column("own_zone", SmallInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("measure", Text),
    Column("value", Float),
    Column("source", Text, nullable=False),
    Column("source_id", Text),
    Column("batch_id", BigInteger),
    _flag("trashed"),
    _flag("tagged"),
    _flag("files"),
    _us("modified_us"),
    Column("body", Text, nullable=False),
    Column("tail", Text, nullable=False),
    key=("id",),
)
# The id too: pages are ordered by (time, id), and a sort of that last term costs as much again
# as reading the rows.
_index("event_time", event.c.account_id, event.c.time_us, event.c.id)
_index("event_stream_time", event.c.account_id, event.c.stream_id, event.c.time_us, event.c.id)
_index(
    "event_measure_day",
    event.c.account_id,
    event.c.measure,
    event.c.day,
    where="measure IS NOT NULL",
)
_index(
    "event_span",
    event.c.account_id,
    event.c.end_us,
    event.c.time_us,
    where="end_us > time_us",
)
_index(
    "event_source",
    event.c.account_id,
    event.c.source,
    event.c.source_id,
    where="source_id IS NOT NULL",
    unique=True,
)
_index("event_long", event.c.account_id, event.c.measure, event.c.day, where=LONG)
_index("event_batch", event.c.account_id, event.c.batch_id, where="batch_id IS NOT NULL")
_index("event_seq", event.c.account_id, event.c.seq)

event_stream = _table(
    "event_stream", _id("stream_id"), _id("event_id"), key=("stream_id", "event_id"), clustered=True
)
_index("event_stream_event", event_stream.c.account_id, event_stream.c.event_id)

event_tag = _table(
    "event_tag",
    Column("tag", Text, nullable=False),
    _id("event_id"),
    key=("tag", "event_id"),
    clustered=True,
)
_index("event_tag_event", event_tag.c.account_id, event_tag.c.event_id)

file = _table(
    "file",
    _id("event_id"),
    _id(),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    key=("event_id", "id"),
)
_index("file_hash", file.c.account_id, file.c.hash)

blob = _table(
    "blob",
    Column("hash", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    _us("created_us"),
    key=("hash",),
)

tombstone = _table(
    "tombstone",
    Column("kind", Text, nullable=False),
    _id(),
    Column("source", Text),
    Column("source_id", Text),
    _us("deleted_us"),
    Column("rev", BigInteger, nullable=False),
    key=("kind", "id"),
)
_index(
    "tombstone_source",
    tombstone.c.account_id,
    tombstone.c.source,
    tombstone.c.source_id,
    where="source_id IS NOT NULL",
)
_index("tombstone_rev", tombstone.c.account_id, tombstone.c.rev)

source = _table(
    "source",
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    _us("created_us"),
    key=("name",),
)

source_day = _table(
    "source_day",
    Column("measure", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("day", Integer, nullable=False),
    key=("measure", "source", "day"),
    clustered=True,
)

chunk = _table(
    "chunk",
    Column("measure", Text, nullable=False),
    Column("source", Text, nullable=False),
    _us("span_start_us"),
    Column("batch_id", BigInteger, nullable=False),
    Column("n", Integer, nullable=False),
    _us("first_us"),
    _us("last_us"),
    _id("access_id"),
    Column("rev", BigInteger, nullable=False),
    Column("agg", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    key=("measure", "source", "span_start_us", "batch_id"),
)
_index("chunk_batch", chunk.c.account_id, chunk.c.batch_id)
_index("chunk_measure_span", chunk.c.account_id, chunk.c.measure, chunk.c.span_start_us)

day_row = _table(
    "day_row",
    Column("measure", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("batch_id", BigInteger, nullable=False),
    _id("written_by"),
    Column("value", Float),
    Column("words", Text),
    Column("raw", Text),
    _id("access_id"),
    _us("created_us"),
    _us("modified_us"),
    Column("rev", BigInteger, nullable=False),
    key=("measure", "day", "source", "batch_id"),
)
_index("day_row_batch", day_row.c.account_id, day_row.c.batch_id)

day_value = _table(
    "day_value",
    Column("measure", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("value", Float),
    Column("words", Text),
    Column("source", Text),
    Column("lineage", Text, nullable=False),
    Column("rev", BigInteger, nullable=False),
    key=("measure", "day"),
)

day_dirty = _table(
    "day_dirty",
    Column("measure", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("rev", BigInteger, nullable=False),
    key=("measure", "day"),
    clustered=True,
)

own_measure = _table(
    "own_measure",
    Column("key", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("grp", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("value_kind", Text, nullable=False),
    Column("daily", Text, nullable=False),
    _id("stream_id"),
    Column("batch_id", BigInteger),
    _us("created_us"),
    key=("key",),
)

record = _table(
    "record",
    Column("collection", Text, nullable=False),
    _id(),
    Column("seq", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    _us("created_us"),
    _us("modified_us"),
    key=("collection", "id"),
)
_index("record_seq", record.c.account_id, record.c.collection, record.c.seq)

access = _table(
    "access",
    _id(),
    Column("token_hash", LargeBinary, nullable=False),
    Column("token_sealed", LargeBinary),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("device", Text),
    Column("api", Text, nullable=False),
    Column("client_id", Text),
    Column("permissions", Text, nullable=False),
    Column("client_data", Text),
    _us("expires_us", null=True),
    _us("created_us"),
    _id("created_by"),
    _us("modified_us"),
    _id("modified_by"),
    _us("deleted_us", null=True),
    _us("used_us", null=True),
    Column("calls", BigInteger, nullable=False),
    key=("id",),
)
_index("access_token", access.c.account_id, access.c.token_hash, unique=True)

client = _table(
    "client",
    _id(),
    Column("secret_hash", LargeBinary),
    Column("api", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("redirect_uris", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("attributes", Text),
    _us("created_us"),
    _us("modified_us"),
    key=("id",),
)

change = _table(
    "change",
    Column("rev", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("op", Text, nullable=False),
    _id(),
    _id("access_id"),
    _us("time_us"),
    key=("rev",),
    clustered=True,
)

job = _table(
    "job",
    _id(),
    Column("kind", Text, nullable=False),
    Column("args", Text, nullable=False),
    Column("idem_key", Text),
    Column("state", Text, nullable=False),
    _us("run_at"),
    _us("lease_until", null=True),
    Column("lease_token", Text),
    Column("tries", Integer, nullable=False),
    Column("last_error", Text),
    _us("created_us"),
    _us("finished_us", null=True),
    key=("id",),
)
_index("job_run_at", job.c.run_at, where="state = 'due'")
_index(
    "job_idem",
    job.c.account_id,
    job.c.kind,
    job.c.idem_key,
    where="idem_key IS NOT NULL",
    unique=True,
)

batch = _table(
    "batch",
    Column("id", BigInteger, nullable=False),
    Column("connector", Text),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("progress", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("error", Text),
    Column("upload_id", Text),
    _id("access_id"),
    _flag("dry_run"),
    _us("created_us"),
    _us("finished_us", null=True),
    key=("id",),
)

set_aside = _table(
    "set_aside",
    Column("batch_id", BigInteger, nullable=False),
    Column("n", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("raw", Text, nullable=False),
    key=("batch_id", "n"),
    clustered=True,
)

upload = _table(
    "upload",
    _id(),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    _id("access_id"),
    _us("created_us"),
    key=("id",),
)

finding = _table(
    "finding",
    _id(),
    Column("kind", Text, nullable=False),
    Column("measure", Text, nullable=False),
    Column("measure2", Text),
    Column("day", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),
    _us("created_us"),
    key=("id",),
)
_index("finding_kind", finding.c.account_id, finding.c.kind, finding.c.measure, finding.c.day)

audit = _table(
    "audit",
    Column("seq", BigInteger, nullable=False),
    _us("time_us"),
    Column("access_id", Text),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    _flag("allowed"),
    Column("n", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    key=("seq",),
)

idempotency = _table(
    "idempotency",
    _id("access_id"),
    Column("key", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("body", Text, nullable=False),
    _us("created_us"),
    key=("access_id", "key"),
)
_index("idempotency_age", idempotency.c.account_id, idempotency.c.created_us)
