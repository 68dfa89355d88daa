"""Diurnal's own export: an account that comes home, or moves to another server."""

from __future__ import annotations

import base64
import re
import tempfile
from array import array
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, BinaryIO, cast

import msgspec

from diurnal.connectors import Connector, Entry
from diurnal.errors import InvalidInput
from diurnal.model.events import File
from diurnal.model.records import (
    Attached,
    Bad,
    Before,
    Datum,
    DayDatum,
    Item,
    OwnMeasure,
    OwnRows,
    Points,
    Progress,
    Source,
    StreamSeen,
    ZonesKnown,
)
from diurnal.model.sources import kind_of
from diurnal.model.time import TIME_MAX, TIME_MIN, day_from_text

KIND = "diurnal-export"
VERSION = 1
LINE_MAX = 64 << 20
RAW_MAX = 2_000
FILE_MEMORY_MAX = 1 << 20
EVERY = 1_000
_HEAD = re.compile(rb'\{\s*"kind"\s*:\s*"diurnal-export"')


def recognise(entry: Entry) -> float:
    """Return 1 for the lines of an export."""
    return 1.0 if _HEAD.match(entry.head) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read an export: what others hang on comes first in it.

    Raises:
        InvalidInput: a newer version wrote it, or it is cut off.
    """
    reader = _Reader(entry)
    with entry.open() as file, closing(reader):
        done = n = 0
        while line := file.readline(LINE_MAX):
            n += 1
            done += len(line)
            try:
                yield from reader.line(line)
            except (
                LookupError,
                TypeError,
                ValueError,
                OverflowError,
                msgspec.MsgspecError,
            ) as error:
                if n == 1:
                    raise InvalidInput(f"{entry.path} is damaged") from error
                raw = line[:RAW_MAX].decode(errors="replace")
                yield Bad(f"a line that cannot be read: {error}", f"{entry.path} line {n}", raw)
            if n % EVERY == 0:
                yield Progress("reading", done, entry.size)
    yield Progress("reading", entry.size, entry.size)
    yield from reader.last()


class _Reader:
    """Reads lines by their kind."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._trashed: list[StreamSeen] = []
        self._file = _temporary()
        self._over = False
        self._kinds = {
            KIND: self._head,
            "zones": self._zones,
            "measure": self._measure,
            "stream": self._stream,
            "day": self._day,
            "points": self._points,
            "file": self._piece,
            "event": self._event,
            "version": self._version,
            "rows": self._rows,
            "end": self._end,
        }

    def line(self, line: bytes) -> Iterator[Item]:
        """Yield what a line says; a kind that a later version added says nothing to us."""
        said = msgspec.json.decode(line, type=dict[str, Any])
        read = self._kinds.get(said["kind"])
        if read is not None:
            yield from read(said)

    def last(self) -> Iterator[Item]:
        """Yield what comes after all lines."""
        yield from self._trashed
        if not self._over:
            yield Bad("the export is cut off: its last line is missing", self._entry.path)

    def _head(self, said: dict[str, Any]) -> Iterator[Item]:
        if said["version"] != VERSION:
            raise InvalidInput("this export was made by a newer version of Diurnal")
        yield from ()

    def _end(self, _said: dict[str, Any]) -> Iterator[Item]:
        self._over = True
        yield from ()

    def _zones(self, said: dict[str, Any]) -> Iterator[Item]:
        changes = tuple((int(at), str(zone)) for at, zone in said["changes"])
        yield ZonesKnown(said.get("home"), changes)

    def _measure(self, said: dict[str, Any]) -> Iterator[Item]:
        yield OwnMeasure(key=said["key"], label=said["label"], value=said["value"])

    def _stream(self, said: dict[str, Any]) -> Iterator[Item]:
        seen = StreamSeen(
            id=said["id"],
            name=said["name"],
            parent_id=said.get("parent"),
            measure=said.get("measure"),
            client_data=said.get("clientData"),
        )
        if said.get("trashed"):
            self._trashed.append(msgspec.structs.replace(seen, trashed=True))
        yield seen

    def _day(self, said: dict[str, Any]) -> Iterator[Item]:
        value = said["value"]
        yield DayDatum(
            source=_source(said),
            measure=said["measure"],
            day=day_from_text(said["date"]),
            value=value if isinstance(value, str) else float(value),
            raw=said.get("raw"),
            written_by=said.get("by", "source"),
        )

    def _points(self, said: dict[str, Any]) -> Iterator[Item]:
        start = array("q", said["start"])
        end, offset = said.get("end"), said.get("offset")
        found = Points(
            measure=said["measure"],
            source=_source(said),
            start=start,
            end=start if end is None else array("q", end),
            value=array("d", said["value"]),
            offset=None if offset is None else array("h", offset),
        )
        if not len(start) == len(found.end) == len(found.value) or (
            found.offset is not None and len(found.offset) != len(start)
        ):
            raise ValueError("columns of different length")
        if start:
            yield found

    def _event(self, said: dict[str, Any]) -> Iterator[Item]:
        yield _datum(said)

    def _version(self, said: dict[str, Any]) -> Iterator[Item]:
        created, modified = int(said["created"]), int(said["modified"])
        if not (TIME_MIN <= created <= TIME_MAX and TIME_MIN <= modified <= TIME_MAX):
            raise ValueError("no time that there can be")
        yield Before(_datum(said), created, modified)

    def _rows(self, said: dict[str, Any]) -> Iterator[Item]:
        columns, rows = tuple(map(str, said["columns"])), tuple(map(tuple, said["rows"]))
        if any(len(row) != len(columns) for row in rows):
            raise ValueError("rows of different length")
        yield OwnRows(str(said["table"]), columns, rows)

    def _piece(self, said: dict[str, Any]) -> Iterator[Item]:
        self._file.write(base64.b64decode(said["data"], validate=True))
        if not said.get("more"):
            whole, self._file = self._file, _temporary()
            whole.seek(0)
            yield Attached(said["hash"], lambda: cast(BinaryIO, whole))
            whole.close()

    def close(self) -> None:
        """Let go of a file of which the end never came."""
        self._file.close()


def _datum(said: dict[str, Any]) -> Datum:
    files = tuple(msgspec.convert(f, File) for f in said.get("files", ()))
    duration = said.get("duration", 0)
    return Datum(
        id=said["id"],
        streams=tuple(said["streams"]),
        stream=said["streams"][0],
        measure=said.get("measure"),
        type=said["type"],
        start=int(said["time"] if said.get("clock") is None else said["clock"]),
        clock=said.get("clock") is not None,
        duration=None if duration == "running" else int(duration),
        content=said.get("content"),
        tags=tuple(said.get("tags", ())),
        description=said.get("description"),
        client_data=said.get("clientData"),
        trashed=bool(said.get("trashed")),
        zone=said.get("zone"),
        source=_source(said),
        source_id=said.get("sourceId", ""),
        files=files,
    )


def _temporary() -> tempfile.SpooledTemporaryFile[bytes]:
    return tempfile.SpooledTemporaryFile(FILE_MEMORY_MAX)


def _source(said: dict[str, Any]) -> Source:
    name = said["source"]
    return Source(name, said.get("sourceKind") or kind_of(name))


CONNECTOR = Connector(
    name="diurnal_export",
    title="Diurnal",
    docs="https://jsonlines.org/",
    emits=None,
    recognise=recognise,
    parse=parse,
)
