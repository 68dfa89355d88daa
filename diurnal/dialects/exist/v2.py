"""Version 2: no user in paths, every list in pages, only what the scopes of the token open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.exist import (
    door,
    findings,
    lists,
    ownership,
    people,
    shapes,
    simple_token,
    writing,
)
from diurnal.dialects.exist.findings import Window
from diurnal.dialects.exist.writing import Answer
from diurnal.errors import InvalidInput, NotFound
from diurnal.http import Handler
from diurnal.model.access import Access
from diurnal.services.context import Context
from diurnal.store.database import WriteTx

BASE = "/api/2"
DAYS_DEFAULT, DAYS_MAX = 1, 31

Do = Callable[[WriteTx, Context, Access, Sequence[Any]], Answer]


def handlers(ctx: Context) -> dict[str, Handler]:
    """Return the handlers by path."""
    return {**_reading(ctx), **_found(ctx), **_writing(ctx)}


def _filter(request: Request, **more: Any) -> lists.Filter:
    query = request.query_params
    return lists.Filter(
        names=shapes.listed(query.get("attributes")),
        groups=shapes.listed(query.get("groups")),
        manual=door.flag(request, "manual"),
        custom=door.flag(request, "exclude_custom") is not True,
        inactive=door.flag(request, "include_inactive") is True,
        low=door.flag(request, "include_low_priority") is True,
        **more,
    )


def _reading(ctx: Context) -> dict[str, Handler]:
    async def profile(request: Request, caller: Access) -> Response:
        base = http.base_url(request, None) + str(request.scope.get("root_path", ""))
        said = await http.read(ctx, lambda tx: people.profile_v2(tx, ctx, caller, base))
        return door.answer(said)

    async def templates(request: Request, caller: Access) -> Response:
        rows = lists.templates(
            low=door.flag(request, "include_low_priority") is True,
            groups=shapes.listed(request.query_params.get("groups")),
        )
        return door.cut(request, rows, caller.username)

    async def attributes(request: Request, caller: Access) -> Response:
        asked = _filter(request, owned=door.flag(request, "owned") is True)
        rows = await http.read(ctx, lambda tx: lists.attributes(tx, ctx, caller, asked))
        return door.cut(request, rows, caller.username)

    async def owned(request: Request, caller: Access) -> Response:
        asked = _filter(request, owned=True)
        rows = await http.read(ctx, lambda tx: lists.attributes(tx, ctx, caller, asked))
        return door.cut(request, rows, caller.username)

    async def with_values(request: Request, caller: Access) -> Response:
        query = request.query_params
        asked = _filter(request, templates=shapes.listed(query.get("templates")))
        days = shapes.count(query.get("days"), DAYS_DEFAULT, DAYS_MAX, field="days")
        page, size = door.page(request)
        total, rows = await http.read(
            ctx,
            lambda tx: lists.with_values(
                tx,
                ctx,
                caller,
                asked,
                days=days,
                date_max=query.get("date_max"),
                page=page,
                size=size,
            ),
        )
        return door.paged(request, rows, total, page, size, caller.username)

    async def values(request: Request, caller: Access) -> Response:
        query = request.query_params
        name, date_max = query.get("attribute"), query.get("date_max")
        if not name:
            raise InvalidInput("The parameter 'attribute' is needed.", field="attribute")
        page, size = door.page(request)
        total, rows = await http.read(
            ctx,
            lambda tx: lists.values(tx, ctx, caller, name, page=page, size=size, date_max=date_max),
        )
        return door.paged(request, rows, total, page, size, caller.username)

    return {
        f"{BASE}/accounts/profile": door.guarded(ctx, GET=profile),
        f"{BASE}/profile": door.guarded(ctx, GET=profile),
        f"{BASE}/attributes/templates": door.guarded(ctx, GET=templates),
        f"{BASE}/attributes": door.guarded(ctx, GET=attributes),
        f"{BASE}/attributes/owned": door.guarded(ctx, GET=owned),
        f"{BASE}/attributes/with-values": door.guarded(ctx, GET=with_values),
        f"{BASE}/attributes/values": door.guarded(ctx, GET=values),
        f"{BASE}/auth/simple-token": simple_token.handler(ctx),
    }


def _found(ctx: Context) -> dict[str, Handler]:
    async def averages(request: Request, caller: Access) -> Response:
        query = request.query_params
        window = Window(query.get("date_min"), query.get("date_max"))
        history = door.flag(request, "include_historical") is True
        rows = await http.read(
            ctx,
            lambda tx: findings.averages(
                tx,
                ctx,
                caller,
                names=shapes.listed(query.get("attributes")),
                groups=shapes.listed(query.get("groups")),
                history=history,
                window=window,
                version=2,
            ),
        )
        return door.cut(request, rows, caller.username)

    async def correlations(request: Request, caller: Access) -> Response:
        name = request.query_params.get("attribute") or None
        strong = door.flag(request, "strong") is True
        confident = door.flag(request, "confident") is True
        rows = await http.read(
            ctx,
            lambda tx: findings.correlations(
                tx,
                ctx,
                caller,
                name=name,
                window=Window(None, None),
                strong=strong,
                confident=confident,
                version=2,
            ),
        )
        return door.cut(request, rows, caller.username)

    async def combo(request: Request, caller: Access) -> Response:
        query = request.query_params
        first, second = query.get("attribute"), query.get("attribute2")
        if not first or not second:
            raise InvalidInput("The parameters 'attribute' and 'attribute2' are needed.")
        rows = await http.read(
            ctx,
            lambda tx: findings.correlations(
                tx, ctx, caller, name=first, second=second, window=Window(None, None), version=2
            ),
        )
        if not rows:
            raise NotFound
        return door.answer(rows[0])

    async def insights(request: Request, caller: Access) -> Response:
        query = request.query_params
        window = Window(query.get("date_min"), query.get("date_max"))
        priority = findings.priority_of(query.get("priority"))
        rows = await http.read(
            ctx,
            lambda tx: findings.insights(
                tx, ctx, caller, window=window, priority=priority, version=2
            ),
        )
        return door.cut(request, rows, caller.username)

    return {
        f"{BASE}/averages": door.guarded(ctx, GET=averages),
        f"{BASE}/correlations": door.guarded(ctx, GET=correlations),
        f"{BASE}/correlations/combo": door.guarded(ctx, GET=combo),
        f"{BASE}/insights": door.guarded(ctx, GET=insights),
    }


def _writing(ctx: Context) -> dict[str, Handler]:
    def writes(do: Do) -> Handler:
        async def endpoint(request: Request, caller: Access) -> Response:
            door.granted(caller, "write")
            items = await door.items(request, most=writing.BATCH_MAX)
            done = await http.write(ctx, lambda tx: do(tx, ctx, caller, items))
            return door.answer(done, done.status)

        return door.guarded(ctx, POST=endpoint)

    def with_objects(do: Callable[..., Answer]) -> Handler:
        async def endpoint(request: Request, caller: Access) -> Response:
            door.granted(caller, "write")
            objects = door.flag(request, "success_objects") is True
            items = await door.items(request, most=writing.BATCH_MAX)
            done = await http.write(ctx, lambda tx: do(tx, ctx, caller, items, objects=objects))
            return door.answer(done, done.status)

        return door.guarded(ctx, POST=endpoint)

    def update(tx: WriteTx, ctx_: Context, caller: Access, items: Sequence[Any]) -> Answer:
        return writing.update(tx, ctx_, caller, items, version=2)

    return {
        f"{BASE}/attributes/acquire": with_objects(ownership.acquire_v2),
        f"{BASE}/attributes/release": writes(ownership.release),
        f"{BASE}/attributes/create": with_objects(ownership.create),
        f"{BASE}/attributes/update": writes(update),
        f"{BASE}/attributes/increment": writes(writing.increment),
    }
