"""Version 2's attributes, templates and values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diurnal.dialects.exist import book as books
from diurnal.dialects.exist import reading, shapes, tags
from diurnal.dialects.exist.book import LOW_PRIORITY, Book
from diurnal.dialects.exist.shapes import Attribute
from diurnal.errors import NotFound
from diurnal.model.access import Access
from diurnal.services.context import Context
from diurnal.store.database import Tx

Row = dict[str, Any]

NOT_IN_V2 = frozenset({tags.DIGEST, "sunrise", "sunset"})


def attribute(book: Book, a: Attribute, *, offered: bool = True) -> Row:
    """Return an attribute as version 2 lists it."""
    held, service = book.holding(a), book.service(a)
    row: Row = {
        "template": a.name if a.name in shapes.templates() else None,
        "name": a.name,
        "label": a.label,
        "group": shapes.write_group(a.group, v2=True),
        "service": None if service is None else {"name": service[0], "label": service[1]},
        "active": held.active,
        "priority": a.priority,
        "manual": held.manual,
        "value_type": a.type_v2,
        "value_type_description": shapes.TYPES_V2[a.type_v2],
    }
    if offered:
        ids = [id_ for k in books.holders(a) for id_ in book.offers.get(k, ())]
        names = [book.services[id_] for id_ in dict.fromkeys(ids) if id_ in book.services]
        row["available_services"] = [{"name": shapes.slug(n), "label": n} for n in names]
    return row


def templates(*, low: bool, groups: frozenset[str] | None) -> list[Row]:
    """Return the templates."""
    return [
        {
            "name": a.name,
            "label": a.label,
            "group": shapes.write_group(a.group, v2=True),
            "priority": a.priority,
            "value_type": a.type_v2,
            "value_type_description": shapes.TYPES_V2[a.type_v2],
        }
        for a in sorted(
            shapes.templates().values(), key=lambda a: (a.group.priority, a.group.name, a.priority)
        )
        if a.name not in NOT_IN_V2
        and (low or a.priority < LOW_PRIORITY)
        and (groups is None or a.group.name in groups)
    ]


class Filter:
    """Which attributes a list of version 2 is about."""

    def __init__(
        self,
        *,
        names: frozenset[str] | None = None,
        groups: frozenset[str] | None = None,
        templates: frozenset[str] | None = None,
        manual: bool | None = None,
        custom: bool = True,
        inactive: bool = False,
        low: bool = False,
        owned: bool = False,
    ) -> None:
        self.names, self.groups, self.templates = names, groups, templates
        self.manual, self.custom, self.inactive = manual, custom, inactive
        self.low, self.owned = low, owned

    def keeps(self, book: Book, caller: Access, a: Attribute) -> bool:
        """Return whether an attribute is listed."""
        held = book.holding(a)
        named = self.names is not None and a.name in self.names
        return (
            a.name not in NOT_IN_V2
            and (self.templates is None or a.name in self.templates)
            and (self.manual is None or held.manual is self.manual)
            and (self.custom or a.group.name != "custom")
            and (self.low or named or a.priority < LOW_PRIORITY)
            and (
                not self.owned
                or (caller.client_id is not None and held.client_id == caller.client_id)
            )
        )


def chosen(book: Book, caller: Access, asked: Filter) -> list[Attribute]:
    """Return the attributes that are there, that may be read and that are asked for."""
    found = books.wanted(
        book, caller, names=asked.names, groups=asked.groups, inactive=asked.inactive
    )
    if asked.owned:
        # A service sees what it owns even where it may only write.
        found = [
            a
            for a in book.attributes.values()
            if (asked.names is None or a.name in asked.names)
            and (asked.groups is None or a.group.name in asked.groups)
            and book.there(a)
            and (asked.inactive or book.active(a))
        ]
    return [a for a in found if asked.keeps(book, caller, a)]


def attributes(tx: Tx, ctx: Context, caller: Access, asked: Filter) -> list[Row]:
    """Return attributes without values."""
    book = books.read(tx, ctx, caller)
    return [attribute(book, a) for a in chosen(book, caller, asked)]


def with_values(
    tx: Tx,
    ctx: Context,
    caller: Access,
    asked: Filter,
    *,
    days: int,
    date_max: str | None,
    page: int,
    size: int,
) -> tuple[int, list[Row]]:
    """Return how many attributes there are, and a page of them with their last days."""
    book = books.read(tx, ctx, caller)
    found = chosen(book, caller, asked)
    shown = page_of(found, page, size)
    today = book.state.zones.day_at(ctx.now())
    last = shapes.newest(date_max, today)
    first = max(last - days + 1, shapes.DAY_MIN)
    known = books.window(tx, ctx, caller, book, shown, first, last)
    rows = []
    for a in shown:
        values = books.values(book, a, known, first, last)
        if last == today and values and values[0]["value"] is None and _starts_at_zero(a):
            values[0]["value"] = 0
        told = [{"date": v["date"], "value": v["value"]} for v in values]
        rows.append({**attribute(book, a, offered=False), "values": told})
    return len(found), rows


def _starts_at_zero(a: Attribute) -> bool:
    """Return whether the current day reads 0 while nothing is known of it."""
    # Not a decimal: nobody weighs 0 kg before they step on the scales.
    return a.tag or a.type_v2 in (0, 3, 5, 7)


def page_of(found: Sequence[Any], page: int, size: int) -> Sequence[Any]:
    """Return a page of a list.

    Raises:
        InvalidPage: there is no such page.
    """
    if page > 1 and (page - 1) * size >= len(found):
        raise shapes.InvalidPage("Invalid page.")
    return found[(page - 1) * size : page * size]


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
        NotFound: no such attribute.
    """
    if name in NOT_IN_V2:
        raise NotFound
    total, rows = reading.values(tx, ctx, caller, name, page=page, size=size, date_max=date_max)
    return total, [{"date": r["date"], "value": r["value"]} for r in rows]
