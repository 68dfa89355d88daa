"""Files of events: they come in parts of a body, and are asked for by name."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.pryv0 import checks, events
from diurnal.dialects.pryv0.table import Call
from diurnal.dialects.pryv0.words import BadStructure
from diurnal.http import files
from diurnal.services import attachments
from diurnal.services.context import Context


async def create(ctx: Context, call: Call, request: Request) -> Any:
    """Make an event with the files that come with it."""
    fields, given = await _received(ctx, call, request)
    if len(fields) != 1:
        raise BadStructure("A body of parts has one with the event, besides files.")
    channel = {"channelId": request.path_params["channelId"]}
    params = checks.params_of(checks.parse(fields[0].encode()))
    return await http.write(
        ctx, lambda tx: events.create(tx, ctx, call, {**params, **channel}, given)
    )


async def add(ctx: Context, call: Call, request: Request) -> Any:
    """Hang files on an event."""
    if not files.is_multipart(request):
        raise BadStructure("Files come as multipart/form-data.")
    id_ = request.path_params["id"]
    await http.read(ctx, lambda tx: attachments.check_room(tx, ctx, call.access, id_), quick=True)
    _, given = await _received(ctx, call, request)
    if not given:
        raise BadStructure("There is no file in the body.")
    params = {k: request.path_params[k] for k in ("channelId", "id")}
    return await http.write(ctx, lambda tx: events.add_files(tx, ctx, call, params, given))


async def _received(ctx: Context, call: Call, request: Request) -> tuple[list[str], files.Given]:
    return await files.received(ctx, call.access, request, nameless="file", refuse=BadStructure)


async def send(ctx: Context, call: Call, request: Request) -> Response:
    """Send the file of a name."""
    params = {k: v for k, v in request.path_params.items() if k != "username"}
    file = await http.read(
        ctx, lambda tx: events.find_file(tx, ctx, call, dict(params)), quick=True
    )
    return await files.whole(ctx, call.access.account_id, file, request, cache="private, no-cache")
