"""Who may do what through the native API: every endpoint x kind of token x what it is aimed at.

A row says how an endpoint is called and what each kind of token gets. `test_authorization` makes
the requests; an endpoint without a row fails it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

KINDS = (
    "none",
    "garbage",
    "session",
    "owner",
    "reader",
    "contributor",
    "manager",
    "creator",
    "measured",
    "tagged",
    "framed",
    "nothing",
    "shared",
    "dayer",
    "late",
    "expired",
    "revoked",
)
"""Kinds of token of the account whose API is called; `other` tokens are tried too.

reader, contributor, manager, creator: on one stream; measured, tagged, framed: may contribute
to that stream within one measure, tag or time frame; nothing: has a permission of level none;
shared: reads, and is no app; dayer: reads only its days; late: reads what is three days old.
"""

OUTSIDE = frozenset({"none", "garbage", "expired", "revoked"})
OWNERS = frozenset({"session", "owner"})
LIMITED = frozenset(KINDS) - OUTSIDE - OWNERS
VEILED = frozenset({"dayer", "late"})
"""They know of the stream, and none of what is aimed at is shown to them."""
READERS = frozenset({"reader", "shared", "contributor", "manager", "measured", "tagged", "framed"})
CHANGERS = READERS - {"reader", "shared"}
CREATORS = CHANGERS | {"creator"}
KNOWERS = READERS | CREATORS | VEILED


class Aim(StrEnum):
    """What a request is aimed at.

    INSIDE is within the permission of every limited token, EDGE in their stream but outside the
    measure, tag and time frame, OUTER in a stream that they do not reach, OTHER another
    account's, NOWHERE nobody's, TRASHED like INSIDE and in the trash.
    """

    ANY = "any"
    INSIDE = "inside"
    EDGE = "edge"
    OUTER = "outer"
    OTHER = "other"
    NOWHERE = "nowhere"
    TRASHED = "trashed"


AIMS = tuple(Aim)[1:]
FRAMES = frozenset({"measured", "tagged", "framed"})
"""Tokens that do not reach EDGE."""

Expected = Callable[[str, Aim], int]


@dataclass(frozen=True)
class Row:
    """How an endpoint is called, and what whoever calls gets.

    Attributes:
        path, body, query, headers: `{event}` and the like stand for the id of the aim.
        expected: (kind of token, aim) -> status, for tokens that open the door at all.
        aims: what it can be aimed at.
        public: no token is needed.
        endless: whoever is let in listens for ever; only refusals are tried.
    """

    expected: Expected
    path: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content: bytes | None = None
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    aims: tuple[Aim, ...] = (Aim.ANY,)
    public: bool = False
    endless: bool = False


def always(status: int) -> Expected:
    return lambda _kind, _aim: status


def owner_only(status: int, *, missing: int = 404) -> Expected:
    """The owner gets `status`, for what is not there `missing`; the others are not let in."""

    def expected(kind: str, aim: Aim) -> int:
        if kind not in OWNERS:
            return 403
        return missing if aim in (Aim.OTHER, Aim.NOWHERE) else status

    return expected


def owners(status: int) -> Expected:
    """The owner's own thing: to everybody else it is not there."""

    def expected(kind: str, aim: Aim) -> int:
        return status if kind in OWNERS and aim is Aim.INSIDE else 404

    return expected


def hears(kind: str, _aim: Aim) -> int:
    """Of changes: who reads anything, and reads it at once; but no address here may be told."""
    return 400 if kind in OWNERS | READERS | {"dayer"} else 403


def event(right: frozenset[str], status: int) -> Expected:
    """An event: not found where it may not be seen, refused where it may not be changed."""

    def expected(kind: str, aim: Aim) -> int:
        if aim in (Aim.OTHER, Aim.NOWHERE):
            return 404
        if kind in OWNERS:
            return status
        seen = kind in READERS and aim is not Aim.OUTER
        if not seen or (aim is Aim.EDGE and kind in FRAMES):
            return 404
        return status if kind in right else 403

    return expected


def creating(status: int = 201) -> Expected:
    """A new event in the stream of the aim."""

    def expected(kind: str, aim: Aim) -> int:
        if aim in (Aim.OTHER, Aim.NOWHERE):
            return 400
        if kind in OWNERS:
            return status
        if aim is Aim.OUTER or kind == "nothing":
            return 400  # as one that is not there
        if kind not in CREATORS or (aim is Aim.EDGE and kind in FRAMES):
            return 403
        return status

    return expected


def stream(right: frozenset[str], status: int) -> Expected:
    """A stream as a node: narrowed data do not hide it."""

    def expected(kind: str, aim: Aim) -> int:
        if aim in (Aim.OTHER, Aim.NOWHERE):
            return 404
        if kind in OWNERS:
            return status
        listed = kind in KNOWERS and aim is not Aim.OUTER
        if not listed:
            return 404
        return status if kind in right else 403

    return expected


def child(kind: str, aim: Aim) -> int:
    """A new stream below that of the aim."""
    if aim in (Aim.OTHER, Aim.NOWHERE):
        return 400
    if kind in OWNERS:
        return 201
    if kind not in KNOWERS or aim is Aim.OUTER:
        return 400
    return 201 if kind == "manager" else 403


def reading_in(kind: str, aim: Aim) -> int:
    """Events of the stream of the aim."""
    if aim in (Aim.OTHER, Aim.NOWHERE):
        return 400
    if kind in OWNERS:
        return 200
    if aim is Aim.OUTER or kind == "nothing":
        return 400
    return 403 if kind == "creator" else 200


MEASURES = {
    Aim.INSIDE: "weight",
    Aim.EDGE: "body_fat",
    Aim.OUTER: "heart_rate",
    Aim.NOWHERE: "nothing_known",
}
MEASURE_AIMS = tuple(MEASURES)


def measure_read(missing: int) -> Expected:
    """Data of the measure of the aim; a tag or a frame that does not fit opens none of it."""

    def expected(kind: str, aim: Aim) -> int:
        if aim is Aim.NOWHERE:
            return missing
        if kind in OWNERS:
            return 200
        if kind not in READERS | VEILED or aim is Aim.OUTER:
            return missing
        return 200

    return expected


def days_read(kind: str, aim: Aim) -> int:
    """Day values of the measure of the aim; a permission by tag opens none."""
    if kind in OWNERS:
        return 400 if aim is Aim.NOWHERE else 200
    if kind not in READERS | VEILED or kind == "tagged" or aim in (Aim.OUTER, Aim.NOWHERE):
        return 400
    return 400 if aim is Aim.EDGE and kind == "measured" else 200


def measure_write(right: frozenset[str], missing: int = 404) -> Expected:
    """Points or days of the measure of the aim, at a time within the frame."""

    def expected(kind: str, aim: Aim) -> int:
        if aim is Aim.NOWHERE:
            return missing
        if kind in OWNERS:
            return 200
        if aim is Aim.OUTER or kind == "nothing":
            return missing
        # They carry no tag, so a token that is held to one adds none.
        if kind not in right or kind == "tagged":
            return 403
        return 403 if aim is Aim.EDGE and kind == "measured" else 200

    return expected


def _row_gone(kind: str, aim: Aim) -> int:
    """Take a day back: nobody has said anything yet."""
    status = measure_write(CHANGERS)(kind, aim)
    return 404 if status == 200 else status


def token(kind: str, aim: Aim) -> int:
    """A token: the owner any, others only themselves and what they made."""
    return 200 if kind in OWNERS and aim is Aim.INSIDE else 404


DEMO = {"session": 202, "owner": 409}


def by_turns(status: int) -> Expected:
    """Whoever fails ten times waits: an address has so many guesses."""
    return lambda kind, _aim: status if KINDS.index(kind) < 10 else 429


OWN = (Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)
NOTE = {"streamIds": ["{stream}"], "type": "{type}", "tags": ["{tag}"], "time": "{time}"}
EVENT = {"id": "{event}"}
FILE = {"id": "{event}", "fileId": "{file}"}
NODE = {"id": "{node}"}
MEASURE = {"measure": "{measure}"}
DAY = {"measure": "{measure}", "date": "2026-03-01"}
UNSAID = {"measure": "{measure}", "date": "2026-03-02"}

CONNECTION: Mapping[str, Any] = {
    "path": {"id": "{connection}"},
    "aims": (Aim.INSIDE, Aim.OTHER, Aim.NOWHERE),
}
PUSHING = {"connector": "owntracks"}

TABLE: Mapping[str, Row] = {
    "GET /events": Row(reading_in, query="streams={stream}", aims=AIMS[:-1]),
    "POST /events": Row(creating(), body=NOTE, aims=AIMS[:-1]),
    "GET /events/{id}": Row(event(READERS, 200), EVENT, aims=AIMS),
    "PATCH /events/{id}": Row(event(CHANGERS, 200), EVENT, {"description": "x"}, aims=AIMS),
    "DELETE /events/{id}": Row(event(CHANGERS, 200), EVENT, aims=AIMS),
    "GET /events/{id}/versions": Row(event(READERS, 200), EVENT, aims=AIMS),
    "POST /events/{id}/restore": Row(event(CHANGERS, 200), EVENT, aims=AIMS),
    "POST /events/{id}/files": Row(
        event(CHANGERS, 201), EVENT, content=b"x", query="filename=a", aims=AIMS
    ),
    "GET /events/{id}/files/{fileId}": Row(event(READERS, 200), FILE, aims=AIMS),
    "DELETE /events/{id}/files/{fileId}": Row(event(CHANGERS, 200), FILE, aims=AIMS),
    "GET /series": Row(always(200)),
    "GET /series/{measure}": Row(
        measure_read(404), MEASURE, query="from=1772366000&to=1772366400", aims=MEASURE_AIMS
    ),
    "POST /series/{measure}": Row(
        measure_write(CREATORS),
        MEASURE,
        {"source": "S", "rows": [[1_772_366_390, 1]]},
        aims=MEASURE_AIMS,
    ),
    "GET /days": Row(days_read, query="measures={measure}", aims=MEASURE_AIMS),
    "GET /days/extent": Row(always(200)),
    "POST /days": Row(
        measure_write(CREATORS, 400),
        body={"days": [{"measure": "{measure}", "date": "2026-03-01", "value": 1}]},
        aims=MEASURE_AIMS,
    ),
    "PUT /days/{measure}/{date}": Row(
        measure_write(CREATORS), DAY, {"value": 1}, aims=MEASURE_AIMS
    ),
    "DELETE /days/{measure}/{date}": Row(_row_gone, UNSAID, aims=MEASURE_AIMS),
    "GET /links": Row(days_read, query="measures={measure}", aims=MEASURE_AIMS),
    "PUT /links/{id}/feedback": Row(
        owner_only(404),  # nothing has been found yet
        {"id": "nowhere"},
        {"opinion": "useful"},
    ),
    "GET /averages": Row(days_read, query="measures={measure}", aims=MEASURE_AIMS),
    "GET /averages/history": Row(days_read, query="measures={measure}", aims=MEASURE_AIMS),
    "GET /insights": Row(days_read, query="measures={measure}", aims=MEASURE_AIMS),
    "GET /trends": Row(days_read, query="measures={measure}", aims=MEASURE_AIMS),
    "GET /anomalies": Row(days_read, query="measures={measure}", aims=MEASURE_AIMS),
    "GET /goals": Row(days_read, query="measures={measure}", aims=MEASURE_AIMS),
    "PUT /goals/{measure}": Row(owner_only(200), MEASURE, {"value": 1}, aims=MEASURE_AIMS),
    "GET /analyses": Row(owner_only(200)),
    "POST /analyses": Row(owner_only(202)),
    "GET /analyses/{id}": Row(
        owner_only(200), {"id": "{job}"}, aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)
    ),
    "GET /experiments": Row(owner_only(200)),
    "POST /experiments": Row(
        owner_only(201),
        body={"name": "N", "a": "A", "b": "B", "measures": ["weight"], "from": "2026-03-02"},
    ),
    "GET /experiments/{id}": Row(
        owner_only(200), {"id": "{trial}"}, aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)
    ),
    "POST /experiments/{id}/cancel": Row(
        owner_only(200), {"id": "{trial}"}, aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)
    ),
    "POST /experiments/{id}/verdict": Row(
        owner_only(202), {"id": "{trial}"}, aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)
    ),
    "DELETE /experiments/{id}": Row(
        owner_only(200), {"id": "{trial}"}, aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)
    ),
    "POST /uploads": Row(owner_only(201), body={"name": "a", "size": 10}),
    "GET /uploads/{id}": Row(
        owner_only(200), {"id": "{upload}"}, aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)
    ),
    "PATCH /uploads/{id}": Row(
        owner_only(200),
        {"id": "{upload}"},
        content=b"x",
        headers={"Upload-Offset": "0"},
        aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE),
    ),
    "DELETE /uploads/{id}": Row(
        owner_only(200), {"id": "{upload}"}, aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)
    ),
    "GET /imports": Row(owner_only(200)),
    "POST /imports": Row(
        owner_only(409),  # its pieces are missing
        body={"uploadId": "{upload}"},
        aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE),
    ),
    "POST /imports/preview": Row(
        owner_only(200), content=b"date,steps\n2026-03-01,5\n", query="name=a.csv"
    ),
    # The first of the owner's tokens brings them in; the second finds them there.
    "POST /imports/demo": Row(lambda kind, _aim: DEMO.get(kind, 403)),
    "GET /imports/{id}": Row(
        owner_only(200), {"id": "{batch}"}, aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)
    ),
    "GET /imports/{id}/aside": Row(
        owner_only(200), {"id": "{batch}"}, aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)
    ),
    "POST /imports/{id}/undo": Row(
        owner_only(409),  # it has not been done yet
        {"id": "{batch}"},
        aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE),
    ),
    "GET /measures/{measure}/sources": Row(owner_only(200), {"measure": "weight"}),
    "PUT /measures/{measure}/sources": Row(owner_only(200), {"measure": "weight"}, {"sources": []}),
    "GET /connectors": Row(owner_only(200)),
    "GET /connections": Row(owner_only(200)),
    "POST /connections": Row(owner_only(201), body={"connector": "owntracks"}),
    "GET /connections/callback": Row(owner_only(303)),
    "GET /connections/{id}": Row(owner_only(200), **CONNECTION),
    "PATCH /connections/{id}": Row(owner_only(200), body={"name": "N"}, **CONNECTION),
    "DELETE /connections/{id}": Row(owner_only(200), **CONNECTION),
    "POST /connections/{id}/authorize": Row(owner_only(400), body={}, **CONNECTION),
    "POST /connections/{id}/code": Row(owner_only(409), body={"code": "x"}, **CONNECTION),
    "POST /connections/{id}/sync": Row(owner_only(202), **CONNECTION),
    "POST /connections/{id}/retry": Row(owner_only(202), **CONNECTION),
    "POST /connections/{id}/push-token": Row(owner_only(200), **CONNECTION),
    "GET /connections/{id}/coverage": Row(owner_only(200), **CONNECTION),
    "GET /connections/{id}/runs": Row(owner_only(200), **CONNECTION),
    # Only a push token opens these, and it opens nothing else.
    "POST /push/{connector}": Row(always(401), PUSHING, public=True, content=b"{}"),
    "PUT /push/{connector}": Row(always(401), PUSHING, public=True, content=b"{}"),
    "GET /push/{connector}": Row(always(401), PUSHING, public=True),
    "GET /streams": Row(always(200)),
    "POST /streams": Row(child, body={"name": "New", "parentId": "{node}"}, aims=AIMS[:-1]),
    "GET /streams/{id}": Row(stream(KNOWERS, 200), NODE, aims=AIMS),
    "PATCH /streams/{id}": Row(
        stream(frozenset({"manager"}), 200), NODE, {"clientData": {"x": 1}}, aims=AIMS
    ),
    "DELETE /streams/{id}": Row(
        stream(frozenset({"manager"}), 200), NODE, query="mergeEventsWithParent=false", aims=AIMS
    ),
    "GET /measures": Row(always(200)),
    "POST /measures": Row(owner_only(201), body={"key": "own_{kind}", "label": "One"}),
    "GET /account": Row(always(200)),
    "PATCH /account": Row(owner_only(200), body={"settings": {"x": 1}}),
    "GET /account/zones": Row(owner_only(200)),
    "PUT /account/password": Row(
        owner_only(400), body={"current": "not this one", "new": "another good one"}
    ),
    "PUT /account/email": Row(
        owner_only(400), body={"email": "a@example.org", "password": "not this one"}
    ),
    "PUT /account/zones": Row(owner_only(200), body={"zones": []}),
    "POST /account/email/verify": Row(owner_only(400)),  # there is no address
    "DELETE /account": Row(owner_only(400), body={"password": "not this one"}),
    "GET /profile": Row(always(200)),
    "PATCH /profile": Row(owner_only(200), body={"bio": "x"}),
    "GET /profile/avatar": Row(always(404)),
    "PUT /profile/avatar": Row(owner_only(400), content=b"no picture"),
    "DELETE /profile/avatar": Row(owner_only(200)),
    "GET /sign-up": Row(always(200), public=True),
    "POST /sign-up": Row(
        always(403), body={"username": "mallory", "password": "x" * 10}, public=True
    ),
    "GET /invitations": Row(owner_only(200)),
    "POST /invitations": Row(owner_only(201), body={"note": "x"}),
    "DELETE /invitations/{id}": Row(owner_only(200), {"id": "{invitation}"}, aims=OWN),
    "POST /password-reset": Row(always(202), body={"name": "alice"}, public=True),
    "POST /password-reset/finish": Row(
        by_turns(403), body={"token": "x", "password": "x" * 10}, public=True
    ),
    "POST /email-verification": Row(by_turns(403), body={"token": "x"}, public=True),
    "GET /sessions": Row(owner_only(200)),
    "DELETE /sessions/{id}": Row(owner_only(200), {"id": "{session}"}, aims=OWN),
    "DELETE /sessions": Row(owner_only(200)),
    "GET /passkeys": Row(owner_only(200)),
    "POST /passkeys/options": Row(owner_only(400), body={"password": "not this one"}),
    "POST /passkeys": Row(owner_only(400), body={"name": "x", "credential": {}}),
    "PATCH /passkeys/{id}": Row(owner_only(200), {"id": "{passkey}"}, {"name": "x"}, aims=OWN),
    "DELETE /passkeys/{id}": Row(owner_only(200), {"id": "{passkey}"}, aims=OWN),
    "GET /second-factor": Row(owner_only(200)),
    "POST /second-factor": Row(owner_only(400), body={"password": "not this one"}),
    "POST /second-factor/confirm": Row(owner_only(409), body={"code": "000000"}),
    "POST /second-factor/recovery-codes": Row(
        owner_only(400), body={"password": "not this one", "code": "000000"}
    ),
    "DELETE /second-factor": Row(owner_only(400), body={"password": "not this one"}),
    "GET /legacy": Row(owner_only(200)),
    "PUT /legacy/{way}": Row(owner_only(200), {"way": "exist.simple_token"}, {"on": False}),
    "GET /admin/accounts": Row(owner_only(200)),
    "POST /admin/accounts": Row(
        owner_only(201), body={"username": "new-{kind}", "password": "x" * 10}
    ),
    "PATCH /admin/accounts/{username}": Row(
        owner_only(404), {"username": "nobody"}, {"disabled": True}
    ),
    "GET /admin/jobs": Row(owner_only(200)),
    "POST /admin/accounts/{username}/jobs/{id}/retry": Row(
        owner_only(404), {"username": "nobody", "id": "nothing"}
    ),
    "POST /admin/accounts/{username}/jobs/{id}/cancel": Row(
        owner_only(404), {"username": "nobody", "id": "nothing"}
    ),
    "GET /admin/storage": Row(owner_only(200)),
    "GET /admin/logs": Row(owner_only(200)),
    "GET /admin/source-apps": Row(owner_only(200)),
    "PUT /admin/source-apps/{connector}": Row(
        owner_only(200), {"connector": "oura"}, {"clientId": "id", "clientSecret": "secret"}
    ),
    "DELETE /admin/source-apps/{connector}": Row(owner_only(200), {"connector": "oura"}),
    "GET /admin/backups": Row(owner_only(200)),
    "POST /admin/backups": Row(owner_only(202)),
    "GET /admin/backups/{name}": Row(owner_only(404), {"name": "nothing.backup"}),
    "DELETE /admin/backups/{name}": Row(owner_only(404), {"name": "nothing.backup"}),
    "POST /admin/backups/{name}/verify": Row(owner_only(404), {"name": "nothing.backup"}),
    "GET /exports": Row(owner_only(200)),
    "POST /exports": Row(owner_only(400), body={"format": "papyrus"}),
    "GET /exports/{id}": Row(owner_only(404), {"id": "nothing"}),
    "GET /exports/{id}/file": Row(owner_only(404), {"id": "nothing"}),
    "DELETE /exports/{id}": Row(owner_only(404), {"id": "nothing"}),
    "DELETE /admin/accounts/{username}": Row(owner_only(404), {"username": "nobody"}),
    "GET /changes": Row(owner_only(200)),
    "GET /live": Row(always(200), endless=True),
    "GET /tokens": Row(always(200)),
    "POST /tokens": Row(
        owner_only(201),
        body={"name": "N", "permissions": [{"level": "read", "stream": "diurnal"}]},
    ),
    "GET /tokens/{id}": Row(token, {"id": "{token}"}, aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)),
    "PATCH /tokens/{id}": Row(
        token, {"id": "{token}"}, {"name": "N"}, aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)
    ),
    "GET /tokens/{id}/usage": Row(
        token, {"id": "{token}"}, aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)
    ),
    "GET /audit": Row(always(200)),
    "GET /audit/verify": Row(owner_only(200)),
    "GET /audit/export": Row(owner_only(200)),
    "DELETE /tokens/{id}": Row(token, {"id": "{token}"}, aims=(Aim.INSIDE, Aim.OTHER, Aim.NOWHERE)),
    "GET /clients": Row(owner_only(200)),
    "POST /clients": Row(
        owner_only(201),
        body={"api": "native", "name": "N", "redirectUris": ["https://app.example.org/"]},
    ),
    "GET /clients/{id}": Row(owner_only(200), {"id": "{client}"}, aims=OWN),
    "PATCH /clients/{id}": Row(owner_only(200), {"id": "{client}"}, {"name": "M"}, aims=OWN),
    "POST /clients/{id}/secret": Row(owner_only(200), {"id": "{client}"}, aims=OWN),
    "DELETE /clients/{id}": Row(owner_only(200), {"id": "{client}"}, aims=OWN),
    "GET /webhooks": Row(always(200)),
    "POST /webhooks": Row(hears, body={"url": "http://127.0.0.1:9/{kind}"}),
    "GET /webhooks/{id}": Row(owners(200), {"id": "{webhook}"}, aims=OWN),
    "PATCH /webhooks/{id}": Row(owners(200), {"id": "{webhook}"}, {"name": "M"}, aims=OWN),
    "POST /webhooks/{id}/secret": Row(owners(200), {"id": "{webhook}"}, aims=OWN),
    "POST /webhooks/{id}/test": Row(owners(200), {"id": "{webhook}"}, aims=OWN),
    "GET /webhooks/{id}/deliveries": Row(owners(200), {"id": "{webhook}"}, aims=OWN),
    "POST /webhooks/{id}/deliveries/{delivery}/resend": Row(
        owners(404), {"id": "{webhook}", "delivery": "msg_x"}, aims=OWN
    ),
    "DELETE /webhooks/{id}": Row(owners(200), {"id": "{webhook}"}, aims=OWN),
    "GET /scopes/{api}": Row(always(200), {"api": "exist"}, public=True),
    "GET /consents": Row(owner_only(200)),
    "GET /consents/{id}": Row(owner_only(200), {"id": "{consent}"}, aims=OWN),
    "GET /shares": Row(owner_only(200)),
    "POST /shares": Row(
        owner_only(201),
        body={"name": "N", "permissions": [{"level": "read", "stream": "diurnal"}]},
    ),
    "POST /shares/open": Row(always(404), body={"link": "x"}, public=True),
    "GET /shares/received": Row(owner_only(200)),
    "PUT /shares/received/{id}": Row(
        owner_only(200), {"id": "{offer}"}, {"accept": True}, aims=OWN
    ),
    "POST /shares/received/{id}/token": Row(
        owner_only(404), {"id": "{offer}"}, aims=OWN
    ),  # it is not accepted yet
    "GET /shares/{id}": Row(owner_only(200), {"id": "{share}"}, aims=OWN),
    "PATCH /shares/{id}": Row(owner_only(200), {"id": "{share}"}, {"name": "M"}, aims=OWN),
    "DELETE /shares/{id}": Row(owner_only(200), {"id": "{share}"}, aims=OWN),
    "GET /shares/{id}/picture": Row(owner_only(200), {"id": "{share}"}, aims=OWN),
    "GET /ownership": Row(owner_only(200)),
    "PUT /ownership/{measure}": Row(owner_only(200), {"measure": "weight"}, {"clientId": None}),
    "GET /placeholders": Row(owner_only(200)),
    "POST /placeholders": Row(owner_only(201), body={"name": "N"}),
    "PATCH /placeholders/{id}": Row(
        owner_only(200), {"id": "{placeholder}"}, {"name": "M"}, aims=OWN
    ),
    "DELETE /placeholders/{id}": Row(owner_only(200), {"id": "{placeholder}"}, aims=OWN),
    "GET /session": Row(always(200)),
    "POST /session": Row(always(401), body={"name": "nobody-{kind}", "password": "x"}, public=True),
    "DELETE /session": Row(always(200)),
    "POST /session/second": Row(always(403), body={"ticket": "x", "code": "000000"}, public=True),
    "POST /session/passkey/options": Row(always(200), public=True),
    "POST /session/passkey": Row(by_turns(401), body={"credential": {}}, public=True),
    "POST /setup": Row(
        always(409), body={"username": "mallory", "password": "x" * 10}, public=True
    ),
    "GET /openapi.json": Row(always(200), public=True),
}
