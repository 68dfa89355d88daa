"""Uploads: a file for an import that arrives in pieces and may be resumed.

The pieces go into `uploads/<account>/<id>` below the data directory; how long that file is says
what has arrived, so nothing is asked of the database for each piece. `append` and `drop` work
on files: call them on a thread, not in a store's turn.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from diurnal.errors import Conflict, InvalidInput, NotFound, TooLarge, TooMany, Unavailable
from diurnal.model.access import Access
from diurnal.model.time import DAY, HOUR
from diurnal.services.context import Context
from diurnal.store import blobs
from diurnal.store import uploads as store
from diurnal.store.database import Tx, WriteTx
from diurnal.store.uploads import Stored

FOLDER = "uploads"
NAME_MAX = 255
OPEN_MAX = 20
"""Uploads of one account at a time."""
STALE = 2 * DAY
"""An upload that nobody imports is removed after this; a dry run leaves it for the real one."""
SPARE_BYTES = 64 << 20
"""Left free on the disk: the database needs room, too."""


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """An upload as its owner sees it; `received` is the offset of the next piece."""

    id: str
    name: str
    size: int
    received: int
    complete: bool
    created: int


def create(tx: WriteTx, ctx: Context, caller: Access, *, name: str, size: int) -> Upload:
    """Announce a file of `size` bytes.

    Raises:
        InvalidInput: no name that a file can have, or no size.
        TooLarge: more than an upload may be.
        TooMany: too many uploads wait already.
    """
    plain = name.replace("\\", "/").rpartition("/")[2].strip()
    if not plain or len(plain) > NAME_MAX or not plain.isprintable():
        raise InvalidInput(f"a file name has 1 to {NAME_MAX} characters", field="name")
    if size < 1:
        raise InvalidInput("a file has at least one byte", field="size")
    limit = ctx.settings.upload_bytes_max
    if size > limit:
        raise TooLarge(f"an upload has at most {limit} bytes", limit=limit)
    if len(store.all_of(tx, caller.account_id)) >= OPEN_MAX:
        raise TooMany(f"at most {OPEN_MAX} uploads at a time", retry_after_s=60)
    new = Stored(
        id=ctx.new_id(), name=plain, size=size, received=0, access_id=caller.id, created=ctx.now()
    )
    store.add(tx, caller.account_id, new)
    return _seen(new, 0)


def status(ctx: Context, caller: Access, id_: str) -> Upload:
    """Return how much of an upload has arrived.

    Raises:
        NotFound: no such upload, or not the caller's.
    """
    found = _find(ctx, caller, id_)
    return _seen(found, _size(path_of(ctx, caller.account_id, id_)))


def append(ctx: Context, caller: Access, id_: str, offset: int, piece: bytes) -> Upload:
    """Add a piece at `offset`; when the last has come, the whole is on disk for good.

    A piece that has arrived before (the answer was lost) is not written again.

    Raises:
        NotFound: no such upload, or not the caller's.
        Conflict: `offset` is not where the file ends; `data["offset"]` says where.
        TooLarge: more than was announced.
        Unavailable: the disk is full.
    """
    found = _find(ctx, caller, id_)
    path = path_of(ctx, caller.account_id, id_)
    if offset < 0:
        raise InvalidInput("offset is below 0", field="offset")
    if offset + len(piece) > found.size:
        raise TooLarge(f"{found.size} bytes were announced", limit=found.size)
    for folder in (path.parent.parent, path.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        have = os.fstat(fd).st_size
        if offset + len(piece) <= have and piece:
            if os.pread(fd, len(piece), offset) != piece:
                raise Conflict("other bytes have arrived there", data={"offset": have})
        elif offset != have:
            raise Conflict(f"the next piece begins at {have}", data={"offset": have})
        else:
            _write(fd, piece, offset, found.size)
            have = os.fstat(fd).st_size
        if have == found.size and found.received != have:
            os.fsync(fd)
            _sync_folder(path.parent)
    finally:
        os.close(fd)
    if have == found.size and found.received != have:
        ctx.store.write(lambda tx: store.set_received(tx, caller.account_id, id_, have)).result()
        found = msgspec.structs.replace(found, received=have)
    return _seen(found, have)


def drop(ctx: Context, caller: Access, id_: str) -> None:
    """Remove an upload.

    Raises:
        NotFound: no such upload, or not the caller's.
    """
    _find(ctx, caller, id_)
    remove(ctx, caller.account_id, id_)


def remove(ctx: Context, account_id: int, id_: str) -> None:
    """Remove an upload if it is there: the row first, so that no row names a file that is not."""
    ctx.store.write(lambda tx: store.remove(tx, account_id, id_)).result()
    path_of(ctx, account_id, id_).unlink(missing_ok=True)


def complete(tx: Tx, ctx: Context, account_id: int, id_: str) -> Stored:
    """Return an upload that has wholly arrived.

    Raises:
        NotFound: no such upload.
        Conflict: pieces are missing.
    """
    found = store.get(tx, account_id, id_)
    if found is None:
        raise NotFound(f"no upload {id_!r}")
    if found.received != found.size:
        raise Conflict("pieces of this upload are missing", data={"upload": id_})
    return found


def path_of(ctx: Context, account_id: int, id_: str) -> Path:
    """Return the file of an upload."""
    return ctx.settings.data_dir / FOLDER / str(account_id) / id_


def tidy(ctx: Context, account_id: int, *, in_use: Callable[[str], bool] | None = None) -> None:
    """Remove stale uploads of an account, and files that no row names."""
    before = ctx.now() - STALE
    rows = ctx.store.read(lambda tx: store.all_of(tx, account_id))
    for stored in rows:
        if stored.created < before and not (in_use and in_use(stored.id)):
            remove(ctx, account_id, stored.id)
    named = {stored.id for stored in rows}
    folder = path_of(ctx, account_id, "x").parent
    for file in folder.iterdir() if folder.is_dir() else ():
        # A row is there before its file, so a young file without one is being removed right now.
        if file.name not in named and _age(ctx, file) > HOUR:
            file.unlink(missing_ok=True)


def owners(ctx: Context) -> list[int]:
    """Return the accounts that have a folder of uploads."""
    return blobs.numbered(ctx.settings.data_dir / FOLDER)


def erase(ctx: Context, account_id: int) -> None:
    """Remove all files of an account that is deleted."""
    blobs.erase_folder(path_of(ctx, account_id, "x").parent)


def _find(ctx: Context, caller: Access, id_: str) -> Stored:
    found = ctx.store.read(lambda tx: store.get(tx, caller.account_id, id_))
    if found is None or not (caller.owner or found.access_id == caller.id):
        raise NotFound(f"no upload {id_!r}")
    return found


def _seen(stored: Stored, have: int) -> Upload:
    return Upload(
        id=stored.id,
        name=stored.name,
        size=stored.size,
        received=have,
        complete=stored.received == stored.size,
        created=stored.created,
    )


def _write(fd: int, piece: bytes, offset: int, size: int) -> None:
    try:
        room = os.fstatvfs(fd)
        if room.f_bavail * room.f_frsize < size - offset + SPARE_BYTES:
            raise OSError(errno.ENOSPC, "no room")
        os.lseek(fd, offset, os.SEEK_SET)
        left = memoryview(piece)
        while left:
            left = left[os.write(fd, left) :]
    except OSError as error:
        os.ftruncate(fd, offset)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Unavailable("the disk is full; nothing was written", retry_after_s=60) from error
        raise


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _age(ctx: Context, file: Path) -> int:
    try:
        return ctx.now() - file.stat().st_mtime_ns // 1000
    except FileNotFoundError:
        return 0


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
