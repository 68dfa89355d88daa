"""Trials that the account's owner makes with themselves."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer

from diurnal.store.tables.columns import Text, id_, table, us

experiment = table(
    "experiment",
    id_(),
    Column("name", Text, nullable=False),
    Column("arm_a", Text, nullable=False),
    Column("arm_b", Text, nullable=False),
    Column("measures", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("first_day", Integer, nullable=False),
    Column("pairs", Integer, nullable=False),
    Column("block_days", Integer, nullable=False),
    Column("washout_days", Integer, nullable=False),
    Column("blocks", Text),
    Column("verdicts", Text),
    us("looked_us", null=True),
    us("cancelled_us", null=True),
    us("created_us"),
    us("modified_us"),
    key=("id",),
)
