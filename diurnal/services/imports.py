"""Imports: start, watch, undo. The work itself is `services.intake`, done in the worker.

A batch is what one import wrote. Its row and its job are made in one transaction; doing the job
twice changes nothing, so an import that was cut off is simply begun again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from diurnal.errors import AppError, Conflict, InvalidInput, NotFound, Unavailable
from diurnal.model.access import Access
from diurnal.services import (
    accesses,
    days,
    events,
    jobs,
    measures,
    own_rows,
    series,
    uploads,
    zones,
)
from diurnal.services.context import Context
from diurnal.services.jobs import Lease, LeaseLost, Stopped
from diurnal.store import accounts, changes
from diurnal.store import batches as store
from diurnal.store import events as event_store
from diurnal.store import jobs as job_store
from diurnal.store.batches import Stored
from diurnal.store.database import ROWS_PER_TURN, Tx, WriteTx

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
UNDOING, UNDONE = "undoing", "undone"
ASIDE_PAGE_MAX = 1_000
OPTIONS_BYTES_MAX = 256 * 1024


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an import, in data: points, events and day values.

    Attributes:
        read: what could be read: new, same and changed together.
        set_aside: what could not, each kept with its reason.
        kinds: the connectors that read it -> what they read.
        unknown: files that nobody knows, the first of them.
        unmapped: tables that can be read once it is said what their columns mean, likewise.
    """

    batch: int
    read: int = 0
    new: int = 0
    same: int = 0
    changed: int = 0
    set_aside: int = 0
    kinds: dict[str, int] = {}
    unknown: tuple[str, ...] = ()
    unmapped: tuple[str, ...] = ()


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an import is.

    Attributes:
        phase: recognising, reading (bytes), then what the connector says, dating, done.
        done, total: of this phase.
        file: what is being read.
        measures: what is in the store and can be used already: measure -> data.
        first, last: days between which those lie.
    """

    phase: str
    done: int = 0
    total: int = 0
    file: str = ""
    read: int = 0
    new: int = 0
    same: int = 0
    changed: int = 0
    set_aside: int = 0
    measures: dict[str, int] = {}
    first: str | None = None
    last: str | None = None


class Aside(msgspec.Struct, frozen=True):
    """Something that could not be read."""

    n: int
    reason: str
    place: str
    raw: str


def start(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    *,
    upload_id: str | None = None,
    paths: Sequence[str] = (),
    name: str,
    source: str | None = None,
    options: Mapping[str, Any] | None = None,
    dry_run: bool = False,
) -> int:
    """Make a batch and the job that does it; return the batch's number.

    Args:
        upload_id: a complete upload; or `paths` on this machine, which only commands may give.
        source: only this connector.
        options: the guided mapping, {} for none.

    Raises:
        NotFound: no such upload.
        Conflict: pieces of it are missing.
        InvalidInput: nothing to read, or options past their size.
    """
    if not caller.owner:
        raise InvalidInput("only the account's owner imports")
    said = {"paths": list(paths), "source": source, "map": dict(options or {})}
    if len(msgspec.json.encode(said)) > OPTIONS_BYTES_MAX:
        raise InvalidInput("the options are too large", field="options")
    # Locks the account's clock, which is the first thing that every write does.
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    if upload_id is not None:
        stored = uploads.complete(tx, ctx, caller.account_id, upload_id)
        name = name or stored.name
    elif not paths:
        raise InvalidInput("there is nothing to import", field="upload")
    return begin(tx, ctx, caller, name=name, options=said, upload_id=upload_id, dry_run=dry_run)


def begin(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    *,
    name: str,
    options: Mapping[str, Any],
    upload_id: str | None = None,
    dry_run: bool = False,
) -> int:
    """Make a batch and its job, whatever it brings in; return its number."""
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    batch_id = store.add(
        tx,
        caller.account_id,
        name=name,
        options=dict(options),
        upload_id=upload_id,
        access_id=caller.id,
        dry_run=dry_run,
        now=ctx.now(),
    )
    changes.append(tx, caller.account_id, stamp, caller.id, [("batch", "create", str(batch_id))])
    jobs.enqueue(
        tx, ctx, caller.account_id, "import", {"batch": batch_id}, idem_key=f"import-{batch_id}"
    )
    return batch_id


def job_of(tx: Tx, account_id: int, batch_id: int) -> str | None:
    """Return the job that does a batch."""
    return job_store.by_key(tx, account_id, "import", f"import-{batch_id}")


def get(tx: Tx, caller: Access, batch_id: int) -> Stored:
    """Return a batch; one whose job was given up counts as failed.

    Raises:
        NotFound: no such batch.
    """
    found = store.get(tx, caller.account_id, batch_id) if caller.owner else None
    if found is None:
        raise NotFound(f"no import {batch_id}")
    return _seen(tx, found)


def listed(tx: Tx, caller: Access) -> list[Stored]:
    """Return the account's batches, newest first."""
    if not caller.owner:
        return []
    return [_seen(tx, found) for found in store.all_of(tx, caller.account_id)]


def _seen(tx: Tx, found: Stored) -> Stored:
    if found.state not in (WAITING, RUNNING):
        return found
    job_id = job_of(tx, found.account_id, found.id)
    job = job_store.get(tx, found.account_id, job_id) if job_id is not None else None
    if job is None or job.state != job_store.DEAD:
        return found
    return msgspec.structs.replace(found, state=FAILED, error=job.last_error)


def aside(tx: Tx, caller: Access, batch_id: int, *, after: int = 0, most: int = 100) -> list[Aside]:
    """Return what a batch set aside, in order.

    Raises:
        NotFound: no such batch.
    """
    get(tx, caller, batch_id)
    rows = store.aside(tx, caller.account_id, batch_id, after, min(most, ASIDE_PAGE_MAX))
    return [Aside(*row) for row in rows]


def run(
    ctx: Context,
    account_id: int,
    batch_id: int,
    *,
    lease: Lease | None = None,
    progress: Callable[[Progress], None] | None = None,
    stopping: Callable[[], bool] = lambda: False,
    bulk: bool = True,
) -> Result:
    """Do an import, from the beginning; what is there already is the same.

    Args:
        lease: of its job; without it nothing fences two runs of one batch.
        progress: is told a few times a second.
        bulk: leave room for the server's writes.

    Raises:
        InvalidInput, TooLarge: nothing could be read; the batch has failed.
        Unavailable, Stopped: not now; the batch goes on later.
        LeaseLost: another worker has it.
    """
    from diurnal.services import analyse, intake

    batch = ctx.store.read(lambda tx: _mine(tx, account_id, batch_id))
    caller = accesses.personal(account_id, "")
    if batch.state not in (WAITING, RUNNING):
        _finish_job(ctx, lease)
        return msgspec.convert({**batch.result, "batch": batch_id}, Result)
    try:
        result = intake.run(
            ctx,
            caller,
            batch,
            lease=lease,
            progress=progress or (lambda _: None),
            stopping=stopping,
            bulk=bulk,
        )
    except (Unavailable, Stopped, LeaseLost):
        raise
    except AppError as error:
        _fail(ctx, batch, lease, error.message)
        raise
    if batch.upload_id is not None and not batch.dry_run:
        uploads.remove(ctx, account_id, batch.upload_id)
    if not batch.dry_run and (result.new or result.changed):
        # Apart from the import: were it lost, the weekly run would find the same.
        ctx.store.write(lambda tx: analyse.soon(tx, ctx, account_id)).result()
    return result


def _mine(tx: Tx, account_id: int, batch_id: int) -> Stored:
    found = store.get(tx, account_id, batch_id)
    if found is None:
        raise NotFound(f"no import {batch_id}")
    return found


def _finish_job(ctx: Context, lease: Lease | None) -> None:
    if lease is not None:
        ctx.store.write(lambda tx: jobs.finish(tx, ctx, lease)).result()


def fail(ctx: Context, account_id: int, batch_id: int, lease: Lease | None, reason: str) -> None:
    """Give a batch up: the person stopped the command."""
    _fail(ctx, ctx.store.read(lambda tx: _mine(tx, account_id, batch_id)), lease, reason)


def _fail(ctx: Context, batch: Stored, lease: Lease | None, reason: str) -> None:
    def end(tx: WriteTx) -> None:
        stamp = changes.reserve(tx, batch.account_id, 1, ctx.now())
        jobs.check(tx, lease)
        store.set_state(tx, batch.account_id, batch.id, FAILED, error=reason, finished=ctx.now())
        changes.append(
            tx, batch.account_id, stamp, batch.access_id, [("batch", "fail", str(batch.id))]
        )
        if lease is not None:
            jobs.finish(tx, ctx, lease)

    ctx.store.write(end).result()


# Undoing


def request_undo(tx: WriteTx, ctx: Context, caller: Access, batch_id: int) -> str:
    """Have a batch undone by the worker; return the job.

    Raises:
        NotFound: no such batch.
        Conflict: it is under way; or undone already.
    """
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    batch = get(tx, caller, batch_id)
    if batch.state in (WAITING, RUNNING):
        raise Conflict("this import is still under way")
    if batch.state == UNDONE or batch.dry_run:
        raise Conflict("there is nothing to undo")
    store.set_state(
        tx, caller.account_id, batch_id, UNDOING, error=batch.error, finished=batch.finished
    )
    changes.append(tx, caller.account_id, stamp, caller.id, [("batch", "undo", str(batch_id))])
    args = {"batch": batch_id}
    for job in jobs.open_jobs(tx, caller.account_id, ["undo"]):
        if msgspec.json.decode(job.args) == args:
            return job.id
    return jobs.enqueue(tx, ctx, caller.account_id, "undo", args)


def undo(ctx: Context, caller: Access, batch_id: int) -> int:
    """Undo a batch here and now; return how many rows went.

    Raises:
        NotFound: no such batch.
        Conflict: it is under way, undone already, or being undone by another.
    """

    def ask(tx: WriteTx) -> Lease:
        return jobs.claim(
            tx, ctx, caller.account_id, request_undo(tx, ctx, caller, batch_id), owner="undo"
        )

    lease = ctx.store.write(ask).result()
    return run_undo(ctx, caller.account_id, batch_id, lease=lease)


def run_undo(
    ctx: Context,
    account_id: int,
    batch_id: int,
    *,
    lease: Lease,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Take back all that a batch wrote, turn by turn; return how many rows went.

    What the batch changed of an earlier import stays as it is. The events leave tombstones for
    clients that synchronise, but none that would keep the next import from bringing them back.
    """
    caller = accesses.personal(account_id, "")
    gone = 0
    for drop in (own_rows.drop_batch, series.drop_batch, days.drop_batch, _drop_events):
        while True:
            if stopping():
                raise Stopped

            def turn(tx: WriteTx, drop: Callable[..., int] = drop) -> int:
                if not jobs.renew(tx, ctx, lease):
                    raise LeaseLost("another worker has taken this over")
                return drop(tx, ctx, caller, batch_id, ROWS_PER_TURN)

            n = ctx.store.write(turn, bulk=True).result()
            gone += n
            if not n:
                break
    _drop_zones(ctx, caller, batch_id)

    def end(tx: WriteTx) -> None:
        stamp = changes.reserve(tx, account_id, 1, ctx.now())
        measures.drop_empty(tx, ctx, caller, batch_id)
        batch = _mine(tx, account_id, batch_id)
        store.clear_aside(tx, account_id, batch_id)
        store.set_state(tx, account_id, batch_id, UNDONE, error=None, finished=batch.finished)
        changes.append(tx, account_id, stamp, batch.access_id, [("batch", "delete", str(batch_id))])
        jobs.finish(tx, ctx, lease)

    ctx.store.write(end, bulk=True).result()
    return gone


def _drop_events(tx: WriteTx, ctx: Context, caller: Access, batch_id: int, most: int) -> int:
    account_id = caller.account_id
    changes.reserve(tx, account_id, 0, ctx.now())
    gone = event_store.of_batch(tx, account_id, batch_id, "", most)
    if not gone:
        return 0
    stamp = changes.reserve(tx, account_id, len(gone), ctx.now())
    event_store.remove(tx, account_id, [e.id for e in gone])
    event_store.bury(
        tx,
        account_id,
        "event",
        [(e.id, None, None, stamp.at + i, stamp.rev + i) for i, e in enumerate(gone)],
    )
    changes.append(tx, account_id, stamp, caller.id, [("event", "delete", e.id) for e in gone])
    state = ctx.state(tx, account_id)
    events.touch(tx, state, [msgspec.structs.replace(e, trashed=True) for e in gone], stamp.rev)
    return len(gone)


def _drop_zones(ctx: Context, caller: Access, batch_id: int) -> None:
    known = ctx.store.read(lambda tx: accounts.zones(tx, caller.account_id))
    if any(row[2] == batch_id for row in known):
        apply_zones(ctx, caller, batch_id, [])


def apply_zones(
    ctx: Context,
    caller: Access,
    batch_id: int,
    found: Sequence[tuple[int, str]],
    *,
    home: str | None = None,
    stopping: Callable[[], bool] = lambda: False,
    told: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Set a batch's zones and date anew what they move, here, in turns.

    The job that is left behind when this is cut off is done by the worker.
    """

    def put(tx: WriteTx) -> Lease | None:
        job_id = zones.replace(tx, ctx, caller, batch_id, found, home=home)
        if job_id is None:
            return None
        return jobs.claim(tx, ctx, caller.account_id, job_id, owner="zones")

    lease = ctx.store.write(put, bulk=True).result()
    if lease is not None:
        zones.run(ctx, lease, stopping=stopping, told=told)


def tidy(ctx: Context, account_id: int) -> None:
    """Remove uploads that nobody imports."""

    def in_use(upload_id: str) -> bool:
        return ctx.store.read(lambda tx: store.uses(tx, account_id, upload_id))

    uploads.tidy(ctx, account_id, in_use=in_use)
