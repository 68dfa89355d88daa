"""What Exist's endpoints share: who calls, bodies of any type, pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.exist import shapes
from diurnal.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from diurnal.http import Json
from diurnal.model.access import Access
from diurnal.services import simple_tokens
from diurnal.services.context import Context

BODY_BYTES_MAX = 1 << 20
FIELDS_MAX = 100
PAGE_DEFAULT, PAGE_MAX = 20, 100
SELF = frozenset({"$self", "%24self"})
"""The keyword for the caller; clients send it raw, escaped, and escaped twice."""

Endpoint = Callable[[Request, Access], Awaitable[Response]]
_TRUE, _FALSE = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})


def guarded(ctx: Context, **by_method: Endpoint) -> http.Handler:
    """Return a handler that finds out who calls and passes on by method.

    Another method is a bad request: Exist's own 405 kills its Python library.
    """

    async def answer(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        endpoint = by_method.get(method)
        if endpoint is None:
            raise InvalidInput(f'Method "{request.method}" not allowed.')
        return await endpoint(request, await caller(ctx, request))

    return answer


async def caller(ctx: Context, request: Request) -> Access:
    """Return who calls: by simple token, OAuth2 token, or the session of our own pages.

    Raises:
        Unauthenticated: no token, one that opens nothing, or one of the other kind.
    """
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    kind, token = scheme.lower(), rest.strip()
    if kind not in ("token", "bearer"):
        session = request.cookies.get(http.COOKIE)
        if kind or session is None:
            raise Unauthenticated("no token", missing=True)
        http.refuse_foreign(request)
        return await http.resolve(ctx, session)
    found = await http.resolve(ctx, token)
    if simple_tokens.is_simple(found) != (kind == "token"):
        raise Unauthenticated("a token of the other kind")
    return found


def myself(request: Request, found: Access) -> None:
    """Refuse to serve another's data.

    Raises:
        NotFound: the path names another user.
    """
    if request.path_params["username"] not in SELF | {found.username}:
        raise NotFound


def reads(found: Access) -> None:
    """Refuse a token that was granted no reading at all.

    Raises:
        Forbidden: it was not.
    """
    if not found.owner and not any(p.allows.reads for p in found.permissions):
        raise Forbidden("This token may not read.")


def granted(found: Access, *scopes: str) -> None:
    """Refuse an application without one of these scopes.

    Raises:
        Forbidden: it has none of them, or the caller is no application.
    """
    if found.client_id is None:
        raise Forbidden("Only an OAuth2 client may write.")
    if found.scopes and not any(
        s in scopes or (s.endswith("_write") and "write" in scopes) for s in found.scopes
    ):
        raise Forbidden("This token's scopes do not include that.")


async def items(request: Request, *, most: int, one: bool = False) -> list[Any]:
    """Read a list of objects: JSON whatever its type says, or a form with one object.

    Args:
        one: whether a single object may stand for a list of it.

    Raises:
        InvalidInput: it is none, or too long.
    """
    said = await document(request)
    if isinstance(said, dict) and one:
        said = [said]
    if not isinstance(said, list):
        raise InvalidInput("Expected a list of items.")
    if len(said) > most:
        raise InvalidInput(f"At most {most} objects can be sent at once.")
    return said


async def document(request: Request) -> Any:
    """Read a body of any of the types that Exist's clients send.

    Raises:
        InvalidInput: it is none of them.
    """
    type_ = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if type_ == "multipart/form-data":
        async with request.form(max_files=0, max_fields=FIELDS_MAX) as form:
            return {k: v for k, v in form.items() if not isinstance(v, UploadFile)}
    raw = await http.body(request, BODY_BYTES_MAX)
    text = raw.strip()
    if type_ == "application/json" or text[:1] in (b"[", b"{"):
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidInput(f"JSON parse error: {error}") from None
    try:
        return dict(parse_qsl(text.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        raise InvalidInput("The body is neither JSON nor a form.") from None


def flag(request: Request, name: str) -> bool | None:
    """Return a yes or no of the query, None where it is not given.

    Raises:
        InvalidInput: it is neither.
    """
    told = request.query_params.get(name, "").lower()
    if not told:
        return None
    if told not in _TRUE | _FALSE:
        raise InvalidInput(f"{name} is true or false", field=name)
    return told in _TRUE


def page(request: Request) -> tuple[int, int]:
    """Return the number of the asked page, and its size."""
    query = request.query_params
    size = shapes.count(query.get("limit"), PAGE_DEFAULT, PAGE_MAX, field="limit")
    return shapes.page_number(query.get("page")), size


def paged(
    request: Request, rows: Sequence[Any], total: int, number: int, size: int, username: str
) -> Response:
    """Return a page of results that are cut already."""
    urls = tuple(_url(request, n, username) for n in (number + 1, number - 1))
    return answer(shapes.paged(list(rows), total, number, size, urls))


def cut(request: Request, rows: Sequence[Any], username: str) -> Response:
    """Return the asked page of all results.

    Raises:
        InvalidPage: there is no such page.
    """
    number, size = page(request)
    if number > 1 and (number - 1) * size >= len(rows):
        raise shapes.InvalidPage("Invalid page.")
    shown = rows[(number - 1) * size : number * size]
    return paged(request, shown, len(rows), number, size, username)


def _url(request: Request, number: int, username: str) -> str:
    """Return the address of a page, with the host that the client used and its real name."""
    path = request.url.path
    for keyword in ("$self", "%24self", "%2524self"):
        path = path.replace(f"/users/{keyword}/", f"/users/{quote(username)}/")
    path = path if path.endswith("/") else f"{path}/"
    kept = [(k, v) for k, v in request.query_params.multi_items() if k != "page"]
    query = urlencode([("page", number), *kept] if number > 1 else kept)
    return f"{http.base_url(request, None)}{path}{'?' if query else ''}{query}"


def answer(said: Any, status: int = 200) -> Response:
    """Return a JSON answer."""
    return Json(msgspec.json.encode(said), status)
