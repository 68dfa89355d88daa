"""How much there is of an account, by what takes room."""

from __future__ import annotations

import msgspec
from sqlalchemy import bindparam, func, select

from diurnal.store import files
from diurnal.store.database import Tx
from diurnal.store.sql import Sql
from diurnal.store.tables import answer, chunk, day_row, event

_EVENTS = Sql(
    select(func.count()).select_from(event).where(event.c.account_id == bindparam("account"))
)
_DAYS = Sql(
    select(func.count()).select_from(day_row).where(day_row.c.account_id == bindparam("account"))
)
_SERIES = Sql(
    select(func.coalesce(func.sum(func.length(chunk.c.data) + func.length(chunk.c.agg)), 0)).where(
        chunk.c.account_id == bindparam("account")
    )
)
_ANSWERS = Sql(
    select(func.coalesce(func.sum(func.length(answer.c.body)), 0)).where(
        answer.c.account_id == bindparam("account")
    )
)


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Rows and bytes of one account.

    Attributes:
        series_bytes: the compressed points of its series.
        answers_bytes: what sources answered, kept to be read again.
        attachment_bytes: the same content counts once.
    """

    events: int
    days: int
    series_bytes: int
    answers_bytes: int
    attachment_bytes: int


def of(tx: Tx, account_id: int) -> Sizes:
    """Return the sizes of an account."""

    def number(sql: Sql) -> int:
        row = tx.one(sql, {"account": account_id})
        return int(row[0]) if row else 0

    return Sizes(
        events=number(_EVENTS),
        days=number(_DAYS),
        series_bytes=number(_SERIES),
        answers_bytes=number(_ANSWERS),
        attachment_bytes=files.total(tx, account_id),
    )
