"""Accesses: who a token is, and the making and revoking of tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from diurnal.auth import tokens
from diurnal.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from diurnal.model.access import EVERY, Access, Kind, Level, Permission
from diurnal.services import events
from diurnal.services.context import CachedAccess, Context
from diurnal.store import accesses, changes
from diurnal.store.accesses import Stored
from diurnal.store.database import Tx, WriteTx

RECHECK_US = 250_000
"""A token is looked at again this often, for what other processes did.

What this one did shows at once.
"""
CACHED_MAX = 20_000
NAME_MAX = 100
ID = re.compile(r"c[0-9a-z]{24}")
SIMPLE_API = "exist"
SIMPLE_NAME = "Simple token"
PERMISSIONS_MAX = 200

_UNKNOWN = "this token opens nothing"


def remembered(ctx: Context, token: str) -> Access | None:
    """Return the access of a token that was checked a moment ago, without any I/O."""
    known = ctx.accesses.get(tokens.digest(token))
    if known is None or known.seen != ctx.store.meta_commits:
        return None
    if not 0 <= ctx.now() - known.checked <= RECHECK_US:
        return None
    return _used(ctx, known.access)


def resolve(
    tx: Tx, ctx: Context, token: str, *, account_id: int | None = None, seen: int = -1
) -> Access:
    """Return the access that a token opens, as of this transaction.

    Args:
        account_id: whose it must be, for tokens that do not carry their account.
        seen: `Store.meta_commits` before the transaction began, so that the answer may be
            remembered.

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
            raise Unauthenticated(_UNKNOWN, access=stored.access if stored else None)
        if len(ctx.accesses) >= CACHED_MAX:
            ctx.accesses.pop(next(iter(ctx.accesses)), None)
        access = stored.access
    else:
        access = known.access
    ctx.accesses[key] = CachedAccess(revs[1], access, ctx.now(), seen)
    return _used(ctx, access)


def expired(ctx: Context, access: Access) -> bool:
    """Return whether an access is past its time."""
    return access.expires is not None and access.expires <= ctx.now()


def stands(tx: Tx, access: Access) -> bool:
    """Return whether an access is still there: for whoever holds a connection open by it."""
    stored = accesses.by_id(tx, access.account_id, access.id)
    return stored is not None and stored.deleted is None


def _used(ctx: Context, access: Access) -> Access:
    """Refuse an access past its time, and count the use of any other."""
    if expired(ctx, access):
        raise Unauthenticated("this token has expired", expired=True, access=access)
    key = (access.account_id, access.id)
    ctx.uses[key] = ctx.uses.get(key, 0) + 1
    return access


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
            scopes=tuple(scopes),
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
    events.check_json(name, "name")
    events.check_json(device, "device")
    state = ctx.state(tx, caller.account_id)
    for i, p in enumerate(permissions):
        events.check_json(p.tags, f"permissions[{i}].tags")
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
    from diurnal.services import consents

    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
    stored = accesses.by_id(tx, caller.account_id, id_)
    hidden = not caller.owner and id_ != caller.id
    if stored is None or stored.deleted is not None or hidden:
        raise NotFound(f"no access {id_!r}")
    accesses.mark_deleted(tx, caller.account_id, id_, stamp.at)
    consents.withdrawn(tx, ctx, caller.account_id, id_, stamp.at)
    changes.append(tx, caller.account_id, stamp, caller.id, [("access", "delete", id_)])


def is_simple(access: Access) -> bool:
    """Return whether this is an account's simple token: read only, for Exist's API."""
    return access.api == SIMPLE_API and access.client_id is None


def simple_token(tx: WriteTx, ctx: Context, caller: Access) -> str:
    """Return the account's one simple token for Exist's API, making it on first use.

    Raises:
        Forbidden: the caller is not the owner.
    """
    if not caller.owner:
        raise Forbidden("only the account's owner makes tokens")
    # Locks the account's clock first, so that two who ask at once do not make two tokens.
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    for stored in accesses.all_of(tx, caller.account_id):
        if is_simple(stored.access) and stored.deleted is None and stored.sealed is not None:
            known = ctx.keys.open(stored.sealed, caller.account_id)
            if known is not None:
                return known
    _, token = issue(
        tx,
        ctx,
        account_id=caller.account_id,
        username=caller.username,
        kind=Kind.APP,
        name=SIMPLE_NAME,
        permissions=(Permission(Level.READ),),
        api=SIMPLE_API,
        token=tokens.make_hex(caller.account_id),
        seal=True,
        made_by=caller.id,
    )
    return token


def source_names(tx: Tx, caller: Access, sources: Iterable[str]) -> dict[str, str]:
    """Return what people call each source: of one that is an access, the access's name."""
    named: dict[str, str] = {}
    for source in sources:
        stored = accesses.by_id(tx, caller.account_id, source) if ID.fullmatch(source) else None
        named[source] = stored.access.name if stored is not None else source
    return named


def flush_uses(
    tx: WriteTx,
    ctx: Context,
    counted: Mapping[tuple[int, str], int],
    refused: Mapping[tuple[int, str], int] = {},
) -> None:
    """Store usage counts that were gathered in memory, in all and by local day."""
    now = ctx.now()
    accesses.add_use(tx, [(now, n, account, id_) for (account, id_), n in counted.items()])
    today: dict[int, int] = {}
    for account in {key[0] for key in (*counted, *refused)}:
        if changes.revs(tx, account) is not None:
            today[account] = ctx.state(tx, account).zones.day_at(now)
    rows = [
        (account, id_, today[account], counted.get((account, id_), 0), n)
        for (account, id_), n in {**dict.fromkeys(counted, 0), **refused}.items()
        if account in today
    ]
    accesses.add_days(tx, rows)


def personal(account_id: int, username: str) -> Access:
    """Return the owner's access for commands of this machine, which need no token."""
    return Access(
        id="system", account_id=account_id, username=username, kind=Kind.PERSONAL, name="command"
    )
