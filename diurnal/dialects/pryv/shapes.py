"""Pryv's shapes: parameters, events, streams, accesses; pure.

Pryv 1.9 and 2.0 united: what either takes is taken, what either returns is returned.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from diurnal.errors import InvalidInput
from diurnal.model import time
from diurnal.model.access import Kind, Permission
from diurnal.model.events import Event, EventQuery, File, NewEvent, body_json, seconds
from diurnal.model.streams import Stream, Tree
from diurnal.store.accesses import Stored
from diurnal.store.events import Found

Params = dict[str, Any]

ID = re.compile(r"c[a-z0-9-]{24}|[a-z][a-z0-9]{23}")
"""Cuids of both kinds."""
TYPE = re.compile(r"(series:)?[a-z0-9-]+/[a-z0-9-]+")
SERIES = "series:"
LIMIT_DEFAULT = 20
"""Events of an answer, where neither a time nor a limit is asked for."""
DAY_BEFORE = time.DAY
QUERIES_MAX = 100
"""Stream queries of one call."""

_NUMBERS = frozenset(
    {"fromTime", "toTime", "skip", "limit", "modifiedSince", "includeDeletionsSince"}
)
_FLAGS = frozenset({"running", "sortAscending", "includeDeletions"})
_LISTS = frozenset({"streams", "types", "tags"})
_FLAG_WORDS = {"true": True, "false": False, "1": True, "0": False}


class Problem(NamedTuple):
    """One thing that is wrong with parameters."""

    code: str
    message: str
    path: str
    params: tuple[str, ...] = ()


class BadParameters(InvalidInput):
    """Parameters whose format is wrong, with everything that is."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("The parameters' format is invalid.")
        self.problems = tuple(problems)


class BadStructure(InvalidInput):
    """A request that cannot be read at all."""


class BadOperation(InvalidInput):
    """Well-formed parameters that do not go together."""


class BadEventType(InvalidInput):
    """An event type that is not served."""


class BadContentType(InvalidInput):
    """A body in a form that is not served."""


# Checks: one line for each property, all problems told at once.


class Kinds(NamedTuple):
    """What a property takes: its name in messages, and the check."""

    name: str
    fits: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and _finite(value)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) and "\0" not in v for v in value)


_TEXT = Kinds("string", lambda v: isinstance(v, str))
_TEXT_OR_NULL = Kinds("string", lambda v: v is None or isinstance(v, str))
_TEXTS = Kinds("array of strings", _is_texts)
_NUMBER = Kinds("number", _is_number)
_NUMBER_OR_NULL = Kinds("number", lambda v: v is None or _is_number(v))
_COUNT = Kinds(
    "non-negative integer", lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 0
)
_FLAG = Kinds("boolean", lambda v: isinstance(v, bool))
_OBJECT_OR_NULL = Kinds("object", lambda v: v is None or isinstance(v, dict))
_ANY = Kinds("any", lambda _v: True)


def check(
    params: Params,
    kinds: Mapping[str, Kinds],
    *,
    required: Sequence[str] = (),
    also: Iterable[Problem] = (),
) -> None:
    """Refuse parameters that are unknown, missing or of the wrong kind.

    Raises:
        BadParameters: with every problem.
    """
    problems = [
        Problem(
            "OBJECT_MISSING_REQUIRED_PROPERTY", f"Missing required property: {name}", "#/", (name,)
        )
        for name in required
        if name not in params
    ]
    for name, value in params.items():
        kind = kinds.get(name)
        if kind is None:
            problems.append(
                Problem(
                    "OBJECT_ADDITIONAL_PROPERTIES",
                    f"Additional properties not allowed: {name}",
                    "#/",
                    (name,),
                )
            )
        elif not kind.fits(value):
            problems.append(
                Problem("INVALID_TYPE", f"Expected type {kind.name}", f"#/{name}", (kind.name,))
            )
    problems += also
    if problems:
        raise BadParameters(problems)


# Parameters of URLs


def from_url(items: Iterable[tuple[str, str]]) -> Params:
    """Return the parameters of a query string, as they would be in JSON.

    A list is `a[]=x&a[]=y`, `a=x&a=y`, `a=x`, or JSON text; what does not read as its kind is
    left as text, which the check then refuses.
    """
    given: dict[str, list[str]] = {}
    for name, value in items:
        given.setdefault(name.removesuffix("[]"), []).append(value)
    return {name: _from_text(name, values) for name, values in given.items() if name != "auth"}


def _from_text(name: str, values: list[str]) -> Any:
    if name in _LISTS:
        if len(values) == 1 and values[0][:1] in ("[", "{"):
            return parse(values[0].encode(), name)
        return values
    if len(values) > 1:
        return values
    value = values[0]
    if name in _FLAGS:
        return _FLAG_WORDS.get(value, value)
    if name in _NUMBERS:
        try:
            # An unescaped plus of `1.7e+308` arrives as a blank.
            number = float(value.replace(" ", "+"))
        except ValueError:
            return value
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return value


def parse(body: bytes, what: str = "body") -> Any:
    """Return what JSON text says.

    Raises:
        BadStructure: it is none, or nested beyond reading.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadStructure(f"The {what} is not valid JSON.") from None


# Events


_EVENT: Mapping[str, Kinds] = {
    "id": _TEXT,
    "streamId": _TEXT,
    "streamIds": _TEXTS,
    "time": _NUMBER,
    "duration": _NUMBER_OR_NULL,
    "type": _TEXT,
    "content": _ANY,
    "description": _TEXT_OR_NULL,
    "tags": _TEXTS,
    "clientData": _OBJECT_OR_NULL,
    "trashed": _FLAG,
    # The server's own: a client may send back what it has read.
    "attachments": _ANY,
    "integrity": _ANY,
    "created": _ANY,
    "createdBy": _ANY,
    "modified": _ANY,
    "modifiedBy": _ANY,
}


def read_event(params: Params, now: int) -> NewEvent:
    """Return the event that `events.create` is to make.

    Raises:
        BadParameters: a property is missing, unknown or of the wrong kind.
        BadOperation: both `streamId` and `streamIds`.
        BadEventType: a holder of a series.
    """
    check(params, _EVENT, required=["type"], also=_event_problems(params))
    if "streamId" in params and "streamIds" in params:
        raise BadOperation('It is forbidden to provide both "streamIds" and "streamId".')
    if params["type"].startswith(SERIES):
        raise BadEventType("Series are not written through this API yet.")
    streams = [params["streamId"]] if "streamId" in params else params["streamIds"]
    duration = params.get("duration", 0)
    return NewEvent(
        id=params.get("id"),
        stream_ids=tuple(dict.fromkeys(streams)),
        type=params["type"],
        time=time.from_seconds(params["time"]) if "time" in params else now,
        duration=None if duration is None else _span(duration),
        content=params.get("content"),
        description=params.get("description"),
        tags=tuple(dict.fromkeys(t.strip() for t in params.get("tags", ()) if t.strip())),
        client_data=params.get("clientData"),
        trashed=params.get("trashed", False),
    )


def _event_problems(params: Params) -> list[Problem]:
    problems = []
    if "streamId" not in params and not params.get("streamIds", [None]):
        problems.append(Problem("ARRAY_LENGTH_SHORT", "Array is too short (0)", "#/streamIds"))
    if "streamId" not in params and "streamIds" not in params:
        problems.append(
            Problem(
                "OBJECT_MISSING_REQUIRED_PROPERTY",
                "Missing required property: streamIds",
                "#/",
                ("streamIds",),
            )
        )
    for name, pattern in (("id", ID), ("type", TYPE)):
        value = params.get(name)
        if isinstance(value, str) and not pattern.fullmatch(value):
            message = f"String does not match pattern ^({pattern.pattern})$"
            problems.append(Problem("PATTERN", message, f"#/{name}", (pattern.pattern,)))
    return problems


def _span(duration: float) -> int:
    try:
        return round(duration * time.SECOND)
    except OverflowError:
        raise InvalidInput("duration is out of range", field="duration") from None


class StreamQuery(NamedTuple):
    """Which streams: with descendants, or alone where the id ended in `!`.

    Attributes:
        every: `*` was among `any`.
    """

    any_of: tuple[str, ...]
    all_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    every: bool = False


class Asked(NamedTuple):
    """What `events.get` asks for.

    Attributes:
        streams: any of these queries; None for all.
        nothing: the times leave nothing.
        deletions_since: deletions after this are told too.
        tells_deletions: whether the answer has the list at all.
    """

    query: EventQuery
    streams: tuple[StreamQuery, ...] | None
    nothing: bool = False
    deletions_since: int | None = None
    tells_deletions: bool = False


_QUERY: Mapping[str, Kinds] = {
    "fromTime": _NUMBER_OR_NULL,
    "toTime": _NUMBER_OR_NULL,
    "streams": _ANY,
    "types": _TEXTS,
    "tags": _TEXTS,
    "running": _FLAG,
    "sortAscending": _FLAG,
    "skip": _COUNT,
    "limit": _COUNT,
    "state": _TEXT,
    "modifiedSince": _NUMBER_OR_NULL,
    "includeDeletions": _FLAG,
}
_STATES = ("default", "trashed", "all")


def read_query(params: Params, now: int) -> Asked:
    """Return what `events.get` asks for, with Pryv's defaults.

    Raises:
        BadParameters: a parameter is unknown or of the wrong kind.
        BadStructure: `streams` is no stream query.
    """
    state = params.get("state", "default")
    check(params, _QUERY, also=_state_problems(state, _STATES))
    start, end = _instant(params.get("fromTime")), _instant(params.get("toTime"))
    limit = params.get("limit")
    if start is None and end is None and limit is None:
        limit = LIMIT_DEFAULT
    if start is None and end is not None:
        start = max(end - DAY_BEFORE, time.TIME_MIN)
    elif start is not None and end is None:
        end = now
    since = _instant(params.get("modifiedSince"))
    deletions = params.get("includeDeletions", False)
    query = EventQuery(
        start=start,
        end=end,
        types=tuple(dict.fromkeys(params.get("types", ()))),
        tags=tuple(dict.fromkeys(params.get("tags", ()))),
        running=params.get("running", False),
        # A period that runs has no end, so it reaches into every frame that includes now.
        running_before=end is None or end >= now,
        state=state,
        ascending=params.get("sortAscending", False),
        modified_since=since,
        skip=min(params.get("skip", 0), 2**53),
        limit=limit if limit is None else min(limit, 2**53),
    )
    return Asked(
        query,
        read_streams(params["streams"]) if params.get("streams") is not None else None,
        nothing=start is not None and end is not None and start > end,
        deletions_since=since if deletions else None,
        tells_deletions=deletions,
    )


def _state_problems(state: Any, allowed: Sequence[str]) -> list[Problem]:
    if not isinstance(state, str) or state in allowed:
        return []
    return [Problem("ENUM_MISMATCH", f"No enum match for: {state}", "#/state", (state,))]


def _instant(value: float | None) -> int | None:
    """Return seconds as microseconds; clients send the ends of all floats for "always"."""
    if value is None:
        return None
    low, high = time.TIME_MIN // time.SECOND, time.TIME_MAX // time.SECOND
    return time.from_seconds(min(max(value, low), high))


def read_streams(value: Any) -> tuple[StreamQuery, ...]:
    """Return the stream queries that `streams` means, whichever way it is written.

    Raises:
        BadStructure: it is none.
    """
    parts = value if isinstance(value, list) else [value]
    if len(parts) > QUERIES_MAX and not all(isinstance(p, str) for p in parts):
        raise BadStructure(f"The streams parameter has at most {QUERIES_MAX} queries.")
    ids = [p for p in parts if isinstance(p, str)]
    queries = [_stream_query({"any": ids})] if ids or not parts else []
    for part in parts:
        if isinstance(part, dict):
            queries.append(_stream_query(part))
        elif not isinstance(part, str):
            raise BadStructure("The streams parameter is a list of ids or of streams queries.")
    return tuple(queries)


def _stream_query(value: dict[str, Any]) -> StreamQuery:
    unknown = [name for name in value if name not in ("any", "all", "not")]
    if unknown:
        raise BadStructure(f'A streams query has no property "{unknown[0]}".')
    if "any" not in value:
        raise BadStructure('A streams query needs the property "any".')
    for name, ids in value.items():
        if not _is_texts(ids):
            raise BadStructure(f'"{name}" of a streams query is a list of stream ids.')
    return StreamQuery(
        tuple(i for i in value["any"] if i != "*"),
        tuple(value.get("all", ())),
        tuple(value.get("not", ())),
        every="*" in value["any"],
    )


def raw_event(event: Event) -> msgspec.Raw:
    """Return a stored event in Pryv's shape."""
    return msgspec.Raw(body_json(event))


def raw_events(found: Iterable[Found], files: Mapping[str, Sequence[File]]) -> msgspec.Raw:
    """Return events as a list, from their stored text."""
    return msgspec.Raw(("[" + ",".join(_with_files(f, files) for f in found) + "]").encode())


def _with_files(found: Found, files: Mapping[str, Sequence[File]]) -> str:
    if not found.files:
        return found.body
    attachments = [
        {"id": f.id, "fileName": f.name, "type": f.type, "size": f.size}
        for f in files.get(found.id, ())
    ]
    return f'{found.body[:-1]},"attachments":{msgspec.json.encode(attachments).decode()}}}'


def write_deletions(deleted: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """Return deletions of events or streams."""
    return [{"id": id_, "deleted": seconds(at)} for id_, at in deleted]


# Streams


class AskedStreams(NamedTuple):
    """What `streams.get` asks for."""

    parent_id: str | None
    trashed: bool
    deletions_since: int | None


_STREAMS_QUERY: Mapping[str, Kinds] = {
    "parentId": _TEXT_OR_NULL,
    "state": _TEXT,
    "includeDeletionsSince": _NUMBER_OR_NULL,
}


def read_streams_query(params: Params) -> AskedStreams:
    """Return what `streams.get` asks for.

    Raises:
        BadParameters: a parameter is unknown or of the wrong kind.
    """
    state = params.get("state", "default")
    check(params, _STREAMS_QUERY, also=_state_problems(state, ("default", "all")))
    since = _instant(params.get("includeDeletionsSince"))
    return AskedStreams(params.get("parentId"), state == "all", since)


def write_tree(tree: Tree, parent_id: str | None) -> list[dict[str, Any]]:
    """Return the streams below a parent as a tree, by name."""
    return [
        {**write_stream(s), "children": write_tree(tree, s.id)} for s in tree.children(parent_id)
    ]


def write_stream(stream: Stream) -> dict[str, Any]:
    """Return a stream without its children."""
    written: dict[str, Any] = {"id": stream.id, "name": stream.name, "parentId": stream.parent_id}
    if stream.client_data is not None:
        written["clientData"] = stream.client_data
    if stream.trashed:
        written["trashed"] = True
    return written | {
        "created": seconds(stream.created),
        "createdBy": stream.created_by,
        "modified": seconds(stream.modified),
        "modifiedBy": stream.modified_by,
    }


# Accesses


def write_access(stored: Stored, token: str) -> dict[str, Any]:
    """Return an access, with its token."""
    access = stored.access
    written: dict[str, Any] = {
        "id": access.id,
        "token": token,
        "type": (Kind.SHARED if access.kind is Kind.PUBLIC else access.kind).value,
        "name": access.name,
        "permissions": [{"streamId": "*", "level": "manage"}]
        if access.owner
        else [_permission(p) for p in access.permissions],
    }
    if stored.device is not None:
        written["deviceName"] = stored.device
    if access.expires is not None:
        written["expires"] = seconds(access.expires)
    if stored.client_data is not None:
        written["clientData"] = stored.client_data
    if stored.used is not None:
        written["lastUsed"] = seconds(stored.used)
    return written | {
        "created": seconds(stored.created),
        "createdBy": stored.created_by,
        "modified": seconds(stored.modified),
        "modifiedBy": stored.modified_by,
    }


def _permission(permission: Permission) -> dict[str, Any]:
    return {"streamId": permission.stream, "level": permission.level.value}
