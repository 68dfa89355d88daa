"""Tokens of 0.1, accesses of 0.4; bookmarks of what others share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from diurnal.dialects.pryv0 import channels, checks
from diurnal.dialects.pryv0.table import API, Call, Method, Params, Table
from diurnal.dialects.pryv0.words import NameTaken, UnknownItem, UnknownNamed
from diurnal.errors import Conflict, Forbidden, InvalidInput, NotFound, UnknownReference
from diurnal.model import time
from diurnal.model.access import EVERY, Kind, Level, Permission
from diurnal.model.streams import Tree
from diurnal.services import accesses, authentication, records, sharing, streams
from diurnal.services.context import Context
from diurnal.services.records import Record
from diurnal.store.accesses import Stored
from diurnal.store.database import Tx, WriteTx

COLLECTION = "pryv0_bookmarks"
_LEVELS = {
    "read-only": Level.READ,
    "events-write": Level.CONTRIBUTE,
    "read": Level.READ,
    "contribute": Level.CONTRIBUTE,
    "manage": Level.MANAGE,
}
_OLD_WORDS = {Level.READ: "read-only", Level.CONTRIBUTE: "events-write"}
_ACCESS = frozenset({"id", "token", "name", "type", "permissions", "deviceName", "recipient"})
_BOOKMARK = ("name", "url", "accessToken")


# Permissions


def read_permissions(tx: Tx, ctx: Context, call: Call, given: Any) -> list[Permission]:
    """Return what permissions say; folders and channels that are to be made are made before.

    Raises:
        InvalidInput: one is of no known form.
        UnknownNamed: one names what is not there.
    """
    if not isinstance(given, list) or not all(isinstance(p, dict) for p in given):
        raise InvalidInput("permissions are a list of objects", field="permissions")
    return [one for p in given for one in _read(tx, ctx, call, p)]


def _read(tx: Tx, ctx: Context, call: Call, given: Mapping[str, Any]) -> Iterable[Permission]:
    channel = given.get("channelId")
    if not isinstance(channel, str):
        raise InvalidInput("a permission names a channel", field="permissions.channelId")
    narrowed = _narrowed(given)
    folders = given.get("folderPermissions")
    if channel != EVERY:
        try:
            channels.find_channel(tx, ctx, call, channel)
        except UnknownItem:
            raise UnknownNamed("CHANNEL", channel) from None
    if not folders:
        yield Permission(_level(given), channel, **narrowed)
        return
    if channel == EVERY or not isinstance(folders, list):
        raise InvalidInput("folders are those of one channel", field="folderPermissions")
    for folder in folders:
        if not isinstance(folder, dict):
            raise InvalidInput("a folder's permission is an object", field="folderPermissions")
        id_ = folder.get("folderId")
        if id_ is not None:
            try:
                channels.find_folder(tx, ctx, call, channel, str(id_))
            except UnknownItem:
                raise UnknownNamed("FOLDER", str(id_)) from None
        yield Permission(_level(folder), channel if id_ is None else str(id_), **narrowed)


def _level(given: Mapping[str, Any]) -> Level:
    word = given.get("level", given.get("type", "read"))
    if not isinstance(word, str) or word not in _LEVELS:
        raise InvalidInput("a level is read, contribute or manage", field="level")
    return _LEVELS[word]


def _narrowed(given: Mapping[str, Any]) -> dict[str, Any]:
    frame = given.get("timeFrame") or {}
    if not isinstance(frame, dict):
        raise InvalidInput("timeFrame has fromTime and toTime", field="timeFrame")
    start, end = checks.instant(frame, "fromTime"), checks.instant(frame, "toTime")
    tags = checks.texts(dict(given), "tags")
    return {
        "tags": tuple(t for t in tags if t) if tags else None,
        "start": start,
        "end": end,
    }


def write_permissions(call: Call, tree: Tree, given: Iterable[Permission]) -> list[dict[str, Any]]:
    """Return permissions in the shape of the version, one for each channel and narrowing."""
    grouped: dict[tuple[Any, ...], dict[str, Any]] = {}
    word = "level" if call.version.later else "type"
    for p in given:
        if p.level not in _LEVELS.values():
            continue
        path = tree.path(p.stream)
        channel = path[-1] if path else p.stream
        folder = None if p.stream == channel else p.stream
        level = p.level.value if call.version.later else _OLD_WORDS.get(p.level, p.level.value)
        told: dict[str, Any] = {"channelId": channel}
        if p.tags is not None:
            told["tags"] = list(p.tags)
        if p.start is not None or p.end is not None:
            bounds = {"fromTime": p.start, "toTime": p.end}
            told["timeFrame"] = {k: v / time.SECOND for k, v in bounds.items() if v is not None}
        known = grouped.setdefault((channel, p.tags, p.start, p.end), told)
        if call.version.later and folder is None:
            known["level"] = level
        else:
            known.setdefault("folderPermissions", []).append({"folderId": folder, word: level})
    return list(grouped.values())


# Tokens


def _shown(tx: Tx, ctx: Context, call: Call, stored: Stored) -> dict[str, Any]:
    tree = channels.tree_of(tx, ctx, call)
    own = stored.access.id == call.access.id
    secret = call.token if own else accesses.shown_token(ctx, stored)
    told: dict[str, Any] = {
        "token" if call.version.later else "id": secret or stored.access.id,
        "name": stored.access.name,
        "type": stored.access.kind.value,
    }
    if stored.device is not None:
        told["deviceName"] = stored.device
    return told | {"permissions": write_permissions(call, tree, stored.access.permissions)}


def _live(tx: Tx, ctx: Context, call: Call) -> list[Stored]:
    known = accesses.listed(tx, call.access)
    if not call.access.owner:
        known = [s for s in known if s.created_by == call.access.id]
    return [s for s in known if not authentication.expired(ctx, s.access) and not s.access.owner]


def get(tx: Tx, ctx: Context, call: Call, _params: Params) -> Any:
    """Return what is shared, by name."""
    kinds = (Kind.SHARED, Kind.APP) if call.version.later else (Kind.SHARED,)
    known = [s for s in _live(tx, ctx, call) if s.access.kind in kinds]
    return [_shown(tx, ctx, call, s) for s in sorted(known, key=lambda s: s.access.name)]


def create(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Share; with a `recipient` it is offered to that account, which is told of it."""
    checks.known(params, _ACCESS)
    name = checks.text(params, "name", required=True) or ""
    kind = params.get("type") or "shared"
    if kind not in ("shared", "app"):
        raise Forbidden("personal tokens are made by signing in")
    given = params.get("permissions") or []
    _make_missing(tx, ctx, call, given)
    permissions = read_permissions(tx, ctx, call, given)
    recipient = checks.text(params, "recipient")
    if recipient is not None:
        return _offer(tx, ctx, call, name, permissions, recipient)
    try:
        _, secret = accesses.create(
            tx,
            ctx,
            call.access,
            name=name,
            permissions=permissions,
            kind=Kind(kind),
            device=checks.text(params, "deviceName"),
            api=API,
            token=checks.text(params, "token"),
            seal=True,
            unique=True,
        )
    except Conflict as error:
        raise NameTaken(error.message) from None
    except UnknownReference as error:
        raise UnknownNamed("CHANNEL", error.message) from None
    return {"token" if call.version.later else "id": secret}


def _make_missing(tx: WriteTx, ctx: Context, call: Call, given: Any) -> None:
    """Make channels and folders that an app's permissions give a name for."""
    if not call.access.owner or not isinstance(given, list):
        return
    for p in given:
        if not isinstance(p, dict):
            continue
        parent = None
        for id_name, one in (
            ("channelId", p),
            *(("folderId", f) for f in p.get("folderPermissions") or () if isinstance(f, dict)),
        ):
            id_, name = one.get(id_name), one.get("defaultName")
            tree = channels.tree_of(tx, ctx, call)
            new = isinstance(id_, str) and id_ != EVERY and id_ not in tree
            if new and isinstance(name, str):
                streams.create(tx, ctx, call.access, name=name, id_=id_, parent_id=parent)
            if id_name == "channelId":
                parent = id_ if isinstance(id_, str) else None


def _offer(
    tx: WriteTx,
    ctx: Context,
    call: Call,
    name: str,
    permissions: list[Permission],
    recipient: str,
) -> Any:
    to = sharing.check_recipient(recipient)
    given = sharing.create(
        tx, ctx, call.access, name=name, permissions=permissions, expires=None, recipient=to
    )
    stored = accesses.get(tx, call.access, given.share.access_id)
    told = {"token" if call.version.later else "id": accesses.shown_token(ctx, stored)}
    return _Told(told, lambda tx: sharing.told(tx, ctx, given.share, call.access.username, name))


class _Told(dict[str, Any]):
    """An answer, and what is to be done in a transaction of another account."""

    def __init__(self, values: Mapping[str, Any], then: Callable[[WriteTx], None]) -> None:
        super().__init__(values)
        self.then = then


def afterwards(result: Any) -> Callable[[WriteTx], None] | None:
    """Return what is to be done once an answer's own transaction is through, or None."""
    return result.then if isinstance(result, _Told) else None


def _of_token(tx: Tx, ctx: Context, call: Call, token: str) -> Stored:
    for stored in _live(tx, ctx, call):
        if token in (stored.access.id, accesses.shown_token(ctx, stored)):
            return stored
    raise UnknownItem("ACCESS" if call.version.later else "TOKEN", "…")


def update(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Change what a token opens, or its name."""
    known, given = _of_token(tx, ctx, call, params["id"]), params["update"]
    checks.known(given, _ACCESS)
    fields: dict[str, Any] = {}
    if "name" in given:
        fields["name"] = checks.text(given, "name", required=True)
    if "deviceName" in given:
        fields["device"] = checks.text(given, "deviceName")
    if "permissions" in given:
        _make_missing(tx, ctx, call, given["permissions"])
        fields["permissions"] = read_permissions(tx, ctx, call, given["permissions"])
    try:
        accesses.update(tx, ctx, call.access, known.access.id, fields, unique=True)
    except Conflict as error:
        raise NameTaken(error.message) from None
    return {}


def delete(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """End a token."""
    known = _of_token(tx, ctx, call, params["id"])
    accesses.revoke(tx, ctx, call.access, known.access.id)
    return {}


def check_app(tx: Tx, ctx: Context, call: Call, params: Params) -> Any:
    """Tell whether an app has what it asks for already, and what it would be shown as."""
    name = checks.text(params, "requestingAppId", required=True) or ""
    asked = params.get("requestedPermissions")
    if not isinstance(asked, list) or not all(isinstance(p, dict) for p in asked):
        raise InvalidInput("permissions are a list of objects", field="requestedPermissions")
    device = checks.text(params, "deviceName")
    tree = channels.tree_of(tx, ctx, call)
    there = all(p.get("channelId") == EVERY or p.get("channelId") in tree for p in asked)
    permissions = read_permissions(tx, ctx, call, asked) if there else []
    found = accesses.check_app(
        tx, ctx, call.access, name=name, permissions=permissions, device=device
    )
    if there and found.matching is not None:
        return {"matchingAccessToken": accesses.shown_token(ctx, found.matching)}
    told: dict[str, Any] = {"checkedPermissions": [_checked(tree, p) for p in asked]}
    other = found.mismatching or found.matching
    if other is not None:
        told["mismatchingAccessToken"] = accesses.shown_token(ctx, other)
    return told


def _checked(tree: Tree, asked: Mapping[str, Any]) -> dict[str, Any]:
    known = tree.get(str(asked.get("channelId")))
    if known is None:
        return dict(asked)
    return {k: v for k, v in asked.items() if k != "defaultName"} | {"name": known.name}


def info(tx: Tx, ctx: Context, call: Call, _params: Params) -> Any:
    """Return the caller's own access."""
    tree = channels.tree_of(tx, ctx, call)
    a = call.access
    kind = a.kind.value if a.kind is not Kind.PUBLIC else "shared"
    told = {"name": a.name, "type": kind}
    return told | {"permissions": write_permissions(call, tree, a.permissions)}


# Bookmarks


def get_bookmarks(tx: Tx, ctx: Context, call: Call, _params: Params) -> Any:
    """Return the bookmarks by name; what others offer is among them, to be accepted."""
    own = [_bookmark(call, r) for r in records.listed(tx, call.access, COLLECTION)]
    offered = []
    for given in sharing.received(tx, ctx, call.access):
        whose = given.access.username
        one: dict[str, Any] = {
            "id": given.share.id,
            "name": given.access.name,
            "url": f"{call.base}/{whose}",
            "sharedBy": whose,
            "accepted": given.share.state == sharing.ACCEPTED,
        }
        if one["accepted"]:
            one[_token_name(call)] = sharing.token_of(tx, ctx, call.access, given.share.id)[1]
        offered.append(one)
    return sorted([*own, *offered], key=lambda b: (str(b["name"]), str(b["id"])))


def _token_name(call: Call) -> str:
    return "accessToken" if call.version.later else "tokenId"


def _bookmark(call: Call, record: Record) -> dict[str, Any]:
    told = {"id": record.id, "name": record.values["name"], "url": record.values["url"]}
    return told | {_token_name(call): record.values["accessToken"]}


def create_bookmark(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Keep where somebody's data are, and the token for them."""
    given = {**params}
    for old, new in (("tokenId", "accessToken"), ("userName", "url")):
        if old in given:
            given[new] = given.pop(old)
    checks.known(given, _BOOKMARK)
    values = {name: checks.text(given, name, required=True) for name in _BOOKMARK}
    records.hold(tx, ctx, call.access)
    _free_name(tx, call, str(values["name"]), None)
    [made] = records.create(tx, ctx, call.access, COLLECTION, [values])
    return {"id": made.id}


def _free_name(tx: Tx, call: Call, name: str, but: str | None) -> None:
    for record in records.listed(tx, call.access, COLLECTION):
        if record.values["name"] == name and record.id != but:
            raise NameTaken(f"There is a bookmark called '{name}' already.")


def _known_bookmark(tx: Tx, call: Call, id_: str) -> Record:
    for record in records.listed(tx, call.access, COLLECTION):
        if record.id == id_:
            return record
    raise UnknownItem("BOOKMARK", id_)


def update_bookmark(_tx: None, ctx: Context, call: Call, params: Params) -> Any:
    """Give a bookmark another name; accept or decline what is offered."""
    id_, given = params["id"], params["update"]
    accepted = checks.flag(given, "accepted")
    if accepted is not None:
        try:
            sharing.answer(ctx, call.access, id_, accept=accepted, address=call.address)
        except NotFound:
            raise UnknownItem("BOOKMARK", id_) from None
        return {}

    def do(tx: WriteTx) -> None:
        records.hold(tx, ctx, call.access)
        known = _known_bookmark(tx, call, id_)
        checks.known(given, ("id", "name"))
        name = checks.text(given, "name", required=True) or ""
        _free_name(tx, call, name, id_)
        records.update(tx, ctx, call.access, COLLECTION, [(known, {"name": name})])

    ctx.store.write(do).result()
    return {}


def delete_bookmark(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Drop a bookmark."""
    records.hold(tx, ctx, call.access)
    known = _known_bookmark(tx, call, params["id"])
    records.delete(tx, ctx, call.access, COLLECTION, [known.id])
    return {}


METHODS: Table = {
    "tokens.get": Method(get),
    "tokens.create": Method(create, writes=True, status=201),
    "tokens.update": Method(update, writes=True),
    "tokens.delete": Method(delete, writes=True),
    "tokens.checkApp": Method(check_app, admin=True),
    "tokens.info": Method(info),
    "bookmarks.get": Method(get_bookmarks, admin=True),
    "bookmarks.create": Method(create_bookmark, writes=True, status=201, admin=True),
    "bookmarks.update": Method(update_bookmark, alone=True, admin=True),
    "bookmarks.delete": Method(delete_bookmark, writes=True, admin=True),
}
