"""Streams in Pryv's shape, read and written; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from diurnal.dialects.pryv.checks import (
    FLAG,
    NUMBER_OR_NULL,
    OBJECT_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    BadItemId,
    BadOperation,
    Kinds,
    Params,
    ProtectedFields,
    check,
)
from diurnal.dialects.pryv.queries import instant, state_problems
from diurnal.model.events import seconds
from diurnal.model.streams import Stream, Tree
from diurnal.services.streams import REFUSED_IDS


def write_deletions(deleted: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """Return deletions of events or streams."""
    return [{"id": id_, "deleted": seconds(at)} for id_, at in deleted]


class AskedStreams(NamedTuple):
    """What `streams.get` asks for."""

    parent_id: str | None
    trashed: bool
    deletions_since: int | None


_STREAMS_QUERY: Mapping[str, Kinds] = {
    "parentId": TEXT_OR_NULL,
    "state": TEXT,
    "includeDeletionsSince": NUMBER_OR_NULL,
}


def read_streams_query(params: Params) -> AskedStreams:
    """Return what `streams.get` asks for.

    Raises:
        BadParameters: a parameter is unknown or of the wrong kind.
    """
    state = params.get("state", "default")
    check(params, _STREAMS_QUERY, also=state_problems(state, ("default", "all")))
    since = instant(params.get("includeDeletionsSince"))
    return AskedStreams(params.get("parentId"), state == "all", since)


def write_tree(tree: Tree, parent_id: str | None) -> list[dict[str, Any]]:
    """Return the streams below a parent as a tree, by name."""
    return [
        {**write_stream(s), "children": write_tree(tree, s.id)} for s in tree.children(parent_id)
    ]


def write_stream(stream: Stream) -> dict[str, Any]:
    """Return a stream without its children."""
    written: dict[str, Any] = {"id": stream.id, "name": stream.name, "parentId": stream.parent_id}
    if stream.client_data is not None:
        written["clientData"] = stream.client_data
    if stream.trashed:
        written["trashed"] = True
    return written | {
        "created": seconds(stream.created),
        "createdBy": stream.created_by,
        "modified": seconds(stream.modified),
        "modifiedBy": stream.modified_by,
    }


_STREAM: Mapping[str, Kinds] = {
    "id": TEXT_OR_NULL,
    "name": TEXT,
    "parentId": TEXT_OR_NULL,
    "clientData": OBJECT_OR_NULL,
    "trashed": FLAG,
    # Up to 1.4; no stream of ours refuses periods that overlap.
    "singleActivity": FLAG,
    "children": Kinds("array", lambda v: isinstance(v, list)),
    "created": Kinds("number", lambda v: isinstance(v, int | float)),
    "createdBy": TEXT,
    "modified": Kinds("number", lambda v: isinstance(v, int | float)),
    "modifiedBy": TEXT,
}
PROTECTED = ("id", "children", "created", "createdBy", "modified", "modifiedBy")


class NewStream(NamedTuple):
    """The stream that `streams.create` is to make."""

    name: str
    id: str | None
    parent_id: str | None
    client_data: dict[str, Any] | None
    trashed: bool


def read_stream(params: Params, _now: int) -> NewStream:
    """Return the stream that `streams.create` is to make.

    Raises:
        BadParameters: a property is missing, unknown or of the wrong kind.
        BadItemId: no stream can have this id.
    """
    check(params, _STREAM, required=("name",))
    id_ = params.get("id")
    if id_ in REFUSED_IDS:
        raise BadItemId(f'The specified id "{id_}" is not allowed.')
    return NewStream(
        params["name"],
        id_,
        params.get("parentId"),
        params.get("clientData"),
        params.get("trashed", False),
    )


class StreamUpdate(NamedTuple):
    """What `streams.update` is to change."""

    id: str
    fields: dict[str, Any]


def read_stream_update(params: Params, _now: int) -> StreamUpdate:
    """Return what `streams.update` is to change.

    Raises:
        BadParameters: a property is unknown or of the wrong kind.
        ProtectedFields: one is the server's own.
        BadOperation: it would be its own parent.
    """
    check(
        params,
        {"id": TEXT, "update": Kinds("object", lambda v: isinstance(v, dict))},
        required=("id", "update"),
    )
    given = params["update"]
    check(given, _STREAM)
    protected = [name for name in PROTECTED if name in given]
    if protected:
        raise ProtectedFields(protected)
    if given.get("parentId") == params["id"]:
        raise BadOperation("A stream cannot be its own parent.")
    names = {"name": "name", "parentId": "parent_id", "clientData": "client_data"}
    fields = {ours: given[theirs] for theirs, ours in names.items() if theirs in given}
    if "trashed" in given:
        fields["trashed"] = given["trashed"]
    return StreamUpdate(params["id"], fields)


class Deleting(NamedTuple):
    """What `streams.delete` is to delete."""

    id: str
    merge: bool | None


def read_deleting(params: Params, _now: int) -> Deleting:
    """Return what `streams.delete` is to delete.

    Raises:
        BadParameters: a parameter is missing, unknown or of the wrong kind.
    """
    check(params, {"id": TEXT, "mergeEventsWithParent": FLAG}, required=("id",))
    return Deleting(params["id"], params.get("mergeEventsWithParent"))
