"""How a dialect joins the generated authorization tests, in a quarter of an hour.

1. `DIALECT` in `diurnal/dialects/<name>` lists its `routes`: every "METHOD /path" below its
   prefix, in the words of its router. A route that a router knows and the list does not, or the
   other way round, fails `test_routes_are_those_of_the_router`.
2. Guard its handlers with `http.guarded(…, watch=http.Watch(ctx, "<name>", "<action>"))`; where
   the path does not tell what is done, the handler says `http.doing.name("<action>")`. Elements
   of a batch and calls of a socket run inside `async with http.doing.doing(…)`. Each request of
   the tests must leave exactly one line in the audit.
3. Write `tests/authorization/<name>.py` with a constant `TABLE = Table(…)`: a `Row` for each
   route, and how this dialect carries a token.

A row says what each kind of token (`table.KINDS`) gets for each aim (`table.Aim`):

    "GET /{username}/events/{id}": Row(
        expected,                               # (kind, aim) -> status
        {"username": "{username}", "id": "{event}"},    # what fills the path
        aims=AIMS,
    ),

`expected` is asked for tokens that open the door; what those that do not get is
`Table.refused`. Write it with the sets of `table` (OWNERS, READERS, CHANGERS, CREATORS, VEILED):
INSIDE is within the permission of every limited token, EDGE within their stream but outside the
measure, tag and time frame, OUTER a stream that they may not know of, OTHER an id of another
account, NOWHERE nobody's, TRASHED like INSIDE and in the trash. `{event}`, `{file}`, `{node}` (a
stream that may be changed), `{stream}`, `{type}`, `{tag}`, `{time}`, `{measure}`, `{token}`, …
stand for what `World.aim` makes anew for each request; `{username}` is the caller's, `{whose}`
that of the aim. A dialect that aims at something else adds it there.

What no row can say (a password in a body, a flow of several steps) belongs to the dialect's own
tests; the row then has the one status that a stranger gets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.authorization.table import Row

Carry = Callable[[str], Mapping[str, Any]]
"""Token -> what a request carries it in: `headers`, `params` or `auth`."""


def bearer(token: str) -> Mapping[str, Any]:
    return {"headers": {"Authorization": f"Bearer {token}"}}


def _unauthenticated(_kind: str) -> int:
    return 401


@dataclass(frozen=True)
class Table:
    """What the tests know of a dialect.

    Attributes:
        carry: how a token is sent.
        refused: kind of token that opens nothing (`table.OUTSIDE`) -> status.
        api: for which the tokens are made; its own name where it is left out.
        without: kinds of token that this dialect does not know.
        alike: words of an answer that may differ between two ids, beside the ids.
    """

    dialect: str
    rows: Mapping[str, Row]
    carry: Carry = bearer
    refused: Callable[[str], int] = _unauthenticated
    api: str | None = None
    without: frozenset[str] = frozenset()
    alike: Mapping[str, str] = field(default_factory=dict)
