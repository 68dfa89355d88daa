"""Events: create one or many, read with every filter, change, trash, restore, delete."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Page
from diurnal.dialects.native.event_shapes import (
    Attachment,
    Deleted,
    DeleteQuery,
    EventNew,
    EventOut,
    EventPatch,
    EventsNew,
    EventsOut,
    EventsQuery,
    EventsStored,
    EventVersions,
    check_type,
)
from diurnal.errors import Conflict, InvalidInput
from diurnal.model import time
from diurnal.model.events import (
    BODY_END,
    Event,
    EventQuery,
    File,
    NewEvent,
    body_json,
    native_json,
    tail_json,
)
from diurnal.services import attachments, events, idempotency
from diurnal.services.context import Context
from diurnal.store.database import Tx, WriteTx
from diurnal.store.event_queries import Found

QUICK_ROWS_MAX = 1_000
"""Rows read on the loop: a millisecond. Readers in several threads cost each other as much again,
since each row is a turn at the interpreter's lock."""
TYPES_MAX = 100
NAMES_MAX = 1_000


def files_json(files: Sequence[File]) -> bytes:
    """Return attachments in our shape."""
    return wire.encode(
        [Attachment(id=f.id, file_name=f.name, type=f.type, size=f.size) for f in files]
    )


def event_json(e: Event) -> bytes:
    """Return an event in our shape."""
    joined = native_json(body_json(e).decode(), tail_json(e).decode()).encode()
    if not e.files:
        return joined
    return joined[:-1] + b',"attachments":' + files_json(e.files) + b"}"


def _found_json(found: Sequence[Found], files: Mapping[str, Sequence[File]]) -> str:
    if not files:
        # `native_json` in place: a thousand calls are a tenth of what the page costs.
        return ",".join([f"{f.body[:BODY_END]},{f.tail}" for f in found])
    parts = []
    for f in found:
        text = native_json(f.body, f.tail)
        if f.id in files:
            text = f'{text[:-1]},"attachments":{files_json(files[f.id]).decode()}}}'
        parts.append(text)
    return ",".join(parts)


def read_new(given: EventNew, now: int, at: str) -> NewEvent:
    """Turn a wire event into ours; `at` is where it stands, for messages."""
    try:
        return NewEvent(
            stream_ids=tuple(given.stream_ids),
            type=check_type(given.type),
            time=now if given.time is None else wire.instant(given.time, "time"),
            duration=_duration(given.duration),
            content=given.content,
            id=given.id,
            tags=tuple(dict.fromkeys(given.tags)) if given.tags else (),
            description=given.description,
            client_data=given.client_data,
            zone=given.timezone,
            offset=given.offset,
            source=given.source,
            source_id=given.source_id,
        )
    except InvalidInput as error:
        error.field = f"{at}{error.field}"
        raise


def _duration(seconds: float | None) -> int | None:
    if not seconds:
        return None if seconds is None else 0
    if seconds < 0:
        raise InvalidInput("a duration is not negative", field="duration")
    return time.from_seconds(seconds, field="duration")


async def get_many(call: Call) -> Response:
    """Answer a page of events."""
    asked: EventsQuery = call.query
    if len(asked.types) > TYPES_MAX:
        raise InvalidInput(f"at most {TYPES_MAX} types", field="types")
    for name in ("streams", "measures", "tags", "sources"):
        if len(getattr(asked, name)) > NAMES_MAX:
            raise InvalidInput(f"at most {NAMES_MAX}", field=name)
    query = EventQuery(
        start=wire.optional_instant(asked.start, "from"),
        end=wire.optional_instant(asked.to, "to"),
        types=wire.split(asked.types),
        measures=wire.split(asked.measures),
        tags=tuple(asked.tags),
        sources=tuple(asked.sources),
        batch=asked.batch,
        running=asked.running,
        state=asked.state,
        ascending=asked.sort == "ascending",
        modified_since=wire.optional_instant(asked.modified_since, "modifiedSince"),
        limit=asked.limit + 1,
        after=None if asked.cursor is None else wire.read_cursor(asked.cursor),
    )
    streams = wire.split(asked.streams)

    def page(tx: Tx) -> Page:
        narrowed = query
        if streams:
            below = events.subtree(tx, call.ctx, call.caller, streams)
            narrowed = msgspec.structs.replace(query, any_of=below)
        found = events.find(tx, call.ctx, call.caller, narrowed)
        cursor = None
        if len(found) > asked.limit:
            del found[asked.limit :]
            cursor = wire.write_cursor(found[-1].time, found[-1].id)
        held = [f.id for f in found if f.files]
        files = attachments.of(tx, call.caller, held) if held else {}
        tail = "" if cursor is None else f',"next":"{cursor}"'
        return Page(f'{{"events":[{_found_json(found, files)}]{tail}}}'.encode(), cursor)

    return await endpoint.cached(call, page, quick=_is_quick(asked, call))


def _is_quick(asked: EventsQuery, call: Call) -> bool:
    """Whether an index leads to the very rows: by time alone, and to one who may read all."""
    narrowed = (asked.streams or asked.types or asked.measures or asked.tags or asked.sources) or (
        asked.running or asked.batch is not None or asked.modified_since is not None
    )
    return (
        asked.limit <= QUICK_ROWS_MAX
        and call.caller.owner
        and asked.state == "default"
        and not narrowed
    )


async def get_one(call: Call) -> Response:
    """Answer one event."""
    id_ = call.path["id"]
    return await endpoint.cached(
        call, lambda tx: event_json(events.get(tx, call.ctx, call.caller, id_)), quick=True
    )


async def get_versions(call: Call) -> Response:
    """Answer what an event was before it was changed."""
    id_ = call.path["id"]

    def read(tx: Tx) -> bytes:
        found = events.versions(tx, call.ctx, call.caller, id_)
        return b'{"versions":[' + b",".join(event_json(v.event) for v in found) + b"]}"

    return endpoint.ready(await http.read(call.ctx, read))


async def create(call: Call) -> Response:
    """Store one event, or many; the same request with the same key is answered again."""
    now = call.ctx.now()
    named = call.raw.find(b'"events"') >= 0
    many = named and wire.read_body(_Shape, call.raw).events is not msgspec.UNSET
    if many:
        wires = wire.read_body(EventsNew, call.raw).events
        batch = [read_new(w, now, f"events[{i}].") for i, w in enumerate(wires)]
    else:
        batch = [read_new(wire.read_body(EventNew, call.raw), now, "")]
    key = http.header(call.request.scope, b"idempotency-key")
    if not many and key is None and batch[0].id is None and batch[0].source_id is None:
        stored = await _join(call, batch[0])
        return endpoint.ready(native_json(stored.body, stored.tail).encode(), 201)
    return await _create(call, batch, key, many=many)


async def _create(
    call: Call, batch: Sequence[NewEvent], key: str | None, *, many: bool
) -> Response:
    def store(tx: WriteTx) -> tuple[int, bytes]:
        written = events.create(tx, call.ctx, call.caller, batch)
        return _stored(written) if many else _stored_one(written[0])

    if key is None:
        status, body = await http.write(call.ctx, store)
        return endpoint.ready(body, status)
    idempotency.check_key(key)
    request = idempotency.digest(b"events.create", call.raw)
    given = await http.write(
        call.ctx,
        lambda tx: idempotency.once(tx, call.ctx, call.caller, key, request, lambda: store(tx)),
    )
    replayed = {"Idempotent-Replayed": "true"} if given.replayed else {}
    return endpoint.ready(given.body, given.status, replayed)


def _join(call: Call, new: NewEvent) -> Awaitable[Found]:
    """Store one event together with those of the same caller that wait."""
    caller, ctx = call.caller, call.ctx
    # While it waits the caller is held, so no other has its identity.
    key = ("events.create", id(caller))
    return http.join(ctx, key, lambda tx, given: events.create_each(tx, ctx, caller, given), new)


class _Shape(msgspec.Struct):
    """Tells one event from many, without reading them."""

    events: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def _stored_one(written: events.Written) -> tuple[int, bytes]:
    if written.status == "deleted":
        raise Conflict(
            "this source and sourceId were deleted for good",
            data={"sourceId": written.event.source_id},
        )
    return 201 if written.status == "created" else 200, event_json(written.event)


def _stored(written: Sequence[events.Written]) -> tuple[int, bytes]:
    counts = {"created": 0, "changed": 0, "same": 0, "deleted": 0}
    listed = []
    for event, status in written:
        counts[status] += 1
        listed.append({"id": None if status == "deleted" else event.id, "status": status})
    return 201 if counts["created"] else 200, wire.encode({**counts, "events": listed})


async def update(call: Call) -> Response:
    """Change members of an event."""
    fields = dict(wire.given(call.body))
    if "time" in fields:
        fields["time"] = wire.instant(fields["time"], "time")
    if "duration" in fields:
        fields["duration"] = _duration(fields["duration"])
    if "stream_ids" in fields:
        fields["stream_ids"] = tuple(fields["stream_ids"])
    if "type" in fields:
        check_type(fields["type"])
    if "tags" in fields:
        fields["tags"] = tuple(dict.fromkeys(fields["tags"]))
    if "timezone" in fields:
        fields["zone"] = fields.pop("timezone")
    id_ = call.path["id"]
    changed = await http.write(
        call.ctx, lambda tx: events.update(tx, call.ctx, call.caller, id_, fields)
    )
    return endpoint.ready(event_json(changed))


async def delete(call: Call) -> Response:
    """Put an event into the trash; delete it for good only where that is asked.

    So a request that is sent again, because its answer was lost, destroys nothing.
    """
    id_ = call.path["id"]

    def do(tx: WriteTx) -> bytes:
        old = events.changeable(tx, call.ctx, call.caller, id_, deleting=True)
        if call.query.final:
            events.delete(tx, call.ctx, call.caller, id_)
            return wire.encode(Deleted(deleted=id_))
        if old.trashed:
            return event_json(events.get(tx, call.ctx, call.caller, id_))
        return event_json(events.set_trashed(tx, call.ctx, call.caller, id_, trashed=True))

    return endpoint.ready(await http.write(call.ctx, do))


async def restore(call: Call) -> Response:
    """Take an event out of the trash."""
    id_ = call.path["id"]
    restored = await http.write(
        call.ctx,
        lambda tx: events.set_trashed(tx, call.ctx, call.caller, id_, trashed=False),
    )
    return endpoint.ready(event_json(restored))


def body_bytes_max(ctx: Context) -> int:
    """Return the bytes that a body with many data may have."""
    return ctx.settings.body_bytes_max


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/events",
        name="events.list",
        summary="Read events",
        query=EventsQuery,
        answer=(EventsOut,),
        handler=get_many,
    ),
    Endpoint(
        method="POST",
        path="/events",
        name="events.create",
        summary="Store an event, or up to 10,000, all or none",
        description="One event answers as it is stored: 201, or 200 where (source, sourceId) was"
        " known. Many answer with what became of each.",
        body=(EventNew, EventsNew),
        answer=(EventOut, EventsStored),
        status=201,
        also=(200,),
        headers={"Idempotency-Key": "The same key and body again are answered again."},
        body_bytes_max=body_bytes_max,
        handler=create,
    ),
    Endpoint(
        method="GET",
        path="/events/{id}",
        name="events.get",
        summary="Read one event",
        answer=(EventOut,),
        handler=get_one,
    ),
    Endpoint(
        method="GET",
        path="/events/{id}/versions",
        name="events.versions",
        summary="Read what an event was before it was changed",
        answer=(EventVersions,),
        handler=get_versions,
    ),
    Endpoint(
        method="PATCH",
        path="/events/{id}",
        name="events.update",
        summary="Change an event",
        body=(EventPatch,),
        answer=(EventOut,),
        body_bytes_max=lambda _ctx: 4 << 20,
        handler=update,
    ),
    Endpoint(
        method="DELETE",
        path="/events/{id}",
        name="events.delete",
        summary="Trash an event, or delete it for good",
        query=DeleteQuery,
        answer=(EventOut, Deleted),
        handler=delete,
    ),
    Endpoint(
        method="POST",
        path="/events/{id}/restore",
        name="events.restore",
        summary="Take an event out of the trash",
        answer=(EventOut,),
        handler=restore,
    ),
)
