"""Rows of `finding`: what the analyses found, and what the owner thinks of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec
from sqlalchemy import bindparam, delete, insert, not_, select

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, in_list, ordered
from diurnal.store.tables import finding


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One row.

    Attributes:
        measure: empty where it is about none.
        day: the last day that it rests on.
        created: the instant of its batch; what was found together has the same one.
    """

    id: str
    kind: str
    measure: str
    measure2: str | None
    day: int
    version: int
    body: str
    created: int


_FIELDS = (
    finding.c.id,
    finding.c.kind,
    finding.c.measure,
    finding.c.measure2,
    finding.c.day,
    finding.c.version,
    finding.c.body,
    finding.c.created_us,
)
_ADD = ordered(
    ("account_id", "id", "kind", "measure", "measure2", "day", "version", "body", "created_us"),
    insert(finding),
)
_OF_KIND = Sql(
    select(*_FIELDS)
    .where(finding.c.account_id == bindparam("account"), finding.c.kind == bindparam("kind"))
    .order_by(finding.c.day.desc(), finding.c.created_us.desc(), finding.c.id)
)
_OF_BATCH = Sql(
    select(*_FIELDS)
    .where(
        finding.c.account_id == bindparam("account"),
        finding.c.kind == bindparam("kind"),
        finding.c.created_us == bindparam("created"),
    )
    .order_by(finding.c.id)
)
_DROP_PAIR = Sql(
    delete(finding).where(
        finding.c.account_id == bindparam("account"),
        finding.c.kind == bindparam("kind"),
        finding.c.measure == bindparam("first"),
        finding.c.measure2 == bindparam("second"),
    )
)
_DROP_OTHERS = Sql(
    delete(finding).where(
        finding.c.account_id == bindparam("account"),
        in_list(finding.c.kind, "kinds"),
        finding.c.created_us <= bindparam("newest"),
        not_(in_list(finding.c.created_us, "kept")),
    )
)
_DROP_BATCH = Sql(
    delete(finding).where(
        finding.c.account_id == bindparam("account"),
        in_list(finding.c.kind, "kinds"),
        finding.c.created_us == bindparam("created"),
    )
)


def _stored(row: Row) -> Stored:
    return Stored(
        id=row[0],
        kind=row[1],
        measure=row[2],
        measure2=row[3],
        day=row[4],
        version=row[5],
        body=row[6],
        created=row[7],
    )


def add(tx: WriteTx, account_id: int, rows: Iterable[Stored]) -> None:
    """Store rows."""
    tx.many(
        _ADD,
        [
            (account_id, r.id, r.kind, r.measure, r.measure2, r.day, r.version, r.body, r.created)
            for r in rows
        ],
    )


def of_kind(tx: Tx, account_id: int, kind: str) -> list[Stored]:
    """Return all rows of a kind, newest day first."""
    return [_stored(row) for row in tx.execute(_OF_KIND, {"account": account_id, "kind": kind})]


def of_batch(tx: Tx, account_id: int, kind: str, created: int) -> list[Stored]:
    """Return the rows of a kind that one run stored, in the order in which it did."""
    values = {"account": account_id, "kind": kind, "created": created}
    return [_stored(row) for row in tx.execute(_OF_BATCH, values)]


def drop_pair(tx: WriteTx, account_id: int, kind: str, first: str, second: str) -> None:
    """Delete what a kind says of a pair of measures."""
    values = {"account": account_id, "kind": kind, "first": first, "second": second}
    tx.execute(_DROP_PAIR, values)


def drop_batch(tx: WriteTx, account_id: int, kinds: Sequence[str], created: int) -> None:
    """Delete what one run stored."""
    tx.execute(_DROP_BATCH, {"account": account_id, "kinds": kinds, "created": created})


def drop_others(
    tx: WriteTx, account_id: int, kinds: Sequence[str], newest: int, kept: Collection[int]
) -> None:
    """Delete what was stored up to instant `newest`, except by the runs that are kept."""
    values = {"account": account_id, "kinds": kinds, "newest": newest, "kept": list(kept)}
    tx.execute(_DROP_OTHERS, values)
