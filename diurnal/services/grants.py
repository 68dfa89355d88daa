"""Grants: what the permissions of an access may say, and who may give them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from diurnal.errors import Forbidden, HiddenReference, InvalidInput, UnknownReference
from diurnal.model.access import EVERY, RIGHTS, Access, Kind, Level, Permission
from diurnal.model.streams import ACCOUNT_STREAMS
from diurnal.services import events
from diurnal.services.context import AccountState, Context
from diurnal.store.accesses import Stored

NAME_MAX = 100
DEVICE_MAX = 200
PERMISSIONS_MAX = 200
DELAY_MAX = 3_660
"""Days."""
TOKEN_MAX = 256
RESHARES = frozenset({"pryv", "pryv0"})
"""APIs whose contract lets an app share what it may only read."""


def check_names(name: str, device: str | None, client_data: Mapping[str, Any] | None) -> None:
    """Refuse what is no name, no device or no JSON.

    Raises:
        InvalidInput: one of them.
    """
    if not name or len(name) > NAME_MAX:
        raise InvalidInput(f"a name has 1 to {NAME_MAX} characters", field="name")
    if device is not None and len(device) > DEVICE_MAX:
        raise InvalidInput(f"at most {DEVICE_MAX} characters", field="device")
    events.check_json(name, "name")
    events.check_json(device, "device")
    events.check_json(client_data, "clientData")


def check_token(token: str) -> None:
    """Refuse a token that a client chose and that no header could carry.

    Raises:
        InvalidInput: too long, blank, or not plain text.
    """
    if not 0 < len(token) <= TOKEN_MAX or not token.isascii() or not token.isprintable():
        raise InvalidInput(f"a token has 1 to {TOKEN_MAX} plain characters", field="token")
    if " " in token or token in ("null", "undefined"):
        raise InvalidInput("a token has no blanks", field="token")


def check(state: AccountState, caller: Access, permissions: Sequence[Permission]) -> None:
    """Refuse permissions that name what is not there, or cannot be right.

    Raises:
        InvalidInput: one of them.
    """
    if len(permissions) > PERMISSIONS_MAX:
        raise InvalidInput(f"at most {PERMISSIONS_MAX} permissions", field="permissions")
    for i, p in enumerate(permissions):
        at = f"permissions[{i}]"
        events.check_json(p.tags, f"{at}.tags")
        if p.stream in ACCOUNT_STREAMS:
            if not caller.owner:
                raise Forbidden("the account's fields are the owner's to share")
            if p.level not in (Level.READ, Level.NONE):
                raise InvalidInput("the account's fields are only read", field=f"{at}.level")
        elif p.stream != EVERY:
            there = p.stream in state.tree
            if not there or not caller.rights_on_stream(state.tree, p.stream).knows:
                kind = HiddenReference if there else UnknownReference
                raise kind(f"unknown stream {p.stream!r}", field=f"{at}.stream")
        for m in p.measures or ():
            if state.measure(m) is None:
                raise UnknownReference(f"unknown measure {m!r}", field=f"{at}.measures")
        if p.start is not None and p.end is not None and p.start >= p.end:
            raise InvalidInput("start is not before end", field=f"{at}.start")
        if p.rights is not None and not set(p.rights) <= set(RIGHTS):
            raise InvalidInput(f"rights are {', '.join(RIGHTS)}", field=f"{at}.rights")
        if not 0 <= p.delay <= DELAY_MAX:
            raise InvalidInput(f"0 to {DELAY_MAX} days", field=f"{at}.delay")


def check_maker(caller: Access, kind: Kind) -> None:
    """Refuse who makes no accesses of a kind: the owner makes all, an app only shares.

    Raises:
        Forbidden: somebody else.
    """
    if not caller.owner and (caller.kind is not Kind.APP or kind is not Kind.SHARED):
        raise Forbidden("only the account's owner makes tokens")


def check_shared(
    state: AccountState,
    caller: Access,
    permissions: Sequence[Permission],
    expires: int | None,
) -> int | None:
    """Refuse an access that another than the owner may not make; return when it ends.

    Raises:
        Forbidden: further than the caller itself reaches, or longer.
    """
    for p in permissions:
        if p.level is Level.CREATE_ONLY:
            raise Forbidden("the right to add alone is not given on")
        manages = caller.rights_on_stream(state.tree, p.stream).manages
        if not manages and caller.api not in RESHARES:
            raise Forbidden(f"no right to share stream {p.stream!r}")
    if not caller.covers(state.tree, permissions):
        raise Forbidden("a share reaches no further than the app that makes it")
    if caller.expires is not None:
        if expires is not None and expires > caller.expires:
            raise Forbidden("a share ends no later than the app that makes it")
        expires = caller.expires if expires is None else expires
    return expires


def fences(caller: Access, permissions: Sequence[Permission]) -> frozenset[str]:
    """Return where a share of this caller's ends: where other permissions of the caller begin.

    Without them a stream that the caller may not read, moved below one that it shared, would
    be read through the share.
    """
    if caller.owner:
        return frozenset()
    named = {p.stream for p in permissions}
    return frozenset({p.stream for p in caller.permissions} - {EVERY} - named) | caller.fences


def changed(
    ctx: Context, state: AccountState, caller: Access, old: Stored, fields: Mapping[str, Any]
) -> Stored:
    """Return an access with fields changed.

    Raises:
        InvalidInput: a field cannot be right, or is not to be changed.
        Forbidden: it would reach further than the caller.
    """
    given = dict(fields)
    access = old.access
    if access.owner and "permissions" in given:
        raise InvalidInput("the owner's own access reaches everything", field="permissions")
    for name in given.keys() - {"client_data", "device", "expires", "name", "permissions"}:
        raise InvalidInput(f"{name} is not to be changed", field=name)
    name = str(given.get("name", access.name)).strip()
    device = given.get("device", old.device)
    data = old.client_data
    if "client_data" in given:
        merged = {**(data or {}), **(given["client_data"] or {})}
        data = {k: v for k, v in merged.items() if v is not None} or None
        data = None if given["client_data"] is None else data
    check_names(name, device, data)
    permissions = tuple(given.get("permissions", access.permissions))
    expires = given.get("expires", access.expires)
    if "expires" in given and expires is not None and expires <= ctx.now():
        raise InvalidInput("expires in the past", field="expires")
    if "permissions" in given:
        if not permissions:
            raise InvalidInput("a token needs at least one permission", field="permissions")
        check(state, caller, permissions)
    if not caller.owner:
        expires = check_shared(state, caller, permissions, expires)
    return msgspec.structs.replace(
        old,
        access=msgspec.structs.replace(
            access,
            name=name,
            permissions=permissions,
            expires=expires,
            fences=fences(caller, permissions) if not caller.owner else access.fences,
        ),
        device=device,
        client_data=data,
    )
