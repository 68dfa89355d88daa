"""Pryv of 2012: channels are roots, folders what is below; a bare token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.authorization import table
from tests.authorization.table import AIMS, CREATORS, FRAMES, OWNERS, Aim, Row, always
from tests.authorization.tables import Table

USER = {"username": "{username}"}
CHANNEL = {**USER, "channelId": "diurnal"}
EVENT = {**CHANNEL, **table.EVENT}
NOWHERE = {**USER, "id": "nowhere"}
NODE = {**CHANNEL, **table.NODE}
TOP = {**USER, "id": "diurnal"}
PLACES = AIMS[:-1]
VALUE = {"type": "{type}"}
NOTE = {"folderId": "{stream}", "tags": ["{tag}"], "time": "{time}", "value": VALUE}


def carry(token: str) -> Mapping[str, Any]:
    return {"headers": {"Authorization": token}}


def admin(status: int) -> table.Expected:
    """What asks for a session of the owner."""
    return lambda kind, _aim: status if kind in OWNERS else 401


def in_channel(status: int) -> table.Expected:
    """What is of the standard channel: there for whoever knows of anything in it."""
    return lambda kind, _aim: 404 if kind == "nothing" else status


def of_folder(right: frozenset[str], status: int) -> table.Expected:
    """What names a folder in its parameters."""

    def expected(kind: str, aim: Aim) -> int:
        if kind == "nothing":
            return 404
        if aim in (Aim.OTHER, Aim.NOWHERE):
            return 400
        if kind in OWNERS:
            return status
        if aim is Aim.OUTER:
            return 400
        return status if kind in right else 403

    return expected


ALL = frozenset(table.KINDS)


def creating(kind: str, aim: Aim) -> int:
    """A new event in the folder of the aim."""
    found = of_folder(CREATORS, 201)(kind, aim)
    return 403 if found == 201 and aim is Aim.EDGE and kind in FRAMES else found


MANAGERS = frozenset({"manager"})
SHARE = {
    "name": "S {event}",
    "permissions": [
        {
            "channelId": "diurnal",
            "folderPermissions": [{"folderId": "{stream}", "type": "read-only"}],
        }
    ],
}


def making(kind: str, _aim: Aim) -> int:
    """A new channel is the owner's to make."""
    return 201 if kind in OWNERS else 403


def sharing(kind: str, aim: Aim) -> int:
    """A token for the channel of the aim: the owner's to give, and an app's of what it has."""
    if aim in (Aim.OTHER, Aim.NOWHERE):
        return 400
    if kind in OWNERS:
        return 201
    if aim is Aim.OUTER or kind == "nothing":
        return 400
    return 201 if kind in ("reader", "contributor", "manager") else 403


def managing(kind: str, _aim: Aim) -> int:
    """The standard channel itself: the owner's to change; others know of what is in it."""
    if kind in OWNERS:
        return 200
    return 404


def app_only(kind: str, _aim: Aim) -> int:
    """What only an app has."""
    return 400 if kind in OWNERS or kind == "shared" else 200


TABLE = Table(
    "pryv0",
    {
        "GET /{username}": Row(always(200), USER),
        "POST /{username}/admin/login": Row(always(400), USER, {}, public=True),
        "POST /reg/init": Row(always(400), body={}, public=True),
        "POST /reg/access": Row(always(400), body={}, public=True),
        "GET /reg/access/{key}": Row(always(400), {"key": "nothing"}, public=True),
        "GET /reg/{name}/check": Row(always(200), {"name": "{username}"}, public=True),
        "GET /reg/{name}/server": Row(always(404), {"name": "nobody"}, public=True),
        "POST /reg/{name}/server": Row(always(404), {"name": "nobody"}, public=True),
        "GET /reg/{name}/confirm": Row(always(400), {"name": "nothing"}, public=True),
        "POST /reg/{name}/confirm": Row(always(400), {"name": "nothing"}, public=True),
        "GET /{username}/admin/who-am-i": Row(admin(200), USER),
        "POST /{username}/admin/get-my-token": Row(admin(200), USER, {"applicationId": "app"}),
        "POST /{username}/admin/get-app-token": Row(admin(200), USER, {"applicationId": "app"}),
        "GET /{username}/admin/user-info": Row(admin(200), USER),
        "PUT /{username}/admin/user-info": Row(admin(200), USER, {}),
        "POST /{username}/admin/change-password": Row(admin(400), USER, {}),
        "GET /{username}/admin/channels": Row(always(200), USER),
        "POST /{username}/admin/channels": Row(making, USER, {"name": "C {event}"}),
        "PUT /{username}/admin/channels/{id}": Row(always(404), NOWHERE, {}),
        "DELETE /{username}/admin/channels/{id}": Row(always(404), NOWHERE),
        "GET /{username}/admin/tokens": Row(always(200), USER),
        "POST /{username}/admin/tokens": Row(sharing, USER, SHARE, aims=PLACES),
        "PUT /{username}/admin/tokens/{id}": Row(always(404), NOWHERE, {}),
        "DELETE /{username}/admin/tokens/{id}": Row(always(404), NOWHERE),
        "POST /{username}/admin/accesses/check-app": Row(
            admin(200), USER, {"requestingAppId": "a", "requestedPermissions": []}
        ),
        "GET /{username}/admin/accesses": Row(always(200), USER),
        "POST /{username}/admin/accesses": Row(sharing, USER, SHARE, aims=PLACES),
        "PUT /{username}/admin/accesses/{id}": Row(always(404), NOWHERE, {}),
        "DELETE /{username}/admin/accesses/{id}": Row(always(404), NOWHERE),
        "GET /{username}/admin/bookmarks": Row(admin(200), USER),
        "POST /{username}/admin/bookmarks": Row(admin(400), USER, {}),
        "PUT /{username}/admin/bookmarks/{id}": Row(admin(404), NOWHERE, {"name": "x"}),
        "DELETE /{username}/admin/bookmarks/{id}": Row(admin(404), NOWHERE),
        "GET /{username}/profile/public": Row(always(200), USER),
        "PUT /{username}/profile/public": Row(table.owner_only(200), USER, {}),
        "GET /{username}/profile/private": Row(table.owner_only(200), USER),
        "PUT /{username}/profile/private": Row(table.owner_only(200), USER, {}),
        "GET /{username}/profile/app": Row(app_only, USER),
        "PUT /{username}/profile/app": Row(app_only, USER, {}),
        "GET /{username}/access-info": Row(always(200), USER),
        "GET /{username}/accesses": Row(always(200), USER),
        "POST /{username}/accesses": Row(sharing, USER, SHARE, aims=PLACES),
        "PUT /{username}/accesses/{id}": Row(always(404), NOWHERE, {}),
        "DELETE /{username}/accesses/{id}": Row(always(404), NOWHERE),
        "GET /{username}/channels": Row(always(200), USER),
        "POST /{username}/channels": Row(making, USER, {"name": "C {event}"}),
        "PUT /{username}/channels/{id}": Row(managing, TOP, {}),
        "DELETE /{username}/channels/{id}": Row(always(404), NOWHERE),
        "GET /{username}/{channelId}/folders": Row(in_channel(200), CHANNEL),
        "POST /{username}/{channelId}/folders": Row(
            of_folder(MANAGERS, 201),
            CHANNEL,
            {"name": "F {event}", "parentId": "{stream}"},
            aims=PLACES,
        ),
        "PUT /{username}/{channelId}/folders/{id}": Row(
            table.stream(MANAGERS, 200), NODE, {}, aims=PLACES
        ),
        "DELETE /{username}/{channelId}/folders/{id}": Row(
            table.stream(MANAGERS, 200), NODE, aims=PLACES
        ),
        "GET /{username}/{channelId}/events": Row(
            of_folder(ALL, 200), CHANNEL, query="onlyFolders={stream}", aims=PLACES
        ),
        "POST /{username}/{channelId}/events": Row(creating, CHANNEL, NOTE, aims=PLACES),
        "POST /{username}/{channelId}/events/start": Row(always(400), CHANNEL, {}),
        "POST /{username}/{channelId}/events/stop": Row(in_channel(200), CHANNEL, {}),
        "POST /{username}/{channelId}/events/batch": Row(in_channel(200), CHANNEL, []),
        "GET /{username}/{channelId}/events/running": Row(in_channel(200), CHANNEL),
        "PUT /{username}/{channelId}/events/{id}": Row(
            table.event(table.CHANGERS, 200), EVENT, {"comment": "x"}, aims=AIMS
        ),
        "DELETE /{username}/{channelId}/events/{id}": Row(
            table.event(table.CHANGERS, 200), EVENT, aims=AIMS
        ),
        "POST /{username}/{channelId}/events/{id}": Row(always(400), EVENT, {}),
        "GET /{username}/{channelId}/events/{id}/{fileName:path}": Row(
            always(404), {**EVENT, "fileName": "nothing"}, aims=AIMS
        ),
        "DELETE /{username}/{channelId}/events/{id}/{fileName:path}": Row(
            always(404), {**EVENT, "fileName": "nothing"}, aims=AIMS
        ),
        # The last one: it ends the tokens that it is tried with.
        "POST /{username}/admin/logout": Row(admin(200), USER, {}),
    },
    carry,
)
