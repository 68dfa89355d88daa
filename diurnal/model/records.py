"""What sources yield: one stream of plain records, whatever the way in.

A connector's `parse`, `pull` and `receive` yield these; it never sees the database. Values are
already in the measure's canonical unit when `measure` is given (`catalog.to_canonical`).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec

from diurnal.model.events import File, Json


class Source(msgspec.Struct, frozen=True):
    """A device or app that measured, not the file it came by.

    Attributes:
        name: as the user knows it ("Alex's Apple Watch"); the identity.
        kind: see `model.sources.Kind`: manual, dedicated, wrist, phone, derived.
    """

    name: str
    kind: str


class Points(msgspec.Struct, frozen=True, gc=False):
    """Columns of one series measure from one source; any order, any length.

    Attributes:
        start, end: array("q"), microseconds UTC; equal for instants.
        value: array("d"), canonical unit.
        offset: array("h"), minutes from UTC where the data carry their own, else None.
    """

    measure: str
    source: Source
    start: array[int]
    end: array[int]
    value: array[float]
    offset: array[int] | None = None


class Datum(msgspec.Struct, frozen=True, kw_only=True):
    """One event or session.

    Attributes:
        measure: key in the catalog; it gives the home stream. None with `stream` for others.
        type: `class/format` that names the unit of `content`.
        source_id: stable across exports; the same (source, source_id) is the same datum.
        start, duration: microseconds; duration None while it runs.
        zone, offset: only where the datum carries its own.
        clock: `start` is what the person's clock showed, as if it were UTC, and the source does
            not say where: the account's zone history makes an instant of it, by its end, and
            moves it when it learns better.
        telling: which of several tellings of one datum this is, best first by name ("1 fit",
            "3 gpx"): they become one, whatever their order; see `model.tellings`.
        known_as: other source ids that another telling of it may have come under.
        id, streams, trashed: of one's own export: what it was here. With an id, `source_id` may
            be ""; an event that has this id already stays as it is.
    """

    source: Source
    source_id: str
    type: str
    start: int
    duration: int | None = 0
    content: Json = None
    measure: str | None = None
    stream: str | None = None
    zone: str | None = None
    offset: int | None = None
    tags: tuple[str, ...] = ()
    description: str | None = None
    client_data: dict[str, Any] | None = None
    files: tuple[File, ...] = ()
    clock: bool = False
    telling: str | None = None
    known_as: tuple[str, ...] = ()
    id: str | None = None
    streams: tuple[str, ...] = ()
    trashed: bool = False


class DayDatum(msgspec.Struct, frozen=True, kw_only=True):
    """One value of one local day.

    Attributes:
        measure: a key of the catalog or of an own measure (`OwnMeasure`).
        day: days since 1970-01-01.
        value: canonical unit; text for text measures.
        raw: the cell as received.
        written_by: of one's own export: "person", "service" or "source".
    """

    source: Source
    measure: str
    day: int
    value: float | str
    raw: str | None = None
    written_by: str = "source"


class OwnMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """Declares an account's own measure before data of it: a CSV column without a known name."""

    key: str
    label: str
    value: str
    """ValueKind: integer, number, text, boolean (a tag)."""


class StreamSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A stream of one's own export, after the one above it; made unless it is there.

    Attributes:
        trashed: said once more after the data: into a stream in the trash nothing is added.
    """

    id: str
    name: str
    parent_id: str | None = None
    measure: str | None = None
    client_data: dict[str, Any] | None = None
    trashed: bool = False


class OwnRows(msgspec.Struct, frozen=True):
    """Rows of one's own export as they lay there: of `table`, a cell for each of `columns`."""

    table: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


class Before(msgspec.Struct, frozen=True):
    """What an event of one's own export was before a change; after the event itself.

    Attributes:
        was: with the event's id and source.
        created, modified: microseconds UTC; the latter says which version it is.
    """

    was: Datum
    created: int
    modified: int


class Attached(msgspec.Struct, frozen=True, eq=False):
    """The bytes of a file, before the datum that names their SHA-256."""

    hash: str
    open: Callable[[], BinaryIO]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Attached) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)


class ZonesKnown(msgspec.Struct, frozen=True):
    """When the person was in which zone, (instant, zone), as one's own export tells it.

    Before all data: nothing has then to be dated anew.
    """

    home: str | None
    changes: tuple[tuple[int, str], ...]


class ZoneSeen(msgspec.Struct, frozen=True):
    """The zone that a datum at `at` says the person was in.

    Attributes:
        night_end: end of the sleep the datum belongs to; a change first seen in a night takes
            effect there.
    """

    at: int
    zone: str
    night_end: int | None = None


class Bad(msgspec.Struct, frozen=True):
    """An item that could not be read; it is set aside and the rest goes on.

    Attributes:
        where: file (member) name and line, for people.
        raw: the item as it came, cut at 2000 characters.
    """

    reason: str
    where: str
    raw: str = ""


class Progress(msgspec.Struct, frozen=True):
    """How far a parser is: bytes done of bytes in all, of the phase named."""

    phase: str
    done: int
    total: int


Item = (
    Points
    | Datum
    | DayDatum
    | OwnMeasure
    | StreamSeen
    | Attached
    | Before
    | OwnRows
    | ZonesKnown
    | ZoneSeen
    | Bad
    | Progress
)
