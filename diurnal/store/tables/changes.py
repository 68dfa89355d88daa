"""The change log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column

from diurnal.store.tables.columns import Text, id_, table, us

change = table(
    "change",
    Column("rev", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("op", Text, nullable=False),
    id_(),
    id_("access_id"),
    us("time_us"),
    key=("rev",),
    clustered=True,
)
