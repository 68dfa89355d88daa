"""Streams: the tree as a caller sees it, and its changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint
from diurnal.errors import NotFound
from diurnal.model.events import TEXT_MAX, seconds
from diurnal.model.streams import Stream, Tree
from diurnal.services import streams
from diurnal.store.database import Tx, WriteTx

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_MAX)]


class StreamNew(wire.Input):
    """A stream to be made.

    Attributes:
        id: made from nothing when left out.
        measure: what data in it mean; inherited by streams below.
    """

    name: Text
    id: Text | None = None
    parent_id: Text | None = None
    measure: Text | None = None
    client_data: dict[str, Any] | None = None


class StreamPatch(wire.Input):
    """Members to change; `clientData` merges by key, null deletes a key."""

    name: Text | msgspec.UnsetType = msgspec.UNSET
    parent_id: Text | msgspec.UnsetType | None = msgspec.UNSET
    measure: Text | msgspec.UnsetType | None = msgspec.UNSET
    client_data: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    trashed: bool | msgspec.UnsetType = msgspec.UNSET


class StreamsQuery(wire.Input):
    """Whether to show streams in the trash too."""

    state: Literal["default", "all"] = "default"


class StreamDeleteQuery(wire.Input):
    """What happens to the events of a stream that is deleted for good.

    Attributes:
        merge: true moves them to the parent, false deletes those in no other stream.
    """

    merge: bool | None = msgspec.field(name="mergeEventsWithParent", default=None)


class StreamOut(wire.Output):
    """A stream; times in Unix seconds."""

    id: str
    name: str
    created: float
    created_by: str
    modified: float
    modified_by: str
    parent_id: str | None = None
    measure: str | None = None
    client_data: dict[str, Any] | None = None
    trashed: bool = False


class StreamsOut(wire.Output):
    """Streams, parents before their children, siblings by name."""

    streams: list[StreamOut]


class EventOutcome(wire.Output):
    """What became of an event of a deleted stream."""

    id: str
    outcome: Literal["mergedToParent", "deleted", "updatedStreamIds"]


class StreamDeleted(wire.Output):
    """The id of a stream that was deleted for good, and what became of its events."""

    deleted: str
    events: list[EventOutcome]


def write(s: Stream) -> StreamOut:
    """Return a stream in our shape."""
    return StreamOut(
        id=s.id,
        name=s.name,
        created=seconds(s.created),
        created_by=s.created_by,
        modified=seconds(s.modified),
        modified_by=s.modified_by,
        parent_id=s.parent_id,
        measure=s.measure,
        client_data=s.client_data,
        trashed=s.trashed,
    )


def _in_order(tree: Tree) -> Iterator[Stream]:
    waiting = list(reversed(tree.children(None)))
    while waiting:
        stream = waiting.pop()
        yield stream
        waiting.extend(reversed(tree.children(stream.id)))


async def get_many(call: Call) -> Response:
    """Answer the tree."""
    trashed = call.query.state == "all"

    def listed(tx: Tx) -> bytes:
        tree = streams.visible(tx, call.ctx, call.caller, trashed=trashed)
        return wire.encode(StreamsOut(streams=[write(s) for s in _in_order(tree)]))

    return await endpoint.cached(call, listed)


async def get_one(call: Call) -> Response:
    """Answer one stream."""
    id_ = call.path["id"]

    def one(tx: Tx) -> bytes:
        stream = streams.visible(tx, call.ctx, call.caller, trashed=True).get(id_)
        if stream is None:
            raise NotFound(f"no stream {id_!r}")
        return wire.encode(write(stream))

    return await endpoint.cached(call, one)


async def create(call: Call) -> Response:
    """Make a stream."""
    new: StreamNew = call.body
    made = await http.write(
        call.ctx,
        lambda tx: streams.create(
            tx,
            call.ctx,
            call.caller,
            name=new.name,
            id_=new.id,
            parent_id=new.parent_id,
            measure=new.measure,
            client_data=new.client_data,
        ),
    )
    return endpoint.answer(write(made), 201)


async def update(call: Call) -> Response:
    """Rename, move, trash, restore or annotate a stream."""
    fields = wire.given(call.body)
    id_ = call.path["id"]
    changed = await http.write(
        call.ctx, lambda tx: streams.update(tx, call.ctx, call.caller, id_, fields)
    )
    return endpoint.answer(write(changed))


async def delete(call: Call) -> Response:
    """Put a stream into the trash; from there delete it for good."""
    id_ = call.path["id"]

    def do(tx: WriteTx) -> Any:
        old = streams.manageable(tx, call.ctx, call.caller, id_)
        if not old.trashed:
            return write(streams.update(tx, call.ctx, call.caller, id_, {"trashed": True}))
        touched = streams.delete(tx, call.ctx, call.caller, id_, merge=call.query.merge)
        return StreamDeleted(
            deleted=id_,
            events=[EventOutcome(id=i, outcome=o) for i, o in touched],  # type: ignore[arg-type]
        )

    return endpoint.answer(await http.write(call.ctx, do))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/streams",
        name="streams.list",
        summary="Read the tree",
        query=StreamsQuery,
        answer=(StreamsOut,),
        handler=get_many,
    ),
    Endpoint(
        method="POST",
        path="/streams",
        name="streams.create",
        summary="Make a stream",
        body=(StreamNew,),
        answer=(StreamOut,),
        status=201,
        handler=create,
    ),
    Endpoint(
        method="GET",
        path="/streams/{id}",
        name="streams.get",
        summary="Read one stream",
        answer=(StreamOut,),
        handler=get_one,
    ),
    Endpoint(
        method="PATCH",
        path="/streams/{id}",
        name="streams.update",
        summary="Rename, move, trash, restore or annotate a stream",
        body=(StreamPatch,),
        answer=(StreamOut,),
        handler=update,
    ),
    Endpoint(
        method="DELETE",
        path="/streams/{id}",
        name="streams.delete",
        summary="Trash a stream; one in the trash is deleted for good",
        query=StreamDeleteQuery,
        answer=(StreamOut, StreamDeleted),
        handler=delete,
    ),
)
