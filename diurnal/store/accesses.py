"""Rows of `access`."""

from __future__ import annotations

import msgspec
from sqlalchemy import bindparam, insert, null, select, update

from diurnal.model.access import Access, Kind, Permission
from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import access, account


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """An access with what the check does not need.

    Attributes:
        sealed: the encrypted token, where a contract must show it again.
        used: microseconds of the last use, at most a minute old.
    """

    access: Access
    token_hash: bytes
    sealed: bytes | None
    device: str | None
    client_data: dict[str, object] | None
    created: int
    created_by: str
    modified: int
    modified_by: str
    deleted: int | None
    used: int | None
    calls: int


_COLUMNS = tuple(c.name for c in access.columns)
_FIELDS = (
    access.c.id,
    access.c.account_id,
    account.c.username,
    access.c.kind,
    access.c.name,
    access.c.permissions,
    access.c.api,
    access.c.client_id,
    access.c.expires_us,
    access.c.token_hash,
    access.c.token_sealed,
    access.c.device,
    access.c.client_data,
    access.c.created_us,
    access.c.created_by,
    access.c.modified_us,
    access.c.modified_by,
    access.c.deleted_us,
    access.c.used_us,
    access.c.calls,
    access.c.scopes,
)
_BASE = select(*_FIELDS).join_from(access, account, access.c.account_id == account.c.account_id)
_BY_TOKEN = Sql(
    _BASE.where(
        access.c.account_id == bindparam("account"),
        access.c.token_hash == bindparam("hash"),
        # Nothing opens an account that an admin has closed.
        account.c.disabled_us == null(),
    )
)
_BY_ID = Sql(
    _BASE.where(access.c.account_id == bindparam("account"), access.c.id == bindparam("id"))
)
_ALL = Sql(
    _BASE.where(access.c.account_id == bindparam("account")).order_by(
        access.c.created_us, access.c.id
    )
)
_INSERT = ordered(_COLUMNS, insert(access))
_DELETE = Sql(
    update(access)
    .where(access.c.account_id == bindparam("account"), access.c.id == bindparam("access"))
    .values(deleted_us=bindparam("now"), token_sealed=null())
)
_USED = ordered(
    ("now", "n", "account", "access"),
    update(access)
    .where(access.c.account_id == bindparam("account"), access.c.id == bindparam("access"))
    .values(calls=access.c.calls + bindparam("n"), used_us=bindparam("now")),
)


def _stored(row: Row) -> Stored:
    return Stored(
        access=Access(
            id=row[0],
            account_id=row[1],
            username=row[2],
            kind=Kind(row[3]),
            name=row[4],
            permissions=tuple(msgspec.json.decode(row[5], type=list[Permission])),
            api=row[6],
            client_id=row[7],
            expires=row[8],
            scopes=tuple(msgspec.json.decode(row[20])) if row[20] else (),
        ),
        token_hash=row[9],
        sealed=row[10],
        device=row[11],
        client_data=msgspec.json.decode(row[12]) if row[12] else None,
        created=row[13],
        created_by=row[14],
        modified=row[15],
        modified_by=row[16],
        deleted=row[17],
        used=row[18],
        calls=row[19],
    )


def insert_one(tx: WriteTx, new: Stored) -> None:
    """Insert an access."""
    a = new.access
    tx.many(
        _INSERT,
        [
            (
                a.account_id,
                a.id,
                new.token_hash,
                new.sealed,
                a.kind.value,
                a.name,
                new.device,
                a.api,
                a.client_id,
                msgspec.json.encode(a.scopes).decode() if a.scopes else None,
                msgspec.json.encode(a.permissions).decode(),
                msgspec.json.encode(new.client_data).decode() if new.client_data else None,
                a.expires,
                new.created,
                new.created_by,
                new.modified,
                new.modified_by,
                new.deleted,
                new.used,
                new.calls,
            )
        ],
    )


def by_token(tx: Tx, account_id: int, token_hash: bytes) -> Stored | None:
    """Return the access that a token of this account opens; deleted and expired ones too."""
    row = tx.one(_BY_TOKEN, {"account": account_id, "hash": token_hash})
    return _stored(row) if row else None


def by_id(tx: Tx, account_id: int, id_: str) -> Stored | None:
    """Return one access."""
    row = tx.one(_BY_ID, {"account": account_id, "id": id_})
    return _stored(row) if row else None


def all_of(tx: Tx, account_id: int) -> list[Stored]:
    """Return every access of the account, deleted ones too, oldest first."""
    return [_stored(row) for row in tx.execute(_ALL, {"account": account_id})]


def mark_deleted(tx: WriteTx, account_id: int, id_: str, now: int) -> None:
    """Mark an access deleted; its token opens nothing from this commit on."""
    tx.execute(_DELETE, {"account": account_id, "access": id_, "now": now})


def add_use(tx: WriteTx, rows: list[tuple[int, int, int, str]]) -> None:
    """Add (instant of the last call, calls, account, access) to the usage counts."""
    tx.many(_USED, rows)
