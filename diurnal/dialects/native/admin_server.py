"""What the server does and holds, for its admins: jobs, storage, the newest lines of the log."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.errors import InvalidInput
from diurnal.model.events import seconds
from diurnal.services import admin_jobs, server_log, storage
from diurnal.services.admin_jobs import STATES, Shown
from diurnal.services.server_log import Line
from diurnal.services.storage import Room

LIMIT, LIMIT_MAX = 100, 500

Limit = Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)]
Word = Annotated[str, msgspec.Meta(max_length=200)]


class JobsQuery(wire.Input):
    """Which jobs. `state` may be repeated, or separated by commas.

    Attributes:
        state: waiting, running, failed, done.
        kind: import, export, sync, backup, ….
        username: of one account.
        after: `next` of the page before, with the same other parameters.
    """

    state: list[Word] = msgspec.field(default_factory=list)
    kind: Word = ""
    username: Word | None = None
    limit: Limit = LIMIT
    after: Word | None = None


class JobRow(wire.Output):
    """A job, and nothing of what it is about.

    Attributes:
        state: waiting, running, failed or done.
        run_at: when it is due, while it waits.
        lease_until: until when its worker has to have said that it lives, while it runs.
        error: the last one; of others' jobs without what may quote their data.
    """

    id: str
    username: str
    kind: str
    state: str
    tries: int
    created: float
    run_at: float | None = None
    lease_until: float | None = None
    finished: float | None = None
    error: str | None = None


class JobsOut(wire.Output):
    """A page of the jobs, newest first, and how many there are in each state."""

    jobs: list[JobRow]
    counts: dict[str, int]
    next: str | None = None


class RoomRow(wire.Output):
    """What an account takes: numbers of events and of day values, bytes of the rest.

    Attributes:
        answers_bytes: what its sources answered, kept to be read again.
        quota_own: whether the quota was set for this account.
    """

    username: str
    events: int
    days: int
    series_bytes: int
    answers_bytes: int
    attachment_bytes: int
    attachment_quota: int
    quota_own: bool


class StorageOut(wire.Output):
    """Bytes on disk, and what each account takes."""

    database_bytes: int
    files_bytes: int
    uploads_bytes: int
    exports_bytes: int
    backups_bytes: int
    disk_free: int
    disk_total: int
    default_attachment_quota: int
    accounts: list[RoomRow]


class LogQuery(wire.Input):
    """Which lines.

    Attributes:
        level: this one and worse.
        request: the id of a request, as in the audit.
        text: in the line, whatever its case.
        before: `next` of the page before, with the same other parameters.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    request: Word | None = None
    text: Word = ""
    limit: Limit = LIMIT
    before: Word | None = None


class LogLine(wire.Output):
    """A line; `process` is server or worker, `fields` are what it says beside its event."""

    at: float
    level: str
    event: str
    process: str
    pid: int
    fields: dict[str, str | int | float | bool]
    request: str | None = None
    api: str | None = None


class LogOut(wire.Output):
    """A page of the newest lines, newest first."""

    lines: list[LogLine]
    next: str | None = None


def _moment(at: int | None) -> float | None:
    return None if at is None else seconds(at)


def _job(job: Shown) -> JobRow:
    return JobRow(
        id=job.id,
        username=job.username,
        kind=job.kind,
        state=job.state,
        tries=job.tries,
        created=seconds(job.created),
        run_at=_moment(job.run_at),
        lease_until=_moment(job.lease_until),
        finished=_moment(job.finished),
        error=job.error,
    )


async def jobs(call: Call) -> Response:
    """List the jobs."""
    asked: JobsQuery = call.query
    states = wire.split(asked.state) or STATES
    if not set(states) <= set(STATES):
        raise InvalidInput(f"one of {', '.join(STATES)}", field="state")
    before = (admin_jobs.LATEST, "") if asked.after is None else wire.read_cursor(asked.after)
    page = await http.read(
        call.ctx,
        lambda tx: admin_jobs.listed(
            tx,
            call.ctx,
            call.caller,
            states=states,
            kind=asked.kind,
            username=asked.username,
            before=before,
            most=asked.limit,
        ),
    )
    following = None if page.next is None else wire.write_cursor(*page.next)
    rows = [_job(job) for job in page.jobs]
    return endpoint.answer(JobsOut(jobs=rows, counts=page.counts, next=following))


async def retry(call: Call) -> Response:
    """Have a job done again, or at once."""
    name, id_ = call.path["username"], call.path["id"]
    http.doing.about(id_)
    job = await http.write(
        call.ctx, lambda tx: admin_jobs.retry(tx, call.ctx, call.caller, name, id_)
    )
    return endpoint.answer(_job(job))


async def cancel(call: Call) -> Response:
    """End a job."""
    name, id_ = call.path["username"], call.path["id"]
    http.doing.about(id_)
    job = await http.write(
        call.ctx, lambda tx: admin_jobs.cancel(tx, call.ctx, call.caller, name, id_)
    )
    return endpoint.answer(_job(job))


def _room(room: Room) -> RoomRow:
    return RoomRow(
        username=room.account.username,
        events=room.sizes.events,
        days=room.sizes.days,
        series_bytes=room.sizes.series_bytes,
        answers_bytes=room.sizes.answers_bytes,
        attachment_bytes=room.sizes.attachment_bytes,
        attachment_quota=room.quota,
        quota_own=room.account.attachment_quota is not None,
    )


async def stored(call: Call) -> Response:
    """Say what takes room."""
    found = await http.blocking(lambda: storage.look(call.ctx, call.caller))
    return endpoint.answer(
        StorageOut(
            database_bytes=found.database_bytes,
            files_bytes=found.files_bytes,
            uploads_bytes=found.uploads_bytes,
            exports_bytes=found.exports_bytes,
            backups_bytes=found.backups_bytes,
            disk_free=found.disk_free,
            disk_total=found.disk_total,
            default_attachment_quota=call.ctx.settings.attachment_quota_bytes,
            accounts=[_room(room) for room in found.accounts],
        )
    )


def _line(line: Line) -> LogLine:
    return LogLine(
        at=seconds(line.at),
        level=line.level,
        event=line.event,
        process=line.process,
        pid=line.pid,
        fields=line.fields,
        request=line.request,
        api=line.api,
    )


async def log(call: Call) -> Response:
    """Show the newest lines of the log."""
    asked: LogQuery = call.query
    query = server_log.Query(
        level=asked.level,
        request=asked.request,
        text=asked.text,
        before=server_log.LATEST if asked.before is None else asked.before,
        limit=asked.limit + 1,
    )
    found = await http.blocking(lambda: server_log.find(call.ctx, call.caller, query))
    following = found[asked.limit - 1].id if len(found) > asked.limit else None
    lines = [_line(line) for line in found[: asked.limit]]
    return endpoint.answer(LogOut(lines=lines, next=following))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/admin/jobs",
        name="admin.jobs",
        summary="List the jobs of the server",
        who=Who.OWNER,
        query=JobsQuery,
        answer=(JobsOut,),
        handler=jobs,
    ),
    Endpoint(
        method="POST",
        path="/admin/accounts/{username}/jobs/{id}/retry",
        name="admin.retry_job",
        summary="Have a job done that failed, or one that waits at once",
        who=Who.OWNER,
        answer=(JobRow,),
        handler=retry,
    ),
    Endpoint(
        method="POST",
        path="/admin/accounts/{username}/jobs/{id}/cancel",
        name="admin.cancel_job",
        summary="End a job that waits or runs",
        who=Who.OWNER,
        answer=(JobRow,),
        handler=cancel,
    ),
    Endpoint(
        method="GET",
        path="/admin/storage",
        name="admin.storage",
        summary="Say what takes room, and what of it each account",
        who=Who.OWNER,
        answer=(StorageOut,),
        handler=stored,
    ),
    Endpoint(
        method="GET",
        path="/admin/logs",
        name="admin.logs",
        summary="Read the newest lines of the server's log",
        description="Of the server and its worker, without secrets and texts of exceptions.",
        who=Who.OWNER,
        query=LogQuery,
        answer=(LogOut,),
        handler=log,
    ),
)
