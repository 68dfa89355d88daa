"""Backups of the whole server, for its admins."""

from __future__ import annotations

from starlette.responses import FileResponse, Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.model.events import seconds
from diurnal.services import backup_jobs


class BackupRow(wire.Output):
    """A backup; a locked one opens with its passphrase only, and holds the keys."""

    name: str
    bytes: int
    made: float
    locked: bool


class BackupsOut(wire.Output):
    """The backups there are, newest first; `every_hours` is 0 where none is scheduled."""

    backups: list[BackupRow]
    running: bool
    every_hours: int
    keep: int


class BackupStarted(wire.Output):
    """Whether one was begun; false where one is under way."""

    started: bool


class BackupGone(wire.Output):
    """The name of the backup that was removed."""

    deleted: str


class BackupChecked(wire.Output):
    """Whether a backup is whole, bit for bit; what it holds, or what is wrong."""

    whole: bool
    accounts: int = 0
    rows: int = 0
    files: int = 0
    problem: str | None = None


async def listed(call: Call) -> Response:
    """List the backups."""
    found = await http.blocking(lambda: backup_jobs.listed(call.ctx, call.caller))
    rows = [
        BackupRow(name=k.name, bytes=k.bytes, made=seconds(k.made), locked=k.locked)
        for k in found.backups
    ]
    told = BackupsOut(
        backups=rows, running=found.running, every_hours=found.every_hours, keep=found.keep
    )
    return endpoint.answer(told)


async def start(call: Call) -> Response:
    """Have a backup made now."""
    begun = await http.write(call.ctx, lambda tx: backup_jobs.start(tx, call.ctx, call.caller))
    return endpoint.answer(BackupStarted(started=begun), 202)


async def fetch(call: Call) -> Response:
    """Send a backup."""
    name = call.path["name"]
    path = await http.blocking(lambda: backup_jobs.fetch(call.ctx, call.caller, name))
    return FileResponse(
        path,
        media_type="application/octet-stream",
        filename=name,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


async def verify(call: Call) -> Response:
    """Read a backup from end to end."""
    name = call.path["name"]
    told = await http.blocking(lambda: backup_jobs.verify(call.ctx, call.caller, name))
    return endpoint.answer(
        BackupChecked(
            whole=told.problem is None,
            accounts=told.people,
            rows=told.rows,
            files=told.files,
            problem=told.problem,
        )
    )


async def delete(call: Call) -> Response:
    """Remove a backup."""
    name = call.path["name"]
    await http.blocking(lambda: backup_jobs.remove(call.ctx, call.caller, name))
    return endpoint.answer(BackupGone(deleted=name))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/admin/backups",
        name="backups.list",
        summary="List the backups of the server",
        who=Who.OWNER,
        answer=(BackupsOut,),
        handler=listed,
    ),
    Endpoint(
        method="POST",
        path="/admin/backups",
        name="backups.create",
        summary="Have a backup of the server made now",
        who=Who.OWNER,
        answer=(BackupStarted,),
        status=202,
        handler=start,
    ),
    Endpoint(
        method="GET",
        path="/admin/backups/{name}",
        name="backups.fetch",
        summary="Fetch a backup of the server",
        who=Who.OWNER,
        answer_media="application/octet-stream",
        handler=fetch,
    ),
    Endpoint(
        method="POST",
        path="/admin/backups/{name}/verify",
        name="backups.verify",
        summary="Read a backup from end to end, and tell whether it is whole",
        description="Answers when it has been read: a large one takes minutes.",
        who=Who.OWNER,
        answer=(BackupChecked,),
        handler=verify,
    ),
    Endpoint(
        method="DELETE",
        path="/admin/backups/{name}",
        name="backups.delete",
        summary="Remove a backup of the server",
        who=Who.OWNER,
        answer=(BackupGone,),
        handler=delete,
    ),
)
