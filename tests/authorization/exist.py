"""Exist: day values of one's own; writing is for applications, which these tokens are not."""

from __future__ import annotations

from tests.authorization.table import OWNERS, Aim, Row, always
from tests.authorization.tables import Table

MINE = {"username": "{whose}"}
BLIND = frozenset({"creator", "nothing"})
NAMES = (Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)
"""Whose data: the caller's own name, another's, nobody's."""
V1, V2 = "/api/1/users/{username}", "/api/2"


def own(kind: str, aim: Aim) -> int:
    """Whatever may be read of it, to whoever asks for their own."""
    if aim is not Aim.INSIDE:
        return 404
    return 403 if kind in BLIND else 200


def elsewhere(kind: str, aim: Aim) -> int:
    """What is said of an attribute that lies where only the owner reaches."""
    status = own(kind, aim)
    return 404 if status == 200 and kind not in OWNERS else status


def stub(kind: str, aim: Aim) -> int:
    """A profile: of others a stub."""
    if kind in BLIND:
        return 403
    return 404 if aim is Aim.NOWHERE else 200


def _mine(*, attribute: bool = False) -> Row:
    return Row(own, {**MINE, "attribute": "weight"} if attribute else MINE, aims=NAMES)


TABLE = Table(
    "exist",
    {
        f"GET {V1}/profile": Row(stub, MINE, aims=(Aim.INSIDE, Aim.NOWHERE)),
        f"GET {V1}/today": Row(stub, MINE, aims=(Aim.INSIDE, Aim.NOWHERE)),
        f"GET {V1}/avatar": Row(always(404), MINE, aims=NAMES, public=True),
        f"GET {V1}/attributes": _mine(),
        f"GET {V1}/attributes/{{attribute}}": _mine(attribute=True),
        f"GET {V1}/averages": _mine(),
        f"GET {V1}/averages/attribute/{{attribute}}": Row(
            elsewhere, {**MINE, "attribute": "custom"}, aims=NAMES
        ),
        f"GET {V1}/correlations/strongest": _mine(),
        f"GET {V1}/correlations/attribute/{{attribute}}": Row(
            elsewhere, {**MINE, "attribute": "custom"}, aims=NAMES
        ),
        f"GET {V1}/insights": _mine(),
        f"GET {V1}/insights/attribute/{{attribute}}": Row(
            elsewhere, {**MINE, "attribute": "custom"}, aims=NAMES
        ),
        "POST /api/1/attributes/acquire": Row(always(403), body=[]),
        "POST /api/1/attributes/release": Row(always(403), body=[]),
        "GET /api/1/attributes/owned": Row(always(403)),
        "POST /api/1/attributes/update": Row(always(403), body=[]),
        "POST /api/1/attributes/custom/append": Row(always(403), body=[]),
        "POST /api/1/auth/simple-token": Row(always(400), body={}, public=True),
        f"GET {V2}/accounts/profile": Row(always(200)),
        f"GET {V2}/profile": Row(always(200)),
        f"GET {V2}/attributes/templates": Row(always(200)),
        f"GET {V2}/attributes": Row(always(200)),
        f"GET {V2}/attributes/owned": Row(always(200)),
        f"GET {V2}/attributes/with-values": Row(always(200)),
        f"GET {V2}/attributes/values": Row(always(200), query="attribute=weight"),
        f"POST {V2}/auth/simple-token": Row(always(400), body={}, public=True),
        f"GET {V2}/averages": Row(always(200)),
        f"GET {V2}/correlations": Row(always(200)),
        f"GET {V2}/correlations/combo": Row(
            always(404), query="attribute=custom&attribute2=custom"
        ),
        f"GET {V2}/insights": Row(always(200)),
        f"POST {V2}/attributes/acquire": Row(always(403), body=[]),
        f"POST {V2}/attributes/release": Row(always(403), body=[]),
        f"POST {V2}/attributes/create": Row(always(403), body=[]),
        f"POST {V2}/attributes/update": Row(always(403), body=[]),
        f"POST {V2}/attributes/increment": Row(always(403), body=[]),
        "GET /oauth2/authorize": Row(always(400), public=True),
        "POST /oauth2/authorize": Row(always(400), content=b"", public=True),
        "POST /oauth2/access_token": Row(always(400), content=b"", public=True),
    },
    # Exist's own token is one of a kind; an application's, of any API, is a bearer's.
    api="native",
)
