"""Use cases run from an edge: on the loop where they are quick, else beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread

from diurnal.http import doing
from diurnal.services.context import Context
from diurnal.store.database import Joined, Tx, WriteTx

A = TypeVar("A")
T = TypeVar("T")


async def read(ctx: Context, fn: Callable[[Tx], T], *, quick: bool = False) -> T:
    """Run a read use case: quick indexed ones on the loop where the engine allows it."""
    fn = doing.telling(fn)
    if quick and ctx.store.inline_reads:
        return ctx.store.read(fn)
    return await ctx.store.reads(fn)


async def write(ctx: Context, fn: Callable[[WriteTx], T]) -> T:
    """Run a write use case; ends when it is durable."""
    turn, one = doing.noting(ctx, fn)
    result = await ctx.store.submit(turn)
    if one is not None:
        one.recorded = True
    return result


_TURNS = anyio.CapacityLimiter(4)


def join(ctx: Context, key: tuple[Hashable, ...], fn: Joined[A, T], item: A) -> Awaitable[T]:
    """Run a small write together with others of its kind that wait; ends when it is durable."""
    one = doing.current()
    if one is None or one.account_id is None:
        return ctx.store.join(key, fn, item)
    noting = partial(doing.note_each, ctx, fn, one.account_id)
    return ctx.store.join((*key, "noted"), noting, (item, one))


async def blocking(fn: Callable[[], T]) -> T:
    """Run what computes or waits long (a password hash, a large body) off the loop.

    Few at a time: each password hash takes 64 MB, and so a flood of guesses passes the count of
    failures by no more than this.
    """
    return await anyio.to_thread.run_sync(fn, limiter=_TURNS)
