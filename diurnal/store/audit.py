"""Rows of `audit`: each holds the lines that were noted together, chained by hash."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, insert, select

from diurnal.store.database import Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import audit, audit_checkpoint


class Row(msgspec.Struct, frozen=True):
    """Lines `seq … last_seq`, of instants from `first` to `last`."""

    seq: int
    last_seq: int
    first: int
    last: int
    lines: str
    hash: bytes


class Checkpoint(msgspec.Struct, frozen=True):
    """Where a chain begins: after line `last_seq`, whose row had this hash.

    Attributes:
        made: when the lines before were let go, microseconds.
        proof: the same, signed.
    """

    last_seq: int
    hash: bytes
    made: int
    proof: str


_FIELDS = (
    audit.c.seq,
    audit.c.last_seq,
    audit.c.first_us,
    audit.c.last_us,
    audit.c.lines,
    audit.c.hash,
)
_HEAD = Sql(
    select(audit.c.last_seq, audit.c.hash)
    .where(audit.c.account_id == bindparam("account"))
    .order_by(audit.c.seq.desc())
    .limit(1)
)
_ADD = ordered(
    ("account_id", "seq", "last_seq", "first_us", "last_us", "lines", "hash"), insert(audit)
)
_OLDEST_FIRST = Sql(
    select(*_FIELDS)
    .where(audit.c.account_id == bindparam("account"), audit.c.last_seq > bindparam("after"))
    .order_by(audit.c.seq)
    .limit(bindparam("most"))
)
_NEWEST_FIRST = Sql(
    select(*_FIELDS)
    .where(
        audit.c.account_id == bindparam("account"),
        audit.c.seq < bindparam("before"),
        audit.c.last_us >= bindparam("since"),
    )
    .order_by(audit.c.seq.desc())
    .limit(bindparam("most"))
)


_ADD_CHECKPOINT = ordered(
    ("account_id", "last_seq", "hash", "made_us", "proof"), insert(audit_checkpoint)
)
_CHECKPOINTS = Sql(
    select(
        audit_checkpoint.c.last_seq,
        audit_checkpoint.c.hash,
        audit_checkpoint.c.made_us,
        audit_checkpoint.c.proof,
    )
    .where(audit_checkpoint.c.account_id == bindparam("account"))
    .order_by(audit_checkpoint.c.last_seq.desc())
)
_DROP = Sql(
    delete(audit).where(
        audit.c.account_id == bindparam("account"), audit.c.last_seq <= bindparam("upto")
    )
)


def _row(r: Any) -> Row:
    return Row(r[0], r[1], r[2], r[3], r[4], bytes(r[5]))


def head(tx: Tx, account_id: int) -> tuple[int, bytes] | None:
    """Return the number of the last line and the hash of its row."""
    row = tx.one(_HEAD, {"account": account_id})
    return (row[0], bytes(row[1])) if row else None


def add(tx: WriteTx, account_id: int, new: Row) -> None:
    """Append a row."""
    tx.many(_ADD, [(account_id, new.seq, new.last_seq, new.first, new.last, new.lines, new.hash)])


def after(tx: Tx, account_id: int, seq: int, most: int) -> list[Row]:
    """Return rows with lines after number `seq`, oldest first."""
    values = {"account": account_id, "after": seq, "most": most}
    return [_row(r) for r in tx.execute(_OLDEST_FIRST, values)]


def before(tx: Tx, account_id: int, seq: int, since: int, most: int) -> list[Row]:
    """Return rows that begin before line `seq` and end since an instant, newest first."""
    values = {"account": account_id, "before": seq, "since": since, "most": most}
    return [_row(r) for r in tx.execute(_NEWEST_FIRST, values)]


def checkpoints(tx: Tx, account_id: int) -> list[Checkpoint]:
    """Return where the chain began and begins, the newest first."""
    rows = tx.execute(_CHECKPOINTS, {"account": account_id})
    return [Checkpoint(r[0], bytes(r[1]), r[2], r[3]) for r in rows]


def cut(tx: WriteTx, account_id: int, new: Checkpoint) -> None:
    """Let go of all rows up to a checkpoint, which is kept in their place."""
    tx.many(_ADD_CHECKPOINT, [(account_id, new.last_seq, new.hash, new.made, new.proof)])
    tx.execute(_DROP, {"account": account_id, "upto": new.last_seq})
