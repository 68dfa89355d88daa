"""Exist, version 1: day values of one's own."""

from __future__ import annotations

from tests.authorization.table import OWNERS, READERS, VEILED, Aim, Row
from tests.authorization.tables import Table

MINE = {"username": "{whose}"}
NAMES = (Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)
"""Whose data: the caller's own name, another's, nobody's."""


def own(kind: str, aim: Aim) -> int:
    """Whatever may be read of it, to whoever asks for their own."""
    return 200 if aim is Aim.INSIDE else 404


def one(kind: str, aim: Aim) -> int:
    """Weight: there for whoever may read its days."""
    seen = kind in OWNERS | READERS | VEILED and kind != "tagged"
    return 200 if aim is Aim.INSIDE and seen else 404


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
