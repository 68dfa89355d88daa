"""A broker of MQTT 3.1.1, as small as a client needs it: it tells those who subscribe."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Message = tuple[str, bytes]


@dataclass
class Broker:
    """What it heard: user names with passwords, topics subscribed to, and what was acknowledged."""

    port: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    connections: int = 0


@contextmanager
def serving(messages: Sequence[Message], *, busy_first: bool = False) -> Iterator[Broker]:
    """Serve until the block ends; `busy_first` refuses the first connection."""
    broker = Broker()
    server = socket.create_server(("127.0.0.1", 0))
    broker.port = server.getsockname()[1]

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            broker.connections += 1
            with suppress(OSError, EOFError), client:
                _talk(client, broker, messages, busy=busy_first and broker.connections == 1)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield broker
    finally:
        server.close()


def _talk(
    client: socket.socket, broker: Broker, messages: Sequence[Message], *, busy: bool
) -> None:
    while True:
        kind, body = _packet(client)
        if kind >> 4 == 1:
            broker.asked.append(_credentials(body))
            client.sendall(b"\x20\x02\x00\x03" if busy else b"\x20\x02\x00\x00")
        elif kind >> 4 == 8:
            length = struct.unpack_from(">H", body, 2)[0]
            broker.topics.append(body[4 : 4 + length].decode())
            client.sendall(b"\x90\x03" + body[:2] + b"\x01")
            for n, (topic, payload) in enumerate(messages, 1):
                client.sendall(_publish(n, topic, payload))
        elif kind >> 4 == 4:
            broker.acknowledged.append(struct.unpack(">H", body)[0])
        elif kind >> 4 == 12:
            client.sendall(b"\xd0\x00")
        elif kind >> 4 == 14:
            return


def _publish(n: int, topic: str, payload: bytes) -> bytes:
    name = topic.encode()
    body = struct.pack(">H", len(name)) + name + struct.pack(">H", n) + payload
    return b"\x32" + _length(len(body)) + body


def _length(n: int) -> bytes:
    found = b""
    while True:
        n, digit = divmod(n, 128)
        found += bytes([digit | (0x80 if n else 0)])
        if not n:
            return found


def _packet(client: socket.socket) -> tuple[int, bytes]:
    kind = _exactly(client, 1)[0]
    size = shift = 0
    while True:
        digit = _exactly(client, 1)[0]
        size |= (digit & 0x7F) << shift
        shift += 7
        if not digit & 0x80:
            return kind, _exactly(client, size)


def _exactly(client: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        block = client.recv(size - len(found))
        if not block:
            raise EOFError
        found += block
    return found


def _credentials(body: bytes) -> tuple[str, str]:
    """Return user name and password of a CONNECT."""
    at = 2 + struct.unpack_from(">H", body)[0]
    flags = body[at + 1]
    at += 4
    told = []
    for there in (True, flags & 0x80, flags & 0x40):
        text = ""
        if there:
            size = struct.unpack_from(">H", body, at)[0]
            text = body[at + 2 : at + 2 + size].decode()
            at += 2 + size
        told.append(text)
    return told[1], told[2]
