"""Rows of `batch`, `batch_row` and `set_aside`: imports, what they brought and could not read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, exists, func, insert, null, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, in_list, ordered
from diurnal.store.tables import (
    batch,
    batch_row,
    chunk,
    counter,
    day_row,
    event,
    own_measure,
    set_aside,
    stream,
)


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One import.

    Attributes:
        connector: the kinds that read it, comma-separated; None while that is not known.
        state: waiting, running, done, failed, undoing or undone.
        options, progress, result: JSON objects.
    """

    account_id: int
    id: int
    connector: str | None
    name: str
    state: str
    options: dict[str, Any]
    progress: dict[str, Any]
    result: dict[str, Any]
    error: str | None
    upload_id: str | None
    access_id: str
    dry_run: bool
    created: int
    finished: int | None
    connection_id: str | None = None


_FIELDS = (
    batch.c.account_id,
    batch.c.id,
    batch.c.connector,
    batch.c.name,
    batch.c.state,
    batch.c.options,
    batch.c.progress,
    batch.c.result,
    batch.c.error,
    batch.c.upload_id,
    batch.c.access_id,
    batch.c.dry_run,
    batch.c.created_us,
    batch.c.finished_us,
    batch.c.connection_id,
)
_this = (batch.c.account_id == bindparam("account"), batch.c.id == bindparam("of_batch"))

_NEXT = Sql(
    upsert(counter)
    .values(name="batch", value=1)
    .on_conflict_do_update(index_elements=["name"], set_={"value": counter.c.value + 1})
    .returning(counter.c.value)
)
_ADD = Sql(
    insert(batch).values(
        account_id=bindparam("account"),
        id=bindparam("of_batch"),
        name=bindparam("name"),
        state="waiting",
        options=bindparam("options"),
        progress="{}",
        result="{}",
        upload_id=bindparam("upload"),
        connection_id=bindparam("connection"),
        access_id=bindparam("access"),
        dry_run=bindparam("dry_run"),
        created_us=bindparam("now"),
    )
)
_GET = Sql(select(*_FIELDS).where(*_this))
# What connections bring in, day by day, would bury what a person imported.
_OF = Sql(
    select(*_FIELDS)
    .where(batch.c.account_id == bindparam("account"), batch.c.connection_id.is_(None))
    .order_by(batch.c.id.desc())
)
_OF_CONNECTION = Sql(
    select(*_FIELDS)
    .where(
        batch.c.account_id == bindparam("account"),
        batch.c.connection_id == bindparam("connection"),
        batch.c.id < bindparam("before"),
    )
    .order_by(batch.c.id.desc())
    .limit(bindparam("most"))
)
_RELEASE = Sql(
    update(batch)
    .where(
        batch.c.account_id == bindparam("account"),
        batch.c.connection_id == bindparam("connection"),
    )
    .values(connection_id=null())
)
# Batch numbers are unique in the database; an operator names one without its account.
_ANYONES = Sql(select(*_FIELDS).where(batch.c.id == bindparam("of_batch")))
_PROGRESS = Sql(update(batch).where(*_this).values(progress=bindparam("so_far")))
_STATE = Sql(
    update(batch)
    .where(*_this)
    .values(
        state=bindparam("new_state"),
        error=bindparam("reason"),
        finished_us=bindparam("ended"),
    )
)
_RESULT = Sql(
    update(batch)
    .where(*_this)
    .values(connector=bindparam("kinds"), result=bindparam("outcome"), progress=bindparam("so_far"))
)
_USES = Sql(
    select(batch.c.id)
    .where(
        batch.c.account_id == bindparam("account"),
        batch.c.upload_id == bindparam("upload"),
        in_list(batch.c.state, "states"),
    )
    .limit(1)
)
_BROUGHT = ordered(
    ("account_id", "batch_id", "name", "key"),
    upsert(batch_row).on_conflict_do_nothing(),
)
_ROWS = Sql(
    select(batch_row.c.name, batch_row.c.key)
    .where(
        batch_row.c.account_id == bindparam("account"),
        batch_row.c.batch_id == bindparam("of_batch"),
    )
    .order_by(batch_row.c.name, batch_row.c.key)
    .limit(bindparam("most"))
)
_FORGET = ordered(
    ("account", "of_batch", "name", "key"),
    delete(batch_row).where(
        batch_row.c.account_id == bindparam("account"),
        batch_row.c.batch_id == bindparam("of_batch"),
        batch_row.c.name == bindparam("name"),
        batch_row.c.key == bindparam("key"),
    ),
)
_SET_ASIDE = ordered(
    ("account_id", "batch_id", "n", "reason", "place", "raw"),
    upsert(set_aside).on_conflict_do_nothing(),
)
_ASIDE = Sql(
    select(set_aside.c.n, set_aside.c.reason, set_aside.c.place, set_aside.c.raw)
    .where(
        set_aside.c.account_id == bindparam("account"),
        set_aside.c.batch_id == bindparam("of_batch"),
        set_aside.c.n > bindparam("after"),
    )
    .order_by(set_aside.c.n)
    .limit(bindparam("most"))
)
_CLEAR_ASIDE = Sql(
    delete(set_aside).where(
        set_aside.c.account_id == bindparam("account"),
        set_aside.c.batch_id == bindparam("of_batch"),
    )
)


def _rows_of(table: Any, count: Any) -> Any:
    return (
        select(func.coalesce(count, 0))
        .select_from(table)
        .where(
            table.c.account_id == bindparam("account"), table.c.batch_id == bindparam("of_batch")
        )
        .scalar_subquery()
    )


_WRITTEN = Sql(
    select(
        _rows_of(event, func.count()),
        _rows_of(chunk, func.sum(chunk.c.n)),
        _rows_of(day_row, func.count()),
    )
)


def _held(table: Any, condition: Any) -> Any:
    return exists().where(table.c.account_id == bindparam("account"), condition)


_OWN_OF = Sql(
    select(own_measure.c.key, own_measure.c.stream_id).where(
        own_measure.c.account_id == bindparam("account"),
        own_measure.c.batch_id == bindparam("of_batch"),
        ~_held(event, event.c.measure == own_measure.c.key),
        ~_held(event, event.c.stream_id == own_measure.c.stream_id),
        ~_held(chunk, chunk.c.measure == own_measure.c.key),
        ~_held(day_row, day_row.c.measure == own_measure.c.key),
    )
)
_DROP_OWN = Sql(
    delete(own_measure).where(
        own_measure.c.account_id == bindparam("account"), in_list(own_measure.c.key, "keys")
    )
)
_WIDEN_OWN = Sql(
    update(own_measure)
    .where(own_measure.c.account_id == bindparam("account"), own_measure.c.key == bindparam("own"))
    .values(value_kind=bindparam("kind"), daily=bindparam("rule"))
)
_PARENTS = Sql(
    select(stream.c.parent_id).where(
        stream.c.account_id == bindparam("account"), in_list(stream.c.parent_id, "ids")
    )
)


def _stored(row: Row) -> Stored:
    decode = msgspec.json.decode
    return Stored(
        account_id=row[0],
        id=row[1],
        connector=row[2],
        name=row[3],
        state=row[4],
        options=decode(row[5]),
        progress=decode(row[6]),
        result=decode(row[7]),
        error=row[8],
        upload_id=row[9],
        access_id=row[10],
        dry_run=bool(row[11]),
        created=row[12],
        finished=row[13],
        connection_id=row[14],
    )


def _text(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()


def add(
    tx: WriteTx,
    account_id: int,
    *,
    name: str,
    options: dict[str, Any],
    upload_id: str | None,
    access_id: str,
    dry_run: bool,
    now: int,
    connection_id: str | None = None,
) -> int:
    """Insert a batch; return its number, unique in this database."""
    id_ = int(tx.execute(_NEXT, {})[0][0])
    tx.execute(
        _ADD,
        {
            "account": account_id,
            "of_batch": id_,
            "name": name,
            "options": _text(options),
            "upload": upload_id,
            "connection": connection_id,
            "access": access_id,
            "dry_run": int(dry_run),
            "now": now,
        },
    )
    return id_


def get(tx: Tx, account_id: int, id_: int) -> Stored | None:
    """Return one batch of an account."""
    row = tx.one(_GET, {"account": account_id, "of_batch": id_})
    return _stored(row) if row else None


def anyones(tx: Tx, id_: int) -> Stored | None:
    """Return a batch, whosever it is; for operators."""
    row = tx.one(_ANYONES, {"of_batch": id_})
    return _stored(row) if row else None


def all_of(tx: Tx, account_id: int) -> list[Stored]:
    """Return the batches of an account but for those of connections, newest first."""
    return [_stored(row) for row in tx.execute(_OF, {"account": account_id})]


def of_connection(
    tx: Tx, account_id: int, connection_id: str, *, before: int = 2**62, most: int = 1
) -> list[Stored]:
    """Return what a connection brought in, newest first."""
    values = {"account": account_id, "connection": connection_id, "before": before, "most": most}
    return [_stored(row) for row in tx.execute(_OF_CONNECTION, values)]


def release(tx: WriteTx, account_id: int, connection_id: str) -> None:
    """Have the batches of a connection that goes count as anybody's."""
    tx.execute(_RELEASE, {"account": account_id, "connection": connection_id})


def set_progress(tx: WriteTx, account_id: int, id_: int, progress: dict[str, Any]) -> None:
    """Store how far a batch is."""
    tx.execute(_PROGRESS, {"account": account_id, "of_batch": id_, "so_far": _text(progress)})


def set_state(
    tx: WriteTx,
    account_id: int,
    id_: int,
    state: str,
    *,
    error: str | None = None,
    finished: int | None = None,
) -> None:
    """Store the state of a batch."""
    tx.execute(
        _STATE,
        {
            "account": account_id,
            "of_batch": id_,
            "new_state": state,
            "reason": error,
            "ended": finished,
        },
    )


def set_result(
    tx: WriteTx,
    account_id: int,
    id_: int,
    kinds: str,
    result: dict[str, Any],
    progress: dict[str, Any],
) -> None:
    """Store what came of a batch."""
    tx.execute(
        _RESULT,
        {
            "account": account_id,
            "of_batch": id_,
            "kinds": kinds,
            "outcome": _text(result),
            "so_far": _text(progress),
        },
    )


def uses(tx: Tx, account_id: int, upload_id: str) -> bool:
    """Return whether a batch that has not ended reads this upload."""
    values = {"account": account_id, "upload": upload_id, "states": ["waiting", "running"]}
    return tx.one(_USES, values) is not None


def put_aside(
    tx: WriteTx, account_id: int, id_: int, rows: Iterable[tuple[int, str, str, str]]
) -> None:
    """Keep (number, reason, place, raw) of what could not be read."""
    tx.many(_SET_ASIDE, [(account_id, id_, *row) for row in rows])


def aside(tx: Tx, account_id: int, id_: int, after: int, most: int) -> list[Row]:
    """Return (number, reason, place, raw) in order, after a number."""
    return tx.execute(
        _ASIDE, {"account": account_id, "of_batch": id_, "after": after, "most": most}
    )


def clear_aside(tx: WriteTx, account_id: int, id_: int) -> None:
    """Forget what was set aside."""
    tx.execute(_CLEAR_ASIDE, {"account": account_id, "of_batch": id_})


def written(tx: Tx, account_id: int, id_: int) -> int:
    """Return how many events, points and day rows are there by this batch."""
    [counts] = tx.execute(_WRITTEN, {"account": account_id, "of_batch": id_})
    return int(sum(counts))


def empty_own(tx: Tx, account_id: int, id_: int) -> list[tuple[str, str]]:
    """Return (key, stream) of own measures that a batch made and that have no data now."""
    rows = tx.execute(_OWN_OF, {"account": account_id, "of_batch": id_})
    parents = {
        row[0] for row in tx.execute(_PARENTS, {"account": account_id, "ids": [r[1] for r in rows]})
    }
    return [(row[0], row[1]) for row in rows if row[1] not in parents]


def drop_own(tx: WriteTx, account_id: int, keys: list[str]) -> None:
    """Delete own measures."""
    tx.execute(_DROP_OWN, {"account": account_id, "keys": keys})


def widen_own(tx: WriteTx, account_id: int, key: str, kind: str, daily: str) -> None:
    """Change what kind of value an own measure has."""
    tx.execute(_WIDEN_OWN, {"account": account_id, "own": key, "kind": kind, "rule": daily})


def brought(tx: WriteTx, account_id: int, id_: int, rows: Iterable[tuple[str, str]]) -> None:
    """Remember rows that a batch added: (table, key)."""
    tx.many(_BROUGHT, [(account_id, id_, *row) for row in rows])


def rows_brought(tx: Tx, account_id: int, id_: int, most: int) -> list[tuple[str, str]]:
    """Return the first of the rows that a batch added, by table and key."""
    rows = tx.execute(_ROWS, {"account": account_id, "of_batch": id_, "most": most})
    return [(row[0], row[1]) for row in rows]


def forget_rows(tx: WriteTx, account_id: int, id_: int, rows: Iterable[tuple[str, str]]) -> None:
    """Forget that a batch added rows."""
    tx.many(_FORGET, [(account_id, id_, *row) for row in rows])
