"""Bring in what is new at a source: what was pushed, then what its API has, newest first.

A run ends by its deadline whatever the source does, and says when the next one is. Records come
first, the ledger after them: a run that is cut off is begun again and changes nothing twice.
"""

from __future__ import annotations

import random
import time as stopwatch
from collections.abc import Callable

import msgspec
import structlog

from diurnal.connectors import Connector
from diurnal.errors import Forbidden, InvalidInput, NotFound, Upstream
from diurnal.model.time import MINUTE, SECOND
from diurnal.services import (
    accesses,
    analyse,
    inbox,
    jobs,
    pulls,
    schedule,
    source_tokens,
    sources,
)
from diurnal.services.arrivals import Arrivals
from diurnal.services.context import Context
from diurnal.services.imports import Result
from diurnal.services.jobs import Lease, LeaseLost, Stopped
from diurnal.services.schedule import ACTIVE
from diurnal.services.source_http import SourceHttp
from diurnal.services.source_tokens import SignInAgain
from diurnal.services.upstreams import Enough, Later
from diurnal.store import changes, deliveries
from diurnal.store import connections as store
from diurnal.store.connections import Stored
from diurnal.store.database import WriteTx

log = structlog.get_logger(__name__)

RUN_S_MAX = 120.0
"""A run has ended by then; what is left goes on in the next one, after others had their turn."""
DOUBLINGS_MAX = 6
RETRY_MAX = 12 * 60 * MINUTE
JITTER = 0.1


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run.

    Attributes:
        next: when the next one is due, microseconds; None where it waits for the owner.
        problem: what is wrong, in words.
        windows: stretches fetched whole.
    """

    connection: str
    result: Result | None = None
    next: int | None = None
    problem: str | None = None
    windows: int = 0


def run(
    ctx: Context,
    account_id: int,
    connection_id: str,
    *,
    lease: Lease | None = None,
    force: bool = False,
    replay: bool = False,
    stopping: Callable[[], bool] = lambda: False,
    run_s: float = RUN_S_MAX,
) -> Outcome:
    """Do one run of a connection and plan the next.

    Args:
        force: look for news although it is not time yet.
        replay: read again what was kept of its answers and could not be read of its deliveries.

    Raises:
        Stopped, LeaseLost: as in every job.
    """
    c = ctx.store.read(lambda tx: store.get(tx, account_id, connection_id))
    if c is None:
        _end_job(ctx, lease)
        return Outcome(connection=connection_id, problem="this connection is gone")
    try:
        connector = sources.find(c.connector)
    except NotFound as error:
        return _finish(ctx, c, None, lease, None, error.message, None)
    hidden = source_tokens.secrets_of(ctx, c)
    options = sources.options(connector, c.options, hidden)
    hand = Arrivals(ctx, accesses.personal(account_id, ""), c, lease=lease, stopping=stopping)
    from diurnal.outbound.client import Client

    with Client(ctx.settings.outbound_allow) as client:
        http: SourceHttp | None = None
        run_: pulls.Run | None = None
        problem: str | None = None
        wait_s: int | None = None
        hand.begin()
        try:
            inbox.drain(ctx, c, connector, options, hand, stopping)
            if sources.asks(connector, options) and c.state == ACTIVE:
                http = SourceHttp(
                    ctx,
                    connector,
                    account_id,
                    connection_id,
                    options,
                    client,
                    deadline=stopwatch.monotonic() + run_s,
                    stopping=stopping,
                )
                run_ = pulls.Run(ctx, c, connector, options, http, hand)
                if replay:
                    pulls.replay(run_)
                else:
                    pulls.pull_all(run_, force=force)
                problem, wait_s = run_.problem, run_.wait_s
        except (Stopped, LeaseLost):
            raise
        except SignInAgain as error:
            problem = error.message
        except Later as error:
            problem = None if isinstance(error, Enough) else error.message
            wait_s = error.retry_after_s
        except (Upstream, InvalidInput, Forbidden) as error:
            problem = error.message
        finally:
            if http is not None:
                http.release()
        result = hand.end()
    outcome = _finish(
        ctx, c, connector, lease, result, problem, wait_s, run_.windows if run_ else 0
    )
    if result.new or result.changed or (run_ is not None and run_.removed):
        # Apart from the run: were it lost, the weekly analysis would find the same.
        within = analyse.SOON if run_ is not None and run_.filled else analyse.HOURLY
        ctx.store.write(lambda tx: analyse.soon(tx, ctx, account_id, within=within)).result()
    return outcome


# Ending, and the next run


def _finish(
    ctx: Context,
    c: Stored,
    connector: Connector | None,
    lease: Lease | None,
    result: Result | None,
    problem: str | None,
    wait_s: int | None,
    windows: int = 0,
) -> Outcome:
    """Store what came of the run and plan the next, in one turn with the end of the job."""

    def turn(tx: WriteTx) -> int | None:
        stamp = changes.reserve(tx, c.account_id, 1, ctx.now())
        now = ctx.now()
        jobs.check(tx, lease)
        known = store.get(tx, c.account_id, c.id)
        later = None
        if known is not None:
            failures = known.failures + 1 if problem else 0
            later = _later(known, connector, now, failures, wait_s)
            if deliveries.backlog(tx, c.account_id, c.id)[0]:
                later = now
            store.ran(
                tx,
                c.account_id,
                c.id,
                synced=known.synced if problem else now,
                later=later,
                problem=known.problem if known.state != ACTIVE else problem,
                failures=failures,
            )
            deliveries.forget(tx, c.account_id, c.id, now - pulls.ANSWERS_KEPT)
        if lease is not None:
            jobs.finish(tx, ctx, lease)
        if known is not None and later is not None:
            schedule.enqueue(tx, ctx, known, later)
        changes.append(tx, c.account_id, stamp, c.access_id, [("connection", "sync", c.id)])
        return later

    later = ctx.store.write(turn).result()
    return Outcome(connection=c.id, result=result, next=later, problem=problem, windows=windows)


def _later(
    c: Stored, connector: Connector | None, now: int, failures: int, wait_s: int | None
) -> int | None:
    """Return when to run next; None where nothing is pulled, or the owner must act first."""
    if connector is None or not sources.asks(connector, c.options) or c.state != ACTIVE:
        return None
    every = min([p.every_s or connector.every_s for p in connector.pulls]) * SECOND
    wait = every
    if wait_s is not None:
        wait = wait_s * SECOND
    elif failures:
        wait = min(every << min(failures - 1, DOUBLINGS_MAX), max(RETRY_MAX, every))
    # Not a secret: it only keeps many connections from asking all at once.
    return now + wait + random.randrange(round(wait * JITTER) + SECOND)  # noqa: S311


def _end_job(ctx: Context, lease: Lease | None) -> None:
    if lease is not None:
        ctx.store.write(lambda tx: jobs.finish(tx, ctx, lease)).result()
