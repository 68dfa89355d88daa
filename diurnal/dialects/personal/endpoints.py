"""The API's endpoints: what is asked, the use case, what is answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.personal import elements, resources, wire
from diurnal.dialects.personal.elements import Unnumbered
from diurnal.dialects.personal.resources import Resource
from diurnal.dialects.personal.rows import Row
from diurnal.errors import AppError, Forbidden, NotFound, Unauthenticated
from diurnal.http import Handler
from diurnal.model.access import Access, Rights
from diurnal.services import day_numbers
from diurnal.services.context import Context
from diurnal.store.database import Tx

T = TypeVar("T")

NO_TOKEN = "Your token is missing or not valid."  # noqa: S105 - says so
URL_WAY = "personal.token_in_url"
NOT_THERE = "This collection or element doesn't exist."
NUMBERING_TRIES = 5
ACTIONS = {
    "/v1/{resource}": "elements.list",
    "/v1/{resource}/{id}": "elements.read",
    "/v1/{resource}/{id}/{rest:path}": "elements.read",
    "/v0/{resource}": "elements.list",
}
"""What a GET of each path does; the other verbs say so themselves."""
VERBS = {"POST": "create", "PUT": "update", "DELETE": "delete"}
ROUTES = (
    "GET /v0/{resource}",
    *(f"{verb} {path}" for path in ACTIONS if path.startswith("/v1/") for verb in ("GET", *VERBS)),
)
_NUMBER = re.compile(r"[0-9]{1,18}")


def words(error: AppError) -> str:
    """Return the description of an error as this API words it."""
    if isinstance(error, Unauthenticated):
        return NO_TOKEN
    if isinstance(error, NotFound):
        return NOT_THERE
    return error.message


def form(request: Request) -> str:
    """Return the format for an error: what was asked for, where that is one, else JSON."""
    suffix = request.url.path.rpartition(".")[2]
    told = request.query_params.get("format") or (suffix if suffix in wire.FORMATS else "")
    return told if told in wire.FORMATS else "json"


def handlers(ctx: Context) -> dict[str, Handler]:
    """Return the handlers by path."""

    async def collection(request: Request) -> Response:
        caller = await _caller(ctx, request, "token")
        name, form_ = _split(request, request.path_params["resource"])
        resource, rights = await _resource(ctx, caller, name)
        match request.method:
            case "POST":
                _need(rights.creates, "create")
                given = await wire.fields(request)
                if not given:
                    return wire.status(400, "No POST parameters sent.", form_)
                id_ = await http.write(
                    ctx, lambda tx: elements.create(tx, ctx, caller, resource, given)
                )
                done = f"Element '{name}/{id_}' successfully created."
                return wire.status(201, done, form_)
            case "PUT":
                return wire.status(304, "", form_)
            case "DELETE":
                return wire.status(400, "You can't delete a whole collection.", form_)
        _need(rights.reads, "read")
        day = wire.day_of(request)
        count = wire.count_of(request, whole_day=day is not None)
        ascending = wire.ascending(request)
        rows = await _numbered(
            ctx,
            caller,
            lambda tx: elements.listed(
                tx, ctx, caller, resource, day=day, count=count, ascending=ascending
            ),
        )
        if not rows:
            raise NotFound
        return wire.answer(rows, form_)

    async def element(request: Request) -> Response:
        caller = await _caller(ctx, request, "token")
        number, form_ = _split(request, request.path_params["id"])
        name = request.path_params["resource"]
        resource, rights = await _resource(ctx, caller, name)
        if request.method == "POST":
            return wire.status(400, "You can't create an element at an id.", form_)
        if not _NUMBER.fullmatch(number):
            raise NotFound
        id_ = int(number)
        match request.method:
            case "PUT":
                _need(rights.changes, "update")
                given = await wire.fields(request)
                if not given:
                    return wire.status(304, "", form_)
                await http.write(
                    ctx, lambda tx: elements.update(tx, ctx, caller, resource, id_, given)
                )
                done = f"Element '{name}/{id_}' successfully updated."
                return wire.status(200, done, form_)
            case "DELETE":
                _need(rights.deletes, "delete")
                await http.write(ctx, lambda tx: elements.delete(tx, ctx, caller, resource, id_))
                return wire.status(200, f"Item '{id_}' deleted successfully.", form_)
        _need(rights.reads, "read")
        row = await http.read(ctx, lambda tx: elements.one(tx, ctx, caller, resource, id_))
        return wire.answer([row], form_)

    async def deeper(request: Request) -> Response:
        await _caller(ctx, request, "token")
        if request.method == "PUT":
            return wire.status(304, "", "json")
        if request.method in ("POST", "DELETE"):
            return wire.status(400, "There is nothing below an element.", "json")
        raise NotFound

    async def plain(request: Request) -> Response:
        """Answer the older form: dates and values alone."""
        caller = await _caller(ctx, request, "at")
        resource, rights = await _resource(ctx, caller, request.path_params["resource"])
        _need(rights.reads, "read")
        day = wire.day_of(request)
        count = wire.count_of(request, whole_day=day is not None)
        rows = await _numbered(
            ctx,
            caller,
            lambda tx: elements.listed(
                tx, ctx, caller, resource, day=day, count=count, ascending=False
            ),
        )
        rows.sort(key=lambda row: str(row["date"]), reverse=True)
        column = resource.columns[1].name
        said = [{"date": _date(row), "value": row.get(column)} for row in rows]
        return http.Json(msgspec.json.encode(said))

    return {
        "/v1/{resource}": collection,
        "/v1/{resource}/{id}": element,
        "/v1/{resource}/{id}/{rest:path}": deeper,
        "/v0/{resource}": plain,
    }


def _date(row: Row) -> str:
    text = str(row["date"])
    return text.removesuffix(" 00:00:00")


def _split(request: Request, last: str) -> tuple[str, str]:
    """Return the last part of the path without its suffix, and the format asked for."""
    name, dot, suffix = last.partition(".")
    return (name if dot else last), wire.form_of(request, suffix if dot else "")


async def _caller(ctx: Context, request: Request, parameter: str) -> Access:
    """Return who calls: the token travels in the address only.

    Raises:
        Unauthenticated: it is missing, or opens nothing here.
        Forbidden: the account takes none from addresses.
    """
    token = request.query_params.get(parameter, "")
    if not token:
        raise Unauthenticated(NO_TOKEN, missing=True)
    caller = await http.resolve(ctx, token)
    if caller.api != "personal":
        raise Unauthenticated(NO_TOKEN)
    if not await http.came_by(ctx, caller.account_id, URL_WAY):
        raise Forbidden("the owner of this account takes no tokens from addresses")
    verb = VERBS.get(request.method)
    if verb is not None:
        http.doing.name(f"elements.{verb}")
    return caller


async def _resource(ctx: Context, caller: Access, name: str) -> tuple[Resource, Rights]:
    """Return a resource that the token may know of, with what it may do there.

    Raises:
        NotFound: there is none.
    """

    def find(tx: Tx) -> tuple[Resource, Rights]:
        state = ctx.state(tx, caller.account_id)
        resource = resources.find(state, name)
        if resource is None:
            raise NotFound
        rights = elements.rights(state, caller, resource)
        if not any(rights):
            raise NotFound
        return resource, rights

    return await http.read(ctx, find, quick=True)


def _need(has: bool, what: str) -> None:
    if not has:
        raise Forbidden(f"No permission to {what} elements.")


async def _numbered(ctx: Context, caller: Access, read: Callable[[Tx], T]) -> T:
    """Run a read, numbering days that it finds without a number."""
    for _ in range(NUMBERING_TRIES):
        try:
            return await http.read(ctx, read)
        except Unnumbered as found:
            give = partial(
                day_numbers.give,
                ctx=ctx,
                caller=caller,
                measure=found.measure,
                wanted=found.wanted,
            )
            await http.write(ctx, give)
    return await http.read(ctx, read)
