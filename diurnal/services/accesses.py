"""Accesses: who a token is, and the making and revoking of tokens."""

from __future__ import annotations

from collections.abc import Sequence

from diurnal.auth import tokens
from diurnal.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from diurnal.model.access import EVERY, Access, Kind, Permission
from diurnal.services.context import CachedAccess, Context
from diurnal.store import accesses, changes
from diurnal.store.accesses import Stored
from diurnal.store.database import Tx, WriteTx

RECHECK_US = 250_000
"""On PostgreSQL a token is looked at again this often; revocation holds within a second."""
CACHED_MAX = 20_000
NAME_MAX = 100
PERMISSIONS_MAX = 200

_UNKNOWN = "this token opens nothing"


def remembered(ctx: Context, token: str) -> Access | None:
    """Return the access of a token that was checked a moment ago, without any I/O."""
    known = ctx.accesses.get(tokens.digest(token))
    if known is None or ctx.store.inline_reads or ctx.now() - known.checked > RECHECK_US:
        return None
    _check_expiry(ctx, known.access)
    return known.access


def resolve(tx: Tx, ctx: Context, token: str, *, account_id: int | None = None) -> Access:
    """Return the access that a token opens, as of this transaction.

    Args:
        account_id: whose it must be, for tokens that do not carry their account.

    Raises:
        Unauthenticated: unknown, deleted or expired.
    """
    account = tokens.account_of(token) if account_id is None else account_id
    revs = None if account is None else changes.revs(tx, account)
    if account is None or revs is None:
        raise Unauthenticated(_UNKNOWN)
    key = tokens.digest(token)
    known = ctx.accesses.get(key)
    if known is None or known.meta_rev != revs[1] or known.access.account_id != account:
        stored = accesses.by_token(tx, account, key)
        if stored is None or stored.deleted is not None:
            ctx.accesses.pop(key, None)
            raise Unauthenticated(_UNKNOWN)
        if len(ctx.accesses) >= CACHED_MAX:
            ctx.accesses.pop(next(iter(ctx.accesses)), None)
        known = ctx.accesses[key] = CachedAccess(revs[1], stored.access, ctx.now())
    elif not ctx.store.inline_reads:
        known = ctx.accesses[key] = CachedAccess(revs[1], known.access, ctx.now())
    _check_expiry(ctx, known.access)
    ctx.uses[(known.access.account_id, known.access.id)] = (
        ctx.uses.get((known.access.account_id, known.access.id), 0) + 1
    )
    return known.access


def _check_expiry(ctx: Context, access: Access) -> None:
    if access.expires is not None and access.expires <= ctx.now():
        raise Unauthenticated("this token has expired")


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
    device: str | None = None,
    expires: int | None = None,
    token: str | None = None,
    seal: bool = False,
    made_by: str = "system",
) -> tuple[Stored, str]:
    """Make an access and its token; checks nothing.

    Args:
        seal: keep the token encrypted beside its hash, where a contract must show it again.
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
        ),
        token_hash=tokens.digest(secret),
        sealed=ctx.keys.seal(secret, account_id) if seal else None,
        device=device,
        client_data=None,
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
) -> tuple[Stored, str]:
    """Make a token for an app or a share; only the owner may, in this version.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: a permission names what is not there.
    """
    if not caller.owner:
        raise Forbidden("only the account's owner makes tokens")
    if not name.strip() or len(name) > NAME_MAX:
        raise InvalidInput(f"a name has 1 to {NAME_MAX} characters", field="name")
    if kind is not Kind.PERSONAL and not permissions:
        raise InvalidInput("a token needs at least one permission", field="permissions")
    if len(permissions) > PERMISSIONS_MAX:
        raise InvalidInput(f"at most {PERMISSIONS_MAX} permissions", field="permissions")
    if expires is not None and expires <= ctx.now():
        raise InvalidInput("expires in the past", field="expires")
    state = ctx.state(tx, caller.account_id)
    for i, p in enumerate(permissions):
        if p.stream != EVERY and p.stream not in state.tree:
            raise InvalidInput(f"unknown stream {p.stream!r}", field=f"permissions[{i}].stream")
        for m in p.measures or ():
            if state.measure(m) is None:
                raise InvalidInput(f"unknown measure {m!r}", field=f"permissions[{i}].measures")
        if p.start is not None and p.end is not None and p.start >= p.end:
            raise InvalidInput("start is not before end", field=f"permissions[{i}].start")
    return issue(
        tx,
        ctx,
        account_id=caller.account_id,
        username=caller.username,
        kind=kind,
        name=name.strip(),
        permissions=permissions,
        api=api,
        expires=expires,
        device=device,
        made_by=caller.id,
    )


def must_own(caller: Access) -> None:
    """Refuse everybody but the account's owner.

    Raises:
        Forbidden: the caller is not the owner.
    """
    if not caller.owner:
        raise Forbidden("only the account's owner may")


def listed(tx: Tx, caller: Access) -> list[Stored]:
    """Return the live accesses of the account: all to the owner, to others their own."""
    live = [s for s in accesses.all_of(tx, caller.account_id) if s.deleted is None]
    return live if caller.owner else [s for s in live if s.access.id == caller.id]


def revoke(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> None:
    """Delete an access; it opens nothing from this commit on.

    Raises:
        NotFound: no such live access, or not the caller's to know of.
    """
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
    stored = accesses.by_id(tx, caller.account_id, id_)
    hidden = not caller.owner and id_ != caller.id
    if stored is None or stored.deleted is not None or hidden:
        raise NotFound(f"no access {id_!r}")
    accesses.mark_deleted(tx, caller.account_id, id_, stamp.at)
    changes.append(tx, caller.account_id, stamp, caller.id, [("access", "delete", id_)])


def flush_uses(tx: WriteTx, ctx: Context, counted: dict[tuple[int, str], int]) -> None:
    """Store usage counts that were gathered in memory."""
    now = ctx.now()
    accesses.add_use(tx, [(now, n, account, id_) for (account, id_), n in counted.items()])


def personal(account_id: int, username: str) -> Access:
    """Return the owner's access for commands of this machine, which need no token."""
    return Access(
        id="system", account_id=account_id, username=username, kind=Kind.PERSONAL, name="command"
    )
