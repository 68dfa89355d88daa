"""What is mounted at `/socket.io`; nothing of it is loaded before the first socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

from diurnal.live.doors import Doors
from diurnal.live.hub import Hub
from diurnal.services.context import Context

if TYPE_CHECKING:
    from diurnal.live.old_sockets import OldSockets
    from diurnal.live.rooms import Rooms
    from diurnal.live.sockets import Sockets

PATH = "socket.io"


class Mount:
    """The application at `/socket.io`."""

    def __init__(self, ctx: Context, hub: Hub, doors: Doors) -> None:
        self._ctx = ctx
        self._hub = hub
        self._doors = doors
        self._rooms: Rooms | None = None
        self._sockets: Sockets | None = None
        self._old: OldSockets | None = None
        # The requests of one poller reach any of several processes; a web socket stays with one.
        self._polling = ctx.settings.workers <= 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["path"].split("/")[2:3] == ["1"]:
            if self._old is None:
                self._old = self._open_old()
            await self._old(scope, receive, send)
            return
        if self._sockets is None:
            self._sockets = self._open()
        await self._sockets(scope, receive, send)

    def _open(self) -> Sockets:
        from diurnal.live.sockets import Sockets

        return Sockets(self._doors, self._same_rooms(), polling=self._polling)

    def _open_old(self) -> OldSockets:
        from diurnal.live.old_sockets import OldSockets

        return OldSockets(self._doors, self._same_rooms(), polling=self._polling)

    def _same_rooms(self) -> Rooms:
        from diurnal.live.rooms import Rooms

        if self._rooms is None:
            self._rooms = Rooms(self._ctx, self._hub)
        return self._rooms

    async def close(self) -> None:
        """Let all go."""
        if self._sockets is not None:
            await self._sockets.close()
        if self._old is not None:
            await self._old.close()
