"""Rows of `passkey`."""

from __future__ import annotations

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import passkey


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """One row.

    Attributes:
        credential: the authenticator's id of it, base64url.
        public_key: COSE.
        sign_count: what the authenticator counted last; 0 where it does not count.
        backed_up: whether it travels between the owner's devices.
    """

    id: str
    credential: str
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]
    backed_up: bool
    name: str
    created: int
    used: int | None = None


_FIELDS = (
    passkey.c.id,
    passkey.c.credential,
    passkey.c.public_key,
    passkey.c.sign_count,
    passkey.c.transports,
    passkey.c.backed_up,
    passkey.c.name,
    passkey.c.created_us,
    passkey.c.used_us,
)
_ALL = Sql(
    select(*_FIELDS)
    .where(passkey.c.account_id == bindparam("account"))
    .order_by(passkey.c.created_us, passkey.c.id)
)
_ADD = ordered(tuple(c.name for c in passkey.columns), insert(passkey))
_ONE = (passkey.c.account_id == bindparam("account"), passkey.c.id == bindparam("passkey"))
_RENAME = Sql(update(passkey).where(*_ONE).values(name=bindparam("name_new")))
_USED = Sql(
    update(passkey).where(*_ONE).values(sign_count=bindparam("count_new"), used_us=bindparam("now"))
)
_REMOVE = Sql(delete(passkey).where(*_ONE))


def _passkey(row: Row) -> Passkey:
    return Passkey(
        id=row[0],
        credential=row[1],
        public_key=bytes(row[2]),
        sign_count=row[3],
        transports=tuple(msgspec.json.decode(row[4], type=list[str])),
        backed_up=bool(row[5]),
        name=row[6],
        created=row[7],
        used=row[8],
    )


def all_of(tx: Tx, account_id: int) -> list[Passkey]:
    """Return the account's passkeys, oldest first."""
    return [_passkey(row) for row in tx.execute(_ALL, {"account": account_id})]


def add(tx: WriteTx, account_id: int, new: Passkey) -> None:
    """Insert a passkey."""
    row = (
        account_id,
        new.id,
        new.credential,
        new.public_key,
        new.sign_count,
        msgspec.json.encode(new.transports).decode(),
        int(new.backed_up),
        new.name,
        new.created,
        new.used,
    )
    tx.many(_ADD, [row])


def rename(tx: WriteTx, account_id: int, id_: str, name: str) -> None:
    """Give a passkey another name."""
    tx.execute(_RENAME, {"account": account_id, "passkey": id_, "name_new": name})


def used(tx: WriteTx, account_id: int, id_: str, sign_count: int, now: int) -> None:
    """Note a use."""
    values = {"account": account_id, "passkey": id_, "count_new": sign_count, "now": now}
    tx.execute(_USED, values)


def remove(tx: WriteTx, account_id: int, id_: str) -> None:
    """Delete a passkey."""
    tx.execute(_REMOVE, {"account": account_id, "passkey": id_})
