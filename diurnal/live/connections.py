"""Connections: a frame is looked at before it is read, a client that takes none is cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import Message, Receive, Scope, Send

SOCKETS_MAX = 5_000
"""Of one process."""
FRAME_BYTES_MAX = 4 << 20
SEND_S = 20.0
"""A socket gets this long to take a frame."""
BACKLOG_MAX = 200
"""Frames that may wait for a socket."""
ENTER_S = 10.0
"""A socket gets this long to enter somewhere."""
PARTING_S = 0.3

_KEY = "diurnal.connection"


class Connection:
    """One web socket, whatever is spoken over it."""

    def __init__(self, counted: Callable[[int], None]) -> None:
        self._task = asyncio.current_task()
        self._counted = counted
        self._gone = False
        self.entered = False

    def cut(self, after_s: float = 0.0) -> None:
        """End it, whatever waits."""
        if after_s:
            asyncio.get_running_loop().call_later(after_s, self.cut)
            return
        # Handlers may swallow the cancelling; what they read next is the end all the same.
        self._gone = True
        if self._task is not None:
            self._task.cancel()

    def _cut_if_outside(self) -> None:
        if not self.entered:
            self.cut()

    async def run(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[Any]],
        scope: Scope,
        receive: Receive,
        send: Send,
        fits: Callable[[str], bool],
    ) -> None:
        """Have an application speak over it.

        Args:
            fits: whether a frame can be read at all; the first that cannot ends the connection.
        """
        scope[_KEY] = self

        async def receiving() -> Message:
            message = {"type": "websocket.disconnect"} if self._gone else await receive()
            if message["type"] == "websocket.receive":
                text = message.get("text")
                if text is None or not fits(text):
                    self._gone = True
                    return {"type": "websocket.disconnect", "code": 1002}
            return message

        async def sending(message: Message) -> None:
            if self._gone and message["type"] == "websocket.send":
                raise OSError("this socket has ended")
            try:
                async with asyncio.timeout(SEND_S):
                    await send(message)
            except TimeoutError:
                self.cut()
                raise OSError("the client does not read") from None

        outside = asyncio.get_running_loop().call_later(ENTER_S, self._cut_if_outside)
        self._counted(1)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await app(scope, receiving, sending)
        finally:
            outside.cancel()
            self._counted(-1)
            self._task = None


def connection_of(scope: Scope) -> Connection | None:
    """Return the connection of a scope, None for one request of many."""
    known: Connection | None = scope.get(_KEY)
    return known
