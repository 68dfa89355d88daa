"""What takes room on the server: its folders, and each account by size. For admins."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec

from diurnal.model.access import Access
from diurnal.services import export_jobs, uploads
from diurnal.services.context import Context
from diurnal.services.sign_up import must_administer
from diurnal.store import accounts, sizes
from diurnal.store.accounts import Account
from diurnal.store.database import Tx
from diurnal.store.sizes import Sizes


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What an account takes; `quota` is what its attachments may, in bytes."""

    account: Account
    sizes: Sizes
    quota: int


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes on disk; `disk_free` and `disk_total` are those of the data directory's."""

    database_bytes: int
    files_bytes: int
    uploads_bytes: int
    exports_bytes: int
    backups_bytes: int
    disk_free: int
    disk_total: int
    accounts: list[Room]


def look(ctx: Context, caller: Access) -> Storage:
    """Return what takes room; reads the folders and sums over each account: takes a while.

    Raises:
        Forbidden: the caller is no admin.
    """

    def known(tx: Tx) -> list[Account]:
        must_administer(tx, caller)
        return accounts.all_of(tx)

    found = ctx.store.read(known)
    every = ctx.settings.attachment_quota_bytes
    rooms = [
        Room(
            account=account,
            # A transaction each: one over all would keep the write-ahead log from being folded.
            sizes=ctx.store.read(lambda tx, a=account.account_id: sizes.of(tx, a)),  # type: ignore[misc]
            quota=every if account.attachment_quota is None else account.attachment_quota,
        )
        for account in found
    ]
    folder = ctx.settings.data_dir
    disk = shutil.disk_usage(folder)
    return Storage(
        database_bytes=ctx.store.size(),
        files_bytes=_under(folder / "blobs"),
        uploads_bytes=_under(folder / uploads.FOLDER),
        exports_bytes=_under(folder / export_jobs.FOLDER),
        backups_bytes=_under(ctx.settings.backups),
        disk_free=disk.free,
        disk_total=disk.total,
        accounts=rooms,
    )


def _under(folder: Path) -> int:
    """Return the bytes of the files in a folder and below; what goes away meanwhile counts not."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    total += _under(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        return total
    return total
