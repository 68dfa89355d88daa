"""Dialects: one package or file per public API, found by scanning for `DIALECT`.

A dialect translates wire -> use case -> wire. It has no SQL, no rules of its own, and its own
error words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from diurnal.errors import AppError
from diurnal.live import Door
from diurnal.services.context import Context

App = Callable[..., Any]
"""An ASGI application."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One public API as spoken.

    Attributes:
        prefix: where it is mounted, "/exist".
        statuses: every class of `errors` -> (HTTP status, the dialect's own id); `AppError`
            itself is the row for bugs, so that a crash answers in the dialect's words too.
        app: make the ASGI application; it sees paths below the prefix.
        also_at: further prefixes; `root_path` tells the application where it is called.
        sockets: the door for Socket.IO namespaces that begin with the prefix.
        sockets_at: doors for those that begin with a further prefix.
        user_hosts: where it has a host name of its own, each account has one below that, too:
            `{username}.pryv.example.org` is `pryv.example.org/{username}`.
        well_known: what it answers under `/.well-known` at the root, by path below that.
        routes: every "METHOD /path" there is, below the prefix, in the words of its own router
            (`/users/{username}`); each needs a row in `tests/authorization`.
    """

    name: str
    title: str
    prefix: str
    statuses: Mapping[type[AppError], tuple[int, str]]
    app: Callable[[Context], App]
    routes: tuple[str, ...] = ()
    also_at: tuple[str, ...] = ()
    sockets: Callable[[Context], Door] | None = None
    sockets_at: Mapping[str, Callable[[Context], Door]] = {}
    user_hosts: bool = False
    well_known: Callable[[Context], Mapping[str, Any]] | None = None
