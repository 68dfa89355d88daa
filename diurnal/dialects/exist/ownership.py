"""Acquire, release, create: which service fills which attribute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diurnal.dialects.exist import book as books
from diurnal.dialects.exist import shapes, tags
from diurnal.dialects.exist.book import Book
from diurnal.dialects.exist.shapes import Attribute
from diurnal.dialects.exist.writing import Answer, Failed, Item, each, needed
from diurnal.errors import Conflict, Forbidden
from diurnal.model.access import Access
from diurnal.model.records import OwnMeasure
from diurnal.services import clients, measures, ownership
from diurnal.services.context import Context
from diurnal.store.database import Tx, WriteTx

LABEL_MAX = 40
_TRUE = frozenset({"1", "true", "yes"})


def acquire_v1(tx: WriteTx, ctx: Context, caller: Access, items: Sequence[Any]) -> Answer:
    """Give attributes to the caller's service, as version 1 asks."""
    book = books.read(tx, ctx, caller)
    allowed = _allowed(tx, ctx, caller)

    def one(n: int, item: Item) -> Item:
        needed(n, item, "name", "active")
        a = _existing(book, item["name"])
        _refuse_unlisted(allowed, a)
        private = item.get("private")
        for key in books.holders(a)[:1]:
            ownership.acquire(
                tx,
                ctx,
                caller,
                key,
                active=truth(item["active"]),
                private=None if private is None else truth(private),
            )
        return item

    return each(items, one)


def acquire_v2(
    tx: WriteTx, ctx: Context, caller: Access, items: Sequence[Any], *, objects: bool
) -> Answer:
    """Give attributes to the caller's service, by template or by name."""
    book = books.read(tx, ctx, caller)
    allowed = _allowed(tx, ctx, caller)

    def one(n: int, item: Item) -> Any:
        if item.get("template") is None:
            needed(n, item, "name")
        name = item.get("template") or item.get("name")
        a = _existing(book, name)
        if item.get("template") is None and not book.there(a):
            raise Failed("not_found", "Attribute matching query does not exist.")
        if a.name == tags.DIGEST:
            raise Failed("not_found", "Attribute matching query does not exist.")
        refuse_group(book, caller, a)
        _refuse_unlisted(allowed, a)
        manual = item.get("manual")
        ownership.acquire(
            tx, ctx, caller, a.keys[0], manual=None if manual is None else truth(manual)
        )
        # Its clients look for the name, whichever way they asked.
        return a.name if objects else {**item, "name": a.name}

    return _with_objects(tx, ctx, caller, each(items, one), objects)


def release(tx: WriteTx, ctx: Context, caller: Access, items: Sequence[Any]) -> Answer:
    """Take attributes from the caller's service."""
    book = books.read(tx, ctx, caller)

    def one(n: int, item: Item) -> Item:
        needed(n, item, "name")
        name = item["name"]
        a = book.attributes.get(name) if isinstance(name, str) else None
        if a is None or not book.there(a):
            raise Failed("not_found", f"User doesn't have an attribute named '{name}'")
        if book.holding(a).client_id != caller.client_id:
            raise Failed("unauthorised", f"Attribute '{name}' does not belong to this service")
        ownership.release(tx, ctx, caller, book.holding(a).measure)
        return item

    return each(items, one)


def create(
    tx: WriteTx, ctx: Context, caller: Access, items: Sequence[Any], *, objects: bool
) -> Answer:
    """Make attributes, by template or of the user's own; the maker's service owns them."""

    def one(n: int, item: Item) -> Any:
        book = books.read(tx, ctx, caller)
        manual = truth(item.get("manual", True))
        if item.get("template") is not None:
            a = _existing(book, item["template"])
            if book.there(a):
                raise Failed("exists", f"Attribute '{a.name}' already exists")
            refuse_group(book, caller, a)
            ownership.acquire(tx, ctx, caller, a.keys[0], manual=manual)
            return a.name if objects else {**item, "name": a.name, "priority": a.priority}
        needed(n, item, "label", "group", "value_type")
        name = _create_own(tx, ctx, caller, book, item, manual=manual)
        made = books.read(tx, ctx, caller).attributes[name]
        return name if objects else {**item, "name": name, "priority": made.priority}

    return _with_objects(tx, ctx, caller, each(items, one), objects)


def _create_own(
    tx: WriteTx, ctx: Context, caller: Access, book: Book, item: Item, *, manual: bool
) -> str:
    label, group, type_ = item["label"], item["group"], item["value_type"]
    if not isinstance(label, str) or not label.strip() or len(label) > LABEL_MAX:
        raise Failed("validation", f"A label has 1 to {LABEL_MAX} characters")
    if group not in shapes.groups():
        raise Failed("validation", f"No group is called '{group}'")
    if isinstance(type_, str) and type_.isdigit():
        type_ = int(type_)
    if not isinstance(type_, int) or isinstance(type_, bool):
        raise Failed("validation", "A value type is a number")
    kind = shapes.kind_of_type(type_)
    name = tags.slug(label.lower())
    if name in book.attributes:
        raise Failed("exists", f"Attribute '{name}' already exists")
    refuse_scope(caller, group, manual=manual)
    own = OwnMeasure(key=name, label=label.strip(), value=kind.value)
    try:
        measures.ensure_own(tx, ctx, caller, own)
    except Conflict as error:
        raise Failed("exists", error.message) from None
    ownership.describe(tx, ctx, caller, name, value_type=type_, group=group, manual=manual)
    ownership.acquire(tx, ctx, caller, name, manual=manual)
    return name


def _existing(book: Book, name: Any) -> Attribute:
    a = book.attributes.get(name) if isinstance(name, str) else None
    if a is None or not books.holders(a):
        raise Failed("not_found", "Attribute matching query does not exist.")
    return a


def _allowed(tx: Tx, ctx: Context, caller: Access) -> frozenset[str] | None:
    """Return the attributes that the caller's application may write, None for all."""
    client = clients.find(tx, ctx, caller.client_id or "")
    if client is None or client.attributes is None:
        return None
    return frozenset(client.attributes)


def _refuse_unlisted(allowed: frozenset[str] | None, a: Attribute) -> None:
    if allowed is not None and a.name not in allowed and not (a.tag and tags.DIGEST in allowed):
        raise Failed("not_allowed", f"This client may not write to attribute '{a.name}'")


def refuse_group(book: Book, caller: Access, a: Attribute) -> None:
    """Refuse a caller whose scopes do not let it write to an attribute's group.

    Raises:
        Failed: they do not.
    """
    refuse_scope(caller, a.group.name, manual=book.holding(a).manual)


def refuse_scope(caller: Access, group: str, *, manual: bool) -> None:
    """Refuse a caller without a scope to write to a group.

    Raises:
        Failed: it has none.
    """
    stem = "social" if group == "twitter" else group
    needs = {"write", f"{stem}_write"} | ({"manual_write"} if manual else set())
    if caller.scopes and not needs & set(caller.scopes):
        raise Failed("not_allowed", f"No permission to write to attributes in group '{group}'")


def truth(value: Any) -> bool:
    """Return a boolean; texts and numbers are read as ones."""
    return value if isinstance(value, bool) else str(value).strip().lower() in _TRUE


def _with_objects(
    tx: WriteTx, ctx: Context, caller: Access, answer: Answer, objects: bool
) -> Answer:
    """Put whole attributes in place of the names of those that were done."""
    if objects and answer.success:
        from diurnal.dialects.exist import lists

        book = books.read(tx, ctx, caller)
        answer.success = [lists.attribute(book, book.attributes[n]) for n in answer.success]
    return answer


def must_be_service(caller: Access) -> None:
    """Refuse whoever is no application.

    Raises:
        Forbidden: it is none.
    """
    if caller.client_id is None:
        raise Forbidden("Only an OAuth2 client may write.")


def owned(tx: Tx, ctx: Context, caller: Access) -> list[Any]:
    """Return the attributes that the caller's service owns, as version 1 has them."""
    book = books.read(tx, ctx, caller)
    mine = [a for a in book.attributes.values() if _mine(book, caller, a)]
    found = []
    for a in mine:
        service = book.service(a)
        held = book.holding(a)
        slug = service[0] if service else books.NOBODY
        found.append(shapes.write_flat(a, None, slug, private=held.private))
    return found


def _mine(book: Book, caller: Access, a: Attribute) -> bool:
    return caller.client_id is not None and book.holding(a).client_id == caller.client_id
