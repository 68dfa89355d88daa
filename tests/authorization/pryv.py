"""Pryv, 1.9 and 2.0 united: below the user's name, a token without a scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.authorization.table import AIMS, CREATORS, FRAMES, NOTE, OWNERS, Aim, Row, always
from tests.authorization.tables import Table

USER = {"username": "{username}"}


def carry(token: str) -> Mapping[str, Any]:
    return {"headers": {"Authorization": token}}


def refused(kind: str) -> int:
    """No token is one thing to Pryv, one that opens nothing another."""
    return 401 if kind == "none" else 403


def reading_in(kind: str, aim: Aim) -> int:
    """Events of a stream; Pryv tells what is hidden from what is not there."""
    if aim in (Aim.OTHER, Aim.NOWHERE):
        return 400
    if kind in OWNERS:
        return 200
    return 403 if aim is Aim.OUTER or kind in ("nothing", "creator") else 200


def creating(kind: str, aim: Aim) -> int:
    """A new event in the stream of the aim."""
    if aim in (Aim.OTHER, Aim.NOWHERE):
        return 400
    if kind in OWNERS:
        return 201
    held = aim is Aim.OUTER or (aim is Aim.EDGE and kind in FRAMES)
    return 403 if held or kind not in CREATORS else 201


TABLE = Table(
    "pryv",
    {
        "GET /": Row(always(200), public=True),
        "GET /reg/service/info": Row(always(200), public=True),
        "GET /{username}": Row(always(200), USER, public=True),
        "GET /{username}/service/info": Row(always(200), USER, public=True),
        "GET /{username}/access-info": Row(always(200), USER),
        "GET /{username}/events": Row(reading_in, USER, query="streams={stream}", aims=AIMS[:-1]),
        "POST /{username}/events": Row(creating, USER, NOTE, aims=AIMS[:-1]),
        "GET /{username}/streams": Row(always(200), USER),
    },
    carry,
    refused,
)
