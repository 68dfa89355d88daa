"""Personyze: Basic with a key; records belong to whoever has a right on the whole account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.authorization.table import OWNERS, Aim, Expected, Row
from tests.authorization.tables import Table

PLACE = {"path": "placeholders/999"}
NEW = {"path": "placeholders"}


def carry(token: str) -> Mapping[str, Any]:
    return {"auth": ("api", token)}


def whole(status: int) -> Expected:
    """A right on all of the account; what narrows a key to a part of it opens no record."""

    def expected(kind: str, _aim: Aim) -> int:
        return status if kind in OWNERS else 500

    return expected


TABLE = Table(
    "personyze",
    {
        "GET /rest/{path:path}": Row(whole(200), NEW),
        "POST /rest/{path:path}": Row(whole(200), NEW, {"name": "x"}),
        "PUT /rest/{path:path}": Row(whole(200), PLACE, {"name": "x"}),
        "DELETE /rest/{path:path}": Row(whole(200), PLACE),
    },
    carry,
    alike={"the path holds a NUL": "the path is not UTF-8"},
    without=frozenset({"session"}),
)
