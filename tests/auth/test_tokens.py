"""Tokens carry their account, and nobody can make one up."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diurnal.auth import tokens

accounts = st.integers(1, 2**39) | st.integers(1, 5)


@given(accounts)
def test_a_token_leads_to_its_account(account_id: int) -> None:
    token = tokens.make(account_id)
    prefix, account, secret, checksum = token.split("_")
    assert (prefix, int(account, 36)) == ("dn", account_id)
    assert (len(secret), len(checksum)) == (40, 6)
    assert tokens.account_of(token) == account_id


@given(accounts, st.booleans())
def test_a_token_of_forty_hex_digits_leads_to_its_account(account_id: int, upper: bool) -> None:
    token = tokens.make_hex(account_id, upper=upper)
    assert len(token) == 40
    assert set(token) <= set("0123456789ABCDEF" if upper else "0123456789abcdef")
    assert tokens.account_of(token) == account_id
    assert tokens.account_of(token.swapcase()) == account_id


def test_tokens_of_one_account_do_not_look_alike() -> None:
    made = {tokens.make_hex(1)[:10] for _ in range(50)}
    assert len(made) == 50
    assert len({tokens.make(1) for _ in range(50)}) == 50


@given(st.integers(0, 200), st.characters(codec="ascii"))
def test_a_mistyped_token_is_none(place: int, typed: str) -> None:
    token = tokens.make(77)
    place %= len(token)
    mistyped = token[:place] + typed + token[place + 1 :]
    if mistyped != token:
        assert tokens.account_of(mistyped) is None


@given(st.text(st.characters(codec=None), max_size=300))
def test_any_text_can_be_asked_about(text: str) -> None:
    tokens.account_of(text)
    assert len(tokens.digest(text)) == 32


def _signed(account: str, secret: str = "x" * 40) -> str:
    head = f"dn_{account}_{secret}"
    n, digits = zlib.crc32(head.encode()), ""
    for _ in range(6):
        n, rest = divmod(n, 62)
        digits += tokens._ALPHABET[rest]
    return f"{head}_{digits}"


@pytest.mark.parametrize("account", ["zzzzzzzzzzzzz", "z" * 60, "-5", "+1", " 1", "", "1.0", "ａ"])
def test_an_account_that_no_database_could_have_is_none(account: str) -> None:
    """The checksum is no secret: anybody can make one that fits."""
    assert tokens.account_of(_signed("1y2p0ij32e8e7")) == 2**63 - 1
    assert tokens.account_of(_signed(account)) is None


@pytest.mark.parametrize("token", [" " * 40, "0x" + "1" * 38, "1_" * 20, "١" * 40])
def test_what_python_takes_for_a_number_is_no_hex_token(token: str) -> None:
    assert tokens.account_of(token) is None


def test_what_is_stored_of_a_token_is_its_hash() -> None:
    assert tokens.digest("abc").hex().startswith("ba7816bf8f01cfea")
