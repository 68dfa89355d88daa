"""Addresses that are told of changes, and what they are told."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary

from diurnal.store.tables.columns import Text, flag, id_, table, us

webhook = table(
    "webhook",
    id_(),
    id_("access_id"),
    Column("api", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("problem", Text),
    Column("sealed", LargeBinary, nullable=False),
    Column("told_rev", BigInteger, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("run_count", BigInteger, nullable=False),
    Column("fail_count", BigInteger, nullable=False),
    Column("runs", Text, nullable=False),
    flag("waits"),
    us("next_us"),
    Column("claim", Text),
    us("created_us"),
    id_("created_by"),
    us("modified_us"),
    id_("modified_by"),
    key=("id",),
)

webhook_delivery = table(
    "webhook_delivery",
    id_("webhook_id"),
    Column("n", BigInteger, nullable=False),
    id_(),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    us("created_us"),
    us("tried_us", null=True),
    key=("webhook_id", "n"),
    clustered=True,
)
