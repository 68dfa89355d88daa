"""What a connection brings in, written like an import: one batch for each day it brings anything.

A batch an hour would bury what a person imported; a batch for ever could not be undone in parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from diurnal.model.access import Access
from diurnal.model.time import DAY
from diurnal.services import events, imports, jobs
from diurnal.services.asides import ASIDE_MAX
from diurnal.services.context import Context
from diurnal.services.hand import Hand
from diurnal.services.imports import Result
from diurnal.services.jobs import Lease
from diurnal.services.recognition import Found
from diurnal.store import batches, changes
from diurnal.store import events as event_store
from diurnal.store.batches import Stored
from diurnal.store.connections import Stored as Connection
from diurnal.store.database import ROWS_PER_TURN, WriteTx

_OPEN = (imports.RUNNING, imports.DONE)


def batch_of(tx: WriteTx, ctx: Context, c: Connection) -> Stored:
    """Return today's batch of a connection, making it where there is none yet."""
    changes.reserve(tx, c.account_id, 0, ctx.now())
    for found in batches.of_connection(tx, c.account_id, c.id):
        if found.created // DAY == ctx.now() // DAY and found.state in _OPEN:
            return found
    id_ = batches.add(
        tx,
        c.account_id,
        name=c.name,
        options={},
        upload_id=None,
        access_id=c.access_id,
        dry_run=False,
        now=ctx.now(),
        connection_id=c.id,
    )
    return imports.get(tx, _owner(c), id_)


def _owner(c: Connection) -> Access:
    from diurnal.services import accesses

    return accesses.personal(c.account_id, "")


class Arrivals(Hand):
    """Takes items as they come from a source, and adds what came of them to today's batch."""

    def __init__(
        self,
        ctx: Context,
        caller: Access,
        c: Connection,
        *,
        lease: Lease | None,
        stopping: Callable[[], bool],
    ) -> None:
        batch = ctx.store.write(lambda tx: batch_of(tx, ctx, c)).result()
        super().__init__(ctx, caller, batch, lease, lambda _: None, stopping, bulk=True)
        self._telling.path = c.name
        self._connector = c.connector

    @property
    def batch_id(self) -> int:
        """The batch that is written to."""
        return self._batch.id

    @property
    def lease(self) -> Lease | None:
        """Of the job that writes."""
        return self._lease

    def begin(self) -> None:
        """Note that something comes; what was set aside earlier today stays, and counts once."""
        batch = self._batch

        def mark(tx: WriteTx) -> list[tuple[Any, ...]]:
            stamp = changes.reserve(tx, batch.account_id, 1, self._ctx.now())
            jobs.check(tx, self._lease)
            batches.set_state(tx, batch.account_id, batch.id, imports.RUNNING)
            told = [("batch", "start", str(batch.id))]
            changes.append(tx, batch.account_id, stamp, batch.access_id, told)
            return batches.aside(tx, batch.account_id, batch.id, 0, ASIDE_MAX)

        self._asides.go_on(self._write(mark).result())

    def look_at(self, what: str, done: int, total: int) -> None:
        """Say what is fetched now, and how much of it all is done."""
        self._telling.path = what
        self.tell("fetching", done, total)

    def end(self) -> Result:
        """Write what is left and add it up."""
        return self.finish(Found(read={self._connector: self.counts.read}))

    def _store_result(self, found: Found) -> Result:
        ctx, batch = self._ctx, self._batch

        def end(tx: WriteTx) -> Result:
            stamp = changes.reserve(tx, batch.account_id, 1, ctx.now())
            jobs.check(tx, self._lease)
            known = batches.get(tx, batch.account_id, batch.id)
            before = msgspec.convert(
                {"batch": batch.id, **(known.result if known is not None else {})}, Result
            )
            now = self.counts
            total = Result(
                batch=batch.id,
                read=before.read + now.read,
                new=before.new + now.new,
                same=before.same + now.same,
                changed=before.changed + now.changed,
                set_aside=before.set_aside + now.aside - self._asides.again,
                kinds={self._connector: before.read + now.read},
            )
            batches.put_aside(tx, batch.account_id, batch.id, self._asides.waiting)
            batches.set_result(
                tx,
                batch.account_id,
                batch.id,
                self._connector,
                msgspec.to_builtins(total),
                msgspec.to_builtins(self._telling.now()),
            )
            batches.set_state(tx, batch.account_id, batch.id, imports.DONE, finished=ctx.now())
            told = [("batch", "finish", str(batch.id))]
            changes.append(tx, batch.account_id, stamp, batch.access_id, told)
            return msgspec.structs.replace(
                total,
                read=now.read,
                new=now.new,
                same=now.same,
                changed=now.changed,
                set_aside=now.aside,
            )

        result: Result = self._write(end).result()
        return result

    def remove(self, gone: Iterable[tuple[str, str]]) -> int:
        """Delete data that the source does not have any more, by (source, source id).

        The tombstones do not name the source: should it have them again, they come back.
        """
        wanted = list(gone)
        removed = 0
        for i in range(0, len(wanted), ROWS_PER_TURN):
            part = wanted[i : i + ROWS_PER_TURN]
            removed += self._write(lambda tx, part=part: self._remove(tx, part)).result()  # type: ignore[misc]
        return removed

    def _remove(self, tx: WriteTx, gone: list[tuple[str, str]]) -> int:
        ctx, account_id = self._ctx, self._caller.account_id
        changes.reserve(tx, account_id, 0, ctx.now())
        jobs.check(tx, self._lease)
        by_source: dict[str, list[str]] = {}
        for source, source_id in gone:
            by_source.setdefault(source, []).append(source_id)
        found = [
            event
            for source, ids in by_source.items()
            for event in event_store.by_source(tx, account_id, source, ids).values()
        ]
        if not found:
            return 0
        stamp = changes.reserve(tx, account_id, len(found), ctx.now())
        event_store.remove(tx, account_id, [e.id for e in found])
        event_store.bury(
            tx,
            account_id,
            "event",
            [(e.id, None, None, stamp.at + i, stamp.rev + i) for i, e in enumerate(found)],
        )
        told = [("event", "delete", e.id) for e in found]
        changes.append(tx, account_id, stamp, self._caller.id, told)
        state = ctx.state(tx, account_id)
        events.touch(
            tx, state, [msgspec.structs.replace(e, trashed=True) for e in found], stamp.rev
        )
        return len(found)
