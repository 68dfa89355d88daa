"""Socket.IO 0.9, written by hand: no kept library speaks it; clients of 2012 to 2014 do.

handshake   GET /socket.io/1/?auth=…&resource=/name  ->  sid:60:60:websocket,xhr-polling
transport   /socket.io/1/websocket/{sid} or /socket.io/1/xhr-polling/{sid}
frame       type:id:endpoint:data, several in a body as \\ufffd{length}\\ufffd{frame}…
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from diurnal.live.connections import BACKLOG_MAX, FRAME_BYTES_MAX, SOCKETS_MAX, Connection
from diurnal.live.doors import Doors, Entering, Guest, Notice, Refused, door_of
from diurnal.live.rooms import Rooms

log = structlog.get_logger(__name__)

HEARTBEAT_S = 25.0
SILENT_S = 60.0
"""A client that says nothing for so long is gone."""
POLL_S = 20.0
TRANSPORTS = ("websocket", "xhr-polling")
FRAMES_MAX = 100
"""Of one body."""
_SPLIT = "\ufffd"


class Frame(NamedTuple):
    """One frame."""

    type: int
    id: str
    endpoint: str
    data: str


def read_frame(text: str) -> Frame:
    """Return what a frame says.

    Raises:
        ValueError: it is none.
    """
    parts = text.split(":", 3)
    if len(parts) < 3 or len(parts[0]) != 1 or parts[0] not in "012345678":
        raise ValueError("no frame")
    return Frame(int(parts[0]), parts[1], parts[2], parts[3] if len(parts) > 3 else "")


def read_body(body: str) -> list[str]:
    """Return the frames of a body.

    Raises:
        ValueError: their lengths do not fit, or there are too many.
    """
    if not body.startswith(_SPLIT):
        return [body]
    found: list[str] = []
    at = 0
    while at < len(body):
        end = body.index(_SPLIT, at + 1)
        length = int(body[at + 1 : end])
        if body[at] != _SPLIT or length < 0 or len(found) >= FRAMES_MAX:
            raise ValueError("no frames")
        found.append(body[end + 1 : end + 1 + length])
        at = end + 1 + length
    return found


def write_body(frames: Sequence[str]) -> str:
    """Return several frames as one body."""
    if len(frames) == 1:
        return frames[0]
    return "".join(f"{_SPLIT}{len(frame)}{_SPLIT}{frame}" for frame in frames)


class OldSockets:
    """The sockets of one process."""

    def __init__(self, doors: Doors, rooms: Rooms, *, polling: bool) -> None:
        self._doors = doors
        self._rooms = rooms
        self._transports = TRANSPORTS if polling else TRANSPORTS[:1]
        self._sessions: dict[str, _Session] = {}
        self._sweeping: asyncio.Task[None] | None = None

    @property
    def count(self) -> int:
        """How many sockets are open."""
        return len(self._sessions)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        words = [word for word in scope["path"].split("/") if word][2:]
        if scope["type"] == "websocket":
            session = self._sessions.get(words[1]) if len(words) == 2 else None
            if session is None or words[0] != "websocket" or session.connection is not None:
                await send({"type": "websocket.close", "code": 1008})
                return
            await session.over_websocket(scope, receive, send)
            return
        request = Request(scope, receive)
        response = await self._answer(request, words)
        response.headers["Access-Control-Allow-Origin"] = request.headers.get("origin", "*")
        response.headers["Access-Control-Allow-Credentials"] = "true"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type"
        response.headers["Vary"] = "Origin"
        await response(scope, receive, send)

    async def _answer(self, request: Request, words: list[str]) -> Response:
        if request.method == "OPTIONS":
            return Response()
        if not words:
            return self._handshake(request)
        session = self._sessions.get(words[1]) if len(words) == 2 else None
        if session is None or words[0] not in self._transports:
            return PlainTextResponse("client not handshaken", 401)
        if words[0] != "xhr-polling" or session.connection is not None:
            return PlainTextResponse("another transport is in use", 400)
        if "disconnect" in request.query_params:
            await session.leave()
            return PlainTextResponse("")
        if request.method == "POST":
            return await session.take(request)
        return await session.poll()

    def _handshake(self, request: Request) -> Response:
        query = dict(request.query_params)
        if not query.get("auth") or not query.get("resource"):
            missing = "auth" if not query.get("auth") else "resource"
            return PlainTextResponse(f"Missing '{missing}' parameter.", 403)
        if len(self._sessions) >= SOCKETS_MAX:
            return PlainTextResponse("too many sockets", 503)
        sid = secrets.token_urlsafe(18)
        client = request.scope.get("client")
        base = f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"
        entering = Entering((), query, client[0] if client else "", base)
        self._sessions[sid] = _Session(self, sid, entering)
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.create_task(self._sweep())
        times = f"{SILENT_S:.0f}:{SILENT_S:.0f}"
        return PlainTextResponse(f"{sid}:{times}:{','.join(self._transports)}")

    async def _sweep(self) -> None:
        while self._sessions:
            await asyncio.sleep(1)
            now = time.monotonic()
            for session in list(self._sessions.values()):
                if now - session.heard > (SILENT_S if session.inside else SILENT_S / 4):
                    await session.leave()
                elif now - session.beaten > HEARTBEAT_S:
                    session.beaten = now
                    session.put("2::")

    async def enter(self, session: _Session, endpoint: str) -> Guest:
        """Let a session into the namespace that it names.

        Raises:
            Refused: none takes it.
        """
        namespace, _, query = endpoint.partition("?")
        more = dict(parse_qsl(query, keep_blank_values=True))
        door, path = door_of(self._doors, namespace)
        entering = session.entering._replace(path=path, query={**session.entering.query, **more})
        others = [d for d in self._doors.values() if door.takes_rest and d is not door]
        first: Refused | None = None
        for one in (door, *others):
            # On an account's own host name the namespace does not say which API is spoken.
            try:
                guest = await one.enter(entering)
            except Refused as refused:
                first = first or refused
                continue
            session.guest = guest
            if not await self._rooms.join(session):
                raise Refused("too many sockets")
            session.inside = True
            return guest
        raise first or Refused("Unknown user")

    def forget(self, session: _Session) -> None:
        """Have a session be no more."""
        self._sessions.pop(session.sid, None)
        if session.inside:
            self._rooms.part(session)

    async def close(self) -> None:
        """Let all go."""
        for session in list(self._sessions.values()):
            await session.leave()
        if self._sweeping is not None:
            self._sweeping.cancel()


class _Session:
    """One client; it is a member of its account's room once it has entered."""

    def __init__(self, sockets: OldSockets, sid: str, entering: Entering) -> None:
        self.sid = sid
        self.entering = entering
        self.guest: Guest
        self.inside = False
        self.heard = self.beaten = time.monotonic()
        self.connection: Connection | None = None
        self._sockets = sockets
        self._endpoint = ""
        self._out: deque[str] = deque(["1::"])
        self._more = asyncio.Event()
        self._more.set()
        self._polling = False
        self._gone = False

    # What is told

    def put(self, frame: str) -> bool:
        """Have a frame wait for the client; False where too many do."""
        if len(self._out) >= BACKLOG_MAX:
            return False
        self._out.append(frame)
        self._more.set()
        return True

    async def send(self, notices: Sequence[Notice]) -> None:
        """See `Member.send`."""
        for name, args in notices:
            data = msgspec.json.encode({"name": name, "args": args}).decode()
            if not self.put(f"5::{self._endpoint}:{data}"):
                await self.leave()
                return

    async def leave(self) -> None:
        """See `Member.leave`."""
        if self._gone:
            return
        self._gone = True
        self._out.append("0::")
        self._more.set()
        self._sockets.forget(self)
        if self.connection is not None:
            self.connection.cut(0.3)

    def _drain(self) -> list[str]:
        frames = list(self._out)
        self._out.clear()
        self._more.clear()
        return frames

    # What is said

    async def hear(self, text: str) -> None:
        """Do what a frame asks for; one that cannot be read ends the session."""
        self.heard = time.monotonic()
        try:
            frame = read_frame(text)
            await self._do(frame)
        except (ValueError, msgspec.DecodeError, RecursionError):
            await self.leave()

    async def _do(self, frame: Frame) -> None:
        if frame.type == 0:
            await self.leave()
        elif frame.type == 1 and frame.endpoint:
            await self._enter(frame.endpoint + (f":{frame.data}" if frame.data else ""))
        elif frame.type == 5 and self.inside:
            await self._called(frame)

    async def _enter(self, endpoint: str) -> None:
        if self.inside:
            return
        namespace = endpoint.partition("?")[0]
        self._endpoint = namespace
        try:
            await self._sockets.enter(self, endpoint)
        except Refused as refused:
            self.put(f"7::{namespace}:{refused}")
            return
        if self.connection is not None:
            self.connection.entered = True
        self.put(f"1::{namespace}")

    async def _called(self, frame: Frame) -> None:
        given = msgspec.json.decode(frame.data)
        if not isinstance(given, dict) or not isinstance(given.get("name"), str):
            raise ValueError("no event")
        args = given.get("args", [])
        if not isinstance(args, list):
            raise ValueError("no arguments")
        answer = await self.guest.call(given["name"], args)
        number = frame.id.removesuffix("+")
        if not number:
            return
        if not number.isdigit() or len(number) > 15:
            raise ValueError("no id")
        data = f"+{msgspec.json.encode(answer).decode()}" if frame.id.endswith("+") else ""
        if not self.put(f"6::{self._endpoint}:{number}{data}"):
            await self.leave()

    # Transports

    async def over_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak over a web socket."""
        self.connection = Connection(lambda _n: None)
        self.connection.entered = self.inside
        try:
            await self.connection.run(self._speak, scope, receive, send, _fits)
        finally:
            await self.leave()

    async def _speak(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        writer = asyncio.create_task(self._write(send))
        try:
            while not self._gone:
                message = await receive()
                if message["type"] != "websocket.receive":
                    break
                for text in read_body(message["text"]):
                    await self.hear(text)
        except ValueError:
            pass
        finally:
            writer.cancel()

    async def _write(self, send: Send) -> None:
        try:
            while True:
                await self._more.wait()
                for frame in self._drain():
                    await send({"type": "websocket.send", "text": frame})
                if self._gone:
                    await send({"type": "websocket.close"})
                    return
        except OSError:
            await self.leave()

    async def take(self, request: Request) -> Response:
        """Take the frames of a body."""
        try:
            texts = read_body((await _bounded(request)).decode())
        except ValueError:
            return PlainTextResponse("these are no frames", 400)
        for text in texts:
            await self.hear(text)
        return PlainTextResponse("1")

    async def poll(self) -> Response:
        """Wait for something to tell."""
        self.heard = time.monotonic()
        if self._polling:
            return PlainTextResponse("8::")
        self._polling = True
        try:
            async with asyncio.timeout(POLL_S):
                await self._more.wait()
        except TimeoutError:
            pass
        finally:
            self._polling = False
        self.heard = time.monotonic()
        frames = self._drain()
        return PlainTextResponse(write_body(frames) if frames else "8::")


def _fits(frame: str) -> bool:
    return frame[:1] == _SPLIT or frame[:1] in tuple("012345678")


async def _bounded(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > FRAME_BYTES_MAX:
            raise ValueError("too large")
        parts.append(part)
    return b"".join(parts)
