"""Attachments: hang files on events, read them back, never inline."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from io import BufferedReader
from typing import IO
from urllib.parse import quote

import anyio
import anyio.from_thread
import anyio.to_thread
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint
from diurnal.dialects.native.event_shapes import EventOut
from diurnal.dialects.native.events import event_json
from diurnal.errors import InvalidInput, TooLarge, Unavailable
from diurnal.model.events import File
from diurnal.services import attachments

PART = 1 << 18
FILES_MAX = 20
"""Files of one multipart request."""
IDLE_S = 60
"""A client that sends nothing for so long is given up."""

_UPLOADS = anyio.CapacityLimiter(32)


class FileQuery(wire.Input):
    """What a raw body is called."""

    filename: str | None = None


async def add(call: Call) -> Response:
    """Hang the files of a multipart body, or one raw body, on an event."""
    id_ = call.path["id"]
    room = await http.read(
        call.ctx,
        lambda tx: attachments.check_room(tx, call.ctx, call.caller, id_),
        quick=True,
    )
    told = call.request.headers.get("content-length", "")
    type_ = call.request.headers.get("content-type", "")
    if type_.lower().startswith("multipart/form-data"):
        given = await _multipart(call, room)
    else:
        if call.query.filename is None:
            raise InvalidInput("a raw body needs ?filename=", field="filename")
        name = attachments.check_name(call.query.filename)
        if told.isdigit() and int(told) > room:
            raise TooLarge(f"the file is larger than {room} bytes", limit=room)
        kept = await _keep(call, lambda: _pulled(call.request), room)
        given = [(name, attachments.kind(type_), *kept)]
    changed = await http.write(
        call.ctx, lambda tx: attachments.add(tx, call.ctx, call.caller, id_, given)
    )
    return endpoint.ready(event_json(changed), 201)


async def _keep(call: Call, parts: Callable[[], Iterator[bytes]], room: int) -> tuple[str, int]:
    account = call.caller.account_id
    return await anyio.to_thread.run_sync(
        lambda: call.ctx.blobs.put(account, parts(), limit=room), limiter=_UPLOADS
    )


def _pulled(request: Request) -> Iterator[bytes]:
    """Yield the body, on a worker thread, as the loop receives it."""
    stream = request.stream().__aiter__()
    while True:
        part = anyio.from_thread.run(_next, stream)
        if not part:
            return
        yield part


async def _next(stream: AsyncIterator[bytes]) -> bytes:
    """Return the next quarter of a megabyte; fewer hops between threads cost less."""
    held: list[bytes] = []
    size = 0
    try:
        with anyio.fail_after(IDLE_S):
            async for part in stream:
                held.append(part)
                size += len(part)
                if size >= PART:
                    break
    except TimeoutError:
        raise InvalidInput("the body stopped half-way", field="body") from None
    return b"".join(held)


async def _multipart(call: Call, room: int) -> list[tuple[str, str, str, int]]:
    request = call.request
    form = await _form(request, room)
    try:
        given = []
        left = room
        for field, item in form.multi_items():
            if not isinstance(item, UploadFile):
                raise InvalidInput("not a file", field=field)
            name = attachments.check_name(item.filename or "")
            source = item.file

            def parts(source: IO[bytes] = source) -> Iterator[bytes]:
                while part := source.read(PART):
                    yield part

            digest, size = await _keep(call, parts, left)
            left -= size
            given.append((name, attachments.kind(item.content_type), digest, size))
        if not given:
            raise InvalidInput("there is no file in it", field="body")
        return given
    finally:
        await form.close()


async def _form(request: Request, room: int) -> FormData:
    """Read a multipart body; files wait in temporary files, together at most `room` bytes."""

    async def bounded() -> AsyncGenerator[bytes, None]:
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > room + FILES_MAX * 4096:
                raise TooLarge(f"the files are larger than {room} bytes", limit=room)
            yield part

    try:
        return await MultiPartParser(
            request.headers, bounded(), max_files=FILES_MAX, max_fields=0
        ).parse()
    except MultiPartException as error:
        raise InvalidInput(error.message, field="body") from None
    except (KeyError, ValueError, LookupError):
        raise InvalidInput("not a multipart body", field="body") from None
    except OSError:
        raise Unavailable("the disk does not take the file") from None


async def get(call: Call) -> Response:
    """Send a file, or a range of it; never so that a browser would run what is in it."""
    event_id, file_id = call.path["id"], call.path["fileId"]
    file = await http.read(
        call.ctx,
        lambda tx: attachments.find(tx, call.ctx, call.caller, event_id, file_id),
        quick=True,
    )
    headers = {
        "ETag": f'"{file.hash}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, Cookie",
        "Content-Disposition": _disposition(file.name),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Type": file.type,  # as a header: Starlette would guess a charset
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    known = call.request.headers.get("if-none-match")
    if known is not None and any(
        t.strip().removeprefix("W/") in (headers["ETag"], "*") for t in known.split(",")
    ):
        return Response(status_code=304, headers=headers)
    first, last = 0, file.size - 1
    status = 200
    asked = _range(call.request, file)
    if asked is not None:
        first, last = asked
        if first > last:
            headers["Content-Range"] = f"bytes */{file.size}"
            return Response(status_code=416, headers=headers)
        status = 206
        headers["Content-Range"] = f"bytes {first}-{last}/{file.size}"
    headers["Content-Length"] = str(last - first + 1)
    if call.request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    opened = await http.blocking(lambda: call.ctx.blobs.open(call.caller.account_id, file.hash))
    return StreamingResponse(_sent(opened, first, last), status, headers)


_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def _range(request: Request, file: File) -> tuple[int, int] | None:
    """Return the one range asked for; several at once are answered with the whole file."""
    asked = request.headers.get("range")
    found = _RANGE.fullmatch(asked.strip()) if asked else None
    if found is None or found[1] == found[2] == "":
        return None
    if request.headers.get("if-range") not in (None, f'"{file.hash}"'):
        return None
    if not found[1]:
        return max(0, file.size - int(found[2])), file.size - 1 if int(found[2]) else -1
    last = int(found[2]) if found[2] else file.size - 1
    if int(found[1]) > last and found[2]:
        return None
    if int(found[1]) >= file.size:
        return 1, 0
    return int(found[1]), min(last, file.size - 1)


async def _sent(opened: BufferedReader, first: int, last: int) -> AsyncIterator[bytes]:
    def part(size: int) -> bytes:
        return opened.read(size)

    try:
        await anyio.to_thread.run_sync(opened.seek, first)
        left = last - first + 1
        while left > 0:
            read = await anyio.to_thread.run_sync(part, min(PART, left))
            if not read:
                return
            left -= len(read)
            yield read
    finally:
        opened.close()


def _disposition(name: str) -> str:
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def delete(call: Call) -> Response:
    """Take a file off an event."""
    event_id, file_id = call.path["id"], call.path["fileId"]
    changed = await http.write(
        call.ctx,
        lambda tx: attachments.remove(tx, call.ctx, call.caller, event_id, file_id),
    )
    return endpoint.ready(event_json(changed))


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/events/{id}/files",
        name="files.add",
        summary="Hang files on an event",
        description="A multipart/form-data body with files, or one file as a raw body with"
        " ?filename=.",
        query=FileQuery,
        media=("multipart/form-data", "application/octet-stream"),
        answer=(EventOut,),
        status=201,
        handler=add,
    ),
    Endpoint(
        method="GET",
        path="/events/{id}/files/{fileId}",
        name="files.get",
        summary="Read a file",
        headers={"Range": "One range of bytes.", "If-Range": "Only if the file is still this."},
        answer_media="application/octet-stream",
        also=(206,),
        handler=get,
    ),
    Endpoint(
        method="DELETE",
        path="/events/{id}/files/{fileId}",
        name="files.delete",
        summary="Take a file off an event",
        answer=(EventOut,),
        handler=delete,
    ),
)
