"""Write a note down."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from diurnal import catalog
from diurnal.errors import InvalidInput
from diurnal.mcp.tools import Asked, Input, Tool
from diurnal.model.events import NewEvent
from diurnal.model.time import day_text, micros
from diurnal.services import events

MEASURE = "note"
TEXT_MAX = 10_000


class Note(Input):
    """What to write down, and when it was; left out: now."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_MAX)]
    time: Annotated[
        str | None,
        msgspec.Meta(
            description="RFC 3339 with an offset, as 2026-11-21T18:30:00+01:00.",
            extra_json_schema={"format": "date-time"},
        ),
    ] = None


class Answer(msgspec.Struct):
    """Where it was written to."""

    id: str
    time: str
    day: str


def run(asked: Asked, given: Note) -> Answer:
    """Write a note."""
    now = asked.ctx.now()
    at = now if given.time is None else _instant(given.time)
    new = NewEvent(
        stream_ids=(_stream(asked),),
        type=catalog.event_type(catalog.get(MEASURE)),
        time=at,
        content=given.text,
    )
    (written,) = events.create(*asked, [new])
    made = written.event
    return Answer(id=made.id, time=asked.clock(made.time), day=day_text(made.day))


def _instant(text: str) -> int:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput("RFC 3339 with an offset", field="time") from None
    if read.tzinfo is None:
        raise InvalidInput("an offset is missing", field="time")
    return micros(read)


def _stream(asked: Asked) -> str:
    return asked.state.home(catalog.get(MEASURE))


def offered(asked: Asked) -> bool:
    """Return whether the caller may write notes."""
    caller = asked.caller
    state = asked.state
    rights = caller.rights_on(state.tree, _stream(asked), measure=MEASURE, at=asked.ctx.now())
    return rights.creates


TOOL = Tool(
    title="Add a note",
    description="Writes a note into the person's notes. Only when the person asks for it.",
    given=Note,
    run=run,
    offered=offered,
    writes=True,
)
