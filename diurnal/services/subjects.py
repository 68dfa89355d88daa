"""Who an account is to applications: a lasting id, and what scopes tell."""

from __future__ import annotations

import hashlib
from typing import Any

from diurnal.errors import NotFound
from diurnal.store import accounts
from diurnal.store.accounts import Account
from diurnal.store.database import Tx

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
PREFIX = "00u"
LENGTH = 20


def of(tx: Tx, account_id: int) -> str:
    """Return the account's id to applications: twenty characters that never change.

    Raises:
        NotFound: no such account.
    """
    return _subject(_account(tx, account_id))


def claims(tx: Tx, account_id: int, scope: tuple[str, ...]) -> dict[str, Any]:
    """Return what scopes tell of the owner, in the words of OpenID Connect.

    Raises:
        NotFound: no such account.
    """
    account = _account(tx, account_id)
    told: dict[str, Any] = {"sub": _subject(account)}
    if "profile" in scope:
        told |= {"name": account.username, "preferred_username": account.username}
        if account.timezone:
            told["zoneinfo"] = account.timezone
    if "email" in scope and account.email:
        told |= {"email": account.email, "email_verified": False}
    return told


def _account(tx: Tx, account_id: int) -> Account:
    found = accounts.get(tx, account_id)
    if found is None:
        raise NotFound("no such account")
    return found


def _subject(account: Account) -> str:
    # Of what never changes; not the account's number, which would tell how many there are.
    seed = f"{account.account_id}:{account.username}:{account.created}".encode()
    n = int.from_bytes(hashlib.sha256(seed).digest(), "big")
    digits = []
    for _ in range(LENGTH - len(PREFIX)):
        n, rest = divmod(n, 36)
        digits.append(_DIGITS[rest])
    return PREFIX + "".join(digits)
