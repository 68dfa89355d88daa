"""Personyze: objects by path, selected and ordered in the path itself.

Its clients know 200, 401, 500 and 503 alone, and show the text of a 500 as the description of
what was wrong; so every other error is a 500 here.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from diurnal import http
from diurnal.dialects import App, Dialect
from diurnal.dialects.personyze import grammar, methods, throttle, tracker
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
    Upstream,
)
from diurnal.http import Json
from diurnal.model.access import Access
from diurnal.services.context import Context

NAME = "personyze"
USER = "api"
BODY_BYTES_MAX = 10 << 20
REST = "/rest/"
VERBS = {"GET": "read", "HEAD": "read", "POST": "create", "PUT": "update", "DELETE": "delete"}
STATUSES: dict[type[AppError], tuple[int, str]] = {
    Unauthenticated: (401, "login"),
    Unavailable: (503, "wait"),
    TooMany: (503, "wait"),
    InvalidInput: (500, "invalid"),
    Forbidden: (500, "forbidden"),
    NotFound: (500, "missing"),
    Conflict: (500, "conflict"),
    TooLarge: (500, "large"),
    Upstream: (500, "upstream"),
    AppError: (500, "error"),
}


def render(error: AppError, status: int, _id: str) -> Response:
    """Return an error as plain text: what was wrong, or the seconds to wait."""
    if status == 401:
        return PlainTextResponse(
            "Please, log in", 401, {"WWW-Authenticate": 'Basic realm="Personyze API"'}
        )
    if isinstance(error, TooMany | Unavailable):
        return PlainTextResponse(str(error.retry_after_s), status)
    return PlainTextResponse(error.message, status)


def app(ctx: Context) -> App:
    """Return the application that is mounted at `/personyze`."""
    slow = throttle.SlowQueries(ctx)

    async def answer(request: Request) -> Response:
        _refuse_plain(ctx, request)
        caller = await _caller(ctx, request)
        asked = grammar.parse(_raw_path(request))
        http.doing.name(f"{asked.object}.{VERBS.get(request.method, 'unknown')}")
        match request.method:
            case "GET" | "HEAD":
                return await read(caller, asked)
            case "POST":
                if asked.id is not None or asked.where:
                    raise InvalidInput("a POST takes no path parameters")
                given = await _body(request)
                name = asked.object
                if name == tracker.OBJECT:
                    return await track(caller, given)
                made = await http.write(
                    ctx, lambda tx: methods.create(tx, ctx, caller, name, given)
                )
                return _json(made)
            case "PUT":
                given = await _body(request)
                return _json(
                    await http.write(ctx, lambda tx: methods.update(tx, ctx, caller, asked, given))
                )
            case "DELETE":
                return _json(
                    await http.write(ctx, lambda tx: methods.delete(tx, ctx, caller, asked))
                )
        raise InvalidInput(f"the method {request.method} is none of GET, POST, PUT, DELETE")

    async def read(caller: Access, asked: grammar.Asked) -> Response:
        if methods.throttled(asked):
            slow.take(caller)
        return _json(await http.read(ctx, lambda tx: methods.read(tx, ctx, caller, asked)))

    async def track(caller: Access, given: Any) -> Response:
        session = await http.write(ctx, lambda tx: tracker.track(tx, ctx, caller, given))
        return _json(await http.read(ctx, lambda tx: tracker.answer(tx, ctx, caller, session)))

    async def missing(_request: Request) -> Response:
        raise NotFound("the API is below /rest/")

    watch = http.Watch(ctx, NAME, "unknown")
    return http.router(
        {"/rest/{path:path}": http.guarded(answer, STATUSES, render, watch=watch)},
        http.guarded(missing, STATUSES, render, watch=watch),
    )


def _json(value: Any) -> Response:
    return Json(msgspec.json.encode(value))


def _refuse_plain(ctx: Context, request: Request) -> None:
    """Refuse plain HTTP: a key sent over it is everybody's.

    Raises:
        Unauthenticated: it is plain, and the settings do not allow that.
    """
    chosen = ctx.settings.dialects.get(NAME)
    if request.url.scheme != "https" and not (chosen is not None and chosen.plain_http):
        raise Unauthenticated("HTTPS is needed")


async def _caller(ctx: Context, request: Request) -> Access:
    given = http.basic(request)
    if given is None or given[0] != USER:
        raise Unauthenticated("a key is needed", missing=given is None)
    caller = await http.resolve(ctx, given[1])
    if caller.api != NAME:
        raise Unauthenticated("a token of another API")
    return caller


def _raw_path(request: Request) -> str:
    """Return the path as it was sent, below `/rest/`.

    Raises:
        InvalidInput: it is not there in that form.
    """
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    text = raw.partition(b"?")[0].decode("latin-1")
    _, found, rest = text.partition(REST)
    if not found or not rest.strip("/"):
        raise InvalidInput("the path names no object")
    return rest


async def _body(request: Request) -> Any:
    """Read the body as JSON whatever its type says; else as a form.

    Raises:
        InvalidInput: it is neither.
    """
    raw = await http.body(request, BODY_BYTES_MAX)
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        form = _form(raw)
        if form is None:
            raise InvalidInput(f"the body is not JSON: {error}") from None
        return form
    except RecursionError:
        raise InvalidInput("the body is nested too deeply") from None


def _form(raw: bytes) -> dict[str, str] | None:
    """Return the fields of a form, None where it is none."""
    from urllib.parse import parse_qsl

    try:
        fields = parse_qsl(
            raw.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=500
        )
    except ValueError:
        return None
    return dict(fields) if fields and not raw.lstrip().startswith((b"{", b"[", b'"')) else None


DIALECT = Dialect(
    name=NAME,
    title="Personyze",
    prefix="/personyze",
    statuses=STATUSES,
    app=app,
    routes=tuple(f"{method} /rest/{{path:path}}" for method in VERBS if method != "HEAD"),
)
