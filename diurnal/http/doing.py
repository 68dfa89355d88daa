"""What a request is doing: who does it, from where; noted in the audit, and limited in its rate.

A dialect says which door it is and what each endpoint is called, once, where it guards its
handlers (`http.guarded(…, watch=Watch(ctx, "exist", "attributes.list"))`). All else follows:
`http.resolve` says who it is, `http.write` notes the line in the write's own transaction, the
guard notes what only read or was refused.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import cached_property, partial
from typing import Any, TypeVar

import structlog
from starlette.types import Scope

from diurnal.errors import AppError, NotFound, TooMany, Unavailable
from diurnal.http import limits
from diurnal.model.access import Access
from diurnal.services import audit
from diurnal.services.audit import Doing
from diurnal.services.context import Context
from diurnal.store.database import Joined, Tx, WriteTx

log = structlog.get_logger(__name__)

A = TypeVar("A")
T = TypeVar("T")

_now: ContextVar[tuple[Doing, Watch, Scope | None] | None] = ContextVar("doing", default=None)
_numbers = itertools.count(1)
_PROCESS = os.urandom(4).hex()


class Watch:
    """What is known of an endpoint before it is called.

    Attributes:
        door: the dialect's name.
        action: what the endpoint does, as "events.create".
    """

    def __init__(self, ctx: Context, door: str, action: str) -> None:
        self.ctx = ctx
        self.door = door
        self.action = action

    @cached_property
    def limits(self) -> limits.Limits:
        """The dialect's limits; loaded with the first call."""
        return limits.of(self.ctx, self.door)


def request_id() -> str:
    """Return a new id of a request."""
    return f"{_PROCESS}-{next(_numbers)}"


def current() -> Doing | None:
    """Return what the running request is doing."""
    known = _now.get()
    return None if known is None else known[0]


def request_scope() -> Scope | None:
    """Return what the server knows of the running request, None where there is none."""
    known = _now.get()
    return None if known is None else known[2]


def name(action: str, *targets: str) -> None:
    """Say what the running request does, where its path does not tell."""
    known = _now.get()
    if known is not None:
        known[0].action = action
        known[0].targets += targets


def about(*targets: str) -> None:
    """Say what the running request is aimed at, beside what the use cases tell."""
    known = _now.get()
    if known is not None:
        known[0].targets += targets


def done_by(access: Access) -> None:
    """Say who does it, where no token said so: whoever has just signed in."""
    known = _now.get()
    if known is not None:
        known[0].by(access)


def resolved(access: Access) -> Awaitable[None] | None:
    """Say whose token it is, and count the call: now, or once that is awaited.

    Raises:
        TooMany: past the token's limit; when awaited.
    """
    known = _now.get()
    if known is None:
        return None
    doing, watch, _ = known
    doing.by(access)
    told = watch.limits.by_token(access)
    if not isinstance(told, tuple):
        return _limited(doing, told)
    doing.limited = told
    return None


async def _limited(doing: Doing, told: Awaitable[limits.Headers]) -> None:
    doing.limited = await told


def begin(watch: Watch, address: str, scope: Scope) -> Any:
    """Begin a doing of a request; give what is returned to `end`."""
    doing = Doing(watch.door, watch.action, address, request_id())
    return doing, _now.set((doing, watch, scope))


def end(begun: Any) -> Doing:
    """End a doing and return it; what is not recorded yet has to be noted (`finish`)."""
    doing: Doing = begun[0]
    _now.reset(begun[1])
    return doing


async def finish(ctx: Context, doing: Doing, error: BaseException | None) -> None:
    """Note what a doing came to, unless a write has done so."""
    if error is not None:
        doing.error = error.code if isinstance(error, AppError) else AppError.code
        if isinstance(error, TooMany) and error.quiet:
            return
    elif doing.recorded:
        return
    audit.note(ctx, doing)
    if audit.full(ctx):
        await flush(ctx)


@asynccontextmanager
async def doing(
    ctx: Context,
    door: str,
    action: str,
    *,
    access: Access | None = None,
    address: str = "",
    targets: Sequence[str] = (),
) -> AsyncIterator[Doing]:
    """Do something that is no request of its own: a socket's call, an element of a batch.

    Inside a request it has that one's caller, address and id, and stands in its place: a batch
    of ten leaves ten lines.
    """
    outer = _now.get()
    if outer is not None:
        outer[0].recorded = True
    one = Doing(
        door,
        action,
        address or (outer[0].address if outer else ""),
        outer[0].request if outer else request_id(),
    )
    one.targets = tuple(targets)
    if access is not None:
        one.by(access)
    elif outer is not None:
        one.access, one.account_id = outer[0].access, outer[0].account_id
    of = (one, *outer[1:]) if outer else (one, Watch(ctx, door, action), None)
    token = _now.set(of)
    error: BaseException | None = None
    try:
        yield one
    except BaseException as raised:
        error = raised
        raise
    finally:
        _now.reset(token)
        await finish(ctx, one, error)


# In transactions


def telling(fn: Callable[[Tx], T]) -> Callable[[Tx], T]:
    """Return a read that tells the running request what it showed."""
    known = _now.get()
    if known is None:
        return fn
    one = known[0]

    def turn(tx: Tx) -> T:
        try:
            result = fn(tx)
        except AppError:
            one.failed(tx)
            raise
        one.took(tx)
        return result

    return turn


def noting(ctx: Context, fn: Callable[[WriteTx], T]) -> tuple[Callable[[WriteTx], T], Doing | None]:
    """Return a write that notes the running request's line in its transaction, the first one."""
    known = _now.get()
    if known is None or known[0].recorded or known[0].account_id is None:
        return fn, None
    one, account_id = known[0], known[0].account_id

    def turn(tx: WriteTx) -> T:
        try:
            result = fn(tx)
        except AppError:
            one.failed(tx)
            raise
        audit.append(tx, ctx, account_id, [one.line(ctx.now(), tx)])
        return result

    return turn, one


def note_each(
    ctx: Context,
    fn: Joined[A, T],
    account_id: int,
    tx: WriteTx,
    pairs: Sequence[tuple[A, Doing]],
) -> Sequence[T | Exception]:
    """Do a joined write, and note the line of each that is done."""
    results = fn(tx, [item for item, _ in pairs])
    now = ctx.now()
    lines = []
    for (_, one), result in zip(pairs, results, strict=True):
        if not isinstance(result, Exception):
            one.n = 1
            # Where the commit fails there is an error, which is noted all the same.
            one.recorded = True
            lines.append(one.line(now))
    if lines:
        audit.append(tx, ctx, account_id, lines)
    return results


async def flush(ctx: Context) -> None:
    """Store the lines that wait; those that cannot be stored now wait on."""
    for account_id, lines in audit.waiting(ctx).items():
        try:
            await ctx.store.submit(
                partial(audit.append, ctx=ctx, account_id=account_id, lines=lines)
            )
        except NotFound:  # the account has gone, and its log with it
            continue
        except Unavailable as error:
            audit.keep_waiting(ctx, account_id, lines)
            log.warning("the audit waits", reason=error.message, lines=len(lines))
