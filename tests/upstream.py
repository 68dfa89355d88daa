"""A service of somebody else, on this machine: it answers as told, well or badly."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> Mapping[str, str]:
        """Members of a form."""
        return {k: v[-1] for k, v in parse_qs(self.body.decode(), keep_blank_values=True).items()}


@dataclass(frozen=True)
class Said:
    """One answer.

    Attributes:
        length: what `Content-Length` says, where it lies.
        cut: bytes after which the connection is reset.
        drip_s: pause between bytes.
        silent_s: pause before anything.
    """

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    cut: int | None = None
    drip_s: float = 0
    silent_s: float = 0


class Upstream:
    """The service: `url`, what it was `asked`, and how it answers (`answer`, changeable)."""

    def __init__(self, answer: Callable[[Asked], Said]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.over = threading.Event()
        self._lock = threading.Lock()
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                upstream._do(self)

            do_POST = do_PUT = do_DELETE = do_REPORT = do_GET  # noqa: N815 - the library's names

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def close(self) -> None:
        """Stop."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def _do(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        asked = Asked(
            method=handler.command,
            path=parts.path,
            query={k: v[-1] for k, v in parse_qs(parts.query, keep_blank_values=True).items()},
            headers={k.lower(): v for k, v in handler.headers.items()},
            body=handler.rfile.read(int(handler.headers.get("content-length") or 0)),
        )
        with self._lock:
            self.asked.append(asked)
        said = self.answer(asked)
        self.over.wait(said.silent_s)
        body = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
        handler.send_response(said.status)
        for name, value in said.headers.items():
            handler.send_header(name, value)
        handler.send_header(
            "Content-Length", str(len(body) if said.length is None else said.length)
        )
        handler.end_headers()
        if said.cut is not None:
            handler.wfile.write(body[: said.cut])
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return
        if said.drip_s:
            for i in range(len(body)):
                if self.over.wait(said.drip_s):
                    return
                handler.wfile.write(body[i : i + 1])
                handler.wfile.flush()
            return
        handler.wfile.write(body)


@contextmanager
def serving(answer: Callable[[Asked], Said]) -> Iterator[Upstream]:
    """Serve until the block ends."""
    upstream = Upstream(answer)
    try:
        yield upstream
    finally:
        upstream.close()


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
