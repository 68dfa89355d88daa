"""How values of settings are read, from text or from TOML.

Each raises a ValueError that says what it expects.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def path(raw: Any) -> Path:
    """Return an absolute path; `~` is the home directory."""
    if not isinstance(raw, str | Path) or not str(raw) or "\0" in str(raw):
        raise ValueError("a path")
    return Path(raw).expanduser().absolute()


def optional_path(raw: Any) -> Path | None:
    """Return a path, None for nothing."""
    return None if raw == "" else path(raw)


def number(low: int, high: int) -> Callable[[Any], int]:
    """Return a reader of whole numbers in a range."""
    expected = f"a whole number from {low} to {high}"

    def read(raw: Any) -> int:
        if isinstance(raw, str) and re.fullmatch(r"[0-9]{1,9}", raw.strip()):
            raw = int(raw)
        if not isinstance(raw, int) or isinstance(raw, bool) or not low <= raw <= high:
            raise ValueError(expected)
        return raw

    return read


_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12} | {
    "KIB": 1 << 10,
    "MIB": 1 << 20,
    "GIB": 1 << 30,
    "TIB": 1 << 40,
}


def size(raw: Any) -> int:
    """Return bytes from a number, or from text like `512 MiB`."""
    found = re.fullmatch(r"\s*([0-9]{1,18})\s*([A-Za-z]{0,3})\s*", str(raw))
    if isinstance(raw, bool) or not found or found[2].upper() not in _UNITS:
        raise ValueError("a size in bytes, like 1048576 or '512 MiB'")
    size = int(found[1]) * _UNITS[found[2].upper()]
    if not 0 < size < 1 << 62:
        raise ValueError("a size above 0 and below 4 EiB")
    return size


def choice(*allowed: str) -> Callable[[Any], str]:
    """Return a reader of one of some words."""
    expected = f"one of {', '.join(allowed)}"

    def read(raw: Any) -> str:
        if raw not in allowed:
            raise ValueError(expected)
        return str(raw)

    return read


_RATE = re.compile(r"[1-9][0-9]{0,8}/([1-9][0-9]{0,3} ?)?(second|minute|hour|day)s?")


def rate(raw: Any) -> str:
    """Return a rate of calls, like `300/hour`, or "none"."""
    if raw != "none" and not (isinstance(raw, str) and _RATE.fullmatch(raw)):
        raise ValueError("like 300/hour, or none")
    return str(raw)


def optional_rate(raw: Any) -> str | None:
    """Return a rate, None for nothing."""
    return None if raw == "" else rate(raw)


def _items(raw: Any, expected: str) -> list[str]:
    if isinstance(raw, str):
        return [item.strip() for item in raw.split(",") if item.strip()]
    if isinstance(raw, list | tuple) and all(isinstance(item, str) for item in raw):
        return [item.strip() for item in raw]
    raise ValueError(expected)


def networks(raw: Any) -> tuple[Network, ...]:
    """Return networks, from a list or from text with commas."""
    expected = "networks like 10.0.0.0/8, or addresses"
    try:
        return tuple(ipaddress.ip_network(item) for item in _items(raw, expected))
    except ValueError:
        raise ValueError(expected) from None


_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")


def text(raw: Any) -> str | None:
    """Return one line of text, None where it is blank."""
    if not isinstance(raw, str) or len(raw) > 1_000 or not raw.isprintable():
        raise ValueError("one line of text")
    return raw.strip() or None


def host_name(raw: Any) -> str:
    """Return a host name in lower case."""
    name = raw.lower().rstrip(".") if isinstance(raw, str) else ""
    if len(name) > 253 or not _HOST_NAME.fullmatch(name):
        raise ValueError("a host name")
    return name


def optional_host_name(raw: Any) -> str | None:
    """Return a host name, None for nothing."""
    return None if raw == "" else host_name(raw)


def host_patterns(raw: Any) -> tuple[str, ...]:
    """Return host names and patterns of them, in lower case."""
    expected = "host names; *.example.org and * are patterns"
    names = _items(raw, expected)
    for name in names:
        try:
            if name != "*":
                host_name(name.removeprefix("*."))
        except ValueError:
            raise ValueError(expected) from None
    return tuple(name.lower().rstrip(".") for name in names)


def bind_host(raw: Any) -> str:
    """Return an address or a host name to listen on."""
    if isinstance(raw, str) and is_address(raw):
        return raw
    try:
        return host_name(raw)
    except ValueError:
        raise ValueError("an address or a host name to listen on") from None


def public_url(raw: Any) -> str | None:
    """Return scheme and host of a URL, None for nothing."""
    if raw == "":
        return None
    parts = _split(raw)
    plain = parts is not None and parts.path in {"", "/"} and not (parts.query or parts.fragment)
    if parts is None or not plain or parts.scheme not in {"http", "https"} or "@" in parts.netloc:
        raise ValueError("like https://diurnal.example.org, without a path")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def database_url(raw: Any) -> str:
    """Return the URL of a database, its file with an absolute path."""
    if isinstance(raw, str) and re.match(r"sqlite:///.", raw):
        return f"sqlite:///{path(raw.removeprefix('sqlite:///'))}"
    parts = _split(raw)
    if parts is None or parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError("sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
    return str(raw)


def redis_url(raw: Any) -> str | None:
    """Return the URL of a Redis, None for nothing."""
    if raw == "":
        return None
    parts = _split(raw)
    if parts is None or parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("like redis://HOST:6379/0")
    return str(raw)


def _split(raw: Any) -> Any:
    """Return the parts of a URL with a host, or of one that needs none, or None."""
    try:
        parts = urlsplit(raw) if isinstance(raw, str) else None
        if parts is None or re.search(r"[\s\0]", raw):
            return None
        _ = parts.port  # a bad port is noticed only when asked for
    except ValueError:
        return None
    needs_host = parts.scheme in {"http", "https"}
    return parts if parts.scheme and (parts.hostname or not needs_host) else None


def optional_text(raw: Any) -> str | None:
    """Return one line of text, None for nothing."""
    return None if raw == "" else text(raw)


def mailbox(raw: Any) -> str | None:
    """Return an e-mail address, None for nothing."""
    if raw == "":
        return None
    if not isinstance(raw, str) or not re.fullmatch(r"[^\s<>@\0]+@[^\s<>@\0]+", raw):
        raise ValueError("an e-mail address")
    return raw


def switch(raw: Any) -> bool:
    """Return a yes or no."""
    if isinstance(raw, bool):
        return raw
    told = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if not isinstance(raw, str) or raw.strip().lower() not in told:
        raise ValueError("true or false")
    return told[raw.strip().lower()]


def is_address(host: str) -> bool:
    """Return whether a host is an IP address."""
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
