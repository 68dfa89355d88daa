"""Rows of `authorization_code`, `app_grant` and `device_request`."""

from __future__ import annotations

import msgspec
from sqlalchemy import bindparam, delete, insert, null, select, update

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import access, app_grant, authorization_code, device_request


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization code; `given` is JSON of what was granted."""

    code_hash: bytes
    given: str
    access_id: str | None
    expires: int


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind an application's access.

    Attributes:
        face: the door by which it was granted.
        family: hash of the part that all refresh tokens of this grant share.
        refresh_hash: of the one refresh token that is good.
        refresh_until: when that one ends if it is not used.
        until: when the whole grant ends.
        given: JSON of all that was granted; what is refreshed may be less.
        authenticated: when the owner last showed who they are.
    """

    access_id: str
    face: str
    family: bytes | None
    refresh_hash: bytes | None
    refresh_until: int | None
    until: int | None
    given: str
    authenticated: int
    refreshed: int
    created: int


class DeviceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A device that waits for its owner; `sealed` is the code that they gave it."""

    code_hash: bytes
    user_code: str
    given: str
    state: str
    sealed: bytes | None
    polls_s: int
    polled: int | None
    expires: int


_CODE = Sql(
    select(
        authorization_code.c.code_hash,
        authorization_code.c.given,
        authorization_code.c.access_id,
        authorization_code.c.expires_us,
    ).where(
        authorization_code.c.account_id == bindparam("account"),
        authorization_code.c.code_hash == bindparam("hash"),
    )
)
_ADD_CODE = ordered(
    ("account_id", "code_hash", "given", "access_id", "expires_us"), insert(authorization_code)
)
_REDEEM = Sql(
    update(authorization_code)
    .where(
        authorization_code.c.account_id == bindparam("account"),
        authorization_code.c.code_hash == bindparam("hash"),
    )
    .values(access_id=bindparam("access"))
)
_FORGET_CODES = Sql(
    delete(authorization_code).where(
        authorization_code.c.account_id == bindparam("account"),
        authorization_code.c.expires_us < bindparam("before"),
    )
)
_GRANT_FIELDS = (
    app_grant.c.access_id,
    app_grant.c.face,
    app_grant.c.family,
    app_grant.c.refresh_hash,
    app_grant.c.refresh_until_us,
    app_grant.c.until_us,
    app_grant.c.given,
    app_grant.c.authenticated_us,
    app_grant.c.refreshed_us,
    app_grant.c.created_us,
)
_GRANT = Sql(
    select(*_GRANT_FIELDS).where(
        app_grant.c.account_id == bindparam("account"),
        app_grant.c.access_id == bindparam("access"),
    )
)
_FAMILY = Sql(
    select(*_GRANT_FIELDS).where(
        app_grant.c.account_id == bindparam("account"), app_grant.c.family == bindparam("family")
    )
)
_ADD_GRANT = ordered(tuple(c.name for c in app_grant.columns), insert(app_grant))
_ROTATE = Sql(
    update(app_grant)
    .where(
        app_grant.c.account_id == bindparam("account"), app_grant.c.access_id == bindparam("access")
    )
    .values(
        refresh_hash=bindparam("hash"),
        refresh_until_us=bindparam("until"),
        until_us=bindparam("whole"),
        refreshed_us=bindparam("now"),
    )
)
_NEW_TOKEN = Sql(
    update(access)
    .where(access.c.account_id == bindparam("account"), access.c.id == bindparam("access"))
    .values(
        token_hash=bindparam("hash"),
        scopes=bindparam("scopes_new"),
        permissions=bindparam("permissions_new"),
        expires_us=bindparam("expires"),
        modified_us=bindparam("now"),
    )
)
_OF_CLIENT = Sql(
    select(access.c.id)
    .where(
        access.c.account_id == bindparam("account"),
        access.c.client_id == bindparam("client"),
        access.c.deleted_us == null(),
    )
    .order_by(access.c.created_us.desc(), access.c.id)
)
_DEVICE_COLUMNS = tuple(c.name for c in device_request.columns)
_DEVICE = Sql(
    select(device_request).where(
        device_request.c.account_id == bindparam("account"),
        device_request.c.code_hash == bindparam("hash"),
    )
)
_DEVICE_BY_CODE = Sql(
    select(device_request).where(
        device_request.c.account_id == bindparam("account"),
        device_request.c.user_code == bindparam("user_code"),
    )
)
_ADD_DEVICE = ordered(_DEVICE_COLUMNS, insert(device_request))
_SAVE_DEVICE = Sql(
    update(device_request)
    .where(
        device_request.c.account_id == bindparam("account"),
        device_request.c.code_hash == bindparam("hash"),
    )
    .values(
        state=bindparam("state_new"),
        sealed=bindparam("sealed_new"),
        polls_s=bindparam("polls"),
        polled_us=bindparam("polled"),
    )
)
_OLD_DEVICES = Sql(
    select(device_request.c.code_hash, device_request.c.user_code).where(
        device_request.c.account_id == bindparam("account"),
        device_request.c.expires_us < bindparam("before"),
    )
)
_DROP_DEVICE = Sql(
    delete(device_request).where(
        device_request.c.account_id == bindparam("account"),
        device_request.c.code_hash == bindparam("hash"),
    )
)


def code(tx: Tx, account_id: int, code_hash: bytes) -> Code | None:
    """Return an authorization code, used and expired ones too."""
    row = tx.one(_CODE, {"account": account_id, "hash": code_hash})
    return Code(code_hash=row[0], given=row[1], access_id=row[2], expires=row[3]) if row else None


def add_code(tx: WriteTx, account_id: int, new: Code) -> None:
    """Insert an authorization code."""
    tx.many(_ADD_CODE, [(account_id, new.code_hash, new.given, new.access_id, new.expires)])


def redeem(tx: WriteTx, account_id: int, code_hash: bytes, access_id: str) -> None:
    """Note what a code was redeemed for: it is good for nothing more."""
    tx.execute(_REDEEM, {"account": account_id, "hash": code_hash, "access": access_id})


def forget_codes(tx: WriteTx, account_id: int, before: int) -> None:
    """Delete codes that ended before an instant."""
    tx.execute(_FORGET_CODES, {"account": account_id, "before": before})


def _grant(row: Row) -> Grant:
    return Grant(
        access_id=row[0],
        face=row[1],
        family=row[2],
        refresh_hash=row[3],
        refresh_until=row[4],
        until=row[5],
        given=row[6],
        authenticated=row[7],
        refreshed=row[8],
        created=row[9],
    )


def get(tx: Tx, account_id: int, access_id: str) -> Grant | None:
    """Return what stands behind an access."""
    row = tx.one(_GRANT, {"account": account_id, "access": access_id})
    return _grant(row) if row else None


def by_family(tx: Tx, account_id: int, family: bytes) -> Grant | None:
    """Return the grant that a refresh token belongs to, be it the good one or an older one."""
    row = tx.one(_FAMILY, {"account": account_id, "family": family})
    return _grant(row) if row else None


def add(tx: WriteTx, account_id: int, new: Grant) -> None:
    """Insert a grant."""
    tx.many(_ADD_GRANT, [(account_id, *msgspec.structs.astuple(new))])


def rotate(
    tx: WriteTx,
    account_id: int,
    access_id: str,
    refresh_hash: bytes | None,
    refresh_until: int | None,
    until: int | None,
    now: int,
) -> None:
    """Replace a grant's refresh token, and say anew when all of it ends."""
    values = {"account": account_id, "access": access_id, "hash": refresh_hash}
    tx.execute(_ROTATE, {**values, "until": refresh_until, "whole": until, "now": now})


def new_token(
    tx: WriteTx,
    account_id: int,
    access_id: str,
    *,
    token_hash: bytes,
    scopes: tuple[str, ...],
    permissions: object,
    expires: int | None,
    now: int,
) -> None:
    """Give an access another token: the one before opens nothing from this commit on."""
    tx.execute(
        _NEW_TOKEN,
        {
            "account": account_id,
            "access": access_id,
            "hash": token_hash,
            "scopes_new": msgspec.json.encode(scopes).decode(),
            "permissions_new": msgspec.json.encode(permissions).decode(),
            "expires": expires,
            "now": now,
        },
    )


def of_client(tx: Tx, account_id: int, client_id: str) -> list[str]:
    """Return the live accesses of an application, newest first."""
    values = {"account": account_id, "client": client_id}
    return [row[0] for row in tx.execute(_OF_CLIENT, values)]


def _device(row: Row) -> DeviceRequest:
    return DeviceRequest(
        code_hash=row[1],
        user_code=row[2],
        given=row[3],
        state=row[4],
        sealed=row[5],
        polls_s=row[6],
        polled=row[7],
        expires=row[8],
    )


def device(tx: Tx, account_id: int, code_hash: bytes) -> DeviceRequest | None:
    """Return the request of a device by the hash of its code."""
    row = tx.one(_DEVICE, {"account": account_id, "hash": code_hash})
    return _device(row) if row else None


def device_by_user_code(tx: Tx, account_id: int, user_code: str) -> DeviceRequest | None:
    """Return the request of a device by what its owner types."""
    row = tx.one(_DEVICE_BY_CODE, {"account": account_id, "user_code": user_code})
    return _device(row) if row else None


def add_device(tx: WriteTx, account_id: int, new: DeviceRequest) -> None:
    """Insert the request of a device."""
    tx.many(_ADD_DEVICE, [(account_id, *msgspec.structs.astuple(new))])


def save_device(tx: WriteTx, account_id: int, changed: DeviceRequest) -> None:
    """Store how far a device's request is."""
    tx.execute(
        _SAVE_DEVICE,
        {
            "account": account_id,
            "hash": changed.code_hash,
            "state_new": changed.state,
            "sealed_new": changed.sealed,
            "polls": changed.polls_s,
            "polled": changed.polled,
        },
    )


def drop_devices(tx: WriteTx, account_id: int, before: int) -> list[str]:
    """Delete requests that ended before an instant; return their user codes."""
    found = tx.execute(_OLD_DEVICES, {"account": account_id, "before": before})
    for code_hash, _ in found:
        tx.execute(_DROP_DEVICE, {"account": account_id, "hash": code_hash})
    return [user_code for _, user_code in found]
