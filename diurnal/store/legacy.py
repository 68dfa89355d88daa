"""Rows of `legacy_use`: how often ways of former times are still gone."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, literal_column, select
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.store.database import Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import legacy_use

_ALL = Sql(
    select(legacy_use.c.way, legacy_use.c.n, legacy_use.c.used_us).where(
        legacy_use.c.account_id == bindparam("account")
    )
)
_ADD = ordered(
    ("account_id", "way", "n", "used_us"),
    upsert(legacy_use).on_conflict_do_update(
        index_elements=["account_id", "way"],
        set_={
            "n": legacy_use.c.n + literal_column("excluded.n"),
            "used_us": literal_column("excluded.used_us"),
        },
    ),
)


def all_of(tx: Tx, account_id: int) -> dict[str, tuple[int, int]]:
    """Return way -> (number of uses, microseconds of the last)."""
    return {row[0]: (row[1], row[2]) for row in tx.execute(_ALL, {"account": account_id})}


def add(tx: WriteTx, rows: Iterable[tuple[int, str, int, int]]) -> None:
    """Add (account, way, number of uses, microseconds)."""
    tx.many(_ADD, rows)
