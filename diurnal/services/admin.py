"""Running a server with several accounts: their names and sizes, never their data."""

from __future__ import annotations

import msgspec

from diurnal.errors import Conflict, NotFound
from diurnal.model.access import Access
from diurnal.services import accounts
from diurnal.services.context import Context
from diurnal.services.sign_up import must_administer
from diurnal.store import accounts as rows
from diurnal.store import changes, files
from diurnal.store.accounts import Account
from diurnal.store.database import Tx, WriteTx


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """An account as an admin sees it.

    Attributes:
        changes: how many there were since it was made.
        attachment_bytes: what its files hold, the same content once.
    """

    account: Account
    changes: int
    attachment_bytes: int


def listed(tx: Tx, caller: Access) -> list[Figures]:
    """Return every account with its figures, oldest first.

    Raises:
        Forbidden: the caller is no admin.
    """
    must_administer(tx, caller)
    return figures(tx)


def figures(tx: Tx) -> list[Figures]:
    """Return every account with its figures; checks nothing."""
    found = rows.all_of(tx)
    revs = changes.revs_of(tx, [a.account_id for a in found])
    return [
        Figures(
            account=a,
            changes=revs.get(a.account_id, 0),
            attachment_bytes=files.total(tx, a.account_id),
        )
        for a in found
    ]


def create(
    ctx: Context,
    caller: Access,
    *,
    username: str,
    password: str,
    email: str | None = None,
    timezone: str | None = None,
) -> Account:
    """Make an account for somebody else, whatever `sign_up` says; blocks for the hash.

    Raises:
        Forbidden: the caller is no admin.
        InvalidInput: a field cannot be right.
        Conflict: the name or the e-mail is taken.
    """
    ctx.store.read(lambda tx: must_administer(tx, caller))
    return accounts.create(
        ctx, username=username, password=password, email=email, timezone=timezone, admin=False
    )


def change(
    ctx: Context,
    caller: Access,
    username: str,
    *,
    admin: bool | None = None,
    disabled: bool | None = None,
    attachment_quota: int | msgspec.UnsetType | None = msgspec.UNSET,
) -> Account:
    """Grant or take the right to administer, close an account or open it, set its quota; waits.

    A closed account keeps its data; nobody signs in to it, and its tokens open nothing.

    Args:
        attachment_quota: bytes; None for what the server gives everybody.

    Raises:
        Forbidden: the caller is no admin.
        NotFound: no such account.
        Conflict: it is the caller's own, or no admin would be left.
    """
    mine = ctx.store.read(lambda tx: must_administer(tx, caller))
    account = ctx.store.read(lambda tx: accounts.find(tx, username))
    if account.account_id == mine.account_id and (admin, disabled) != (None, None):
        raise Conflict("another admin has to change your own account")
    return set_flags(
        ctx,
        account.account_id,
        admin=admin,
        disabled=disabled,
        attachment_quota=attachment_quota,
        by=caller.id,
    )


def set_flags(
    ctx: Context,
    account_id: int,
    *,
    admin: bool | None = None,
    disabled: bool | None = None,
    attachment_quota: int | msgspec.UnsetType | None = msgspec.UNSET,
    by: str = "system",
) -> Account:
    """Do as `change` on behalf of the operator; waits for the store."""

    def do(tx: WriteTx) -> Account:
        stamp = changes.reserve(tx, account_id, 1, ctx.now(), meta=True)
        account = rows.get(tx, account_id)
        if account is None:
            raise NotFound("no such account")
        since = account.disabled
        if disabled is not None:
            since = (since or stamp.at) if disabled else None
        changed = msgspec.structs.replace(
            account, admin=account.admin if admin is None else admin, disabled=since
        )
        if attachment_quota is not msgspec.UNSET:
            changed = msgspec.structs.replace(changed, attachment_quota=attachment_quota)
        rows.save(tx, changed)
        # The other account's log must not name an access of this one.
        who = "system" if by == "system" else "admin"
        changes.append(tx, account_id, stamp, who, [("account", "update", str(account_id))])
        return changed

    return ctx.store.write(do).result()


def delete(ctx: Context, caller: Access, username: str) -> None:
    """Delete somebody else's account with all that is its; blocks.

    Raises:
        Forbidden: the caller is no admin.
        NotFound: no such account.
        Conflict: it is the caller's own.
    """
    mine = ctx.store.read(lambda tx: must_administer(tx, caller))
    account = ctx.store.read(lambda tx: accounts.find(tx, username))
    if account.account_id == mine.account_id:
        raise Conflict("delete your own account in its settings")
    accounts.delete(ctx, account.account_id)
