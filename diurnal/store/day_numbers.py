"""Rows of `day_number`: the integers by which APIs that number everything know a day's value."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, insert, select

from diurnal.store.database import Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import day_number

_OF = Sql(
    select(day_number.c.day, day_number.c.seq).where(
        day_number.c.account_id == bindparam("account"),
        day_number.c.measure == bindparam("measure"),
    )
)
_BY_SEQ = Sql(
    select(day_number.c.measure, day_number.c.day).where(
        day_number.c.account_id == bindparam("account"), day_number.c.seq == bindparam("seq")
    )
)
_ADD = ordered(("account_id", "measure", "day", "seq"), insert(day_number))


def of(tx: Tx, account_id: int, measure: str) -> dict[int, int]:
    """Return the number of each numbered day of a measure."""
    return dict(tx.execute(_OF, {"account": account_id, "measure": measure}))


def day_of(tx: Tx, account_id: int, seq: int) -> tuple[str, int] | None:
    """Return (measure, day) of a number, None where no day has it."""
    row = tx.one(_BY_SEQ, {"account": account_id, "seq": seq})
    return (row[0], row[1]) if row else None


def add(tx: WriteTx, account_id: int, measure: str, days: Sequence[int], first: int) -> None:
    """Give days their numbers, from `first` on."""
    tx.many(_ADD, [(account_id, measure, day, first + n) for n, day in enumerate(days)])
