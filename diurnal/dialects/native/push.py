"""Push doors: one address for each source that posts, with a token that can only write to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.errors import Unauthenticated

if TYPE_CHECKING:
    from diurnal.connectors import Reply

BODY_BYTES_MAX = 48 << 20
"""Phones send days at once; see `services.pushes`."""
MEDIA = ("application/octet-stream",)
"""Whatever the sender sends: JSON, a form, lines of text; the connector knows."""


def _token(request: Request) -> str:
    """Return the token: bearer, the password of Basic, `X-API-Key`, or `?token=`.

    Raises:
        Unauthenticated: there is none.
    """
    pair = http.basic(request)
    token = (
        http.bearer(request)
        or (pair[1] if pair else None)
        or request.headers.get("x-api-key")
        or request.query_params.get("token")
    )
    if not token:
        raise Unauthenticated("a push token is needed", missing=True)
    return token


def _answer(reply: Reply) -> Response:
    return Response(reply.body, reply.status, media_type=reply.type)


async def deliver(call: Call) -> Response:
    """Take a delivery: it is durable when this answers, and read soon after."""
    from diurnal.services import pushes
    from diurnal.store import deliveries

    ctx, request = call.ctx, call.request
    name, token = call.path["connector"], _token(request)

    c = await http.read(ctx, lambda tx: pushes.find(tx, name, token), quick=True)
    raw = b"" if request.method in ("GET", "HEAD") else await http.body(request, BODY_BYTES_MAX)
    headers: Mapping[str, str] = {k.lower(): v for k, v in request.headers.items()}
    said = pushes.delivery(request.method, headers, dict(request.query_params), raw, ctx.now())

    def read() -> tuple[Reply, bytes | None]:
        receive, options = pushes.door(ctx, c)
        asks = request.method in ("GET", "HEAD")
        if asks and (receive.greet is not None or not said.query):
            return (receive.greet(said, options) if receive.greet else receive.reply), None
        if not said.body and not said.query:
            # Some send nothing, to see whether we are there.
            return receive.reply, None
        pushes.check(receive, options, said)
        return receive.reply, deliveries.pack(said.body)

    reply, packed = await http.blocking(read)
    if packed is not None:
        body = packed
        await http.write(ctx, lambda tx: pushes.take(tx, ctx, c, said, body))
    return _answer(reply)


def _door(method: str, summary: str) -> Endpoint:
    return Endpoint(
        method=method,
        path="/push/{connector}",
        name=f"push.{method.lower()}",
        summary=summary,
        description="The token is the connection's own: as bearer, as the password of Basic, in "
        "X-API-Key or as `?token=`. The answer is what the sender expects.",
        who=Who.ANYBODY,
        media=MEDIA if method != "GET" else (),
        any_query=True,
        headers={"X-API-Key": "The push token, where it is not in Authorization or the address."},
        handler=deliver,
    )


ENDPOINTS = (
    _door("POST", "Deliver data"),
    _door("PUT", "Deliver data"),
    _door("GET", "Answer a sender's challenge, or deliver what is in the address"),
)
