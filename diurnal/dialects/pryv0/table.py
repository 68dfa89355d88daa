"""What a method is: one shape for HTTP and sockets; and the two versions of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from diurnal.model.access import Access
from diurnal.services.context import Context

Params = dict[str, Any]
API = "pryv0"


class Version(NamedTuple):
    """One version of the API.

    Attributes:
        later: 0.4: slug-style ids, events with types of two parts, accesses for tokens.
        strict: whether channels that do not say so keep their periods apart.
    """

    number: str
    later: bool
    strict: bool


OLD = Version("0.1.0", later=False, strict=True)
LATER = Version("0.4.9", later=True, strict=False)


class Call(NamedTuple):
    """Who calls, and how."""

    access: Access
    token: str
    version: Version
    base: str
    address: str


class Method(NamedTuple):
    """A method: run(tx, ctx, call, params); `alone` ones get no transaction, and a thread."""

    run: Callable[[Any, Context, Call, Params], Any]
    writes: bool = False
    status: int = 200
    alone: bool = False
    admin: bool = False


Table = Mapping[str, Method]
