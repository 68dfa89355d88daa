"""Rows of `client`: registered applications."""

from __future__ import annotations

import msgspec
from sqlalchemy import bindparam, delete, func, null, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.store import accounts
from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import client, directory

NOBODY = 0
"""Account of applications that registered themselves: there is no such account."""
KIND = "client"
"""Of entries in the directory that lead from a client's id to its account."""
_USERS = "client-user:"
"""Kind, with the client's id, of entries that lead to the accounts which granted it something."""


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A registered application.

    Attributes:
        account_id: whose it is; `NOBODY` where it registered itself.
        secret_hash: None for an application that cannot keep a secret.
        api: the dialect that it speaks.
        scopes: the most that it may ask for; none stands for all of its dialect.
        attributes: names that it may write, in its dialect's words; None for all.
        used: when it was first granted something.
    """

    account_id: int
    id: str
    secret_hash: bytes | None
    api: str
    name: str
    home: str | None
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    attributes: tuple[str, ...] | None
    dynamic: bool
    used: int | None
    created: int
    modified: int

    @property
    def confidential(self) -> bool:
        """Whether it has a secret to show."""
        return self.secret_hash is not None


_COLUMNS = tuple(c.name for c in client.columns)
_BY_ID = Sql(
    select(client).where(
        client.c.account_id == bindparam("account"), client.c.id == bindparam("id")
    )
)
_ALL = Sql(
    select(client)
    .where(client.c.account_id == bindparam("account"))
    .order_by(client.c.created_us, client.c.id)
)
_INSERT = ordered(_COLUMNS, upsert(client).on_conflict_do_nothing())
"""Of two who bring an application that describes itself elsewhere, one keeps it."""
_UPDATE = Sql(
    update(client)
    .where(client.c.account_id == bindparam("account"), client.c.id == bindparam("client"))
    .values(
        secret_hash=bindparam("secret"),
        name=bindparam("name_new"),
        home=bindparam("home_new"),
        redirect_uris=bindparam("redirects"),
        scopes=bindparam("scopes_new"),
        attributes=bindparam("attributes_new"),
        modified_us=bindparam("now"),
    )
)
_USED = Sql(
    update(client)
    .where(
        client.c.account_id == bindparam("account"),
        client.c.id == bindparam("client"),
        client.c.used_us == null(),
    )
    .values(used_us=bindparam("now"))
)
_DELETE = Sql(
    delete(client).where(
        client.c.account_id == bindparam("account"), client.c.id == bindparam("client")
    )
)
_UNUSED = Sql(
    select(client.c.id).where(
        client.c.account_id == NOBODY,
        client.c.used_us == null(),
        client.c.created_us < bindparam("before"),
    )
)
_COUNT = Sql(
    select(func.count()).select_from(client).where(client.c.account_id == bindparam("account"))
)
_USERS_OF = Sql(select(directory.c.account_id).where(directory.c.kind == bindparam("kind")))


def _client(row: Row) -> Client:
    return Client(
        account_id=row[0],
        id=row[1],
        secret_hash=row[2],
        api=row[3],
        name=row[4],
        home=row[5],
        redirect_uris=tuple(msgspec.json.decode(row[6])),
        scopes=tuple(msgspec.json.decode(row[7])),
        attributes=tuple(msgspec.json.decode(row[8])) if row[8] is not None else None,
        dynamic=bool(row[9]),
        used=row[10],
        created=row[11],
        modified=row[12],
    )


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def insert_one(tx: WriteTx, new: Client) -> None:
    """Insert an application and its entry in the directory."""
    accounts.claim(tx, KIND, new.id, new.account_id, new.created)
    tx.many(
        _INSERT,
        [
            (
                new.account_id,
                new.id,
                new.secret_hash,
                new.api,
                new.name,
                new.home,
                _text(new.redirect_uris),
                _text(new.scopes),
                None if new.attributes is None else _text(new.attributes),
                int(new.dynamic),
                new.used,
                new.created,
                new.modified,
            )
        ],
    )


def owner(tx: Tx, id_: str) -> int | None:
    """Return the account of an application."""
    return accounts.look_up(tx, KIND, id_)


def by_id(tx: Tx, account_id: int, id_: str) -> Client | None:
    """Return an application of an account."""
    row = tx.one(_BY_ID, {"account": account_id, "id": id_})
    return _client(row) if row else None


def all_of(tx: Tx, account_id: int) -> list[Client]:
    """Return the applications of an account, oldest first."""
    return [_client(row) for row in tx.execute(_ALL, {"account": account_id})]


def count(tx: Tx, account_id: int) -> int:
    """Return how many applications an account has."""
    row = tx.one(_COUNT, {"account": account_id})
    return int(row[0]) if row else 0


def save(tx: WriteTx, changed: Client) -> None:
    """Store what of an application may change."""
    tx.execute(
        _UPDATE,
        {
            "account": changed.account_id,
            "client": changed.id,
            "secret": changed.secret_hash,
            "name_new": changed.name,
            "home_new": changed.home,
            "redirects": _text(changed.redirect_uris),
            "scopes_new": _text(changed.scopes),
            "attributes_new": None if changed.attributes is None else _text(changed.attributes),
            "now": changed.modified,
        },
    )


def mark_used(tx: WriteTx, account_id: int, id_: str, now: int) -> None:
    """Remember that an application was granted something."""
    tx.execute(_USED, {"account": account_id, "client": id_, "now": now})


def remove(tx: WriteTx, account_id: int, id_: str) -> None:
    """Delete an application and its entry in the directory."""
    tx.execute(_DELETE, {"account": account_id, "client": id_})
    accounts.release(tx, KIND, id_, account_id)


def unused(tx: Tx, before: int) -> list[str]:
    """Return those that registered themselves before an instant and were never granted anything."""
    return [row[0] for row in tx.execute(_UNUSED, {"before": before})]


def add_user(tx: WriteTx, id_: str, account_id: int, now: int) -> None:
    """Remember that an account granted an application something."""
    accounts.claim(tx, _USERS + id_, str(account_id), account_id, now)


def users(tx: Tx, id_: str) -> list[int]:
    """Return the accounts that ever granted an application something."""
    return [row[0] for row in tx.execute(_USERS_OF, {"kind": _USERS + id_})]


def drop_user(tx: WriteTx, id_: str, account_id: int) -> None:
    """Forget that an account granted an application something."""
    accounts.release(tx, _USERS + id_, str(account_id), account_id)
