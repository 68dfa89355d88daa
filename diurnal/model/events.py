"""Events: something true at an instant or over a stretch of time."""

from __future__ import annotations

from binascii import b2a_base64
from typing import Any, Literal

import msgspec

from diurnal.model import integrity
from diurnal.model.time import SECOND, day_text

Json = Any
"""Any JSON value; only at the edges and in what users wrote."""

TAGS_MAX = 100
STREAMS_PER_EVENT_MAX = 100
TEXT_MAX = 500
"""Characters of an id, type, tag or stream name."""
CONTENT_BYTES_MAX = 1_000_000
DEPTH_MAX = 64
"""Levels of nesting in content and client data."""


def tells_nul(json: bytes) -> bool:
    """Return whether JSON text tells of a NUL, which PostgreSQL cannot keep."""
    # One letter is found many times sooner than several; and not by `in`, which takes what it looks
    # for as a number first, and fails.
    return json.find(b"\\") >= 0 and json.find(rb"\u0000") >= 0


class File(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment; its bytes lie in the blob store under `hash`.

    Attributes:
        hash: SHA-256 of the bytes, hex.
        size: bytes.
    """

    id: str
    name: str
    type: str
    size: int
    hash: str


class NewEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event as a caller gives it.

    Attributes:
        time: start, microseconds UTC.
        duration: microseconds; 0 for an instant, None while it runs.
        content: the value as received, in the unit of `type`.
        zone, offset: IANA name and minutes from UTC where the datum carries its own; without
            them the account's zone history dates it.
        source: device or app that measured; None for the access that wrote it.
        source_id: the sender's own key; (account, source, source_id) is one datum.
        by_id: whether an existing id is updated (upsert) rather than a conflict.
        clock: what the person's clock showed at the start, as if it were UTC, where the sender
            knows no more; the zone history then says the time, and `time` is not looked at.
    """

    stream_ids: tuple[str, ...]
    type: str
    time: int
    duration: int | None = 0
    content: Json = None
    id: str | None = None
    tags: tuple[str, ...] = ()
    description: str | None = None
    client_data: dict[str, Any] | None = None
    trashed: bool = False
    zone: str | None = None
    offset: int | None = None
    source: str | None = None
    source_id: str | None = None
    files: tuple[File, ...] = ()
    clock: int | None = None


class Event(msgspec.Struct, frozen=True, gc=False):
    """An event as it is stored.

    Attributes:
        seq: the account's change number at creation, an integer id.
        day: the local day it counts for.
        measure: what it means, selected by (stream, type); None where nothing fits.
        value: the number it counts as, in the measure's canonical unit.
        clock: what the clock on the wall showed at its start, as if it were UTC, where that is
            all that is known: `time` follows from it and the zone history.
    """

    id: str
    seq: int
    stream_ids: tuple[str, ...]
    type: str
    time: int
    duration: int | None
    content: Json
    tags: tuple[str, ...]
    description: str | None
    client_data: dict[str, Any] | None
    trashed: bool
    zone: str | None
    offset: int
    day: int
    measure: str | None
    value: float | None
    source: str
    source_id: str | None
    files: tuple[File, ...]
    created: int
    created_by: str
    modified: int
    modified_by: str
    batch: int | None = None
    clock: int | None = None

    @property
    def end(self) -> int | None:
        """End of the event, None while it runs."""
        return None if self.duration is None else self.time + self.duration


class _Pryv(msgspec.Struct, omit_defaults=True, rename="camel", gc=False):
    """The stored JSON of an event: Pryv's union of 1.9 and 2.0."""

    id: str
    stream_ids: tuple[str, ...]
    stream_id: str
    time: float | int
    type: str
    tags: tuple[str, ...]
    created: float | int
    created_by: str
    modified: float | int
    modified_by: str
    duration: float | int | msgspec.UnsetType | None = msgspec.UNSET
    content: Json | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET
    client_data: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    trashed: bool = False
    integrity: str | msgspec.UnsetType = msgspec.UNSET


class _Attached(msgspec.Struct, rename="camel", gc=False):
    file_name: str
    id: str
    integrity: str
    size: int
    type: str


class _Canonical(msgspec.Struct, omit_defaults=True, rename="camel", gc=False):
    """What the hash of an event is made of; in the order of the members' names."""

    attachments: list[_Attached] | msgspec.UnsetType
    client_data: Any
    content: Any
    created: float | int
    created_by: str
    description: str | msgspec.UnsetType
    duration: Any
    id: str
    modified: float | int
    modified_by: str
    stream_ids: tuple[str, ...]
    time: Any
    trashed: bool | msgspec.UnsetType
    type: str


class _Tail(msgspec.Struct, omit_defaults=True, rename="camel", gc=False):
    """What the native shape adds to the stored JSON."""

    seq: int
    local_date: str
    offset: int
    source: str
    timezone: str | None = None
    measure: str | None = None
    value: float | None = None
    source_id: str | None = None
    batch: int | None = None
    clock: float | int | None = None


_encode = msgspec.json.Encoder().encode


def seconds(micros: int) -> float | int:
    """Return microseconds as JSON seconds: an int where they are whole."""
    whole, rest = divmod(micros, SECOND)
    return whole if not rest else micros / 1_000_000


def body_json(e: Event) -> bytes:
    """Return the stored JSON of an event, without attachments: Pryv's shape.

    Source: https://api.pryv.com/reference/#event
    """
    duration: float | int | msgspec.UnsetType | None = msgspec.UNSET
    if e.duration is None:
        duration = None
    elif e.duration:
        duration = seconds(e.duration)
    time, created = seconds(e.time), seconds(e.created)
    modified = created if e.modified == e.created else seconds(e.modified)
    return _encode(
        _Pryv(
            e.id,
            e.stream_ids,
            e.stream_ids[0],
            time,
            e.type,
            e.tags,
            created,
            e.created_by,
            modified,
            e.modified_by,
            duration,
            msgspec.UNSET if e.content is None else e.content,
            msgspec.UNSET if e.description is None else e.description,
            msgspec.UNSET if e.client_data is None else e.client_data,
            e.trashed,
            _hash(e, time, created, modified, duration),
        )
    )


def _hash(
    e: Event,
    time: float | int,
    created: float | int,
    modified: float | int,
    duration: float | int | msgspec.UnsetType | None,
) -> str:
    unset = msgspec.UNSET
    canonical = _Canonical(
        [_Attached(f.name, f.id, file_integrity(f), f.size, f.type) for f in e.files]
        if e.files
        else unset,
        unset if e.client_data is None else integrity.plain(e.client_data),
        unset if e.content is None else integrity.plain(e.content),
        created,
        e.created_by,
        unset if e.description is None else e.description,
        _plain(duration) if duration else unset,
        e.id,
        modified,
        e.modified_by,
        e.stream_ids,
        _plain(time),
        True if e.trashed else unset,
        e.type,
    )
    return integrity.hashed("EVENT", _encode(canonical))


def _plain(number: Any) -> Any:
    """Return seconds so that they are written canonically: the smallest have an exponent."""
    if type(number) is float and -1 < number < 1:
        return integrity.plain(number)
    return number


def file_integrity(file: File) -> str:
    """Return the hash of a file's bytes as browsers know it."""
    return f"sha256-{b2a_base64(bytes.fromhex(file.hash), newline=False).decode()}"


BODY_END = -1 - len(f',"integrity":"EVENT:0:sha256-{"=" * 44}"')
"""Where a stored body ends without its last member, the hash."""


def tail_json(e: Event) -> bytes:
    """Return the rest of the native shape; `native_json` joins it to the body."""
    return _encode(
        _Tail(
            e.seq,
            day_text(e.day),
            e.offset,
            e.source,
            e.zone,
            e.measure,
            e.value,
            e.source_id,
            e.batch,
            None if e.clock is None else seconds(e.clock),
        )
    )[1:]


def native_json(body: str, tail: str) -> str:
    """Join a stored body and tail to the native shape, which has no hash."""
    return f"{body[:BODY_END]},{tail}"


State = Literal["default", "trashed", "all"]


class EventQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which events to read; the caller's reach is always given beside it.

    Attributes:
        start, end: keep events with time ≤ end whose own end ≥ start (running: no end).
        any_of, all_of, none_of: stream ids with their descendants already resolved; an event
            must be in one of `any_of`, in each group of `all_of`, in none of `none_of`.
        types: `class/format` or `class/*`.
        tags: any of.
        modified_since: microseconds; modified later than this.
        running_before: whether what runs since before `start` is kept too.
        by_arrival: in the order in which they came, not in that of their times.
        after: cursor (time, id) of the last row of the page before; not with `by_arrival`.
    """

    start: int | None = None
    end: int | None = None
    any_of: frozenset[str] | None = None
    all_of: tuple[frozenset[str], ...] = ()
    none_of: frozenset[str] | None = None
    types: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    batch: int | None = None
    running: bool = False
    running_before: bool = True
    state: State = "default"
    ascending: bool = False
    by_arrival: bool = False
    modified_since: int | None = None
    skip: int = 0
    limit: int | None = None
    after: tuple[int, str] | None = None
