"""The first account, made in the browser; locked by a one-time code when not on loopback."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from diurnal.auth import tokens
from diurnal.errors import Forbidden
from diurnal.services import accounts as account_cases
from diurnal.services.context import Context
from diurnal.store import accounts
from diurnal.store.accounts import Account
from diurnal.store.database import Tx

CODE_FILE = "setup-code"
_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
"""Nothing that reads like something else."""
_LENGTH = 16


def needed(tx: Tx) -> bool:
    """Return whether there is no account yet."""
    return accounts.count(tx) == 0


def issue_code(data_dir: Path) -> str:
    """Return a new code for the first account; only its hash is kept, in a file (0600).

    An earlier code opens nothing any more.
    """
    plain = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    temp = data_dir / f"{CODE_FILE}.{secrets.token_hex(4)}"
    with os.fdopen(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(tokens.digest(plain).hex().encode())
    temp.replace(data_dir / CODE_FILE)
    return "-".join(plain[i : i + 4] for i in range(0, _LENGTH, 4))


def create(
    ctx: Context,
    *,
    username: str,
    password: str,
    timezone: str | None,
    code: str | None,
    local: bool,
    address: str,
) -> Account:
    """Make the first account; blocks for the password hash.

    Args:
        code: what `issue_code` gave.
        local: whether the request surely comes from this machine; then no code is needed.

    Raises:
        Forbidden: the code is missing or wrong.
        TooMany: too many wrong codes.
        Conflict: there is an account already.
        InvalidInput: a field cannot be right.
    """
    if not local:
        check_code(ctx, code, address)
    made = account_cases.create(
        ctx, username=username, password=password, timezone=timezone, first_only=True
    )
    (ctx.settings.data_dir / CODE_FILE).unlink(missing_ok=True)
    return made


def check_code(ctx: Context, code: str | None, address: str) -> None:
    """Refuse a code that `issue_code` did not give.

    Raises:
        Forbidden: it is missing or wrong.
        TooMany: too many wrong codes.
    """
    ctx.attempts.check(CODE_FILE, address, ctx.now())
    if not _fits(ctx.settings.data_dir, code or ""):
        ctx.attempts.failed(CODE_FILE, address)
        raise Forbidden("the one-time code is not right; the server printed it at its start")


def _fits(data_dir: Path, code: str) -> bool:
    try:
        kept = (data_dir / CODE_FILE).read_text().strip()
    except FileNotFoundError:
        return False
    plain = "".join(c for c in code.casefold() if c.isalnum())
    return hmac.compare_digest(tokens.digest(plain).hex(), kept)
