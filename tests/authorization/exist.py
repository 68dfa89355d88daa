"""Exist, version 1: day values of one's own."""

from __future__ import annotations

from tests.authorization.table import Aim, Row
from tests.authorization.tables import Table

MINE = {"username": "{whose}"}
BLIND = frozenset({"creator", "nothing"})
NAMES = (Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)
"""Whose data: the caller's own name, another's, nobody's."""


def own(kind: str, aim: Aim) -> int:
    """Whatever may be read of it, to whoever asks for their own."""
    if aim is not Aim.INSIDE:
        return 404
    return 403 if kind in BLIND else 200


def one(kind: str, aim: Aim) -> int:
    """Weight, of which there is nothing yet."""
    return own(kind, aim)


TABLE = Table(
    "exist",
    {
        "GET /api/1/users/{username}/attributes": Row(own, MINE, aims=NAMES),
        "GET /api/1/users/{username}/attributes/{attribute}": Row(
            one, {**MINE, "attribute": "weight"}, aims=NAMES
        ),
    },
    # Exist's own token is one of a kind; an application's, of any API, is a bearer's.
    api="native",
)
