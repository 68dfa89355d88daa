"""Anything by HTTP: a number, JSON, a form or a line of CSV, from Shortcuts, Tasker, curl, n8n.

A value has a name: the connection's, or one that comes with it. Names of measures and of Exist
attributes mean these; any other becomes an own measure. Without a time a value is of now.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from diurnal.connectors import Connector, Delivery, Entry, Options, Receive, Setting, _json, _said
from diurnal.connectors._values import Values, When
from diurnal.errors import InvalidInput
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind, kind_of
from diurnal.model.time import SECOND, day_from_text

ITEMS_MAX = 100_000
SOURCE = "HTTP"
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")
_TIMES = ("time", "date", "timestamp", "at", "datetime")
_ENDS = ("end", "end_time", "until")
_NAMES = ("measure", "name", "metric", "type")
_OTHER = {*_TIMES, *_ENDS, *_NAMES, "value", "unit", "units", "source", "id", "duration"}


class _Reader:
    def __init__(self, options: Options, now: int | None, id_: str = "") -> None:
        self._options, self._now, self._id = options, now, id_
        self._n = 0
        self._values = Values()

    def one(self, said: Any) -> Iterator[Item]:
        """Read a value with or without a name, or an object of several."""
        self._n += 1
        if not isinstance(said, dict):
            said = {"value": said}
        name = next((said[n] for n in _NAMES if said.get(n)), None)
        about = {
            "when": self._when(said),
            "source": self._source(said),
            "source_id": self._source_id(said),
        }
        if "value" in said:
            unit = said.get("unit") or said.get("units") or self._options.get("unit")
            yield from self._take(name or self._options.get("measure"), said["value"], unit, about)
            return
        found = {k: v for k, v in said.items() if k not in _OTHER}
        if not found:
            raise ValueError("there is no value")
        for inner, value in found.items():
            own = {**about, "source_id": None} if len(found) > 1 else about
            yield from self._take(inner, value, None, own)

    def _take(self, name: Any, value: Any, unit: Any, about: Mapping[str, Any]) -> Iterator[Item]:
        if not isinstance(name, str) or not name.strip():
            raise ValueError("the value has no name, and the connection says none")
        return self._values.take(name.strip(), value, unit=unit, **about)

    def _when(self, said: Mapping[str, Any]) -> When:
        time = next((said[n] for n in _TIMES if said.get(n) not in (None, "")), None)
        if time is None:
            if self._now is None:
                raise ValueError("the value says no time")
            return When(self._now)
        if isinstance(time, str) and _DAY.match(time):
            return When(day=day_from_text(time))
        at, offset = _instant(time)
        end = next((said[n] for n in _ENDS if said.get(n) not in (None, "")), None)
        until = _instant(end)[0] if end is not None else None
        if until is None and said.get("duration") not in (None, ""):
            until = at + round(_said.number(said["duration"]) * SECOND)
        if until is not None and until < at:
            raise ValueError("it ends before it starts")
        return When(at, until, offset)

    def _source(self, said: Mapping[str, Any]) -> Source:
        name = _said.name(said.get("source")) or _said.name(self._options.get("source")) or SOURCE
        return Source(name, Kind.DERIVED if name == SOURCE else kind_of(name))

    def _source_id(self, said: Mapping[str, Any]) -> str | None:
        if said.get("id") not in (None, ""):
            return _said.key(str(said["id"]))
        return _said.key(self._id, self._n) if self._id else None

    def flush(self) -> Iterator[Item]:
        """Yield what waits."""
        return self._values.flush()


def _instant(said: Any) -> tuple[int, int | None]:
    """Return an instant: an ISO text with an offset, or a Unix time."""
    if isinstance(said, str) and not said.replace(".", "", 1).lstrip("-").isdigit():
        return _said.local(said)
    return _said.epoch(said), None


def rows_of(
    document: Any, options: Options | None = None, now: int | None = None, id_: str = ""
) -> Iterator[Item]:
    """Yield the values of a decoded document: one, or a list."""
    found = document if isinstance(document, list) else [document]
    if len(found) > ITEMS_MAX:
        raise InvalidInput(f"more than {ITEMS_MAX} values")
    reader = _Reader(options or {}, now, id_)
    yield from _json.each(reader.one, found, "the body")
    yield from reader.flush()


def _prefix(entry: Entry) -> str | None:
    seen = _json.members(entry.head)
    for prefix, dot in (("item", "item."), ("", "")):
        inner = {
            m.removeprefix(dot) for m in seen if m.startswith(dot) and "." not in m[len(dot) :]
        }
        if {"measure", "value"} <= inner and inner & set(_TIMES):
            return prefix
    return None


def recognise(entry: Entry) -> float:
    """Return 0.6 for objects that have a measure, a value and a time."""
    return 0.6 if _prefix(entry) is not None else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a list or lines of such objects."""
    reader = _Reader({}, None)
    yield from _json.read(entry, reader.one, _prefix(entry) or "", unit="value")
    yield from reader.flush()


def _body(delivery: Delivery) -> Any:
    text = delivery.body.strip()
    if not text:
        return dict(delivery.query)
    if text[:1] in (b"{", b"[", b'"') or text in (b"true", b"false"):
        return _json.decode(text)
    plain = text.decode("utf-8", "replace")
    if delivery.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(plain))
        if form:
            return form
    return [_line(line) for line in plain.splitlines() if line.strip()]


def _line(line: str) -> dict[str, Any]:
    """Return a line of CSV: a value; a time and a value; or a time, a name, a value and a unit."""
    cells = [c.strip() for c in line.split(",")]
    if len(cells) == 1:
        return {"value": cells[0]}
    if len(cells) == 2:
        return {"time": cells[0], "value": cells[1]}
    unit = cells[3] if len(cells) > 3 else None
    return {"time": cells[0], "measure": cells[1], "value": cells[2], "unit": unit}


def _topic(delivery: Delivery) -> str:
    """Return what a topic of MQTT names; its end often says only that a state follows."""
    parts = [p for p in delivery.headers.get("x-topic", "").split("/") if p]
    while len(parts) > 1 and parts[-1].lower() in ("state", "value", "status"):
        parts.pop()
    return parts[-1] if parts else ""


def _receive(delivery: Delivery, options: Options) -> Iterator[Item]:
    if name := _topic(delivery):
        options = {"measure": name, **{k: v for k, v in options.items() if v}}
    id_ = delivery.headers.get("idempotency-key", "")
    return rows_of(_body(delivery), options, delivery.at, id_)


def _check(delivery: Delivery, options: Options) -> None:
    if not delivery.body.strip() and not delivery.query:
        raise InvalidInput("the body is empty")


CONNECTOR = Connector(
    name="generic",
    title="Anything by HTTP",
    docs="https://www.rfc-editor.org/rfc/rfc8259",
    emits=None,
    recognise=recognise,
    parse=parse,
    settings=(
        Setting(key="measure", label="What it measures", help="weight, mood, or any name."),
        Setting(key="unit", label="Unit", help="Of numbers that do not say theirs."),
        Setting(key="source", label="Source", help="The app or device, as you know it."),
    ),
    receive=Receive(read=_receive, check=_check),
)
