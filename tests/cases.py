"""Use cases, each in a transaction of its own; and an account's data in few words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from diurnal.model.access import Access, Kind, Permission
from diurnal.model.events import Event, EventQuery, NewEvent
from diurnal.services import accesses, events, streams
from diurnal.services.context import Context


def write(ctx: Context, fn: Callable[..., Any], *args: Any, **more: Any) -> Any:
    """Run `fn(tx, ctx, *args)` as a write and wait until it is durable."""
    return ctx.store.write(lambda tx: fn(tx, ctx, *args, **more)).result(60)


def read(ctx: Context, fn: Callable[..., Any], *args: Any, **more: Any) -> Any:
    """Run `fn(tx, ctx, *args)` as a read."""
    return ctx.store.read(lambda tx: fn(tx, ctx, *args, **more))


def note(stream: str = "diurnal-note", content: Any = "hello", **more: Any) -> NewEvent:
    """Return an event to write."""
    given = {"stream_ids": (stream,), "type": "note/txt", "time": 0, "content": content, **more}
    return NewEvent(**given)


def weigh(kg: Any, time: int, **more: Any) -> NewEvent:
    """Return a weight to write."""
    given = {"stream": "diurnal-weight", "type": "mass/kg", **more}
    return note(content=kg, time=time, **given)


def add(ctx: Context, who: Access, *batch: NewEvent, **more: Any) -> list[Event]:
    """Store events and return them."""
    return [w.event for w in write(ctx, events.create, who, batch, **more)]


def found(ctx: Context, who: Access, **query: Any) -> list[dict[str, Any]]:
    """Return the events that a query finds, as JSON."""
    rows = read(ctx, events.find, who, EventQuery(**query))
    return [msgspec.json.decode(row.body) for row in rows]


def ids(ctx: Context, who: Access, **query: Any) -> list[str]:
    """Return the ids that a query finds, in order."""
    return [e["id"] for e in found(ctx, who, **query)]


def share(ctx: Context, owner: Access, *permissions: Permission, **more: Any) -> Access:
    """Return an access with these permissions."""
    given = {"name": "app", "permissions": permissions, "kind": Kind.APP, **more}
    stored, _ = write(ctx, accesses.create, owner, **given)
    return stored.access


def plant(ctx: Context, who: Access, *ids_: str, parent: str | None = None, **more: Any) -> None:
    """Make streams below `parent`."""
    for id_ in ids_:
        write(ctx, streams.create, who, name=id_, id_=id_, parent_id=parent, **more)


def log(ctx: Context, who: Access) -> Sequence[tuple[Any, ...]]:
    """Return the whole change log."""
    from diurnal.store import changes

    return ctx.store.read(lambda tx: changes.since(tx, who.account_id, 0, 1_000_000))
