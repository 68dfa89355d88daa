"""A load client in a process of its own: ready requests over many connections, asyncio sockets.

    python -m bench.load PORT CONNECTIONS FILE [--paced SECONDS]

FILE holds a msgpack list of whole requests; each is sent once, by the next idle connection. Prints
one JSON line: how many, how long, latencies and statuses.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec


class _Client(asyncio.Protocol):
    """One connection: sends the next request when the answer to the last is whole."""

    def __init__(self, todo: Iterator[bytes], tally: _Tally) -> None:
        self._todo, self._tally = todo, tally
        self._buffer = bytearray()
        self._wanted = 0
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = next(self._todo, None)
        if request is None:
            self._transport.close()
            self.done.set_result(None)
            return
        self._wanted = 0
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._wanted:
            head, found, _ = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
            self._wanted = len(head) + 4 + int(length)
            self._tally.statuses[int(head[9:12])] += 1
        if len(self._buffer) >= self._wanted:
            self._tally.sizes[self._wanted] += 1
            del self._buffer[: self._wanted]
            self._tally.latencies.append(time.perf_counter() - self._sent_at)
            if self._tally.pause_s:
                asyncio.get_running_loop().call_later(self._tally.pause_s, self._next)
            else:
                self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("closed before its answer"))


class _Tally:
    def __init__(self, pause_s: float) -> None:
        self.pause_s = pause_s
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.sizes: Counter[int] = Counter()


async def run(port: int, connections: int, requests: list[bytes], pause_s: float) -> _Tally:
    """Send every request once."""
    tally, todo = _Tally(pause_s), iter(requests)
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: _Client(todo, tally), "127.0.0.1", port))[1]
        for _ in range(min(connections, len(requests)))
    ]
    await asyncio.gather(*(client.done for client in clients))
    return tally


def main(arguments: list[str]) -> None:
    """Load the server that the command line names."""
    port, connections, path = int(arguments[0]), int(arguments[1]), Path(arguments[2])
    pause_s = float(arguments[4]) if arguments[3:4] == ["--paced"] else 0.0
    requests = msgspec.msgpack.decode(path.read_bytes(), type=list[bytes])
    begin = time.perf_counter()
    tally = asyncio.run(run(port, connections, requests, pause_s))
    took = sorted(tally.latencies)
    told = {
        "n": len(took),
        "seconds": time.perf_counter() - begin,
        "p50": took[len(took) // 2],
        "p99": took[min(len(took) - 1, len(took) * 99 // 100)],
        "statuses": tally.statuses,
        "size": tally.sizes.most_common(1)[0][0],
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
