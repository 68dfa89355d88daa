"""Codes that are typed once: TOTP (RFC 6238), and the recovery codes that replace it."""

from __future__ import annotations

import hmac
import io
import secrets

import pyotp

ISSUER = "Diurnal"
STEP_S = 30
DRIFT = 1
"""Steps that a clock may be early or late."""
RECOVERY_CODES = 10
_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
"""Nothing that reads like something else."""
_RECOVERY_LENGTH = 16


def make_secret() -> str:
    """Return a new secret, base32."""
    return pyotp.random_base32()


def uri(secret: str, username: str) -> str:
    """Return what an authenticator app reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER)


def picture(text: str) -> bytes:
    """Return a QR code as SVG; dark modules only, on whatever is behind it."""
    import segno

    out = io.BytesIO()
    segno.make(text, error="m").save(
        out, kind="svg", scale=4, border=2, dark="#000", light="#fff", xmldecl=False
    )
    return out.getvalue()


def fitting_step(secret: str, code: str, *, now_s: int, after: int) -> int | None:
    """Return the step that a code belongs to, None for none.

    Args:
        now_s: Unix seconds.
        after: the newest step that was used: no code counts twice.
    """
    digits = "".join(code.split())
    if not (digits.isascii() and digits.isdigit() and len(digits) == 6):
        return None
    totp = pyotp.TOTP(secret)
    here = now_s // STEP_S
    found = None
    for step in range(here - DRIFT, here + DRIFT + 1):
        same = hmac.compare_digest(totp.at(step * STEP_S), digits)
        if same and step > after:
            found = step
    return found


def make_recovery_codes() -> list[str]:
    """Return new recovery codes, in groups of four, 78 bits each."""
    plain = [
        "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_LENGTH))
        for _ in range(RECOVERY_CODES)
    ]
    return ["-".join(p[i : i + 4] for i in range(0, _RECOVERY_LENGTH, 4)) for p in plain]


def plain_recovery_code(typed: str) -> str | None:
    """Return a recovery code as it is hashed, None where it cannot be one."""
    plain = "".join(c for c in typed.casefold() if c.isalnum())
    return plain if len(plain) == _RECOVERY_LENGTH else None
