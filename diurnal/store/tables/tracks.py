"""Points of series that hang on one event."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary

from diurnal.store.tables.columns import id_, table

track = table(
    "track",
    id_("event_id"),
    Column("span_ns", BigInteger, nullable=False),
    Column("n", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    key=("event_id", "span_ns"),
)
