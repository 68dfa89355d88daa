"""What an account signs in with: its password and its e-mail address, changed and reset."""

from __future__ import annotations

import msgspec

from diurnal.auth import passwords
from diurnal.auth.passwords import OURS, Rule
from diurnal.errors import Conflict, NotFound
from diurnal.model.access import Access
from diurnal.services import accesses, accounts, sessions, sign_in
from diurnal.services.context import Context
from diurnal.store import accounts as store
from diurnal.store import changes, one_time
from diurnal.store.accounts import Account
from diurnal.store.database import Tx, WriteTx

RESET = "password-reset"


def change(
    ctx: Context,
    caller: Access,
    *,
    current: str,
    new: str,
    address: str = "",
    revoke_apps: bool = False,
    rule: Rule = OURS,
) -> int:
    """Change the password and end all other sessions; return how many; blocks for two hashes.

    The access that calls stays.

    Args:
        address: of the client; failures are counted by name and address.
        revoke_apps: end every other token too.
        rule: for the new password, where a dialect's contract has its own.

    Raises:
        InvalidInput: the current password is another, or the new one cannot be.
        TooMany: too many wrong ones.
        Forbidden: the caller is not the owner.
        Conflict: somebody else changed it at the same time.
    """
    known = sign_in.confirm(ctx, caller, password=current, address=address, field="current")
    passwords.check_new(new, rule)
    hashed = passwords.hashed(new)

    def do(tx: WriteTx) -> int:
        changes.reserve(tx, caller.account_id, 0, ctx.now())
        _unchanged(tx, known)
        return _put(tx, ctx, caller, hashed, apps=revoke_apps)

    return ctx.store.write(do).result()


def change_email(
    ctx: Context, caller: Access, *, email: str | None, password: str, address: str = ""
) -> Account:
    """Give the account another e-mail address, which is a name to sign in with; None takes it.

    Blocks for the hash: whoever reads that mail may reset the password.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: not an e-mail address, or the password is another.
        TooMany: too many failures.
        Conflict: another account has this address, or the password was changed meanwhile.
    """
    accounts.check_email(email)
    known = sign_in.confirm(ctx, caller, password=password, address=address)

    def do(tx: WriteTx) -> Account:
        changes.reserve(tx, caller.account_id, 0, ctx.now(), meta=True)
        _unchanged(tx, known)
        return put_email(tx, ctx, caller, email)

    return ctx.store.write(do).result()


def put_email(tx: WriteTx, ctx: Context, caller: Access, email: str | None) -> Account:
    """Do as `change_email` without the password, where a contract asks for none.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: not an e-mail address.
        Conflict: another account has this address.
    """
    accesses.must_own(caller)
    accounts.check_email(email)
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
    account = _found(tx, caller.account_id)
    before = (account.email or "").casefold()
    after = (email or "").casefold()
    if before != after:
        if before:
            store.release(tx, "email", before, account.account_id)
        if after and not store.claim(tx, "email", after, account.account_id, stamp.at):
            raise Conflict("another account has this e-mail address", data={"email": email})
        one_time.drop(tx, caller.account_id, RESET)
    changed = msgspec.structs.replace(
        account,
        email=email,
        email_verified=account.email_verified if before == after else None,
    )
    store.save(tx, changed)
    what = [("account", "update", str(account.account_id))]
    changes.append(tx, account.account_id, stamp, caller.id, what)
    return changed


def delete_account(ctx: Context, caller: Access, *, password: str, code: str, address: str) -> None:
    """Delete the caller's account and all that is its; blocks.

    Args:
        code: of the second factor, where there is one.

    Raises:
        InvalidInput, Forbidden, TooMany: as `sign_in.confirm`.
    """
    sign_in.confirm(ctx, caller, password=password, code=code, address=address)
    accounts.delete(ctx, caller.account_id)


def _unchanged(tx: Tx, known: Account) -> Account:
    account = _found(tx, known.account_id)
    if account.password_hash != known.password_hash:
        raise Conflict("the password was changed in the meantime")
    return account


def _found(tx: Tx, account_id: int) -> Account:
    account = store.get(tx, account_id)
    if account is None:
        raise NotFound("no such account")
    return account


def put(tx: WriteTx, ctx: Context, account_id: int, hashed: str, *, apps: bool = False) -> int:
    """Set a password's hash on behalf of the server and end all sessions; return how many.

    Raises:
        NotFound: no such account.
    """
    changes.reserve(tx, account_id, 0, ctx.now())
    account = _found(tx, account_id)
    return _put(tx, ctx, accesses.personal(account_id, account.username), hashed, apps=apps)


def _put(tx: WriteTx, ctx: Context, caller: Access, hashed: str, *, apps: bool) -> int:
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
    account = _found(tx, caller.account_id)
    store.save(tx, msgspec.structs.replace(account, password_hash=hashed))
    what = [("account", "update", str(caller.account_id))]
    changes.append(tx, caller.account_id, stamp, caller.id, what)
    # What was on its way before the change leads nowhere after it.
    for purpose in (sign_in.TICKET, RESET):
        one_time.drop(tx, caller.account_id, purpose)
    return sessions.end_others(tx, ctx, caller, apps=apps)
