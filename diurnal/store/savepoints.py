"""Parts of a transaction that are undone alone: the calls of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import text

from diurnal.errors import AppError
from diurnal.store.database import WriteTx
from diurnal.store.sql import Sql

T = TypeVar("T")

_OPEN = Sql(text("SAVEPOINT part"))
_UNDO = Sql(text("ROLLBACK TO SAVEPOINT part"))
_CLOSE = Sql(text("RELEASE SAVEPOINT part"))


def attempt(tx: WriteTx, fn: Callable[[WriteTx], T]) -> T | AppError:
    """Run part of a write; where it is refused, return the refusal, with nothing of it left.

    The account's clock must be locked before: PostgreSQL lets go of what a part has locked.
    Anything but a refusal ends the whole.
    """
    changed, told = dict(tx.changed), None if tx.told is None else list(tx.told)
    tx.execute(_OPEN, {})
    try:
        result = fn(tx)
    except AppError as error:
        tx.execute(_UNDO, {})
        tx.execute(_CLOSE, {})
        tx.changed.clear()
        tx.changed.update(changed)
        tx.told = told
        return error
    tx.execute(_CLOSE, {})
    return result
