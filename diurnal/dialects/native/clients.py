"""Applications of the account: register, change, give a new secret, delete; and the scopes."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.catalog import scopes
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.errors import NotFound
from diurnal.model.events import seconds
from diurnal.services import clients
from diurnal.store.clients import Client

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
Many = Annotated[list[Text], msgspec.Meta(max_length=500)]
Api = Literal["exist", "mcp", "native", "personicle", "pryv"]


class ClientNew(wire.Input):
    """An application to be registered.

    Attributes:
        scopes: the most that it may ask for; all of its API when left out.
        attributes: names that it may write, in its API's words; all when left out.
        home: address of a page about it.
        confidential: whether it can keep a secret; one that cannot must use PKCE.
    """

    api: Api
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=clients.NAME_MAX)]
    redirect_uris: Many
    scopes: Many = msgspec.field(default_factory=list)
    attributes: Many | None = None
    home: Annotated[str, msgspec.Meta(max_length=clients.HOME_MAX)] | None = None
    confidential: bool = True


class ClientChange(wire.Input):
    """What is left out stays; `attributes` null stands for all."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=clients.NAME_MAX)] | None = None
    redirect_uris: Many | None = None
    scopes: Many | None = None
    attributes: Many | msgspec.UnsetType | None = msgspec.UNSET
    home: Annotated[str, msgspec.Meta(max_length=clients.HOME_MAX)] | None = None


class ClientOut(wire.Output):
    """An application, without its secret; times in Unix seconds.

    Attributes:
        used: when it was first granted something.
    """

    id: str
    api: str
    name: str
    redirect_uris: list[str]
    scopes: list[str]
    confidential: bool
    created: float
    modified: float
    attributes: list[str] | None = None
    home: str | None = None
    used: float | None = None


class ClientMade(ClientOut, kw_only=True):
    """An application with a new secret: the only time that it is shown."""

    secret: str | None = None


class ClientsOut(wire.Output):
    """The applications of the account, oldest first."""

    clients: list[ClientOut]


class ClientDeleted(wire.Output):
    """The id of an application that is gone, with all that it was granted."""

    deleted: str


class ScopeOut(wire.Output):
    """A scope that an application may ask for, and the words that its user sees."""

    name: str
    title: str
    words: str
    reads: bool = False
    writes: bool = False
    sensitive: bool = False


class ScopesOut(wire.Output):
    """The scopes of an API, in the order in which a form offers them."""

    scopes: list[ScopeOut]


def write_client(client: Client) -> dict[str, object]:
    """Return the members of an application."""
    return {
        "id": client.id,
        "api": client.api,
        "name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "scopes": list(client.scopes),
        "confidential": client.confidential,
        "created": seconds(client.created),
        "modified": seconds(client.modified),
        "attributes": None if client.attributes is None else list(client.attributes),
        "home": client.home,
        "used": None if client.used is None else seconds(client.used),
    }


async def get_many(call: Call) -> Response:
    """Answer the account's applications."""
    found = await http.read(call.ctx, lambda tx: clients.listed(tx, call.caller))
    return endpoint.answer(ClientsOut(clients=[ClientOut(**write_client(c)) for c in found]))  # type: ignore[arg-type]


async def get_one(call: Call) -> Response:
    """Answer one application."""
    found = await http.read(call.ctx, lambda tx: clients.own(tx, call.caller, call.path["id"]))
    return endpoint.answer(ClientOut(**write_client(found)))  # type: ignore[arg-type]


async def create(call: Call) -> Response:
    """Register an application and show its secret once."""
    new: ClientNew = call.body
    made, secret = await http.write(
        call.ctx,
        lambda tx: clients.create(
            tx,
            call.ctx,
            call.caller,
            api=new.api,
            name=new.name,
            redirect_uris=new.redirect_uris,
            scope=new.scopes,
            attributes=new.attributes,
            home=new.home,
            confidential=new.confidential,
        ),
    )
    return endpoint.answer(ClientMade(**write_client(made), secret=secret), 201)  # type: ignore[arg-type]


async def update(call: Call) -> Response:
    """Change an application."""
    new: ClientChange = call.body
    given = new.attributes
    changed = await http.write(
        call.ctx,
        lambda tx: clients.update(
            tx,
            call.ctx,
            call.caller,
            call.path["id"],
            name=new.name,
            home=new.home,
            redirect_uris=new.redirect_uris,
            scope=new.scopes,
            attributes=None if isinstance(given, msgspec.UnsetType) else given,
            all_attributes=given is None,
        ),
    )
    return endpoint.answer(ClientOut(**write_client(changed)))  # type: ignore[arg-type]


async def new_secret(call: Call) -> Response:
    """Give an application another secret and show it once."""
    changed, secret = await http.write(
        call.ctx, lambda tx: clients.new_secret(tx, call.ctx, call.caller, call.path["id"])
    )
    return endpoint.answer(ClientMade(**write_client(changed), secret=secret))  # type: ignore[arg-type]


async def delete(call: Call) -> Response:
    """Delete an application, and revoke all that it was granted."""
    id_ = call.path["id"]
    await http.blocking(lambda: clients.delete(call.ctx, call.caller, id_))
    return endpoint.answer(ClientDeleted(deleted=id_))


async def get_scopes(call: Call) -> Response:
    """Answer the scopes of an API."""
    try:
        known = scopes.of(call.path["api"])
    except KeyError:
        raise NotFound("no such API") from None
    told = [
        ScopeOut(
            name=s.name,
            title=s.title,
            words=s.words,
            reads=s.reads,
            writes=s.writes or s.adds,
            sensitive=s.sensitive,
        )
        for s in (known.known[name] for name in known.offered)
    ]
    return endpoint.answer(ScopesOut(scopes=told))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/clients",
        name="clients.list",
        summary="Read the account's applications",
        who=Who.OWNER,
        answer=(ClientsOut,),
        handler=get_many,
    ),
    Endpoint(
        method="POST",
        path="/clients",
        name="clients.create",
        summary="Register an application",
        who=Who.OWNER,
        body=(ClientNew,),
        answer=(ClientMade,),
        status=201,
        handler=create,
    ),
    Endpoint(
        method="GET",
        path="/clients/{id}",
        name="clients.get",
        summary="Read an application",
        who=Who.OWNER,
        answer=(ClientOut,),
        handler=get_one,
    ),
    Endpoint(
        method="PATCH",
        path="/clients/{id}",
        name="clients.update",
        summary="Change an application",
        who=Who.OWNER,
        body=(ClientChange,),
        answer=(ClientOut,),
        handler=update,
    ),
    Endpoint(
        method="POST",
        path="/clients/{id}/secret",
        name="clients.renew",
        summary="Give an application another secret",
        who=Who.OWNER,
        answer=(ClientMade,),
        handler=new_secret,
    ),
    Endpoint(
        method="DELETE",
        path="/clients/{id}",
        name="clients.delete",
        summary="Delete an application and all that it was granted",
        who=Who.OWNER,
        answer=(ClientDeleted,),
        handler=delete,
    ),
    Endpoint(
        method="GET",
        path="/scopes/{api}",
        name="scopes.list",
        summary="Read what applications may ask for",
        who=Who.ANYBODY,
        answer=(ScopesOut,),
        handler=get_scopes,
    ),
)
