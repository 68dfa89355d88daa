"""What a JSON Web Token says of itself; whether it is genuine is for those who gave it."""

from __future__ import annotations

import base64
from typing import Any

from diurnal.connectors import _json


def claims(token: str) -> dict[str, Any]:
    """Return the claims of a token, unchecked.

    Source: RFC 7519, 3; RFC 7515, 2 (base64url without padding).

    Raises:
        InvalidInput: it holds no JSON.
        ValueError: its claims are no object, or not encoded as they should be.
    """
    _, _, rest = token.partition(".")
    body = rest.partition(".")[0]
    said = _json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    if not isinstance(said, dict):
        raise ValueError("no token: its claims are no object")
    return said


def lifetime_s(token: str, default: int) -> int:
    """Return for how many seconds a token is good from when it was made.

    Args:
        default: where it does not say when that was.

    Raises:
        InvalidInput, ValueError: as `claims`.
        KeyError: it does not say when it ends.
    """
    said = claims(token)
    return int(said["exp"]) - int(said["iat"]) if "iat" in said else default
