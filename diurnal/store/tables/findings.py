"""Findings."""

from __future__ import annotations

from sqlalchemy import Column, Integer

from diurnal.store.tables.columns import Text, id_, index, table, us

finding = table(
    "finding",
    id_(),
    Column("kind", Text, nullable=False),
    Column("measure", Text, nullable=False),
    Column("measure2", Text),
    Column("day", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),
    us("created_us"),
    key=("id",),
)

index("finding_kind", finding.c.account_id, finding.c.kind, finding.c.measure, finding.c.day)
