"""Values of attributes, as both versions list them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diurnal.dialects.exist import book as books
from diurnal.dialects.exist import shapes, tags
from diurnal.dialects.exist.book import Book
from diurnal.dialects.exist.shapes import Attribute
from diurnal.errors import NotFound
from diurnal.model.access import Access
from diurnal.services import spans
from diurnal.services.context import Context
from diurnal.services.days import Day
from diurnal.store.database import Tx

Row = dict[str, Any]
Found = Mapping[str, list[Day]]


def today(tx: Tx, ctx: Context, caller: Access) -> list[Row]:
    """Return the groups of version 1's `today`, each with its attributes."""
    book = books.read(tx, ctx, caller)
    day = book.state.zones.day_at(ctx.now())
    asked = books.wanted(book, caller)
    beside = tags.of(book) if any(a.name == tags.DIGEST for a in asked) else []
    found = books.window(tx, ctx, caller, book, [*asked, *beside], day, day)
    groups: dict[str, Row] = {}
    for a in asked:
        group = groups.setdefault(
            a.group.name,
            {
                "group": a.group.name,
                "label": a.group.label,
                "priority": a.group.priority,
                "items": [],
            },
        )
        [row] = _values(book, a, found, day, day)
        group["items"].append(
            shapes.write_flat(
                a,
                row["value"],
                books.service_of(tx, caller, book, a, found),
                private=book.holding(a).private,
            )
        )
    return sorted(groups.values(), key=lambda g: (g["priority"], g["group"]))


def _values(book: Book, a: Attribute, found: Found, first: int, last: int) -> list[Row]:
    if a.name == tags.DIGEST:
        return tags.digests(book, found, first, last)
    return books.values(book, a, found, first, last)


def listed(
    tx: Tx,
    ctx: Context,
    caller: Access,
    *,
    count: int,
    date_max: str | None,
    names: frozenset[str] | None,
    groups: frozenset[str] | None,
) -> list[Row]:
    """Return the attributes of version 1 with their last days."""
    book = books.read(tx, ctx, caller)
    last = shapes.newest(date_max, book.state.zones.day_at(ctx.now()))
    first = max(last - count + 1, shapes.DAY_MIN)
    asked = books.wanted(book, caller, names=names, groups=groups)
    beside = tags.of(book) if any(a.name == tags.DIGEST for a in asked) else []
    found = books.window(tx, ctx, caller, book, [*asked, *beside], first, last)
    return [
        shapes.write_attribute(
            a,
            _values(book, a, found, first, last),
            books.service_of(tx, caller, book, a, found),
            private=book.holding(a).private,
        )
        for a in asked
        if has_data(tx, ctx, caller, book, a, found)
    ]


def has_data(tx: Tx, ctx: Context, caller: Access, book: Book, a: Attribute, found: Found) -> bool:
    """Return whether an attribute has an owner or a value that the caller may see."""
    if any(k in book.held for k in a.keys) or a.name == tags.DIGEST:
        return True
    if any(d.value is not None for d in shapes.unite(a, found) if any(k in found for k in a.keys)):
        return True
    return first_day(tx, ctx, caller, book, a) is not None


def first_day(tx: Tx, ctx: Context, caller: Access, book: Book, a: Attribute) -> int | None:
    """Return the first day with a value, None where there is none."""
    keys = [key for key in a.keys if key in book.extent]
    if not keys:
        return None
    first = min(book.extent[k][0] for k in keys)
    last = max(book.extent[k][1] for k in keys)
    return spans.first_day(tx, ctx, caller, keys, first, last)


def values(
    tx: Tx,
    ctx: Context,
    caller: Access,
    name: str,
    *,
    page: int,
    size: int,
    date_max: str | None,
) -> tuple[int, list[Row]]:
    """Return how many days an attribute has, and a page of them, newest first.

    Raises:
        NotFound: no such attribute, or not the caller's to read.
    """
    book = books.read(tx, ctx, caller)
    a = book.attributes.get(name)
    template = name in shapes.templates()
    if a is None or not (template or (book.there(a) and books.may_read(book, caller, a))):
        raise NotFound
    if not books.may_read(book, caller, a):
        return 0, []
    beside = [a, *tags.of(book)] if name == tags.DIGEST else [a]
    last = shapes.newest(date_max, book.state.zones.day_at(ctx.now()))
    starts = [first_day(tx, ctx, caller, book, one) for one in beside]
    first = min((s for s in starts if s is not None), default=None)
    total = 0 if first is None else max(last - first + 1, 0)
    if page > 1 and (page - 1) * size >= total:
        raise shapes.InvalidPage("Invalid page.")
    if first is None or not total:
        return 0, []
    end = last - (page - 1) * size
    start = max(end - size + 1, first)
    found = books.window(tx, ctx, caller, book, beside, start, end)
    return total, _values(book, a, found, start, end)
