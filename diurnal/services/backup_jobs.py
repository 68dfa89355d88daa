"""Backups that the worker makes, on schedule and when an admin asks; the oldest go."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from diurnal.auth import locked_file
from diurnal.errors import Forbidden, InvalidInput, NotFound
from diurnal.model.access import Access
from diurnal.model.time import HOUR, micros
from diurnal.services import jobs
from diurnal.services.context import Context
from diurnal.services.jobs import Lease
from diurnal.services.sign_up import must_administer
from diurnal.store import accounts, changes
from diurnal.store.database import Tx, WriteTx

log = structlog.get_logger(__name__)

KIND = "backup"
_NAME = re.compile(
    r"diurnal-[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9])T([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]Z\.backup"
)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A backup in the folder of the scheduled ones; `made` in microseconds UTC."""

    name: str
    bytes: int
    made: int
    locked: bool


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of looking at a backup: what it holds, or why it is not whole."""

    people: int = 0
    rows: int = 0
    files: int = 0
    problem: str | None = None


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The backups there are, newest first, and whether one is under way."""

    backups: list[Kept]
    running: bool
    every_hours: int
    keep: int


def kept(ctx: Context) -> list[Kept]:
    """Return the backups in the folder, newest first."""
    return in_folder(ctx.settings.backups)


def in_folder(folder: Path) -> list[Kept]:
    """Return the backups that lie in a folder, newest first."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if _NAME.fullmatch(path.name):
            with path.open("rb") as file:
                locked = locked_file.is_locked(file)
            size, made = path.stat().st_size, _made(path.name)
            found.append(Kept(name=path.name, bytes=size, made=made, locked=locked))
    return sorted(found, key=lambda k: k.name, reverse=True)


def _made(name: str) -> int:
    # Not the file's own time, which a copy from another disk does not keep.
    return micros(datetime.strptime(name, "diurnal-%Y%m%dT%H%M%S%z.backup"))


def listed(ctx: Context, caller: Access) -> Listed:
    """Return the backups; reads the folder.

    Raises:
        Forbidden: the caller is no admin.
    """

    def look(tx: Tx) -> bool:
        must_administer(tx, caller)
        return _under_way(tx)

    return Listed(
        running=ctx.store.read(look),
        backups=kept(ctx),
        every_hours=ctx.settings.backup_hours,
        keep=ctx.settings.backup_keep,
    )


def start(tx: WriteTx, ctx: Context, caller: Access) -> bool:
    """Have the worker make a backup now; return whether none was under way.

    Raises:
        Forbidden: the caller is no admin.
    """
    must_administer(tx, caller)
    return _enqueue(tx, ctx)


def fetch(ctx: Context, caller: Access, name: str) -> Path:
    """Return the file of a backup.

    Raises:
        Forbidden: the caller is no admin; or it is not locked and holds others' data.
        NotFound: there is none.
    """

    def look(tx: Tx) -> int:
        must_administer(tx, caller)
        return accounts.count(tx)

    people = ctx.store.read(look)
    found = next((k for k in kept(ctx) if k.name == name), None)
    if found is None:
        raise NotFound(f"no backup {name!r}")
    if not found.locked and people > 1:
        raise Forbidden("it is not locked, and admins do not see the data of other accounts")
    return ctx.settings.backups / name


def verify(ctx: Context, caller: Access, name: str) -> Checked:
    """Read a backup from end to end and tell whether it is whole; blocks as long as that takes.

    A locked one is opened with the passphrase of the settings.

    Raises:
        Forbidden: the caller is no admin.
        NotFound: there is none.
    """
    from diurnal.services import restores  # the serving process rarely looks into one

    ctx.store.read(lambda tx: must_administer(tx, caller))
    found = next((k for k in kept(ctx) if k.name == name), None)
    if found is None:
        raise NotFound(f"no backup {name!r}")
    passphrase = ctx.settings.backup_passphrase if found.locked else None
    if found.locked and passphrase is None:
        return Checked(problem="it is locked, and the settings hold no passphrase")
    try:
        held = restores.verify(ctx.settings.backups / name, passphrase=passphrase)
    except InvalidInput as error:
        return Checked(problem=error.message)
    return Checked(people=held.people, rows=held.rows, files=held.files)


def remove(ctx: Context, caller: Access, name: str) -> None:
    """Remove a backup.

    Raises:
        Forbidden: the caller is no admin.
        NotFound: there is none.
    """
    ctx.store.read(lambda tx: must_administer(tx, caller))
    if name not in {k.name for k in kept(ctx)}:
        raise NotFound(f"no backup {name!r}")
    (ctx.settings.backups / name).unlink(missing_ok=True)


def plan(ctx: Context) -> bool:
    """Enqueue the next scheduled backup when it is due; return whether it was."""
    hours = ctx.settings.backup_hours
    if not hours or not ctx.store.read(accounts.count):
        return False
    newest = max((k.made for k in kept(ctx)), default=0)
    if ctx.now() - newest < hours * HOUR or ctx.store.read(_under_way):
        return False
    return ctx.store.write(lambda tx: _enqueue(tx, ctx)).result()


def _keeper(tx: Tx) -> int | None:
    """Return the account whose job it is: the first admin's."""
    found = accounts.all_of(tx)
    admins = [a.account_id for a in found if a.admin] or [a.account_id for a in found]
    return min(admins, default=None)


def _under_way(tx: Tx) -> bool:
    return any(jobs.open_jobs(tx, a.account_id, [KIND]) for a in accounts.all_of(tx))


def _enqueue(tx: WriteTx, ctx: Context) -> bool:
    keeper = _keeper(tx)
    if keeper is None:
        return False
    changes.reserve(tx, keeper, 0, ctx.now())
    if _under_way(tx):
        return False
    jobs.enqueue(tx, ctx, keeper, KIND, {})
    return True


def run(ctx: Context, lease: Lease, *, stopping: Callable[[], bool]) -> None:
    """Make one backup and remove the oldest; repeatable."""
    from diurnal.services import backups

    folder = ctx.settings.backups
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    passphrase = ctx.settings.backup_passphrase
    made = backups.make(ctx, folder, passphrase=passphrase, stopping=stopping)
    for lost in made.lost:
        log.error("an attachment is gone or damaged", attachment=lost)
    ctx.store.write(lambda tx: jobs.finish(tx, ctx, lease)).result()
    log.info("backup made", path=made.path, bytes=made.size, rows=made.rows)
    for old in kept(ctx)[ctx.settings.backup_keep :]:
        (folder / old.name).unlink(missing_ok=True)
