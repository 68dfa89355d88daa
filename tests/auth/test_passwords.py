"""Passwords."""

from __future__ import annotations

import pytest

from diurnal.auth import passwords
from diurnal.errors import InvalidInput


@pytest.mark.parametrize("password", ["correct horse", "пароль-пароль", "x" * 1_000, "nul\0nul\0"])
def test_a_password_fits_itself_alone(password: str) -> None:
    passwords.check_new(password)
    stored = passwords.hashed(password)
    assert stored.startswith("$argon2id$")
    assert password not in stored
    assert passwords.fits(password, stored)
    for other in (password + "x", password.upper() + "!", "", password[:-1]):
        assert not passwords.fits(other, stored)
    assert stored != passwords.hashed(password)


def test_the_real_price_is_not_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert "$m=65536,t=3," in passwords._hasher.__wrapped__().hash("a long password")


@pytest.mark.parametrize("password", ["", "short", "x" * 1_001])
def test_too_short_or_too_long_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        passwords.check_new(password)
    assert refused.value.field == "password"


def test_nobody_and_an_endless_password_are_refused_like_a_wrong_one() -> None:
    assert not passwords.fits("whatever", None)
    assert not passwords.fits("x" * 10_000_000, passwords.hashed("x" * 1_000))
