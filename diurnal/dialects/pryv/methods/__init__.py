"""Pryv's methods: one entry each, for HTTP, batch calls and sockets.

    METHODS["events.get"]                       what it takes, what it does
    await call_one(ctx, call, id, params)       -> result, without `meta`; raises AppError
    await call_batch(ctx, call, calls)          -> a result or {"error": …} for each

`Call` says who calls. Over HTTP an update's id stands in the path: `{"id", "update": {…}}` is what
every other way has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diurnal.dialects.pryv.methods import (
    accesses,
    account,
    calling,
    events,
    hooks,
    slices,
    streams,
)
from diurnal.dialects.pryv.methods.table import Call as Call
from diurnal.dialects.pryv.methods.table import Method as Method
from diurnal.dialects.pryv.methods.table import Result as Result
from diurnal.services.context import Context

METHODS: Mapping[str, Method] = {
    **accesses.METHODS,
    **account.METHODS,
    **events.METHODS,
    **hooks.METHODS,
    **slices.METHODS,
    **streams.METHODS,
}
BATCH = "callBatch"


async def call_one(ctx: Context, call: Call, id_: str, params: Any) -> Result:
    """Call one method, or the batch by its name.

    Raises:
        UnknownMethod: there is no such method.
        AppError: whatever the method refuses.
    """
    if id_ == BATCH:
        return {"results": await call_batch(ctx, call, calling.read_batch(params))}
    return await calling.one(ctx, METHODS, call, id_, params)


async def call_batch(ctx: Context, call: Call, calls: Sequence[tuple[str, Any]]) -> list[Result]:
    """Do several calls, one after the other."""
    return await calling.batch(ctx, METHODS, call, calls)
