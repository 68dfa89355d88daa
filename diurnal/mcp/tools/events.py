"""Events: what happened, newest first."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from diurnal.mcp.tools import Asked, Date, Input, Key, Tool
from diurnal.model.events import EventQuery
from diurnal.model.time import day_text, from_seconds
from diurnal.services import events

LIMIT = 20
LIMIT_MAX = 100
COUNT_MAX = 5_000
"""Events that are looked through; `more` says that there are others."""
TEXT_MAX = 500
NAMES_MAX = 20


class Events(Input):
    """Which events; left out: of the last 30 days."""

    start: Date | None = msgspec.field(name="from", default=None)
    to: Date | None = None
    measures: Annotated[
        list[Key], msgspec.Meta(max_length=NAMES_MAX, description="Left out: of any.")
    ] = msgspec.field(default_factory=list)
    search: Annotated[
        str, msgspec.Meta(max_length=100, description="Only those with this text in them.")
    ] = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)] = LIMIT


class Told(msgspec.Struct, omit_defaults=True):
    """One event; `value` in the measure's own unit, `content` as it was written."""

    id: str
    time: str
    type: str
    duration_s: float | None = None
    running: bool = False
    measure: str | None = None
    value: float | None = None
    content: Any = None
    description: str = ""
    streams: list[str] = []
    tags: list[str] = []


class Answer(msgspec.Struct, rename={"start": "from"}):
    """The newest of `total` events; `more` where not all were looked through."""

    start: str
    to: str
    total: int
    more: bool
    events: list[Told]


def run(asked: Asked, given: Events) -> Answer:
    """Answer events."""
    first, last = asked.window(given.start, given.to)
    zones = asked.state.zones
    query = EventQuery(
        start=zones.day_bounds(first)[0],
        end=zones.day_bounds(last)[1] - 1,
        measures=tuple(dict.fromkeys(given.measures)),
        limit=COUNT_MAX + 1,
    )
    found = events.find(*asked, query)
    more = len(found) > COUNT_MAX
    bodies = [(one.body, one.tail) for one in found[:COUNT_MAX]]
    if given.search:
        wanted = given.search.casefold()
        bodies = [pair for pair in bodies if wanted in _words(pair[0])]
    return Answer(
        start=day_text(first),
        to=day_text(last),
        total=len(bodies),
        more=more,
        events=[_told(asked, body, tail) for body, tail in bodies[: given.limit]],
    )


def _words(body: str) -> str:
    """Return what people wrote in an event, for searching."""
    read = msgspec.json.decode(body)
    parts = [read.get("content"), read.get("description"), read["type"], *read.get("tags", ())]
    return msgspec.json.encode(parts).decode().casefold()


def _told(asked: Asked, body: str, tail: str) -> Told:
    read = msgspec.json.decode(body)
    more = msgspec.json.decode("{" + tail)
    duration = read.get("duration", 0)
    return Told(
        id=read["id"],
        time=asked.clock(from_seconds(read["time"])),
        type=read["type"],
        duration_s=duration or None,
        running=duration is None,
        measure=more.get("measure"),
        value=more.get("value"),
        content=_short(read.get("content")),
        description=read.get("description", "")[:TEXT_MAX],
        streams=read["streamIds"],
        tags=read.get("tags", []),
    )


def _short(content: Any) -> Any:
    """Return a content that does not fill the page: the beginning of what is long."""
    if isinstance(content, str):
        return content if len(content) <= TEXT_MAX else content[:TEXT_MAX] + "…"
    if isinstance(content, dict | list):
        text = msgspec.json.encode(content).decode()
        return content if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "…"
    return content


TOOL = Tool(
    title="Events",
    description="What happened between two days, newest first: workouts, meals, notes, places, "
    "songs and anything else, by measure or by a text in it; with how many there are.",
    given=Events,
    run=run,
)
