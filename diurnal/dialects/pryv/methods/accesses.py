"""Accesses: Pryv's methods."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from diurnal.dialects.pryv import checks, grants, trees
from diurnal.dialects.pryv.grants import AccessUpdate, Checking, Listing, NewAccess, Which
from diurnal.dialects.pryv.methods.table import Call, Method, Result, Table
from diurnal.errors import Conflict, Forbidden, HiddenReference
from diurnal.model import time
from diurnal.model.access import EVERY, Access, Kind, Level, Permission
from diurnal.model.streams import ACCOUNT_STREAMS, Tree
from diurnal.services import accesses, authentication, streams
from diurnal.services.context import Context
from diurnal.store.accesses import Stored
from diurnal.store.database import Tx, WriteTx

API = "pryv"
"""What accesses made here are called; only these are taken from URLs."""


def info(tx: Tx, ctx: Context, call: Call, _asked: None) -> Result:
    """Return the caller's own access; https://api.pryv.com/reference/#access-info."""
    stored = accesses.get(tx, call.access, call.access.id)
    return grants.write_access(stored, call.token) | {"user": {"username": call.access.username}}


def _shown(ctx: Context, call: Call, stored: Stored) -> dict[str, Any]:
    own = stored.access.id == call.access.id
    token = call.token if own else accesses.shown_token(ctx, stored)
    return grants.write_access(stored, token, call.base)


def get(tx: Tx, ctx: Context, call: Call, asked: Listing) -> Result:
    """Return accesses: all to the owner, to apps those they made.

    https://api.pryv.com/reference/#get-accesses
    """
    refuse_shared(call.access)
    known = accesses.listed(tx, call.access)
    if not call.access.owner:
        known = [s for s in known if s.created_by == call.access.id]
    if not asked.expired:
        known = [s for s in known if not authentication.expired(ctx, s.access)]
    result: Result = {"accesses": [_shown(ctx, call, s) for s in known]}
    if asked.deletions:
        result["accessDeletions"] = trees.write_deletions(accesses.deletions(tx, call.access, 0))
    return result


def refuse_shared(caller: Access) -> None:
    """Refuse accesses that manage none.

    Raises:
        Forbidden: it is neither personal nor an app's.
    """
    if not caller.owner and caller.kind is not Kind.APP:
        raise Forbidden("a shared access manages no accesses")


def get_one(tx: Tx, ctx: Context, call: Call, asked: Which) -> Result:
    """Return one access, with what it was before where that is asked for."""
    stored = accesses.get(tx, call.access, asked.id)
    result: Result = {"access": _shown(ctx, call, stored)}
    if asked.history:
        versions = accesses.versions(tx, call.access, asked.id)
        result["history"] = grants.write_versions(stored, versions)
    return result


_TOO_FAR = "Your access token has insufficient permissions to create this new access."


class _TooFar(checks.WordedForbidden):
    def __init__(self) -> None:
        super().__init__(_TOO_FAR)


def create(tx: WriteTx, ctx: Context, call: Call, asked: NewAccess) -> Result:
    """Make an access; https://api.pryv.com/reference/#create-access."""
    caller = call.access
    if asked.kind is Kind.PERSONAL:
        raise Forbidden("personal accesses are made by signing in")
    refuse_shared(caller)
    if caller.owner:
        _make_streams(tx, ctx, caller, asked.asked)
    expires = None if asked.expires_s is None else _after(ctx, asked.expires_s)
    try:
        made, secret = accesses.create(
            tx,
            ctx,
            caller,
            name=asked.name,
            permissions=asked.asked.permissions,
            kind=asked.kind,
            expires=expires,
            device=asked.device,
            api=API,
            token=asked.token,
            seal=True,
            client_data=asked.client_data,
            features=asked.asked.features,
            unique=True,
        )
    except (Forbidden, HiddenReference):
        raise _TooFar from None
    return {"access": grants.write_access(made, secret, call.base)}


def _after(ctx: Context, seconds: float) -> int:
    """Return when so many seconds have gone by; 0 is at once, as near as clocks tell."""
    return ctx.now() + max(round(seconds * time.SECOND), time.SECOND)


def _make_streams(tx: WriteTx, ctx: Context, caller: Access, asked: grants.Asked) -> None:
    tree = ctx.state(tx, caller.account_id).tree
    for p in asked.permissions:
        name = asked.names.get(p.stream)
        if name and p.stream not in tree and p.level is not Level.NONE:
            streams.create(tx, ctx, caller, name=name, id_=p.stream)
            tree = ctx.state(tx, caller.account_id).tree


def update(tx: WriteTx, ctx: Context, call: Call, asked: AccessUpdate) -> Result:
    """Change an access; its id then ends with another serial."""
    refuse_shared(call.access)
    fields = dict(asked.fields)
    if asked.expires_s is not None:
        fields["expires"] = _after(ctx, asked.expires_s)
    if asked.asked is not None:
        if call.access.owner:
            _make_streams(tx, ctx, call.access, asked.asked)
        fields["permissions"] = asked.asked.permissions
    try:
        changed = accesses.update(
            tx,
            ctx,
            call.access,
            asked.id,
            fields,
            serial=asked.serial,
            unique=not fields.keys().isdisjoint(("name", "device")),
        )
    except Conflict as error:
        if error.data is not None and "currentSerial" in error.data:
            raise checks.Stale(error.message, data=error.data) from None
        raise
    return {"access": _shown(ctx, call, changed)}


def delete(tx: WriteTx, ctx: Context, call: Call, asked: Which) -> Result:
    """Revoke an access with those it made; https://api.pryv.com/reference/#delete-access."""
    related = accesses.revoke(tx, ctx, call.access, asked.id)
    result: Result = {"accessDeletion": {"id": asked.id}}
    return result | {"relatedDeletions": [{"id": i} for i in related]} if related else result


def check_app(tx: Tx, ctx: Context, call: Call, asked: Checking) -> Result:
    """Return whether an app has the access that it asks for; personal accesses only.

    https://api.pryv.com/reference/#check-app-authorization
    """
    found = accesses.check_app(
        tx,
        ctx,
        call.access,
        name=asked.name,
        permissions=asked.asked.permissions,
        device=asked.device,
        features=asked.asked.features,
        client_data=asked.client_data,
    )
    if found.matching is not None:
        return {"matchingAccess": _shown(ctx, call, found.matching)}
    tree = ctx.state(tx, call.access.account_id).tree
    permissions, clash = _checked(tree, asked.asked.permissions, asked.asked.names)
    features = asked.asked.features
    result: Result = {
        "checkedPermissions": permissions
        + [{"feature": f, "setting": s} for f, s in sorted(features.items())]
    }
    if found.mismatching is not None:
        result["mismatchingAccess"] = _shown(ctx, call, found.mismatching)
    if clash:
        message = "One or more requested streams have the name of streams that are there already."
        result["error"] = {"id": "item-already-exists", "message": message}
    return result


def _checked(
    tree: Tree, permissions: Iterable[Permission], names: dict[str, str]
) -> tuple[list[dict[str, Any]], bool]:
    """Return permissions with the names that streams have or would get, and whether any clash."""
    taken = {s.name for s in tree.children(None)}
    written: list[dict[str, Any]] = []
    clash = False
    for p in permissions:
        if p.tags is not None:
            written.append({"tag": p.tags[0], "level": p.level.value})
            continue
        one = {"streamId": p.stream, "level": p.level.value}
        known = tree.get(p.stream) if p.stream in tree else None
        name = names.get(p.stream)
        if known is not None:
            one["name"] = known.name
        elif p.stream in ACCOUNT_STREAMS:
            one["name"] = ACCOUNT_STREAMS[p.stream]
        elif name and p.stream != EVERY:
            if name in taken:
                clash = True
                n = next(n for n in range(1, len(taken) + 2) if f"{name} ({n})" not in taken)
                name = f"{name} ({n})"
            taken.add(name)
            one["defaultName"] = name
        written.append(one)
    return written, clash


def nothing(params: checks.Params, _now: int) -> None:
    """Take no parameters.

    Raises:
        BadParameters: there are some.
    """
    checks.check(params, {})


METHODS: Table = {
    "getAccessInfo": Method(nothing, info),
    "accesses.get": Method(grants.read_listing, get),
    "accesses.getOne": Method(grants.read_which, get_one),
    "accesses.create": Method(grants.read_access, create, writes=True, status=201),
    "accesses.update": Method(grants.read_access_update, update, writes=True),
    "accesses.delete": Method(grants.read_which, delete, writes=True),
    "accesses.checkApp": Method(grants.read_checking, check_app),
}
