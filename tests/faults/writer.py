"""A program that writes until it is killed and says on stdout what was acknowledged.

    python -m tests.faults.writer URL DATA_DIR NEXT… [--early]

NEXT is the number each thread goes on from. Each write is done twice with one idempotency key.
`--early` says "done" before the commit: the broken store that the test must catch.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import count
from pathlib import Path

from diurnal.model.access import Access
from diurnal.model.events import NewEvent
from diurnal.services import accesses, events, idempotency
from diurnal.services.context import Context, opened
from diurnal.settings import load
from diurnal.store.database import WriteTx

ACCOUNT = 1
STREAM, TYPE = "diurnal-weight", "mass/kg"
MINUTE = 60_000_000
FIRST = 1_700_000_000_000_000


def size_of(n: int) -> int:
    """Return how many events the n-th write of a thread has."""
    return 20 if n % 4 == 3 else 1


def batch_of(thread: int, n: int) -> list[NewEvent]:
    """Return what the n-th write of a thread holds; each event says which it is."""
    return [
        NewEvent(
            stream_ids=(STREAM,),
            type=TYPE,
            time=FIRST + (n * 20 + i) * MINUTE + thread,
            content=60 + i,
            description=f"{thread}-{n}/{i}",
        )
        for i in range(size_of(n))
    ]


def write(ctx: Context, caller: Access, thread: int, n: int) -> Future[idempotency.Answer]:
    """Hand the n-th write of a thread to the store."""
    key, batch = f"{thread}-{n}", batch_of(thread, n)

    def once(tx: WriteTx) -> idempotency.Answer:
        def make() -> tuple[int, bytes]:
            return 201, str(len(events.create(tx, ctx, caller, batch))).encode()

        return idempotency.once(tx, ctx, caller, key, idempotency.digest(str(batch).encode()), make)

    return ctx.store.write(once)


def _write_for_ever(ctx: Context, thread: int, first: int, *, early: bool) -> None:
    caller = accesses.personal(ACCOUNT, "alice")
    for n in count(first):
        for _ in range(2):
            future = write(ctx, caller, thread, n)
            if not early:
                future.result()
            os.write(1, f"{thread} {n}\n".encode())


def main(arguments: Sequence[str]) -> None:
    """Write on as many threads as there are numbers to go on from."""
    early = "--early" in arguments
    url, data_dir, *numbers = (a for a in arguments if not a.startswith("--"))
    with opened(load(data_dir=Path(data_dir), database_url=url, environ={})) as ctx:
        threads = [
            threading.Thread(
                target=_write_for_ever, args=(ctx, thread, int(n)), kwargs={"early": early}
            )
            for thread, n in enumerate(numbers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main(sys.argv[1:])
