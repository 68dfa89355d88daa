"""Look at a table before it is imported: its first rows, and what its columns may mean."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from diurnal.errors import InvalidInput
from diurnal.model.access import Access
from diurnal.services import accesses, uploads
from diurnal.services.context import Context

HEAD_BYTES = 64 << 10
"""What connectors look at."""


def of_bytes(caller: Access, name: str, head: bytes, size: int) -> dict[str, Any]:
    """Propose a mapping for a table of which this is the beginning.

    Args:
        size: of the whole, in bytes.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: it is no table.
    """
    accesses.must_own(caller)
    return _look(name, head[:HEAD_BYTES], max(size, len(head)))


def of_upload(ctx: Context, caller: Access, id_: str) -> dict[str, Any]:
    """Propose a mapping for a table that is being uploaded.

    Raises:
        Forbidden: the caller is not the owner.
        NotFound: no such upload.
        InvalidInput: it is no table, or too little of it is here.
    """
    accesses.must_own(caller)
    known = uploads.status(ctx, caller, id_)
    if known.received < min(known.size, HEAD_BYTES):
        raise InvalidInput("too little of this file has arrived to look at it", field="uploadId")
    with uploads.path_of(ctx, caller.account_id, id_).open("rb") as file:
        return _look(known.name, file.read(HEAD_BYTES), known.size)


def _look(name: str, head: bytes, size: int) -> dict[str, Any]:
    from diurnal.connectors import Entry  # the serving process looks seldom
    from diurnal.connectors.csv_file import propose

    def opened() -> BinaryIO:
        return io.BytesIO(head)

    plain = name.replace("\\", "/").rpartition("/")[2] or "table"
    return propose(Entry(path=plain, size=size, head=head, open=opened, siblings={}))
