"""Attachments: files that hang on events, their bytes in the blob store."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from diurnal.errors import InvalidInput, NotFound, TooLarge
from diurnal.model.access import Access, Kind
from diurnal.model.events import TEXT_MAX, Event, File
from diurnal.services import audit, events, profile
from diurnal.services.context import Context
from diurnal.store import accounts, changes, files
from diurnal.store import events as event_store
from diurnal.store.database import Tx, WriteTx

FILES_PER_EVENT_MAX = 100
TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
UNKNOWN_TYPE = "application/octet-stream"


def check_room(tx: Tx, ctx: Context, caller: Access, event_id: str) -> int:
    """Return how many bytes a new file of an event may have, before its bytes are read.

    Raises:
        NotFound: no such event, or not the caller's to read.
        Forbidden: no right to change it.
        TooLarge: the quota is used up.
    """
    event = events.changeable(tx, ctx, caller, event_id)
    _check_count(event)
    return room(tx, ctx, caller)


def room(tx: Tx, ctx: Context, caller: Access) -> int:
    """Return how many bytes a new file of the account may have.

    Raises:
        TooLarge: the quota is used up.
    """
    quota = quota_of(tx, ctx, caller.account_id)
    left = quota - files.total(tx, caller.account_id)
    if left <= 0:
        raise TooLarge("the attachment quota is used up", limit=quota)
    return min(left, ctx.settings.attachment_bytes_max)


def quota_of(tx: Tx, ctx: Context, account_id: int) -> int:
    """Return how many bytes all attachments of an account may take: its own measure, or all's."""
    account = accounts.get(tx, account_id)
    own = None if account is None else account.attachment_quota
    return ctx.settings.attachment_quota_bytes if own is None else own


def check_name(name: str) -> str:
    """Return the file's name without folders.

    Raises:
        InvalidInput: nothing is left of it, too long, or not text.
    """
    plain = name.replace("\\", "/").rpartition("/")[2].strip()
    if not plain or plain in (".", "..") or len(plain) > TEXT_MAX:
        raise InvalidInput(f"a file name has 1 to {TEXT_MAX} characters", field="filename")
    if not all(c.isprintable() for c in plain):
        raise InvalidInput("a file name has printable characters only", field="filename")
    return plain


def kind(given: str | None) -> str:
    """Return a media type without parameters; the general one where none fits."""
    plain = (given or "").partition(";")[0].strip().lower()
    return plain if TYPE.fullmatch(plain) else UNKNOWN_TYPE


def add(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    event_id: str,
    given: Sequence[tuple[str, str, str, int]],
) -> Event:
    """Hang files on an event; their bytes are in the blob store already.

    Args:
        given: (name, media type, content hash, size).

    Raises:
        NotFound, Forbidden: as `check_room`.
        TooLarge: past the quota; exact, since the account's writers wait for each other.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    old = events.changeable(tx, ctx, caller, event_id)
    new = tuple(
        File(id=ctx.new_id(), name=name, type=type_, size=size, hash=hash_)
        for name, type_, hash_, size in given
    )
    _check_count(old, len(new))
    fresh = {
        f.hash: f.size for f in new if not event_store.hash_used(tx, caller.account_id, f.hash)
    }
    quota = quota_of(tx, ctx, caller.account_id)
    if files.total(tx, caller.account_id) + sum(fresh.values()) > quota:
        raise TooLarge("the attachment quota is used up", limit=quota)
    return events.update(tx, ctx, caller, event_id, {"files": (*old.files, *new)})


def add_to_new(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    event_id: str,
    given: Sequence[tuple[str, str, str, int]],
) -> Event:
    """Hang files on an event that the caller has just made: it may, even where it may only add.

    Raises:
        TooLarge: as `add`.
    """
    return add(tx, ctx, msgspec.structs.replace(caller, kind=Kind.PERSONAL), event_id, given)


def find(tx: Tx, ctx: Context, caller: Access, event_id: str, file_id: str) -> File:
    """Return one file of an event.

    Raises:
        NotFound: no such file, or the event is not the caller's to read.
    """
    audit.tell(tx, 0, file_id)
    for file in events.get(tx, ctx, caller, event_id).files:
        if file.id == file_id:
            return file
    raise NotFound(f"no file {file_id!r}")


def of(tx: Tx, caller: Access, event_ids: Sequence[str]) -> dict[str, tuple[File, ...]]:
    """Return the files of events that the caller has been found to read, by event id."""
    return event_store.files_of(tx, caller.account_id, event_ids)


def remove(tx: WriteTx, ctx: Context, caller: Access, event_id: str, file_id: str) -> Event:
    """Take a file off an event; its bytes go with the next sweep, unless another names them.

    Raises:
        NotFound: no such file, or the event is not the caller's to read.
        Forbidden: no right to change the event.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    old = events.changeable(tx, ctx, caller, event_id)
    left = tuple(f for f in old.files if f.id != file_id)
    if len(left) == len(old.files):
        raise NotFound(f"no file {file_id!r}")
    return events.update(tx, ctx, caller, event_id, {"files": left})


def sweep(ctx: Context, account_id: int, *, before: int) -> int:
    """Remove bytes that nothing names and that were put before an instant; return how many."""

    def named(tx: Tx, digest: str) -> bool:
        return event_store.hash_used(tx, account_id, digest) or profile.shows(
            tx, account_id, digest
        )

    return ctx.blobs.sweep(
        account_id, lambda digest: ctx.store.read(lambda tx: named(tx, digest)), before=before
    )


def _check_count(event: Event, more: int = 1) -> None:
    if len(event.files) + more > FILES_PER_EVENT_MAX:
        raise InvalidInput(f"at most {FILES_PER_EVENT_MAX} files", field="files")
