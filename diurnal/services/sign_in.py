"""Showing who one is: the one way that every door goes.

    begin(name, password)  -> Proof, or Pending where a second factor is asked for
    finish(ticket, code)   -> Proof

Only a `Proof` opens a session (`sessions.begin`); a door that has none cannot skip a step.
"""

from __future__ import annotations

import msgspec

from diurnal.auth import one_time_codes, tokens
from diurnal.errors import AppError, Forbidden, InvalidInput, NotFound, Unauthenticated
from diurnal.model.access import Access
from diurnal.model.time import MINUTE, SECOND
from diurnal.services import accounts, audit, one_time
from diurnal.services.accesses import must_own
from diurnal.services.audit import Doing
from diurnal.services.context import Context
from diurnal.store import accounts as account_rows
from diurnal.store import changes, totp
from diurnal.store.accounts import Account
from diurnal.store.database import Tx, WriteTx

DOOR = "sign-in"
"""What the audit calls this door."""
TICKET = "second-factor"
TICKET_LASTS_US = 10 * MINUTE
_WRONG_CODE = "this code is not right, or has been used"


class Proof(msgspec.Struct, frozen=True):
    """Somebody has shown that an account is theirs; `method` is how."""

    account: Account
    method: str


class Pending(msgspec.Struct, frozen=True):
    """The password is right, and a code is needed: give it with the ticket to `finish`."""

    ticket: str
    username: str


def begin(ctx: Context, *, name: str, password: str, address: str) -> Proof | Pending:
    """Take name and password; blocks for the password hash.

    Args:
        name: user name or e-mail.
        address: of the client; failures are counted by name and address.

    Raises:
        Unauthenticated: name and password do not belong together.
        TooMany: too many failures.
        Forbidden: the account is disabled.
    """
    account = _with_password(ctx, name, password, address)
    if ctx.store.read(lambda tx: asked_for(tx, account.account_id)):

        def make(tx: WriteTx) -> str:
            return one_time.issue(tx, ctx, account.account_id, TICKET, None, lasts=TICKET_LASTS_US)

        return Pending(ctx.store.write(make).result(), account.username)
    return Proof(account, "password")


def finish(ctx: Context, *, ticket: str, code: str, address: str) -> Proof:
    """Take the code of the second factor, or a recovery code; waits for the store.

    Raises:
        Unauthenticated: the code is wrong; the ticket stays good.
        Forbidden: the ticket is used or too old: begin again.
        TooMany: too many failures.
    """
    account_id, _ = ctx.store.read(lambda tx: one_time.look(tx, ctx, ticket, TICKET))
    guess = _code_name(account_id)
    ctx.attempts.check(guess, address, code=True)

    def check(tx: WriteTx) -> Proof:
        one_time.spend(tx, ctx, ticket, TICKET)
        method = spend_code(tx, ctx, account_id, code)
        return Proof(_existing(tx, account_id), method)

    try:
        return ctx.store.write(check).result()
    except Unauthenticated as error:
        ctx.attempts.failed(guess, address, code=True)
        noted(ctx, account_id, address, error)
        raise


def confirm(
    ctx: Context,
    caller: Access,
    *,
    password: str,
    code: str | None = None,
    address: str,
    field: str = "password",
) -> Account:
    """Have the owner show once more who they are, for a session may be a stolen one; blocks.

    Args:
        code: of the second factor; None where the step does not ask for it.
        field: the member of the request that holds the password.

    Raises:
        InvalidInput: the password or the code is wrong.
        Forbidden: the caller is not the owner.
        TooMany: too many failures.
    """
    must_own(caller)
    try:
        account = _with_password(ctx, caller.username, password, address)
    except Unauthenticated:
        raise InvalidInput("this is not the account's password", field=field) from None
    if code is not None and ctx.store.read(lambda tx: asked_for(tx, account.account_id)):
        guess = _code_name(account.account_id)
        ctx.attempts.check(guess, address, code=True)
        try:
            ctx.store.write(lambda tx: spend_code(tx, ctx, account.account_id, code)).result()
        except Unauthenticated as error:
            ctx.attempts.failed(guess, address, code=True)
            raise InvalidInput(error.message, field="code") from None
    return account


def asked_for(tx: Tx, account_id: int) -> bool:
    """Return whether an account asks for a second factor."""
    known = totp.get(tx, account_id)
    return known is not None and known.confirmed is not None


def spend_code(tx: WriteTx, ctx: Context, account_id: int, code: str) -> str:
    """Use a code or a recovery code up; return which it was.

    Raises:
        Unauthenticated: wrong, or used.
    """
    changes.reserve(tx, account_id, 0, ctx.now())
    known = totp.get(tx, account_id)
    if known is None:
        raise Unauthenticated(_WRONG_CODE)
    recovery = one_time_codes.plain_recovery_code(code)
    if recovery is not None and known.confirmed is not None:
        if totp.spend_code(tx, account_id, tokens.digest(recovery), ctx.now()):
            return "recovery"
        raise Unauthenticated(_WRONG_CODE)
    secret = ctx.keys.open(known.sealed, account_id)
    if secret is None:
        raise AppError("the second factor was sealed with a key that is gone")
    step = one_time_codes.fitting_step(
        secret, code, now_s=ctx.now() // SECOND, after=known.last_step
    )
    if step is None:
        raise Unauthenticated(_WRONG_CODE)
    totp.step(tx, account_id, step)
    return "code"


def _with_password(ctx: Context, name: str, password: str, address: str) -> Account:
    ctx.attempts.check(name, address)
    try:
        account = accounts.check_password(ctx, name, password)
    except Unauthenticated as error:
        ctx.attempts.failed(name, address)
        # Looked up for unknown names, too, so that both take as long.
        noted(ctx, ctx.store.read(lambda tx: accounts.named(tx, name)), address, error)
        raise
    refuse_disabled(account)
    return account


def noted(ctx: Context, account_id: int | None, address: str, error: AppError) -> None:
    """Note in the audit of an account that somebody was refused at its door."""
    doing = Doing(DOOR, "session.begin", address)
    doing.account_id, doing.error = account_id, error.code
    audit.note(ctx, doing)


def refuse_disabled(account: Account) -> None:
    """Refuse an account that an admin has closed.

    Raises:
        Forbidden: it is.
    """
    if account.disabled is not None:
        raise Forbidden("this account is disabled; ask who runs this server")


def _code_name(account_id: int) -> str:
    return f"second factor {account_id}"


def _existing(tx: Tx, account_id: int) -> Account:
    account = account_rows.get(tx, account_id)
    if account is None:
        raise NotFound("no such account")
    return account
