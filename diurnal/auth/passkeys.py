"""Passkeys (WebAuthn level 3): challenges, and what authenticators answer. No I/O.

A challenge is signed by the server and not stored: whoever brings the answer proves that we made
it, for what, and not long ago. That it is used once is the caller's to see.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from diurnal.errors import InvalidInput, Unauthenticated

RP_NAME = "Diurnal"
CHALLENGE_LASTS_S = 600
CREDENTIAL_MAX = 1_400
"""Characters of a credential's id: 1023 bytes, base64url."""
_RANDOM, _TIME, _MAC = 16, 8, 24
_REFUSED = "this passkey does not open an account here"


class Origin(msgspec.Struct, frozen=True):
    """Where the browser is: scheme, host and port; and the name that passkeys are bound to."""

    url: str
    rp_id: str


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A new credential."""

    credential: str
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]
    backed_up: bool


def origin(url: str) -> Origin:
    """Return the origin of an address that browsers reach this server by."""
    parts = urlsplit(url)
    return Origin(f"{parts.scheme}://{parts.netloc}", parts.hostname or "")


def challenge(key: bytes, purpose: str, now_s: int) -> bytes:
    """Return a new challenge for one purpose."""
    head = secrets.token_bytes(_RANDOM) + (now_s + CHALLENGE_LASTS_S).to_bytes(_TIME, "big")
    return head + _mac(key, purpose, head)


def _mac(key: bytes, purpose: str, head: bytes) -> bytes:
    return hmac.digest(key, purpose.encode() + b"\0" + head, "sha256")[:_MAC]


def challenge_of(credential: Mapping[str, Any], key: bytes, purpose: str, now_s: int) -> bytes:
    """Return the challenge that an answer is to, when it is one of ours and still good.

    Raises:
        Unauthenticated: it is not.
    """
    try:
        told = msgspec.json.decode(_unpacked(credential["response"]["clientDataJSON"]))
        found = _unpacked(told["challenge"])
    except (KeyError, TypeError, ValueError, msgspec.DecodeError):
        raise Unauthenticated(_REFUSED) from None
    head, mac = found[: _RANDOM + _TIME], found[_RANDOM + _TIME :]
    good = len(found) == _RANDOM + _TIME + _MAC and hmac.compare_digest(
        mac, _mac(key, purpose, head)
    )
    if not good or int.from_bytes(head[_RANDOM:], "big") < now_s:
        raise Unauthenticated("this took too long; try again")
    return found


def handle(key: bytes, account_id: int) -> bytes:
    """Return what authenticators know an account by; it tells nothing."""
    return hmac.digest(key, f"handle {account_id}".encode(), "sha256")


def registration_options(
    where: Origin, *, user: bytes, username: str, fresh: bytes, known: Iterable[str]
) -> dict[str, Any]:
    """Return what the browser needs to make a passkey.

    Args:
        fresh: the challenge.
        known: credentials of the account, so that none is made twice.
    """
    import webauthn
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    _check_host(where)
    options = webauthn.generate_registration_options(
        rp_id=where.rp_id,
        rp_name=RP_NAME,
        user_id=user,
        user_name=username,
        challenge=fresh,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(c)) for c in known
        ],
    )
    made: dict[str, Any] = msgspec.json.decode(webauthn.options_to_json(options))
    return made


def _check_host(where: Origin) -> None:
    if not any(c.isalpha() for c in where.rp_id) or ":" in where.rp_id:
        raise InvalidInput("passkeys need a host name in the address, not a number")


def registered(where: Origin, credential: Mapping[str, Any], expected: bytes) -> Registered:
    """Return the credential that an authenticator has made.

    Raises:
        InvalidInput: the answer is not to this challenge, from elsewhere, or malformed.
    """
    import webauthn
    from webauthn.helpers import bytes_to_base64url
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        found = webauthn.verify_registration_response(
            credential=dict(credential),
            expected_challenge=expected,
            expected_rp_id=where.rp_id,
            expected_origin=where.url,
            require_user_verification=True,
        )
    except (WebAuthnException, KeyError, TypeError, ValueError) as error:
        raise InvalidInput("the passkey's answer cannot be right", field="credential") from error
    told = credential.get("response", {}).get("transports", [])
    transports = tuple(t for t in told if isinstance(t, str) and t.isascii() and len(t) < 20)
    return Registered(
        credential=bytes_to_base64url(found.credential_id),
        public_key=found.credential_public_key,
        sign_count=found.sign_count,
        transports=transports[:8],
        backed_up=found.credential_backed_up,
    )


def sign_in_options(where: Origin, *, fresh: bytes) -> dict[str, Any]:
    """Return what the browser needs to ask for any passkey of this server."""
    import webauthn
    from webauthn.helpers.structs import UserVerificationRequirement

    options = webauthn.generate_authentication_options(
        rp_id=where.rp_id,
        challenge=fresh,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    made: dict[str, Any] = msgspec.json.decode(webauthn.options_to_json(options))
    return made


def credential_of(credential: Mapping[str, Any]) -> str:
    """Return the id of the credential that an answer is by.

    Raises:
        Unauthenticated: there is none.
    """
    told = credential.get("id")
    if not isinstance(told, str) or not 0 < len(told) <= CREDENTIAL_MAX or not told.isascii():
        raise Unauthenticated(_REFUSED)
    return told


def check_answer(
    where: Origin,
    credential: Mapping[str, Any],
    *,
    expected: bytes,
    public_key: bytes,
    sign_count: int,
) -> int:
    """Return the authenticator's new count of uses, when it holds the passkey's key.

    Raises:
        Unauthenticated: it does not, or answers from elsewhere.
    """
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        found = webauthn.verify_authentication_response(
            credential=dict(credential),
            expected_challenge=expected,
            expected_rp_id=where.rp_id,
            expected_origin=where.url,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, KeyError, TypeError, ValueError):
        raise Unauthenticated(_REFUSED) from None
    return found.new_sign_count


def _unpacked(text: Any) -> bytes:
    if not isinstance(text, str) or len(text) > 10_000:
        raise ValueError
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError from None
