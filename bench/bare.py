"""The least that answers: a bare ASGI app that reads the body and returns as many bytes as ours."""

from __future__ import annotations

from typing import Any

_BODIES: dict[bytes, bytes] = {}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer any request with `?n` bytes."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
    size = scope["query_string"]
    body = _BODIES.setdefault(size, b"x" * int(size or 2))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
