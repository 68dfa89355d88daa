"""Files over HTTP for the dialects that send them in parts, in any order, and fetch them whole."""

from __future__ import annotations

import base64
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
from diurnal.errors import AppError, TooLarge
from diurnal.model.access import Access
from diurnal.model.events import File
from diurnal.services import attachments
from diurnal.services.context import Context

PART = 1 << 18
FILES_MAX = 20
"""Files of one request."""
FIELDS_MAX = 20
FIELD_BYTES_MAX = 10 << 20

_UPLOADS = anyio.CapacityLimiter(32)
Given = list[tuple[str, str, str, int]]


def is_multipart(request: Request) -> bool:
    """Return whether a body comes in parts."""
    given = http.header(request.scope, b"content-type") or ""
    return given.lower().startswith("multipart/form-data")


async def received(
    ctx: Context,
    caller: Access,
    request: Request,
    *,
    nameless: str,
    refuse: Callable[[str], AppError],
) -> tuple[list[str], Given]:
    """Return the text of the plain parts, and the files, whose bytes are kept.

    Args:
        nameless: what a file without a name is called.
        refuse: makes the dialect's error of a body that cannot be read.

    Returns:
        The texts, and (name, media type, content hash, size) of each file.

    Raises:
        TooLarge: past the account's quota or the largest file.
    """
    room = await http.read(ctx, lambda tx: attachments.room(tx, ctx, caller), quick=True)
    form = await _form(request, room, refuse)
    try:
        fields: list[str] = []
        files: Given = []
        for _, item in form.multi_items():
            if isinstance(item, UploadFile):
                name = attachments.check_name(item.filename or nameless)
                digest, size = await anyio.to_thread.run_sync(
                    partial(ctx.blobs.put, caller.account_id, _parts(item.file), limit=room),
                    limiter=_UPLOADS,
                )
                files.append((name, attachments.kind(item.content_type), digest, size))
            else:
                fields.append(item)
        return fields, files
    finally:
        await form.close()


def _parts(source: IO[bytes]) -> Iterator[bytes]:
    while part := source.read(PART):
        yield part


async def _form(request: Request, room: int, refuse: Callable[[str], AppError]) -> FormData:
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
            raise refuse(f"The body is no multipart/form-data: {error}") from None


async def whole(
    ctx: Context, account_id: int, file: File, request: Request, *, cache: str
) -> Response:
    """Send a file, or its headers to HEAD; `cache` is the answer's Cache-Control."""
    opened = await anyio.to_thread.run_sync(ctx.blobs.open, account_id, file.hash)
    headers = {
        "Content-Type": file.type,
        "Content-Length": str(file.size),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
        "Digest": f"SHA-256={base64.b64encode(bytes.fromhex(file.hash)).decode()}",
        # Whatever it is called, a browser neither runs it nor guesses at it.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": cache,
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
