"""The jobs of every account, for admins: what waits, runs and failed; never what it is about."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from diurnal.errors import Conflict, NotFound
from diurnal.model.access import Access
from diurnal.services import accounts
from diurnal.services.context import Context
from diurnal.services.sign_up import must_administer
from diurnal.store import accounts as account_rows
from diurnal.store import changes
from diurnal.store import jobs as store
from diurnal.store.database import Tx, WriteTx

STATES = (store.WAITING, store.RUNNING, store.FAILED, store.DONE)
CANCELLED = "cancelled by an admin"
LATEST = 2**62
_KIND_OF_ERROR = re.compile(r"[A-Za-z_.]{1,60}(?=: )")


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A job as an admin sees it; instants in microseconds.

    Attributes:
        run_at: when it is due, of one that waits.
        lease_until: until when its worker has to have said that it lives, of one that runs.
        error: the last one; of another account's job without what may quote its data.
    """

    id: str
    username: str
    kind: str
    state: str
    tries: int
    created: int
    run_at: int | None = None
    lease_until: int | None = None
    finished: int | None = None
    error: str | None = None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs, newest first, and how many there are in each state.

    Attributes:
        next: (created, id) of the last one, where more follow.
    """

    jobs: list[Shown]
    counts: dict[str, int]
    next: tuple[int, str] | None


def listed(
    tx: Tx,
    ctx: Context,
    caller: Access,
    *,
    states: Sequence[str] = STATES,
    kind: str = "",
    username: str | None = None,
    before: tuple[int, str] = (LATEST, ""),
    most: int = 100,
) -> Page:
    """Return a page of the server's jobs.

    Raises:
        Forbidden: the caller is no admin.
        NotFound: no such account.
    """
    must_administer(tx, caller)
    of = None if username is None else accounts.find(tx, username).account_id
    now = ctx.now()
    found = store.page(
        tx, now, account_id=of, kind=kind, states=states, before=before, most=most + 1
    )
    names = {a.account_id: a.username for a in account_rows.all_of(tx)}
    counts = store.by_state(tx, now, account_id=of, kind=kind)
    last = found[most - 1] if len(found) > most else None
    return Page(
        jobs=[_shown(look, names.get(look.job.account_id, ""), caller) for look in found[:most]],
        counts={state: counts.get(state, 0) for state in STATES},
        next=None if last is None else (last.created, last.job.id),
    )


def _shown(look: store.Look, username: str, caller: Access) -> Shown:
    job = look.job
    error = job.last_error
    if error is not None and job.account_id != caller.account_id:
        kind = _KIND_OF_ERROR.match(error)
        error = kind[0] if kind else error
    return Shown(
        id=job.id,
        username=username,
        kind=job.kind,
        state=look.state,
        tries=job.tries,
        created=look.created,
        run_at=job.run_at if look.state == store.WAITING else None,
        lease_until=job.lease_until if look.state == store.RUNNING else None,
        finished=look.finished,
        error=error,
    )


def retry(tx: WriteTx, ctx: Context, caller: Access, username: str, id_: str) -> Shown:
    """Have a job done that was given up, with all its tries, or one that waits at once.

    Raises:
        Forbidden: the caller is no admin.
        NotFound: no such account or job.
        Conflict: it runs, or it is done.
    """
    look, now = _look(tx, ctx, caller, username, id_), ctx.now()
    of = look.job.account_id
    if look.state == store.WAITING:
        store.hasten(tx, of, id_, min(now, look.job.run_at))
    elif look.state != store.FAILED or not store.retry(tx, of, id_, now):
        raise Conflict(f"this job is {look.state}")
    return _shown(_found(tx, ctx, of, id_), username, caller)


def cancel(tx: WriteTx, ctx: Context, caller: Access, username: str, id_: str) -> Shown:
    """End a job that waits or runs; whoever works on it writes nothing more.

    Raises:
        Forbidden: the caller is no admin.
        NotFound: no such account or job.
        Conflict: it has ended.
    """
    look, now = _look(tx, ctx, caller, username, id_), ctx.now()
    of = look.job.account_id
    if not store.cancel(tx, of, id_, CANCELLED, now):
        raise Conflict(f"this job is {look.state}")
    return _shown(_found(tx, ctx, of, id_), username, caller)


def _look(tx: WriteTx, ctx: Context, caller: Access, username: str, id_: str) -> store.Look:
    must_administer(tx, caller)
    account = accounts.find(tx, username)
    changes.reserve(tx, account.account_id, 0, ctx.now())
    return _found(tx, ctx, account.account_id, id_)


def _found(tx: Tx, ctx: Context, account_id: int, id_: str) -> store.Look:
    look = store.look(tx, account_id, id_, ctx.now())
    if look is None:
        raise NotFound(f"no job {id_!r}")
    return look
