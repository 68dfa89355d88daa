"""Connections to sources: connect, sign in, look now, how they stand, leave.

What needs connectors is imported when it is asked for: the serving process stays lean.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import connection_shapes as shapes
from diurnal.dialects.native import endpoint
from diurnal.dialects.native.connection_shapes import (
    AppIn,
    CodeIn,
    ConnectionChanges,
    ConnectionNew,
    ConnectionOut,
    ConnectionsOut,
    ConnectorsOut,
    CoverageOut,
    Disconnected,
    DisconnectQuery,
    JobOut,
    PushOut,
    RefusedOut,
    RunsOut,
    RunsQuery,
    SignIn,
    SignInOut,
    StripQuery,
)
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.errors import AppError, InvalidInput, Unavailable
from diurnal.model import time
from diurnal.model.events import seconds
from diurnal.store.database import Tx, WriteTx

if TYPE_CHECKING:
    from diurnal.connectors import Connector
    from diurnal.services.connection_views import Seen
    from diurnal.services.connections import Wish
    from diurnal.services.upstreams import AppKeys

CALLBACK = "/api/v1/connections/callback"
PAGE = "/sources"
STRIP_DAYS = 365


def _push(call: Call, connector: str, token: str | None) -> PushOut | None:
    if token is None:
        return None
    base = http.base_url(call.request, call.ctx.settings.public_url)
    url = f"{base}/api/v1/push/{connector}"
    return PushOut(token=token, url=url, url_with_token=f"{url}?token={token}")


# Handlers


async def connectors(call: Call) -> Response:
    """Answer every source there is."""
    from diurnal.services import sources, upstreams

    declared = await http.blocking(sources.listed)

    def apps(tx: Tx) -> set[str]:
        return {d.name for d in declared if upstreams.app(tx, call.ctx, d.name) is not None}

    known = await http.read(call.ctx, apps)
    return endpoint.answer(ConnectorsOut(connectors=[shapes.connector(d, known) for d in declared]))


async def _declared() -> None:
    """Have the list of sources made, so that showing connections imports none of them."""
    from diurnal.services import sources

    with contextlib.suppress(Unavailable):
        await http.blocking(sources.listed)


async def get_many(call: Call) -> Response:
    """Answer the connections."""
    from diurnal.services import connection_views

    await _declared()
    found = await http.read(call.ctx, lambda tx: connection_views.listed(tx, call.ctx, call.caller))
    return endpoint.answer(ConnectionsOut(connections=[shapes.connection(s) for s in found]))


async def get_one(call: Call) -> Response:
    """Answer one connection."""
    return endpoint.answer(shapes.connection(await _seen(call, call.path["id"])))


async def _seen(call: Call, id_: str) -> Seen:
    from diurnal.services import connection_views

    await _declared()
    return await http.read(
        call.ctx, lambda tx: connection_views.get(tx, call.ctx, call.caller, id_)
    )


async def _wish(
    call: Call,
    connector: Connector,
    settings: dict[str, Any],
    key: str | None,
    app: AppIn | None,
) -> Wish:
    from diurnal.services import connections

    own = _app(app)
    # Names are resolved: off the loop.
    return await http.blocking(
        lambda: connections.prepare(call.ctx, connector, settings, key=key, app=own)
    )


def _app(app: AppIn | None) -> AppKeys | None:
    from diurnal.services.upstreams import AppKeys

    return None if app is None else AppKeys(app.client_id, app.client_secret)


async def create(call: Call) -> Response:
    """Connect a source."""
    from diurnal.services import connections, sources
    from diurnal.store.connections import Stored

    new: ConnectionNew = call.body
    connector = await http.blocking(lambda: sources.find(new.connector))
    wish = await _wish(call, connector, new.settings, new.key, new.app)

    def do(tx: WriteTx) -> tuple[Stored, str | None]:
        return connections.create(tx, call.ctx, call.caller, connector, wish, name=new.name)

    made, token = await http.write(call.ctx, do)
    push = _push(call, connector.name, token)
    return endpoint.answer(shapes.connection(await _seen(call, made.id), push), 201)


async def update(call: Call) -> Response:
    """Change a connection."""
    from diurnal.services import connection_views, connections, sources

    id_, new = call.path["id"], call.body
    wish = None
    if new.settings is not None or new.key is not None or new.app is not None:
        known = await http.read(call.ctx, lambda tx: connection_views.find(tx, call.caller, id_))
        connector = await http.blocking(lambda: sources.find(known.connector))
        given = known.options if new.settings is None else new.settings
        kept = await http.blocking(
            lambda: connections.with_secrets(call.ctx, known, connector, given)
        )
        wish = await _wish(call, connector, kept, new.key, new.app)
    await http.write(
        call.ctx,
        lambda tx: connections.update(
            tx, call.ctx, call.caller, id_, name=new.name, wish=wish, paused=new.paused
        ),
    )
    return endpoint.answer(shapes.connection(await _seen(call, id_)))


async def authorize(call: Call) -> Response:
    """Begin to sign in at the source."""
    from diurnal.services import connections

    wanted: SignIn = call.body
    base = http.base_url(call.request, call.ctx.settings.public_url)
    redirect_uri = wanted.redirect_uri or f"{base}{CALLBACK}"
    if not redirect_uri.startswith(("https://", "http://")):
        raise InvalidInput("an address of the web is needed", field="redirectUri")
    id_ = call.path["id"]
    url, state = await http.write(
        call.ctx,
        lambda tx: connections.authorize(tx, call.ctx, call.caller, id_, redirect_uri),
    )
    return endpoint.answer(SignInOut(url=url, state=state, redirect_uri=redirect_uri))


async def callback(call: Call) -> Response:
    """Take the owner back from the source, and go on at the page of sources."""
    from diurnal.services import connections

    # Sources send members of their own along.
    told = call.request.query_params
    code, state, error = (told.get(name, "") for name in ("code", "state", "error"))
    found = None
    problem = ""
    try:
        found = await http.read(
            call.ctx, lambda tx: connections.by_state(tx, call.ctx, call.caller, state)
        )
        id_ = found.id
        if error or not code:
            problem = f"the source refused: {(error or 'no code')[:80]}"
        else:
            await http.blocking(
                lambda: connections.signed_in(call.ctx, call.caller, id_, code, state)
            )
    except AppError as failed:
        problem = failed.message
    query = {"connection": found.id if found else None, "problem": problem or None}
    said = urlencode({k: v for k, v in query.items() if v})
    headers = {"Location": f"{PAGE}?{said}" if said else PAGE, "Cache-Control": "no-store"}
    return Response(status_code=303, headers=headers, media_type="text/html")


async def code(call: Call) -> Response:
    """Take a code that the owner pasted."""
    from diurnal.services import connections, source_tokens

    text, state = source_tokens.pasted(call.body.code)
    id_ = call.path["id"]
    await http.blocking(lambda: connections.signed_in(call.ctx, call.caller, id_, text, state))
    return endpoint.answer(shapes.connection(await _seen(call, id_)))


async def sync(call: Call) -> Response:
    """Have a connection look for news now."""
    from diurnal.services import connections

    job = await http.write(
        call.ctx,
        lambda tx: connections.sync_now(tx, call.ctx, call.caller, call.path["id"]),
    )
    return endpoint.answer(JobOut(job=job), 202)


async def retry(call: Call) -> Response:
    """Have what was set aside read again."""
    from diurnal.services import connections

    job = await http.write(
        call.ctx, lambda tx: connections.retry(tx, call.ctx, call.caller, call.path["id"])
    )
    return endpoint.answer(JobOut(job=job), 202)


async def push_token(call: Call) -> Response:
    """Replace the push token."""
    from diurnal.services import connections

    id_ = call.path["id"]
    token = await http.write(
        call.ctx, lambda tx: connections.new_push_token(tx, call.ctx, call.caller, id_)
    )
    seen = await _seen(call, id_)
    return endpoint.answer(shapes.connection(seen, _push(call, seen.connector, token)))


async def coverage(call: Call) -> Response:
    """Answer which days are there."""
    from diurnal.services import connection_views

    asked: StripQuery = call.query
    today = call.ctx.now() // time.DAY
    last = today if asked.last is None else time.day_from_text(asked.last, field="last")
    first = (
        last - STRIP_DAYS + 1
        if asked.first is None
        else time.day_from_text(asked.first, field="first")
    )
    found = await http.read(
        call.ctx,
        lambda tx: connection_views.coverage(
            tx, call.ctx, call.caller, call.path["id"], first, last
        ),
    )
    return endpoint.answer(CoverageOut(coverage=[shapes.strip(s) for s in found]))


async def runs(call: Call) -> Response:
    """Answer what a connection brought in, and what it could not."""
    from diurnal.services import connection_views

    id_, asked = call.path["id"], call.query

    def do(tx: Tx) -> RunsOut:
        found = connection_views.runs(tx, call.caller, id_, before=asked.before, most=asked.limit)
        refused = connection_views.refused_deliveries(tx, call.caller, id_)
        return RunsOut(
            runs=[shapes.run(b) for b in found],
            refused=[RefusedOut(id=i, reason=r, time=seconds(at)) for i, r, at in refused],
            next=found[-1].id if len(found) == asked.limit else None,
        )

    return endpoint.answer(await http.read(call.ctx, do))


async def disconnect(call: Call) -> Response:
    """Forget a connection."""
    from diurnal.services import connections

    id_, delete = call.path["id"], call.query.data == "delete"
    n = await http.write(
        call.ctx,
        lambda tx: connections.disconnect(tx, call.ctx, call.caller, id_, with_data=delete),
    )
    return endpoint.answer(Disconnected(id=id_, undoing=n))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/connectors",
        name="connectors.list",
        summary="Read which sources there are, with the form of each",
        who=Who.OWNER,
        answer=(ConnectorsOut,),
        handler=connectors,
    ),
    Endpoint(
        method="GET",
        path="/connections",
        name="connections.list",
        summary="Read the connections, and how they stand",
        who=Who.OWNER,
        answer=(ConnectionsOut,),
        handler=get_many,
    ),
    Endpoint(
        method="POST",
        path="/connections",
        name="connections.create",
        summary="Connect a source",
        who=Who.OWNER,
        body=(ConnectionNew,),
        answer=(ConnectionOut,),
        status=201,
        handler=create,
    ),
    Endpoint(
        method="GET",
        path="/connections/callback",
        name="connections.callback",
        summary="Come back from signing in at a source",
        description="The source sends the owner's browser here; it goes on to the page of sources.",
        who=Who.OWNER,
        any_query=True,
        status=303,
        answer_media="text/html",
        handler=callback,
    ),
    Endpoint(
        method="GET",
        path="/connections/{id}",
        name="connections.get",
        summary="Read a connection",
        who=Who.OWNER,
        answer=(ConnectionOut,),
        handler=get_one,
    ),
    Endpoint(
        method="PATCH",
        path="/connections/{id}",
        name="connections.update",
        summary="Change a connection, pause it, or give it another credential",
        who=Who.OWNER,
        body=(ConnectionChanges,),
        answer=(ConnectionOut,),
        handler=update,
    ),
    Endpoint(
        method="DELETE",
        path="/connections/{id}",
        name="connections.delete",
        summary="Disconnect a source",
        description="What it brought in stays, unless `data=delete`.",
        who=Who.OWNER,
        query=DisconnectQuery,
        answer=(Disconnected,),
        handler=disconnect,
    ),
    Endpoint(
        method="POST",
        path="/connections/{id}/authorize",
        name="connections.authorize",
        summary="Begin to sign in at the source",
        who=Who.OWNER,
        body=(SignIn,),
        answer=(SignInOut,),
        handler=authorize,
    ),
    Endpoint(
        method="POST",
        path="/connections/{id}/code",
        name="connections.code",
        summary="Finish signing in with a pasted code or address",
        who=Who.OWNER,
        body=(CodeIn,),
        answer=(ConnectionOut,),
        handler=code,
    ),
    Endpoint(
        method="POST",
        path="/connections/{id}/sync",
        name="connections.sync",
        summary="Look for news now",
        who=Who.OWNER,
        answer=(JobOut,),
        status=202,
        handler=sync,
    ),
    Endpoint(
        method="POST",
        path="/connections/{id}/retry",
        name="connections.retry",
        summary="Read again what was set aside, without asking the source",
        who=Who.OWNER,
        answer=(JobOut,),
        status=202,
        handler=retry,
    ),
    Endpoint(
        method="POST",
        path="/connections/{id}/push-token",
        name="connections.push_token",
        summary="Replace the push token",
        who=Who.OWNER,
        answer=(ConnectionOut,),
        handler=push_token,
    ),
    Endpoint(
        method="GET",
        path="/connections/{id}/coverage",
        name="connections.coverage",
        summary="Read which days have been fetched",
        who=Who.OWNER,
        query=StripQuery,
        answer=(CoverageOut,),
        handler=coverage,
    ),
    Endpoint(
        method="GET",
        path="/connections/{id}/runs",
        name="connections.runs",
        summary="Read what a connection brought in, and what could not be read",
        who=Who.OWNER,
        query=RunsQuery,
        answer=(RunsOut,),
        handler=runs,
    ),
)
