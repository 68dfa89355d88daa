"""Rows of `totp` and `recovery_code`: the second factor, and what replaces it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import bindparam, delete, func, insert, null, select, update

from diurnal.store.database import Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import recovery_code, totp


class Totp(msgspec.Struct, frozen=True, kw_only=True):
    """One row.

    Attributes:
        sealed: the secret, encrypted.
        last_step: the newest step of 30 s whose code was used; no code counts twice.
        confirmed: since when it is asked for; None while it is being set up.
    """

    sealed: bytes
    last_step: int
    created: int
    confirmed: int | None


_MINE = totp.c.account_id == bindparam("account")
_GET = Sql(
    select(totp.c.sealed, totp.c.last_step, totp.c.created_us, totp.c.confirmed_us).where(_MINE)
)
_REMOVE = Sql(delete(totp).where(_MINE))
_ADD = ordered(("account_id", "sealed", "last_step", "created_us", "confirmed_us"), insert(totp))
_CONFIRM = Sql(update(totp).where(_MINE).values(confirmed_us=bindparam("now")))
_STEP = Sql(update(totp).where(_MINE).values(last_step=bindparam("step_new")))
_CODES = recovery_code.c.account_id == bindparam("account")
_DROP_CODES = Sql(delete(recovery_code).where(_CODES))
_ADD_CODE = ordered(
    ("account_id", "hash", "created_us"),
    insert(recovery_code).values(
        account_id=bindparam("account_id"),
        hash=bindparam("hash"),
        created_us=bindparam("created_us"),
    ),
)
_SPEND = Sql(
    update(recovery_code)
    .where(
        _CODES,
        recovery_code.c.hash == bindparam("code_hash"),
        recovery_code.c.used_us == null(),
    )
    .values(used_us=bindparam("now"))
    .returning(recovery_code.c.created_us)
)
_LEFT = Sql(
    select(func.count()).select_from(recovery_code).where(_CODES, recovery_code.c.used_us == null())
)


def get(tx: Tx, account_id: int) -> Totp | None:
    """Return the account's second factor."""
    row = tx.one(_GET, {"account": account_id})
    if row is None:
        return None
    return Totp(sealed=bytes(row[0]), last_step=row[1], created=row[2], confirmed=row[3])


def put(tx: WriteTx, account_id: int, sealed: bytes, now: int) -> None:
    """Begin to set one up, in place of what there is."""
    tx.execute(_REMOVE, {"account": account_id})
    tx.many(_ADD, [(account_id, sealed, 0, now, None)])


def confirm(tx: WriteTx, account_id: int, now: int) -> None:
    """Ask for it from now on."""
    tx.execute(_CONFIRM, {"account": account_id, "now": now})


def step(tx: WriteTx, account_id: int, newest: int) -> None:
    """Note the step of a code that was used."""
    tx.execute(_STEP, {"account": account_id, "step_new": newest})


def remove(tx: WriteTx, account_id: int) -> None:
    """Delete the second factor and its recovery codes."""
    tx.execute(_REMOVE, {"account": account_id})
    tx.execute(_DROP_CODES, {"account": account_id})


def set_codes(tx: WriteTx, account_id: int, hashes: Iterable[bytes], now: int) -> None:
    """Replace the recovery codes."""
    tx.execute(_DROP_CODES, {"account": account_id})
    tx.many(_ADD_CODE, [(account_id, h, now) for h in hashes])


def spend_code(tx: WriteTx, account_id: int, code_hash: bytes, now: int) -> bool:
    """Use a recovery code up; False where there is none such, or no more."""
    return bool(tx.execute(_SPEND, {"account": account_id, "code_hash": code_hash, "now": now}))


def codes_left(tx: Tx, account_id: int) -> int:
    """Return how many recovery codes are unused."""
    row = tx.one(_LEFT, {"account": account_id})
    return int(row[0]) if row else 0
