"""Exist's endpoints: what is asked, the use case, what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.exist import shapes
from diurnal.errors import InvalidInput, NotFound, Unauthenticated
from diurnal.http import Handler, Json
from diurnal.model.access import Access
from diurnal.services import accesses, days, spans
from diurnal.services.context import Context
from diurnal.services.days import Day
from diurnal.store.database import Tx

DAYS_DEFAULT = 7
DAYS_MAX = 31
PAGE_DEFAULT = 20
PAGE_MAX = 100
SELF = frozenset({"$self", "%24self"})
"""The keyword for the caller; clients send it raw, escaped, and escaped twice."""
ACTIONS = {
    "/api/1/users/{username}/attributes": "attributes.list",
    "/api/1/users/{username}/attributes/{attribute}": "attributes.values",
}
"""What each path does, in the words of the audit."""


def handlers(ctx: Context) -> dict[str, Handler]:
    """Return the handlers of version 1 by path."""

    async def attribute_list(request: Request) -> Response:
        caller = await _reader(ctx, request)
        query = request.query_params
        limit = shapes.count(query.get("limit"), DAYS_DEFAULT, DAYS_MAX, field="limit")
        names, groups = shapes.listed(query.get("attributes")), shapes.listed(query.get("groups"))
        date_max = query.get("date_max")
        answer = await http.read(
            ctx, lambda tx: _attributes(tx, ctx, caller, limit, names, groups, date_max)
        )
        return Json(msgspec.json.encode(answer))

    async def attribute_values(request: Request) -> Response:
        caller = await _reader(ctx, request)
        query = request.query_params
        size = shapes.count(query.get("limit"), PAGE_DEFAULT, PAGE_MAX, field="limit")
        page = shapes.page_number(query.get("page"))
        name, date_max = request.path_params["attribute"], query.get("date_max")
        total, results = await http.read(
            ctx, lambda tx: _values(tx, ctx, caller, name, page, size, date_max)
        )
        urls = (_page_url(request, caller, page + 1), _page_url(request, caller, page - 1))
        return Json(msgspec.json.encode(shapes.paged(results, total, page, size, urls)))

    return {
        "/api/1/users/{username}/attributes": attribute_list,
        "/api/1/users/{username}/attributes/{attribute}": attribute_values,
    }


async def _reader(ctx: Context, request: Request) -> Access:
    """Return who reads its own data.

    Raises:
        InvalidInput: another method than reading.
        Unauthenticated: no token, one that opens nothing, or one of the other kind.
        NotFound: it asks for another's data.
    """
    # Exist's own answer to another method would be 405, at which its Python library dies.
    if request.method not in ("GET", "HEAD"):
        raise InvalidInput(f'Method "{request.method}" not allowed.')
    caller = await _caller(ctx, request)
    if request.path_params["username"] not in SELF | {caller.username}:
        raise NotFound
    return caller


async def _caller(ctx: Context, request: Request) -> Access:
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    kind, token = scheme.lower(), rest.strip()
    if kind not in ("token", "bearer"):
        session = request.cookies.get(http.COOKIE)
        if kind or session is None:
            raise Unauthenticated("no token", missing=True)
        return await http.resolve(ctx, session)
    caller = await http.resolve(ctx, token)
    if accesses.is_simple(caller) != (kind == "token"):
        raise Unauthenticated("a token of the other kind")
    return caller


def _attributes(
    tx: Tx,
    ctx: Context,
    caller: Access,
    limit: int,
    names: frozenset[str] | None,
    groups: frozenset[str] | None,
    date_max: str | None,
) -> list[dict[str, Any]]:
    state = ctx.state(tx, caller.account_id)
    last = shapes.newest(date_max, state.zones.day_at(ctx.now()))
    first = max(last - limit + 1, shapes.DAY_MIN)
    extent = days.extent(tx, ctx, caller)
    asked = [
        a
        for a in shapes.attributes(state.measures).values()
        if (names is None or a.name in names)
        and (groups is None or a.group.name in groups)
        and any(key in extent for key in a.keys)
    ]
    keys = [key for a in asked for key in a.keys if key in extent]
    found = _window(tx, ctx, caller, extent, keys, first, last)
    listed = [a for a in asked if _has_data(tx, ctx, caller, extent, a, found)]
    sources = {a.name: _source(shapes.unite(a, found)) for a in listed}
    named = accesses.source_names(tx, caller, {s for s in sources.values() if s})
    return [
        shapes.write_attribute(
            a, shapes.write_days(a, found), shapes.slug(named.get(sources[a.name], ""))
        )
        for a in listed
    ]


def _values(
    tx: Tx, ctx: Context, caller: Access, name: str, page: int, size: int, date_max: str | None
) -> tuple[int, list[dict[str, Any]]]:
    state = ctx.state(tx, caller.account_id)
    attribute = shapes.attributes(state.measures).get(name)
    if attribute is None:
        raise NotFound
    extent = days.extent(tx, ctx, caller)
    if name not in shapes.templates() and name not in extent:
        raise NotFound
    last = shapes.newest(date_max, state.zones.day_at(ctx.now()))
    first = _first_day(tx, ctx, caller, extent, attribute)
    total = 0 if first is None else max(last - first + 1, 0)
    if page > 1 and (page - 1) * size >= total:
        raise shapes.InvalidPage("Invalid page.")
    if first is None or not total:
        return 0, []
    end = last - (page - 1) * size
    start = max(end - size + 1, first)
    keys = [key for key in attribute.keys if key in extent]
    found = _window(tx, ctx, caller, extent, keys, start, end)
    return total, shapes.write_days(attribute, found)


def _window(
    tx: Tx,
    ctx: Context,
    caller: Access,
    extent: Mapping[str, tuple[int, int]],
    keys: list[str],
    first: int,
    last: int,
) -> dict[str, list[Day]]:
    """Return one entry for every day of the window; asks only for days that may have values."""
    inside = [
        (max(extent[k][0], first), min(extent[k][1], last))
        for k in keys
        if extent[k][0] <= last and extent[k][1] >= first
    ]
    known: dict[str, dict[int, Day]] = {key: {} for key in keys}
    if inside:
        start, end = min(s for s, _ in inside), max(e for _, e in inside)
        for key, listed in days.values(tx, ctx, caller, keys, start, end).items():
            known[key] = {d.day: d for d in listed}
    return {
        key: [by_day.get(d) or Day(d, None, None) for d in range(first, last + 1)]
        for key, by_day in known.items()
    }


def _has_data(
    tx: Tx,
    ctx: Context,
    caller: Access,
    extent: Mapping[str, tuple[int, int]],
    attribute: shapes.Attribute,
    found: Mapping[str, list[Day]],
) -> bool:
    if any(d.value is not None for d in shapes.unite(attribute, found)):
        return True
    return _first_day(tx, ctx, caller, extent, attribute) is not None


def _first_day(
    tx: Tx,
    ctx: Context,
    caller: Access,
    extent: Mapping[str, tuple[int, int]],
    attribute: shapes.Attribute,
) -> int | None:
    keys = [key for key in attribute.keys if key in extent]
    if not keys:
        return None
    first, last = min(extent[k][0] for k in keys), max(extent[k][1] for k in keys)
    return spans.first_day(tx, ctx, caller, keys, first, last)


def _source(listed: list[Day]) -> str:
    """Return the source of the newest value, "" where there is none."""
    return next((d.source or "" for d in reversed(listed) if d.value is not None), "")


def _page_url(request: Request, caller: Access, page: int) -> str:
    """Return the address of a page, with the host that the client used and its real name."""
    path = request.scope.get("root_path", "") + "/api/1/users/{}/attributes/{}/".format(
        quote(caller.username), quote(request.path_params["attribute"])
    )
    kept = [(k, v) for k, v in request.query_params.multi_items() if k != "page"]
    query = urlencode([("page", page), *kept] if page > 1 else kept)
    return f"{http.base_url(request, None)}{path}{'?' if query else ''}{query}"
