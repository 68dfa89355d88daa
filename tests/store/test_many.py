"""Rows that go in together are stored as if they had gone in one by one."""

from __future__ import annotations

import apsw
import pytest
from sqlalchemy import bindparam, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.model.access import Access
from diurnal.services.context import Context
from diurnal.store import audit, source_days
from diurnal.store.database import Store, Tx
from diurnal.store.sql import Sql, ordered
from diurnal.store.sqlite import SqliteStore
from diurnal.store.tables import counter

_SET = ordered(("name", "value"), insert(counter))
_PUT = ordered(
    ("name", "value"),
    upsert(counter).on_conflict_do_update(
        index_elements=["name"], set_={"value": literal_column("excluded.value")}
    ),
)
_ADD = ordered(
    ("more", "which"),
    update(counter)
    .where(counter.c.name == bindparam("which"))
    .values(value=counter.c.value + bindparam("more")),
)
_ALL = Sql(select(counter.c.name, counter.c.value))


def everything(store: Store) -> dict[str, int]:
    return store.read(lambda tx: dict(tx.execute(_ALL, {})))


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 63, 64, 65, 127, 300])
def test_any_number_of_rows_goes_in(store: Store, n: int) -> None:
    rows = [(f"row {i}", i) for i in range(n)]
    store.write(lambda tx: tx.many(_SET, iter(rows))).result()
    assert everything(store) == dict(rows)
    store.write(lambda tx: tx.many(_ADD, [(1000, name) for name, _ in rows])).result()
    assert everything(store) == {name: i + 1000 for name, i in rows}


def test_of_rows_with_the_same_key_the_last_one_stands(store: Store) -> None:
    rows = [(f"row {i % 40}", i) for i in range(100)]
    store.write(lambda tx: tx.many(_PUT, rows)).result()
    assert everything(store) == dict(rows)


def test_of_rows_of_which_one_is_taken_none_goes_in(store: Store) -> None:
    store.write(lambda tx: tx.many(_SET, [("row 70", 0)])).result()
    with pytest.raises(Exception, match=r"UNIQUE|unique"):
        store.write(lambda tx: tx.many(_SET, [(f"row {i}", i) for i in range(100)])).result()
    assert everything(store) == {"row 70": 0}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_statement_is_planned_once_whatever_it_is_asked(ctx: Context, alice: Access) -> None:
    assert isinstance(ctx.store, SqliteStore)
    connection = ctx.store._reader()
    planned: list[int] = []

    def read(tx: Tx) -> None:
        audit.head(tx, alice.account_id)
        source_days.seen_on(tx, alice.account_id, ["steps"], [1])

    def asked(action: int, *_rest: str | None) -> int:
        planned.append(action)  # asked once for each thing that a plan wants to do
        return apsw.SQLITE_OK

    connection.authorizer = asked
    try:
        ctx.store.read(read)
        assert planned
        planned.clear()
        for _ in range(3):
            ctx.store.read(read)
    finally:
        connection.authorizer = None
    assert not planned
