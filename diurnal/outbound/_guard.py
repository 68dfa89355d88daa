"""Connect only where a server may be made to connect: names are resolved once, and checked.

What is checked is what is connected to: the address is pinned, so a name that answers another
address a moment later gains nothing.
"""

from __future__ import annotations

import contextvars
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore2

from diurnal.errors import Upstream

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

ADDRESSES_MAX = 8
"""Of one name that are tried."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

deadline: contextvars.ContextVar[float] = contextvars.ContextVar("deadline")
"""Monotonic seconds at which the request under way must have ended."""


class NotAllowed(Upstream):
    """The address lies in a network that this server may not reach."""

    code = "not-allowed"


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, in the order of the system's choice."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def permitted(text: str, allow: Sequence[Network]) -> bool:
    """Return whether an address may be reached: a public one, or one in `allow`."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(
        _public(one) or any(one.version == net.version and one in net for net in allow)
        for one in _meant(address)
    )


def _meant(address: Address) -> list[Address]:
    """Return the address that packets end at: some IPv6 ones carry one of IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        inner: list[Address] = []
        if address.ipv4_mapped is not None:
            return [address.ipv4_mapped]
        if address.sixtofour is not None:
            inner.append(address.sixtofour)
        if address.teredo is not None:
            inner += address.teredo
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        return inner or [address]
    return [address]


def _public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def check(host: str, port: int, allow: Sequence[Network], look_up: Resolve) -> list[str]:
    """Return the addresses of a host, all of which may be reached.

    Raises:
        NotAllowed: one of them may not.
        Upstream: it has none.
    """
    try:
        found = list(look_up(host, port))
    except (OSError, UnicodeError) as error:
        raise Upstream(f"{host} has no address") from error
    if not found:
        raise Upstream(f"{host} has no address")
    if any(not permitted(address, allow) for address in found):
        raise NotAllowed(
            f"{host} is in a private network; the setting outbound_allow names those that this "
            "server may reach",
            permanent=True,
        )
    return found[:ADDRESSES_MAX]


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
