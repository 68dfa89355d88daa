"""The schema, one for both engines: one module per room.

Every table is keyed by account first (`KINDS` names the exceptions); a lint test enforces it,
so that PostgreSQL can be sharded by account without a rewrite. Instants are bigint microseconds
UTC, days are integers since 1970-01-01, booleans are smallint, JSON is text. Ids are made by
the application; there are no triggers, sequences, foreign keys or server-side clocks: every
writer locks the account's clock row first, and deleting an account walks this module's tables.
"""

from __future__ import annotations

from diurnal.store.tables.accesses import (
    access,
    access_use,
    access_version,
    audit,
    audit_checkpoint,
    idempotency,
)
from diurnal.store.tables.accounts import account, account_clock, counter, directory, zone
from diurnal.store.tables.applications import (
    app_grant,
    authorization_code,
    client,
    consent,
    device_request,
)
from diurnal.store.tables.asks import access_request
from diurnal.store.tables.changes import change
from diurnal.store.tables.columns import DIRECTORY, GLOBAL_INDEXES, LOCAL, LONG, RUNNING, metadata
from diurnal.store.tables.connections import (
    answer,
    connection,
    delivery,
    fetched,
    pull_state,
    pulled,
    upstream,
)
from diurnal.store.tables.days import (
    day_dirty,
    day_number,
    day_row,
    day_value,
    source,
    source_day,
    source_measure,
)
from diurnal.store.tables.events import (
    blob,
    event,
    event_stream,
    event_tag,
    event_version,
    file,
    tombstone,
)
from diurnal.store.tables.experiments import experiment
from diurnal.store.tables.findings import finding
from diurnal.store.tables.ownership import attribute, attribute_offer
from diurnal.store.tables.records import record, record_key
from diurnal.store.tables.security import (
    attempt,
    invitation,
    legacy_use,
    one_time,
    passkey,
    recovery_code,
    session,
    totp,
)
from diurnal.store.tables.series import chunk
from diurnal.store.tables.shares import share
from diurnal.store.tables.streams import own_measure, stream
from diurnal.store.tables.tracks import track
from diurnal.store.tables.webhooks import webhook, webhook_delivery
from diurnal.store.tables.work import batch, batch_row, job, set_aside, upload

__all__ = [
    "DIRECTORY",
    "GLOBAL_INDEXES",
    "LOCAL",
    "LONG",
    "RUNNING",
    "access",
    "access_request",
    "access_use",
    "access_version",
    "account",
    "account_clock",
    "answer",
    "app_grant",
    "attempt",
    "attribute",
    "attribute_offer",
    "audit",
    "audit_checkpoint",
    "authorization_code",
    "batch",
    "batch_row",
    "blob",
    "change",
    "chunk",
    "client",
    "connection",
    "consent",
    "counter",
    "day_dirty",
    "day_number",
    "day_row",
    "day_value",
    "delivery",
    "device_request",
    "directory",
    "event",
    "event_stream",
    "event_tag",
    "event_version",
    "experiment",
    "fetched",
    "file",
    "finding",
    "idempotency",
    "invitation",
    "job",
    "legacy_use",
    "metadata",
    "one_time",
    "own_measure",
    "passkey",
    "pull_state",
    "pulled",
    "record",
    "record_key",
    "recovery_code",
    "session",
    "set_aside",
    "share",
    "source",
    "source_day",
    "source_measure",
    "stream",
    "tombstone",
    "totp",
    "track",
    "upload",
    "upstream",
    "webhook",
    "webhook_delivery",
    "zone",
]
