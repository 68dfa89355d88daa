"""Accesses, the audit log, and answers kept for repeated requests."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, SmallInteger

from diurnal.store.tables.columns import Text, flag, id_, index, table, us

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

audit = table(
    "audit",
    Column("seq", BigInteger, nullable=False),
    us("time_us"),
    Column("access_id", Text),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    flag("allowed"),
    Column("n", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    key=("seq",),
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
