"""The forms by which a developer registers an application, and looks after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from diurnal import http
from diurnal.catalog import scopes
from diurnal.errors import (
    AppError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from diurnal.http import Handler, templates
from diurnal.http.templates import HEADERS
from diurnal.model.access import Access
from diurnal.services import clients
from diurnal.services.context import Context
from diurnal.store.clients import Client

API = "personicle"
FORM_BYTES_MAX = 64 << 10
FIELDS_MAX = 300
NAME_MIN, NAME_MAX = 5, 50
PATHS = (
    "register",
    "update",
    "newSecret",
    "client",
    "delete",
    "get-scopes",
    "update-scopes",
)
TITLES = {
    "register": "Register your application to Personicle",
    "update": "Update an application",
    "newSecret": "A new secret",
    "client": "An application",
    "delete": "Delete an application",
    "get-scopes": "Scopes of an application",
    "update-scopes": "Replace the scopes of an application",
}
ROUTES = tuple(f"{verb} /{path}" for path in PATHS for verb in ("GET", "POST"))
STATUSES: Mapping[type[AppError], tuple[int, str]] = {
    InvalidInput: (400, "invalid"),
    **dict.fromkeys((Conflict, Forbidden, NotFound, TooLarge, Unauthenticated), (403, "refused")),
    TooMany: (429, "slow"),
    Unavailable: (503, "unavailable"),
    AppError: (500, "error"),
}

Form = Mapping[str, list[str]]
Act = Callable[[Context, Access, Form], Awaitable[Mapping[str, Any]]]


def handlers(ctx: Context) -> dict[str, Handler]:
    """Return the pages by path; only who is signed in sees them."""

    def page(path: str) -> Handler:
        watch = http.Watch(ctx, "page", f"personicle.{path}")

        async def answer(request: Request) -> Response:
            if request.method not in ("GET", "HEAD", "POST"):
                return Response(status_code=405, headers={"Allow": "GET, POST"})
            caller = await http.signed_in(ctx, request)
            if caller is None:
                here = quote(request.url.path)
                return RedirectResponse(f"/sign-in?next={here}", 303, HEADERS)
            given: dict[str, Form] = {}

            async def shown(request: Request) -> Response:
                http.doing.done_by(caller)
                if request.method != "POST":
                    return _html(path, caller, {})
                http.refuse_foreign(request)
                given["form"] = await _form(request)
                done = await _ACTS[path](ctx, caller, given["form"])
                return _html(path, caller, {**given, "done": done})

            def told(error: AppError, status: int, _id: str) -> Response:
                return _html(path, caller, {**given, "problem": error.message}, status)

            return await http.guarded(shown, STATUSES, told, watch=watch)(request)

        return answer

    return {f"/{path}": page(path) for path in PATHS}


async def _form(request: Request) -> Form:
    raw = await http.body(request, FORM_BYTES_MAX)
    try:
        return parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        raise InvalidInput("this is no form") from None


def _one(form: Form, name: str) -> str:
    return (form.get(name) or [""])[0].strip()


def _fields(form: Form) -> dict[str, Any]:
    """Return name, address and redirect of an application.

    Raises:
        InvalidInput: one of them cannot be right.
    """
    name = _one(form, "client_name")
    if not NAME_MIN <= len(name) <= NAME_MAX:
        raise InvalidInput(f"a name has {NAME_MIN} to {NAME_MAX} characters", field="client_name")
    for field in ("client_uri", "redirect_uri"):
        if not _one(form, field):
            raise InvalidInput(f"{field} is needed", field=field)
    return {
        "name": name,
        "home": _one(form, "client_uri"),
        "redirect_uris": [_one(form, "redirect_uri")],
    }


def _scopes(form: Form) -> list[str]:
    chosen = [s for s in form.get("access_scopes", []) if s]
    if not chosen:
        raise InvalidInput("choose at least one scope", field="access_scopes")
    return chosen


async def _register(ctx: Context, caller: Access, form: Form) -> Mapping[str, Any]:
    fields, chosen = _fields(form), _scopes(form)
    made, secret = await http.write(
        ctx, lambda tx: clients.create(tx, ctx, caller, api=API, scope=chosen, **fields)
    )
    return {"client": made, "secret": secret}


async def _update(ctx: Context, caller: Access, form: Form) -> Mapping[str, Any]:
    fields, id_ = _fields(form), _one(form, "client_id")
    made = await http.write(ctx, lambda tx: clients.update(tx, ctx, caller, id_, **fields))
    return {"client": made}


async def _new_secret(ctx: Context, caller: Access, form: Form) -> Mapping[str, Any]:
    id_ = _one(form, "client_id")
    made, secret = await http.write(ctx, lambda tx: clients.new_secret(tx, ctx, caller, id_))
    return {"client": made, "secret": secret}


async def _show(ctx: Context, caller: Access, form: Form) -> Mapping[str, Any]:
    id_ = _one(form, "client_id")
    found: Client = await http.read(ctx, lambda tx: clients.own(tx, caller, id_))
    return {"client": found}


async def _delete(ctx: Context, caller: Access, form: Form) -> Mapping[str, Any]:
    id_ = _one(form, "client_id")
    found = await http.read(ctx, lambda tx: clients.own(tx, caller, id_))
    await http.blocking(lambda: clients.delete(ctx, caller, id_))
    return {"client": found, "gone": True}


async def _update_scopes(ctx: Context, caller: Access, form: Form) -> Mapping[str, Any]:
    id_, chosen = _one(form, "client_id"), _scopes(form)
    made = await http.write(ctx, lambda tx: clients.update(tx, ctx, caller, id_, scope=chosen))
    return {"client": made}


_ACTS: Mapping[str, Act] = {
    "register": _register,
    "update": _update,
    "newSecret": _new_secret,
    "client": _show,
    "delete": _delete,
    "get-scopes": _show,
    "update-scopes": _update_scopes,
}


@cache
def _templates() -> jinja2.Environment:
    return templates.environment(Path(__file__).parent / "templates")


@cache
def _offered() -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Return (title, (scope, read or write, what it allows) …) of each that the form offers."""
    offered = scopes.of(API)
    listed: dict[str, list[tuple[str, str, str]]] = {}
    for scope in offered.offered:
        known = offered.known[scope]
        verb = "write" if scope.endswith(".write") else "read"
        listed.setdefault(known.title, []).append((scope, verb, known.words))
    return list(listed.items())


def _html(path: str, caller: Access, known: Mapping[str, Any], status: int = 200) -> Response:
    told = {
        "path": path,
        "title": TITLES[path],
        "titles": TITLES,
        "name": caller.username,
        "scopes": _offered(),
        "named": path in ("register", "update"),
        "scoped": path in ("register", "update-scopes"),
        "problem": None,
        "done": None,
        "form": {},
        **known,
    }
    text = _templates().get_template("registration.html").render(told)
    return HTMLResponse(text, status, HEADERS)
