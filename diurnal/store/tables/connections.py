"""Connections to sources: credentials, what has been fetched, what came and waits to be read."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, PrimaryKeyConstraint, Table

from diurnal.store.tables.columns import Text, flag, id_, index, metadata, table, us

connection = table(
    "connection",
    id_(),
    Column("connector", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("secret", LargeBinary),
    Column("token", LargeBinary),
    Column("token_n", Integer, nullable=False),
    us("token_expires_us", null=True),
    us("refresh_until_us", null=True),
    Column("pending", LargeBinary),
    Column("push_hash", LargeBinary),
    Column("problem", Text),
    Column("failures", Integer, nullable=False),
    us("created_us"),
    us("synced_us", null=True),
    us("next_us", null=True),
    id_("access_id"),
    key=("id",),
)

fetched = table(
    "fetched",
    id_("connection_id"),
    Column("pull", Text, nullable=False),
    us("start_us"),
    us("end_us"),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("tries", Integer, nullable=False),
    us("at_us"),
    key=("connection_id", "pull", "start_us"),
    clustered=True,
)

pull_state = table(
    "pull_state",
    id_("connection_id"),
    Column("pull", Text, nullable=False),
    Column("cursor", Text),
    us("at_us"),
    key=("connection_id", "pull"),
    clustered=True,
)

pulled = table(
    "pulled",
    id_("connection_id"),
    Column("pull", Text, nullable=False),
    us("start_us"),
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    key=("connection_id", "pull", "start_us", "source", "source_id"),
    clustered=True,
)

answer = table(
    "answer",
    id_("connection_id"),
    Column("run", Text, nullable=False),
    Column("n", Integer, nullable=False),
    Column("pull", Text, nullable=False),
    us("start_us"),
    us("end_us"),
    Column("cursor", Text),
    Column("request", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    us("at_us"),
    key=("connection_id", "run", "n"),
)

delivery = table(
    "delivery",
    id_("connection_id"),
    id_(),
    Column("method", Text, nullable=False),
    Column("headers", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    flag("read"),
    Column("problem", Text),
    us("at_us"),
    key=("connection_id", "id"),
)
index("delivery_waiting", delivery.c.account_id, delivery.c.connection_id, where="read = 0")

upstream = Table(
    "upstream",
    metadata,
    Column("name", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("open_until_us", BigInteger, nullable=False),
    Column("used", Text, nullable=False),
    Column("app", LargeBinary),
    PrimaryKeyConstraint("name"),
)
"""Sources as this server meets them, whosever connection it is: quotas, whether they answer,
and the application that the household uses there."""
