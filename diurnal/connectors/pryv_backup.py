"""Pryv: an account's backup: its streams, its events and their attachments."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry, _json
from diurnal.errors import InvalidInput
from diurnal.model.events import File
from diurnal.model.records import Attached, Bad, Datum, Item, Source, StreamSeen
from diurnal.model.sources import Kind
from diurnal.model.time import SECOND

SOURCE = Source("Pryv", Kind.DERIVED)
READ = 1 << 18
_ID = re.compile(r"c[0-9a-z]{24}")
_SYSTEM = (":", ".")
"""Streams of Pryv's own begin so; they hold the account's fields, no data."""
_PARTS = re.compile(
    r"(?:.*/)?(?:attachments/.+|(?:account|accesses|streams|profile[_-]?\w*|followed-?slices"
    r"|webhooks|audit|service-info)\.json)"
)


def recognise(entry: Entry) -> float:
    """Return 0.93 for the events of a backup."""
    members = _json.members(entry.head)
    wanted = {"events.item.id", "events.item.time", "events.item.type"}
    streams = {"events.item.streamId", "events.item.streamIds"}
    return 0.93 if wanted <= members and streams & members else 0.0


def members(path: str) -> bool:
    """Return whether an entry is a part that is read with the events, or holds no data."""
    return _PARTS.fullmatch(path) is not None


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a backup: the streams, the events in them, and what goes to the trash."""
    folder = entry.path.rpartition("/")[0]
    trashed: list[StreamSeen] = []
    yield from _streams(entry.siblings.get(f"{folder}/streams.json".lstrip("/")), trashed)
    attached = _attached(entry, folder)
    yield from _json.read(entry, lambda said: _event(said, attached), "events.item", unit="event")
    yield from trashed


def _streams(entry: Entry | None, trashed: list[StreamSeen]) -> Iterator[Item]:
    if entry is None:
        return
    read = _json.document(entry)
    found = read.get("streams", []) if isinstance(read, dict) else read
    waiting: list[tuple[Any, str | None]] = [(one, None) for one in found]
    while waiting:
        said, parent = waiting.pop(0)
        try:
            id_, name = str(said["id"]), str(said["name"])
            below = said.get("children", [])
        except (KeyError, TypeError, AttributeError) as error:
            yield Bad(f"no stream: {error}", entry.path, _json.raw(said))
            continue
        if id_.startswith(_SYSTEM):
            continue
        data = said.get("clientData")
        seen = StreamSeen(
            id=id_,
            name=name,
            parent_id=parent or said.get("parentId"),
            client_data=data if isinstance(data, dict) else None,
            trashed=bool(said.get("trashed")),
        )
        if seen.trashed:
            trashed.append(seen)
        yield StreamSeen(
            id=seen.id, name=name, parent_id=seen.parent_id, client_data=seen.client_data
        )
        waiting += [(child, id_) for child in below]


def _attached(entry: Entry, folder: str) -> dict[str, Entry]:
    """Return attachments by `event id/file`, however deep their folder is."""
    start = f"{folder}/attachments/".lstrip("/")
    found = {}
    for path, one in entry.siblings.items():
        if path.startswith(start):
            found["/".join(path[len(start) :].split("/")[-2:])] = one
    return found


def _event(said: Any, attached: Mapping[str, Entry]) -> Iterator[Item]:
    streams = tuple(said.get("streamIds") or (said["streamId"],))
    if all(s.startswith(_SYSTEM) for s in streams):
        return
    id_ = str(said["id"])
    files = []
    for one in said.get("attachments") or ():
        names = (one.get("fileName"), one.get("id"))
        there = next((attached[k] for n in names if (k := f"{id_}/{n}") in attached), None)
        if there is None:
            yield Bad("the attachment is not in the backup", id_, str(one.get("fileName")))
            continue
        digest, size = _hash(there)
        yield Attached(digest, there.open)
        files.append(
            File(
                id=str(one["id"]),
                name=str(one["fileName"]),
                type=str(one.get("type") or "application/octet-stream"),
                size=size,
                hash=digest,
            )
        )
    duration = said.get("duration", 0)
    data = said.get("clientData")
    yield Datum(
        source=SOURCE,
        source_id=id_[:100],
        id=id_ if _ID.fullmatch(id_) else None,
        streams=tuple(s for s in streams if not s.startswith(_SYSTEM)),
        stream=next(s for s in streams if not s.startswith(_SYSTEM)),
        type=str(said["type"]),
        start=_micros(said["time"]),
        duration=None if duration is None else _micros(duration),
        content=said.get("content"),
        tags=tuple(str(t) for t in said.get("tags") or ()),
        description=said.get("description") or None,
        client_data=data if isinstance(data, dict) and data else None,
        trashed=bool(said.get("trashed")),
        files=tuple(files),
    )


def _micros(seconds: Any) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise InvalidInput(f"no time: {seconds!r}")
    return round(seconds * SECOND)


def _hash(entry: Entry) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with entry.open() as file:
        while part := file.read(READ):
            digest.update(part)
            size += len(part)
    return digest.hexdigest(), size


CONNECTOR = Connector(
    name="pryv_backup",
    title="Pryv",
    docs="https://api.pryv.com/reference/#event",
    emits=None,
    recognise=recognise,
    parse=parse,
    members=members,
)
