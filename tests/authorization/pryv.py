"""Pryv, 1.9 and 2.0 united: below the user's name, a token without a scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diurnal.dialects.pryv.service import ASSETS
from tests.authorization import table
from tests.authorization.table import (
    AIMS,
    CHANGERS,
    CREATORS,
    FRAMES,
    NOTE,
    OWN,
    OWNERS,
    READERS,
    Aim,
    Expected,
    Row,
    always,
    child,
    event,
    owner_only,
    stream,
)
from tests.authorization.tables import Table

USER = {"username": "{username}"}
EVENT = {**USER, **table.EVENT}
FILE = {**USER, **table.FILE}
NODE = {**USER, **table.NODE}
TOKEN = {**USER, "id": "{token}"}
MANAGERS = frozenset({"manager"})
SHARE = {"name": "S {event}", "permissions": [{"streamId": "{stream}", "level": "read"}]}


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


def granting(kind: str, aim: Aim) -> int:
    """A share of the stream of the aim: the owner's to give, and an app's of what it has."""
    if kind == "shared":
        return 403
    if aim in (Aim.OTHER, Aim.NOWHERE):
        return 400
    if kind in OWNERS:
        return 201
    whole = kind in ("reader", "contributor", "manager")
    return 201 if whole and aim is not Aim.OUTER else 403


def granted(status: int) -> Expected:
    """An access: all are the owner's, others know their own."""

    def expected(kind: str, aim: Aim) -> int:
        return status if kind in OWNERS and aim is Aim.INSIDE else 404

    return expected


def app_only(status: int) -> Expected:
    """What only an app has."""

    def expected(kind: str, _aim: Aim) -> int:
        return 400 if kind in OWNERS or kind == "shared" else status

    return expected


NAMES = {"name": "{username}"}
NOBODY = {"name": "nobody-at-all"}
UPDATE = {"description": "x"}
SLICE = {"username": "{username}", "id": "nowhere"}

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
        "GET /service/info": Row(always(200), public=True),
        "GET /reg/service/infos": Row(always(200), public=True),
        "GET /event-types/flat.json": Row(always(200), public=True),
        **{f"GET /assets/{name}": Row(always(200), public=True) for name in ASSETS},
        "GET /auth": Row(always(400), query="key=nothing", public=True),
        "GET /auth/done": Row(always(400), query="outcome=nothing", public=True),
        "POST /users": Row(always(400), body={}, public=True),
        "DELETE /users/{username}": Row(owner_only(400), USER, {"password": "wrong"}),
        "POST /reg/users": Row(always(400), body={}, public=True),
        "POST /reg/user": Row(always(400), body={}, public=True),
        "GET /reg/hostings": Row(always(200), public=True),
        "GET /reg/cores": Row(always(404), query="username=nobody-at-all", public=True),
        "GET /reg/apps": Row(always(200), public=True),
        "GET /reg/apps/{name}": Row(always(404), NOBODY, public=True),
        "POST /reg/access": Row(always(400), body={}, public=True),
        "POST /reg/access/invitationtoken/check": Row(always(200), body={}, public=True),
        "GET /reg/access/{key}": Row(always(400), {"key": "nothing"}, public=True),
        "POST /reg/access/{key}": Row(always(400), {"key": "nothing"}, {}, public=True),
        "GET /reg/{name}/check_username": Row(always(200), NAMES, public=True),
        "GET /reg/{name}/check_email": Row(always(200), NAMES, public=True),
        "GET /reg/{name}/server": Row(always(404), NOBODY, public=True),
        "POST /reg/{name}/server": Row(always(404), NOBODY, public=True),
        "GET /reg/{name}/uid": Row(always(404), NOBODY, public=True),
        "GET /reg/{name}/username": Row(always(404), NOBODY, public=True),
        "POST /{username}": Row(always(200), USER, []),
        "POST /{username}/auth/login": Row(always(400), USER, {}, public=True),
        "POST /{username}/auth/logout": Row(owner_only(200), USER),
        "GET /{username}/auth/who-am-i": Row(always(410), USER, public=True),
        "POST /{username}/account/request-password-reset": Row(always(401), USER, {}, public=True),
        "POST /{username}/account/reset-password": Row(always(400), USER, {}, public=True),
        "POST /{username}/mfa/activate": Row(always(400), USER, {}),
        "POST /{username}/mfa/confirm": Row(always(400), USER, {}),
        "POST /{username}/mfa/deactivate": Row(always(400), USER, {}),
        "POST /{username}/mfa/challenge": Row(always(403), USER, {}, public=True),
        "POST /{username}/mfa/verify": Row(always(403), USER, {}, public=True),
        "POST /{username}/mfa/recover": Row(always(400), USER, {}, public=True),
        "POST /{username}/events/start": Row(always(410), USER, {}),
        "POST /{username}/events/stop": Row(always(410), USER, {}),
        "GET /{username}/events/{id}": Row(event(READERS, 200), EVENT, aims=AIMS),
        "PUT /{username}/events/{id}": Row(event(CHANGERS, 200), EVENT, UPDATE, aims=AIMS),
        "DELETE /{username}/events/{id}": Row(event(CHANGERS, 200), EVENT, aims=AIMS),
        "POST /{username}/events/{id}": Row(always(400), EVENT, {}),
        "GET /{username}/events/{id}/{fileId}": Row(event(READERS, 200), FILE, aims=AIMS),
        "GET /{username}/events/{id}/{fileId}/{fileName:path}": Row(
            event(READERS, 200), {**FILE, "fileName": "a.txt"}, aims=AIMS
        ),
        "DELETE /{username}/events/{id}/{fileId}": Row(event(CHANGERS, 200), FILE, aims=AIMS),
        "GET /{username}/events/{id}/series": Row(event(READERS, 400), EVENT, aims=AIMS),
        "POST /{username}/events/{id}/series": Row(
            event(CHANGERS, 400),
            EVENT,
            {"format": "flatJSON", "fields": ["deltaTime", "value"], "points": []},
            aims=AIMS,
        ),
        "POST /{username}/series/batch": Row(
            always(200), USER, {"format": "seriesBatch", "data": []}
        ),
        "POST /{username}/streams": Row(
            child, USER, {"name": "New {event}", "parentId": "{stream}"}, aims=AIMS[:-1]
        ),
        "PUT /{username}/streams/{id}": Row(
            stream(MANAGERS, 200), NODE, {"clientData": {"a": 1}}, aims=AIMS[:-1]
        ),
        "DELETE /{username}/streams/{id}": Row(stream(MANAGERS, 200), NODE, aims=AIMS[:-1]),
        "GET /{username}/accesses": Row(lambda kind, _aim: 403 if kind == "shared" else 200, USER),
        "POST /{username}/accesses": Row(granting, USER, SHARE, aims=AIMS[:-1]),
        "POST /{username}/accesses/check-app": Row(
            owner_only(200), USER, {"requestingAppId": "a", "requestedPermissions": []}
        ),
        "GET /{username}/accesses/{id}": Row(granted(200), TOKEN, aims=OWN),
        "PUT /{username}/accesses/{id}": Row(
            lambda kind, aim: 403 if kind == "shared" else granted(200)(kind, aim),
            TOKEN,
            {"clientData": {"a": 1}},
            aims=OWN,
        ),
        "DELETE /{username}/accesses/{id}": Row(granted(200), TOKEN, aims=OWN),
        "GET /{username}/followed-slices": Row(owner_only(200), USER),
        "POST /{username}/followed-slices": Row(always(400), USER, {}),
        "PUT /{username}/followed-slices/{id}": Row(owner_only(404), SLICE, {}),
        "DELETE /{username}/followed-slices/{id}": Row(owner_only(404), SLICE),
        "GET /{username}/profile/public": Row(always(200), USER),
        "PUT /{username}/profile/public": Row(owner_only(200), USER, {}),
        "GET /{username}/profile/private": Row(owner_only(200), USER),
        "PUT /{username}/profile/private": Row(owner_only(200), USER, {}),
        "GET /{username}/profile/app": Row(app_only(200), USER),
        "PUT /{username}/profile/app": Row(app_only(200), USER, {}),
        "GET /{username}/webhooks": Row(always(200), USER),
        "POST /{username}/webhooks": Row(always(400), USER, {}),
        "GET /{username}/webhooks/{id}": Row(always(404), SLICE),
        "PUT /{username}/webhooks/{id}": Row(always(404), SLICE, {}),
        "DELETE /{username}/webhooks/{id}": Row(always(404), SLICE),
        "POST /{username}/webhooks/{id}/test": Row(always(404), SLICE, {}),
        "GET /{username}/audit/logs": Row(always(200), USER),
        "GET /{username}/account": Row(owner_only(200), USER),
        "PUT /{username}/account": Row(owner_only(200), USER, {}),
        "POST /{username}/account/change-password": Row(always(400), USER, {}),
    },
    carry,
    refused,
)
