"""Version 1."""

from __future__ import annotations

import msgspec
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from diurnal import http
from diurnal.dialects.exist import (
    door,
    findings,
    ownership,
    people,
    reading,
    shapes,
    simple_token,
    writing,
)
from diurnal.dialects.exist.findings import Window
from diurnal.errors import NotFound
from diurnal.http import Handler
from diurnal.model.access import Access
from diurnal.services import accounts, profile
from diurnal.services.accesses import personal
from diurnal.services.answers import Answers
from diurnal.services.context import Context
from diurnal.store.database import Tx

DAYS_DEFAULT, DAYS_MAX = 7, 31
USERS = "/api/1/users/{username}"
ATTRIBUTES = "/api/1/attributes"


def handlers(ctx: Context) -> dict[str, Handler]:
    """Return the handlers by path."""
    return {**_reading(ctx), **_found(ctx), **_writing(ctx)}


def _base(request: Request) -> str:
    """Return the address of the mount, as the client used it."""
    return http.base_url(request, None) + str(request.scope.get("root_path", ""))


def _today(tx: Tx, ctx: Context, caller: Access) -> int:
    return ctx.state(tx, caller.account_id).zones.day_at(ctx.now())


_json = msgspec.json.encode


def _reading(ctx: Context) -> dict[str, Handler]:
    kept = Answers()

    async def user(request: Request, caller: Access, *, values: bool) -> Response:
        door.reads(caller)
        account, mine = await http.read(
            ctx,
            lambda tx: people.named(tx, caller, request.path_params["username"], door.SELF),
            quick=True,
        )
        base = _base(request)
        said = await http.read(
            ctx, lambda tx: people.user(tx, ctx, account, base, whole=mine), quick=True
        )
        if values and mine:
            day = await http.read(ctx, lambda tx: _today(tx, ctx, caller), quick=True)
            groups = await http.read(
                ctx,
                lambda tx: kept.get(
                    tx, ctx, caller, ("today", day), lambda: _json(reading.today(tx, ctx, caller))
                ),
            )
            said["attributes"] = msgspec.Raw(groups)
        return door.answer(said)

    async def profile_page(request: Request, caller: Access) -> Response:
        return await user(request, caller, values=False)

    async def today(request: Request, caller: Access) -> Response:
        return await user(request, caller, values=True)

    async def avatar(request: Request) -> Response:
        """Answer a picture; the address is shown to whoever may see the profile."""
        name = request.path_params["username"]
        account = await http.read(ctx, lambda tx: accounts.find(tx, name), quick=True)
        said = profile.of(account)
        if said.avatar is None or (
            said.private and (await door.caller(ctx, request)).username != name
        ):
            raise NotFound
        owner = personal(account.account_id, account.username)
        shown = await http.read(ctx, lambda tx: profile.avatar(tx, owner), quick=True)
        file = await http.blocking(lambda: profile.open_avatar(ctx, account.account_id, shown))
        return StreamingResponse(file, media_type=shown.type, background=BackgroundTask(file.close))

    async def attributes(request: Request, caller: Access) -> Response:
        door.myself(request, caller)
        door.reads(caller)
        query = request.query_params
        count = shapes.count(query.get("limit"), DAYS_DEFAULT, DAYS_MAX, field="limit")
        names, groups = shapes.listed(query.get("attributes")), shapes.listed(query.get("groups"))
        date_max = query.get("date_max")

        def read(tx: Tx) -> bytes:
            def make() -> bytes:
                return _json(
                    reading.listed(
                        tx, ctx, caller, count=count, date_max=date_max, names=names, groups=groups
                    )
                )

            asked = ("list", _today(tx, ctx, caller), count, date_max, names, groups)
            return kept.get(tx, ctx, caller, asked, make)

        return http.Json(await http.read(ctx, read))

    async def values(request: Request, caller: Access) -> Response:
        door.myself(request, caller)
        door.reads(caller)
        page, size = door.page(request)
        name, date_max = request.path_params["attribute"], request.query_params.get("date_max")
        total, rows = await http.read(
            ctx,
            lambda tx: reading.values(
                tx, ctx, caller, name, page=page, size=size, date_max=date_max
            ),
        )
        return door.paged(request, rows, total, page, size, caller.username)

    return {
        f"{USERS}/profile": door.guarded(ctx, GET=profile_page),
        f"{USERS}/today": door.guarded(ctx, GET=today),
        f"{USERS}/avatar": avatar,
        f"{USERS}/attributes": door.guarded(ctx, GET=attributes),
        f"{USERS}/attributes/{{attribute}}": door.guarded(ctx, GET=values),
    }


def _window(request: Request) -> Window:
    query = request.query_params
    return Window(query.get("date_min"), query.get("date_max"))


def _found(ctx: Context) -> dict[str, Handler]:
    async def averages(request: Request, caller: Access) -> Response:
        door.myself(request, caller)
        door.reads(caller)
        name, window = request.path_params.get("attribute"), _window(request)
        rows = await http.read(
            ctx,
            lambda tx: findings.averages(
                tx, ctx, caller, name=name, history=name is not None, window=window, version=1
            ),
        )
        return door.answer(rows) if name is None else door.cut(request, rows, caller.username)

    async def correlations(request: Request, caller: Access) -> Response:
        door.myself(request, caller)
        door.reads(caller)
        name, window = request.path_params.get("attribute"), _window(request)
        latest = door.flag(request, "latest") is True
        rows = await http.read(
            ctx,
            lambda tx: findings.correlations(
                tx, ctx, caller, name=name, window=window, latest=latest, version=1
            ),
        )
        return door.cut(request, rows, caller.username)

    async def insights(request: Request, caller: Access) -> Response:
        door.myself(request, caller)
        door.reads(caller)
        name, window = request.path_params.get("attribute"), _window(request)
        rows = await http.read(
            ctx,
            lambda tx: findings.insights(tx, ctx, caller, name=name, window=window, version=1),
        )
        return door.cut(request, rows, caller.username)

    return {
        f"{USERS}/averages": door.guarded(ctx, GET=averages),
        f"{USERS}/averages/attribute/{{attribute}}": door.guarded(ctx, GET=averages),
        f"{USERS}/correlations/strongest": door.guarded(ctx, GET=correlations),
        f"{USERS}/correlations/attribute/{{attribute}}": door.guarded(ctx, GET=correlations),
        f"{USERS}/insights": door.guarded(ctx, GET=insights),
        f"{USERS}/insights/attribute/{{attribute}}": door.guarded(ctx, GET=insights),
    }


def _writing(ctx: Context) -> dict[str, Handler]:
    async def acquire(request: Request, caller: Access) -> Response:
        door.granted(caller, "write")
        items = await door.items(request, most=writing.APPENDED_MAX)
        done = await http.write(ctx, lambda tx: ownership.acquire_v1(tx, ctx, caller, items))
        return door.answer(done, done.status)

    async def release(request: Request, caller: Access) -> Response:
        door.granted(caller, "write")
        items = await door.items(request, most=writing.APPENDED_MAX)
        done = await http.write(ctx, lambda tx: ownership.release(tx, ctx, caller, items))
        return door.answer(done, done.status)

    async def owned(_request: Request, caller: Access) -> Response:
        door.granted(caller, "write")
        return door.answer(await http.read(ctx, lambda tx: ownership.owned(tx, ctx, caller)))

    async def update(request: Request, caller: Access) -> Response:
        door.granted(caller, "write")
        items = await door.items(request, most=writing.BATCH_MAX)
        done = await http.write(ctx, lambda tx: writing.update(tx, ctx, caller, items, version=1))
        return door.answer(done, done.status)

    async def append(request: Request, caller: Access) -> Response:
        door.granted(caller, "append", "custom_write")
        items = await door.items(request, most=writing.APPENDED_MAX, one=True)
        done = await http.write(ctx, lambda tx: writing.append(tx, ctx, caller, items))
        return door.answer(done, done.status)

    return {
        f"{ATTRIBUTES}/acquire": door.guarded(ctx, POST=acquire),
        f"{ATTRIBUTES}/release": door.guarded(ctx, POST=release),
        f"{ATTRIBUTES}/owned": door.guarded(ctx, GET=owned),
        f"{ATTRIBUTES}/update": door.guarded(ctx, POST=update),
        f"{ATTRIBUTES}/custom/append": door.guarded(ctx, POST=append),
        "/api/1/auth/simple-token": simple_token.handler(ctx),
    }
