"""Rows of `attribute` and `attribute_offer`: which application fills a measure, and which could."""

from __future__ import annotations

import msgspec
from sqlalchemy import bindparam, delete, literal_column, select
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import attribute, attribute_offer


class Attribute(msgspec.Struct, frozen=True, kw_only=True):
    """How a measure is filled and shown.

    Attributes:
        client_id: the application that owns it, None for nobody.
        value_type, group: of an own measure, as Exist's API numbers and names them.
    """

    measure: str
    client_id: str | None = None
    active: bool = True
    private: bool = False
    manual: bool = False
    value_type: int | None = None
    group: str | None = None
    modified: int = 0


_COLUMNS = tuple(c.name for c in attribute.columns)
_ALL = Sql(
    select(*[c for c in attribute.columns if c.name != "account_id"]).where(
        attribute.c.account_id == bindparam("account")
    )
)
_SAVE = ordered(
    _COLUMNS,
    upsert(attribute).on_conflict_do_update(
        index_elements=["account_id", "measure"],
        set_={
            c: literal_column(f"excluded.{c}")
            for c in _COLUMNS
            if c not in ("account_id", "measure")
        },
    ),
)
_OFFERS = Sql(
    select(attribute_offer.c.measure, attribute_offer.c.client_id, attribute_offer.c.since_us)
    .where(attribute_offer.c.account_id == bindparam("account"))
    .order_by(attribute_offer.c.since_us, attribute_offer.c.client_id)
)
_OFFER = ordered(
    ("account_id", "measure", "client_id", "since_us"),
    upsert(attribute_offer).on_conflict_do_update(
        index_elements=["account_id", "measure", "client_id"],
        set_={"since_us": literal_column("excluded.since_us")},
    ),
)
_WITHDRAW = Sql(
    delete(attribute_offer).where(
        attribute_offer.c.account_id == bindparam("account"),
        attribute_offer.c.measure == bindparam("measure"),
        attribute_offer.c.client_id == bindparam("client"),
    )
)


def _attribute(row: Row) -> Attribute:
    return Attribute(
        measure=row[0],
        client_id=row[1],
        active=bool(row[2]),
        private=bool(row[3]),
        manual=bool(row[4]),
        value_type=row[5],
        group=row[6],
        modified=row[7],
    )


def all_of(tx: Tx, account_id: int) -> dict[str, Attribute]:
    """Return what is said of measures, by measure."""
    return {row[0]: _attribute(row) for row in tx.execute(_ALL, {"account": account_id})}


def save(tx: WriteTx, account_id: int, a: Attribute) -> None:
    """Store what is said of a measure."""
    row = (
        account_id,
        a.measure,
        a.client_id,
        int(a.active),
        int(a.private),
        int(a.manual),
        a.value_type,
        a.group,
        a.modified,
    )
    tx.many(_SAVE, [row])


def offers(tx: Tx, account_id: int) -> dict[str, list[str]]:
    """Return the applications that can fill each measure, the longest waiting first."""
    found: dict[str, list[str]] = {}
    for measure, client, _ in tx.execute(_OFFERS, {"account": account_id}):
        found.setdefault(measure, []).append(client)
    return found


def offer(tx: WriteTx, account_id: int, measure: str, client_id: str, now: int) -> None:
    """Store that an application can fill a measure."""
    tx.many(_OFFER, [(account_id, measure, client_id, now)])


def withdraw(tx: WriteTx, account_id: int, measure: str, client_id: str) -> None:
    """Forget that an application can fill a measure."""
    values = {"account": account_id, "measure": measure, "client": client_id}
    tx.execute(_WITHDRAW, values)
