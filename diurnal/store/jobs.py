"""Rows of `job`: what is due, who works on it.

A leased job stays `due` with `run_at` at the end of its lease: when nobody renews it, it is due
again by itself, and one index serves both.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    case,
    delete,
    func,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, in_list
from diurnal.store.tables import job

DUE, DONE, DEAD = "due", "done", "dead"
WAITING, RUNNING, FAILED = "waiting", "running", "failed"
"""What an operator is told of a job, beside `DONE`."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One row; instants in microseconds."""

    account_id: int
    id: str
    kind: str
    args: str
    state: str
    run_at: int
    lease_until: int | None
    lease_token: str | None
    tries: int
    last_error: str | None


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A job as an operator sees it; `state` is told by the lease, instants in microseconds."""

    job: Job
    state: str
    created: int
    finished: int | None


_FIELDS = (
    job.c.account_id,
    job.c.id,
    job.c.kind,
    job.c.args,
    job.c.state,
    job.c.run_at,
    job.c.lease_until,
    job.c.lease_token,
    job.c.tries,
    job.c.last_error,
)
_this = and_(job.c.account_id == bindparam("account"), job.c.id == bindparam("job"))
_mine = and_(_this, job.c.state == DUE, job.c.lease_token == bindparam("token"))
_due = and_(
    job.c.state == DUE,
    job.c.run_at <= bindparam("now"),
    in_list(job.c.kind, "kinds"),
)
_other = job.alias("other")
_busy = (
    select(_other.c.id)
    .where(
        _other.c.account_id == job.c.account_id,
        _other.c.state == DUE,
        _other.c.lease_until > bindparam("now"),
        in_list(_other.c.kind, "kinds"),
    )
    .exists()
)

_ADD = Sql(
    upsert(job)
    .values(
        account_id=bindparam("account"),
        id=bindparam("job"),
        kind=bindparam("kind"),
        args=bindparam("args"),
        idem_key=bindparam("idem_key"),
        state=DUE,
        run_at=bindparam("run_at"),
        tries=0,
        created_us=bindparam("now"),
    )
    .on_conflict_do_nothing()
    .returning(job.c.id)
)
_BY_KEY = Sql(
    select(job.c.id).where(
        job.c.account_id == bindparam("account"),
        job.c.kind == bindparam("kind"),
        job.c.idem_key == bindparam("idem_key"),
    )
)
_ANY_DUE = Sql(select(job.c.id).where(_due, ~_busy).limit(1))
_COUNTS = Sql(
    select(func.count(), func.min(job.c.run_at)).where(
        job.c.state == DUE, job.c.run_at <= bindparam("now")
    )
)
_DEAD = Sql(select(func.count()).where(job.c.state == DEAD))
# Round-robin: the next account after the one served last, its oldest job first.
_NEXT = Sql(
    select(*_FIELDS)
    .where(_due, ~_busy, job.c.account_id > bindparam("after"))
    .order_by(job.c.account_id, job.c.run_at, job.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_GET = Sql(select(*_FIELDS).where(_this))
_LOCK = Sql(
    select(*_FIELDS)
    .where(
        _this,
        job.c.state == DUE,
        or_(job.c.lease_until.is_(None), job.c.lease_until <= bindparam("now")),
    )
    .with_for_update(skip_locked=True)
)
_LEASE = Sql(
    update(job)
    .where(_this)
    .values(
        lease_token=bindparam("new_token"),
        lease_until=bindparam("until"),
        run_at=bindparam("until"),
        tries=job.c.tries + 1,
    )
)
_RENEW = Sql(
    update(job)
    .where(_mine)
    .values(lease_until=bindparam("until"), run_at=bindparam("until"))
    .returning(job.c.id)
)
_HELD = Sql(select(job.c.id).where(_mine))
_END = Sql(
    update(job)
    .where(_mine)
    .values(
        state=bindparam("new_state"),
        lease_until=null(),
        lease_token=null(),
        last_error=bindparam("error"),
        finished_us=bindparam("now"),
    )
    .returning(job.c.id)
)
_POSTPONE = Sql(
    update(job)
    .where(_mine)
    .values(
        run_at=bindparam("later"),
        lease_until=null(),
        lease_token=null(),
        tries=job.c.tries - bindparam("forgiven"),
        last_error=bindparam("error"),
    )
    .returning(job.c.id)
)
_HASTEN = Sql(
    update(job)
    .where(_this, job.c.state == DUE, job.c.lease_token.is_(None))
    .values(run_at=bindparam("sooner"))
)
_DROP = Sql(delete(job).where(_this, job.c.state == DUE, job.c.lease_token.is_(None)))
_LEASED_BY = Sql(
    select(job.c.account_id, job.c.id, job.c.lease_token).where(
        job.c.state == DUE,
        job.c.run_at > bindparam("now"),
        func.substr(job.c.lease_token, 1, bindparam("length")) == bindparam("owner"),
    )
)
_PURGE = Sql(
    delete(job).where(
        job.c.account_id == bindparam("account"),
        job.c.state != DUE,
        job.c.finished_us < bindparam("before"),
    )
)
_OPEN = Sql(
    select(*_FIELDS)
    .where(
        job.c.account_id == bindparam("account"),
        job.c.state == DUE,
        in_list(job.c.kind, "kinds"),
    )
    .order_by(job.c.run_at, job.c.id)
)


_STATE = case(
    (and_(job.c.state == DUE, job.c.lease_until > bindparam("now")), RUNNING),
    (job.c.state == DUE, WAITING),
    (job.c.state == DEAD, FAILED),
    else_=DONE,
)
_of_kind = or_(bindparam("kind") == "", job.c.kind == bindparam("kind"))
_of_account = job.c.account_id == bindparam("account")


def _paged(*which: ColumnElement[bool]) -> Sql:
    before = tuple_(bindparam("before_us"), bindparam("before_id"))
    return Sql(
        select(*_FIELDS, _STATE, job.c.created_us, job.c.finished_us)
        .where(
            *which,
            _of_kind,
            in_list(_STATE, "states"),
            tuple_(job.c.created_us, job.c.id) < before,
        )
        .order_by(job.c.created_us.desc(), job.c.id.desc())
        .limit(bindparam("most"))
    )


def _counted(*which: ColumnElement[bool]) -> Sql:
    states = select(_STATE.label("state")).where(*which, _of_kind).subquery()
    return Sql(select(states.c.state, func.count()).group_by(states.c.state))


_PAGE, _PAGE_OF = _paged(), _paged(_of_account)
_BY_STATE, _BY_STATE_OF = _counted(), _counted(_of_account)
_LOOK = Sql(select(*_FIELDS, _STATE, job.c.created_us, job.c.finished_us).where(_this))
_RETRY = Sql(
    update(job)
    .where(_this, job.c.state == DEAD)
    .values(state=DUE, run_at=bindparam("now"), tries=0, finished_us=null())
    .returning(job.c.id)
)
_CANCEL = Sql(
    update(job)
    .where(_this, job.c.state == DUE)
    .values(
        state=DEAD,
        lease_until=null(),
        lease_token=null(),
        last_error=bindparam("error"),
        finished_us=bindparam("now"),
    )
    .returning(job.c.id)
)
_OF_KIND = Sql(
    select(*_FIELDS)
    .where(job.c.account_id == bindparam("account"), job.c.kind == bindparam("kind"))
    .order_by(job.c.created_us.desc(), job.c.id.desc())
)


def _job(row: Row) -> Job:
    return Job(
        account_id=row[0],
        id=row[1],
        kind=row[2],
        args=row[3],
        state=row[4],
        run_at=row[5],
        lease_until=row[6],
        lease_token=row[7],
        tries=row[8],
        last_error=row[9],
    )


def add(
    tx: WriteTx,
    account_id: int,
    id_: str,
    kind: str,
    args: str,
    *,
    run_at: int,
    now: int,
    idem_key: str | None,
) -> str:
    """Add a due job; return its id, or that of the one with the same key."""
    values = {
        "account": account_id,
        "job": id_,
        "kind": kind,
        "args": args,
        "idem_key": idem_key,
        "run_at": run_at,
        "now": now,
    }
    if tx.execute(_ADD, values):
        return id_
    return str(tx.execute(_BY_KEY, values)[0][0])


def any_due(tx: Tx, kinds: Sequence[str], now: int) -> bool:
    """Return whether a job is due of an account that has none of these kinds under way."""
    return tx.one(_ANY_DUE, {"kinds": kinds, "now": now}) is not None


def counts(tx: Tx, now: int) -> tuple[int, int | None, int]:
    """Return how many jobs of all accounts are due, since when the oldest, how many are dead."""
    due, dead = tx.one(_COUNTS, {"now": now}), tx.one(_DEAD, {})
    return (due[0], due[1], dead[0]) if due and dead else (0, None, 0)


def next_due(tx: WriteTx, kinds: Sequence[str], now: int, after: int) -> Job | None:
    """Lock the next due job, beginning with the account that follows `after`."""
    for start in (after, -1):
        row = tx.one(_NEXT, {"kinds": kinds, "now": now, "after": start})
        if row is not None:
            return _job(row)
    return None


def get(tx: Tx, account_id: int, id_: str) -> Job | None:
    """Return one job."""
    row = tx.one(_GET, {"account": account_id, "job": id_})
    return _job(row) if row else None


def by_key(tx: Tx, account_id: int, kind: str, key: str) -> str | None:
    """Return the id of the job with an idempotency key."""
    row = tx.one(_BY_KEY, {"account": account_id, "kind": kind, "idem_key": key})
    return str(row[0]) if row else None


def lock_free(tx: WriteTx, account_id: int, id_: str, now: int) -> Job | None:
    """Lock one open job that nobody works on, due or not."""
    row = tx.one(_LOCK, {"account": account_id, "job": id_, "now": now})
    return _job(row) if row else None


def lease(tx: WriteTx, account_id: int, id_: str, token: str, until: int) -> None:
    """Give a locked job to the holder of `token`."""
    tx.execute(_LEASE, {"account": account_id, "job": id_, "new_token": token, "until": until})


def renew(tx: WriteTx, account_id: int, id_: str, token: str, until: int) -> bool:
    """Prolong a lease; False where it is lost."""
    values = {"account": account_id, "job": id_, "token": token, "until": until}
    return bool(tx.execute(_RENEW, values))


def held(tx: Tx, account_id: int, id_: str, token: str) -> bool:
    """Return whether the lease is still this holder's."""
    return tx.one(_HELD, {"account": account_id, "job": id_, "token": token}) is not None


def end(
    tx: WriteTx, account_id: int, id_: str, token: str, state: str, error: str | None, now: int
) -> bool:
    """Close a job for good; False where the lease is lost."""
    values = {
        "account": account_id,
        "job": id_,
        "token": token,
        "new_state": state,
        "error": error,
        "now": now,
    }
    return bool(tx.execute(_END, values))


def postpone(
    tx: WriteTx,
    account_id: int,
    id_: str,
    token: str,
    *,
    later: int,
    error: str | None,
    forgiven: bool = False,
) -> bool:
    """Give a job back until `later`; `forgiven` does not count the try. False: lease lost."""
    values = {
        "account": account_id,
        "job": id_,
        "token": token,
        "later": later,
        "error": error,
        "forgiven": int(forgiven),
    }
    return bool(tx.execute(_POSTPONE, values))


def leased_by(tx: Tx, owner: str, now: int) -> list[tuple[int, str, str]]:
    """Return (account, job, token) of the leases whose token begins with `owner`."""
    rows = tx.execute(_LEASED_BY, {"owner": owner, "length": len(owner), "now": now})
    return [(row[0], row[1], row[2]) for row in rows]


def purge(tx: WriteTx, account_id: int, before: int) -> None:
    """Delete what ended before an instant."""
    tx.execute(_PURGE, {"account": account_id, "before": before})


def of_kind(tx: Tx, account_id: int, kind: str) -> list[Job]:
    """Return the jobs of one kind, ended ones too, newest first."""
    return [_job(r) for r in tx.execute(_OF_KIND, {"account": account_id, "kind": kind})]


def open_of(tx: Tx, account_id: int, kinds: Sequence[str]) -> list[Job]:
    """Return the jobs of one account that have not ended, oldest first."""
    return [_job(row) for row in tx.execute(_OPEN, {"account": account_id, "kinds": kinds})]


def hasten(tx: WriteTx, account_id: int, id_: str, at: int) -> None:
    """Bring a job forward that nobody has leased."""
    tx.execute(_HASTEN, {"account": account_id, "job": id_, "sooner": at})


def drop(tx: WriteTx, account_id: int, id_: str) -> None:
    """Delete a job that nobody has leased: another takes its place."""
    tx.execute(_DROP, {"account": account_id, "job": id_})


def page(
    tx: Tx,
    now: int,
    *,
    account_id: int | None,
    kind: str = "",
    states: Sequence[str],
    before: tuple[int, str],
    most: int,
) -> list[Look]:
    """Return jobs of every account, or of one, newest first.

    Args:
        account_id: None for those of every account.
        before: (created, id) of the last one of the page before.
    """
    values = {
        "now": now,
        "account": account_id,
        "kind": kind,
        "states": states,
        "before_us": before[0],
        "before_id": before[1],
        "most": most,
    }
    return [_look(row) for row in tx.execute(_PAGE if account_id is None else _PAGE_OF, values)]


def look(tx: Tx, account_id: int, id_: str, now: int) -> Look | None:
    """Return one job as an operator sees it."""
    row = tx.one(_LOOK, {"account": account_id, "job": id_, "now": now})
    return _look(row) if row else None


def _look(row: Row) -> Look:
    return Look(job=_job(row), state=row[10], created=row[11], finished=row[12])


def by_state(tx: Tx, now: int, *, account_id: int | None, kind: str = "") -> dict[str, int]:
    """Return how many jobs there are by what an operator is told of them."""
    values = {"now": now, "account": account_id, "kind": kind}
    rows = tx.execute(_BY_STATE if account_id is None else _BY_STATE_OF, values)
    return {row[0]: row[1] for row in rows}


def retry(tx: WriteTx, account_id: int, id_: str, now: int) -> bool:
    """Make a dead job due; False where it is none."""
    return bool(tx.execute(_RETRY, {"account": account_id, "job": id_, "now": now}))


def cancel(tx: WriteTx, account_id: int, id_: str, error: str, now: int) -> bool:
    """End a job that has not ended, whoever works on it; False where it has."""
    values = {"account": account_id, "job": id_, "error": error, "now": now}
    return bool(tx.execute(_CANCEL, values))
