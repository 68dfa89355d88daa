"""InfluxDB line protocol: what Telegraf, sensors and other programs write, live or saved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Delivery, Entry, Options, Receive, Reply, _said
from diurnal.connectors._values import Values, When
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Item, Progress, Source
from diurnal.model.sources import Kind, kind_of
from diurnal.model.time import TIME_MAX, TIME_MIN

LINE_MAX = 64 << 10
PROGRESS_LINES = 2_000
UNITS_NS = {"ns": 1, "n": 1, "us": 1_000, "u": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_KEY = r"(?:\\.|[^\\,= ])+"
_TEXT = r'"(?:\\.|[^"\\])*"'
_LINE = re.compile(
    rf"(?P<measurement>(?:\\.|[^\\, ])+)(?P<tags>(?:,{_KEY}={_KEY})*)"
    rf" +(?P<fields>{_KEY}=(?:{_TEXT}|[^\s,\"]+)(?:,{_KEY}=(?:{_TEXT}|[^\s,\"]+))*)"
    r"(?: +(?P<at>-?\d{1,19}))?\s*\Z"
)
_PAIR = re.compile(rf"({_KEY})=({_TEXT}|(?:\\.|[^\\,])+)")
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[iu]?\Z")
_BARE = {"value", "state", "mean", "last"}
"""Fields that say nothing: the measurement has the name."""
_WHO = ("source", "device", "host")


def line_of(values: Values, line: str, now: int | None, precision: str = "ns") -> Iterator[Item]:
    """Yield the numbers of one line; texts and yes or no are not kept.

    Args:
        now: when a line without a time came, None where nobody knows.

    Raises:
        ValueError: no such line.
    """
    found = _LINE.match(line)
    if found is None:
        raise ValueError("not a line of the protocol")
    tags = {_plain(k): _plain(v) for k, v in _PAIR.findall(found["tags"])}
    if found["at"] is not None:
        at = int(found["at"]) * UNITS_NS[precision] // 1_000
        if not TIME_MIN <= at <= TIME_MAX:
            raise ValueError("the time is out of range")
    elif now is not None:
        at = now
    else:
        raise ValueError("the line has no time")
    who = next((_said.name(tags[t]) for t in _WHO if tags.get(t)), "InfluxDB")
    source = Source(who, kind_of(who) if who != "InfluxDB" else Kind.DERIVED)
    measurement = _plain(found["measurement"])
    for field, said in _PAIR.findall(found["fields"]):
        number = _NUMBER.match(said)
        if number is None:
            continue
        name = _named(measurement, _plain(field), tags, values)
        if name is None:
            continue
        unit = tags.get("unit")
        yield from values.take(name, float(number[1]), When(at), source, unit=unit)


def _named(measurement: str, field: str, tags: Mapping[str, str], values: Values) -> str | None:
    """Return what a field measures; None for what only goes with it."""
    entity = tags.get("entity_id")
    if entity:
        # Home Assistant names the unit where others name what is measured.
        return entity if field in _BARE else None
    if field not in _BARE and values.knows(field):
        return field
    if field in _BARE and values.knows(measurement):
        return measurement
    among = [v for k, v in sorted(tags.items()) if k not in _WHO and k not in ("unit", "domain")]
    return " ".join([measurement, *among, *([] if field in _BARE else [field])])


def _plain(written: str) -> str:
    return re.sub(r"\\([,= \\])", r"\1", written)


def _lines(lines: Iterator[bytes], where: str, now: int | None, precision: str) -> Iterator[Item]:
    values = Values(dense=True)
    for n, raw in enumerate(lines, 1):
        line = raw.decode("utf-8", "replace").strip()
        if not line or line.startswith("#"):
            continue
        try:
            yield from line_of(values, line, now, precision)
        except (ValueError, InvalidInput) as e:
            yield Bad(str(e), f"{where}:{n}", line[:2_000])
    yield from values.flush()


def rows_of(body: bytes, now: int, precision: str = "ns") -> Iterator[Item]:
    """Yield the numbers of a body of lines.

    Raises:
        InvalidInput: an unknown precision.
    """
    if precision not in UNITS_NS:
        raise InvalidInput(f"unknown precision {precision[:20]!r}", field="precision")
    return _lines(iter(body.splitlines()), "line", now, precision)


def recognise(entry: Entry) -> float:
    """Return 0.8 where all of the first lines are lines of the protocol with times."""
    head = entry.head[:8_192]
    whole = head if entry.size <= len(head) else head.rpartition(b"\n")[0]
    lines = [t for t in whole.decode("utf-8", "replace").splitlines() if t and t[0] != "#"][:20]
    found = [_LINE.match(line) for line in lines]
    return 0.8 if found and all(f is not None and f["at"] for f in found) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a file of lines."""
    total = max(entry.size, 1)
    yield Progress("reading", 0, total)
    with entry.open() as stream:
        lines = iter(lambda: stream.readline(LINE_MAX), b"")
        yield from _lines(lines, entry.path, None, "ns")
    yield Progress("reading", total, total)


def _receive(delivery: Delivery, options: Options) -> Iterator[Item]:
    return rows_of(delivery.body, delivery.at, delivery.query.get("precision", "ns"))


CONNECTOR = Connector(
    name="influx",
    title="InfluxDB line protocol",
    docs="https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/",
    emits=None,
    recognise=recognise,
    parse=parse,
    receive=Receive(read=_receive, reply=Reply(status=204, body=b"")),
)
