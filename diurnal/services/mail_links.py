"""Links in mails: to set a new password, and to confirm an e-mail address.

They lead to the address in the settings, never to one that a request named.
"""

from __future__ import annotations

import msgspec

from diurnal.auth import passwords as hashes
from diurnal.auth.passwords import OURS, Rule
from diurnal.errors import Conflict, Forbidden, InvalidInput
from diurnal.model.access import Access
from diurnal.model.time import HOUR
from diurnal.services import accesses, audit, mail, one_time, own_address, passwords
from diurnal.services.accounts import named
from diurnal.services.audit import Doing
from diurnal.services.context import Context
from diurnal.services.sign_in import DOOR
from diurnal.store import accounts, changes
from diurnal.store import one_time as rows
from diurnal.store.accounts import Account
from diurnal.store.database import Tx, WriteTx

VERIFY = "verify-email"
RESET_LASTS_US = HOUR
VERIFY_LASTS_US = 24 * HOUR
PER_HOUR_MAX = 3
"""Mails of a kind to one account: more would let strangers fill its mailbox."""
_GUESS = "mail link"

_RESET_TEXT = """Somebody, probably you, asked for a new password for the account {name}.

Set it here within an hour:

{link}

If it was not you, do nothing: the password stays as it is.
"""
_VERIFY_TEXT = """Confirm that this is the address of the account {name}:

{link}

If you do not know this account, do nothing.
"""
_CHANGED_TEXT = """The password of your account {name} was changed, and other sessions were ended.

If it was not you, set a new one at once:

{link}
"""


def ask_reset(ctx: Context, name: str) -> None:
    """Mail a link to whoever has this name or e-mail; waits for the store.

    Says nothing about whether anybody has: edges answer first and call this then, so that
    neither the answer nor its time tells.
    """
    if not mail.configured(ctx.settings):
        return
    account = ctx.store.read(lambda tx: _named(tx, name))
    if account is None or account.email is None or account.disabled is not None:
        return
    known = account

    def do(tx: WriteTx) -> None:
        now = ctx.now()
        changes.reserve(tx, known.account_id, 0, now)
        sent = rows.made_since(tx, known.account_id, passwords.RESET, now - HOUR)
        if sent < PER_HOUR_MAX:
            link = issue_reset(tx, ctx, known, by_mail=True)
            text = _RESET_TEXT.format(name=known.username, link=link)
            mail.queue(
                tx,
                ctx,
                known.account_id,
                to=str(known.email),
                subject="A new password for Diurnal",
                text=text,
                lasts=RESET_LASTS_US,
            )

    ctx.store.write(do).result()


def issue_reset(tx: WriteTx, ctx: Context, account: Account, *, by_mail: bool = False) -> str:
    """Return a link that sets a new password once, within an hour."""
    data = {"email": account.email if by_mail else None}
    token = one_time.issue(tx, ctx, account.account_id, passwords.RESET, data, lasts=RESET_LASTS_US)
    return f"{own_address.of(ctx)}/reset?token={token}"


def reset(ctx: Context, *, token: str, password: str, address: str, rule: Rule = OURS) -> str:
    """Set a new password by a link and end all sessions; return the user name; blocks.

    A second factor stays asked for.

    Raises:
        Forbidden: the link is used, old, or none of ours.
        InvalidInput: the password cannot be.
        TooMany: too many wrong links from this address.
    """
    # The link first: what nobody was sent costs no hash.
    account = _look(ctx, token, passwords.RESET, address)
    hashes.check_new(password, rule)
    hashed = hashes.hashed(password)

    def do(tx: WriteTx) -> str:
        _, data = one_time.spend(tx, ctx, token, passwords.RESET)
        passwords.put(tx, ctx, account.account_id, hashed)
        now = _existing(tx, account.account_id)
        if data["email"] is not None and data["email"] == now.email and not now.email_verified:
            accounts.save(tx, msgspec.structs.replace(now, email_verified=ctx.now()))
        tell_changed(tx, ctx, now)
        line = Doing(DOOR, "password.reset", address).line(ctx.now())
        audit.append(tx, ctx, account.account_id, [line])
        return now.username

    return ctx.store.write(do).result()


def check_reset(ctx: Context, token: str, address: str) -> str:
    """Return the name of the account that a link is for, without using it up.

    Raises:
        Forbidden, TooMany: as `reset`.
    """
    return _look(ctx, token, passwords.RESET, address).username


def tell_changed(tx: WriteTx, ctx: Context, account: Account) -> None:
    """Tell the owner that the password was changed."""
    if account.email is not None:
        text = _CHANGED_TEXT.format(name=account.username, link=f"{own_address.of(ctx)}/reset")
        subject = "Your password was changed"
        mail.queue(tx, ctx, account.account_id, to=account.email, subject=subject, text=text)


def ask_verify(tx: WriteTx, ctx: Context, caller: Access) -> bool:
    """Mail a link that confirms the account's address; False where it is confirmed already.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: there is no address.
        Conflict: this server sends no mail, or has sent enough.
    """
    accesses.must_own(caller)
    now = ctx.now()
    changes.reserve(tx, caller.account_id, 0, now)
    account = _existing(tx, caller.account_id)
    if account.email is None:
        raise InvalidInput("this account has no e-mail address", field="email")
    if account.email_verified is not None:
        return False
    if not mail.configured(ctx.settings):
        raise Conflict("this server sends no mail")
    if rows.made_since(tx, caller.account_id, VERIFY, now - HOUR) >= PER_HOUR_MAX:
        raise Conflict("several mails were sent within the hour; look for them, or try later")
    data = {"email": account.email}
    token = one_time.issue(tx, ctx, caller.account_id, VERIFY, data, lasts=VERIFY_LASTS_US)
    link = f"{own_address.of(ctx)}/verify-email?token={token}"
    mail.queue(
        tx,
        ctx,
        caller.account_id,
        to=account.email,
        subject="Confirm your e-mail address",
        text=_VERIFY_TEXT.format(name=account.username, link=link),
        lasts=VERIFY_LASTS_US,
    )
    return True


def verify(ctx: Context, *, token: str, address: str) -> str:
    """Confirm an address by its link; return it; waits for the store.

    Raises:
        Forbidden: the link is used, old or none of ours, or the address has changed.
        TooMany: too many wrong links from this address.
    """
    account = _look(ctx, token, VERIFY, address)

    def do(tx: WriteTx) -> str:
        _, data = one_time.spend(tx, ctx, token, VERIFY)
        stamp = changes.reserve(tx, account.account_id, 1, ctx.now(), meta=True)
        now = _existing(tx, account.account_id)
        if now.email is None or now.email != data["email"]:
            raise Forbidden(one_time.WORN)
        accounts.save(tx, msgspec.structs.replace(now, email_verified=stamp.at))
        what = [("account", "update", str(account.account_id))]
        changes.append(tx, account.account_id, stamp, "system", what)
        return now.email

    return ctx.store.write(do).result()


def _look(ctx: Context, token: str, purpose: str, address: str) -> Account:
    ctx.attempts.check(_GUESS, address)

    def find(tx: Tx) -> Account:
        account_id, _ = one_time.look(tx, ctx, token, purpose)
        return _existing(tx, account_id)

    try:
        return ctx.store.read(find)
    except Forbidden:
        ctx.attempts.failed(_GUESS, address)
        raise


def _existing(tx: Tx, account_id: int) -> Account:
    account = accounts.get(tx, account_id)
    if account is None:
        raise Forbidden(one_time.WORN)
    return account


def _named(tx: Tx, name: str) -> Account | None:
    account_id = named(tx, name)
    return accounts.get(tx, account_id) if account_id is not None else None
