"""Streams: Pryv's methods."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from diurnal.dialects.pryv import trees
from diurnal.dialects.pryv.checks import BadOperation, BadParameters, Problem
from diurnal.dialects.pryv.methods import pseudo
from diurnal.dialects.pryv.methods.table import Call, Method, Result, Table
from diurnal.dialects.pryv.trees import AskedStreams, Deleting, NewStream, StreamUpdate
from diurnal.errors import InvalidInput, UnknownReference
from diurnal.model.streams import Stream
from diurnal.services import streams
from diurnal.services.context import Context
from diurnal.store.database import Tx, WriteTx


def get(tx: Tx, ctx: Context, call: Call, asked: AskedStreams) -> Result:
    """Return the tree that the caller may see; https://api.pryv.com/reference/#get-streams."""
    tree = streams.visible(tx, ctx, call.access, trashed=asked.trashed)
    others = pseudo.streams_of(call.access)
    if asked.parent_id is None:
        below = trees.write_tree(tree, None) + others
    elif asked.parent_id in tree:
        below = trees.write_tree(tree, asked.parent_id)
    else:
        below = _below(others, asked.parent_id)
    result: Result = {"streams": below}
    if asked.deletions_since is not None:
        gone = streams.deletions(tx, call.access, asked.deletions_since)
        result["streamDeletions"] = trees.write_deletions(gone)
    return result


def _below(listed: Iterable[dict[str, Any]], parent_id: str) -> list[dict[str, Any]]:
    """Return the children of a stream that is no row.

    Raises:
        UnknownReference: there is no such stream either.
    """
    left = [*listed]
    while left:
        stream = left.pop()
        children: list[dict[str, Any]] = stream["children"]
        if stream["id"] == parent_id:
            return children
        left += children
    raise UnknownReference(f'Unknown parent stream: "{parent_id}"', data={"parentId": parent_id})


def create(tx: WriteTx, ctx: Context, call: Call, asked: NewStream) -> Result:
    """Make a stream; https://api.pryv.com/reference/#create-stream."""
    pseudo.refuse(asked.id, asked.parent_id)
    made = streams.create(
        tx,
        ctx,
        call.access,
        name=asked.name,
        id_=asked.id,
        parent_id=asked.parent_id,
        client_data=asked.client_data,
        trashed=asked.trashed,
    )
    return {"stream": trees.write_stream(made)}


def update(tx: WriteTx, ctx: Context, call: Call, asked: StreamUpdate) -> Result:
    """Change a stream; https://api.pryv.com/reference/#update-stream."""
    return {"stream": trees.write_stream(_changed(tx, ctx, call, asked))}


def _changed(tx: WriteTx, ctx: Context, call: Call, asked: StreamUpdate) -> Stream:
    pseudo.refuse(asked.id, asked.fields.get("parent_id"))
    try:
        return streams.update(tx, ctx, call.access, asked.id, asked.fields)
    except UnknownReference:
        raise
    except InvalidInput as error:
        if error.field == "parentId" and error.data is None:
            raise BadOperation(error.message) from None
        raise


def delete(tx: WriteTx, ctx: Context, call: Call, asked: Deleting) -> Result:
    """Put a stream into the trash, or delete one that is in it with all below it.

    https://api.pryv.com/reference/#delete-stream
    """
    pseudo.refuse(asked.id)
    known = streams.manageable(tx, ctx, call.access, asked.id)
    if not known.trashed:
        trashed = streams.update(tx, ctx, call.access, asked.id, {"trashed": True})
        return {"stream": trees.write_stream(trashed)}
    if asked.merge and known.parent_id is None:
        raise BadOperation("Deleted root streams have no parent to merge their events into.")
    try:
        outcome = streams.delete(tx, ctx, call.access, asked.id, merge=asked.merge)
    except InvalidInput as error:
        if error.field != "mergeEventsWithParent":
            raise
        message = "There are events referring to the deleted items and the parameter is missing."
        name = "mergeEventsWithParent"
        problem = Problem("OBJECT_MISSING_REQUIRED_PROPERTY", message, "#/", (name,))
        raise BadParameters([problem]) from None
    result: Result = {
        "updatedEvents": [{"action": action, "id": event} for event, action in outcome]
    }
    return result | {"streamDeletion": {"id": asked.id}}


METHODS: Table = {
    "streams.get": Method(lambda params, _now: trees.read_streams_query(params), get),
    "streams.create": Method(trees.read_stream, create, writes=True, status=201),
    "streams.update": Method(trees.read_stream_update, update, writes=True),
    "streams.delete": Method(trees.read_deleting, delete, writes=True),
}
