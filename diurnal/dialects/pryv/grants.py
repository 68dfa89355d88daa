"""Accesses in Pryv's shape, read and written; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from diurnal.dialects.pryv.checks import (
    FLAG,
    NUMBER_OR_NULL,
    OBJECT_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    BadParameters,
    Kinds,
    Params,
    Problem,
    ProtectedFields,
    check,
)
from diurnal.model import integrity, time
from diurnal.model.access import EVERY, Access, Kind, Level, Permission
from diurnal.model.events import seconds
from diurnal.model.streams import ACCOUNT_STREAMS
from diurnal.services.streams import slug
from diurnal.store.accesses import Stored, Version

EXPIRE_S_MAX = 100 * 366 * 86_400
LEVELS = tuple(level.value for level in Level)
FEATURES: Mapping[str, tuple[str, ...]] = {
    "selfRevoke": ("forbidden", "allowed"),
    "selfAudit": ("forbidden", "allowed"),
    "secretSharing": ("forbidden", "allowed"),
}
_UNHASHED = frozenset({"integrity", "lastUsed", "calls", "apiEndpoint"})


class Asked(NamedTuple):
    """Permissions as they are asked for.

    Attributes:
        names: stream id -> name of a stream to make where it is not there.
    """

    permissions: tuple[Permission, ...]
    names: dict[str, str]
    features: dict[str, str]


def read_permissions(given: Any, path: str = "#/permissions") -> Asked:
    """Return what permissions say.

    Raises:
        BadParameters: one is of no known form.
    """
    if not isinstance(given, list):
        raise BadParameters([Problem("INVALID_TYPE", "Expected type array", path, ("array",))])
    found: list[Permission] = []
    names: dict[str, str] = {}
    features: dict[str, str] = {}
    for i, item in enumerate(given):
        at = f"{path}/{i}"
        problem = _problem(item, at)
        if problem is not None:
            raise BadParameters([problem])
        if "feature" in item:
            features[item["feature"]] = item["setting"]
            continue
        level = Level(item["level"])
        if "tag" in item:
            found.append(Permission(level, tags=(item["tag"],)))
            continue
        stream = item["streamId"]
        found.append(Permission(level, stream))
        name = item.get("defaultName") or item.get("name")
        if name and stream != EVERY and stream not in ACCOUNT_STREAMS:
            names[stream] = name
    return Asked(tuple(found), names, features)


def _problem(item: Any, at: str) -> Problem | None:
    if not isinstance(item, dict):
        return Problem("INVALID_TYPE", "Expected type object", at, ("object",))
    if "feature" in item:
        allowed = FEATURES.get(item["feature"]) if isinstance(item["feature"], str) else None
        if allowed is None:
            return Problem("ENUM_MISMATCH", "No enum match for the feature", f"{at}/feature")
        if item.get("setting") not in allowed:
            return Problem("ENUM_MISMATCH", "No enum match for the setting", f"{at}/setting")
        return None
    if item.get("level") not in LEVELS:
        if "level" not in item:
            message = "Missing required property: level"
            return Problem("OBJECT_MISSING_REQUIRED_PROPERTY", message, at, ("level",))
        return Problem("ENUM_MISMATCH", f"No enum match for: {item['level']}", f"{at}/level")
    if item.get("streamId") in ACCOUNT_STREAMS and item["level"] not in ("read", "none"):
        message = "Streams of the account are only read by others."
        return Problem("ENUM_MISMATCH", message, f"{at}/level", (item["level"],))
    for name in ("streamId", "tag", "defaultName", "name"):
        if name in item and not isinstance(item[name], str):
            return Problem("INVALID_TYPE", "Expected type string", f"{at}/{name}", ("string",))
    if not item.get("streamId") and not item.get("tag"):
        message = "Missing required property: streamId"
        return Problem("OBJECT_MISSING_REQUIRED_PROPERTY", message, at, ("streamId",))
    return None


_ACCESS: Mapping[str, Kinds] = {
    "name": TEXT,
    "permissions": Kinds("array", lambda v: isinstance(v, list)),
    "type": TEXT,
    "deviceName": TEXT_OR_NULL,
    "token": TEXT,
    "expireAfter": NUMBER_OR_NULL,
    "clientData": OBJECT_OR_NULL,
}
_OWN = ("id", "token", "type", "created", "createdBy", "modified", "modifiedBy", "integrity")


class NewAccess(NamedTuple):
    """The access that `accesses.create` is to make; `expires_s` from now, None for never."""

    name: str
    asked: Asked
    kind: Kind
    device: str | None
    token: str | None
    expires_s: float | None
    client_data: dict[str, Any] | None


def read_access(params: Params, _now: int) -> NewAccess:
    """Return the access that `accesses.create` is to make.

    Raises:
        BadParameters: a property is missing, unknown or of the wrong kind.
    """
    kind = params.get("type", "shared")
    also = []
    if isinstance(kind, str) and kind not in ("personal", "app", "shared"):
        also.append(Problem("ENUM_MISMATCH", f"No enum match for: {kind}", "#/type", (kind,)))
    if kind != "app" and params.get("deviceName") is not None:
        message = "Only accesses of type app have a device."
        also.append(Problem("OBJECT_ADDITIONAL_PROPERTIES", message, "#/deviceName"))
    required = ("name",) if kind == "personal" else ("name", "permissions")
    check(params, _ACCESS, required=required, also=[*also, *_range(params, "expireAfter")])
    token = params.get("token")
    return NewAccess(
        params["name"],
        read_permissions(params.get("permissions", [])),
        Kind(kind),
        params.get("deviceName"),
        slug(token) if token else None,
        params.get("expireAfter"),
        params.get("clientData"),
    )


_MOST = {"expireAfter": EXPIRE_S_MAX, "expires": time.TIME_MAX // time.SECOND}


def _range(given: Params, name: str) -> list[Problem]:
    """Return what is wrong with a number of seconds, besides its being none."""
    seconds = given.get(name)
    if not isinstance(seconds, int | float) or 0 <= seconds <= _MOST[name]:
        return []
    return [Problem("MINIMUM", "Value is out of range", f"#/{name}")]


class AccessUpdate(NamedTuple):
    """What `accesses.update` is to change; `serial` is the version that the caller has seen."""

    id: str
    serial: int
    fields: dict[str, Any]
    asked: Asked | None
    expires_s: float | None


_OBJECT = Kinds("object", lambda v: isinstance(v, dict))


def read_access_update(params: Params, _now: int) -> AccessUpdate:
    """Return what `accesses.update` is to change.

    Raises:
        BadParameters: a property is unknown or of the wrong kind.
        ProtectedFields: one is the server's own.
    """
    check(params, {"id": TEXT, "update": _OBJECT}, required=("id", "update"))
    given = params["update"]
    protected = [name for name in _OWN if name in given]
    if protected:
        raise ProtectedFields(protected)
    also = [p for name in ("expireAfter", "expires") for p in _range(given, name)]
    check(given, {**_ACCESS, "expires": NUMBER_OR_NULL}, also=also)
    fields: dict[str, Any] = {}
    if "name" in given:
        fields["name"] = given["name"]
    if "deviceName" in given:
        fields["device"] = given["deviceName"]
    if "clientData" in given:
        fields["client_data"] = given["clientData"]
    asked = read_permissions(given["permissions"]) if "permissions" in given else None
    if "expires" in given:
        expires = given["expires"]
        fields["expires"] = None if expires is None else time.from_seconds(expires)
    id_, serial = split_id(params["id"])
    return AccessUpdate(id_, serial, fields, asked, given.get("expireAfter"))


def split_id(id_: str) -> tuple[str, int]:
    """Return id and serial of `base:3`; of a plain id the serial is 0."""
    base, colon, serial = id_.partition(":")
    return (base, int(serial)) if colon and serial.isdigit() and len(serial) < 10 else (id_, 0)


class Which(NamedTuple):
    """Which access is meant."""

    id: str
    history: bool = False


def read_which(params: Params, _now: int) -> Which:
    """Return which access is meant.

    Raises:
        BadParameters: a parameter is missing, unknown or of the wrong kind.
    """
    check(params, {"id": TEXT, "includeHistory": FLAG}, required=("id",))
    return Which(split_id(params["id"])[0], params.get("includeHistory", False))


class Listing(NamedTuple):
    """What `accesses.get` is to list."""

    expired: bool
    deletions: bool


def read_listing(params: Params, _now: int) -> Listing:
    """Return what `accesses.get` is to list.

    Raises:
        BadParameters: a parameter is unknown or of the wrong kind.
    """
    check(params, {"includeExpired": FLAG, "includeDeletions": FLAG})
    return Listing(params.get("includeExpired", False), params.get("includeDeletions", False))


class Checking(NamedTuple):
    """What `accesses.checkApp` is to look up."""

    name: str
    device: str | None
    asked: Asked
    client_data: dict[str, Any] | None


def read_checking(params: Params, _now: int) -> Checking:
    """Return what `accesses.checkApp` is to look up.

    Raises:
        BadParameters: a parameter is missing, unknown or of the wrong kind.
    """
    kinds: Mapping[str, Kinds] = {
        "requestingAppId": TEXT,
        "deviceName": TEXT_OR_NULL,
        "requestedPermissions": Kinds("array", lambda v: isinstance(v, list)),
        "clientData": OBJECT_OR_NULL,
    }
    check(params, kinds, required=("requestingAppId", "requestedPermissions"))
    asked = read_permissions(params["requestedPermissions"], "#/requestedPermissions")
    return Checking(
        params["requestingAppId"], params.get("deviceName"), asked, params.get("clientData")
    )


def endpoint(base: str, username: str, token: str | None = None) -> str:
    """Return the address of an account's API, with a token in it where one is given."""
    scheme, _, rest = base.partition("://")
    return f"{scheme}://{token + '@' if token else ''}{rest}/{username}/"


def write_permissions(access: Access) -> list[dict[str, Any]]:
    """Return what an access may do."""
    if access.owner:
        return [{"streamId": "*", "level": "manage"}]
    written = [_permission(p) for p in access.permissions]
    return written + [{"feature": f, "setting": s} for f, s in sorted(access.features.items())]


def _permission(p: Permission) -> dict[str, Any]:
    if p.tags is not None and len(p.tags) == 1 and p.stream == EVERY:
        return {"tag": p.tags[0], "level": p.level.value}
    return {"streamId": p.stream, "level": p.level.value}


def write_access(stored: Stored, token: str | None, base: str = "") -> dict[str, Any]:
    """Return an access, with its token where that is known."""
    access = stored.access
    written: dict[str, Any] = {"id": _id(stored)}
    if token is not None:
        written["token"] = token
        if base:
            written["apiEndpoint"] = endpoint(base, access.username, token)
    written |= {
        "type": (Kind.SHARED if access.kind is Kind.PUBLIC else access.kind).value,
        "name": access.name,
        "permissions": write_permissions(access),
    }
    if stored.device is not None:
        written["deviceName"] = stored.device
    if access.expires is not None:
        written["expires"] = seconds(access.expires)
    if stored.client_data is not None:
        written["clientData"] = stored.client_data
    if stored.used is not None:
        written["lastUsed"] = seconds(stored.used)
    written |= {
        "created": seconds(stored.created),
        "createdBy": stored.created_by,
        "modified": seconds(stored.modified),
        "modifiedBy": stored.modified_by,
    }
    return written | {"integrity": integrity.of("ACCESS", written, _UNHASHED)}


def _id(stored: Stored) -> str:
    return f"{stored.access.id}:{stored.serial}" if stored.serial else stored.access.id


def write_versions(stored: Stored, versions: Sequence[Version]) -> list[dict[str, Any]]:
    """Return what an access was before each of its changes."""
    access = stored.access
    return [
        {
            "id": f"{access.id}:{v.serial}" if v.serial else access.id,
            "headId": access.id,
            "type": access.kind.value,
            "name": v.name,
            "permissions": [_permission(p) for p in v.permissions],
            "deviceName": v.device,
            "clientData": v.client_data,
            "modified": seconds(v.modified),
            "modifiedBy": v.modified_by,
        }
        for v in versions
    ]
