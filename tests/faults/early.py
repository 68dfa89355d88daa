"""Our program with a store that answers before it commits: what the kill test must catch.

python tests/faults/early.py serve …
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from diurnal import cli
from diurnal.store.sqlite import SqliteStore

_submit = SqliteStore.submit


def submit(self: SqliteStore, fn: Any) -> asyncio.Future[Any]:
    """Answer once `fn` has run, and write it a while later."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[Any] = loop.create_future()

    def early(tx: Any) -> Any:
        result = fn(tx)
        loop.call_soon_threadsafe(told.set_result, result)
        time.sleep(0.05)  # the commit comes after this returns; a slow disk makes it come late
        return result

    _submit(self, early)
    return told


if __name__ == "__main__":
    SqliteStore.submit = submit  # type: ignore[method-assign,assignment]
    cli.main()
