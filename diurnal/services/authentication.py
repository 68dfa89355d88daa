"""Who a token is, and whether what was opened by it still stands."""

from __future__ import annotations

from diurnal.auth import tokens
from diurnal.errors import Unauthenticated
from diurnal.model.access import Access
from diurnal.services.context import CachedAccess, Context
from diurnal.store import accesses, accounts, changes
from diurnal.store.accesses import Stored
from diurnal.store.database import Tx

RECHECK_US = 250_000
"""A token is looked at again this often, for what other processes did.

What this one did shows at once.
"""
CACHED_MAX = 20_000
SYSTEM = "system"
"""Id of the owner's access for commands and work of this machine, which has no token."""
_UNKNOWN = "this token opens nothing"


def remembered(ctx: Context, token: str) -> Access | None:
    """Return the access of a token that was checked a moment ago, without any I/O."""
    known = ctx.accesses.get(tokens.digest(token))
    if known is None or known.seen != ctx.store.meta_commits:
        return None
    if not 0 <= ctx.now() - known.checked <= RECHECK_US:
        return None
    return _used(ctx, known.access)


def seen_as(ctx: Context, token: str, username: str) -> int | None:
    """Return the account of a token that was seen as this user's; `resolve` has the last word."""
    known = ctx.accesses.get(tokens.digest(token))
    return known.access.account_id if known and known.access.username == username else None


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


def _used(ctx: Context, access: Access) -> Access:
    """Refuse an access past its time, and count the use of any other."""
    if expired(ctx, access):
        raise Unauthenticated("this token has expired", expired=True, access=access)
    key = (access.account_id, access.id)
    ctx.uses[key] = ctx.uses.get(key, 0) + 1
    return access


def expired(ctx: Context, access: Access) -> bool:
    """Return whether an access is past its time."""
    return access.expires is not None and access.expires <= ctx.now()


def stands(tx: Tx, access: Access) -> bool:
    """Return whether an access is still there: for whoever holds a connection open by it."""
    stored = accesses.by_id(tx, access.account_id, access.id)
    return stored is not None and stored.deleted is None and not _closed(tx, access.account_id)


def current(tx: Tx, ctx: Context, access: Access) -> Access | None:
    """Return an access as it is now, None where it opens nothing any more.

    For whoever holds something open by it, or works on in its name: a socket, an import.
    """
    if access.id == SYSTEM:
        return access if changes.revs(tx, access.account_id) is not None else None
    stored = accesses.by_id(tx, access.account_id, access.id)
    if stored is None or stored.deleted is not None or expired(ctx, stored.access):
        return None
    return None if _closed(tx, access.account_id) else stored.access


def standing(tx: Tx, ctx: Context, account_id: int, id_: str) -> Stored | None:
    """Return an access by its id while it opens something, for what was signed in its name."""
    stored = accesses.by_id(tx, account_id, id_)
    if stored is None or stored.deleted is not None or expired(ctx, stored.access):
        return None
    return None if _closed(tx, account_id) else stored


def refuse_ended(tx: Tx, ctx: Context, account_id: int, access_id: str) -> None:
    """Refuse to work on in the name of an access that was ended since.

    What the owner began goes on: signing out stops no import.

    Raises:
        Unauthenticated: it was ended.
    """
    stored = None if access_id == SYSTEM else accesses.by_id(tx, account_id, access_id)
    if stored is None or stored.access.owner:
        return
    if stored.deleted is not None or expired(ctx, stored.access):
        raise Unauthenticated("the access that began this has ended")


def _closed(tx: Tx, account_id: int) -> bool:
    """Return whether an admin has closed the account, or it is gone."""
    account = accounts.get(tx, account_id)
    return account is None or account.disabled is not None
