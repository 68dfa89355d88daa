"""The applications that this server has at sources, for its admins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.connections import CALLBACK
from diurnal.dialects.native.endpoint import Call, Endpoint, Who

if TYPE_CHECKING:
    from diurnal.services.source_apps import SourceApp

Credential = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]


class SourceAppOut(wire.Output):
    """A source that is signed in to, and the application that this server has there.

    Attributes:
        help: where and how to make one.
        client_id: absent where there is none yet.
        has_secret: whether its secret is kept; it is never shown.
        fixed: the settings name it; it cannot be changed here.
    """

    connector: str
    title: str
    docs: str
    help: str
    client_id: str | None = None
    has_secret: bool = False
    fixed: bool = False


class SourceAppsOut(wire.Output):
    """Every source that is signed in to; `redirectUri` is what to register there."""

    redirect_uri: str
    apps: list[SourceAppOut]


class SourceAppIn(wire.Input):
    """An application at a source; a secret that is left out stays."""

    client_id: Credential
    client_secret: Annotated[str, msgspec.Meta(max_length=1_000)] | None = None


def _out(app: SourceApp) -> SourceAppOut:
    return SourceAppOut(
        connector=app.source.name,
        title=app.source.title,
        docs=app.source.docs,
        help=app.source.help,
        client_id=app.client_id,
        has_secret=app.has_secret,
        fixed=app.fixed,
    )


async def listed(call: Call) -> Response:
    """List the sources that are signed in to."""
    from diurnal.services import source_apps, sources

    known = await http.blocking(sources.listed)
    found = await http.read(
        call.ctx, lambda tx: source_apps.listed(tx, call.ctx, call.caller, known)
    )
    base = http.base_url(call.request, call.ctx.settings.public_url)
    return endpoint.answer(
        SourceAppsOut(redirect_uri=f"{base}{CALLBACK}", apps=[_out(a) for a in found])
    )


async def put(call: Call) -> Response:
    """Store the application of a source."""
    from diurnal.services import source_apps, sources

    told: SourceAppIn = call.body
    source = await http.blocking(lambda: sources.declared(call.path["connector"]))
    kept = await http.write(
        call.ctx,
        lambda tx: source_apps.put(
            tx, call.ctx, call.caller, source, told.client_id, told.client_secret
        ),
    )
    return endpoint.answer(_out(kept))


async def forget(call: Call) -> Response:
    """Forget the application of a source."""
    from diurnal.services import source_apps, sources

    source = await http.blocking(lambda: sources.declared(call.path["connector"]))
    left = await http.write(
        call.ctx, lambda tx: source_apps.forget(tx, call.ctx, call.caller, source)
    )
    return endpoint.answer(_out(left))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/admin/source-apps",
        name="source_apps.list",
        summary="Read which applications this server has at sources",
        who=Who.OWNER,
        answer=(SourceAppsOut,),
        handler=listed,
    ),
    Endpoint(
        method="PUT",
        path="/admin/source-apps/{connector}",
        name="source_apps.put",
        summary="Set the application that everybody here signs in with at a source",
        who=Who.OWNER,
        body=(SourceAppIn,),
        answer=(SourceAppOut,),
        handler=put,
    ),
    Endpoint(
        method="DELETE",
        path="/admin/source-apps/{connector}",
        name="source_apps.delete",
        summary="Forget the application at a source",
        who=Who.OWNER,
        answer=(SourceAppOut,),
        handler=forget,
    ),
)
