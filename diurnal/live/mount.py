"""What is mounted at `/socket.io`; nothing of it is loaded before the first socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

from diurnal.live.doors import Doors
from diurnal.live.hub import Hub
from diurnal.services.context import Context

if TYPE_CHECKING:
    from diurnal.live.sockets import Sockets

PATH = "socket.io"


class Mount:
    """The application at `/socket.io`."""

    def __init__(self, ctx: Context, hub: Hub, doors: Doors) -> None:
        self._ctx = ctx
        self._hub = hub
        self._doors = doors
        self._sockets: Sockets | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if self._sockets is None:
            self._sockets = self._open()
        await self._sockets(scope, receive, send)

    def _open(self) -> Sockets:
        from diurnal.live.rooms import Rooms
        from diurnal.live.sockets import Sockets

        rooms = Rooms(self._ctx, self._hub)
        # The requests of one poller reach any of several processes; a web socket stays with one.
        polling = self._ctx.settings.workers <= 1
        return Sockets(self._doors, rooms, polling=polling)

    async def close(self) -> None:
        """Let all go."""
        if self._sockets is not None:
            await self._sockets.close()
