"""Rows of `delivery` and `answer`: what sources said, kept as it came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, insert, null, select, update

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql
from diurnal.store.tables import answer, delivery

UNPACKED_MAX = 64 << 20


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery; `problem` says why it could not be read."""

    id: str
    method: str
    headers: dict[str, str]
    query: dict[str, str]
    body: bytes
    at: int
    problem: str | None = None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a source, with what was asked: `run` is one window of one pull.

    Attributes:
        request: method and address without credentials.
    """

    run: str
    n: int
    pull: str
    start: int
    end: int
    cursor: str | None
    request: str
    status: int
    headers: dict[str, str]
    body: bytes
    at: int


class KeptRun(msgspec.Struct, frozen=True, kw_only=True):
    """The answers of one window of one pull; `size` in packed bytes."""

    run: str
    pull: str
    start: int
    end: int
    cursor: str | None
    size: int
    at: int


_delivery = (
    delivery.c.account_id == bindparam("account"),
    delivery.c.connection_id == bindparam("connection"),
)
_ADD = Sql(
    insert(delivery).values(
        account_id=bindparam("account"),
        connection_id=bindparam("connection"),
        id=bindparam("delivery"),
        method=bindparam("method"),
        headers=bindparam("headers"),
        query=bindparam("query"),
        body=bindparam("body"),
        read=bindparam("zero"),
        at_us=bindparam("now"),
    )
)
_NEXT = Sql(
    select(
        delivery.c.id,
        delivery.c.method,
        delivery.c.headers,
        delivery.c.query,
        delivery.c.body,
        delivery.c.at_us,
        delivery.c.problem,
    )
    .where(*_delivery, delivery.c.read == 0, delivery.c.id > bindparam("after"))
    .order_by(delivery.c.id)
    .limit(bindparam("most"))
)
_WAITING = Sql(
    select(func.count(), func.coalesce(func.sum(func.length(delivery.c.body)), 0)).where(
        *_delivery, delivery.c.read == 0
    )
)
_PROBLEMS = Sql(
    select(delivery.c.id, delivery.c.problem, delivery.c.at_us)
    .where(*_delivery, delivery.c.problem.is_not(None))
    .order_by(delivery.c.id.desc())
    .limit(bindparam("most"))
)
_READ = Sql(
    update(delivery)
    .where(*_delivery, delivery.c.id == bindparam("delivery"))
    .values(read=1, problem=bindparam("why"))
)
_AGAIN = Sql(
    update(delivery)
    .where(*_delivery, delivery.c.problem.is_not(None))
    .values(read=0, problem=null())
)
_FORGET = Sql(
    delete(delivery).where(*_delivery, delivery.c.read == 1, delivery.c.at_us < bindparam("before"))
)
_FIELDS = (
    answer.c.run,
    answer.c.n,
    answer.c.pull,
    answer.c.start_us,
    answer.c.end_us,
    answer.c.cursor,
    answer.c.request,
    answer.c.status,
    answer.c.headers,
    answer.c.body,
    answer.c.at_us,
)
_answer = (
    answer.c.account_id == bindparam("account"),
    answer.c.connection_id == bindparam("connection"),
)
_KEEP = Sql(
    insert(answer).values(
        account_id=bindparam("account"),
        connection_id=bindparam("connection"),
        run=bindparam("of_run"),
        n=bindparam("number"),
        pull=bindparam("of_pull"),
        start_us=bindparam("first"),
        end_us=bindparam("last"),
        cursor=bindparam("from_cursor"),
        request=bindparam("asked"),
        status=bindparam("code"),
        headers=bindparam("head"),
        body=bindparam("packed"),
        at_us=bindparam("now"),
    )
)
_RUNS = Sql(
    select(
        answer.c.run,
        answer.c.pull,
        answer.c.start_us,
        answer.c.end_us,
        answer.c.cursor,
        func.sum(func.length(answer.c.body)),
        func.min(answer.c.at_us),
    )
    .where(*_answer)
    .group_by(answer.c.run, answer.c.pull, answer.c.start_us, answer.c.end_us, answer.c.cursor)
    .order_by(answer.c.run)
)
_OF_RUN = Sql(
    select(*_FIELDS).where(*_answer, answer.c.run == bindparam("of_run")).order_by(answer.c.n)
)
_DROP = Sql(delete(answer).where(*_answer, answer.c.run == bindparam("of_run")))


def _json(value: Mapping[str, str]) -> str:
    return msgspec.json.encode(value).decode()


def pack(body: bytes) -> bytes:
    """Return bytes as they are stored."""
    import zstandard  # only where something is pushed or pulled

    return zstandard.compress(body, 3)


def unpack(body: Any) -> bytes:
    """Return stored bytes as they came."""
    import zstandard

    return zstandard.ZstdDecompressor().decompress(bytes(body), max_output_size=UNPACKED_MAX)


def add(tx: WriteTx, account_id: int, connection_id: str, new: Waiting, packed: bytes) -> None:
    """Keep a delivery whose body is packed already."""
    tx.execute(
        _ADD,
        {
            "account": account_id,
            "connection": connection_id,
            "delivery": new.id,
            "method": new.method,
            "headers": _json(new.headers),
            "query": _json(new.query),
            "body": packed,
            "zero": 0,
            "now": new.at,
        },
    )


def waiting(
    tx: Tx, account_id: int, connection_id: str, after: str = "", most: int = 1
) -> list[Waiting]:
    """Return deliveries that nobody has read, the oldest first."""
    values = {"account": account_id, "connection": connection_id, "after": after, "most": most}
    return [_delivered(row) for row in tx.execute(_NEXT, values)]


def _delivered(row: Row) -> Waiting:
    return Waiting(
        id=row[0],
        method=row[1],
        headers=msgspec.json.decode(row[2]),
        query=msgspec.json.decode(row[3]),
        body=unpack(row[4]),
        at=row[5],
        problem=row[6],
    )


def backlog(tx: Tx, account_id: int, connection_id: str) -> tuple[int, int]:
    """Return how many deliveries wait, and their packed bytes."""
    [row] = tx.execute(_WAITING, {"account": account_id, "connection": connection_id})
    return int(row[0]), int(row[1])


def problems(tx: Tx, account_id: int, connection_id: str, most: int) -> list[tuple[str, str, int]]:
    """Return (id, reason, when) of deliveries that could not be read, the newest first."""
    values = {"account": account_id, "connection": connection_id, "most": most}
    return [(row[0], row[1], row[2]) for row in tx.execute(_PROBLEMS, values)]


def set_read(
    tx: WriteTx, account_id: int, connection_id: str, id_: str, problem: str | None
) -> None:
    """Note that a delivery was read, or why it could not be."""
    values = {
        "account": account_id,
        "connection": connection_id,
        "delivery": id_,
        "why": problem,
    }
    tx.execute(_READ, values)


def again(tx: WriteTx, account_id: int, connection_id: str) -> None:
    """Have what could not be read tried again."""
    tx.execute(_AGAIN, {"account": account_id, "connection": connection_id})


def forget(tx: WriteTx, account_id: int, connection_id: str, before: int) -> None:
    """Delete deliveries that were read and are old."""
    tx.execute(_FORGET, {"account": account_id, "connection": connection_id, "before": before})


def keep(tx: WriteTx, account_id: int, connection_id: str, new: Kept) -> None:
    """Keep an answer; its body is packed already."""
    tx.execute(
        _KEEP,
        {
            "account": account_id,
            "connection": connection_id,
            "of_run": new.run,
            "number": new.n,
            "of_pull": new.pull,
            "first": new.start,
            "last": new.end,
            "from_cursor": new.cursor,
            "asked": new.request,
            "code": new.status,
            "head": _json(new.headers),
            "packed": new.body,
            "now": new.at,
        },
    )


def runs(tx: Tx, account_id: int, connection_id: str) -> list[KeptRun]:
    """Return what is kept, the oldest first."""
    values = {"account": account_id, "connection": connection_id}
    return [
        KeptRun(
            run=row[0],
            pull=row[1],
            start=row[2],
            end=row[3],
            cursor=row[4],
            size=int(row[5]),
            at=row[6],
        )
        for row in tx.execute(_RUNS, values)
    ]


def of_run(tx: Tx, account_id: int, connection_id: str, run: str) -> list[Kept]:
    """Return the answers of one run, in order."""
    values = {"account": account_id, "connection": connection_id, "of_run": run}
    return [
        Kept(
            run=row[0],
            n=row[1],
            pull=row[2],
            start=row[3],
            end=row[4],
            cursor=row[5],
            request=row[6],
            status=row[7],
            headers=msgspec.json.decode(row[8]),
            body=unpack(row[9]),
            at=row[10],
        )
        for row in tx.execute(_OF_RUN, values)
    ]


def drop(tx: WriteTx, account_id: int, connection_id: str, run: str) -> None:
    """Delete the answers of a run."""
    tx.execute(_DROP, {"account": account_id, "connection": connection_id, "of_run": run})
