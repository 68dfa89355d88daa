"""Accesses: the making, listing, changing and revoking of tokens."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from diurnal.auth import tokens
from diurnal.errors import Conflict, Forbidden, InvalidInput, NotFound
from diurnal.model.access import Access, Kind, Permission
from diurnal.services import audit, grants
from diurnal.services.authentication import SYSTEM, expired
from diurnal.services.context import AccountState, Context
from diurnal.services.grants import NAME_MAX as NAME_MAX
from diurnal.services.grants import PERMISSIONS_MAX as PERMISSIONS_MAX
from diurnal.store import accesses, changes
from diurnal.store.accesses import Stored, Version
from diurnal.store.database import Tx, WriteTx

ID = re.compile(r"c[0-9a-z]{24}")


def issue(
    tx: WriteTx,
    ctx: Context,
    *,
    account_id: int,
    username: str,
    kind: Kind,
    name: str,
    permissions: Sequence[Permission] = (),
    api: str = "native",
    client_id: str | None = None,
    scopes: Sequence[str] = (),
    device: str | None = None,
    expires: int | None = None,
    token: str | None = None,
    seal: bool = False,
    made_by: str = SYSTEM,
    client_data: dict[str, object] | None = None,
    fences: Iterable[str] = (),
    features: Mapping[str, str] = {},
    resource: str | None = None,
) -> tuple[Stored, str]:
    """Make an access and its token; checks nothing.

    Args:
        seal: keep the token encrypted beside its hash, where a contract must show it again.
        fences, features, resource: see `Access`.
    """
    secret = token or tokens.make(account_id)
    stamp = changes.reserve(tx, account_id, 1, ctx.now(), meta=True)
    id_ = ctx.new_id()
    stored = Stored(
        access=Access(
            id=id_,
            account_id=account_id,
            username=username,
            kind=kind,
            name=name,
            permissions=tuple(permissions),
            api=api,
            client_id=client_id,
            expires=expires,
            scopes=tuple(scopes),
            fences=frozenset(fences),
            features=dict(features),
            resource=resource,
        ),
        token_hash=tokens.digest(secret),
        sealed=ctx.keys.seal(secret, account_id) if seal else None,
        device=device,
        client_data=client_data,
        created=stamp.at,
        created_by=made_by,
        modified=stamp.at,
        modified_by=made_by,
        deleted=None,
        used=None,
        calls=0,
    )
    accesses.insert_one(tx, stored)
    changes.append(tx, account_id, stamp, made_by, [("access", "create", id_)])
    return stored, secret


def create(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    *,
    name: str,
    permissions: Sequence[Permission],
    kind: Kind = Kind.APP,
    expires: int | None = None,
    device: str | None = None,
    api: str = "native",
    token: str | None = None,
    seal: bool = False,
    client_data: dict[str, object] | None = None,
    features: Mapping[str, str] = {},
    unique: bool = False,
) -> tuple[Stored, str]:
    """Make a token: the owner any, an app shared ones that reach no further than itself.

    What an app makes ends when the app's own access does.

    Args:
        token: chosen by the client; one of ours where it is left out.
        seal: keep it so that it can be shown again.
        unique: refuse a second live one of this kind, name and device.

    Raises:
        Forbidden: the caller may not make it, or not one that reaches so far.
        InvalidInput: a permission names what is not there.
        Conflict: the token, or the name where it must be unique, is taken.
    """
    grants.check_maker(caller, kind)
    # Locks the account's clock first, so that two who ask at once do not both find it free.
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    state = ctx.state(tx, caller.account_id)
    name = name.strip()
    grants.check_names(name, device, client_data)
    if kind is not Kind.PERSONAL and not permissions:
        raise InvalidInput("a token needs at least one permission", field="permissions")
    if expires is not None and expires <= ctx.now():
        raise InvalidInput("expires in the past", field="expires")
    grants.check(state, caller, permissions)
    if not caller.owner:
        expires = grants.check_shared(state, caller, permissions, expires)
    if token is not None:
        grants.check_token(token)
        if accesses.by_token(tx, caller.account_id, tokens.digest(token)) is not None:
            raise Conflict("this token is taken", data={"field": "token"})
    if unique:
        _refuse_known(tx, ctx, caller, kind, name, device)
    stored, secret = issue(
        tx,
        ctx,
        account_id=caller.account_id,
        username=caller.username,
        kind=kind,
        name=name,
        permissions=permissions,
        api=api,
        expires=expires,
        device=device,
        token=token,
        seal=seal,
        made_by=caller.id,
        client_data=client_data,
        fences=grants.fences(caller, permissions),
        features=features,
    )
    audit.tell(tx, 1, stored.access.id)
    return stored, secret


def _refuse_known(
    tx: Tx,
    ctx: Context,
    caller: Access,
    kind: Kind,
    name: str,
    device: str | None,
    but: str | None = None,
) -> None:
    for s in _live(tx, ctx, caller.account_id):
        a = s.access
        if a.id != but and (a.kind, a.name, s.device) == (kind, name, device):
            raise Conflict(
                f"there is a token called {name!r} already",
                data={"type": kind.value, "name": name, "deviceName": device},
            )


def _live(tx: Tx, ctx: Context, account_id: int) -> list[Stored]:
    known = accesses.all_of(tx, account_id)
    return [s for s in known if s.deleted is None and not expired(ctx, s.access)]


def must_own(caller: Access) -> None:
    """Refuse everybody but the account's owner.

    Raises:
        Forbidden: the caller is not the owner.
    """
    if not caller.owner:
        raise Forbidden("only the account's owner may")


def listed(tx: Tx, caller: Access) -> list[Stored]:
    """Return the accesses that are not deleted: all to the owner, to others their own.

    Own are the caller's and those that it made.
    """
    live = [s for s in accesses.all_of(tx, caller.account_id) if s.deleted is None]
    audit.tell(tx, len(live))
    return live if caller.owner else [s for s in live if _is_own(caller, s)]


def known(tx: Tx, caller: Access, ids: Collection[str]) -> list[Stored]:
    """Return what there is of these accesses, ended ones too, as far as `listed` lists.

    For whoever reads of what they did: nothing of what they opened is in their names.
    """
    found = [s for s in accesses.all_of(tx, caller.account_id) if s.access.id in ids]
    return found if caller.owner else [s for s in found if _is_own(caller, s)]


def deletions(tx: Tx, caller: Access, since: int) -> list[tuple[str, int]]:
    """Return (id, deleted at) of accesses deleted after an instant, as far as `listed` lists."""
    return [
        (s.access.id, s.deleted)
        for s in accesses.all_of(tx, caller.account_id)
        if s.deleted is not None and s.deleted > since and (caller.owner or _is_own(caller, s))
    ]


def get(tx: Tx, caller: Access, id_: str) -> Stored:
    """Return one access that is not deleted.

    Raises:
        NotFound: no such access, or not the caller's to know of.
    """
    audit.tell(tx, 1, id_)
    stored = accesses.by_id(tx, caller.account_id, id_)
    if stored is None or stored.deleted is not None:
        raise NotFound(f"no access {id_!r}")
    if not caller.owner and not _is_own(caller, stored):
        raise NotFound(f"no access {id_!r}")
    return stored


def _is_own(caller: Access, stored: Stored) -> bool:
    return caller.id in (stored.access.id, stored.created_by)


def versions(tx: Tx, caller: Access, id_: str) -> list[Version]:
    """Return what an access was before each of its changes, oldest first.

    Raises:
        NotFound: no such access, or not the caller's to know of.
    """
    get(tx, caller, id_)
    return accesses.versions(tx, caller.account_id, id_)


def public(tx: Tx, ctx: Context, account_id: int, api: str) -> Access | None:
    """Return what everybody may read of an account through an API without a token."""
    for stored in _live(tx, ctx, account_id):
        if stored.access.kind is Kind.PUBLIC and stored.access.api == api:
            return stored.access
    return None


def shown_token(ctx: Context, stored: Stored) -> str | None:
    """Return a token that was kept to be shown again, None for any other."""
    if stored.sealed is None:
        return None
    return ctx.keys.open(stored.sealed, stored.access.account_id)


class Checked(NamedTuple):
    """An app's access of the name that it asks for: just as it asks, or otherwise."""

    matching: Stored | None = None
    mismatching: Stored | None = None


def check_app(
    tx: Tx,
    ctx: Context,
    caller: Access,
    *,
    name: str,
    permissions: Sequence[Permission],
    device: str | None = None,
    features: Mapping[str, str] = {},
    client_data: dict[str, object] | None = None,
) -> Checked:
    """Return whether an app has the access that it asks for already.

    Args:
        client_data: what the access is to carry; None for whatever it does.

    Raises:
        Forbidden: the caller is not the owner.
    """
    must_own(caller)
    for stored in _live(tx, ctx, caller.account_id):
        a = stored.access
        if a.kind is Kind.APP and (a.name, stored.device) == (name, device):
            same = (
                set(a.permissions) == set(permissions)
                and dict(a.features) == dict(features)
                and client_data in (None, stored.client_data)
            )
            return Checked(matching=stored) if same else Checked(mismatching=stored)
    return Checked()


CHANGEABLE = frozenset({"client_data", "device", "expires", "name", "permissions"})
"""Fields that `update` takes."""


def update(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    id_: str,
    fields: Mapping[str, Any],
    *,
    serial: int | None = None,
    unique: bool = False,
) -> Stored:
    """Change an access; its token stays, and what it was is kept.

    What it made shrinks with it: shares that reach further now are deleted, those that would
    outlive it end with it.

    Args:
        fields: of `CHANGEABLE`; `client_data` merges at its top level, null drops a key.
        serial: the version that the caller has seen.

    Raises:
        NotFound: no such access, or not the caller's to know of.
        Forbidden: not the caller's to change, or not so far.
        Conflict: it was changed since; or the name is taken.
        InvalidInput: a permission names what is not there.
    """
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
    old = get(tx, caller, id_)
    if not caller.owner and old.created_by != caller.id:
        raise Forbidden("an access does not change itself")
    if serial is not None and serial != old.serial:
        raise Conflict(
            "this access was changed meanwhile",
            data={"provided": serial, "currentSerial": old.serial},
        )
    state = ctx.state(tx, caller.account_id)
    new = grants.changed(ctx, state, caller, old, fields)
    new = msgspec.structs.replace(
        new, serial=old.serial + 1, modified=stamp.at, modified_by=caller.id
    )
    if unique:
        _refuse_known(tx, ctx, caller, new.access.kind, new.access.name, new.device, but=id_)
    accesses.change(tx, old, new)
    changes.append(tx, caller.account_id, stamp, caller.id, [("access", "update", id_)])
    _shrink(tx, ctx, caller, state, new)
    return new


def _shrink(tx: WriteTx, ctx: Context, caller: Access, state: AccountState, maker: Stored) -> None:
    """Hold what an access made to what it may do itself now."""
    mine = maker.access
    for made in _live(tx, ctx, caller.account_id):
        if made.created_by != mine.id or mine.owner:
            continue
        if not mine.covers(state.tree, made.access.permissions):
            _delete(tx, ctx, caller, made)
        elif mine.expires is not None and (made.access.expires or _NEVER) > mine.expires:
            stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
            sooner = msgspec.structs.replace(
                made,
                access=msgspec.structs.replace(made.access, expires=mine.expires),
                serial=made.serial + 1,
                modified=stamp.at,
                modified_by=caller.id,
            )
            accesses.change(tx, made, sooner)
            log = [("access", "update", made.access.id)]
            changes.append(tx, caller.account_id, stamp, caller.id, log)


_NEVER = 2**62


def revoke(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> list[str]:
    """Delete an access, with those it made; they open nothing from this commit on.

    Returns:
        The ids of those it made.

    Raises:
        NotFound: no such live access, or not the caller's to know of.
        Forbidden: it may not give itself up.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now(), meta=True)
    stored = get(tx, caller, id_)
    if id_ == caller.id and stored.access.features.get("selfRevoke") == "forbidden":
        raise Forbidden("this access may not give itself up")
    return _delete(tx, ctx, caller, stored)


def _delete(tx: WriteTx, ctx: Context, caller: Access, stored: Stored) -> list[str]:
    from diurnal.services import receipts

    account_id, id_ = caller.account_id, stored.access.id
    stamp = changes.reserve(tx, account_id, 1, ctx.now(), meta=True)
    accesses.mark_deleted(tx, account_id, id_, stamp.at)
    receipts.withdrawn(tx, ctx, account_id, id_, stamp.at)
    changes.append(tx, account_id, stamp, caller.id, [("access", "delete", id_)])
    if stored.access.owner:  # what the owner made in a session outlives it
        return []
    related: list[str] = []
    for made in accesses.all_of(tx, account_id):
        if made.created_by == id_ and made.deleted is None:
            related += [made.access.id, *_delete(tx, ctx, caller, made)]
    return related


def source_names(tx: Tx, caller: Access, sources: Iterable[str]) -> dict[str, str]:
    """Return what people call each source: of one that is an access, the access's name."""
    named: dict[str, str] = {}
    for source in sources:
        stored = accesses.by_id(tx, caller.account_id, source) if ID.fullmatch(source) else None
        named[source] = stored.access.name if stored is not None else source
    return named


def personal(account_id: int, username: str) -> Access:
    """Return the owner's access for commands of this machine, which need no token."""
    return Access(
        id=SYSTEM, account_id=account_id, username=username, kind=Kind.PERSONAL, name="command"
    )
