"""Attachments over HTTP: multipart bodies in every order of their parts, and the files back."""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.pryv import checks, shapes, words
from diurnal.dialects.pryv.methods import Call, Result
from diurnal.dialects.pryv.methods.events import reader
from diurnal.http import files
from diurnal.services import attachments, authentication, events
from diurnal.services.context import Context
from diurnal.store.database import Tx, WriteTx

NAMELESS = "blob"
"""What browsers call what a page has made itself."""


async def create(ctx: Context, call: Call, request: Request) -> Result:
    """Make an event with the files that come with it."""
    fields, given = await _received(ctx, call, request)
    if len(fields) != 1:
        raise checks.BadStructure("A multipart body has one part with the event, besides files.")
    asked = shapes.read_event(checks.params_of(checks.parse(fields[0].encode())), ctx.now())

    def do(tx: WriteTx) -> Result:
        [made] = events.create(tx, ctx, call.access, [asked.new])
        event = made.event
        if given:
            event = attachments.add_to_new(tx, ctx, call.access, event.id, given)
        return {"event": shapes.raw_event(event, reader(ctx, call))}

    return await http.write(ctx, do)


async def add(ctx: Context, call: Call, request: Request) -> Result:
    """Hang the files of a multipart body on an event."""
    id_ = request.path_params["id"]
    if not files.is_multipart(request):
        raise checks.BadStructure("Files come as multipart/form-data.")
    await http.read(ctx, lambda tx: attachments.check_room(tx, ctx, call.access, id_), quick=True)
    _, given = await _received(ctx, call, request)
    if not given:
        raise checks.BadStructure("There is no file in the body.")
    event = await http.write(ctx, lambda tx: attachments.add(tx, ctx, call.access, id_, given))
    return {"event": shapes.raw_event(event, reader(ctx, call))}


async def _received(ctx: Context, call: Call, request: Request) -> tuple[list[str], files.Given]:
    return await files.received(
        ctx, call.access, request, nameless=NAMELESS, refuse=checks.BadStructure
    )


async def get(ctx: Context, call: Call, request: Request) -> Response:
    """Send a file."""
    event_id, file_id = request.path_params["id"], request.path_params["fileId"]
    caller = call.access
    file = await http.read(
        ctx, lambda tx: attachments.find(tx, ctx, caller, event_id, file_id), quick=True
    )
    kept = "private, max-age=31536000, immutable"
    return await files.whole(ctx, caller.account_id, file, request, cache=kept)


async def by_read_token(ctx: Context, account_id: int, token: str, file_id: str) -> Call:
    """Return the reader whom a read token was given to.

    Raises:
        Unauthenticated: it is none, or another file's; or the access opens nothing any more.
    """
    access_id = token.partition("-")[0]

    def look(tx: Tx) -> Call | None:
        stored = authentication.standing(tx, ctx, account_id, access_id)
        if stored is None:
            return None
        key = ctx.keys.derive(shapes.READER)
        told = shapes.Reader(key, access_id, stored.token_hash).token_of(file_id)
        fits = hmac.compare_digest(told.encode(), token.encode())
        return Call(stored.access, "") if fits else None

    found = await http.read(ctx, look, quick=True)
    if found is None:
        raise words.UnknownToken("Cannot find access from token.")
    return found
