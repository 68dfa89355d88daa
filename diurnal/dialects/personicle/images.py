"""Images: files of events, given out by addresses that are good for a quarter of an hour."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from diurnal import catalog, http
from diurnal.auth import signed
from diurnal.dialects.personicle import door, ids
from diurnal.errors import Forbidden, NotFound
from diurnal.http import Handler
from diurnal.model.access import Access
from diurnal.model.events import NewEvent
from diurnal.model.time import MINUTE
from diurnal.services import accesses, attachments, events
from diurnal.services.context import Context
from diurnal.store.database import Tx, WriteTx

PURPOSE = "image"
LASTS_US = 15 * MINUTE
IMAGES_MAX = 20
MEASURE = "photo"
ROUTES = (
    "POST /user_images",
    "GET /user_images/{key}",
    "DELETE /user_images/delete",
    "GET /user_images/{key}/file",
)


class Ticket(msgspec.Struct, array_like=True):
    """What an address is good for."""

    account: int
    username: str
    event: str
    until: int


def handlers(ctx: Context) -> dict[str, Handler]:
    """Return the handlers by path."""

    async def upload(request: Request) -> Response:
        caller = await door.caller(ctx, request)
        door.granted(caller, "events.write")
        user = await door.user_of(ctx, caller)
        made = []
        async with request.form(max_files=IMAGES_MAX, max_fields=IMAGES_MAX) as form:
            told = form.get("user_image[individual_id]")
            if told not in (None, user):
                raise Forbidden("individual_id is not the token's user")
            for _, part in form.multi_items():
                if isinstance(part, UploadFile):
                    made.append({"image_key": await _keep(ctx, caller, part)})
        if not made:
            raise door.Unreadable("Incorrectly formatted data packet")
        return door.answer(made, 201)

    async def show(request: Request) -> Response:
        caller = await door.caller(ctx, request)
        door.granted(caller, "events.read", door.NO_EVENTS)
        key = request.path_params["key"]
        found = await http.read(ctx, lambda tx: _event(tx, ctx, caller, key))
        until = ctx.now() + LASTS_US
        ticket = Ticket(caller.account_id, caller.username, found, until)
        text = signed.sign(ctx.keys, PURPOSE, msgspec.json.encode(ticket))
        base = http.base_url(request, None) + str(request.scope.get("root_path", ""))
        return door.answer({"image_url": f"{base}/user_images/{key}/file?sig={text}"})

    async def file(request: Request) -> Response:
        raw = signed.read(ctx.keys, PURPOSE, request.query_params.get("sig", ""))
        if raw is None:
            raise NotFound
        ticket = msgspec.json.decode(raw, type=Ticket)
        if ticket.until < ctx.now() or ids.to_uuid(ticket.event) != request.path_params["key"]:
            raise NotFound
        owner = accesses.personal(ticket.account, ticket.username)
        kept = await http.read(ctx, lambda tx: attachments.of(tx, owner, [ticket.event]))
        files = kept.get(ticket.event, ())
        if not files:
            raise NotFound
        first = files[0]
        opened = await http.blocking(lambda: ctx.blobs.open(ticket.account, first.hash))
        headers = {
            "Content-Disposition": "attachment",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        }
        return StreamingResponse(
            opened,
            media_type=first.type,
            headers=headers,
            background=BackgroundTask(opened.close),
        )

    async def delete(request: Request) -> Response:
        caller = await door.caller(ctx, request)
        door.granted(caller, "events.write")
        asked = request.query_params.get("image_ids", "")
        keys = [k.strip() for k in asked.split(",") if k.strip()]

        def remove(tx: WriteTx) -> int:
            gone = 0
            for key in keys[:IMAGES_MAX]:
                events.delete(tx, ctx, caller, _event(tx, ctx, caller, key))
                gone += 1
            return gone

        done = await http.write(ctx, remove)
        return door.answer({"message": f"Deleted {done} images"})

    return {
        "/user_images": _only("POST", upload),
        "/user_images/delete": _only("DELETE", delete),
        "/user_images/{key}": _only("GET", show),
        "/user_images/{key}/file": _only("GET", file),
    }


def _only(verb: str, handler: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        if ("GET" if request.method == "HEAD" else request.method) != verb:
            return door.answer({"detail": "Method Not Allowed"}, 405)
        return await handler(request)

    return answer


def _event(tx: Tx, ctx: Context, caller: Access, key: str) -> str:
    """Return the event of an image.

    Raises:
        NotFound: there is none, or it is not the caller's to see.
    """
    id_ = ids.from_uuid(key)
    if id_ is None:
        raise NotFound
    found = events.get(tx, ctx, caller, id_)
    if found.measure != MEASURE:
        raise NotFound
    return found.id


async def _keep(ctx: Context, caller: Access, part: UploadFile) -> str:
    """Keep one picture: its bytes first, then an event that names them."""
    limit = ctx.settings.attachment_bytes_max
    name = attachments.check_name(part.filename or "image")
    kind = attachments.kind(part.content_type)
    raw: bytes = await part.read(limit + 1)
    digest, size = await http.blocking(lambda: ctx.blobs.put(caller.account_id, [raw], limit=limit))

    def make(tx: WriteTx) -> str:
        state = ctx.state(tx, caller.account_id)
        measure = catalog.get(MEASURE)
        new = NewEvent(
            stream_ids=(state.home(measure),),
            type=catalog.event_type(measure),
            time=ctx.now(),
            description=name,
        )
        [written] = events.create(tx, ctx, caller, [new])
        given: Any = [(name, kind, digest, size)]
        attachments.add(tx, ctx, caller, written.event.id, given)
        return ids.to_uuid(written.event.id)

    return await http.write(ctx, make)
