"""Streams, and the measures that an account made."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column

from diurnal.store.tables.columns import Text, flag, id_, table, us

stream = table(
    "stream",
    id_(),
    Column("parent_id", Text),
    Column("name", Text, nullable=False),
    Column("measure", Text),
    Column("client_data", Text),
    flag("trashed"),
    us("created_us"),
    id_("created_by"),
    us("modified_us"),
    id_("modified_by"),
    key=("id",),
)

own_measure = table(
    "own_measure",
    Column("key", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("grp", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("value_kind", Text, nullable=False),
    Column("daily", Text, nullable=False),
    id_("stream_id"),
    Column("batch_id", BigInteger),
    us("created_us"),
    key=("key",),
)
