"""Background work: rows that are leased, renewed and finished by whoever works on them.

Delivery is at least once: a handler must be repeatable, and what it writes last goes into one
transaction with `finish`, which fails when the lease is no longer its own.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from diurnal.errors import AppError, Conflict, NotFound
from diurnal.model.time import DAY, HOUR, SECOND
from diurnal.services.context import Context
from diurnal.store import accounts
from diurnal.store import jobs as store
from diurnal.store.database import Tx, WriteTx
from diurnal.store.jobs import Job

LEASE_US = 60 * SECOND
TRIES_MAX = 5
"""Failures after which a job is dead."""
LEASES_MAX = 30
"""Leases, those of workers that died included, after which a job is dead: it kills them."""
BACKOFF_FIRST = 5 * SECOND
BACKOFF_MAX = HOUR
KEPT = 14 * DAY
"""Ended jobs are remembered this long, and with them their idempotency keys."""
ERROR_MAX = 500

Stopping = Callable[[], bool]
"""Whether the worker is to stop."""


class LeaseLost(Conflict):
    """Another worker has this job: stop, and write nothing more."""

    code = "lease-lost"


class Stopped(AppError):
    """The worker is stopping; the job is begun again later, where it was."""

    code = "stopped"


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A job that is ours to do until the lease ends."""

    account_id: int
    id: str
    kind: str
    args: dict[str, Any]
    token: str
    tries: int


def enqueue(
    tx: WriteTx,
    ctx: Context,
    account_id: int,
    kind: str,
    args: Mapping[str, Any],
    run_at: int | None = None,
    idem_key: str | None = None,
) -> str:
    """Add a job in the transaction that gives rise to it; return its id.

    Args:
        run_at: not before this instant.
        idem_key: a second job of this kind with the same key is the first one.
    """
    now = ctx.now()
    return store.add(
        tx,
        account_id,
        ctx.new_id(),
        kind,
        msgspec.json.encode(args).decode(),
        run_at=now if run_at is None else run_at,
        now=now,
        idem_key=idem_key,
    )


def waiting(tx: Tx, ctx: Context, kinds: Sequence[str]) -> bool:
    """Return whether there is anything to take."""
    return store.any_due(tx, kinds, ctx.now())


def take(
    tx: WriteTx,
    ctx: Context,
    kinds: Sequence[str],
    *,
    owner: str,
    after: int = -1,
    lease_us: int = LEASE_US,
) -> Lease | None:
    """Lease the next due job, round-robin by account; one of these kinds of an account at a time.

    Args:
        owner: names the worker; its leases can be freed when it is known to be dead.
        after: the account served last.
    """
    now = ctx.now()
    while (found := store.next_due(tx, kinds, now, after)) is not None:
        lease = _lease(tx, found, owner, now + lease_us)
        if found.tries < LEASES_MAX:
            return lease
        reason = found.last_error or "the workers that took it died"
        store.end(tx, lease.account_id, lease.id, lease.token, store.DEAD, reason, now)
    return None


def claim(
    tx: WriteTx, ctx: Context, account_id: int, id_: str, *, owner: str, lease_us: int = LEASE_US
) -> Lease:
    """Lease one given job, in the transaction that enqueued it or later.

    Raises:
        LeaseLost: somebody works on it, or it has ended.
    """
    found = store.lock_free(tx, account_id, id_, ctx.now())
    if found is None:
        raise LeaseLost("this work is under way elsewhere, or done")
    return _lease(tx, found, owner, ctx.now() + lease_us)


def _lease(tx: WriteTx, found: Job, owner: str, until: int) -> Lease:
    token = f"{owner}.{secrets.token_hex(8)}"
    store.lease(tx, found.account_id, found.id, token, until)
    return Lease(
        account_id=found.account_id,
        id=found.id,
        kind=found.kind,
        args=msgspec.json.decode(found.args),
        token=token,
        tries=found.tries + 1,
    )


def renew(tx: WriteTx, ctx: Context, lease: Lease, lease_us: int = LEASE_US) -> bool:
    """Prolong a lease; False where it is lost."""
    return store.renew(tx, lease.account_id, lease.id, lease.token, ctx.now() + lease_us)


def check(tx: Tx, lease: Lease | None) -> None:
    """Refuse to go on without the lease; the fence of everything a handler writes.

    Raises:
        LeaseLost: it is another's.
    """
    if lease is not None and not store.held(tx, lease.account_id, lease.id, lease.token):
        raise LeaseLost("another worker has taken this over")


def finish(tx: WriteTx, ctx: Context, lease: Lease) -> None:
    """End a job, in the transaction of its last effect.

    Raises:
        LeaseLost: it is another's; the transaction's effect must not stand.
    """
    if not store.end(tx, lease.account_id, lease.id, lease.token, store.DONE, None, ctx.now()):
        raise LeaseLost("another worker has taken this over")


def fail(tx: WriteTx, ctx: Context, lease: Lease, error: str, *, permanent: bool = False) -> bool:
    """Try again later, or give up; return whether the job is dead now.

    Raises:
        LeaseLost: it is another's.
    """
    now, reason = ctx.now(), error[:ERROR_MAX]
    dead = permanent or lease.tries >= TRIES_MAX
    if dead:
        kept = store.end(tx, lease.account_id, lease.id, lease.token, store.DEAD, reason, now)
    else:
        kept = store.postpone(
            tx,
            lease.account_id,
            lease.id,
            lease.token,
            later=now + backoff(lease.tries),
            error=reason,
        )
    if not kept:
        raise LeaseLost("another worker has taken this over")
    return dead


def backoff(tries: int) -> int:
    """Return how long to wait after so many tries: doubling, capped, a quarter of it by chance."""
    longest = min(BACKOFF_FIRST << max(tries - 1, 0), BACKOFF_MAX)
    # Not a secret: it only keeps workers from coming back all at once.
    return longest - random.randrange(longest // 4 + 1)  # noqa: S311


def give_back(tx: WriteTx, ctx: Context, lease: Lease, *, after_s: float = 0) -> None:
    """Make a job due again without counting the try: the worker stops, or the disk is full."""
    later = ctx.now() + round(after_s * SECOND)
    store.postpone(
        tx, lease.account_id, lease.id, lease.token, later=later, error=None, forgiven=True
    )


def free(tx: WriteTx, ctx: Context, owner: str) -> int:
    """Make due again what a worker that is known to be dead had leased; return how many."""
    leased = store.leased_by(tx, f"{owner}.", ctx.now())
    for account_id, id_, token in leased:
        store.postpone(tx, account_id, id_, token, later=ctx.now(), error=None)
    return len(leased)


def purge(tx: WriteTx, ctx: Context, account_id: int) -> None:
    """Forget the jobs of an account that ended long ago."""
    store.purge(tx, account_id, ctx.now() - KEPT)


def get(tx: Tx, account_id: int, id_: str) -> Job:
    """Return one job.

    Raises:
        NotFound: there is none.
    """
    found = store.get(tx, account_id, id_)
    if found is None:
        raise NotFound(f"no job {id_!r}")
    return found


def open_jobs(tx: Tx, account_id: int, kinds: Sequence[str]) -> list[Job]:
    """Return the jobs of an account that have not ended, oldest first."""
    return store.open_of(tx, account_id, kinds)


def everyone(tx: Tx) -> list[int]:
    """Return every account's id, for what a worker does for each."""
    return [account.account_id for account in accounts.all_of(tx)]
