"""Socket.IO as it is spoken today (protocol 5 over Engine.IO 4), by python-socketio."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import socketio
import structlog
from socketio.exceptions import ConnectionRefusedError as Refusal
from starlette.types import Receive, Scope, Send

from diurnal.live import connections
from diurnal.live.connections import (
    BACKLOG_MAX,
    FRAME_BYTES_MAX,
    PARTING_S,
    SOCKETS_MAX,
    Connection,
    connection_of,
)
from diurnal.live.doors import Doors, Entering, Guest, Notice, Refused, door_of
from diurnal.live.rooms import Rooms

log = structlog.get_logger(__name__)

PING_S = 25
PONG_S = 20
QUERY_MAX = 4_096
ANSWERS_MAX = 4
"""Frames that may wait for a client that calls once more: they may be large."""
WAIT_S = 0.02
_FRAMES = frozenset("0123456")
_MESSAGES = frozenset("01234")
"""Without the two that binary parts follow: nothing here has any."""


def _dumps(value: Any, **_given: Any) -> str:
    return msgspec.json.encode(value).decode()


_JSON = SimpleNamespace(dumps=_dumps, loads=msgspec.json.decode)

_quiet = logging.getLogger("diurnal.live.frames")
"""The library writes a traceback for every frame that it cannot read."""
_quiet.setLevel(logging.CRITICAL + 1)


class Sockets:
    """The server of one process."""

    def __init__(self, doors: Doors, rooms: Rooms, *, polling: bool) -> None:
        self._doors = doors
        self._rooms = rooms
        self._members: dict[tuple[str, str], _Member] = {}
        self._inside: set[str] = set()
        self._open = 0
        self._io = socketio.AsyncServer(
            async_mode="asgi",
            namespaces="*",
            # Calls of one socket are done one after the other: a hasty one waits for itself.
            async_handlers=False,
            json=_JSON,
            transports=["polling", "websocket"] if polling else ["websocket"],
            # The token is in the address and no cookie opens anything: as with the API over HTTP,
            # any page may call.
            cors_allowed_origins="*",
            ping_interval=PING_S,
            ping_timeout=PONG_S,
            max_http_buffer_size=FRAME_BYTES_MAX,
            logger=_quiet,
            engineio_logger=_quiet,
        )
        self._io.on("connect", self._connected, namespace="*")
        self._io.on("disconnect", self._disconnected, namespace="*")
        self._io.on("*", self._called, namespace="*")

    @property
    def count(self) -> int:
        """How many sockets are open."""
        return self._open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if len(scope["query_string"]) > QUERY_MAX:
            scope = {**scope, "query_string": b""}
        if scope["type"] != "websocket":
            await self._io.handle_request(scope, receive, send)
            return
        if self._open >= SOCKETS_MAX:
            await send({"type": "websocket.close", "code": 1013})
            return
        await Connection(self._count).run(self._io.handle_request, scope, receive, send, _fits)

    def _count(self, n: int) -> None:
        self._open += n

    async def _connected(self, namespace: str, sid: str, _environ: Any, _auth: Any = None) -> None:
        # A client can send a message of this name: only what the server itself knows is used.
        if (namespace, sid) in self._members:
            return
        environ = self._io.get_environ(sid, namespace)
        eio = self._io.manager.eio_sid_from_sid(sid, namespace)
        if eio in self._inside:
            raise Refusal("One namespace a connection.")
        scope = environ["asgi.scope"]
        try:
            door, path = door_of(self._doors, namespace)
            guest = await door.enter(entering(scope, path))
        except Refused as refused:
            raise Refusal(str(refused)) from None
        member = _Member(self._io, namespace, sid, eio, guest, connection_of(scope))
        self._members[namespace, sid] = member
        self._inside.add(eio)
        if not await self._rooms.join(member):
            self._forget(namespace, sid)
            raise Refusal("Too many sockets.")
        if member.connection is not None:
            member.connection.entered = True

    async def _disconnected(self, namespace: str, sid: str, *_reason: Any) -> None:
        self._forget(namespace, sid)

    def _forget(self, namespace: str, sid: str) -> None:
        member = self._members.pop((namespace, sid), None)
        if member is not None:
            self._inside.discard(member.eio)
            self._rooms.part(member)

    async def _called(self, name: str, namespace: str, sid: str, *args: Any) -> tuple[Any, ...]:
        member = self._members.get((namespace, sid))
        if member is None or not isinstance(name, str):
            return ()
        if not await member.has_read():
            return ()
        return await member.guest.call(name, args)

    async def close(self) -> None:
        """Let all go."""
        for member in list(self._members.values()):
            await member.leave()


class _Member:
    __slots__ = ("_io", "connection", "eio", "guest", "namespace", "sid")

    def __init__(
        self,
        io: Any,
        namespace: str,
        sid: str,
        eio: str,
        guest: Guest,
        connection: Connection | None,
    ) -> None:
        self._io = io
        self.namespace = namespace
        self.sid = sid
        self.eio = eio
        self.guest = guest
        self.connection = connection

    async def send(self, notices: Sequence[Notice]) -> None:
        """See `Member.send`."""
        if self.mind_backlog():
            return
        for name, args in notices:
            await self._io.emit(name, args, to=self.sid, namespace=self.namespace)

    async def has_read(self) -> bool:
        """Wait until the client has taken what it asked for before; cut it if it does not."""
        known = self._io.eio.sockets.get(self.eio)
        deadline = time.monotonic() + connections.SEND_S
        while known is not None and known.queue.qsize() > ANSWERS_MAX:
            if time.monotonic() > deadline:
                self._cut(known)
                return False
            await asyncio.sleep(WAIT_S)
        return known is not None

    def mind_backlog(self) -> bool:
        """Cut the socket if too much waits for it."""
        known = self._io.eio.sockets.get(self.eio)
        if known is None or known.queue.qsize() <= BACKLOG_MAX:
            return False
        self._cut(known)
        return True

    def _cut(self, known: Any) -> None:
        if self.connection is not None:
            self.connection.cut()
        else:
            _background(known.close(wait=False, abort=True))

    async def leave(self) -> None:
        """See `Member.leave`."""
        await self._io.disconnect(self.sid, namespace=self.namespace)
        if self.connection is not None:
            self.connection.cut(PARTING_S)


_running: set[asyncio.Future[Any]] = set()


def _background(work: Any) -> None:
    task = asyncio.ensure_future(work)
    _running.add(task)
    task.add_done_callback(_running.discard)


def _fits(frame: str) -> bool:
    if not frame or frame[0] not in _FRAMES:
        return False
    return frame[0] != "4" or frame[1:2] in _MESSAGES


def entering(scope: Scope, path: tuple[str, ...]) -> Entering:
    """Return who wants to enter by a connection."""
    query: Mapping[str, str] = dict(
        parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    )
    client = scope.get("client")
    headers = dict(scope["headers"])
    secure = scope["scheme"] in ("https", "wss")
    host = headers.get(b"host", b"localhost").decode("latin-1")
    base = f"{'https' if secure else 'http'}://{host}"
    return Entering(path, query, client[0] if client else "", base)
