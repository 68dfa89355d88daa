"""Who fills which measure, and how its owner has it shown."""

from __future__ import annotations

from sqlalchemy import Column, Integer, SmallInteger

from diurnal.store.tables.columns import Text, id_, table, us

attribute = table(
    "attribute",
    Column("measure", Text, nullable=False),
    id_("client_id", null=True),
    Column("active", SmallInteger, nullable=False),
    Column("private", SmallInteger, nullable=False),
    Column("manual", SmallInteger, nullable=False),
    Column("value_type", Integer),
    Column("grp", Text),
    us("modified_us"),
    key=("measure",),
)

attribute_offer = table(
    "attribute_offer",
    Column("measure", Text, nullable=False),
    id_("client_id"),
    us("since_us"),
    key=("measure", "client_id"),
    clustered=True,
)
