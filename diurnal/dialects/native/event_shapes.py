"""Events on the wire: what is sent and what is told."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec

from diurnal.dialects.native import wire
from diurnal.errors import InvalidInput
from diurnal.model.events import (
    STREAMS_PER_EVENT_MAX,
    TAGS_MAX,
    TEXT_MAX,
)
from diurnal.services import events

LIMIT_MAX = 10_000
LIMIT = 100
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_MAX)]
_TYPE = r"^(series:)?[a-z0-9-]+/[a-z0-9-]+$(?!\n)"
Type = Annotated[
    str,
    # Told here, looked at by `check_type`: the types are few, and to match each is half of reading
    # an event.
    msgspec.Meta(
        max_length=TEXT_MAX,
        description="`class/format`; the format names the unit of `content`.",
        extra_json_schema={"pattern": _TYPE},
    ),
]
EventId = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^c[a-z0-9-]{24}$",
        max_length=25,
        description="`c` and 24 of a-z 0-9 -; left out, the server makes one.",
    ),
]
Streams = Annotated[list[Text], msgspec.Meta(min_length=1, max_length=STREAMS_PER_EVENT_MAX)]
Tags = Annotated[list[Text], msgspec.Meta(max_length=TAGS_MAX)]
Seconds = Annotated[
    float | int | None, msgspec.Meta(description="Seconds; 0 for an instant, null while it runs.")
]
Offset = Annotated[int, msgspec.Meta(ge=-18 * 60, le=18 * 60, description="Minutes from UTC.")]


_is_type = lru_cache(maxsize=1024)(re.compile(_TYPE).search)


def check_type(text: str) -> str:
    """Return the type of an event.

    Raises:
        InvalidInput: it is not `class/format`.
    """
    if _is_type(text) is None:
        raise InvalidInput("a type is class/format, like mass/kg", field="type")
    return text


class EventNew(wire.Input, gc=False):
    """An event to be stored.

    Attributes:
        time: when it began; now when left out.
        timezone, offset: where the datum carries its own; else the account's zone history dates
            it.
        source: device or app that measured; left out, the token itself.
        source_id: the sender's own key: (source, sourceId) is one datum, sent twice it is stored
            once.
    """

    stream_ids: Streams
    type: Type
    time: wire.Moment | None = None
    duration: Seconds = 0
    content: Any = None
    id: EventId | None = None
    tags: Tags = msgspec.field(default_factory=list)
    description: str | None = None
    client_data: dict[str, Any] | None = None
    timezone: str | None = None
    offset: Offset | None = None
    source: Text | None = None
    source_id: Text | None = None


class EventsNew(wire.Input):
    """Many events, stored all or none."""

    events: Annotated[list[EventNew], msgspec.Meta(max_length=events.BATCH_MAX)]


class EventPatch(wire.Input):
    """Members to change; `clientData` merges by key, null deletes a key."""

    stream_ids: Streams | msgspec.UnsetType = msgspec.UNSET
    type: Type | msgspec.UnsetType = msgspec.UNSET
    time: wire.Moment | msgspec.UnsetType = msgspec.UNSET
    duration: Seconds | msgspec.UnsetType = msgspec.UNSET
    content: Any | msgspec.UnsetType = msgspec.UNSET
    tags: Tags | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType | None = msgspec.UNSET
    client_data: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    timezone: str | msgspec.UnsetType | None = msgspec.UNSET


class EventsQuery(wire.Input):
    """Which events; those that overlap [from, to]. Lists: repeat the parameter.

    Attributes:
        streams: with all below them; commas separate too, as in `types` and `measures`.
        types: `class/format` or `class/*`.
        tags: any of them.
        modified_since: changed after this instant.
        cursor: `next` of the page before, with the same other parameters.
    """

    start: wire.MomentText | None = msgspec.field(name="from", default=None)
    to: wire.MomentText | None = None
    streams: list[Text] = msgspec.field(default_factory=list)
    types: list[Text] = msgspec.field(default_factory=list)
    measures: list[Text] = msgspec.field(default_factory=list)
    tags: list[Text] = msgspec.field(default_factory=list)
    sources: list[Text] = msgspec.field(default_factory=list)
    state: Literal["default", "trashed", "all"] = "default"
    running: bool = False
    modified_since: wire.MomentText | None = None
    batch: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    sort: Literal["descending", "ascending"] = "descending"
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)] = LIMIT
    cursor: str | None = None


class DeleteQuery(wire.Input):
    """How to delete: for good at once, or into the trash first."""

    final: bool = False


class Attachment(wire.Output):
    """A file that hangs on an event; `size` in bytes."""

    id: str
    file_name: str
    type: str
    size: int


class EventOut(wire.Output):
    """An event.

    Attributes:
        time, created, modified: Unix seconds; duration in seconds, absent for an instant, null
            while it runs.
        seq: the account's change number at creation.
        local_date: the day it counts for; `offset` in minutes is the one in force then.
        measure, value: what it means, and the number it counts as in the measure's unit.
        created_by, modified_by: ids of tokens.
        clock: what the clock on the wall showed at the start, as if it were UTC, where the source
            told no more; `time` follows from it and the zone history.
    """

    id: str
    stream_ids: list[str]
    stream_id: str
    time: float
    type: str
    tags: list[str]
    created: float
    created_by: str
    modified: float
    modified_by: str
    seq: int
    local_date: str
    offset: int
    source: str
    duration: float | None = 0
    content: Any = None
    description: str | None = None
    client_data: dict[str, Any] | None = None
    trashed: bool = False
    timezone: str | None = None
    measure: str | None = None
    value: float | None = None
    source_id: str | None = None
    batch: int | None = None
    clock: float | None = None
    attachments: list[Attachment] = msgspec.field(default_factory=list)


class EventsOut(wire.Output):
    """A page of events; `next` is the cursor of the next one."""

    events: list[EventOut]
    next: str | None = None


class EventVersions(wire.Output):
    """What an event was before it was changed, the oldest first.

    Each is the event as it was; `modified` and `modifiedBy` tell who made it so, and when.
    """

    versions: list[EventOut]


class EventStatus(wire.Output):
    """What became of one event of many; a datum that was deleted for good has no id."""

    id: str | None
    status: Literal["created", "changed", "same", "deleted"]


class EventsStored(wire.Output):
    """What became of many events, in their order, and counted."""

    created: int
    changed: int
    same: int
    deleted: int
    events: list[EventStatus]


class Deleted(wire.Output):
    """The id of what was deleted for good."""

    deleted: str
