"""Passwords: argon2id. Slow on purpose; never call this inside a store turn."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from pwdlib import PasswordHash

from diurnal.errors import InvalidInput

LENGTH_MIN = 8
LENGTH_MAX = 1_000


class Rule(NamedTuple):
    """How long a new password is; a dialect's contract may name its own."""

    length_min: int = LENGTH_MIN
    length_max: int = LENGTH_MAX


OURS = Rule()


@cache
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


@cache
def _decoy() -> str:
    return _hasher().hash("no account has this password")


def check_new(password: str, rule: Rule = OURS) -> None:
    """Refuse a new password that is too short or too long.

    Raises:
        InvalidInput: it is.
    """
    if len(password) < rule.length_min:
        raise InvalidInput(
            f"a password has at least {rule.length_min} characters", field="password"
        )
    if len(password) > min(rule.length_max, LENGTH_MAX):
        raise InvalidInput(f"a password has at most {rule.length_max} characters", field="password")


def hashed(password: str) -> str:
    """Return the argon2id hash, about 50 ms."""
    return _hasher().hash(password)


def fits(password: str, stored: str | None) -> bool:
    """Return whether the password fits; as slow for an account that is not there."""
    if len(password) > LENGTH_MAX:
        password = ""
    if stored is None:
        _hasher().verify(password, _decoy())
        return False
    return _hasher().verify(password, stored)
