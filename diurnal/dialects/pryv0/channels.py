"""Channels and folders: the roots of the tree, and what is below them."""

from __future__ import annotations

from typing import Any

from diurnal.dialects.pryv0 import checks
from diurnal.dialects.pryv0.table import Call, Method, Params, Table
from diurnal.dialects.pryv0.words import (
    BadItemId,
    BadOperation,
    MissingParameter,
    NameTaken,
    UnknownItem,
    UnknownNamed,
)
from diurnal.errors import Conflict, InvalidInput, UnknownReference
from diurnal.model.streams import Stream, Tree
from diurnal.services import streams
from diurnal.services.context import Context
from diurnal.store.database import Tx, WriteTx

STRICT = "pryv0:strict"
HIDDEN = "pryv0:hidden"
_OURS = frozenset({STRICT, HIDDEN})
_CHANNEL = frozenset(
    {"id", "name", "strictMode", "enforceNoEventsOverlap", "clientData", "trashed", "timeCount"}
)
_FOLDER = frozenset(
    {"id", "name", "parentId", "hidden", "clientData", "trashed", "timeCount", "channelId"}
)


def tree_of(tx: Tx, ctx: Context, call: Call) -> Tree:
    """Return the account's whole tree."""
    return ctx.state(tx, call.access.account_id).tree


def find_channel(tx: Tx, ctx: Context, call: Call, id_: str) -> Stream:
    """Return a channel that the caller may know of.

    Raises:
        UnknownItem: there is none.
    """
    tree = tree_of(tx, ctx, call)
    found = tree.get(id_)
    if found is None or found.parent_id is not None or not _visible(tree, call, id_):
        raise UnknownItem("CHANNEL", id_)
    return found


def _visible(tree: Tree, call: Call, channel: str) -> bool:
    return call.access.owner or any(
        streams.listable(tree, call.access, s) for s in tree.below(channel)
    )


def find_folder(tx: Tx, ctx: Context, call: Call, channel: str, id_: str) -> Stream:
    """Return a folder that the caller may know of.

    Raises:
        UnknownItem: there is none in this channel.
    """
    find_channel(tx, ctx, call, channel)
    tree = tree_of(tx, ctx, call)
    found = tree.get(id_)
    path = tree.path(id_)
    hidden = found is None or found.parent_id is None or path[-1] != channel
    if found is None or hidden or not streams.listable(tree, call.access, id_):
        raise UnknownItem("FOLDER", id_)
    return found


def is_strict(call: Call, channel: Stream) -> bool:
    """Return whether a channel's periods are kept apart."""
    return bool((channel.client_data or {}).get(STRICT, call.version.strict))


def _client_data(stream: Stream) -> dict[str, Any]:
    return {k: v for k, v in (stream.client_data or {}).items() if k not in _OURS}


def write_channel(call: Call, channel: Stream) -> dict[str, Any]:
    """Return a channel in the shape of the version."""
    name = "enforceNoEventsOverlap" if call.version.later else "strictMode"
    told: dict[str, Any] = {"id": channel.id, "name": channel.name, name: is_strict(call, channel)}
    return told | _more(channel)


def _more(stream: Stream) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if data := _client_data(stream):
        told["clientData"] = data
    if stream.trashed:
        told["trashed"] = True
    return told


def get_channels(tx: Tx, ctx: Context, call: Call, params: Params) -> Any:
    """Return the channels that the token opens something of, by name."""
    tree, state = tree_of(tx, ctx, call), checks.state(params)
    return [
        write_channel(call, s)
        for s in tree.children(None)
        if _visible(tree, call, s.id) and (state == "all" or s.trashed == (state == "trashed"))
    ]


def _own(params: Params) -> dict[str, Any]:
    """Return the client data that a write leaves, with what we keep there."""
    given = dict(checks.data(params) or {})
    if given.keys() & _OURS:
        raise InvalidInput("these members are the server's own", field="clientData")
    for name in ("strictMode", "enforceNoEventsOverlap"):
        if (strict := checks.flag(params, name)) is not None:
            given[STRICT] = strict
    if (hidden := checks.flag(params, "hidden")) is not None:
        given[HIDDEN] = hidden or None
    return given


def _create(
    tx: WriteTx, ctx: Context, call: Call, params: Params, parent: str | None
) -> dict[str, Any]:
    name = checks.text(params, "name", required=True) or ""
    data = {k: v for k, v in _own(params).items() if v is not None}
    try:
        made = streams.create(
            tx,
            ctx,
            call.access,
            name=name,
            id_=checks.text(params, "id"),
            parent_id=parent,
            client_data=data or None,
            trashed=bool(checks.flag(params, "trashed")),
        )
    except Conflict as error:
        raise _clash(error) from None
    except UnknownReference:
        raise UnknownNamed("FOLDER", parent or "") from None
    except InvalidInput as error:
        raise BadItemId(error.message) if error.field == "id" else error from None
    return {"id": made.id}


def _clash(error: Conflict) -> Conflict:
    return NameTaken(error.message) if "name" in (error.data or {}) else error


def _update(tx: WriteTx, ctx: Context, call: Call, id_: str, params: Params) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "name" in params:
        fields["name"] = checks.text(params, "name", required=True)
    if (trashed := checks.flag(params, "trashed")) is not None:
        fields["trashed"] = trashed
    if data := _own(params):
        fields["client_data"] = data
    if "parentId" in params:
        fields["parent_id"] = params["parentId"]
    try:
        streams.update(tx, ctx, call.access, id_, fields)
    except Conflict as error:
        raise _clash(error) from None
    except UnknownReference:
        raise UnknownNamed("FOLDER", str(fields.get("parent_id"))) from None
    return {}


def create_channel(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Make a channel."""
    checks.known(params, _CHANNEL)
    return _create(tx, ctx, call, params, None)


def update_channel(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Change a channel."""
    update = params["update"]
    checks.known(update, _CHANNEL)
    find_channel(tx, ctx, call, params["id"])
    return _update(tx, ctx, call, params["id"], update)


def delete_channel(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Put a channel into the trash; delete one that is in it, with all its folders and events."""
    found = find_channel(tx, ctx, call, params["id"])
    return _delete(tx, ctx, call, found, merge=False)


def _delete(
    tx: WriteTx, ctx: Context, call: Call, found: Stream, *, merge: bool | None
) -> dict[str, Any]:
    if not found.trashed:
        streams.update(tx, ctx, call.access, found.id, {"trashed": True})
        return {}
    try:
        streams.delete(tx, ctx, call.access, found.id, merge=merge)
    except InvalidInput as error:
        if error.field == "mergeEventsWithParent":
            raise MissingParameter(error.message) from None
        raise
    return {}


def get_folders(tx: Tx, ctx: Context, call: Call, params: Params) -> Any:
    """Return the tree of a channel's folders, by name."""
    channel = find_channel(tx, ctx, call, params["channelId"])
    state = checks.state(params)
    tree = streams.visible(tx, ctx, call.access, trashed=state != "default")
    whole = tree_of(tx, ctx, call)
    start = checks.text(params, "parentId")
    if start is not None:
        try:
            find_folder(tx, ctx, call, channel.id, start)
        except UnknownItem:
            raise UnknownNamed("FOLDER", start) from None
    hidden = bool(checks.flag(params, "includeHidden"))

    def write(s: Stream) -> dict[str, Any]:
        below = [write(c) for c in tree.children(s.id) if hidden or not _is_hidden(c)]
        known = whole.get(s.id)
        parent = None if known is None or known.parent_id == channel.id else known.parent_id
        told: dict[str, Any] = {"id": s.id, "name": s.name, "parentId": parent}
        if call.version.later:
            told["channelId"] = channel.id
        if _is_hidden(s):
            told["hidden"] = True
        return told | _more(s) | {"children": below}

    if start is not None:
        tops = tree.children(start)
    elif channel.id in tree:
        tops = tree.children(channel.id)
    else:  # the channel itself is not the caller's: what is comes to the top
        tops = [s for s in tree.children(None) if whole.path(s.id)[-1] == channel.id]
    return [
        write(s)
        for s in tops
        if (hidden or not _is_hidden(s)) and (state != "trashed" or whole.trashed(s.id))
    ]


def _is_hidden(stream: Stream) -> bool:
    return bool((stream.client_data or {}).get(HIDDEN))


def create_folder(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Make a folder."""
    channel = find_channel(tx, ctx, call, params.pop("channelId"))
    checks.known(params, _FOLDER)
    parent = checks.text(params, "parentId")
    if parent is not None:
        _parent(tx, ctx, call, channel.id, parent)
    return _create(tx, ctx, call, params, parent or channel.id)


def _parent(tx: Tx, ctx: Context, call: Call, channel: str, parent: str) -> None:
    try:
        find_folder(tx, ctx, call, channel, parent)
    except UnknownItem:
        raise UnknownNamed("FOLDER", parent) from None
    if tree_of(tx, ctx, call).trashed(parent):
        raise BadOperation("This folder is in the trash.", data={"trashed": "folder"})


def update_folder(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Change a folder; a new parent moves it."""
    channel, id_, update = params["channelId"], params["id"], dict(params["update"])
    checks.known(update, _FOLDER)
    find_folder(tx, ctx, call, channel, id_)
    if "parentId" in update:
        parent = checks.text(update, "parentId")
        if parent is not None:
            _parent(tx, ctx, call, channel, parent)
        update["parentId"] = parent or channel
    try:
        return _update(tx, ctx, call, id_, update)
    except InvalidInput as error:
        if error.field == "parentId" and not isinstance(error, UnknownReference):
            raise BadOperation(error.message) from None
        raise


def delete_folder(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Put a folder into the trash, or delete one that is in it."""
    found = find_folder(tx, ctx, call, params["channelId"], params["id"])
    return _delete(tx, ctx, call, found, merge=checks.flag(params, "mergeEventsWithParent"))


METHODS: Table = {
    "channels.get": Method(get_channels),
    "channels.create": Method(create_channel, writes=True, status=201),
    "channels.update": Method(update_channel, writes=True),
    "channels.delete": Method(delete_channel, writes=True),
    "folders.get": Method(get_folders),
    "folders.create": Method(create_folder, writes=True, status=201),
    "folders.update": Method(update_folder, writes=True),
    "folders.delete": Method(delete_folder, writes=True),
}
