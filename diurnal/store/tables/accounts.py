"""Accounts, what leads to them, their clock and their zones."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Table

from diurnal.store.tables.columns import Text, account_id, flag, id_, metadata, table, us

directory = Table(
    "directory",
    metadata,
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    account_id(),
    us("created_us"),
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

account = table(
    "account",
    id_("username"),
    Column("email", Text),
    Column("password_hash", Text),
    Column("timezone", Text),
    Column("settings", Text, nullable=False),
    Column("profile", Text, nullable=False),
    flag("admin"),
    us("email_verified_us", null=True),
    us("disabled_us", null=True),
    Column("attachment_quota", BigInteger),
    us("created_us"),
    key=(),
)

account_clock = table(
    "account_clock",
    Column("rev", BigInteger, nullable=False),
    us("last_us"),
    Column("meta_rev", BigInteger, nullable=False),
    key=(),
)

zone = table(
    "zone",
    us("start_us"),
    Column("batch_id", BigInteger, nullable=False),
    Column("zone", Text, nullable=False),
    key=("start_us", "batch_id"),
    clustered=True,
)
