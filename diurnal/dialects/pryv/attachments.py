"""Attachments over HTTP: multipart bodies in every order of their parts, and the files back."""

from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from functools import partial
from io import BufferedReader
from typing import IO
from urllib.parse import quote

import anyio
import anyio.to_thread
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from diurnal import http
from diurnal.dialects.pryv import checks, shapes, words
from diurnal.dialects.pryv.methods import Call, Result
from diurnal.dialects.pryv.methods.events import reader
from diurnal.errors import TooLarge
from diurnal.services import accesses, attachments, events
from diurnal.services.context import Context
from diurnal.store import files as file_rows
from diurnal.store.database import Tx, WriteTx

PART = 1 << 18
FILES_MAX = 20
"""Files of one request."""
FIELDS_MAX = 20
FIELD_BYTES_MAX = 10 << 20
NAMELESS = "blob"
"""What browsers call what a page has made itself."""

_UPLOADS = anyio.CapacityLimiter(32)
Given = list[tuple[str, str, str, int]]


def is_multipart(request: Request) -> bool:
    """Return whether a body comes in parts."""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


async def create(ctx: Context, call: Call, request: Request) -> Result:
    """Make an event with the files that come with it."""
    fields, files = await _received(ctx, call, request)
    if len(fields) != 1:
        raise checks.BadStructure("A multipart body has one part with the event, besides files.")
    asked = shapes.read_event(checks.params_of(checks.parse(fields[0].encode())), ctx.now())

    def do(tx: WriteTx) -> Result:
        [made] = events.create(tx, ctx, call.access, [asked.new])
        event = made.event
        if files:
            event = attachments.add(tx, ctx, call.access, event.id, files)
        return {"event": shapes.raw_event(event, reader(ctx, call))}

    return await http.write(ctx, do)


async def add(ctx: Context, call: Call, request: Request) -> Result:
    """Hang the files of a multipart body on an event."""
    id_ = request.path_params["id"]
    if not is_multipart(request):
        raise checks.BadStructure("Files come as multipart/form-data.")
    await http.read(ctx, lambda tx: attachments.check_room(tx, ctx, call.access, id_), quick=True)
    _, files = await _received(ctx, call, request)
    if not files:
        raise checks.BadStructure("There is no file in the body.")
    event = await http.write(ctx, lambda tx: attachments.add(tx, ctx, call.access, id_, files))
    return {"event": shapes.raw_event(event, reader(ctx, call))}


async def _received(ctx: Context, call: Call, request: Request) -> tuple[list[str], Given]:
    """Return the text of the plain parts, and the files, whose bytes are kept."""
    room = await http.read(ctx, lambda tx: _room(tx, ctx, call), quick=True)
    form = await _form(request, room)
    try:
        fields: list[str] = []
        files: Given = []
        for _, item in form.multi_items():
            if isinstance(item, UploadFile):
                name = attachments.check_name(item.filename or NAMELESS)
                part = partial(_parts, item.file)
                digest, size = await _keep(ctx, call, part, room)
                files.append((name, attachments.kind(item.content_type), digest, size))
            else:
                fields.append(item)
        return fields, files
    finally:
        await form.close()


def _room(tx: Tx, ctx: Context, call: Call) -> int:
    quota = ctx.settings.attachment_quota_bytes
    left = quota - file_rows.total(tx, call.access.account_id)
    if left <= 0:
        raise TooLarge("The attachment quota is used up.", limit=quota)
    return min(left, ctx.settings.attachment_bytes_max)


def _parts(source: IO[bytes]) -> Iterator[bytes]:
    while part := source.read(PART):
        yield part


async def _keep(
    ctx: Context, call: Call, parts: Callable[[], Iterator[bytes]], room: int
) -> tuple[str, int]:
    return await anyio.to_thread.run_sync(
        lambda: ctx.blobs.put(call.access.account_id, parts(), limit=room), limiter=_UPLOADS
    )


async def _form(request: Request, room: int) -> FormData:
    """Read a multipart body; files wait in temporary files, together at most `room` bytes."""

    async def bounded() -> AsyncGenerator[bytes, None]:
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > room + FIELD_BYTES_MAX:
                raise TooLarge(f"A body has at most {room} bytes.", limit=room)
            yield part

    async with aclosing(bounded()) as stream:
        parser = MultiPartParser(
            request.headers,
            stream,
            max_files=FILES_MAX,
            max_fields=FIELDS_MAX,
            max_part_size=FIELD_BYTES_MAX,
        )
        try:
            return await parser.parse()
        except (MultiPartException, KeyError, UnicodeDecodeError) as error:
            raise checks.BadStructure(f"The body is no multipart/form-data: {error}") from None


async def get(ctx: Context, call: Call, request: Request) -> Response:
    """Send a file."""
    event_id, file_id = request.path_params["id"], request.path_params["fileId"]
    caller = call.access
    file = await http.read(
        ctx, lambda tx: attachments.find(tx, ctx, caller, event_id, file_id), quick=True
    )
    opened = await anyio.to_thread.run_sync(ctx.blobs.open, caller.account_id, file.hash)
    headers = {
        "Content-Type": file.type,
        "Content-Length": str(file.size),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
        "Digest": f"SHA-256={base64.b64encode(bytes.fromhex(file.hash)).decode()}",
        # Whatever it is called, a browser neither runs it nor guesses at it.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    if request.method == "HEAD":
        opened.close()
        return Response(headers=headers)
    return StreamingResponse(_sent(opened), headers=headers)


async def _sent(opened: BufferedReader) -> AsyncIterator[bytes]:
    try:
        while part := await anyio.to_thread.run_sync(opened.read, PART):
            yield part
    finally:
        opened.close()


async def by_read_token(ctx: Context, account_id: int, token: str, file_id: str) -> Call:
    """Return the reader whom a read token was given to.

    Raises:
        Unauthenticated: it is none, or another file's; or the access opens nothing any more.
    """
    access_id = token.partition("-")[0]

    def look(tx: Tx) -> Call | None:
        stored = accesses.standing(tx, ctx, account_id, access_id)
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
