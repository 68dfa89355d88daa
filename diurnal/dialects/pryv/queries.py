"""What `events.get` asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from diurnal.dialects.pryv import conditions
from diurnal.dialects.pryv.checks import (
    ANY,
    COUNT,
    FLAG,
    NUMBER_OR_NULL,
    TEXT,
    TEXTS,
    BadStructure,
    Kinds,
    Params,
    Problem,
    check,
    is_texts,
)
from diurnal.dialects.pryv.conditions import Condition
from diurnal.model import time
from diurnal.model.events import EventQuery

LIMIT_DEFAULT = 20
"""Events of an answer, where neither a time nor a limit is asked for."""
DAY_BEFORE = time.DAY
QUERIES_MAX = 100
"""Stream queries of one call."""


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
        conditions: on content and client data, all of which must hold.
    """

    query: EventQuery
    streams: tuple[StreamQuery, ...] | None
    nothing: bool = False
    deletions_since: int | None = None
    tells_deletions: bool = False
    conditions: tuple[Condition, ...] = ()


_QUERY: Mapping[str, Kinds] = {
    "fromTime": NUMBER_OR_NULL,
    "toTime": NUMBER_OR_NULL,
    "streams": ANY,
    "types": TEXTS,
    "tags": TEXTS,
    "running": FLAG,
    "sortAscending": FLAG,
    "skip": COUNT,
    "limit": COUNT,
    "state": TEXT,
    "modifiedSince": NUMBER_OR_NULL,
    "includeDeletions": FLAG,
    "content": ANY,
    "clientData": ANY,
}
_STATES = ("default", "trashed", "all")


def read_query(params: Params, now: int) -> Asked:
    """Return what `events.get` asks for, with Pryv's defaults.

    Raises:
        BadParameters: a parameter is unknown or of the wrong kind.
        BadStructure: `streams` is no stream query.
    """
    state = params.get("state", "default")
    check(params, _QUERY, also=state_problems(state, _STATES))
    start, end = instant(params.get("fromTime")), instant(params.get("toTime"))
    limit = params.get("limit")
    if start is None and end is None and limit is None:
        limit = LIMIT_DEFAULT
    if start is None and end is not None:
        start = max(end - DAY_BEFORE, time.TIME_MIN)
    elif start is not None and end is None:
        end = now
    since = instant(params.get("modifiedSince"))
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
        conditions=tuple(
            condition
            for member in ("content", "clientData")
            if params.get(member) is not None
            for condition in conditions.read(member, params[member])
        ),
    )


def holds(asked: Asked, event: Mapping[str, Any], within: frozenset[str]) -> bool:
    """Return whether an event that is no row is asked for.

    Args:
        event: in Pryv's shape; it has no tags, has ended, and is not in the trash.
        within: ids of the streams that hold it, and of those above them.
    """
    query, type_ = asked.query, event["type"]
    if query.tags or query.running or query.state == "trashed" or asked.nothing:
        return False
    begun = time.from_seconds(event["time"])
    ended = begun + time.from_seconds(event.get("duration", 0))
    return (
        (query.end is None or begun <= query.end)
        and (query.start is None or ended >= query.start)
        and (
            query.modified_since is None
            or time.from_seconds(event["modified"]) > query.modified_since
        )
        and (not query.types or any(is_type(type_, t) for t in query.types))
        and (asked.streams is None or any(_fits(q, within) for q in asked.streams))
        and conditions.hold(asked.conditions, event)
    )


def is_type(type_: str, wanted: str) -> bool:
    """Return whether an event's type is the wanted one, or of the wanted class (`mass/*`)."""
    return type_ == wanted or (wanted.endswith("/*") and type_.startswith(wanted[:-1]))


def _fits(query: StreamQuery, within: frozenset[str]) -> bool:
    return (
        not within.isdisjoint(query.any_of)
        and within.issuperset(query.all_of)
        and within.isdisjoint(query.none_of)
    )


def state_problems(state: Any, allowed: Sequence[str]) -> list[Problem]:
    """Return what is wrong with the parameter `state`."""
    if not isinstance(state, str) or state in allowed:
        return []
    return [Problem("ENUM_MISMATCH", f"No enum match for: {state}", "#/state", (state,))]


def instant(value: float | None) -> int | None:
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
        if not is_texts(ids):
            raise BadStructure(f'"{name}" of a streams query is a list of stream ids.')
    return StreamQuery(
        tuple(i for i in value["any"] if i != "*"),
        tuple(value.get("all", ())),
        tuple(value.get("not", ())),
        every="*" in value["any"],
    )
