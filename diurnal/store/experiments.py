"""Rows of `experiment`."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql
from diurnal.store.tables import experiment


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One row.

    Attributes:
        measures: what is looked at.
        blocks: the schedule, None until it is drawn; verdicts None until somebody has looked.
        looked: when the verdicts were made.
    """

    id: str
    name: str
    arm_a: str
    arm_b: str
    measures: list[str]
    seed: int
    first_day: int
    pairs: int
    block_days: int
    washout_days: int
    blocks: list[dict[str, Any]] | None
    verdicts: list[dict[str, Any]] | None
    looked: int | None
    cancelled: int | None
    created: int
    modified: int


_COLUMNS = (
    experiment.c.id,
    experiment.c.name,
    experiment.c.arm_a,
    experiment.c.arm_b,
    experiment.c.measures,
    experiment.c.seed,
    experiment.c.first_day,
    experiment.c.pairs,
    experiment.c.block_days,
    experiment.c.washout_days,
    experiment.c.blocks,
    experiment.c.verdicts,
    experiment.c.looked_us,
    experiment.c.cancelled_us,
    experiment.c.created_us,
    experiment.c.modified_us,
)
_ADD = Sql(
    insert(experiment).values(
        {c.name: bindparam(f"{c.name}_new") for c in _COLUMNS}
        | {"account_id": bindparam("account")}
    )
)
_ALL = Sql(
    select(*_COLUMNS)
    .where(experiment.c.account_id == bindparam("account"))
    .order_by(experiment.c.first_day.desc(), experiment.c.id)
)
_GET = Sql(
    select(*_COLUMNS).where(
        experiment.c.account_id == bindparam("account"), experiment.c.id == bindparam("one")
    )
)
_SAVE = Sql(
    update(experiment)
    .where(experiment.c.account_id == bindparam("account"), experiment.c.id == bindparam("one"))
    .values(
        blocks=bindparam("blocks_new"),
        verdicts=bindparam("verdicts_new"),
        looked_us=bindparam("looked_new"),
        cancelled_us=bindparam("cancelled_new"),
        modified_us=bindparam("modified_new"),
    )
)
_DROP = Sql(
    delete(experiment).where(
        experiment.c.account_id == bindparam("account"), experiment.c.id == bindparam("one")
    )
)


def _stored(row: Row) -> Stored:
    values = dict(zip(Stored.__struct_fields__, row, strict=True))
    for name in ("measures", "blocks", "verdicts"):
        if values[name] is not None:
            values[name] = msgspec.json.decode(values[name])
    return Stored(**values)


def _text(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def add(tx: WriteTx, account_id: int, new: Stored) -> None:
    """Store a new one."""
    row = (
        new.id,
        new.name,
        new.arm_a,
        new.arm_b,
        _text(new.measures),
        new.seed,
        new.first_day,
        new.pairs,
        new.block_days,
        new.washout_days,
        _text(new.blocks),
        _text(new.verdicts),
        new.looked,
        new.cancelled,
        new.created,
        new.modified,
    )
    values = {f"{c.name}_new": value for c, value in zip(_COLUMNS, row, strict=True)}
    tx.execute(_ADD, {"account": account_id, **values})


def all_of(tx: Tx, account_id: int) -> list[Stored]:
    """Return all of an account, the latest first."""
    return [_stored(row) for row in tx.execute(_ALL, {"account": account_id})]


def get(tx: Tx, account_id: int, id_: str) -> Stored | None:
    """Return one."""
    row = tx.one(_GET, {"account": account_id, "one": id_})
    return _stored(row) if row else None


def save(tx: WriteTx, account_id: int, changed: Stored) -> None:
    """Store schedule, verdicts and end of one; what was planned stays."""
    tx.execute(
        _SAVE,
        {
            "account": account_id,
            "one": changed.id,
            "blocks_new": _text(changed.blocks),
            "verdicts_new": _text(changed.verdicts),
            "looked_new": changed.looked,
            "cancelled_new": changed.cancelled,
            "modified_new": changed.modified,
        },
    )


def drop(tx: WriteTx, account_id: int, id_: str) -> None:
    """Delete one."""
    tx.execute(_DROP, {"account": account_id, "one": id_})
