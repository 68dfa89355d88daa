"""Events in Pryv's shape, read and written; pure.

Pryv 1.9 and 2.0 united: what either takes is taken, what either returns is returned.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from diurnal.auth import tokens
from diurnal.dialects.pryv import event_types
from diurnal.dialects.pryv.checks import (
    ANY,
    FLAG,
    NUMBER,
    NUMBER_OR_NULL,
    OBJECT_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    TEXTS,
    BadEventType,
    BadOperation,
    Kinds,
    Params,
    Problem,
    ProtectedFields,
    check,
)
from diurnal.errors import InvalidInput
from diurnal.model import time
from diurnal.model.events import Event, File, NewEvent, body_json, file_integrity
from diurnal.store.event_queries import Found
from diurnal.store.event_versions import Version

ID = re.compile(r"c[a-z0-9-]{24}|[a-z][a-z0-9]{23}")
"""Cuids of both kinds."""
TYPE = re.compile(r"(series:)?[a-z0-9-]+/[a-z0-9-]+")
SERIES = "series:"

_EVENT: Mapping[str, Kinds] = {
    "id": TEXT,
    "streamId": TEXT,
    "streamIds": TEXTS,
    "time": NUMBER,
    "duration": NUMBER_OR_NULL,
    "type": TEXT,
    "content": ANY,
    "description": TEXT_OR_NULL,
    "tags": TEXTS,
    "clientData": OBJECT_OR_NULL,
    "trashed": FLAG,
    # The server's own: a client may send back what it has read.
    "attachments": ANY,
    "integrity": ANY,
    "created": ANY,
    "createdBy": ANY,
    "modified": ANY,
    "modifiedBy": ANY,
}


class Creating(NamedTuple):
    """What `events.create` is to make.

    Attributes:
        series: it is to hold a series.
    """

    new: NewEvent
    series: bool = False


def read_event(params: Params, now: int) -> Creating:
    """Return the event that `events.create` is to make.

    Raises:
        BadParameters: a property is missing, unknown or of the wrong kind.
        BadOperation: both `streamId` and `streamIds`.
    """
    plain = _plain(params)
    if plain is not None:
        return Creating(plain)
    check(params, _EVENT, required=["type"], also=_event_problems(params))
    _refuse_both(params)
    series = params["type"].startswith(SERIES)
    if series:
        content: Any = series_content(params["type"].removeprefix(SERIES))
        if params.get("content") is not None:
            raise BadOperation("The content of a series event is the server's own.")
    else:
        content = params.get("content")
        event_types.check(params["type"], content)
    streams = [params["streamId"]] if "streamId" in params else params["streamIds"]
    duration = params.get("duration", 0)
    return Creating(
        NewEvent(
            id=params.get("id"),
            stream_ids=tuple(dict.fromkeys(streams)),
            type=params["type"],
            time=time.from_seconds(params["time"]) if "time" in params else now,
            duration=None if duration is None else _span(duration),
            content=content,
            description=params.get("description"),
            tags=_tags(params.get("tags", ())),
            client_data=params.get("clientData"),
            trashed=params.get("trashed", False),
        ),
        series,
    )


_FAR = 1e15
"""Seconds past every year that there is."""


class _Plain(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """What most events have; read in one step."""

    type: str
    time: float | int
    stream_id: str | None = None
    stream_ids: list[str] | None = None
    content: Any = None
    duration: float | int = 0
    description: str | None = None


def _plain(params: Params) -> NewEvent | None:
    """Return an event that is plainly right; None where every check has to look at it."""
    try:
        given = msgspec.convert(params, _Plain)
    except msgspec.ValidationError:
        return None
    one, many, type_ = given.stream_id, given.stream_ids, given.type
    if (one is None) == (many is None) or not TYPE.fullmatch(type_) or type_.startswith(SERIES):
        return None
    if many is not None and not many:
        return None
    if any("\0" in s for s in (one or "", given.description or "", *(many or ()))):
        return None
    # A null is not left out: who gives one is told what is wrong with it.
    if ("streamId" in params) == ("streamIds" in params):
        return None
    if not (abs(given.time) < _FAR and abs(given.duration) < _FAR):  # no number is not less either
        return None
    event_types.check(type_, given.content)
    return NewEvent(
        stream_ids=(one,) if one is not None else tuple(dict.fromkeys(many or ())),
        type=type_,
        time=time.from_seconds(given.time),
        duration=_span(given.duration) if given.duration else 0,
        content=given.content,
        description=given.description,
    )


def series_content(type_: str) -> dict[str, Any]:
    """Return what an event that holds a series says of it.

    Raises:
        BadEventType: no series can be of this type.
    """
    found = event_types.fields(type_)
    if found is None:
        raise BadEventType(f'The event type "series:{type_}" is not known.')
    required, every = found
    return {
        "elementType": type_,
        "fields": ["deltaTime", *every],
        "required": ["deltaTime", *required],
    }


def _refuse_both(params: Params) -> None:
    if "streamId" in params and "streamIds" in params:
        raise BadOperation('It is forbidden to provide both "streamIds" and "streamId".')


def _tags(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(t.strip() for t in given if t.strip()))


PROTECTED = (
    "id",
    "attachments",
    "integrity",
    "created",
    "createdBy",
    "modified",
    "modifiedBy",
)
"""Fields of an event that no update changes."""


class Updating(NamedTuple):
    """What `events.update` is to change."""

    id: str
    fields: dict[str, Any]


def read_event_update(params: Params, _now: int) -> Updating:
    """Return what `events.update` is to change.

    Raises:
        BadParameters: a property is unknown or of the wrong kind.
        ProtectedFields: one is the server's own.
        BadOperation: both `streamId` and `streamIds`.
    """
    check(
        params,
        {"id": TEXT, "update": Kinds("object", lambda v: isinstance(v, dict))},
        required=("id", "update"),
    )
    given = params["update"]
    # What a client sends back as it has read it; attachments are changed by calls of their own.
    protected = [name for name in PROTECTED if name in given and name != "attachments"]
    if protected:
        raise ProtectedFields(protected)
    check(given, _EVENT, also=_form_problems(given))
    _refuse_both(given)
    fields: dict[str, Any] = {}
    if "streamId" in given or "streamIds" in given:
        streams = [given["streamId"]] if "streamId" in given else given["streamIds"]
        fields["stream_ids"] = tuple(dict.fromkeys(streams))
    if "time" in given:
        fields["time"] = time.from_seconds(given["time"])
    if "duration" in given:
        fields["duration"] = None if given["duration"] is None else _span(given["duration"])
    if "tags" in given:
        fields["tags"] = _tags(given["tags"])
    if "clientData" in given:
        fields["client_data"] = given["clientData"]
    for name in ("type", "content", "description", "trashed"):
        if name in given:
            fields[name] = given[name]
    return Updating(params["id"], fields)


def _form_problems(params: Params) -> list[Problem]:
    problems = []
    if "streamId" not in params and not params.get("streamIds", [None]):
        problems.append(Problem("ARRAY_LENGTH_SHORT", "Array is too short (0)", "#/streamIds"))
    for name, pattern in (("id", ID), ("type", TYPE)):
        value = params.get(name)
        if isinstance(value, str) and not pattern.fullmatch(value):
            message = f"String does not match pattern ^({pattern.pattern})$"
            problems.append(Problem("PATTERN", message, f"#/{name}", (pattern.pattern,)))
    return problems


def _event_problems(params: Params) -> list[Problem]:
    problems = _form_problems(params)
    if "streamId" not in params and "streamIds" not in params:
        problems.append(
            Problem(
                "OBJECT_MISSING_REQUIRED_PROPERTY",
                "Missing required property: streamIds",
                "#/",
                ("streamIds",),
            )
        )
    return problems


class One(NamedTuple):
    """One event, or one file of it."""

    id: str
    file_id: str = ""
    history: bool = False


def read_one(params: Params, _now: int) -> One:
    """Return which event is meant.

    Raises:
        BadParameters: a parameter is missing, unknown or of the wrong kind.
    """
    check(params, {"id": TEXT, "includeHistory": FLAG}, required=("id",))
    return One(params["id"], history=params.get("includeHistory", False))


def read_file(params: Params, _now: int) -> One:
    """Return which file is meant.

    Raises:
        BadParameters: a parameter is missing, unknown or of the wrong kind.
    """
    check(params, {"id": TEXT, "fileId": TEXT}, required=("id", "fileId"))
    return One(params["id"], params["fileId"])


def _span(duration: float) -> int:
    try:
        return round(duration * time.SECOND)
    except OverflowError:
        raise InvalidInput("duration is out of range", field="duration") from None


READER = "pryv read token"
"""What the key of read tokens is derived for."""


class Reader(NamedTuple):
    """Whom attachments are shown to: each reader gets read tokens of its own.

    Attributes:
        key: of the server, for read tokens.
        token: hash of the reader's own.
    """

    key: bytes
    access_id: str
    token: bytes

    def token_of(self, file_id: str) -> str:
        """Return the token by which this reader, and no other, may fetch a file."""
        mac = hmac.new(self.key, file_id.encode() + b"-" + self.token, hashlib.sha256).digest()
        return f"{self.access_id}-{base64.urlsafe_b64encode(mac[:20]).rstrip(b'=').decode()}"


def reader(key: bytes, access_id: str, token: str) -> Reader:
    """Return a reader by its token."""
    return Reader(key, access_id, tokens.digest(token))


def raw_event(event: Event, reader: Reader) -> msgspec.Raw:
    """Return an event in Pryv's shape."""
    body = body_json(event).decode()
    return msgspec.Raw((_hung(body, event.files, reader) if event.files else body).encode())


def raw_version(version: Version, reader: Reader) -> msgspec.Raw:
    """Return what an event was, with an id of its own; the hash is the one it had as the event.

    Source: https://api.pryv.com/reference/#get-one-event (`history`)
    """
    whole = bytes(raw_event(version.event, reader))
    head = msgspec.json.encode(version.event.id)
    own = msgspec.json.encode(f"{version.event.id}:{version.rev}")
    return msgspec.Raw(b'{"id":' + own + b',"headId":' + head + whole[len(b'{"id":' + head) :])


def raw_found(found: Found) -> msgspec.Raw:
    """Return a stored event that has no files."""
    return msgspec.Raw(found.body.encode())


def raw_events(
    found: Iterable[Found], files: Mapping[str, Sequence[File]], reader: Reader
) -> msgspec.Raw:
    """Return events as a list, from their stored text."""
    texts = [_hung(f.body, files.get(f.id, ()), reader) if f.files else f.body for f in found]
    return msgspec.Raw(("[" + ",".join(texts) + "]").encode())


def _hung(body: str, files: Iterable[File], reader: Reader) -> str:
    attachments = [
        {
            "id": f.id,
            "fileName": f.name,
            "type": f.type,
            "size": f.size,
            "readToken": reader.token_of(f.id),
            "integrity": file_integrity(f),
        }
        for f in files
    ]
    return f'{body[:-1]},"attachments":{msgspec.json.encode(attachments).decode()}}}'
