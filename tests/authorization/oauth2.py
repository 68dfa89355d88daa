"""Our own OAuth server: its endpoints take codes and secrets of applications, not tokens.

What those get is in `tests/oauth`; here strangers come.
"""

from __future__ import annotations

from tests.authorization.table import OWNERS, Aim, Row, always
from tests.authorization.tables import Table


def told(kind: str, _aim: Aim) -> int:
    """Who the owner is: for their own tokens, and for those that were granted `openid`."""
    return 200 if kind in OWNERS else 403


TABLE = Table(
    "oauth2",
    {
        "GET /authorize": Row(always(400), public=True),
        "POST /authorize": Row(always(400), content=b"", public=True),
        "POST /token": Row(always(400), content=b"", public=True),
        "POST /revoke": Row(always(401), content=b"token=x", public=True),
        "POST /introspect": Row(always(401), content=b"token=x", public=True),
        "GET /userinfo": Row(told),
        "POST /userinfo": Row(told, content=b""),
        "GET /keys": Row(always(200), public=True),
        "POST /device_authorization": Row(always(401), content=b"", public=True),
        "GET /logout": Row(always(303), public=True),
        "POST /logout": Row(always(303), content=b"", public=True),
        "POST /register": Row(always(400), content=b"{}", public=True),
    },
    api="native",
)
