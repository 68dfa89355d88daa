"""When connections look for news: one open job each, made again whenever it is missing."""

from __future__ import annotations

from typing import Any

import msgspec

from diurnal.model.time import DAY
from diurnal.services import jobs
from diurnal.services.context import Context
from diurnal.store import changes
from diurnal.store import connections as store
from diurnal.store import jobs as job_store
from diurnal.store.connections import Stored
from diurnal.store.database import Tx, WriteTx

KIND = "sync"
FAR = 8 * DAY
"""No connection waits longer for its next look."""
NEW, ACTIVE, PAUSED, RECONNECT = "new", "active", "paused", "reconnect"
"""States of a connection: not signed in yet, in use, at rest, to be signed in to again."""


def enqueue(tx: WriteTx, ctx: Context, c: Stored, at: int, **args: Any) -> str:
    """Have a connection run at an instant; the run that waits is brought forward.

    There is one open job a connection; one that is under way sees at its end what has come.
    """
    changes.reserve(tx, c.account_id, 0, ctx.now())
    for job in jobs.open_jobs(tx, c.account_id, [KIND]):
        told = msgspec.json.decode(job.args)
        if told.get("connection") != c.id:
            continue
        leased = job.lease_until is not None and job.lease_until > ctx.now()
        if not leased and args:
            job_store.drop(tx, c.account_id, job.id)
            break
        if not leased and job.run_at > at:
            job_store.hasten(tx, c.account_id, job.id, at)
        store.set_next(tx, c.account_id, c.id, min(at, job.run_at) if not leased else at)
        return job.id
    store.set_next(tx, c.account_id, c.id, at)
    return jobs.enqueue(tx, ctx, c.account_id, KIND, {"connection": c.id, **args}, run_at=at)


def forget(tx: WriteTx, c: Stored) -> None:
    """Drop the job ahead of a connection that goes; one under way finds it gone."""
    for job in jobs.open_jobs(tx, c.account_id, [KIND]):
        if msgspec.json.decode(job.args).get("connection") == c.id:
            job_store.drop(tx, c.account_id, job.id)


def plan(ctx: Context) -> int:
    """Give every connection that has none its next run; return to how many."""
    planned = 0
    for account_id in ctx.store.read(jobs.everyone):
        if ctx.store.read(lambda tx, a=account_id: _unplanned(tx, ctx, a)):  # type: ignore[misc]
            planned += ctx.store.write(
                lambda tx, a=account_id: _plan(tx, ctx, a),  # type: ignore[misc]
                bulk=True,
            ).result()
    return planned


def _unplanned(tx: Tx, ctx: Context, account_id: int) -> list[Stored]:
    """Return connections without a job ahead, or with one so far that the clock must have erred."""
    found = [c for c in store.all_of(tx, account_id) if c.state == ACTIVE and c.next is not None]
    if not found:
        return []
    have = {
        msgspec.json.decode(job.args).get("connection")
        for job in jobs.open_jobs(tx, account_id, [KIND])
    }
    far = ctx.now() + FAR
    return [c for c in found if c.id not in have or (c.next or 0) > far]


def _plan(tx: WriteTx, ctx: Context, account_id: int) -> int:
    changes.reserve(tx, account_id, 0, ctx.now())
    found = _unplanned(tx, ctx, account_id)
    for c in found:
        at = max(c.next or 0, ctx.now())
        enqueue(tx, ctx, c, at if at <= ctx.now() + FAR else ctx.now())
    return len(found)
