"""Addresses that are told of changes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary

from diurnal.store.tables.columns import Text, id_, table, us

webhook = table(
    "webhook",
    id_(),
    id_("access_id"),
    Column("url", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("told_rev", BigInteger, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("run_count", BigInteger, nullable=False),
    Column("fail_count", BigInteger, nullable=False),
    Column("runs", Text, nullable=False),
    us("created_us"),
    id_("created_by"),
    us("modified_us"),
    id_("modified_by"),
    key=("id",),
)
