"""What an import needs of an account's own export beyond what sources say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from diurnal.errors import TooLarge
from diurnal.model.access import Access
from diurnal.model.records import Attached, StreamSeen
from diurnal.services import streams
from diurnal.services.context import Context
from diurnal.store import changes
from diurnal.store.database import WriteTx

READ = 1 << 18


def make_stream(tx: WriteTx, ctx: Context, caller: Access, seen: StreamSeen) -> bool:
    """Make a stream unless it is there, or trash it where it is to be; return whether it changed.

    Raises:
        InvalidInput, Conflict: it cannot be made here.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    there = ctx.state(tx, caller.account_id).tree.get(seen.id)
    if there is None:
        streams.create(
            tx,
            ctx,
            caller,
            name=seen.name,
            id_=seen.id,
            parent_id=seen.parent_id,
            measure=seen.measure,
            client_data=seen.client_data,
        )
        return True
    if seen.trashed and not there.trashed:
        streams.update(tx, ctx, caller, seen.id, {"trashed": True})
        return True
    return False


def keep_file(ctx: Context, caller: Access, attached: Attached) -> str | None:
    """Keep the bytes of a file; return why not, where that is so."""
    try:
        with attached.open() as file:
            digest, _ = ctx.blobs.put(
                caller.account_id, _chunks(file), limit=ctx.settings.attachment_bytes_max
            )
    except TooLarge as error:
        return error.message
    return None if digest == attached.hash else "the file is not what its name says"


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while data := file.read(READ):
        yield data
