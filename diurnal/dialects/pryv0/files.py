"""Files of events: they come in parts of a body, and are asked for by name."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from functools import partial
from io import BufferedReader
from typing import IO, Any
from urllib.parse import quote

import anyio
import anyio.to_thread
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from diurnal import http
from diurnal.dialects.pryv0 import checks, events
from diurnal.dialects.pryv0.table import Call
from diurnal.dialects.pryv0.words import BadStructure
from diurnal.errors import TooLarge
from diurnal.services import attachments
from diurnal.services.context import Context
from diurnal.store import files as file_rows
from diurnal.store.database import Tx

PART = 1 << 18
FILES_MAX = 20
FIELDS_MAX = 20
FIELD_BYTES_MAX = 10 << 20

Asked = Callable[[Context, Request], Awaitable[Response]]
Given = list[tuple[str, str, str, int]]
_UPLOADS = anyio.CapacityLimiter(8)


def is_multipart(request: Request) -> bool:
    """Return whether a body comes in parts."""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


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
    if not is_multipart(request):
        raise BadStructure("Files come as multipart/form-data.")
    id_ = request.path_params["id"]
    await http.read(ctx, lambda tx: attachments.check_room(tx, ctx, call.access, id_), quick=True)
    _, given = await _received(ctx, call, request)
    if not given:
        raise BadStructure("There is no file in the body.")
    params = {k: request.path_params[k] for k in ("channelId", "id")}
    return await http.write(ctx, lambda tx: events.add_files(tx, ctx, call, params, given))


async def _received(ctx: Context, call: Call, request: Request) -> tuple[list[str], Given]:
    room = await http.read(ctx, lambda tx: _room(tx, ctx, call), quick=True)
    form = await _form(request, room)
    try:
        fields: list[str] = []
        found: Given = []
        for _, item in form.multi_items():
            if isinstance(item, UploadFile):
                name = attachments.check_name(item.filename or "file")
                digest, size = await anyio.to_thread.run_sync(
                    partial(ctx.blobs.put, call.access.account_id, _parts(item.file), limit=room),
                    limiter=_UPLOADS,
                )
                found.append((name, attachments.kind(item.content_type), digest, size))
            else:
                fields.append(item)
        return fields, found
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


async def _form(request: Request, room: int) -> FormData:
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
            raise BadStructure(f"The body is no multipart/form-data: {error}") from None


async def send(ctx: Context, call: Call, request: Request) -> Response:
    """Send the file of a name."""
    params = {k: v for k, v in request.path_params.items() if k != "username"}
    file = await http.read(
        ctx, lambda tx: events.find_file(tx, ctx, call, dict(params)), quick=True
    )
    opened = await anyio.to_thread.run_sync(ctx.blobs.open, call.access.account_id, file.hash)
    headers = {
        "Content-Type": file.type,
        "Content-Length": str(file.size),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
        "Digest": f"SHA-256={base64.b64encode(bytes.fromhex(file.hash)).decode()}",
        # Whatever it is called, a browser neither runs it nor guesses at it.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-cache",
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
