"""Objects that are only read: they show what the account holds."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from diurnal import catalog
from diurnal.dialects.personyze import people
from diurnal.dialects.personyze.grammar import Asked
from diurnal.dialects.personyze.stored import OBJECTS
from diurnal.model.access import Access
from diurnal.model.events import EventQuery
from diurnal.model.measures import Measure, Shape
from diurnal.services import accounts, entries, events, findings, measures, records
from diurnal.services.context import Context
from diurnal.services.days import may_read
from diurnal.store.database import Tx

Row = dict[str, Any]
Rows = Callable[[Tx, Context, Access, Asked], list[Row]]

TRACKED = "app_session"
"""Measure of the sessions that a tracker tells of; one with a single request has no length."""
DONE = "item_interaction"
LOOKED_AT_MAX = 10_000
"""Newest events that a list of them is made from."""


def number(name: str) -> int:
    """Return the number of what has a name only; it stays the same."""
    return zlib.crc32(name.encode()) & 0x7FFFFFFF


def account(tx: Tx, ctx: Context, caller: Access, _asked: Asked) -> list[Row]:
    """Return the account: what clients ask for to see whether their key is right."""
    found = accounts.find(tx, caller.username)
    zone = ctx.state(tx, caller.account_id).zones.zone_at(ctx.now())
    return [{"id": people.OWNER, "name": found.username, "email": found.email, "timezone": zone}]


def happenings(tx: Tx, ctx: Context, caller: Access, asked: Asked) -> list[Row]:
    """Return events, oldest first."""
    return _events(tx, ctx, caller, _window(asked))


def sessions(tx: Tx, ctx: Context, caller: Access, asked: Asked) -> list[Row]:
    """Return what began and ended: nights, workouts, times at a screen."""
    lasting = tuple(m.key for m in catalog.MEASURES.values() if m.shape is Shape.SESSION)
    query = msgspec.structs.replace(_window(asked), measures=lasting)
    return [
        {**row, "end_time": row["time"] + row["duration"]}
        for row in _events(tx, ctx, caller, query)
        if row["duration"] or row["measure"] == TRACKED
    ]


def _window(asked: Asked) -> EventQuery:
    """Return the query that the bounds of time in the only conjunction allow."""
    query = EventQuery(limit=LOOKED_AT_MAX)
    if len(asked.where) == 1:
        for c in asked.where[0]:
            if c.column == "time" and c.values[0].isdigit() and len(c.values[0]) < 12:
                at = int(c.values[0]) * 1_000_000
                if c.operator in (">", ">="):
                    query = msgspec.structs.replace(query, start=at)
                elif c.operator in ("<", "<="):
                    query = msgspec.structs.replace(query, end=at + 999_999)
    return query


def _events(tx: Tx, ctx: Context, caller: Access, query: EventQuery) -> list[Row]:
    rows = []
    for found in reversed(events.find(tx, ctx, caller, query)):
        body = msgspec.json.decode(found.body)
        tail = msgspec.json.decode(f"{{{found.tail}")
        rows.append(
            {
                "id": tail["seq"],
                "user_id": _whose(body.get("content"), tail.get("measure")),
                "container_id": number(body["streamIds"][0]),
                "container": body["streamIds"][0],
                "time": body["time"],
                "duration": body.get("duration") or 0,
                "type": body["type"],
                "measure": tail.get("measure"),
                "content": body.get("content"),
                "source": tail.get("source"),
                "tags": body.get("tags", []),
            }
        )
    rows.sort(key=lambda row: row["id"])
    return rows


def _whose(content: Any, measure: str | None) -> int:
    """Return the number of whom an event tells of: others are followed, and do things, too."""
    if measure in (TRACKED, DONE) and isinstance(content, dict):
        said = content.get("user_id")
        if isinstance(said, int):
            return said
    return people.OWNER


def actions(tx: Tx, ctx: Context, caller: Access, _asked: Asked | None = None) -> list[Row]:
    """Return one action for each measure with a value: it shows that value.

    It goes into the placeholders that are named as the measure is.
    """
    state = ctx.state(tx, caller.account_id)
    places = records.listed(tx, caller, OBJECTS["placeholders"].name)
    rows = []
    for key, value in entries.newest(tx, ctx, caller).items():
        measure = state.measure(key)
        if measure is None:
            continue
        names = {key, measure.label.casefold()}
        rows.append(
            {
                "id": number(f"action {key}"),
                "name": measure.label,
                "content_type": "text",
                "content_param": key,
                "content_begin": _shown(measure, value),
                "content_end": "",
                "libs_app": None,
                "placeholders": [
                    p.seq for p in places if str(p.values.get("name", "")).casefold() in names
                ],
            }
        )
    return rows


def _shown(measure: Measure, value: float | str) -> str:
    if isinstance(value, str):
        return value
    number = f"{value:.2f}".rstrip("0").rstrip(".")
    plain = measure.unit == "1" or ":" in measure.unit or measure.unit == "currency"
    return number if plain else f"{number} {measure.unit}"


def condition_number(measure: str) -> int:
    """Return the number of the condition that a measure's goal is met."""
    return number(f"condition {measure}")


def conditions(tx: Tx, ctx: Context, caller: Access, _asked: Asked) -> list[Row]:
    """Return the goals; a tracker is told which of them today meets."""
    state = ctx.state(tx, caller.account_id)
    rows = []
    for goal in findings.goals(tx, ctx, caller):
        measure = state.measure(goal.measure)
        label = measure.label if measure is not None else goal.measure
        rows.append(
            {
                "id": condition_number(goal.measure),
                "name": f"{label}: goal",
                "measure": goal.measure,
            }
        )
    return rows


def forms(tx: Tx, ctx: Context, caller: Access, _asked: Asked) -> list[Row]:
    """Return what can be entered: the account's own measures, and mood."""
    state = ctx.state(tx, caller.account_id)
    asked = [m for key in ("mood", "mood_note") if (m := state.measure(key)) is not None]
    asked += measures.visible(tx, ctx, caller)
    return [
        {"id": number(f"form {m.key}"), "name": m.label, "column": m.key}
        for m in asked
        if may_read(state, caller, m)
    ]


def interests(tx: Tx, ctx: Context, caller: Access, _asked: Asked) -> list[Row]:
    """Return the owner's tags, by how often the newest events carry them."""
    counted: Counter[str] = Counter()
    for row in _events(tx, ctx, caller, EventQuery(limit=LOOKED_AT_MAX)):
        counted.update(row["tags"])
    return [
        {"id": number(f"interest {tag}"), "user_id": people.OWNER, "interest": tag, "weight": n}
        for tag, n in counted.most_common()
    ]


OBJECTS_READ: dict[str, tuple[frozenset[str], Rows]] = {
    "account": (frozenset({"id", "name", "email", "timezone"}), account),
    "events": (
        frozenset(
            {
                "id",
                "user_id",
                "container_id",
                "container",
                "time",
                "duration",
                "type",
                "measure",
                "content",
                "source",
                "tags",
            }
        ),
        happenings,
    ),
    "actions": (
        frozenset(
            {
                "id",
                "name",
                "content_type",
                "content_param",
                "content_begin",
                "content_end",
                "libs_app",
                "placeholders",
            }
        ),
        actions,
    ),
    "conditions": (frozenset({"id", "name", "measure"}), conditions),
    "forms": (frozenset({"id", "name", "column"}), forms),
    "user_interests": (frozenset({"id", "user_id", "interest", "weight"}), interests),
}
OBJECTS_READ["sessions_archive"] = (OBJECTS_READ["events"][0] | {"end_time"}, sessions)
