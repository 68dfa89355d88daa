"""Events by query: one statement per shape; values are bound, never written into the text."""

from __future__ import annotations

from itertools import starmap
from typing import Any

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    exists,
    false,
    func,
    or_,
    select,
    true,
)

from diurnal.model.access import Reach
from diurnal.model.events import EventQuery
from diurnal.store.database import Tx
from diurnal.store.sql import Sql, in_list, shaped
from diurnal.store.tables import RUNNING, event, event_stream, event_tag

PAGE_MAX = 1_000_000
"""Rows of one query; a backstop, far above what doors allow."""


class Found(msgspec.Struct, frozen=True, gc=False):
    """A stored event as text: Pryv's JSON and the native shape's tail.

    Attributes:
        files: not 0 where attachments must be added (`files_of`).
    """

    id: str
    time: int
    body: str
    tail: str
    files: int


def find(tx: Tx, account_id: int, query: EventQuery, reach: Reach) -> list[Found]:
    """Return matching events as stored text, newest first unless asked otherwise.

    `reach` is what the caller may read and has no default; without a clause nothing is found.
    """
    if not reach.clauses or query.any_of == frozenset():
        return []
    values: dict[str, Any] = {"account": account_id, "running": RUNNING}
    _fill(values, query, reach)
    rows = tx.execute(shaped(_find_statement, *_shape(query, reach)), values)
    if query.start is not None and _may_span(tx, account_id, query, values):
        rows = tx.execute(shaped(_find_statement, *_shape(query, reach, spans=True)), values)
    return list(starmap(Found, rows))


_SPANNING = Sql(
    select(func.min(event.c.time_us)).where(
        event.c.account_id == bindparam("account"),
        event.c.end_us >= bindparam("start"),
        event.c.end_us > event.c.time_us,
        event.c.time_us < bindparam("start"),
    )
)


def _may_span(tx: Tx, account_id: int, query: EventQuery, values: dict[str, Any]) -> bool:
    """Whether an event began before the window and reaches into it; sets its floor.

    A window by time alone can use the time index; only where something spans its start does
    the query have to look further back.
    """
    row = tx.one(_SPANNING, {"account": account_id, "start": query.start})
    if row is None or row[0] is None:
        return False
    values["floor"] = row[0]
    return True


_Shape = tuple[Any, ...]


def _shape(query: EventQuery, reach: Reach, *, spans: bool = False) -> _Shape:
    clauses = tuple(
        (
            c.streams is not None,
            c.measures is not None,
            c.tags is not None,
            c.start is not None,
            c.end is not None,
            c.until is not None,
        )
        for c in reach.clauses
    )
    return (
        () if reach.everything else clauses,
        query.start is not None,
        query.end is not None,
        query.any_of is not None,
        len(query.all_of),
        query.none_of is not None,
        tuple(t.endswith("/*") for t in query.types),
        bool(query.measures),
        bool(query.tags),
        bool(query.sources),
        query.batch is not None,
        query.running,
        query.state,
        query.ascending,
        query.modified_since is not None,
        query.after is not None,
        query.running_before,
        query.by_arrival,
        spans,
    )


def _fill(values: dict[str, Any], query: EventQuery, reach: Reach) -> None:
    values["limit"] = PAGE_MAX if query.limit is None else min(query.limit, PAGE_MAX)
    values["skip"] = query.skip
    plain = {
        "start": query.start,
        "end": query.end,
        "any_of": query.any_of,
        "none_of": query.none_of,
        "measures": query.measures,
        "tags": query.tags,
        "sources": query.sources,
        "batch": query.batch,
        "modified": query.modified_since,
    }
    values.update(plain)
    for i, group in enumerate(query.all_of):
        values[f"all_of_{i}"] = group
    for i, type_ in enumerate(query.types):
        if type_.endswith("/*"):
            values[f"type_{i}"] = type_[:-1]
            values[f"type_end_{i}"] = type_[:-2] + "0"  # "0" follows "/" in both collations used
        else:
            values[f"type_{i}"] = type_
    if query.after is not None:
        values["after_time"], values["after_id"] = query.after
    for i, c in enumerate(reach.clauses):
        values[f"r{i}_streams"] = c.streams
        values[f"r{i}_measures"] = c.measures
        values[f"r{i}_tags"] = c.tags
        values[f"r{i}_start"] = c.start
        values[f"r{i}_end"] = c.end
        values[f"r{i}_until"] = c.until


def _in_streams(name: str) -> ColumnElement[bool]:
    more = exists(
        select(event_stream.c.event_id).where(
            event_stream.c.account_id == bindparam("account"),
            event_stream.c.event_id == event.c.id,
            in_list(event_stream.c.stream_id, name),
        )
    )
    return or_(in_list(event.c.stream_id, name), and_(event.c.more_streams == 1, more))


def _has_tag(name: str) -> ColumnElement[bool]:
    return and_(
        event.c.tagged == 1,
        exists(
            select(event_tag.c.event_id).where(
                event_tag.c.account_id == bindparam("account"),
                event_tag.c.event_id == event.c.id,
                in_list(event_tag.c.tag, name),
            )
        ),
    )


def _clause(i: int, shape: tuple[bool, ...]) -> ColumnElement[bool]:
    streams, measures, tags, start, end, until = shape
    parts: list[ColumnElement[bool]] = [true()]
    if streams:
        parts.append(_in_streams(f"r{i}_streams"))
    if measures:
        parts.append(in_list(event.c.measure, f"r{i}_measures"))
    if tags:
        parts.append(_has_tag(f"r{i}_tags"))
    if start:
        parts.append(event.c.time_us >= bindparam(f"r{i}_start"))
    if end:
        parts.append(event.c.time_us < bindparam(f"r{i}_end"))
    if until:
        # What runs has an end far away.
        at: BindParameter[int] = bindparam(f"r{i}_until")
        parts += [event.c.time_us < at, event.c.end_us <= at]
    return and_(*parts)


def _find_statement(
    clauses: tuple[tuple[bool, ...], ...],
    start: bool,
    end: bool,
    any_of: bool,
    all_of: int,
    none_of: bool,
    types: tuple[bool, ...],
    measures: bool,
    tags: bool,
    sources: bool,
    batch: bool,
    running: bool,
    state: str,
    ascending: bool,
    modified: bool,
    after: bool,
    running_before: bool,
    by_arrival: bool,
    spans: bool,
) -> Select[Any]:
    time, id_ = event.c.time_us, event.c.id
    where: list[ColumnElement[bool]] = [event.c.account_id == bindparam("account")]
    if clauses:
        where.append(or_(*[_clause(i, shape) for i, shape in enumerate(clauses)]))
    if start and spans:
        where += [time >= bindparam("floor"), event.c.end_us >= bindparam("start")]
        if not running_before:
            ended = event.c.end_us < bindparam("running")
            where.append(or_(time >= bindparam("start"), ended))
    elif start:
        where.append(time >= bindparam("start"))
    if end:
        where.append(time <= bindparam("end"))
    if any_of:
        where.append(_in_streams("any_of"))
    where += [_in_streams(f"all_of_{i}") for i in range(all_of)]
    if none_of:
        where.append(~_in_streams("none_of"))
    if types:
        where.append(or_(false(), *[_of_type(i, whole) for i, whole in enumerate(types)]))
    if measures:
        where.append(in_list(event.c.measure, "measures"))
    if tags:
        where.append(_has_tag("tags"))
    if sources:
        where.append(in_list(event.c.source, "sources"))
    if batch:
        where.append(event.c.batch_id == bindparam("batch"))
    if running:
        where.append(event.c.end_us == bindparam("running"))
    if state != "all":
        where.append(event.c.trashed == (1 if state == "trashed" else 0))
    if modified:
        where.append(event.c.modified_us > bindparam("modified"))
    if after:
        at: BindParameter[int] = bindparam("after_time")
        last: BindParameter[str] = bindparam("after_id")
        if ascending:
            where += [time >= at, or_(time > at, id_ > last)]
        else:
            where += [time <= at, or_(time < at, id_ < last)]
    columns = (event.c.seq,) if by_arrival else (time, id_)
    order = [c.asc() if ascending else c.desc() for c in columns]
    return (
        select(id_, time, event.c.body, event.c.tail, event.c.files)
        .where(*where)
        .order_by(*order)
        .limit(bindparam("limit"))
        .offset(bindparam("skip"))
    )


def _of_type(i: int, whole_class: bool) -> ColumnElement[bool]:
    if whole_class:
        return and_(
            event.c.type >= bindparam(f"type_{i}"), event.c.type < bindparam(f"type_end_{i}")
        )
    return event.c.type == bindparam(f"type_{i}")
