"""Events of a channel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from diurnal.dialects.pryv0 import channels, checks, periods, shapes
from diurnal.dialects.pryv0.periods import Period
from diurnal.dialects.pryv0.table import Call, Method, Params, Table
from diurnal.dialects.pryv0.words import (
    BadOperation,
    BadStructure,
    MissingFolder,
    MissingParameter,
    UnknownItem,
    UnknownNamed,
    failure,
)
from diurnal.errors import AppError, InvalidInput, NotFound
from diurnal.model import time
from diurnal.model.events import Event, EventQuery, File, NewEvent
from diurnal.model.streams import Stream
from diurnal.services import attachments, events
from diurnal.services.context import Context
from diurnal.store import changes, savepoints
from diurnal.store.database import Tx, WriteTx
from diurnal.store.event_queries import Found

LIMIT = 20
"""Events where neither a time nor a limit is given."""
FRAME_US = 24 * time.HOUR
BATCH_MAX = 10_000
Files = Sequence[tuple[str, str, str, int]]


def _streams(tx: Tx, ctx: Context, call: Call, channel: str) -> frozenset[str]:
    return frozenset(channels.tree_of(tx, ctx, call).below(channel))


def _written(
    tx: Tx, ctx: Context, call: Call, channel: str, found: Sequence[Found]
) -> list[dict[str, Any]]:
    streams = _streams(tx, ctx, call, channel)
    with_files = [f.id for f in found if f.files]
    files = events.files_of(tx, call.access, with_files) if with_files else {}
    return [
        shapes.write_event(call, msgspec.json.decode(f.body), channel, streams, files.get(f.id, ()))
        for f in found
    ]


def get(tx: Tx, ctx: Context, call: Call, params: Params) -> Any:
    """Return events, newest first."""
    channel = channels.find_channel(tx, ctx, call, params["channelId"]).id
    start, end = checks.instant(params, "fromTime"), checks.instant(params, "toTime")
    limit = checks.count(params, "limit")
    if limit is None and start is None and end is None:
        limit = LIMIT
    elif start is not None or end is not None:
        end = ctx.now() if end is None else end
        start = end - FRAME_US if start is None else start
    tags = tuple(t for t in checks.texts(params, "tags") or () if t)
    skip = checks.count(params, "skip") or 0
    query = EventQuery(
        start=start,
        end=end,
        any_of=_asked(tx, ctx, call, channel, checks.texts(params, "onlyFolders")),
        tags=tags[:1],
        state=checks.state(params),
        ascending=bool(checks.flag(params, "sortAscending")),
        modified_since=checks.instant(params, "modifiedSince"),
        skip=0 if len(tags) > 1 else skip,
        limit=None if len(tags) > 1 else limit,
    )
    found = events.find(tx, ctx, call.access, query)
    if len(tags) < 2:
        return _written(tx, ctx, call, channel, found)
    told = _written(tx, ctx, call, channel, found)
    every = [e for e in told if {*tags} <= {*e.get("tags", ())}]
    return every[skip:] if limit is None else every[skip : skip + limit]


def _asked(
    tx: Tx, ctx: Context, call: Call, channel: str, folders: list[str] | None
) -> frozenset[str]:
    if folders is None:
        return _streams(tx, ctx, call, channel)
    tree = channels.tree_of(tx, ctx, call)
    found: set[str] = set()
    unknown = []
    for id_ in folders:
        if not id_:  # events of no folder
            found.add(channel)
            continue
        try:
            channels.find_folder(tx, ctx, call, channel, id_)
            found.update(tree.below(id_))
        except UnknownItem:
            unknown.append(id_)
    if unknown:
        raise UnknownNamed("FOLDER", *unknown)
    return frozenset(found)


def get_running(tx: Tx, ctx: Context, call: Call, params: Params) -> Any:
    """Return the periods that run."""
    channel = channels.find_channel(tx, ctx, call, params["channelId"]).id
    query = EventQuery(any_of=_streams(tx, ctx, call, channel), running=True)
    return _written(tx, ctx, call, channel, events.find(tx, ctx, call.access, query))


def create(tx: WriteTx, ctx: Context, call: Call, params: Params, files: Files = ()) -> Any:
    """Make an event; the period that it stops is told."""
    changes.reserve(tx, call.access.account_id, 0, ctx.now())
    channel = channels.find_channel(tx, ctx, call, params.pop("channelId"))
    fields = shapes.read_fields(call, params)
    home = _home(tx, ctx, call, channel, params)
    at = fields.pop("time", ctx.now())
    new = NewEvent(stream_ids=(home,), time=at, type=fields.pop("type", shapes.PLAIN), **fields)
    if call.version.later and "type" not in params:
        raise InvalidInput("an event has a type", field="type")
    stopped = _apart(tx, ctx, call, channel, Period("", at, _end(at, new.duration)))
    [made] = events.create(tx, ctx, call.access, [new])
    if files:
        attachments.add(tx, ctx, call.access, made.event.id, files)
    return _told(made.event.id, stopped)


def _told(id_: str | None, stopped: str | None) -> dict[str, Any]:
    told: dict[str, Any] = {} if id_ is None else {"id": id_}
    return told if stopped is None else told | {"stoppedId": stopped}


def _end(at: int, duration: int | None) -> int | None:
    return None if duration is None else at + duration


def _home(tx: Tx, ctx: Context, call: Call, channel: Stream, params: Params) -> str:
    folder = checks.text(params, "folderId")
    if folder is not None:
        try:
            channels.find_folder(tx, ctx, call, channel.id, folder)
        except UnknownItem:
            raise UnknownNamed("FOLDER", folder) from None
    if channel.trashed:
        raise BadOperation("The channel is in the trash.", data={"trashed": "channel"})
    if folder is not None and channels.tree_of(tx, ctx, call).trashed(folder):
        raise BadOperation("The folder is in the trash.", data={"trashed": "folder"})
    return folder or channel.id


def _apart(tx: WriteTx, ctx: Context, call: Call, channel: Stream, p: Period) -> str | None:
    is_mark = p.end == p.start
    if is_mark or not channels.is_strict(call, channel):
        return None
    return periods.keep_apart(tx, ctx, call, channel.id, p)


def start(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Make a period that runs; what ran before in a strict channel ends."""
    if not call.version.later and not params.get("folderId"):
        raise MissingFolder("A period is started in a folder.")
    if params.get("duration") is not None:
        raise InvalidInput("what starts has no duration yet", field="duration")
    return create(tx, ctx, call, {**params, "duration": None})


def stop(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """End a running period: the one that is named, or the latest of a strict channel."""
    changes.reserve(tx, call.access.account_id, 0, ctx.now())
    channel = channels.find_channel(tx, ctx, call, params["channelId"])
    at = checks.instant(params, "time")
    at = ctx.now() if at is None else at
    id_ = checks.text(params, "id")
    known = periods.running(tx, ctx, call, channel.id)
    if id_ is None:
        if not channels.is_strict(call, channel):
            raise MissingParameter("Which period is to end?", field="id")
        before = [p for p in known if p.start < at]
        return {"stoppedId": periods.stop(tx, ctx, call, before[0], at) if before else None}
    try:
        events.get(tx, ctx, call.access, id_)
    except NotFound:
        raise UnknownNamed("EVENT", id_) from None
    found = next((p for p in known if p.id == id_), None)
    if found is None:
        raise BadOperation("This event is no running period.")
    events.changeable(tx, ctx, call.access, id_)
    return {"stoppedId": periods.stop(tx, ctx, call, found, at)}


def _existing(tx: Tx, ctx: Context, call: Call, channel: str, id_: str) -> Event:
    try:
        found = events.get(tx, ctx, call.access, id_)
    except NotFound:
        raise UnknownItem("EVENT", id_) from None
    if not _streams(tx, ctx, call, channel).intersection(found.stream_ids):
        raise UnknownItem("EVENT", id_)
    return found


def update(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Change an event."""
    changes.reserve(tx, call.access.account_id, 0, ctx.now())
    channel = channels.find_channel(tx, ctx, call, params["channelId"])
    old = _existing(tx, ctx, call, channel.id, params["id"])
    given = params["update"]
    fields = shapes.read_fields(call, given)
    if "folderId" in given:
        home = _home(tx, ctx, call, channel, given)
        ours = _streams(tx, ctx, call, channel.id)
        kept = [s for s in old.stream_ids if s not in ours]
        fields["stream_ids"] = tuple(dict.fromkeys([home, *kept]))
    stopped = None
    if fields.keys() & {"time", "duration"}:
        at = fields.get("time", old.time)
        events.changeable(tx, ctx, call.access, old.id)
        span = fields.get("duration", old.duration)
        stopped = _apart(tx, ctx, call, channel, Period(old.id, at, _end(at, span)))
    events.update(tx, ctx, call.access, old.id, fields)
    return _told(None, stopped)


def delete(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Put an event into the trash, or delete one that is in it with its files."""
    channel = channels.find_channel(tx, ctx, call, params["channelId"])
    old = _existing(tx, ctx, call, channel.id, params["id"])
    if old.trashed:
        events.delete(tx, ctx, call.access, old.id)
    else:
        events.set_trashed(tx, ctx, call.access, old.id, trashed=True)
    return {}


def find_file(tx: Tx, ctx: Context, call: Call, params: Params) -> File:
    """Return the file of this name.

    Raises:
        UnknownItem: there is none, or no such event.
    """
    channel = channels.find_channel(tx, ctx, call, params["channelId"])
    event = _existing(tx, ctx, call, channel.id, params["id"])
    name = checks.text(params, "fileName", required=True) or ""
    for file in reversed(event.files):
        if file.name == name:
            return file
    raise UnknownItem("ATTACHMENT", name)


def delete_file(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Take the file of this name off an event."""
    file = find_file(tx, ctx, call, params)
    attachments.remove(tx, ctx, call.access, params["id"], file.id)
    return {}


def add_files(tx: WriteTx, ctx: Context, call: Call, params: Params, files: Files) -> Any:
    """Hang files on an event."""
    channel = channels.find_channel(tx, ctx, call, params["channelId"])
    event = _existing(tx, ctx, call, channel.id, params["id"])
    attachments.add(tx, ctx, call.access, event.id, files)
    return {}


def _one(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    return create(tx, ctx, call, dict(params))


def create_batch(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Make many events; what came of each is told by the reference that its maker gave it."""
    channel = channels.find_channel(tx, ctx, call, params["channelId"]).id
    given = params.get("events")
    if not isinstance(given, list) or not all(isinstance(e, dict) for e in given):
        raise BadStructure("A batch is a list of events.")
    if len(given) > BATCH_MAX:
        raise InvalidInput(f"a batch has at most {BATCH_MAX} events", field="events")
    changes.reserve(tx, call.access.account_id, 0, ctx.now())
    told = {}
    for one in given:
        reference = one.get("tempRefId", one.get("clientId"))
        if not isinstance(reference, str):
            raise InvalidInput("each event of a batch has a tempRefId", field="tempRefId")
        given_one = {**one, "channelId": channel}
        result = savepoints.attempt(tx, partial(_one, ctx=ctx, call=call, params=given_one))
        if isinstance(result, AppError):
            result = {"error": failure(result, slugs=call.version.later)}
        told[reference] = result
    return told


METHODS: Table = {
    "events.get": Method(get),
    "events.getRunning": Method(get_running),
    "events.create": Method(create, writes=True, status=201),
    "events.createBatch": Method(create_batch, writes=True),
    "events.start": Method(start, writes=True, status=201),
    "events.stop": Method(stop, writes=True),
    "events.update": Method(update, writes=True),
    "events.delete": Method(delete, writes=True),
    "events.deleteAttachedFile": Method(delete_file, writes=True),
}
