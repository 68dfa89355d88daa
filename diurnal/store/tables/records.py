"""Records: JSON objects in collections."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column

from diurnal.store.tables.columns import Text, id_, index, table, us

record = table(
    "record",
    Column("collection", Text, nullable=False),
    id_(),
    Column("seq", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    us("created_us"),
    us("modified_us"),
    key=("collection", "id"),
)

index("record_seq", record.c.account_id, record.c.collection, record.c.seq)

record_key = table(
    "record_key",
    Column("collection", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    id_("record_id"),
    key=("collection", "name", "value", "record_id"),
    clustered=True,
)

index("record_key_record", record_key.c.account_id, record_key.c.collection, record_key.c.record_id)
