"""Every method, and how one is called."""

from __future__ import annotations

from typing import Any

from diurnal import http
from diurnal.dialects.pryv0 import admin, channels, events, tokens
from diurnal.dialects.pryv0.table import Call, Method, Params, Table
from diurnal.dialects.pryv0.words import BadCredentials
from diurnal.services.context import Context

METHODS: Table = {**admin.METHODS, **channels.METHODS, **events.METHODS, **tokens.METHODS}


async def run(ctx: Context, method: Method, call: Call, params: Params) -> Any:
    """Run a method.

    Raises:
        BadCredentials: it needs a session, and the caller has none.
    """
    if method.admin and not call.access.owner:
        raise BadCredentials("A session is needed here.")
    if method.alone:
        return await http.blocking(lambda: method.run(None, ctx, call, params))
    if not method.writes:
        return await http.read(ctx, lambda tx: method.run(tx, ctx, call, params))
    # A transaction may be run again: what it was given stays as it is.
    result = await http.write(ctx, lambda tx: method.run(tx, ctx, call, dict(params)))
    then = tokens.afterwards(result)
    if then is not None:
        await ctx.store.submit(then)
    return result
