"""What each verb does with each object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from diurnal.dialects.personyze import (
    derived,
    interactions,
    lists,
    people,
    selecting,
    stored,
    tracker,
)
from diurnal.dialects.personyze.grammar import Asked, Condition
from diurnal.dialects.personyze.stored import OBJECTS
from diurnal.errors import InvalidInput
from diurnal.model.access import Access
from diurnal.services import records
from diurnal.services.context import Context
from diurnal.services.records import Record
from diurnal.store.database import Tx, WriteTx

Row = dict[str, Any]

NOTIFICATION = "current_notification"
DONE = "products_interactions"
DAILY = "products_stats_daily"
TOTAL = "products_stats_total"
THROTTLED = frozenset({"users", "events", "sessions_archive"})
"""Objects of which slow queries are not answered often."""


def indexed(name: str) -> frozenset[str]:
    """Return the columns by which an object is found quickly."""
    if name == "users":
        return people.INDEXED
    return frozenset({"id"})


def throttled(asked: Asked) -> bool:
    """Return whether a query looks at everything of an object where that is not free."""
    return asked.object in THROTTLED and not selecting.quick(_plain(asked), indexed(asked.object))


def _plain(asked: Asked) -> Asked:
    """Return the path with the users' columns under their own names."""
    if asked.object != "users":
        return asked
    return msgspec.structs.replace(
        asked,
        where=tuple(
            tuple(Condition(selecting.snake(c.column), c.operator, c.values) for c in branch)
            for branch in asked.where
        ),
        order=tuple(selecting.snake(c) for c in asked.order),
    )


def read(tx: Tx, ctx: Context, caller: Access, asked: Asked) -> Any:
    """Answer a GET.

    Raises:
        InvalidInput: no such object or column.
    """
    records.may_read(caller)
    if asked.object == NOTIFICATION:
        return lists.notification(tx, ctx, caller)
    asked = _plain(asked)
    rows = _rows(tx, ctx, caller, asked)
    _refuse_unknown(tx, ctx, caller, asked, rows)
    kept = selecting.selected(rows, asked, _folded(asked.object))
    named = selecting.snake if asked.object == "users" else str
    return selecting.shown(selecting.cut(kept, asked), asked, named)


def _folded(name: str) -> frozenset[str]:
    return frozenset({"email", "user_email"}) if name in ("users", lists.MEMBERS) else frozenset()


def _rows(tx: Tx, ctx: Context, caller: Access, asked: Asked) -> list[Row]:
    name = asked.object
    if name == "users":
        return people.rows(tx, ctx, caller, asked)
    if name in OBJECTS:
        return stored.rows(tx, caller, OBJECTS[name], asked)
    if name == lists.MEMBERS:
        found = [row for row, _ in lists.pairs(tx, caller)]
    elif name == DONE:
        found = interactions.rows(tx, ctx, caller)
    elif name in (DAILY, TOTAL):
        return interactions.statistics(tx, ctx, caller, daily=name == DAILY)
    elif name in derived.OBJECTS_READ:
        found = derived.OBJECTS_READ[name][1](tx, ctx, caller, asked)
    else:
        raise _refused(name, "read")
    return found if asked.id is None else [row for row in found if row["id"] == asked.id]


def _refuse_unknown(
    tx: Tx, ctx: Context, caller: Access, asked: Asked, rows: Sequence[Row]
) -> None:
    told = (*(asked.columns or ()), *asked.order, *(c.column for b in asked.where for c in b))
    for column in told:
        if not _known(tx, ctx, caller, asked.object, column, rows):
            raise InvalidInput(f"{asked.object} have no column {column!r}", field=column)


def _known(
    tx: Tx, ctx: Context, caller: Access, name: str, column: str, rows: Sequence[Row]
) -> bool:
    if name == "users":
        state = ctx.state(tx, caller.account_id)
        return people.known(selecting.snake(column), state, rows)
    if name in OBJECTS:
        return stored.known(OBJECTS[name], column, rows)
    if name == lists.MEMBERS:
        return column in lists.COLUMNS
    if name in derived.OBJECTS_READ:
        return column in derived.OBJECTS_READ[name][0]
    return not rows or any(column in row for row in rows)


def create(tx: WriteTx, ctx: Context, caller: Access, name: str, given: Any) -> int:
    """Answer a POST with the number of the new record.

    Raises:
        InvalidInput: the object cannot be added to, or not this.
    """
    records.hold(tx, ctx, caller)
    if name == "do":
        return interactions.do(tx, ctx, caller, given)
    if name == DONE:
        return interactions.create_one(tx, ctx, caller, given)
    if not isinstance(given, dict):
        raise InvalidInput("the body is a JSON object")
    if name == "users":
        return people.create(tx, ctx, caller, given)
    if name == lists.MEMBERS:
        return lists.join(tx, ctx, caller, given)
    if name in OBJECTS:
        return stored.create(tx, ctx, caller, OBJECTS[name], given)
    raise _refused(name, "added to")


def _refused(name: str, what: str) -> InvalidInput:
    known = name in derived.OBJECTS_READ or name in (
        DONE,
        DAILY,
        TOTAL,
        NOTIFICATION,
        "do",
        tracker.OBJECT,
    )
    known = known or name in OBJECTS or name in ("users", lists.MEMBERS)
    return InvalidInput(f"{name} cannot be {what}" if known else f"no object is called {name!r}")


def update(tx: WriteTx, ctx: Context, caller: Access, asked: Asked, given: Any) -> int:
    """Answer a PUT with the number of records that were meant.

    Raises:
        InvalidInput: nothing says which records, or they cannot be changed so.
    """
    if not isinstance(given, Mapping):
        raise InvalidInput("the body is a JSON object")
    _refuse_all(asked, "changes")
    records.hold(tx, ctx, caller)
    asked = _plain(asked)
    if asked.object == "users":
        picked = _picked(tx, ctx, caller, asked, people.chosen(tx, ctx, caller, asked))
        return people.update(tx, ctx, caller, picked, given)
    if asked.object not in OBJECTS:
        raise _refused(asked.object, "changed")
    of = OBJECTS[asked.object]
    there = [(stored.row_of(of, r), r) for r in stored.candidates(tx, caller, of, asked)]
    chosen = [r for _, r in _picked(tx, ctx, caller, asked, there)]
    return stored.update(tx, ctx, caller, of, chosen, given) if chosen else 0


def delete(tx: WriteTx, ctx: Context, caller: Access, asked: Asked) -> int:
    """Answer a DELETE with the number of records that were meant.

    Raises:
        InvalidInput: nothing says which records, or they cannot be deleted.
    """
    records.hold(tx, ctx, caller)
    if asked.object == NOTIFICATION:
        return lists.put_away(tx, ctx, caller, _message(asked))
    _refuse_all(asked, "deletes")
    asked = _plain(asked)
    if asked.object == "users":
        picked = _picked(tx, ctx, caller, asked, people.chosen(tx, ctx, caller, asked))
        return people.delete(tx, ctx, caller, picked)
    if asked.object == lists.MEMBERS:
        there = lists.pairs(tx, caller)
        if asked.id is not None:
            there = [(row, r) for row, r in there if r.seq == asked.id]
    elif asked.object in OBJECTS:
        of = OBJECTS[asked.object]
        there = [(stored.row_of(of, r), r) for r in stored.candidates(tx, caller, of, asked)]
    else:
        raise _refused(asked.object, "deleted")
    ids = [r.id for _, r in _picked(tx, ctx, caller, asked, there)]
    if ids:
        records.delete(tx, ctx, caller, asked.object, ids)
    return len(ids)


def _refuse_all(asked: Asked, what: str) -> None:
    if asked.id is None and not asked.where:
        raise InvalidInput(f"an id or where says which records a request {what}")


def _message(asked: Asked) -> int:
    for branch in asked.where:
        for c in branch:
            if c.column == "message_id" and c.operator == "=" and c.values[0].isdigit():
                return int(c.values[0][:18])
    raise InvalidInput("where/message_id=… says which notification", field="message_id")


def _picked(
    tx: Tx, ctx: Context, caller: Access, asked: Asked, there: Sequence[tuple[Row, Any]]
) -> list[tuple[Row, Any]]:
    """Return the rows that a path means, with what is behind them."""
    rows = [row for row, _ in there]
    _refuse_unknown(tx, ctx, caller, asked, rows)
    behind: dict[int, Record | None] = {id(row): record for row, record in there}
    kept = selecting.selected(rows, asked, _folded(asked.object))
    if asked.limit is not None:
        kept = list(selecting.cut(kept, asked))
    return [(row, behind[id(row)]) for row in kept]
