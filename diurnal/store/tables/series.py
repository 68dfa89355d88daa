"""Chunks of series."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary

from diurnal.store.tables.columns import Text, id_, index, table, us

chunk = table(
    "chunk",
    Column("measure", Text, nullable=False),
    Column("source", Text, nullable=False),
    us("span_start_us"),
    Column("batch_id", BigInteger, nullable=False),
    Column("n", Integer, nullable=False),
    us("first_us"),
    us("last_us"),
    id_("access_id"),
    Column("rev", BigInteger, nullable=False),
    Column("agg", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    key=("measure", "source", "span_start_us", "batch_id"),
)

index("chunk_batch", chunk.c.account_id, chunk.c.batch_id)

index("chunk_measure_span", chunk.c.account_id, chunk.c.measure, chunk.c.span_start_us)
