"""Values that services write: checked by type, item by item, and stored as day rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from diurnal import catalog
from diurnal.dialects.exist import book as books
from diurnal.dialects.exist import shapes, tags
from diurnal.dialects.exist.book import Book
from diurnal.dialects.exist.shapes import Attribute
from diurnal.errors import AppError, Forbidden, InvalidInput
from diurnal.model import time
from diurnal.model.access import Access
from diurnal.model.measures import ValueKind
from diurnal.model.records import OwnMeasure
from diurnal.model.units import is_finite
from diurnal.services import days, measures
from diurnal.services.context import Context
from diurnal.services.day_inputs import SERVICE
from diurnal.services.days import NewDay
from diurnal.store.database import Tx, WriteTx

Item = dict[str, Any]

BATCH_MAX = 36
"""The contract says 35; clients send 36, and the vendor takes them."""
APPENDED_MAX = 1_000
TEXT_MAX = 250
INT_MAX = 2**53
_INT = re.compile(r"[+-]?[0-9]{1,16}")
_FLOAT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_COUNTED = frozenset({0, 1, 3, 5, 7})
"""Types to which something can be added."""
_RANGES = {3: (0, INT_MAX), 4: (0, 1439), 6: (0, 1439), 7: (0, 1), 8: (1, 9)}


class Failed(Exception):
    """Why one item is not done, in Exist's words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Answer(msgspec.Struct):
    """What became of each item."""

    success: list[Any]
    failed: list[Any]

    @property
    def status(self) -> int:
        """200, or 202 where something failed."""
        return 202 if self.failed else 200


def each(items: Sequence[Any], do: Callable[[int, Item], Any]) -> Answer:
    """Do each item for itself; echo it, with why not where it failed."""
    answer = Answer([], [])
    for n, item in enumerate(items):
        if not isinstance(item, dict):
            failed = {"error": f"Object at index {n} is not an object", "error_code": "validation"}
            answer.failed.append(failed)
            continue
        try:
            answer.success.append(do(n, item) or item)
        except Failed as why:
            answer.failed.append(_why(item, why.code, why.message))
        except Forbidden as error:
            answer.failed.append(_why(item, "not_allowed", error.message))
        except AppError as error:
            answer.failed.append(_why(item, "validation", error.message))
    return answer


def _why(item: Item, code: str, message: str) -> Item:
    """Return an item with why it failed; its name is told also where a template was asked for."""
    named = {"name": item["template"]} if "name" not in item and "template" in item else {}
    return {**item, **named, "error": message, "error_code": code}


def needed(n: int, item: Item, *names: str) -> None:
    """Refuse an item that lacks fields, or has null in them.

    Raises:
        Failed: it does.
    """
    missing = [name for name in names if item.get(name) is None]
    if missing:
        told = ", ".join(f"'{name}'" for name in missing)
        raise Failed("missing_field", f"Object at index {n} missing field(s) {told}")


def update(
    tx: WriteTx, ctx: Context, caller: Access, items: Sequence[Any], *, version: int
) -> Answer:
    """Set the values of days; the last word on a day counts."""
    book = books.read(tx, ctx, caller)
    rows: dict[int, list[NewDay]] = {}

    def one(n: int, item: Item) -> Item:
        nonlocal book
        needed(n, item, "name", "date", "value")
        a = _owned(book, caller, item["name"])
        day = _day(item["date"])
        if a.name == tags.DIGEST:
            book, values = _digested(tx, ctx, caller, book, day, item["value"])
        else:
            values = [(a, day, typed(a, item["value"], version=version))]
        rows[n] = _rows(caller, values)
        return item

    answer = each(items, one)
    told = days.write_each(tx, ctx, caller, list(rows.values()))
    refused = {n: told[i] for i, n in enumerate(rows) if i in told}
    if not refused:
        return answer

    def again(n: int, item: Item) -> Item:
        if n in refused:
            raise refused[n]
        return one(n, item)

    return each(items, again)


def increment(tx: WriteTx, ctx: Context, caller: Access, items: Sequence[Any]) -> Answer:
    """Add to the values of days; tell the new totals."""
    book = books.read(tx, ctx, caller)
    today = book.state.zones.day_at(ctx.now())

    def one(n: int, item: Item) -> Item:
        needed(n, item, "name", "value")
        a = _owned(book, caller, item["name"])
        day = today if item.get("date") is None else _day(item["date"])
        if a.type_v2 not in _COUNTED:
            raise Failed("validation", f"Attribute '{a.name}' cannot be incremented")
        more = _number(item["value"], whole=a.type_v2 not in (1, 5))
        before = _there(tx, ctx, caller, book, a, day)
        total = typed(a, before + more, version=2)
        _store(tx, ctx, caller, [(a, day, total)])
        return {**item, "date": time.day_text(day), "current": total}

    return each(items, one)


def append(tx: WriteTx, ctx: Context, caller: Access, items: Sequence[Any]) -> Answer:
    """Add tags to days, whoever owns them, and leave the other tags of the day."""
    book = books.read(tx, ctx, caller)
    today = book.state.zones.day_at(ctx.now())

    def one(n: int, item: Item) -> Item:
        nonlocal book
        needed(n, item, "value")
        day = today if item.get("date") is None else _day(item["date"])
        if not isinstance(item["value"], str):
            raise Failed("validation", "A tag is a text")
        name = tags.slug(item["value"])
        book = _with_tags(tx, ctx, caller, book, [name])
        _store(tx, ctx, caller, [(book.attributes[name], day, 1)])
        return {"date": time.day_text(day), "value": item["value"]}

    return each(items, one)


def _owned(book: Book, caller: Access, name: Any) -> Attribute:
    """Return the attribute that the caller's service owns.

    Raises:
        Failed: there is none, or it is another's.
    """
    a = book.attributes.get(name) if isinstance(name, str) else None
    if a is None or not book.there(a):
        raise Failed("not_found", f"User doesn't have an attribute named '{name}'")
    if book.holding(a).client_id != caller.client_id or caller.client_id is None:
        raise Failed("unauthorised", f"Attribute '{name}' does not belong to this service")
    return a


def _day(text: Any) -> int:
    if not isinstance(text, str):
        raise Failed("validation", "A date is a text like 2015-05-20")
    try:
        return time.day_from_text(text.strip())
    except InvalidInput:
        raise Failed("validation", f"'{text[:40]}' is not a valid date (YYYY-mm-dd)") from None


def typed(a: Attribute, value: Any, *, version: int) -> Any:
    """Return a value of an attribute's type; numbers may come as texts.

    Raises:
        Failed: it is none.
    """
    type_ = a.type_v1 if version == 1 else a.type_v2
    if type_ == 2:
        if not isinstance(value, str):
            raise Failed("validation", "Value must be a string")
        most = a.length_max or TEXT_MAX
        if len(value) > most or "\0" in value:
            raise Failed("validation", f"Value must have at most {most} characters")
        return value
    if type_ == 7 and isinstance(value, bool):
        value = int(value)
    number = _number(value, whole=type_ not in (1, 5))
    if type_ == 5 and not 0 <= number <= 1:
        raise Failed("validation", "Value must be a float between 0 and 1")
    tag = a.tag or a.type_v2 == 7
    scale = a.name == "mood"
    low, high = (0, 1) if tag else (1, 9) if scale else _RANGES.get(type_, (-INT_MAX, INT_MAX))
    if not low <= number <= high:
        raise Failed("validation", f"Value must be between {low} and {high}")
    return number


def _number(value: Any, *, whole: bool) -> Any:
    if isinstance(value, str) and (_FLOAT if not whole else _INT).fullmatch(value.strip()):
        value = int(value) if whole else float(value)
    elif isinstance(value, str) and whole and _FLOAT.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Failed("validation", "Value must be a number")
    if not is_finite(value) or abs(value) > INT_MAX:
        raise Failed("validation", "Value is out of range")
    if whole and value != int(value):
        raise Failed("validation", "Cannot apply a float to an integer type")
    return int(value) if whole else float(value)


def _store(
    tx: WriteTx, ctx: Context, caller: Access, values: Sequence[tuple[Attribute, int, Any]]
) -> None:
    """Store values of days as the owning service's word."""
    if values:
        days.write_rows(tx, ctx, caller, _rows(caller, values))


def _rows(caller: Access, values: Sequence[tuple[Attribute, int, Any]]) -> list[NewDay]:
    rows = []
    for a, day, value in values:
        measure = a.measures[0]
        told: float | str = value
        if not isinstance(value, str):
            unit = shapes.unit_of(a, measure)
            told = catalog.to_canonical(measure, float(value), unit) if unit else float(value)
            if catalog.day_kind(measure) is ValueKind.INTEGER:
                told = shapes.rounded(told)
        rows.append(NewDay(measure.key, day, told, caller.name, written_by=SERVICE))
    return rows


def _there(tx: Tx, ctx: Context, caller: Access, book: Book, a: Attribute, day: int) -> float:
    """Return the value of a day in the attribute's unit, 0 where none is known."""
    keys = list(a.keys)
    found = days.values(tx, ctx, _all_seeing(caller), keys, day, day)
    [row] = shapes.write_days(a, found)
    value = row["value"]
    return value if isinstance(value, int | float) else 0


def _all_seeing(caller: Access) -> Access:
    """Return the owner's access: a total that is added to counts whether one may read it or not."""
    from diurnal.services import accesses

    return accesses.personal(caller.account_id, caller.username)


def _with_tags(tx: WriteTx, ctx: Context, caller: Access, book: Book, names: Sequence[str]) -> Book:
    """Return the book with these tags in it, making those that are not there.

    Raises:
        Failed: an attribute of another type has that name.
    """
    made = False
    for name in names:
        known = book.attributes.get(name)
        if known is not None and not known.tag:
            raise Failed("validation", f"'{name}' is an attribute, and no tag")
        if known is None:
            own = OwnMeasure(key=name, label=tags.label(name), value=ValueKind.BOOLEAN.value)
            made = measures.ensure_own(tx, ctx, caller, own) or made
    return books.read(tx, ctx, caller) if made else book


def _digested(
    tx: WriteTx, ctx: Context, caller: Access, book: Book, day: int, value: Any
) -> tuple[Book, list[tuple[Attribute, int, Any]]]:
    """Return what makes exactly these the tags of a day: the others of the account are 0 there."""
    if not isinstance(value, str):
        raise Failed("validation", "Value must be a string")
    names = tags.split(value)
    book = _with_tags(tx, ctx, caller, book, names)
    return book, [(a, day, int(a.name in names)) for a in tags.of(book)]
