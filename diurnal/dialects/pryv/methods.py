"""Pryv's methods: one entry each, for HTTP, batch calls and sockets."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from diurnal.dialects.pryv import shapes
from diurnal.dialects.pryv.shapes import Asked, AskedStreams, Params, StreamQuery
from diurnal.errors import Forbidden, UnknownReference
from diurnal.model.access import Access
from diurnal.model.events import EventQuery, NewEvent
from diurnal.services import accesses, events, streams
from diurnal.services.context import Context
from diurnal.store.database import Tx, WriteTx
from diurnal.store.events import Found

Result = dict[str, Any]


class Call(NamedTuple):
    """Who calls, and by which token."""

    access: Access
    token: str


class Method(NamedTuple):
    """A method of Pryv's API.

    Attributes:
        take: turn parameters into our words, outside the store's turns; gets the time.
        run: call the use case and write the result, in a transaction.
        status: of a success over HTTP.
    """

    take: Callable[[Params, int], Any]
    run: Callable[[Any, Context, Call, Any], Result]
    writes: bool = False
    status: int = 200


def get_access_info(tx: Tx, ctx: Context, call: Call, _asked: None) -> Result:
    """Return the caller's own access; https://api.pryv.com/reference/#access-info."""
    mine = [s for s in accesses.listed(tx, call.access) if s.access.id == call.access.id]
    return shapes.write_access(mine[0], call.token) | {"user": {"username": call.access.username}}


def events_get(tx: Tx, ctx: Context, call: Call, asked: Asked) -> Result:
    """Return events; https://api.pryv.com/reference/#get-events."""
    found = [] if asked.nothing else _find(tx, ctx, call.access, asked)
    with_files = [f.id for f in found if f.files]
    files = events.files_of(tx, call.access, with_files) if with_files else {}
    result: Result = {"events": shapes.raw_events(found, files)}
    if asked.tells_deletions:
        since = asked.deletions_since
        gone = [] if since is None else events.deletions(tx, call.access, since)
        result["eventDeletions"] = shapes.write_deletions(gone)
    return result


def events_create(tx: WriteTx, ctx: Context, call: Call, new: NewEvent) -> Result:
    """Create one event; https://api.pryv.com/reference/#create-event."""
    [made] = events.create(tx, ctx, call.access, [new])
    return {"event": shapes.raw_event(made.event)}


def streams_get(tx: Tx, ctx: Context, call: Call, asked: AskedStreams) -> Result:
    """Return the tree that the caller may see; https://api.pryv.com/reference/#get-streams."""
    tree = streams.visible(tx, ctx, call.access, trashed=asked.trashed)
    if asked.parent_id is not None and asked.parent_id not in tree:
        raise UnknownReference(
            f'Unknown parent stream: "{asked.parent_id}"', data={"parentId": asked.parent_id}
        )
    result: Result = {"streams": shapes.write_tree(tree, asked.parent_id)}
    if asked.deletions_since is not None:
        gone = streams.deletions(tx, call.access, asked.deletions_since)
        result["streamDeletions"] = shapes.write_deletions(gone)
    return result


def _nothing(params: Params, _now: int) -> None:
    shapes.check(params, {})


METHODS: Mapping[str, Method] = {
    "getAccessInfo": Method(_nothing, get_access_info),
    "events.get": Method(shapes.read_query, events_get),
    "events.create": Method(shapes.read_event, events_create, writes=True, status=201),
    "streams.get": Method(lambda params, _now: shapes.read_streams_query(params), streams_get),
}


def _find(tx: Tx, ctx: Context, caller: Access, asked: Asked) -> list[Found]:
    if asked.streams is None:
        return events.find(tx, ctx, caller, asked.query)
    queries = [_within(tx, ctx, caller, asked.query, wanted) for wanted in asked.streams]
    if len(queries) == 1:
        return events.find(tx, ctx, caller, queries[0])
    return _any_of(tx, ctx, caller, asked.query, queries)


def _any_of(
    tx: Tx, ctx: Context, caller: Access, query: EventQuery, queries: Iterable[EventQuery]
) -> list[Found]:
    """Return what fits any of several queries, in order and once; the page is cut at the end."""
    until = None if query.limit is None else query.skip + query.limit
    pages = [
        events.find(tx, ctx, caller, msgspec.structs.replace(q, skip=0, limit=until))
        for q in queries
    ]
    merged = heapq.merge(*pages, key=lambda f: (f.time, f.id), reverse=not query.ascending)
    once = list({f.id: f for f in merged}.values())
    return once[query.skip : until]


def _within(
    tx: Tx, ctx: Context, caller: Access, query: EventQuery, wanted: StreamQuery
) -> EventQuery:
    any_of = None if wanted.every else _subtrees(tx, ctx, caller, wanted.any_of)
    if wanted.every:
        _subtrees(tx, ctx, caller, wanted.any_of)
    none_of = frozenset[str]().union(*(_known(tx, ctx, caller, i) for i in wanted.none_of))
    return msgspec.structs.replace(
        query,
        any_of=any_of,
        all_of=tuple(_known(tx, ctx, caller, i) for i in wanted.all_of),
        none_of=none_of or None,
    )


def _subtrees(tx: Tx, ctx: Context, caller: Access, ids: Iterable[str]) -> frozenset[str]:
    """Return the streams that ids of a query mean.

    Raises:
        UnknownReference: with all that are not there.
        Forbidden: one is there and the caller may not read it; Pryv tells the two apart.
    """
    found: set[str] = set()
    unknown: list[str] = []
    tree = ctx.state(tx, caller.account_id).tree
    for id_ in ids:
        try:
            found |= _subtree(tx, ctx, caller, id_)
        except UnknownReference:
            if id_.removesuffix("!") in tree:
                raise Forbidden("no right to read this stream") from None
            unknown.append(id_)
    if unknown:
        names = ", ".join(f'"{i}"' for i in unknown)
        raise UnknownReference(f"Unknown referenced streams: {names}", data={"streams": unknown})
    return frozenset(found)


def _subtree(tx: Tx, ctx: Context, caller: Access, id_: str) -> frozenset[str]:
    name = id_.removesuffix("!")
    below = events.subtree(tx, ctx, caller, [name])
    return below if name == id_ else frozenset({name})


def _known(tx: Tx, ctx: Context, caller: Access, id_: str) -> frozenset[str]:
    """Return the streams of an id in `all` or `not`: none where it is not the caller's to know."""
    try:
        return _subtree(tx, ctx, caller, id_)
    except (UnknownReference, Forbidden):
        return frozenset()


def params_of(value: Any) -> Params:
    """Return the parameters of a call.

    Raises:
        BadParameters: they are no object.
    """
    if not isinstance(value, dict):
        raise shapes.BadParameters(
            [shapes.Problem("INVALID_TYPE", "Expected type object", "#/", ("object",))]
        )
    return value
