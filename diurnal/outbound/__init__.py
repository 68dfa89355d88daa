"""Requests that this server makes: to sources, webhooks and addresses that people give.

A leaf that `services` hands to whoever needs it. One client per kind of use (`outbound.client`):
names are resolved and checked against private networks (`outbound_allow`), answers are bounded
in bytes and in time, nothing is followed and no proxy, cookie or password of the environment is
used.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from diurnal.errors import InvalidInput, Upstream
from diurnal.outbound._answers import Answer, Failed
from diurnal.outbound._guard import Network, NotAllowed, Resolve, check, permitted, resolve

__all__ = ["Answer", "Failed", "NotAllowed", "check_url", "permitted"]

URL_MAX = 8_192


def check_url(
    url: str,
    allow: Sequence[Network] = (),
    *,
    schemes: Sequence[str] = ("https", "http"),
    look_up: Resolve = resolve,
) -> str:
    """Return an address that a person gave when this server may ask it; it is asked of the DNS.

    That it holds now is told early and kindly; what counts is the check when connecting.

    Raises:
        InvalidInput: no address of the web, one with a password in it, or one that may not be
            reached.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise InvalidInput("no address of the web", field="url") from error
    plain = len(url) <= URL_MAX and url.isprintable()
    if not plain or parts.scheme not in schemes or not parts.hostname:
        raise InvalidInput(f"an address begins with {' or '.join(schemes)}://", field="url")
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("an address carries no name or password", field="url")
    try:
        check(parts.hostname, port, allow, look_up)
    except Upstream as error:
        raise InvalidInput(error.message, field="url") from error
    return url
