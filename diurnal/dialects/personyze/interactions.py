"""What users did with products and articles: commands that become events."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import Any

import msgspec

from diurnal import catalog
from diurnal.dialects.personyze import people
from diurnal.dialects.personyze.stored import OBJECTS
from diurnal.errors import InvalidInput
from diurnal.model.access import Access
from diurnal.model.events import EventQuery, NewEvent
from diurnal.model.time import day_text
from diurnal.services import events, records
from diurnal.services.context import Context
from diurnal.services.records import Record
from diurnal.store.database import Tx, WriteTx

Row = dict[str, Any]

MEASURE = "item_interaction"
TYPE = catalog.event_type(catalog.get(MEASURE))
COMMANDS_MAX = 1000
LOOKED_AT_MAX = 10_000
"""Newest events that a list of them is made from."""
PRODUCT = frozenset(
    {"Viewed", "Liked", "Unliked", "Added to cart", "Removed from cart", "Purchased"}
)
ARTICLE = frozenset({"Viewed", "Liked", "Unliked", "Commented", "Goal"})
VERBS = {
    **{f"Product {verb}": ("products", verb) for verb in PRODUCT},
    **{f"Article {verb}": ("articles", verb) for verb in ARTICLE},
}


ALL_OF = {
    "Products Purchased": ("Added to cart", "Purchased"),
    "Products Removed from cart": ("Added to cart", "Removed from cart"),
    "Products Unliked": ("Liked", "Unliked"),
}
"""Of a tracker: what is done with all products of which a user last did something."""
_ENDS = {"Added to cart": ("Removed from cart", "Purchased"), "Liked": ("Unliked",)}


def do(tx: WriteTx, ctx: Context, caller: Access, commands: Any) -> int:
    """Carry out `[key type, key, verb, item, "quantity", n]` each; return how many.

    Raises:
        InvalidInput: a command, user or item that is not there; nothing is done then.
    """
    return len(_done(tx, ctx, caller, commands))


def _done(tx: WriteTx, ctx: Context, caller: Access, commands: Any) -> list[int]:
    """Carry out commands; return the numbers of what was stored."""
    if not isinstance(commands, list):
        raise InvalidInput("the body is a list of commands")
    if commands and not isinstance(commands[0], list):
        commands = [commands]
    if len(commands) > COMMANDS_MAX:
        raise InvalidInput(f"at most {COMMANDS_MAX} commands a call")
    stream = catalog.get(MEASURE).stream
    made = []
    for n, command in enumerate(commands):
        content = _read(tx, ctx, caller, n, command)
        now = ctx.now()
        made.append(NewEvent(stream_ids=(stream,), type=TYPE, time=now, content=content))
    return [w.event.seq for w in events.create(tx, ctx, caller, made)] if made else []


def _read(tx: Tx, ctx: Context, caller: Access, n: int, command: Any) -> Row:
    at = f"command {n + 1}"
    if not isinstance(command, list) or len(command) < 4:
        raise InvalidInput(f"{at} is not [key type, key, verb, item, …]")
    kind, key, verb, named, *rest = command
    if kind not in (people.NUMBER, "internal_id", "email"):
        raise InvalidInput(f"{at}: users are named by user_id, internal_id or email")
    if not isinstance(verb, str) or verb not in VERBS:
        raise InvalidInput(f"{at}: unknown verb {verb!r}")
    if len(rest) % 2 or not all(isinstance(name, str) for name in rest[::2]):
        raise InvalidInput(f"{at}: what follows the item are names and values")
    user = people.find(tx, ctx, caller, kind, key)
    if user is None:
        raise InvalidInput(f"User not found by {kind}")
    collection, done = VERBS[verb]
    thing = item(tx, caller, collection, named)
    if thing is None:
        raise InvalidInput(f"{at}: no such item in {collection}: {named!r}")
    return {
        "user_id": user[0],
        "object": collection,
        "item_id": thing.seq,
        "internal_id": thing.values.get("internal_id"),
        "title": thing.values.get("title"),
        "interaction": done,
        **dict(zip(rest[::2], rest[1::2], strict=True)),
    }


def item(tx: Tx, caller: Access, collection: str, named: Any) -> Record | None:
    """Return a product or article by its own id or its number."""
    of = OBJECTS[collection]
    found = records.keyed(tx, caller, of.name, "internal_id", [records.key_of(named)])
    text = str(named)
    if not found and text.isdigit() and len(text) < 19:
        found = records.numbered(tx, caller, of.name, [int(text)])
    return found[0] if found else None


def create_one(tx: WriteTx, ctx: Context, caller: Access, given: Any) -> int:
    """Store what `POST /products_interactions` says; return its number.

    It is an object, or commands as `do` has them: then how many there are is returned.

    Raises:
        InvalidInput: it is neither.
    """
    if isinstance(given, list):
        return do(tx, ctx, caller, given)
    if not isinstance(given, dict):
        raise InvalidInput("the body is an object")
    kind = next((k for k in (people.NUMBER, "internal_id", "email") if f"user_{k}" in given), None)
    verb, named = (
        given.get("interaction"),
        given.get("product_id", given.get("product_internal_id")),
    )
    who = given.get("user_id") if kind is None else given[f"user_{kind}"]
    rest = ["quantity", given["quantity"]] if "quantity" in given else []
    command = [kind or people.NUMBER, who, f"Product {verb}", named, *rest]
    return _done(tx, ctx, caller, [command])[0]


def do_all(tx: WriteTx, ctx: Context, caller: Access, user: int, verb: str) -> None:
    """Do with every product that a user has in the cart, or likes, what `ALL_OF` says."""
    begun, done = ALL_OF[verb]
    standing: dict[int, None] = {}
    # By their numbers: what one request told is of one time.
    for row in sorted(rows(tx, ctx, caller), key=itemgetter("id")):
        thing = row.get("item_id")
        mine = row.get("object") == "products" and row.get("user_id") == user
        if not mine or not isinstance(thing, int):
            continue
        if row.get("interaction") == begun:
            standing[thing] = None
        elif row.get("interaction") in _ENDS[begun]:
            standing.pop(thing, None)
    there = records.numbered(tx, caller, "products", standing)
    named = [r.values.get("internal_id") or r.seq for r in there]
    do(tx, ctx, caller, [[people.NUMBER, user, f"Product {done}", n] for n in named][:COMMANDS_MAX])


def rows(tx: Tx, ctx: Context, caller: Access) -> list[Row]:
    """Return the newest interactions, oldest first."""
    query = EventQuery(measures=(MEASURE,), types=(TYPE,), limit=LOOKED_AT_MAX)
    found = []
    for event in reversed(events.find(tx, ctx, caller, query)):
        content = msgspec.json.decode(event.body).get("content")
        if isinstance(content, dict):
            tail = msgspec.json.decode(f"{{{event.tail}")
            # Another API may have written any members.
            found.append({**content, "id": tail["seq"], "time": event.time // 1_000_000})
    return found


def statistics(tx: Tx, ctx: Context, caller: Access, *, daily: bool) -> list[Row]:
    """Return how often each was done with each product, in all or by day."""
    state = ctx.state(tx, caller.account_id)
    counted: Counter[tuple[Any, ...]] = Counter()
    for row in rows(tx, ctx, caller):
        if row.get("object") != "products" or not isinstance(row.get("item_id"), int):
            continue
        day = state.zones.day_at(row["time"] * 1_000_000) if daily else 0
        counted[day, row["item_id"], str(row.get("interaction"))] += _quantity(row)
    table: dict[tuple[Any, ...], Row] = {}
    for (day, item, verb), n in sorted(counted.items(), key=lambda kv: str(kv[0])):
        base = {"date": day_text(day)} if daily else {}
        row = table.setdefault((day, item), {**base, "product_id": item})
        row[str(verb).lower().replace(" ", "_")] = n
    names = [verb.lower().replace(" ", "_") for verb in sorted(PRODUCT)]
    return [{**row, **{n: row.get(n, 0) for n in names}} for row in table.values()]


def _quantity(row: Row) -> int:
    quantity = row.get("quantity", 1)
    return quantity if isinstance(quantity, int) and not isinstance(quantity, bool) else 1
