"""Rows of `share`, and the directory that leads a recipient to those offered to them."""

from __future__ import annotations

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from diurnal.store import accounts
from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import directory, share

KIND = "share"
"""Of the directory: "<recipient>:<share>" leads to the account that shares."""
RECEIVED_MAX = 1_000


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A share; what it opens and until when is its access's.

    Attributes:
        state: `open` for a link; `offered`, `accepted` or `declined` for an account.
        recipient: name of the account that it is for, None for a link.
        recipient_id: None where nobody has that name.
        link_sealed: the link's secret, encrypted, to be shown again.
        opens: how often a guest opened it, last at `opened`.
    """

    id: str
    access_id: str
    state: str
    recipient: str | None = None
    recipient_id: int | None = None
    link_hash: bytes | None = None
    link_sealed: bytes | None = None
    password_hash: str | None = None
    opens: int = 0
    opened: int | None = None
    created: int = 0
    modified: int = 0


_COLUMNS = tuple(c.name for c in share.columns)
_FIELDS = tuple(c for c in share.columns if c.name != "account_id")
_mine = share.c.account_id == bindparam("account")
_this = share.c.id == bindparam("share")
_INSERT = ordered(_COLUMNS, insert(share))
_ALL = Sql(select(*_FIELDS).where(_mine).order_by(share.c.created_us, share.c.id))
_BY_ID = Sql(select(*_FIELDS).where(_mine, _this))
_BY_LINK = Sql(select(*_FIELDS).where(_mine, share.c.link_hash == bindparam("hash")))
_SAVE = Sql(
    update(share)
    .where(_mine, _this)
    .values(
        access_id=bindparam("access_new"),
        state=bindparam("state_new"),
        password_hash=bindparam("password_new"),
        opens=bindparam("opens_new"),
        opened_us=bindparam("opened_new"),
        modified_us=bindparam("now"),
    )
)
_DROP = Sql(delete(share).where(_mine, _this))
_RECEIVED = Sql(
    select(directory.c.key, directory.c.account_id)
    .where(
        directory.c.kind == KIND,
        directory.c.key >= bindparam("first"),
        directory.c.key < bindparam("last"),
    )
    .order_by(directory.c.key)
    .limit(RECEIVED_MAX)
)


def _share(row: Row) -> Share:
    return Share(
        id=row[0],
        access_id=row[1],
        state=row[2],
        recipient=row[3],
        recipient_id=row[4],
        link_hash=None if row[5] is None else bytes(row[5]),
        link_sealed=None if row[6] is None else bytes(row[6]),
        password_hash=row[7],
        opens=row[8],
        opened=row[9],
        created=row[10],
        modified=row[11],
    )


def add(tx: WriteTx, account_id: int, new: Share) -> None:
    """Insert a share, and where its recipient finds it."""
    values = (
        account_id,
        new.id,
        new.access_id,
        new.state,
        new.recipient,
        new.recipient_id,
        new.link_hash,
        new.link_sealed,
        new.password_hash,
        new.opens,
        new.opened,
        new.created,
        new.modified,
    )
    tx.many(_INSERT, [values])
    if new.recipient_id is not None:
        accounts.claim(tx, KIND, _key(new.recipient_id, new.id), account_id, new.created)


def all_of(tx: Tx, account_id: int) -> list[Share]:
    """Return the shares of an account, oldest first."""
    return [_share(row) for row in tx.execute(_ALL, {"account": account_id})]


def get(tx: Tx, account_id: int, id_: str) -> Share | None:
    """Return a share by its id."""
    row = tx.one(_BY_ID, {"account": account_id, "share": id_})
    return _share(row) if row else None


def by_link(tx: Tx, account_id: int, hash_: bytes) -> Share | None:
    """Return a share by the hash of its link's secret."""
    row = tx.one(_BY_LINK, {"account": account_id, "hash": hash_})
    return _share(row) if row else None


def save(tx: WriteTx, account_id: int, changed: Share, now: int) -> None:
    """Store access, state, password and use of a share."""
    tx.execute(
        _SAVE,
        {
            "account": account_id,
            "share": changed.id,
            "access_new": changed.access_id,
            "state_new": changed.state,
            "password_new": changed.password_hash,
            "opens_new": changed.opens,
            "opened_new": changed.opened,
            "now": now,
        },
    )


def drop(tx: WriteTx, account_id: int, gone: Share) -> None:
    """Delete a share, and what led its recipient to it."""
    tx.execute(_DROP, {"account": account_id, "share": gone.id})
    if gone.recipient_id is not None:
        accounts.release(tx, KIND, _key(gone.recipient_id, gone.id), account_id)


def received(tx: Tx, account_id: int) -> list[tuple[str, int]]:
    """Return (share, account that shares) of what is offered to an account."""
    prefix = f"{account_id}:"
    rows = tx.execute(_RECEIVED, {"first": prefix, "last": f"{account_id};"})
    return [(row[0].removeprefix(prefix), row[1]) for row in rows]


def giver(tx: Tx, account_id: int, id_: str) -> int | None:
    """Return the account that offers a share to this one."""
    return accounts.look_up(tx, KIND, _key(account_id, id_))


def _key(recipient_id: int, id_: str) -> str:
    return f"{recipient_id}:{id_}"
