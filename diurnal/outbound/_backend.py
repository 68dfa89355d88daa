"""Connections to checked addresses, whose every read and write ends by a deadline."""

from __future__ import annotations

import contextvars
import ssl
import time
from collections.abc import Iterable, Sequence
from typing import Any

import httpcore2

from diurnal.outbound._guard import Network, Resolve, check

deadline: contextvars.ContextVar[float] = contextvars.ContextVar("deadline")
"""Monotonic seconds at which the request under way must have ended."""


class Backend(httpcore2.NetworkBackend):
    """Opens connections to checked addresses only; every read and write ends by the deadline."""

    def __init__(self, allow: Sequence[Network], look_up: Resolve) -> None:
        self._allow, self._look_up = allow, look_up
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """See `httpcore2.NetworkBackend`."""
        failed: Exception | None = None
        for address in check(host, port, self._allow, self._look_up):
            try:
                stream = self._plain.connect_tcp(
                    address, port, left(timeout), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
                continue
            return _Timed(stream)
        raise failed or httpcore2.ConnectError("no address answers")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.NetworkStream:
        """Refuse: sockets of this machine are nobody's business outside."""
        raise httpcore2.UnsupportedProtocol("no local sockets")

    def sleep(self, seconds: float) -> None:
        """See `httpcore2.NetworkBackend`."""
        time.sleep(seconds)


def left(timeout: float | None) -> float:
    """Return seconds that an operation may take, never past the deadline.

    Raises:
        httpcore2.ReadTimeout: the deadline has passed.
    """
    rest = deadline.get(time.monotonic() + 60) - time.monotonic()
    if rest <= 0:
        raise httpcore2.ReadTimeout("the answer took too long")
    return rest if timeout is None else min(timeout, rest)


class _Timed(httpcore2.NetworkStream):
    """A stream whose operations end by the deadline, however slowly bytes trickle in."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
