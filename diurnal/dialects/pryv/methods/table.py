"""What a method is: one shape for HTTP, batch calls and sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from diurnal.dialects.pryv.checks import Params
from diurnal.model.access import Access
from diurnal.services.context import Context

Result = dict[str, Any]
"""A JSON object, without `meta`."""


class Call(NamedTuple):
    """Who calls, and how.

    Attributes:
        token: by which.
        base: address of the API as the client reached it (`http://host/pryv`), no slash at the
            end; what addresses in answers begin with.
        address: of the client.
        most: events that one answer may hold; None over HTTP, which streams them.
    """

    access: Access
    token: str
    base: str = ""
    address: str = ""
    most: int | None = None


def _never(_asked: Any) -> bool:
    return False


class Method(NamedTuple):
    """A method of Pryv's API.

    Attributes:
        take: turn parameters into our words, outside the store's turns; gets the time.
        run: call the use case and write the result: (tx, ctx, call, asked).
        writes: whether its transaction writes.
        status: of a success over HTTP.
        alone: it blocks (a password's hash, a request elsewhere) and takes its own turns of the
            store: it gets None for the transaction, and is run in a thread.
        quick: whether what is asked for is read in a millisecond, and so on the event loop.
    """

    take: Callable[[Params, int], Any]
    run: Callable[[Any, Context, Call, Any], Result]
    writes: bool = False
    status: int = 200
    alone: bool = False
    quick: Callable[[Any], bool] = _never


Table = Mapping[str, Method]
