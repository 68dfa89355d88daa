"""What an account has, as Exist sees it: its attributes, who fills each, and what may be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from diurnal.dialects.exist import shapes, tags
from diurnal.dialects.exist.shapes import Attribute
from diurnal.model.access import Access
from diurnal.services import accesses, days, ownership
from diurnal.services.context import AccountState, Context
from diurnal.services.days import Day
from diurnal.services.ownership import Attribute as Held
from diurnal.store.database import Tx

NOBODY = "builtin"
NOTHING = Held(measure="")
LOW_PRIORITY = 10
"""From here on version 2 lists an attribute only to whoever asks for it."""
TAGS = "tags"
"""Stands for all tags where one measure is named."""


def holders(a: Attribute) -> tuple[str, ...]:
    """Return the measures under which it is kept who owns an attribute."""
    return (TAGS,) if a.name == tags.DIGEST else a.keys


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """All attributes of an account, as one caller sees them.

    Attributes:
        attributes: by name, in Exist's order.
        held: what is said of each measure.
        offers: applications that could fill each.
        services: names of the applications.
        extent: first and last day that each measure may have a value on.
    """

    state: AccountState
    attributes: dict[str, Attribute]
    held: Mapping[str, Held]
    offers: Mapping[str, list[str]]
    services: Mapping[str, str]
    extent: Mapping[str, tuple[int, int]]

    def holding(self, a: Attribute) -> Held:
        """Return what is said of an attribute: of the first of its measures that has a word."""
        return next((self.held[k] for k in holders(a) if k in self.held), NOTHING)

    def active(self, a: Attribute) -> bool:
        """Return whether an attribute is listed."""
        return self.holding(a).active

    def there(self, a: Attribute) -> bool:
        """Return whether the account has it: data, an owner, or a measure of its own."""
        if a.name == tags.DIGEST:
            return TAGS in self.held or TAGS in self.extent or bool(tags.of(self))
        return any(k in self.extent or k in self.held or k in self.state.measures for k in a.keys)

    def service(self, a: Attribute) -> tuple[str, str] | None:
        """Return the slug and the name of the application that owns an attribute."""
        name = self.services.get(self.holding(a).client_id or "")
        return (shapes.slug(name), name) if name else None


def read(tx: Tx, ctx: Context, caller: Access) -> Book:
    """Return the book of the caller's account."""
    state = ctx.state(tx, caller.account_id)
    held = ownership.all_of(tx, caller)
    offers = ownership.offers(tx, caller) if held else {}
    ids = {a.client_id for a in held.values() if a.client_id}
    ids |= {id_ for listed in offers.values() for id_ in listed}
    return Book(
        state=state,
        attributes=_attributes(state, held),
        held=held,
        offers=offers,
        services=ownership.services(tx, ctx, ids) if ids else {},
        # Whether the account has an attribute is no secret to who may write it; values are.
        extent=days.extent(tx, ctx, accesses.personal(caller.account_id, caller.username)),
    )


def _attributes(state: AccountState, held: Mapping[str, Held]) -> dict[str, Attribute]:
    """Return the attributes; own ones that somebody made through this API are of its types."""
    found = shapes.attributes(state.measures)
    for key in state.measures:
        said = held.get(key)
        if said is not None and key in found and said.value_type is not None:
            found[key] = shapes.typed(found[key], said.value_type, said.group or "")
    return found


def may_read(book: Book, caller: Access, a: Attribute) -> bool:
    """Return whether the caller may read an attribute's values."""
    asked = [a, *tags.of(book)] if a.name == tags.DIGEST else [a]
    return any(days.may_read(book.state, caller, m) for one in asked for m in one.measures)


def wanted(
    book: Book,
    caller: Access,
    *,
    names: frozenset[str] | None = None,
    groups: frozenset[str] | None = None,
    inactive: bool = False,
) -> list[Attribute]:
    """Return the attributes that the account has, that may be read and that were asked for."""
    return [
        a
        for a in book.attributes.values()
        if (names is None or a.name in names)
        and (groups is None or a.group.name in groups)
        and book.there(a)
        and (inactive or book.active(a))
        and may_read(book, caller, a)
    ]


def window(
    tx: Tx,
    ctx: Context,
    caller: Access,
    book: Book,
    asked: Iterable[Attribute],
    first: int,
    last: int,
) -> dict[str, list[Day]]:
    """Return one entry for every day of the window; asks only for days that may have values."""
    keys = [
        m.key
        for a in asked
        for m in a.measures
        if m.key in book.extent and days.may_read(book.state, caller, m)
    ]
    inside = [
        (max(book.extent[k][0], first), min(book.extent[k][1], last))
        for k in keys
        if book.extent[k][0] <= last and book.extent[k][1] >= first
    ]
    known: dict[str, dict[int, Day]] = {key: {} for key in keys}
    if inside:
        start, end = min(s for s, _ in inside), max(e for _, e in inside)
        for key, listed in days.values(tx, ctx, caller, keys, start, end).items():
            known[key] = {d.day: d for d in listed}
    return {
        key: [by_day.get(d) or Day(d, None, None) for d in range(first, last + 1)]
        for key, by_day in known.items()
    }


def values(
    book: Book, a: Attribute, found: Mapping[str, list[Day]], first: int, last: int
) -> list[dict[str, object]]:
    """Return `{value, date}` of each day, newest first, null where nothing is known."""
    if any(key in found for key in a.keys):
        return shapes.write_days(a, found)
    return shapes.empty_days(first, last)


def service_of(
    tx: Tx, caller: Access, book: Book, a: Attribute, found: Mapping[str, list[Day]]
) -> str:
    """Return the slug of who fills an attribute: its owner, else where the newest value is from."""
    owner = book.service(a)
    if owner is not None:
        return owner[0]
    if a.tag:
        return NOBODY
    listed = shapes.unite(a, found) if any(k in found for k in a.keys) else []
    source = next((d.source for d in reversed(listed) if d.value is not None and d.source), "")
    named = accesses.source_names(tx, caller, {source}) if source else {}
    return shapes.slug(named.get(source, source)) if source else ""
