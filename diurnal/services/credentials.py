"""What an account signs in with: its password and its e-mail address."""

from __future__ import annotations

import msgspec

from diurnal.auth import passwords
from diurnal.errors import Conflict, InvalidInput, NotFound
from diurnal.model.access import Access
from diurnal.services import accesses, accounts, sessions
from diurnal.services.context import Context
from diurnal.store import accesses as access_store
from diurnal.store import accounts as store
from diurnal.store import changes
from diurnal.store.accounts import Account
from diurnal.store.database import Tx, WriteTx

_CHANGED = "the password was changed in the meantime"


def change_password(
    ctx: Context, caller: Access, *, current: str, new: str, address: str = ""
) -> int:
    """Give the account a new password and end its other sessions; return how many.

    Blocks for two hashes. Tokens stay: each is revoked by itself.

    Args:
        address: of the client; failures are counted by name and address.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: the current password is another, or the new one is too short or too long.
        TooMany: too many failures.
        Conflict: somebody else changed it at the same time.
    """
    known = _shown(ctx, caller, current, address, field="current")
    passwords.check_new(new)
    hashed = passwords.hashed(new)

    def change(tx: WriteTx) -> int:
        changes.reserve(tx, caller.account_id, 0, ctx.now(), meta=True)
        account = _unchanged(tx, known)
        store.save(tx, msgspec.structs.replace(account, password_hash=hashed))
        ended = [
            stored.access.id
            for stored in access_store.all_of(tx, caller.account_id)
            if stored.deleted is None
            and stored.access.api == sessions.API
            and stored.access.id != caller.id
        ]
        stamp = changes.reserve(tx, caller.account_id, 1 + len(ended), ctx.now(), meta=True)
        for id_ in ended:
            access_store.mark_deleted(tx, caller.account_id, id_, stamp.at)
        told = [("account", "update", str(caller.account_id))]
        told += [("access", "delete", id_) for id_ in ended]
        changes.append(tx, caller.account_id, stamp, caller.id, told)
        return len(ended)

    return ctx.store.write(change).result()


def change_email(
    ctx: Context, caller: Access, *, email: str | None, password: str, address: str = ""
) -> Account:
    """Give the account another e-mail address, which is a name to sign in with; None takes it.

    Blocks for the hash.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: not an e-mail address, or the password is another.
        TooMany: too many failures.
        Conflict: another account has this address, or the password was changed meanwhile.
    """
    accounts.check_email(email)
    known = _shown(ctx, caller, password, address, field="password")

    def change(tx: WriteTx) -> Account:
        stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
        account = _unchanged(tx, known)
        before = (account.email or "").casefold()
        after = (email or "").casefold()
        if before and before != after:
            store.release(tx, "email", before, account.account_id)
        if (
            after
            and before != after
            and not store.claim(tx, "email", after, account.account_id, stamp.at)
        ):
            raise Conflict("another account has this e-mail address")
        changed = msgspec.structs.replace(account, email=email)
        store.save(tx, changed)
        told = [("account", "update", str(account.account_id))]
        changes.append(tx, account.account_id, stamp, caller.id, told)
        return changed

    return ctx.store.write(change).result()


def _shown(ctx: Context, caller: Access, password: str, address: str, *, field: str) -> Account:
    """Return the account of whoever knows its password; a session alone may be a stolen one."""
    accesses.must_own(caller)
    ctx.attempts.check(caller.username, address, ctx.now())
    account = ctx.store.read(lambda tx: _found(tx, caller.account_id))
    if not passwords.fits(password, account.password_hash):
        ctx.attempts.failed(caller.username, address)
        raise InvalidInput("this is not the account's password", field=field)
    return account


def _found(tx: Tx, account_id: int) -> Account:
    account = store.get(tx, account_id)
    if account is None:
        raise NotFound("no such account")
    return account


def _unchanged(tx: Tx, known: Account) -> Account:
    account = _found(tx, known.account_id)
    if account.password_hash != known.password_hash:
        raise Conflict(_CHANGED)
    return account
