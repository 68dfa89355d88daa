"""Rows of `connection`: an account's links to sources."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, delete, insert, null, or_, select, update

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql
from diurnal.store.tables import (
    answer,
    connection,
    delivery,
    directory,
    fetched,
    pull_state,
    pulled,
)

STATE = "state"
PUSH = "push"
"""Kind of directory entry: hash of a push token -> account."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One connection.

    Attributes:
        state: `new` (not signed in yet), `active`, `paused` or `reconnect`.
        options: settings that are no secret.
        secret: sealed JSON: secret settings, pasted key, own application.
        token: sealed JSON of what opens the API now; `token_n` counts its renewals.
        refresh_until: somebody renews the token, at most until then.
        pending: sealed JSON of a sign-in under way.
        problem: what is wrong, in words.
        failures: runs that failed, one after the other.
    """

    account_id: int
    id: str
    connector: str
    name: str
    state: str
    options: dict[str, Any]
    secret: bytes | None
    token: bytes | None
    token_n: int
    token_expires: int | None
    refresh_until: int | None
    pending: bytes | None
    push_hash: bytes | None
    problem: str | None
    failures: int
    created: int
    synced: int | None
    next: int | None
    access_id: str


_FIELDS = (
    connection.c.account_id,
    connection.c.id,
    connection.c.connector,
    connection.c.name,
    connection.c.state,
    connection.c.options,
    connection.c.secret,
    connection.c.token,
    connection.c.token_n,
    connection.c.token_expires_us,
    connection.c.refresh_until_us,
    connection.c.pending,
    connection.c.push_hash,
    connection.c.problem,
    connection.c.failures,
    connection.c.created_us,
    connection.c.synced_us,
    connection.c.next_us,
    connection.c.access_id,
)
_account = connection.c.account_id == bindparam("account")
_this = and_(_account, connection.c.id == bindparam("connection"))

_ADD = Sql(
    insert(connection).values(
        account_id=bindparam("account"),
        id=bindparam("connection"),
        connector=bindparam("connector"),
        name=bindparam("name"),
        state=bindparam("state"),
        options=bindparam("options"),
        secret=bindparam("secret"),
        push_hash=bindparam("push_hash"),
        token_n=bindparam("zero"),
        failures=bindparam("zero"),
        created_us=bindparam("now"),
        access_id=bindparam("access"),
    )
)
_GET = Sql(select(*_FIELDS).where(_this))
_OF = Sql(select(*_FIELDS).where(_account).order_by(connection.c.created_us, connection.c.id))
_UPDATE = Sql(
    update(connection)
    .where(_this)
    .values(
        name=bindparam("name"),
        state=bindparam("state"),
        options=bindparam("options"),
        secret=bindparam("secret"),
        problem=bindparam("problem"),
    )
)
_PENDING = Sql(update(connection).where(_this).values(pending=bindparam("pending")))
_PUSH = Sql(update(connection).where(_this).values(push_hash=bindparam("push_hash")))
_TOKEN = Sql(
    update(connection)
    .where(_this)
    .values(
        token=bindparam("token"),
        token_n=connection.c.token_n + 1,
        token_expires_us=bindparam("expires"),
        refresh_until_us=null(),
        pending=null(),
        state=bindparam("state"),
        problem=null(),
    )
)
_CLAIM = Sql(
    update(connection)
    .where(
        _this,
        connection.c.token_n == bindparam("seen"),
        or_(
            connection.c.refresh_until_us.is_(None),
            connection.c.refresh_until_us <= bindparam("now"),
        ),
    )
    .values(refresh_until_us=bindparam("until"))
    .returning(connection.c.id)
)
_LET_GO = Sql(
    update(connection)
    .where(_this, connection.c.token_n == bindparam("seen"))
    .values(refresh_until_us=null())
)
_STATE = Sql(
    update(connection).where(_this).values(state=bindparam("state"), problem=bindparam("problem"))
)
_NEXT = Sql(update(connection).where(_this).values(next_us=bindparam("later")))
_RAN = Sql(
    update(connection)
    .where(_this)
    .values(
        synced_us=bindparam("synced"),
        next_us=bindparam("later"),
        problem=bindparam("problem"),
        failures=bindparam("failures"),
    )
)
_REMOVE = Sql(delete(connection).where(_this))
_REST = tuple(
    Sql(
        delete(t).where(
            t.c.account_id == bindparam("account"), t.c.connection_id == bindparam("connection")
        )
    )
    for t in (answer, delivery, fetched, pull_state, pulled)
)
_LIST = Sql(
    insert(directory).values(
        kind=PUSH,
        key=bindparam("hash"),
        account_id=bindparam("account"),
        created_us=bindparam("now"),
    )
)
_UNLIST = Sql(
    delete(directory).where(directory.c.kind == PUSH, directory.c.key == bindparam("hash"))
)
_OWNER = Sql(
    select(directory.c.account_id).where(
        directory.c.kind == PUSH, directory.c.key == bindparam("hash")
    )
)
_BY_PUSH = Sql(select(*_FIELDS).where(_account, connection.c.push_hash == bindparam("push_hash")))


def _stored(row: Row) -> Stored:
    account_id, id_, connector, name, state, options, *rest = row
    return Stored(
        account_id=account_id,
        id=id_,
        connector=connector,
        name=name,
        state=state,
        options=msgspec.json.decode(options),
        secret=_bytes(rest[0]),
        token=_bytes(rest[1]),
        token_n=rest[2],
        token_expires=rest[3],
        refresh_until=rest[4],
        pending=_bytes(rest[5]),
        push_hash=_bytes(rest[6]),
        problem=rest[7],
        failures=rest[8],
        created=rest[9],
        synced=rest[10],
        next=rest[11],
        access_id=rest[12],
    )


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


def _text(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()


def add(tx: WriteTx, new: Stored) -> None:
    """Insert a connection, and its push token's hash into the directory."""
    tx.execute(
        _ADD,
        {
            "account": new.account_id,
            "connection": new.id,
            "connector": new.connector,
            "name": new.name,
            "state": new.state,
            "options": _text(new.options),
            "secret": new.secret,
            "push_hash": new.push_hash,
            "zero": 0,
            "now": new.created,
            "access": new.access_id,
        },
    )
    if new.push_hash is not None:
        _list(tx, new.account_id, new.push_hash, new.created)


def _list(tx: WriteTx, account_id: int, hash_: bytes, now: int) -> None:
    tx.execute(_LIST, {"hash": hash_.hex(), "account": account_id, "now": now})


def get(tx: Tx, account_id: int, id_: str) -> Stored | None:
    """Return one connection of an account."""
    row = tx.one(_GET, {"account": account_id, "connection": id_})
    return _stored(row) if row else None


def all_of(tx: Tx, account_id: int) -> list[Stored]:
    """Return the connections of an account, the oldest first."""
    return [_stored(row) for row in tx.execute(_OF, {"account": account_id})]


def by_push(tx: Tx, hash_: bytes) -> Stored | None:
    """Return the connection whose push token has this hash."""
    owner = tx.one(_OWNER, {"hash": hash_.hex()})
    if owner is None:
        return None
    row = tx.one(_BY_PUSH, {"account": owner[0], "push_hash": hash_})
    return _stored(row) if row else None


def save(tx: WriteTx, c: Stored) -> None:
    """Store name, state, settings, secrets and problem."""
    tx.execute(
        _UPDATE,
        {
            "account": c.account_id,
            "connection": c.id,
            "name": c.name,
            "state": c.state,
            "options": _text(c.options),
            "secret": c.secret,
            "problem": c.problem,
        },
    )


def set_push(tx: WriteTx, c: Stored, hash_: bytes, now: int) -> None:
    """Replace the push token."""
    if c.push_hash is not None:
        tx.execute(_UNLIST, {"hash": c.push_hash.hex()})
    tx.execute(_PUSH, {"account": c.account_id, "connection": c.id, "push_hash": hash_})
    _list(tx, c.account_id, hash_, now)


def set_pending(tx: WriteTx, account_id: int, id_: str, pending: bytes | None) -> None:
    """Store a sign-in under way."""
    tx.execute(_PENDING, {"account": account_id, "connection": id_, "pending": pending})


def set_token(
    tx: WriteTx, account_id: int, id_: str, token: bytes, expires: int | None, state: str
) -> None:
    """Store a new token; whoever renewed it has ended."""
    tx.execute(
        _TOKEN,
        {
            "account": account_id,
            "connection": id_,
            "token": token,
            "expires": expires,
            "state": state,
        },
    )


def claim_refresh(tx: WriteTx, account_id: int, id_: str, seen: int, now: int, until: int) -> bool:
    """Take the right to renew the token that was seen; False where another has it or did it."""
    values = {"account": account_id, "connection": id_, "seen": seen, "now": now, "until": until}
    return tx.one(_CLAIM, values) is not None


def let_go(tx: WriteTx, account_id: int, id_: str, seen: int) -> None:
    """Give the right to renew back; the token stays."""
    tx.execute(_LET_GO, {"account": account_id, "connection": id_, "seen": seen})


def set_state(tx: WriteTx, account_id: int, id_: str, state: str, problem: str | None) -> None:
    """Store the state, and what is wrong."""
    tx.execute(
        _STATE, {"account": account_id, "connection": id_, "state": state, "problem": problem}
    )


def set_next(tx: WriteTx, account_id: int, id_: str, later: int | None) -> None:
    """Store when the next run is due."""
    tx.execute(_NEXT, {"account": account_id, "connection": id_, "later": later})


def ran(
    tx: WriteTx,
    account_id: int,
    id_: str,
    *,
    synced: int | None,
    later: int | None,
    problem: str | None,
    failures: int,
) -> None:
    """Store what came of a run."""
    tx.execute(
        _RAN,
        {
            "account": account_id,
            "connection": id_,
            "synced": synced,
            "later": later,
            "problem": problem,
            "failures": failures,
        },
    )


def remove(tx: WriteTx, c: Stored) -> None:
    """Delete a connection and all that is kept for it; its data stay."""
    values = {"account": c.account_id, "connection": c.id}
    for statement in _REST:
        tx.execute(statement, values)
    if c.push_hash is not None:
        tx.execute(_UNLIST, {"hash": c.push_hash.hex()})
    tx.execute(_REMOVE, values)
