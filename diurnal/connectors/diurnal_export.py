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

from diurnal.connectors import NOT_UNDERSTOOD, Connector, Entry
from diurnal.errors import InvalidInput
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

VERSION = 1
LINE_MAX = 64 << 20
RAW_MAX = 2_000
FILE_MEMORY_MAX = 1 << 20
EVERY = 1_000
_HEAD = re.compile(rb'\{\s*"kind"\s*:\s*"diurnal-export"')
_FIELDS = {
    "by": "written_by",
    "clientData": "client_data",
    "parent": "parent_id",
    "sourceId": "source_id",
}
"""Members of lines whose fields in our records have another name."""


def recognise(entry: Entry) -> float:
    """Return 1 for the lines of an export."""
    return 1.0 if _HEAD.match(entry.head) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read an export: what others hang on comes first in it.

    Raises:
        InvalidInput: a newer version wrote it, or it is cut off.
    """
    reader = _Reader()
    with entry.open() as file, closing(reader):
        done = 0
        for n, line in enumerate(iter(lambda: file.readline(LINE_MAX), b""), 1):
            done += len(line)
            try:
                yield from reader.line(line)
            except (*NOT_UNDERSTOOD, InvalidInput, msgspec.MsgspecError) as error:
                if n == 1:
                    if isinstance(error, InvalidInput):
                        raise
                    raise InvalidInput(f"{entry.path} is damaged") from error
                raw = line[:RAW_MAX].decode(errors="replace")
                yield Bad(f"a line that cannot be read: {error}", f"{entry.path} line {n}", raw)
            if n % EVERY == 0:
                yield Progress("reading", done, entry.size)
    yield Progress("reading", entry.size, entry.size)
    yield from reader.trashed
    if not reader.over:
        yield Bad("the export is cut off: its last line is missing", entry.path)


class _Reader:
    """Reads lines by their kind.

    Attributes:
        trashed: streams that are said once more after all lines.
        over: whether the last line came.
    """

    def __init__(self) -> None:
        self.trashed: list[StreamSeen] = []
        self.over = False
        self._file = _temporary()

    def line(self, line: bytes) -> Iterator[Item]:
        """Yield what a line says; a kind that a later version added says nothing to us."""
        members = msgspec.json.decode(line, type=dict[str, Any])
        said = {_FIELDS.get(name, name): value for name, value in members.items()}
        match said["kind"]:
            case "diurnal-export":
                if said["version"] != VERSION:
                    raise InvalidInput("this export was made by a newer version of Diurnal")
            case "zones":
                yield msgspec.convert({"home": None, **said}, ZonesKnown)
            case "measure":
                yield msgspec.convert(said, OwnMeasure)
            case "stream":
                seen = msgspec.convert(said, StreamSeen)
                if seen.trashed:
                    self.trashed.append(seen)
                yield msgspec.structs.replace(seen, trashed=False)
            case "day":
                day = {"day": day_from_text(said["date"]), "source": _source(said)}
                yield msgspec.convert({**said, **day}, DayDatum)
            case "points":
                yield from _points(said)
            case "file":
                yield from self._piece(said)
            case "event":
                yield _datum(said)
            case "version":
                created, modified = int(said["created"]), int(said["modified"])
                if not (TIME_MIN <= created <= TIME_MAX and TIME_MIN <= modified <= TIME_MAX):
                    raise ValueError("no time that there can be")
                yield Before(_datum(said), created, modified)
            case "rows":
                table = msgspec.convert(said, OwnRows)
                if any(len(row) != len(table.columns) for row in table.rows):
                    raise ValueError("rows of different length")
                yield table
            case "end":
                self.over = True

    def _piece(self, said: Mapping[str, Any]) -> Iterator[Item]:
        self._file.write(base64.b64decode(said["data"], validate=True))
        if not said.get("more"):
            whole, self._file = self._file, _temporary()
            whole.seek(0)
            yield Attached(said["hash"], lambda: cast(BinaryIO, whole))
            whole.close()

    def close(self) -> None:
        """Let go of a file of which the end never came."""
        self._file.close()


def _points(said: Mapping[str, Any]) -> Iterator[Points]:
    start, value = array("q", said["start"]), array("d", said["value"])
    end = start if said.get("end") is None else array("q", said["end"])
    offset = None if said.get("offset") is None else array("h", said["offset"])
    if not len(start) == len(end) == len(value) == len(start if offset is None else offset):
        raise ValueError("columns of different length")
    if start:
        yield Points(said["measure"], _source(said), start, end, value, offset)


def _datum(said: Mapping[str, Any]) -> Datum:
    clock, duration = said.get("clock"), said.get("duration", 0)
    told = {
        "source_id": "",
        **said,
        "id": said["id"],
        "source": _source(said),
        "stream": said["streams"][0],
        "start": said["time"] if clock is None else clock,
        "clock": clock is not None,
        "duration": None if duration == "running" else int(duration),
        # Said for those who read the lines: it follows from the zone.
        "offset": None,
    }
    return msgspec.convert(told, Datum)


def _temporary() -> tempfile.SpooledTemporaryFile[bytes]:
    return tempfile.SpooledTemporaryFile(FILE_MEMORY_MAX)


def _source(said: Mapping[str, Any]) -> Source:
    name = said["source"]
    return msgspec.convert({"name": name, "kind": said.get("sourceKind") or kind_of(name)}, Source)


CONNECTOR = Connector(
    name="diurnal_export",
    title="Diurnal",
    docs="https://jsonlines.org/",
    emits=None,
    recognise=recognise,
    parse=parse,
)
