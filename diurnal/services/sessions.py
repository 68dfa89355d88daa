"""Sessions: signing in with name and password, and out."""

from __future__ import annotations

from diurnal.errors import Unauthenticated
from diurnal.model import time
from diurnal.model.access import Kind
from diurnal.services import accesses, accounts
from diurnal.services.context import Context
from diurnal.store.accesses import Stored
from diurnal.store.accounts import Account
from diurnal.store.database import WriteTx

LASTS_US = 30 * time.DAY
API = "session"
DEVICE_MAX = 200


def sign_in(
    ctx: Context, *, name: str, password: str, address: str, device: str = ""
) -> tuple[Stored, str]:
    """Return a new session and its token; blocks for the password hash.

    Args:
        name: user name or e-mail.
        address: of the client; failures are counted by name and address.
        device: what the client calls itself, for the list of sessions.

    Raises:
        Unauthenticated: name and password do not belong together.
        TooMany: too many failures.
    """
    ctx.attempts.check(name, address, ctx.now())
    try:
        account = accounts.check_password(ctx, name, password)
    except Unauthenticated:
        ctx.attempts.failed(name, address)
        raise

    return begin(ctx, account, device=device)


def begin(ctx: Context, account: Account, *, device: str = "") -> tuple[Stored, str]:
    """Return a new session of somebody who has shown who they are; waits for the store."""

    def make(tx: WriteTx) -> tuple[Stored, str]:
        return accesses.issue(
            tx,
            ctx,
            account_id=account.account_id,
            username=account.username,
            kind=Kind.PERSONAL,
            name="Session",
            api=API,
            device="".join(c for c in device if c.isprintable())[:DEVICE_MAX] or None,
            expires=ctx.now() + LASTS_US,
        )

    return ctx.store.write(make).result()
