"""Rows of `invitation`."""

from __future__ import annotations

import msgspec
from sqlalchemy import bindparam, delete, insert, null, select, update

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import invitation


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """One row; `used` is when somebody signed up by it, who is not kept."""

    id: str
    note: str
    created: int
    expires: int
    used: int | None = None


_FIELDS = (
    invitation.c.id,
    invitation.c.note,
    invitation.c.created_us,
    invitation.c.expires_us,
    invitation.c.used_us,
)
_MINE = invitation.c.account_id == bindparam("account")
_TOKEN = invitation.c.token_hash == bindparam("hash")
_ALL = Sql(select(*_FIELDS).where(_MINE).order_by(invitation.c.created_us, invitation.c.id))
_ADD = ordered(
    ("account_id", "id", "token_hash", "note", "created_us", "expires_us", "used_us"),
    insert(invitation),
)
_BY_TOKEN = Sql(select(*_FIELDS).where(_MINE, _TOKEN))
_SPEND = Sql(
    update(invitation)
    .where(
        _MINE,
        _TOKEN,
        invitation.c.used_us == null(),
        invitation.c.expires_us > bindparam("moment"),
    )
    .values(used_us=bindparam("now"))
    .returning(invitation.c.id)
)
_GIVE_BACK = Sql(update(invitation).where(_MINE, _TOKEN).values(used_us=null()))
_REMOVE = Sql(
    delete(invitation).where(_MINE, invitation.c.id == bindparam("id")).returning(invitation.c.id)
)


def _invitation(row: Row) -> Invitation:
    return Invitation(id=row[0], note=row[1], created=row[2], expires=row[3], used=row[4])


def all_of(tx: Tx, account_id: int) -> list[Invitation]:
    """Return what the account has sent out, oldest first."""
    return [_invitation(row) for row in tx.execute(_ALL, {"account": account_id})]


def add(tx: WriteTx, account_id: int, token_hash: bytes, new: Invitation) -> None:
    """Insert an invitation."""
    tx.many(
        _ADD,
        [(account_id, new.id, token_hash, new.note, new.created, new.expires, new.used)],
    )


def by_token(tx: Tx, account_id: int, token_hash: bytes) -> Invitation | None:
    """Return the invitation that a token opens, used and old ones too."""
    row = tx.one(_BY_TOKEN, {"account": account_id, "hash": token_hash})
    return _invitation(row) if row else None


def spend(tx: WriteTx, account_id: int, token_hash: bytes, now: int) -> bool:
    """Use an invitation up; False where it is used, old or not there."""
    values = {"account": account_id, "hash": token_hash, "moment": now, "now": now}
    return bool(tx.execute(_SPEND, values))


def give_back(tx: WriteTx, account_id: int, token_hash: bytes) -> None:
    """Make an invitation good again: nobody came of it."""
    tx.execute(_GIVE_BACK, {"account": account_id, "hash": token_hash})


def remove(tx: WriteTx, account_id: int, id_: str) -> bool:
    """Delete an invitation; False where there is none."""
    return bool(tx.execute(_REMOVE, {"account": account_id, "id": id_}))
