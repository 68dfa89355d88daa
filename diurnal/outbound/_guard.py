"""Connect only where a server may be made to connect: names are resolved once, and checked.

What is checked is what is connected to: the address is pinned, so a name that answers another
address a moment later gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence

from diurnal.errors import Upstream
from diurnal.outbound._answers import Failed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

ADDRESSES_MAX = 8
"""Of one name that are tried."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


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
        Failed: none is found, which may be only because our own line is down.
        Upstream: it is no name.
    """
    try:
        found = list(look_up(host, port))
    except OSError as error:
        raise Failed(f"{host} has no address") from error
    except UnicodeError as error:
        raise Upstream(f"{host} is no name of a host") from error
    if not found:
        raise Failed(f"{host} has no address")
    if any(not permitted(address, allow) for address in found):
        raise NotAllowed(
            f"{host} is in a private network; the setting outbound_allow names those that this "
            "server may reach",
            permanent=True,
        )
    return found[:ADDRESSES_MAX]
