"""Rows of `consent`: receipts of what was granted."""

from __future__ import annotations

import msgspec
from sqlalchemy import bindparam, insert, null, select, update

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import consent


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt; `receipt` and `withdrawal` are signed, compact.

    Attributes:
        access_id: None until what was granted is taken.
    """

    id: str
    access_id: str | None
    client_id: str | None
    name: str
    receipt: str
    withdrawal: str | None
    given: int
    ended: int | None


_INSERT = ordered(tuple(c.name for c in consent.columns), insert(consent))
_BASE = select(consent).where(consent.c.account_id == bindparam("account"))
_ALL = Sql(_BASE.order_by(consent.c.given_us.desc(), consent.c.id))
_BY_ID = Sql(_BASE.where(consent.c.id == bindparam("id")))
_STANDING = Sql(
    _BASE.where(consent.c.access_id == bindparam("access"), consent.c.ended_us == null())
)
_TAKEN = Sql(
    update(consent)
    .where(consent.c.account_id == bindparam("account"), consent.c.id == bindparam("consent"))
    .values(access_id=bindparam("access"))
)
_END = Sql(
    update(consent)
    .where(consent.c.account_id == bindparam("account"), consent.c.id == bindparam("consent"))
    .values(withdrawal=bindparam("withdrawal_new"), ended_us=bindparam("now"))
)


def _consent(row: Row) -> Consent:
    return Consent(
        id=row[1],
        access_id=row[2],
        client_id=row[3],
        name=row[4],
        receipt=row[5],
        withdrawal=row[6],
        given=row[7],
        ended=row[8],
    )


def insert_one(tx: WriteTx, account_id: int, new: Consent) -> None:
    """Insert a receipt."""
    tx.many(_INSERT, [(account_id, *msgspec.structs.astuple(new))])


def all_of(tx: Tx, account_id: int) -> list[Consent]:
    """Return the account's receipts, newest first."""
    return [_consent(row) for row in tx.execute(_ALL, {"account": account_id})]


def by_id(tx: Tx, account_id: int, id_: str) -> Consent | None:
    """Return one receipt."""
    row = tx.one(_BY_ID, {"account": account_id, "id": id_})
    return _consent(row) if row else None


def standing(tx: Tx, account_id: int, access_id: str) -> list[Consent]:
    """Return the receipts of an access that nobody has withdrawn."""
    values = {"account": account_id, "access": access_id}
    return [_consent(row) for row in tx.execute(_STANDING, values)]


def taken(tx: WriteTx, account_id: int, id_: str, access_id: str) -> None:
    """Note the access that came of a consent."""
    tx.execute(_TAKEN, {"account": account_id, "consent": id_, "access": access_id})


def end(tx: WriteTx, account_id: int, id_: str, withdrawal: str, now: int) -> None:
    """Note that a consent was withdrawn."""
    values = {"account": account_id, "consent": id_, "withdrawal_new": withdrawal, "now": now}
    tx.execute(_END, values)
