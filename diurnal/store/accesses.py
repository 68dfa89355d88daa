"""Rows of `access`."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import bindparam, insert, literal_column, null, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.model.access import Access, Kind, Permission
from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import access, access_use, access_version, account


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """An access with what the check does not need.

    Attributes:
        sealed: the encrypted token, where a contract must show it again.
        used: microseconds of the last use, at most a minute old.
        serial: how often it was changed.
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
    serial: int = 0


class Version(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an access was before it was changed."""

    serial: int
    name: str
    permissions: tuple[Permission, ...]
    device: str | None
    client_data: dict[str, object] | None
    expires: int | None
    modified: int
    modified_by: str


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
    access.c.fences,
    access.c.features,
    access.c.serial,
    access.c.resource,
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
_CHANGE = ordered(
    (
        "given_name",
        "given_device",
        "given_permissions",
        "given_fences",
        "given_features",
        "given_serial",
        "given_data",
        "given_expires",
        "now",
        "by",
        "account",
        "access",
    ),
    update(access)
    .where(access.c.account_id == bindparam("account"), access.c.id == bindparam("access"))
    .values(
        {
            access.c.name: bindparam("given_name"),
            access.c.permissions: bindparam("given_permissions"),
            access.c.fences: bindparam("given_fences"),
            access.c.features: bindparam("given_features"),
            access.c.serial: bindparam("given_serial"),
            access.c.device: bindparam("given_device"),
            access.c.client_data: bindparam("given_data"),
            access.c.expires_us: bindparam("given_expires"),
            access.c.modified_us: bindparam("now"),
            access.c.modified_by: bindparam("by"),
        }
    ),
)
_PROLONG = Sql(
    update(access)
    .where(access.c.account_id == bindparam("account"), access.c.id == bindparam("access"))
    .values(expires_us=bindparam("until"))
)
_KEEP = ordered(("account_id", "access_id", "serial", "body"), insert(access_version))
_VERSIONS = Sql(
    select(access_version.c.body)
    .where(
        access_version.c.account_id == bindparam("account"),
        access_version.c.access_id == bindparam("access"),
    )
    .order_by(access_version.c.serial)
)
_ADD_USE = ordered(
    ("account_id", "access_id", "day", "calls", "refused"),
    upsert(access_use).on_conflict_do_update(
        index_elements=["account_id", "access_id", "day"],
        set_={
            "calls": access_use.c.calls + literal_column("excluded.calls"),
            "refused": access_use.c.refused + literal_column("excluded.refused"),
        },
    ),
)
_USES = Sql(
    select(access_use.c.day, access_use.c.calls, access_use.c.refused)
    .where(
        access_use.c.account_id == bindparam("account"),
        access_use.c.access_id == bindparam("access"),
        access_use.c.day >= bindparam("first"),
        access_use.c.day <= bindparam("last"),
    )
    .order_by(access_use.c.day)
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
            fences=frozenset(msgspec.json.decode(row[21])) if row[21] else frozenset(),
            features=msgspec.json.decode(row[22]) if row[22] else {},
            resource=row[24],
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
        serial=row[23],
    )


def _text(value: Any) -> str | None:
    return msgspec.json.encode(value).decode() if value else None


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
                _text(a.scopes),
                msgspec.json.encode(a.permissions).decode(),
                _text(sorted(a.fences)),
                _text(a.features),
                a.resource,
                new.serial,
                _text(new.client_data),
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


def change(tx: WriteTx, old: Stored, new: Stored) -> None:
    """Store a changed access, keeping what it was."""
    a = old.access
    was = Version(
        serial=old.serial,
        name=a.name,
        permissions=a.permissions,
        device=old.device,
        client_data=old.client_data,
        expires=a.expires,
        modified=old.modified,
        modified_by=old.modified_by,
    )
    tx.many(_KEEP, [(a.account_id, a.id, old.serial, msgspec.json.encode(was).decode())])
    a = new.access
    given = (
        a.name,
        new.device,
        msgspec.json.encode(a.permissions).decode(),
        _text(sorted(a.fences)),
        _text(a.features),
        new.serial,
        _text(new.client_data),
        a.expires,
        new.modified,
        new.modified_by,
        a.account_id,
        a.id,
    )
    tx.many(_CHANGE, [given])


def versions(tx: Tx, account_id: int, id_: str) -> list[Version]:
    """Return what an access was before each of its changes, oldest first."""
    rows = tx.execute(_VERSIONS, {"account": account_id, "access": id_})
    return [msgspec.json.decode(row[0], type=Version) for row in rows]


def add_days(tx: WriteTx, rows: list[tuple[int, str, int, int, int]]) -> None:
    """Add (account, access, day, calls, refused) to the counts by day."""
    tx.many(_ADD_USE, rows)


def days(tx: Tx, account_id: int, id_: str, first: int, last: int) -> list[Row]:
    """Return (day, calls, refused) of an access, oldest first; days without a call are left out."""
    values = {"account": account_id, "access": id_, "first": first, "last": last}
    return tx.execute(_USES, values)


def prolong(tx: WriteTx, changed: Access) -> None:
    """Store another end of an access; not a new version of it."""
    values = {"account": changed.account_id, "access": changed.id, "until": changed.expires}
    tx.execute(_PROLONG, values)
