"""The audit log: read, filter, export, verify."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec
from starlette.responses import Response, StreamingResponse

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.errors import InvalidInput
from diurnal.model.events import seconds
from diurnal.services import accesses, audit, sessions
from diurnal.services.audit import Entry
from diurnal.store.accesses import Stored
from diurnal.store.database import Tx

LIMIT = 100
NAMES_MAX = 100
EXPORT_ROWS = 500
NUMBER_MAX = 2**53

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class AuditQuery(wire.Input):
    """Which lines. Lists: repeat the parameter, or separate by commas.

    Attributes:
        access: id of a token.
        actions: operations as `events.create`, or all of a noun: `events`.
        doors: APIs: `native`, `pryv`, `exist`, …
        allowed: only what was done, or only what was refused.
        sessions: false leaves out what the owner did signed in to the pages.
        cursor: `next` of the page before, with the same other parameters.
    """

    access: Name | None = None
    actions: list[Name] = msgspec.field(default_factory=list)
    doors: list[Name] = msgspec.field(default_factory=list)
    allowed: bool | None = None
    sessions: bool = True
    start: wire.MomentText | None = msgspec.field(name="from", default=None)
    to: wire.MomentText | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=audit.PAGE_MAX)] = LIMIT
    cursor: Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)] | None = None


class AuditLine(wire.Output):
    """One doing.

    Attributes:
        seq: its number in the account's log.
        access: id of the token; empty for the machine's own.
        target: streams, measures and ids that it was aimed at.
        n: data that were shown or written.
        error: code of the refusal.
        request: the same for all lines of one request.
    """

    seq: int
    time: float
    access: str
    door: str
    action: str
    allowed: bool
    n: int
    target: str = ""
    error: str = ""
    address: str = ""
    request: str = ""


class AuditAccess(wire.Output):
    """Whose lines have this id; `ended` when it opens nothing any more.

    Attributes:
        api: the door it was made for; `session` for a browser that is signed in.
        client_id: the application that holds it.
    """

    id: str
    name: str
    kind: str
    api: str
    client_id: str | None = None
    ended: float | None = None


class AuditOut(wire.Output):
    """A page of the log, newest first, with those who did it."""

    lines: list[AuditLine]
    accesses: list[AuditAccess]
    next: int | None = None


class VerifyQuery(wire.Input):
    """What an earlier check answered, to tell whether the log up to there is the same."""

    lines: Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)] | None = None
    hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}$")] | None = None


class VerifyOut(wire.Output):
    """Whether every line is as it was written.

    Attributes:
        broken: number of the first that is not.
        hash: SHA-256 over the whole log; keep it with `lines` to check again later.
        since: number of the first line that is still kept.
        pruned: when those before it were let go.
        proven: whether this server's signature says what they were.
    """

    intact: bool
    lines: int
    hash: str
    since: int
    proven: bool
    broken: int | None = None
    pruned: float | None = None


class ExportQuery(wire.Input):
    """In which form."""

    format: Literal["jsonl", "csv"] = "jsonl"


def _write(entry: Entry) -> AuditLine:
    line = entry.line
    return AuditLine(
        seq=entry.seq,
        time=seconds(line.time),
        access=line.access,
        door=line.door,
        action=line.action,
        allowed=not line.error,
        n=line.n,
        target=line.target,
        error=line.error,
        address=line.address,
        request=line.request,
    )


def _who(stored: Stored) -> AuditAccess:
    access = stored.access
    return AuditAccess(
        id=access.id,
        name=access.name,
        kind=access.kind.value,
        api=access.api,
        client_id=access.client_id,
        ended=None if stored.deleted is None else seconds(stored.deleted),
    )


async def get_many(call: Call) -> Response:
    """Answer a page of the log."""
    asked: AuditQuery = call.query
    if len(asked.actions) > NAMES_MAX or len(asked.doors) > NAMES_MAX:
        raise InvalidInput(f"at most {NAMES_MAX}", field="actions")
    query = audit.Query(
        access=asked.access,
        actions=wire.split(asked.actions),
        doors=wire.split(asked.doors),
        allowed=asked.allowed,
        start=wire.optional_instant(asked.start, "from"),
        end=wire.optional_instant(asked.to, "to"),
        before=asked.cursor,
        limit=asked.limit + 1,
    )
    await http.doing.flush(call.ctx)  # what was done a moment ago is there

    def look(tx: Tx) -> tuple[list[Entry], list[Stored]]:
        apart = frozenset() if asked.sessions else sessions.ids(tx, call.caller.account_id)
        found = audit.find(tx, call.caller, msgspec.structs.replace(query, apart=apart))
        by = {entry.line.access for entry in found[: asked.limit]}
        return found, accesses.known(tx, call.caller, by)

    found, by = await http.read(call.ctx, look)
    following = found[asked.limit - 1].seq if len(found) > asked.limit else None
    lines = [_write(entry) for entry in found[: asked.limit]]
    return endpoint.answer(AuditOut(lines=lines, accesses=[_who(s) for s in by], next=following))


async def verify(call: Call) -> Response:
    """Check the chain."""
    asked: VerifyQuery = call.query
    await http.doing.flush(call.ctx)
    told = await http.read(
        call.ctx,
        lambda tx: audit.verify(tx, call.ctx, call.caller, lines=asked.lines, hash_=asked.hash),
    )
    return endpoint.answer(
        VerifyOut(
            intact=told.broken is None,
            lines=told.lines,
            hash=told.hash,
            broken=told.broken,
            since=told.since,
            pruned=None if told.pruned is None else seconds(told.pruned),
            proven=told.proven,
        )
    )


async def export(call: Call) -> Response:
    """Send the whole log, oldest first."""
    plain = call.query.format == "csv"
    await http.doing.flush(call.ctx)

    async def parts() -> AsyncIterator[bytes]:
        after, first = 0, True
        if not plain:
            yield b"".join(await http.read(call.ctx, lambda tx: list(audit.begun(tx, call.caller))))
        while True:
            rows, after = await http.read(
                call.ctx,
                lambda tx, seq=after: audit.export(tx, call.caller, seq, EXPORT_ROWS),  # type: ignore[misc]
            )
            written = audit.as_csv(rows, header=first) if plain else audit.jsonl(rows)
            yield b"".join(written)
            first = False
            if len(rows) < EXPORT_ROWS:
                return

    kind = "text/csv; charset=utf-8" if plain else "application/jsonl"
    name = f"audit.{call.query.format}"
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return StreamingResponse(parts(), 200, headers, kind)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/audit",
        name="audit.list",
        summary="Read who did what",
        description="All of the account to its owner, to other tokens what they did themselves.",
        query=AuditQuery,
        answer=(AuditOut,),
        handler=get_many,
    ),
    Endpoint(
        method="GET",
        path="/audit/verify",
        name="audit.verify",
        summary="Check that no line was changed since it was written",
        who=Who.OWNER,
        query=VerifyQuery,
        answer=(VerifyOut,),
        handler=verify,
    ),
    Endpoint(
        method="GET",
        path="/audit/export",
        name="audit.export",
        summary="Take the whole log along",
        who=Who.OWNER,
        query=ExportQuery,
        answer_media="application/octet-stream",
        handler=export,
    ),
)
