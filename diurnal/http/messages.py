"""What comes in and goes out: headers, bounded bodies, JSON that is ready."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Scope, Send

from diurnal.errors import TooLarge

_HEADERS = "diurnal.headers"
"""Where a request's scope holds its headers by name, once somebody asked for one."""


_NO_SNIFF = (b"x-content-type-options", b"nosniff")
_COMMON = [_NO_SNIFF, (b"referrer-policy", b"no-referrer")]
"""What every answer carries, where it does not say otherwise; JSON leads nowhere, so the first."""
_COMMON_NAMES = frozenset(name for name, _ in _COMMON)
NOT_STORED = (b"cache-control", b"no-store")


class Json(Response):
    """A JSON answer whose bytes are ready."""

    media_type = "application/json"

    def __init__(
        self,
        content: bytes = b"",
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        also: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        """Set all at once, without a look at what else an answer may be.

        Args:
            also: headers as they go over the wire.
        """
        self.status_code = status_code
        self.background = None
        self.body = content
        self.raw_headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(content)),
            _NO_SNIFF,
            *also,
        ]
        if headers:
            for name, value in headers.items():
                self.raw_headers.append((_wire_name(name), value.encode("latin-1")))


@lru_cache(maxsize=256)
def _wire_name(name: str) -> bytes:
    return name.lower().encode("latin-1")


def header(scope: Scope, name: bytes) -> str | None:
    """Return a request header, the first of that name; `name` in lower case."""
    known = scope.get(_HEADERS)
    if known is None:
        known = scope[_HEADERS] = dict(scope["headers"][::-1])
    value: bytes | None = known.get(name)
    return None if value is None else value.decode("latin-1")


def put_headers(scope: Scope, headers: list[tuple[bytes, bytes]]) -> None:
    """Give a request other headers."""
    scope["headers"] = headers
    scope.pop(_HEADERS, None)


async def body(request: Request, limit: int) -> bytes:
    """Return the whole body.

    Raises:
        TooLarge: past `limit` bytes; the rest is not read.
    """
    told = header(request.scope, b"content-length")
    if told is not None and told.isdigit() and int(told) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
    return b"".join(parts)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"a body has at most {limit} bytes", limit=limit)


def adding(send: Send, headers: Callable[[], Iterable[tuple[bytes, bytes]]]) -> Send:
    """Return what sends an answer with more headers; they are asked for when it begins."""

    # Runs twice a request: no coroutine of its own.
    def sending(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *headers()]
        return send(message)

    return sending


def with_common(send: Send) -> Send:
    """Return what sends an answer with the headers that every answer carries."""

    # As above; and no set where none of these is named.
    def sending(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            if len(headers) < 3 or headers[2] is not _NO_SNIFF:  # as `Json` has it
                # ASGI has names in lower case.
                named = _COMMON_NAMES.intersection([name for name, _ in headers])
                more = [h for h in _COMMON if h[0] not in named] if named else _COMMON
                message["headers"] = [*headers, *more]
        return send(message)

    return sending
