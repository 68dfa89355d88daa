"""Imports: upload in pieces that resume, start, watch, look at what was set aside, undo."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.errors import InvalidInput, NotFound, TooLarge
from diurnal.model.events import seconds
from diurnal.services import imports, uploads
from diurnal.services.uploads import Upload
from diurnal.store.batches import Stored
from diurnal.store.database import WriteTx

PIECE_BYTES_MAX = 64 << 20
PART = 1 << 20
"""A piece goes to the disk in parts of this size, so that many uploads take little memory."""
OCTETS = "application/octet-stream"


class UploadNew(wire.Input):
    """A file that will be sent: its name, and its size in bytes."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=uploads.NAME_MAX)]
    size: Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class UploadOut(wire.Output):
    """How much of a file has arrived: `received` is the offset of the next piece."""

    id: str
    name: str
    size: int
    received: int
    complete: bool


class UploadDropped(wire.Output):
    """The id of an upload that is gone."""

    dropped: str


class ImportNew(wire.Input):
    """An import of a complete upload.

    Attributes:
        source: only this connector; left out, the file says what it is.
        options: the guided mapping of a table.
        dry_run: read and count, and store nothing.
    """

    upload_id: wire.Key
    name: Annotated[str, msgspec.Meta(max_length=uploads.NAME_MAX)] = ""
    source: wire.Key | None = None
    options: dict[str, Any] | None = None
    dry_run: bool = False


class ImportOut(wire.Output):
    """An import.

    Attributes:
        state: waiting, running, done, failed, undoing or undone.
        source: the kinds of file it turned out to be.
        progress: the phase it is in, how far, and what is in the store already.
        result: data read, new, same, changed and set aside.
    """

    id: int
    name: str
    state: str
    dry_run: bool
    created: float
    progress: dict[str, Any]
    result: dict[str, Any]
    source: str | None = None
    error: str | None = None
    upload_id: str | None = None
    finished: float | None = None


class ImportsOut(wire.Output):
    """The account's imports, newest first."""

    imports: list[ImportOut]


class AsideQuery(wire.Input):
    """Which page: after number `after`."""

    after: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=imports.ASIDE_PAGE_MAX)] = 100


class AsideOut(wire.Output):
    """Something that could not be read: why, where it stood, and what it was."""

    n: int
    reason: str
    place: str
    raw: str


class AsidePage(wire.Output):
    """What an import set aside; `next` is what to ask `after` for more."""

    set_aside: list[AsideOut]
    next: int | None = None


def _upload(u: Upload) -> UploadOut:
    return UploadOut(id=u.id, name=u.name, size=u.size, received=u.received, complete=u.complete)


def _offset_headers(u: Upload) -> dict[str, str]:
    return {"Upload-Offset": str(u.received), "Upload-Length": str(u.size)}


def write_batch(b: Stored) -> ImportOut:
    """Return an import as the API shows it."""
    return ImportOut(
        id=b.id,
        name=b.name,
        state=b.state,
        dry_run=b.dry_run,
        created=seconds(b.created),
        progress=b.progress,
        result=b.result,
        source=b.connector,
        error=b.error,
        upload_id=b.upload_id,
        finished=None if b.finished is None else seconds(b.finished),
    )


def _number(call: Call) -> int:
    text = call.path["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound(f"no import {text!r}")
    return int(text)


async def announce(call: Call) -> Response:
    """Announce a file."""
    new: UploadNew = call.body
    made = await http.write(
        call.ctx,
        lambda tx: uploads.create(tx, call.ctx, call.caller, name=new.name, size=new.size),
    )
    return endpoint.answer(_upload(made), 201, _offset_headers(made))


async def get_upload(call: Call) -> Response:
    """Answer how much has arrived."""
    id_ = call.path["id"]
    known = await http.blocking(lambda: uploads.status(call.ctx, call.caller, id_))
    return endpoint.answer(_upload(known), headers=_offset_headers(known))


async def append(call: Call) -> Response:
    """Take a piece; what arrived before the connection broke need not be sent again."""
    id_ = call.path["id"]
    told = call.request.headers.get("upload-offset", "")
    if not (told.isascii() and told.isdigit() and len(told) < 19):
        raise InvalidInput("a number of bytes is needed", field="Upload-Offset")
    offset = int(told)
    length = call.request.headers.get("content-length", "")
    if length.isdigit() and int(length) > PIECE_BYTES_MAX:
        raise TooLarge(f"a piece has at most {PIECE_BYTES_MAX} bytes", limit=PIECE_BYTES_MAX)
    known = await http.blocking(lambda: uploads.status(call.ctx, call.caller, id_))
    first = offset
    held: list[bytes] = []
    size = 0

    async def flush() -> Upload:
        nonlocal offset, size
        piece = b"".join(held)
        at = offset
        arrived = await http.blocking(lambda: uploads.append(call.ctx, call.caller, id_, at, piece))
        offset, size = at + len(piece), 0
        held.clear()
        return arrived

    async for part in call.request.stream():
        held.append(part)
        size += len(part)
        if offset + size - first > PIECE_BYTES_MAX:
            raise TooLarge(f"a piece has at most {PIECE_BYTES_MAX} bytes", limit=PIECE_BYTES_MAX)
        if size >= PART:
            known = await flush()
    if held or offset == first:
        known = await flush()
    return endpoint.answer(_upload(known), headers=_offset_headers(known))


async def drop(call: Call) -> Response:
    """Remove an upload."""
    id_ = call.path["id"]
    await http.blocking(lambda: uploads.drop(call.ctx, call.caller, id_))
    return endpoint.answer(UploadDropped(dropped=id_))


async def start(call: Call) -> Response:
    """Start an import; the worker does it."""
    new: ImportNew = call.body

    def do(tx: WriteTx) -> Stored:
        batch = imports.start(
            tx,
            call.ctx,
            call.caller,
            upload_id=new.upload_id,
            name=new.name,
            source=new.source,
            options=new.options,
            dry_run=new.dry_run,
        )
        return imports.get(tx, call.caller, batch)

    return endpoint.answer(write_batch(await http.write(call.ctx, do)), 202)


async def get_many(call: Call) -> Response:
    """Answer the imports."""
    found = await http.read(call.ctx, lambda tx: imports.listed(tx, call.caller))
    return endpoint.answer(ImportsOut(imports=[write_batch(b) for b in found]))


async def get_one(call: Call) -> Response:
    """Answer one import and how far it is."""
    number = _number(call)
    found = await http.read(call.ctx, lambda tx: imports.get(tx, call.caller, number), quick=True)
    return endpoint.answer(write_batch(found))


async def aside(call: Call) -> Response:
    """Answer what an import could not read."""
    number = _number(call)
    after, limit = call.query.after, call.query.limit
    found = await http.read(
        call.ctx,
        lambda tx: imports.aside(tx, call.caller, number, after=after, most=limit),
    )
    shown = [AsideOut(n=a.n, reason=a.reason, place=a.place, raw=a.raw) for a in found]
    more = found[-1].n if len(found) == limit else None
    return endpoint.answer(AsidePage(set_aside=shown, next=more))


async def undo(call: Call) -> Response:
    """Have an import undone; the worker does it."""
    number = _number(call)

    def do(tx: WriteTx) -> Stored:
        imports.request_undo(tx, call.ctx, call.caller, number)
        return imports.get(tx, call.caller, number)

    return endpoint.answer(write_batch(await http.write(call.ctx, do)), 202)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/uploads",
        name="uploads.create",
        summary="Announce a file",
        who=Who.OWNER,
        body=(UploadNew,),
        answer=(UploadOut,),
        status=201,
        handler=announce,
    ),
    Endpoint(
        method="GET",
        path="/uploads/{id}",
        name="uploads.get",
        summary="Read how much of a file has arrived",
        description="HEAD tells it in the header Upload-Offset.",
        who=Who.OWNER,
        answer=(UploadOut,),
        handler=get_upload,
    ),
    Endpoint(
        method="PATCH",
        path="/uploads/{id}",
        name="uploads.append",
        summary="Send a piece of a file",
        description="At most 64 MiB, at the offset that has arrived so far.",
        who=Who.OWNER,
        media=(OCTETS,),
        headers={"Upload-Offset": "Where the piece begins, in bytes."},
        answer=(UploadOut,),
        handler=append,
    ),
    Endpoint(
        method="DELETE",
        path="/uploads/{id}",
        name="uploads.delete",
        summary="Remove an upload",
        who=Who.OWNER,
        answer=(UploadDropped,),
        handler=drop,
    ),
    Endpoint(
        method="GET",
        path="/imports",
        name="imports.list",
        summary="Read the imports",
        who=Who.OWNER,
        answer=(ImportsOut,),
        handler=get_many,
    ),
    Endpoint(
        method="POST",
        path="/imports",
        name="imports.create",
        summary="Start an import",
        who=Who.OWNER,
        body=(ImportNew,),
        answer=(ImportOut,),
        status=202,
        handler=start,
    ),
    Endpoint(
        method="GET",
        path="/imports/{id}",
        name="imports.get",
        summary="Read how far an import is, and what came of it",
        who=Who.OWNER,
        answer=(ImportOut,),
        handler=get_one,
    ),
    Endpoint(
        method="GET",
        path="/imports/{id}/aside",
        name="imports.aside",
        summary="Read what an import could not read",
        who=Who.OWNER,
        query=AsideQuery,
        answer=(AsidePage,),
        handler=aside,
    ),
    Endpoint(
        method="POST",
        path="/imports/{id}/undo",
        name="imports.undo",
        summary="Undo an import",
        who=Who.OWNER,
        answer=(ImportOut,),
        status=202,
        handler=undo,
    ),
)
