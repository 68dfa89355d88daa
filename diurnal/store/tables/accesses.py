"""Accesses, the audit log, and answers kept for repeated requests."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, SmallInteger, text

from diurnal.store.tables.columns import Text, id_, index, table, us

access = table(
    "access",
    id_(),
    Column("token_hash", LargeBinary, nullable=False),
    Column("token_sealed", LargeBinary),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("device", Text),
    Column("api", Text, nullable=False),
    Column("client_id", Text),
    Column("scopes", Text),
    Column("permissions", Text, nullable=False),
    Column("fences", Text),
    Column("features", Text),
    Column("resource", Text),
    Column("serial", Integer, nullable=False, server_default=text("0")),
    Column("client_data", Text),
    us("expires_us", null=True),
    us("created_us"),
    id_("created_by"),
    us("modified_us"),
    id_("modified_by"),
    us("deleted_us", null=True),
    us("used_us", null=True),
    Column("calls", BigInteger, nullable=False),
    key=("id",),
)

index("access_token", access.c.account_id, access.c.token_hash, unique=True)

access_version = table(
    "access_version",
    id_("access_id"),
    Column("serial", Integer, nullable=False),
    Column("body", Text, nullable=False),
    key=("access_id", "serial"),
)

access_use = table(
    "access_use",
    id_("access_id"),
    Column("day", Integer, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    key=("access_id", "day"),
    clustered=True,
)

# A row holds what was noted together: a line for each doing. Fifty writes that share a commit
# cost one row, and a second's reads another.
audit = table(
    "audit",
    Column("seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    us("first_us"),
    us("last_us"),
    Column("lines", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    key=("seq",),
)

index("audit_time", audit.c.account_id, audit.c.last_us)

# Where the chain begins since older lines were let go; one row each time.
audit_checkpoint = table(
    "audit_checkpoint",
    Column("last_seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    us("made_us"),
    Column("proof", Text, nullable=False),
    key=("last_seq",),
)

idempotency = table(
    "idempotency",
    id_("access_id"),
    Column("key", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("body", Text, nullable=False),
    us("created_us"),
    key=("access_id", "key"),
)

index("idempotency_age", idempotency.c.account_id, idempotency.c.created_us)
