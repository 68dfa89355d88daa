"""Sources, day rows, and day values computed from all."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Integer

from diurnal.store.tables.columns import Text, id_, index, table, us

source = table(
    "source",
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    us("created_us"),
    key=("name",),
)

source_day = table(
    "source_day",
    Column("measure", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("day", Integer, nullable=False),
    key=("measure", "source", "day"),
    clustered=True,
)

source_measure = table(
    "source_measure",
    Column("measure", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("days", Integer, nullable=False),
    Column("first_day", Integer, nullable=False),
    key=("measure", "source"),
    clustered=True,
)

day_row = table(
    "day_row",
    Column("measure", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("batch_id", BigInteger, nullable=False),
    id_("written_by"),
    Column("value", Float),
    Column("words", Text),
    Column("raw", Text),
    id_("access_id"),
    us("created_us"),
    us("modified_us"),
    Column("rev", BigInteger, nullable=False),
    key=("measure", "day", "source", "batch_id"),
)

index("day_row_batch", day_row.c.account_id, day_row.c.batch_id)

day_value = table(
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

day_dirty = table(
    "day_dirty",
    Column("measure", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("rev", BigInteger, nullable=False),
    key=("measure", "day"),
    clustered=True,
)

day_number = table(
    "day_number",
    Column("measure", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    key=("measure", "day"),
    clustered=True,
)

index("day_number_seq", day_number.c.account_id, day_number.c.seq)
