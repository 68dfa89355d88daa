"""OwnTracks: where a phone was, from the Recorder's files and from the phone itself.

The names of wireless networks are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import (
    Connector,
    Delivery,
    Entry,
    Options,
    Receive,
    Reply,
    _json,
    _places,
    _said,
)
from diurnal.connectors._points import Lanes
from diurnal.model.records import Bad, Item, Progress, Source
from diurnal.model.sources import Kind

LINE_MAX = 64 << 10
PROGRESS_LINES = 2_000
_LINE = re.compile(rb"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\t[^\t]*\t\{")
_OTHER = {
    "beacon", "card", "cmd", "configuration", "dump", "lwt", "request", "status", "transition",
    "waypoint", "waypoints",
}  # fmt: skip


def one(said: Mapping[str, Any]) -> Iterator[Item]:
    """Read a message of the phone."""
    kind = said["_type"]
    if kind == "location":
        speed = said.get("vel")
        yield _places.fix(
            _source(said),
            _said.key(str(said["tst"])),
            _said.epoch(said["tst"]),
            _places.position(
                said["lat"],
                said["lon"],
                altitude=said.get("alt"),
                accuracy=said.get("acc"),
                vertical_accuracy=said.get("vac"),
                speed=None if speed is None else round(_said.number(speed) / 3.6, 3),
                bearing=said.get("cog"),
            ),
        )
    elif kind == "steps":
        if _said.number(said["steps"]) >= 0:
            lanes = Lanes()
            start, end = _said.epoch(said["from"]), _said.epoch(said["to"])
            lanes.add("steps", _source(said), start, _said.number(said["steps"]), end=end)
            yield from lanes.flush(everything=True)
    elif kind == "encrypted":
        raise ValueError("the message is encrypted; switch that off in the app")
    elif kind not in _OTHER:
        raise ValueError(f"unknown kind of message {str(kind)[:40]!r}")


def _source(said: Mapping[str, Any]) -> Source:
    return Source(f"OwnTracks {_said.name(said.get('tid'))}".strip(), Kind.PHONE)


def rows_of(document: Any) -> Iterator[Item]:
    """Yield what a message says, or several."""
    return _json.each(one, document if isinstance(document, list) else [document], "message")


def recognise(entry: Entry) -> float:
    """Return 0.95 for a file of the Recorder, and for saved messages."""
    if _LINE.match(entry.head):
        return 0.95 if b'"_type"' in entry.head else 0.0
    seen = _json.members(entry.head)
    message = {"_type", "tst", "lat", "lon"}
    listed = {f"item.{m}" for m in message}
    return 0.95 if message <= seen or listed <= seen else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read the lines of the Recorder, or saved messages."""
    if not _LINE.match(entry.head):
        prefix = "item" if "item._type" in _json.members(entry.head) else ""
        yield from _json.read(entry, one, prefix, unit="message")
        return
    total, done = max(entry.size, 1), 0
    yield Progress("reading", 0, total)
    with entry.open() as stream:
        for n, line in enumerate(iter(lambda: stream.readline(LINE_MAX), b""), 1):
            done += len(line)
            _, _, text = line.rpartition(b"\t")
            if text.strip():
                yield from _json.careful(_written, text, f"{entry.path}:{n}")
            if n % PROGRESS_LINES == 0:
                yield Progress("reading", min(done, total), total)
    yield Progress("reading", total, total)


def _written(text: bytes) -> Iterator[Item]:
    return one(_json.decode(text))


def _receive(delivery: Delivery, options: Options) -> Iterator[Item | Bad]:
    return rows_of(_json.decode(delivery.body))


CONNECTOR = Connector(
    name="owntracks",
    title="OwnTracks",
    docs="https://owntracks.org/booklet/tech/json/",
    emits=frozenset({"location", "steps"}),
    recognise=recognise,
    parse=parse,
    receive=Receive(read=_receive, reply=Reply(body=b"[]")),
)
