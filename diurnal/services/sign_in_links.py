"""Links that sign in once: what a command prints, so that one click opens the pages.

Only the hash of the newest link is kept, in a file (0600); it opens one session within ten
minutes, and only from this machine.
"""

from __future__ import annotations

import hmac
import os
import secrets

import msgspec

from diurnal.auth import tokens
from diurnal.errors import Forbidden
from diurnal.model.time import MINUTE
from diurnal.services import accounts, sessions
from diurnal.services.context import Context
from diurnal.services.sign_in import Proof
from diurnal.store.accesses import Stored
from diurnal.store.accounts import Account

FILE = "sign-in-link"
LASTS_US = 10 * MINUTE

_WORN = "this link has been used, or is too old; sign in with the password"


class _Kept(msgspec.Struct, frozen=True):
    digest: str
    username: str
    expires: int


def issue(ctx: Context, account: Account) -> str:
    """Return a token that signs in to the account once; an earlier one opens nothing any more."""
    token = secrets.token_urlsafe(32)
    digest = tokens.digest(token).hex()
    kept = _Kept(digest, account.username, ctx.now() + LASTS_US)
    temp = ctx.settings.data_dir / f"{FILE}.{secrets.token_hex(4)}"
    with os.fdopen(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(kept))
    temp.replace(ctx.settings.data_dir / FILE)
    return token


def redeem(ctx: Context, token: str, *, local: bool, device: str = "") -> tuple[Stored, str]:
    """Return a new session and its token; waits for the store.

    Args:
        local: whether the request surely comes from this machine.

    Raises:
        Forbidden: from elsewhere, or the link is used, old or another.
    """
    if not local:
        raise Forbidden("this link works on the machine of the server only")
    path = ctx.settings.data_dir / FILE
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
        fits = hmac.compare_digest(tokens.digest(token).hex(), kept.digest)
        if not fits or not 0 <= kept.expires - ctx.now() <= LASTS_US:
            raise Forbidden(_WORN)
        # Whoever removes it has it: of two at once, one.
        path.unlink()
    except (FileNotFoundError, msgspec.DecodeError):
        raise Forbidden(_WORN) from None
    account = ctx.store.read(lambda tx: accounts.find(tx, kept.username))
    return sessions.begin(ctx, Proof(account, "link"), device=device)
