"""Rows of `attempt`: failures by hashed key and minute, of all processes together."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, delete, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.store.database import Tx, WriteTx
from diurnal.store.sql import Sql, in_list, ordered
from diurnal.store.tables import attempt

_ADD = ordered(
    ("key", "slot", "n"),
    upsert(attempt).on_conflict_do_update(
        index_elements=["key", "slot"], set_={"n": attempt.c.n + literal_column("excluded.n")}
    ),
)
_COUNT = Sql(
    select(attempt.c.key, func.sum(attempt.c.n), func.min(attempt.c.slot))
    .where(in_list(attempt.c.key, "keys"), attempt.c.slot > bindparam("after"))
    .group_by(attempt.c.key)
)
_FORGET = Sql(delete(attempt).where(attempt.c.slot <= bindparam("upto")))
_DROP = Sql(delete(attempt).where(in_list(attempt.c.key, "keys")))


def add(tx: WriteTx, keys: Iterable[str], slot: int) -> None:
    """Count a failure of each key."""
    # In order: two who fail at once must not wait for each other.
    tx.many(_ADD, [(key, slot, 1) for key in sorted(keys)])


def count(tx: Tx, keys: Iterable[str], after: int) -> dict[str, tuple[int, int]]:
    """Return key -> (failures, first slot) after a slot."""
    rows = tx.execute(_COUNT, {"keys": list(keys), "after": after})
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def forget(tx: WriteTx, upto: int) -> None:
    """Delete what is too old to count."""
    tx.execute(_FORGET, {"upto": upto})


def drop(tx: WriteTx, keys: Iterable[str]) -> None:
    """Delete what is counted of the keys."""
    tx.execute(_DROP, {"keys": list(keys)})
