"""Redirect URIs: which may be registered, and which registered one a request means."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from diurnal.errors import InvalidInput

LENGTH_MAX = 2_000
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{1,60}")
_DANGEROUS = frozenset(
    [
        "about",
        "blob",
        "chrome",
        "chrome-extension",
        "data",
        "file",
        "filesystem",
        "ftp",
        "gopher",
        "intent",
        "javascript",
        "mailto",
        "tel",
        "vbscript",
        "view-source",
        "ws",
        "wss",
    ]
)
_LOOPBACK = re.compile(
    r"http://(localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?(?=[/?]|\Z)"
)
_LOCAL_ENDINGS = (".local", ".lan", ".internal", ".home.arpa", ".localhost")


def check(uri: str, *, field: str = "redirect_uris") -> None:
    """Refuse what cannot be a redirect URI of an application.

    `https`, `http` within this machine or the house, or a scheme of the application's own.

    Raises:
        InvalidInput: it cannot.
    """
    plain = uri.isascii() and uri.isprintable() and not re.search(r"[\s\\<>\"{}|^`]", uri)
    if not plain or not 0 < len(uri) <= LENGTH_MAX or "#" in uri:
        raise InvalidInput("a redirect URI is an absolute address without a fragment", field=field)
    parts = _split(uri)
    if parts is None or not _SCHEME.fullmatch(parts.scheme) or parts.scheme in _DANGEROUS:
        raise InvalidInput("a redirect URI begins with https://", field=field)
    if "@" in parts.netloc:
        raise InvalidInput("a redirect URI has no user name", field=field)
    if re.search(r"(^|/)(\.|%2e){1,2}(/|$)", parts.path, re.IGNORECASE):
        raise InvalidInput("a redirect URI has no . or .. in its path", field=field)
    if parts.scheme in ("http", "https"):
        if not parts.hostname:
            raise InvalidInput("a redirect URI names a host", field=field)
        if parts.scheme == "http" and not _near(parts.hostname):
            raise InvalidInput("outside of your own network, a redirect URI is https", field=field)


def is_own_scheme(uri: str) -> bool:
    """Return whether a redirect URI is of an application on the device, which others may claim."""
    return urlsplit(uri).scheme not in ("http", "https")


def matching(registered: Iterable[str], asked: str) -> str | None:
    """Return where to send the browser, None where `asked` is not registered.

    Exactly as registered, character by character; only the port of an address of this machine
    may differ, for programs that listen on whichever is free (RFC 8252, 7.3).
    """
    for uri in registered:
        if uri == asked:
            return asked
        near = _without_port(uri)
        if near is not None and near == _without_port(asked):
            return asked
    return None


def _without_port(uri: str) -> str | None:
    """Return an address of this machine without its port, None of any other address."""
    found = _LOOPBACK.match(uri)
    return None if found is None else f"{found[1]} {uri[found.end() :]}"


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port  # a bad port is noticed only when asked for
    except ValueError:
        return None
    return parts


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _near(host: str) -> bool:
    if _loopback(host) or host.endswith(_LOCAL_ENDINGS):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
