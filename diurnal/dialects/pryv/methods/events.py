"""Events: Pryv's methods."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

import msgspec

from diurnal.dialects.pryv import checks, conditions, event_types, queries, shapes, trees
from diurnal.dialects.pryv.methods import pseudo
from diurnal.dialects.pryv.methods.table import Call, Method, Result, Table
from diurnal.dialects.pryv.queries import Asked, StreamQuery
from diurnal.dialects.pryv.shapes import Creating, One, Updating
from diurnal.errors import Forbidden, NotFound, UnknownReference
from diurnal.model.access import Access
from diurnal.model.events import Event, EventQuery
from diurnal.services import attachments, events
from diurnal.services.context import Context
from diurnal.store.database import Tx, WriteTx
from diurnal.store.event_queries import Found

SIFTED = 5_000
"""Events of a page where what is inside of them is looked at."""
QUICK_ROWS_MAX = 1_000
"""Events read on the event loop: a millisecond. Readers in threads take turns at the interpreter's
lock for each row, which costs as much again."""
_body = msgspec.json.Decoder(dict[str, Any]).decode


def reader(ctx: Context, call: Call) -> shapes.Reader:
    """Return to whom attachments are shown."""
    return shapes.reader(ctx.keys.derive(shapes.READER), call.access.id, call.token)


def get(tx: Tx, ctx: Context, call: Call, asked: Asked) -> Result:
    """Return events; https://api.pryv.com/reference/#get-events."""
    of_rows, others = pseudo.part(asked)
    if others is None:
        listed = _rows(tx, ctx, call, asked)
    else:
        listed = _with_others(tx, ctx, call, asked, of_rows, others)
    result: Result = {"events": listed}
    if asked.tells_deletions:
        since = asked.deletions_since
        gone = [] if since is None else events.deletions(tx, call.access, since)
        result["eventDeletions"] = trees.write_deletions(gone)
    return result


def _rows(tx: Tx, ctx: Context, call: Call, asked: Asked) -> msgspec.Raw:
    found = [] if asked.nothing else _find(tx, ctx, call, asked)
    with_files = [f.id for f in found if f.files]
    files = events.files_of(tx, call.access, with_files) if with_files else {}
    listed = shapes.raw_events(found, files, reader(ctx, call))
    return _with_imported(tx, ctx, call, asked, listed) if _asks_series(asked) else listed


def _with_others(
    tx: Tx, ctx: Context, call: Call, asked: Asked, of_rows: Asked | None, others: Asked
) -> msgspec.Raw:
    """Return events of streams that are no rows, among those of rows where both are asked for."""
    found = [] if asked.nothing else pseudo.find(tx, ctx, call, others)
    skip, limit = asked.query.skip, asked.query.limit
    if of_rows is not None:
        until = None if limit is None else skip + limit
        page = msgspec.structs.replace(asked.query, skip=0, limit=until)
        listed = _rows(tx, ctx, call, of_rows._replace(query=page))
        found = pseudo.in_order([*found, *msgspec.json.decode(listed)], asked)
    if call.most is not None and len(found) - skip > call.most:
        raise too_many(call.most)
    return msgspec.Raw(msgspec.json.encode(found[skip:]))


def too_many(most: int) -> checks.TooManyResults:
    """Return the refusal of more than an answer of a batch or a socket may hold."""
    return checks.TooManyResults(
        f"Your request gave more than {most} results. Narrow it, or ask over HTTP.", limit=most
    )


def _is_page(asked: Asked) -> bool:
    limit = asked.query.limit
    plain = not asked.conditions and asked.streams is None and not _asks_series(asked)
    return plain and limit is not None and limit <= QUICK_ROWS_MAX


def _asks_series(asked: Asked) -> bool:
    query = asked.query
    named = any(t.startswith(shapes.SERIES) for t in query.types)
    plain = not (query.tags or query.running or query.skip or asked.conditions)
    return named and plain and not asked.nothing and query.state != "trashed"


def _with_imported(
    tx: Tx, ctx: Context, call: Call, asked: Asked, listed: msgspec.Raw
) -> msgspec.Raw:
    """Return events with the series that were imported, which are no rows among them."""
    from diurnal.dialects.pryv import hf

    query = asked.query
    within = None
    if asked.streams is not None:
        within = [_within(tx, ctx, call.access, query, s) for s in asked.streams]
    more = [
        hf.written(one)
        for one in hf.imported(tx, ctx, call.access)
        if any(queries.is_type(f"{shapes.SERIES}{one.type}", t) for t in query.types)
        and (query.end is None or one.listed.first <= query.end)
        and (query.start is None or one.listed.last >= query.start)
        and (query.modified_since is None or one.listed.last > query.modified_since)
        and (within is None or any(_holds(q, one.stream) for q in within))
    ]
    if not more:
        return listed
    both = [*msgspec.json.decode(listed, type=list[msgspec.Raw]), *more]
    both = both if query.limit is None else both[: query.limit]
    return msgspec.Raw(msgspec.json.encode(both))


def _holds(query: EventQuery, stream: str) -> bool:
    return (
        (query.any_of is None or stream in query.any_of)
        and all(stream in group for group in query.all_of)
        and (query.none_of is None or stream not in query.none_of)
    )


def get_one(tx: Tx, ctx: Context, call: Call, asked: One) -> Result:
    """Return one event; https://api.pryv.com/reference/#get-one-event."""
    if pseudo.is_pseudo(asked.id):
        return pseudo.get_one(tx, ctx, call, asked.id)
    try:
        event = events.get(tx, ctx, call.access, asked.id)
    except NotFound:
        return _imported(tx, ctx, call, asked)
    result: Result = {"event": shapes.raw_event(event, reader(ctx, call))}
    if asked.history:
        shown = reader(ctx, call)
        earlier = events.versions(tx, ctx, call.access, asked.id)
        result["history"] = [shapes.raw_version(v, shown) for v in earlier]
    return result


def _imported(tx: Tx, ctx: Context, call: Call, asked: One) -> Result:
    from diurnal.dialects.pryv import hf

    result: Result = {"event": hf.written(hf.find_imported(tx, ctx, call.access, asked.id))}
    return result | {"history": []} if asked.history else result


def create(tx: WriteTx, ctx: Context, call: Call, asked: Creating) -> Result:
    """Create one event; https://api.pryv.com/reference/#create-event."""
    [made] = events.create(tx, ctx, call.access, [asked.new])
    return {"event": shapes.raw_event(made.event, reader(ctx, call))}


def update(tx: WriteTx, ctx: Context, call: Call, asked: Updating) -> Result:
    """Change one event; https://api.pryv.com/reference/#update-event."""
    fields = asked.fields
    if pseudo.is_pseudo(asked.id):
        return pseudo.update(tx, ctx, call, asked.id, fields)
    if "content" in fields or "type" in fields:
        old = events.get(tx, ctx, call.access, asked.id)
        _check_content(old, fields)
    changed = events.update(tx, ctx, call.access, asked.id, fields)
    return {"event": shapes.raw_event(changed, reader(ctx, call))}


def _check_content(old: Event, fields: dict[str, Any]) -> None:
    """Refuse content that is not as its type says, and to turn a series into what is none.

    Raises:
        BadOperation: it holds a series and would hold no or another one, or the reverse.
        BadContent: the content is not as its type says.
    """
    type_, content = fields.get("type", old.type), fields.get("content", old.content)
    series = old.type.startswith(shapes.SERIES)
    if series != type_.startswith(shapes.SERIES):
        raise checks.BadOperation("Normal events cannot be updated to HF-events and vice versa.")
    if series and (type_, content) != (old.type, old.content):
        raise checks.BadOperation("The type and the content of a series event stay as they are.")
    event_types.check(type_, content)


def delete(tx: WriteTx, ctx: Context, call: Call, asked: One) -> Result:
    """Put an event into the trash, or delete one that is in it.

    https://api.pryv.com/reference/#delete-event
    """
    if pseudo.is_pseudo(asked.id):
        return pseudo.delete(tx, ctx, call, asked.id)
    if events.get(tx, ctx, call.access, asked.id).trashed:
        events.delete(tx, ctx, call.access, asked.id)
        return {"eventDeletion": {"id": asked.id}}
    changed = events.set_trashed(tx, ctx, call.access, asked.id, trashed=True)
    return {"event": shapes.raw_event(changed, reader(ctx, call))}


def delete_attachment(tx: WriteTx, ctx: Context, call: Call, asked: One) -> Result:
    """Take a file off an event; https://api.pryv.com/reference/#delete-attachment."""
    changed = attachments.remove(tx, ctx, call.access, asked.id, asked.file_id)
    return {"event": shapes.raw_event(changed, reader(ctx, call))}


def removed(name: str) -> Method:
    """Return a method of older versions, which says that it is no more."""

    def take(_params: checks.Params, _now: int) -> None:
        raise checks.RemovedMethod(f'The method "{name}" was removed in 1.5.')

    def run(_tx: Tx, _ctx: Context, _call: Call, _asked: None) -> Result:
        raise checks.RemovedMethod(f'The method "{name}" was removed in 1.5.')

    return Method(take, run)


METHODS: Table = {
    "events.get": Method(queries.read_query, get, quick=_is_page),
    "events.getOne": Method(shapes.read_one, get_one, quick=lambda _asked: True),
    "events.create": Method(shapes.read_event, create, writes=True, status=201),
    "events.update": Method(shapes.read_event_update, update, writes=True),
    "events.delete": Method(shapes.read_one, delete, writes=True),
    "events.deleteAttachment": Method(shapes.read_file, delete_attachment, writes=True),
    "auditLogs.get": Method(queries.read_query, pseudo.logs),
    "events.start": removed("events.start"),
    "events.stop": removed("events.stop"),
}


def _find(tx: Tx, ctx: Context, call: Call, asked: Asked) -> list[Found]:
    """Return what is asked for.

    Raises:
        TooManyResults: more than one answer holds, in a batch or over a socket.
    """
    caller, query, most = call.access, asked.query, call.most
    if most is not None and (query.limit is None or query.limit > most):
        query = msgspec.structs.replace(query, limit=most + 1)
    if asked.conditions:
        found = _sifted(tx, ctx, caller, query, asked)
    else:
        found = _listed(tx, ctx, caller, query, asked.streams)
    if most is not None and len(found) > most:
        raise too_many(most)
    return found


def _sifted(tx: Tx, ctx: Context, caller: Access, query: EventQuery, asked: Asked) -> list[Found]:
    """Return what is asked for and holds to conditions on what is inside, looked at in pages."""
    wanted = None if query.limit is None else query.skip + query.limit
    found: list[Found] = []
    page, after = SIFTED, query.after
    while page == SIFTED and (wanted is None or len(found) < wanted):
        part = msgspec.structs.replace(query, skip=0, limit=SIFTED, after=after)
        listed = _listed(tx, ctx, caller, part, asked.streams)
        page = len(listed)
        found += [f for f in listed if conditions.hold(asked.conditions, _body(f.body))]
        if listed:
            after = (listed[-1].time, listed[-1].id)
    return found[query.skip : wanted]


def _listed(
    tx: Tx,
    ctx: Context,
    caller: Access,
    query: EventQuery,
    streams: tuple[StreamQuery, ...] | None,
) -> list[Found]:
    if streams is None:
        return events.find(tx, ctx, caller, query)
    wanted = [_within(tx, ctx, caller, query, one) for one in streams]
    if len(wanted) == 1:
        return events.find(tx, ctx, caller, wanted[0])
    return _any_of(tx, ctx, caller, query, wanted)


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
