"""Personicle: events and datastreams of one's own, as far as permissions go."""

from __future__ import annotations

from tests.authorization.table import OWNERS, Aim, Row, always
from tests.authorization.tables import Table

WINDOW = "startTime=2026-01-01&endTime=2026-12-31"
WEIGHT = "com.personicle.individual.datastreams.weight"


def owners(status: int) -> Row:
    def expected(kind: str, _aim: Aim) -> int:
        return status if kind in OWNERS else 403

    return Row(expected)


def owners_post(status: int) -> Row:
    def expected(kind: str, _aim: Aim) -> int:
        return status if kind in OWNERS else 403

    return Row(expected, body={})


_READ = {
    "events": Row(always(200), query=WINDOW),
    "datastreams": Row(always(200), query=f"{WINDOW}&datatype={WEIGHT}"),
    "metadata/events": Row(always(200)),
    "metadata/datastream": Row(always(200)),
    "metadata/datastreams": Row(always(200)),
}
_WRITE = {
    "POST": {
        "event/upload": Row(always(200), body=[]),
        "datastream/upload": Row(always(422), body={}),
    },
    "DELETE": {
        "event/delete": Row(always(400)),
        "datastream/delete": Row(always(400)),
        # Nobody who is let in keeps an account to try the next call with.
        "account/delete": Row(always(403), endless=True),
    },
}
PREFIXES = ("/api/data", "/data")
FORMS = ("register", "update", "newSecret", "client", "delete", "get-scopes", "update-scopes")
OAUTH, ID = "/oauth2/{id}/v1", {"id": "default"}
KEY = {"key": "00000000-0000-0000-0000-000000000000"}


def connection(kind: str, _aim: Aim) -> int:
    return 401 if kind in OWNERS else 403  # it names no user


def userinfo(kind: str, _aim: Aim) -> int:
    return 200 if kind in OWNERS else 403


TABLE = Table(
    "personicle",
    {
        **{
            f"{verb} /{vendor}/connection": Row(connection)
            for vendor in ("fitbit", "google-fit", "oura")
            for verb in ("GET", "POST")
        },
        **{f"GET {p}/read/{path}": row for p in PREFIXES for path, row in _READ.items()},
        **{
            f"{verb} {p}/write/{path}": row
            for p in PREFIXES
            for verb, rows in _WRITE.items()
            for path, row in rows.items()
        },
        "POST /healthkit/upload": Row(always(201), body={"data": []}),
        "GET /auth/authenticate": Row(always(200)),
        "POST /auth/authenticate": Row(always(200), content=b""),
        "GET /data/schema/match-data-dictionary": Row(always(403), public=True),
        "GET /match-data-dictionary": Row(always(403), public=True),
        "POST /data/schema/validate-data-packet": Row(always(200), body={}, public=True),
        "POST /validate-data-packet": Row(always(200), body={}, public=True),
        "GET /": Row(always(200), public=True),
        "GET /api/user": owners(200),
        "POST /api/update/user": owners_post(200),
        "GET /api/physicians": owners(200),
        "GET /api/physicians/all": owners(200),
        "GET /api/physician/{id}": Row(
            lambda kind, _aim: 404 if kind in OWNERS else 403, {"id": "nobody"}
        ),
        "POST /api/user/physicians": owners_post(422),
        "POST /api/user/physicians/remove": owners_post(422),
        "GET /physician/questions": owners(200),
        "POST /user_images": Row(always(422), content=b""),
        "GET /user_images/{key}": Row(always(404), KEY),
        "DELETE /user_images/delete": Row(always(200)),
        "GET /user_images/{key}/file": Row(always(404), KEY, public=True),
        **{
            f"{verb} /{path}": Row(
                always(303), content=b"" if verb == "POST" else None, public=True
            )
            for path in FORMS
            for verb in ("GET", "POST")
        },
        f"GET {OAUTH}/authorize": Row(always(400), ID, public=True),
        f"POST {OAUTH}/authorize": Row(always(400), ID, content=b"", public=True),
        f"POST {OAUTH}/token": Row(always(400), ID, content=b"", public=True),
        f"POST {OAUTH}/revoke": Row(always(401), ID, content=b"token=x", public=True),
        f"POST {OAUTH}/introspect": Row(always(401), ID, content=b"token=x", public=True),
        f"GET {OAUTH}/userinfo": Row(userinfo, ID),
        f"POST {OAUTH}/userinfo": Row(userinfo, ID, content=b""),
        f"GET {OAUTH}/logout": Row(always(303), ID, public=True),
        f"POST {OAUTH}/logout": Row(always(303), ID, content=b"", public=True),
        f"GET {OAUTH}/keys": Row(always(200), ID, public=True),
        "GET /oauth2/{id}/.well-known/openid-configuration": Row(always(200), ID, public=True),
        "GET /oauth2/{id}/.well-known/oauth-authorization-server": Row(
            always(200), ID, public=True
        ),
    },
    without=frozenset({"session"}),
)
