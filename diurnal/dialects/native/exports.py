"""Exports of the account: asked for, watched and fetched."""

from __future__ import annotations

from starlette.responses import FileResponse, Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.services import export_jobs
from diurnal.services.export_jobs import State
from diurnal.store.database import WriteTx


class ExportIn(wire.Input):
    """What to write: jsonl, csv, parquet, sqlite and further formats."""

    format: str = "jsonl"


class ExportOut(wire.Output):
    """An export: `state` is waiting, running, done or failed; rows are written and in all."""

    id: str
    format: str
    state: str
    done: int
    total: int
    bytes: int | None = None
    error: str | None = None


class ExportsOut(wire.Output):
    """The exports that are under way or kept, newest first."""

    exports: list[ExportOut]


class ExportGone(wire.Output):
    """The id of the export that was removed."""

    deleted: str


def _out(state: State) -> ExportOut:
    return ExportOut(
        id=state.id,
        format=state.format,
        state=state.state,
        done=state.done,
        total=state.total,
        bytes=state.bytes,
        error=state.error,
    )


async def start(call: Call) -> Response:
    """Have an export made."""
    asked: ExportIn = call.body

    def begin(tx: WriteTx) -> State:
        id_ = export_jobs.start(tx, call.ctx, call.caller, asked.format)
        return export_jobs.get(tx, call.ctx, call.caller, id_)

    return endpoint.answer(_out(await http.write(call.ctx, begin)), 202)


async def listed(call: Call) -> Response:
    """List the exports."""
    found = await http.read(call.ctx, lambda tx: export_jobs.listed(tx, call.ctx, call.caller))
    return endpoint.answer(ExportsOut(exports=[_out(state) for state in found]))


async def get(call: Call) -> Response:
    """Tell how far an export is."""
    id_ = call.path["id"]
    found = await http.read(call.ctx, lambda tx: export_jobs.get(tx, call.ctx, call.caller, id_))
    return endpoint.answer(_out(found))


async def fetch(call: Call) -> Response:
    """Send the file."""
    id_ = call.path["id"]
    path = await http.blocking(lambda: export_jobs.fetch(call.ctx, call.caller, id_))
    return FileResponse(
        path,
        media_type="application/zip",
        filename="diurnal-export.zip",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


async def delete(call: Call) -> Response:
    """Remove an export."""
    id_ = call.path["id"]
    await http.blocking(lambda: export_jobs.remove(call.ctx, call.caller, id_))
    return endpoint.answer(ExportGone(deleted=id_))


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/exports",
        name="exports.create",
        summary="Have everything of the account written into one file",
        who=Who.OWNER,
        body=(ExportIn,),
        answer=(ExportOut,),
        status=202,
        handler=start,
    ),
    Endpoint(
        method="GET",
        path="/exports",
        name="exports.list",
        summary="List the exports that are under way or kept",
        who=Who.OWNER,
        answer=(ExportsOut,),
        handler=listed,
    ),
    Endpoint(
        method="GET",
        path="/exports/{id}",
        name="exports.get",
        summary="Tell how far an export is",
        who=Who.OWNER,
        answer=(ExportOut,),
        handler=get,
    ),
    Endpoint(
        method="GET",
        path="/exports/{id}/file",
        name="exports.fetch",
        summary="Fetch a finished export, a zip",
        who=Who.OWNER,
        answer_media="application/zip",
        handler=fetch,
    ),
    Endpoint(
        method="DELETE",
        path="/exports/{id}",
        name="exports.delete",
        summary="Remove an export",
        who=Who.OWNER,
        answer=(ExportGone,),
        handler=delete,
    ),
)
