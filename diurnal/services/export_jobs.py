"""Exports that the worker makes, for their owner to fetch: one zip each, kept for two days."""

from __future__ import annotations

import contextlib
import os
import shutil
import zipfile
from pathlib import Path

import msgspec

from diurnal.errors import InvalidInput, NotFound, TooMany, Unavailable
from diurnal.model.access import Access
from diurnal.model.time import DAY
from diurnal.services import accesses, jobs
from diurnal.services.context import Context
from diurnal.services.jobs import Lease
from diurnal.store import blobs, changes
from diurnal.store import jobs as store
from diurnal.store.database import Tx, WriteTx
from diurnal.store.jobs import Job

KIND = "export"
FOLDER = "exports"
OPEN_MAX = 3
"""Of one account at a time."""
KEPT = 2 * DAY
_STEP = 5_000
"""Rows between two tellings of how far it is."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """An export: `state` is waiting, running, done or failed."""

    id: str
    format: str
    state: str
    done: int = 0
    total: int = 0
    bytes: int | None = None
    error: str | None = None


class _Progress(msgspec.Struct):
    done: int = 0
    total: int = 0


def start(tx: WriteTx, ctx: Context, caller: Access, format_: str) -> str:
    """Have the worker make an export; return its id.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: no such format.
        TooMany: so many are under way.
    """
    from diurnal.services import exports

    accesses.must_own(caller)
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    if format_ not in exports.formats():
        known = ", ".join(exports.formats())
        raise InvalidInput(f"no format is called {format_!r} (there are {known})", field="format")
    if len(jobs.open_jobs(tx, caller.account_id, [KIND])) >= OPEN_MAX:
        raise TooMany(f"at most {OPEN_MAX} exports at a time", retry_after_s=60)
    return jobs.enqueue(tx, ctx, caller.account_id, KIND, {"format": format_})


def listed(tx: Tx, ctx: Context, caller: Access) -> list[State]:
    """Return the exports that are under way, failed or can be fetched, newest first.

    Raises:
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    found = store.of_kind(tx, caller.account_id, KIND)
    return [state for job in found if (state := _state(ctx, job)) is not None]


def get(tx: Tx, ctx: Context, caller: Access, id_: str) -> State:
    """Return one export.

    Raises:
        Forbidden: the caller is not the owner.
        NotFound: there is none, or it is no longer kept.
    """
    accesses.must_own(caller)
    job = store.get(tx, caller.account_id, id_)
    state = _state(ctx, job) if job is not None and job.kind == KIND else None
    if state is None:
        raise NotFound(f"no export {id_!r}")
    return state


def _state(ctx: Context, job: Job) -> State | None:
    path = path_of(ctx, job.account_id, job.id)
    told = _Progress()
    with contextlib.suppress(OSError, msgspec.DecodeError):  # it has not begun
        told = msgspec.json.decode(_telling(path).read_bytes(), type=_Progress)
    size = None
    if job.state == store.DONE:
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return None
    leased = job.lease_until is not None and job.lease_until > ctx.now()
    named = {store.DONE: "done", store.DEAD: "failed"}
    return State(
        id=job.id,
        format=msgspec.json.decode(job.args)["format"],
        state=named.get(job.state, "running" if leased else "waiting"),
        done=told.done,
        total=told.total,
        bytes=size,
        error=job.last_error,
    )


def fetch(ctx: Context, caller: Access, id_: str) -> Path:
    """Return the file of a finished export.

    Raises:
        Forbidden: the caller is not the owner.
        NotFound: there is none, or it is not finished.
    """
    state = ctx.store.read(lambda tx: get(tx, ctx, caller, id_))
    if state.state != "done":
        raise NotFound("this export is not finished")
    return path_of(ctx, caller.account_id, id_)


def remove(ctx: Context, caller: Access, id_: str) -> None:
    """Remove an export; one under way is not begun again.

    Raises:
        Forbidden: the caller is not the owner.
        NotFound: there is none.
    """

    def drop(tx: WriteTx) -> None:
        changes.reserve(tx, caller.account_id, 0, ctx.now())
        get(tx, ctx, caller, id_)
        store.drop(tx, caller.account_id, id_)

    ctx.store.write(drop).result()
    _forget(path_of(ctx, caller.account_id, id_))


def _forget(path: Path) -> None:
    for file in (path, _telling(path)):
        file.unlink(missing_ok=True)


def path_of(ctx: Context, account_id: int, id_: str) -> Path:
    """Return the file of an export."""
    return ctx.settings.data_dir / FOLDER / str(account_id) / f"{id_}.zip"


def _telling(path: Path) -> Path:
    return path.with_suffix(".json")


def run(ctx: Context, lease: Lease, *, owner: Access, stopping: jobs.Stopping) -> None:
    """Make one export; repeatable."""
    path = path_of(ctx, lease.account_id, lease.id)
    from diurnal.services import exports

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    work, packed = path.with_suffix(".work"), path.with_suffix(".part")
    shutil.rmtree(work, ignore_errors=True)
    told = 0

    def tell(done: int, total: int) -> None:
        nonlocal told
        if done - told >= _STEP or done in (0, total):
            told = done
            _telling(path).write_bytes(msgspec.json.encode(_Progress(done, total)))

    try:
        form = lease.args["format"]
        exports.write(ctx, owner, form, work, progress=tell, stopping=stopping)
        _pack(work, packed)
        packed.replace(path)
    except OSError as error:
        raise Unavailable(f"the export cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
        packed.unlink(missing_ok=True)
    try:
        ctx.store.write(lambda tx: jobs.finish(tx, ctx, lease)).result()
    except jobs.LeaseLost:
        _forget(path)
        raise


def _pack(folder: Path, to: Path) -> None:
    made = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(made, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            zipped.write(path, str(path.relative_to(folder)))


def owners(ctx: Context) -> list[int]:
    """Return the accounts that have a folder of exports."""
    return blobs.numbered(ctx.settings.data_dir / FOLDER)


def erase(ctx: Context, account_id: int) -> None:
    """Remove all exports of an account that is deleted."""
    blobs.erase_folder(path_of(ctx, account_id, "x").parent)


def tidy(ctx: Context, account_id: int) -> None:
    """Remove what was made long ago."""
    folder = path_of(ctx, account_id, "x").parent
    for file in folder.iterdir() if folder.is_dir() else ():
        if file.suffix != ".work" and ctx.now() - file.stat().st_mtime_ns // 1000 > KEPT:
            file.unlink(missing_ok=True)
