"""Objects that are kept as records: lists, placeholders, products, articles, grabbed variables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from diurnal.dialects.personyze import selecting
from diurnal.dialects.personyze.grammar import LIMIT_MAX, Asked, Condition
from diurnal.errors import InvalidInput
from diurnal.model.access import Access
from diurnal.services import records
from diurnal.services.context import Context
from diurnal.services.records import Record
from diurnal.store.database import Tx, WriteTx

Row = dict[str, Any]
TEXT_MAX = 10_000
_DIGITS = re.compile(r"[0-9]{1,18}")


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One such object.

    Attributes:
        columns: the named ones with what stands in them unless said otherwise.
        needed: must be given with a new record.
        unique: a second record with the same value of it changes the first.
        keys: columns by which records are found without a look at all of them.
        dynamic: whether any other column is kept too.
        numbers: columns that hold whole numbers only.
        number: the column of the record's own number.
        folded: keys that are found whatever their case.
    """

    name: str
    columns: Mapping[str, Any]
    needed: tuple[str, ...] = ()
    unique: str | None = None
    keys: tuple[str, ...] = ()
    dynamic: bool = False
    numbers: tuple[str, ...] = ()
    number: str = "id"
    folded: frozenset[str] = frozenset()

    @property
    def indexed(self) -> frozenset[str]:
        """Columns by which records are found without a look at all of them."""
        return frozenset({self.number, *self.keys})


_PRODUCT = (
    "internal_id",
    "title",
    "price",
    "sale_price",
    "is_in_stock",
    "guide_url",
    "image_big_url",
)
OBJECTS = {
    one.name: one
    for one in (
        Stored(
            name="placeholders",
            columns={"name": None, "html_id": None, "units_count_max": 1},
            needed=("name",),
            numbers=("units_count_max",),
        ),
        Stored(name="user_lists", columns={"name": None}, needed=("name",)),
        Stored(name="containers_grab_variable", columns={"name": None}, dynamic=True),
        Stored(
            name="products",
            columns=dict.fromkeys(_PRODUCT),
            unique="internal_id",
            keys=("internal_id",),
            dynamic=True,
        ),
        Stored(
            name="articles",
            columns=dict.fromkeys(_PRODUCT),
            unique="internal_id",
            keys=("internal_id",),
            dynamic=True,
        ),
    )
}


def rows(tx: Tx, caller: Access, of: Stored, asked: Asked) -> list[Row]:
    """Return the records that a path may select, each with all named columns."""
    return [row_of(of, r) for r in candidates(tx, caller, of, asked)]


def row_of(of: Stored, record: Record) -> Row:
    """Return a record as it is answered."""
    return {"id": record.seq, **of.columns, **record.values}


def candidates(tx: Tx, caller: Access, of: Stored, asked: Asked) -> Sequence[Record]:
    """Return the records among which those are that a path selects; few where it names a key."""
    if asked.id is not None:
        return records.numbered(tx, caller, of.name, [asked.id])
    by_number = not asked.descending and asked.order in ((), (of.number,))
    if not asked.where and by_number:
        return records.page(tx, caller, of.name, asked.offset + (asked.limit or LIMIT_MAX))
    keyed = [_by_key(branch, of.indexed) for branch in asked.where]
    if not keyed or None in keyed:
        return records.listed(tx, caller, of.name)
    found: dict[str, Record] = {}
    for condition in keyed:
        assert condition is not None  # noqa: S101 - looked at above
        for record in _of_key(tx, caller, of, condition):
            found[record.id] = record
    return sorted(found.values(), key=lambda r: r.seq)


def _by_key(branch: Sequence[Condition], indexed: frozenset[str]) -> Condition | None:
    return next((c for c in branch if c.operator in ("=", ":") and c.column in indexed), None)


def _of_key(tx: Tx, caller: Access, of: Stored, condition: Condition) -> Sequence[Record]:
    if condition.column == of.number:
        numbers = [int(v) for v in condition.values if _DIGITS.fullmatch(v)]
        return records.numbered(tx, caller, of.name, numbers)
    fold = condition.column in of.folded
    wanted = [records.key_of(v, folded=fold) for v in condition.values]
    return records.keyed(tx, caller, of.name, condition.column, wanted)


def known(of: Stored, column: str, rows: Sequence[Row]) -> bool:
    """Return whether there is such a column."""
    return (
        column == "id"
        or column in of.columns
        or (of.dynamic and (not rows or any(column in r for r in rows)))
    )


def create(tx: WriteTx, ctx: Context, caller: Access, of: Stored, given: Mapping[str, Any]) -> int:
    """Store a record, or change the one that has its unique value; return its number.

    Raises:
        InvalidInput: a column cannot be right.
    """
    values = checked(of, given)
    for name in of.needed:
        if values.get(name) in (None, ""):
            raise InvalidInput(f"{of.name} need a {name}", field=name)
    if of.unique and values.get(of.unique) is not None:
        key = records.key_of(values[of.unique])
        same = records.keyed(tx, caller, of.name, of.unique, [key])
        if same:
            return records.update(tx, ctx, caller, of.name, [(same[0], values)], keys=of.keys)[
                0
            ].seq
    [made] = records.create(tx, ctx, caller, of.name, [{**of.columns, **values}], keys=of.keys)
    return made.seq


def update(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    of: Stored,
    chosen: Sequence[Record],
    given: Mapping[str, Any],
) -> int:
    """Change columns of records; return how many."""
    values = checked(of, given)
    for name in of.needed:
        if name in values and values[name] in (None, ""):
            raise InvalidInput(f"{name} cannot be empty", field=name)
    records.update(tx, ctx, caller, of.name, [(r, values) for r in chosen], keys=of.keys)
    return len(chosen)


def checked(of: Stored, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns to store.

    Raises:
        InvalidInput: one is not there, is the number, or cannot hold its value.
    """
    values = {name: value for name, value in given.items() if name != "id"}
    for name, value in values.items():
        if not of.dynamic and name not in of.columns:
            raise InvalidInput(f"{of.name} have no column {name!r}", field=name)
        if name in of.numbers:
            values[name] = whole(name, value)
        elif name in of.columns and isinstance(value, list | dict):
            raise InvalidInput(f"{name} is a text or a number", field=name)
        elif isinstance(value, str) and len(value) > TEXT_MAX:
            raise InvalidInput(f"{name} has more than {TEXT_MAX} characters", field=name)
    return values


def whole(name: str, value: Any) -> int:
    """Return the whole number that a column holds.

    Raises:
        InvalidInput: it is none.
    """
    if isinstance(value, str) and (found := selecting.number(value)) is not None:
        value = found
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise InvalidInput(f"{name} is a whole number", field=name)
    if not 0 <= value < 2**31:
        raise InvalidInput(f"{name} is out of range", field=name)
    return int(value)
