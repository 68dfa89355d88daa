"""The Personal API: the token is a parameter; a resource is hidden from who may not know of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.authorization.table import OWNERS, Aim, Expected, Row, always
from tests.authorization.tables import Table

WEIGHT = {"resource": "weight"}
NOTHING = {"resource": "weight", "id": "1"}


def carry(token: str) -> Mapping[str, Any]:
    return {"params": {"token": token, "at": token}}


KNOWS = frozenset(
    {"reader", "contributor", "manager", "creator", "shared", "measured", "dayer", "late"}
)
"""Who may know of weight at any time and with any tag: `tagged` and `framed` are too narrow."""
READS = (KNOWS - {"creator"}) | OWNERS
CHANGES = frozenset({"contributor", "manager", "measured"}) | OWNERS
CREATES = CHANGES | {"creator"}


def may(kinds: frozenset[str], status: int) -> Expected:
    """Some right on weight: hidden from who has none, refused where another is needed."""

    def expected(kind: str, _aim: Aim) -> int:
        if kind in kinds:
            return status
        return 401 if kind in KNOWS | OWNERS else 404

    return expected


ANY = KNOWS | OWNERS
POSTED = ("modules_save", "tokens", "update", "user")
TABLE = Table(
    "personal",
    {
        "GET /v1/{resource}": Row(may(READS, 404), WEIGHT),
        "POST /v1/{resource}": Row(may(CREATES, 400), WEIGHT, content=b""),
        "PUT /v1/{resource}": Row(may(ANY, 304), WEIGHT, content=b""),
        "DELETE /v1/{resource}": Row(may(ANY, 400), WEIGHT),
        "GET /v1/{resource}/{id}": Row(may(READS, 404), NOTHING),
        "POST /v1/{resource}/{id}": Row(may(ANY, 400), NOTHING, content=b""),
        "PUT /v1/{resource}/{id}": Row(may(CHANGES, 304), NOTHING, content=b""),
        "DELETE /v1/{resource}/{id}": Row(may(CHANGES, 404), NOTHING),
        "GET /v1/{resource}/{id}/{rest:path}": Row(always(404), NOTHING | {"rest": "x"}),
        "POST /v1/{resource}/{id}/{rest:path}": Row(always(400), NOTHING | {"rest": "x"}),
        "PUT /v1/{resource}/{id}/{rest:path}": Row(always(304), NOTHING | {"rest": "x"}),
        "DELETE /v1/{resource}/{id}/{rest:path}": Row(always(400), NOTHING | {"rest": "x"}),
        "GET /v0/{resource}": Row(may(READS, 200), WEIGHT),
        "GET /": Row(always(200), public=True),
        "GET /index.php": Row(always(200), public=True),
        "GET /update.php": Row(always(401), public=True),
        "GET /admin": Row(always(303), public=True),
        "GET /admin/login.php": Row(always(200), public=True),
        "POST /admin/auth.php": Row(
            always(401), content=b"", public=True, endless=True
        ),  # a few guesses, or it asks for patience
        "POST /admin/logout.php": Row(always(303), content=b"", public=True),
        **{
            f"GET /admin/{name}.php": Row(always(303), public=True)
            for name in ("index", "modules", "modules_save", "tokens", "update", "user")
        },
        "GET /admin/log.php": Row(always(303), public=True),
        "GET /admin/docs.php": Row(always(303), public=True),
        **{
            f"POST /admin/{name}.php": Row(always(303), content=b"", public=True) for name in POSTED
        },
    },
    carry,
    without=frozenset({"session"}),
)
